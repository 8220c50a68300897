//! `.await` at the top level of a cell.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::runtime::{Builder, Runtime};

use super::{host, interrupt};

/// Lives as long as the process: what cells have spawned runs on it.
static RUNTIME: Mutex<Option<&'static Runtime>> = Mutex::new(None);

thread_local! {
    static ENTERED: Cell<bool> = const { Cell::new(false) };
}

/// Makes `tokio::spawn` and the like work on the calling thread from now on.
///
/// # Panics
/// When the system grants no threads for the runtime.
pub fn enter_runtime() -> &'static Runtime {
    let runtime = *RUNTIME
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get_or_insert_with(|| Box::leak(Box::new(new_runtime())));
    if !ENTERED.replace(true) {
        // The guard's drop would leave it again.
        std::mem::forget(runtime.enter());
    }
    runtime
}

fn new_runtime() -> Runtime {
    // Its threads work for whichever cell is the latest, not for the one that came first.
    let threads = Builder::new_multi_thread().enable_all().on_thread_start(host::leave_run).build();
    threads.expect("no threads for the async runtime")
}

/// Makes what tokio keeps as long as the process lives: a pair of sockets, which every
/// runtime watches. Made at the start, they are known to be no cell's, and a copy of the
/// process keeps them.
pub(super) fn prepare() {
    drop(Builder::new_current_thread().enable_all().build());
}

/// In a copy of the process: the runtime's threads do not exist in it, so the next use
/// makes a new one.
pub(super) fn forget_runtime() {
    *RUNTIME.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Runs a future to its end on the notebook's runtime, which lives as long as the
/// notebook: tasks that a cell has spawned go on in the next one.
///
/// Unwinds on an interrupt.
///
/// # Panics
/// As [`enter_runtime`].
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    // A thin shell, since every `.await` of a cell is compiled with it.
    let mut future = pin!(future);
    let mut output = None;
    drive(&mut |context| future.as_mut().poll(context).map(|value| output = Some(value)));
    output.expect("`drive` returns when the future has ended")
}

#[track_caller]
fn drive(poll: &mut dyn FnMut(&mut Context<'_>) -> Poll<()>) {
    let runtime = enter_runtime();
    let mut done = false;
    while !done {
        // Before the check: what is asked after it is heard.
        let asked = interrupt::asked();
        interrupt::check();
        done = runtime.block_on(async {
            tokio::select! {
                biased;
                () = asked => false,
                () = poll_fn(&mut *poll) => true,
            }
        });
    }
}

/// Held while the process forks.
pub(super) fn lock_runtime() -> impl Drop {
    RUNTIME.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #[test]
    fn tasks_survive_from_one_wait_to_the_next() {
        let (sender, receiver) = tokio::sync::oneshot::channel::<i32>();
        #[expect(clippy::async_yields_async, reason = "the task is to be waited for by the next wait")]
        let task = super::block_on(async { tokio::spawn(receiver) });
        sender.send(5).expect("the task waits");
        assert_eq!(super::block_on(task).expect("the task ended"), Ok(5));
    }
}
