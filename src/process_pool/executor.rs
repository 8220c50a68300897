//! The executor that does tasks in processes.

use std::fmt;
use std::thread;

use super::pool::{map, submit};
use super::tasks::{OwnTasks, Tasks};
use crate::executor::{Executor, Future, TaskError};
use crate::shared::Transfer;

/// Does each task in a process of its own, so many at once, as Python's
/// `concurrent.futures.ProcessPoolExecutor`.
///
/// ```
/// # use threadbook::prelude::*;
/// let executor = ProcessPoolExecutor::new(2);
/// let future = executor.submit(|| getpid());
/// assert_ne!(future.result(), Ok(getpid()));
/// let squares: Vec<u32> = executor.map(|x: u32| x * x, 1..=3).unwrap();
/// assert_eq!(squares, [1, 4, 9]);
/// ```
///
/// A task's process is forked from this one when the task begins: so it may be any closure,
/// and it has a copy of everything as it is then. Only its result travels (serde and
/// postcard). (Python's workers are forked once, and each task and result travels.) `map`
/// works as [`ProcessPool::map`](super::ProcessPool::map).
///
/// A process that dies fails its task with [`TaskError::Crashed`], and no other. (In Python
/// the executor is broken then.)
pub struct ProcessPoolExecutor {
    tasks: OwnTasks,
}

impl ProcessPoolExecutor {
    /// An executor with so many processes at once.
    ///
    /// # Panics
    /// If `max_workers` is 0.
    #[track_caller]
    pub fn new(max_workers: usize) -> ProcessPoolExecutor {
        assert!(max_workers > 0, "an executor needs at least 1 worker");
        ProcessPoolExecutor { tasks: Tasks::of_workers(max_workers) }
    }

    /// So many tasks can run at once.
    pub fn max_workers(&self) -> usize {
        self.tasks.workers()
    }

    /// Takes no more tasks, and waits for those that were submitted.
    ///
    /// In a notebook an interrupt ends the wait.
    #[track_caller]
    pub fn shutdown(&self) {
        self.tasks.close();
        self.tasks.join();
    }

    /// Takes no more tasks, cancels those that were not begun and kills those that run.
    pub fn terminate(&self) {
        self.tasks.terminate();
    }
}

impl<T: Transfer + Send + 'static> Executor<T> for ProcessPoolExecutor {
    fn submit<F: FnOnce() -> T + Send + 'static>(&self, task: F) -> Future<T> {
        submit(&self.tasks, task)
    }

    #[track_caller]
    fn map<A, F, I>(&self, f: F, items: I) -> Result<Vec<T>, TaskError>
    where
        A: Send + 'static,
        F: Fn(A) -> T + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        if self.tasks.is_closed() {
            return Err(TaskError::Shutdown);
        }
        map(&self.tasks, f, items, 0)
    }

    #[track_caller]
    fn shutdown(&self) {
        ProcessPoolExecutor::shutdown(self);
    }
}

impl fmt::Debug for ProcessPoolExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessPoolExecutor").field("max_workers", &self.max_workers()).finish()
    }
}

impl Drop for ProcessPoolExecutor {
    fn drop(&mut self) {
        if thread::panicking() {
            self.tasks.terminate();
        } else {
            self.shutdown();
        }
    }
}
