//! The executor with threads of its own.

use std::fmt;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::core::{Work, work};
use super::{Executor, Future, Handle, TaskError};
use crate::pool::chunks::{self, ChunkSize};
use crate::pool::workers::{OwnWorkers, Pool, Spawn, Workers};

/// Does tasks on threads of its own, up to a number of them at once (Python's class of
/// that name).
///
/// A thread is started when a task comes and none is free; from then on it serves until
/// the executor is shut down or dropped, which waits for all tasks. Unlike Python's, the
/// threads compute at the same time.
///
/// Tasks may submit tasks to the same executor and wait for their futures, even if it has
/// one thread only: a thread that waits for a task which nobody has begun does it itself.
/// Tasks that wait for each other in other ways (a queue, a lock, an event) need as many
/// threads as wait.
///
/// ```
/// # use threadbook::prelude::*;
/// let executor = ThreadPoolExecutor::new(2);
/// let futures: Vec<_> = (1..=3).map(|x| executor.submit(move || x * x)).collect();
/// let squares: Vec<_> = futures.iter().map(|future| future.result().unwrap()).collect();
/// assert_eq!(squares, [1, 4, 9]);
/// ```
pub struct ThreadPoolExecutor {
    workers: OwnWorkers,
}

/// Python's: more than there are cores, as tasks often wait.
impl Default for ThreadPoolExecutor {
    fn default() -> ThreadPoolExecutor {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        ThreadPoolExecutor::new((cores + 4).min(32))
    }
}

impl ThreadPoolExecutor {
    /// An executor with up to `max_workers` threads.
    ///
    /// # Panics
    /// If `max_workers` is 0.
    #[track_caller]
    pub fn new(max_workers: usize) -> ThreadPoolExecutor {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        ThreadPoolExecutor::named(max_workers, &format!("ThreadPoolExecutor-{number}"))
    }

    /// As [`new`](ThreadPoolExecutor::new), with threads called `name_0`, `name_1` and so
    /// on.
    ///
    /// # Panics
    /// If `max_workers` is 0, or if the name has a NUL character in it.
    #[track_caller]
    pub fn named(max_workers: usize, name: &str) -> ThreadPoolExecutor {
        ThreadPoolExecutor { workers: OwnWorkers::own(Workers::new(max_workers, name)) }
    }

    /// So many tasks can run at once.
    pub fn max_workers(&self) -> usize {
        self.workers.workers()
    }

    /// Takes no more tasks, and waits for those that were submitted.
    ///
    /// Unwinds on an interrupt.
    ///
    /// # Panics
    /// In a task of this executor, which would wait for itself.
    #[track_caller]
    pub fn shutdown(&self) {
        self.workers.close();
        self.workers.join();
    }

    /// Takes no more tasks, cancels those that were not begun, and does not wait for the
    /// others (Python's `shutdown(wait=False, cancel_futures=True)`).
    pub fn cancel_all(&self) {
        self.workers.close();
        self.workers.cancel_queued();
    }

    #[inline(never)]
    fn hand_in(&self, work: Work) -> Handle {
        self.workers.submit(work)
    }
}

impl Pool for ThreadPoolExecutor {
    #[inline(never)]
    fn spawner(&self) -> &dyn Spawn {
        &*self.workers
    }
}

impl fmt::Debug for ThreadPoolExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPoolExecutor").field("max_workers", &self.max_workers()).finish()
    }
}

impl<T: Send + 'static> Executor<T> for ThreadPoolExecutor {
    fn submit<F: FnOnce() -> T + Send + 'static>(&self, task: F) -> Future<T> {
        Future::around(self.hand_in(work(task)))
    }

    fn map<A, F, I>(&self, f: F, items: I) -> Result<Vec<T>, TaskError>
    where
        A: Send + 'static,
        F: Fn(A) -> T + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        chunks::map(self, ChunkSize::PerWorker(chunks::MANY), f, items)
    }

    fn shutdown(&self) {
        ThreadPoolExecutor::shutdown(self);
    }
}
