//! The executor without threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::core::{Core, Work, work};
use super::{Executor, Future, Handle, TaskError};

/// Does each task at once, on the thread that submits it: to compare the others with, and
/// to find mistakes that have nothing to do with threads.
///
/// A panic comes back as an error, as from the other executors.
///
/// ```
/// # use threadbook::prelude::*;
/// let executor = SequentialExecutor::new();
/// assert_eq!(executor.map(|x: i32| x + 1, [1, 2, 3]), Ok(vec![2, 3, 4]));
/// ```
#[derive(Debug, Default)]
pub struct SequentialExecutor {
    is_shut_down: AtomicBool,
}

impl SequentialExecutor {
    /// An executor without threads.
    pub fn new() -> SequentialExecutor {
        SequentialExecutor::default()
    }

    /// Takes no tasks any more.
    pub fn shutdown(&self) {
        self.is_shut_down.store(true, Ordering::Relaxed);
    }

    fn run(&self, work: Work) -> Handle {
        let core = Core::new(work);
        if self.is_shut_down.load(Ordering::Relaxed) {
            core.finish(Err(TaskError::Shutdown));
        } else if let Some(interrupted) = core.run() {
            // The cell itself was interrupted.
            std::panic::resume_unwind(Box::new(interrupted));
        }
        Handle::of(core, None)
    }
}

impl<T: Send + 'static> Executor<T> for SequentialExecutor {
    fn submit<F: FnOnce() -> T + Send + 'static>(&self, task: F) -> Future<T> {
        Future::around(self.run(work(task)))
    }

    fn map<A, F, I>(&self, f: F, items: I) -> Result<Vec<T>, TaskError>
    where
        A: Send + 'static,
        F: Fn(A) -> T + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        let f = Arc::new(f);
        let task = |item| {
            let f = f.clone();
            self.submit(move || f(item)).into_result()
        };
        // Ends at the first error.
        items.into_iter().map(task).collect()
    }

    fn shutdown(&self) {
        SequentialExecutor::shutdown(self);
    }
}
