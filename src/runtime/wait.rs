//! `.await` at the top level of a cell.

use std::cell::Cell;
use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::Runtime;

static RUNTIME: OnceLock<Runtime> = OnceLock::new();

thread_local! {
    static ENTERED: Cell<bool> = const { Cell::new(false) };
}

/// Makes `tokio::spawn` and the like work on the calling thread from now on.
///
/// # Panics
/// When the system grants no threads for the runtime.
pub fn enter_runtime() -> &'static Runtime {
    let runtime = RUNTIME.get_or_init(|| Runtime::new().expect("no threads for the async runtime"));
    if !ENTERED.replace(true) {
        // The guard's drop would leave it again.
        std::mem::forget(runtime.enter());
    }
    runtime
}

/// Runs a future to its end on the notebook's runtime, which lives as long as the
/// notebook: tasks that a cell has spawned go on in the next one.
///
/// # Panics
/// As [`enter_runtime`].
pub fn block_on<F: Future>(future: F) -> F::Output {
    enter_runtime().block_on(future)
}

#[cfg(test)]
mod tests {
    #[test]
    fn tasks_survive_from_one_wait_to_the_next() {
        let (sender, receiver) = tokio::sync::oneshot::channel::<i32>();
        let task = super::block_on(async { tokio::spawn(receiver) });
        sender.send(5).expect("the task waits");
        assert_eq!(super::block_on(task).expect("the task ended"), Ok(5));
    }
}
