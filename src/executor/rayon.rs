//! The executor on rayon's threads.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::core::{Work, work};
use super::{Executor, Future, Handle, TaskError};
use crate::pool::chunks::{self, ChunkSize};
use crate::pool::workers::{OwnWorkers, Pool, Spawn, Workers};

/// Does tasks on a pool of rayon's, with a fixed number of threads of its own, all started
/// at once.
///
/// In a task rayon's own operations (`par_iter`, `join`, `scope`) run on that pool. Tasks
/// may wait for tasks: as in a [`ThreadPoolExecutor`](super::ThreadPoolExecutor), and what
/// waits inside of rayon's operations is helped by rayon's stealing.
///
/// ```
/// # use threadbook::prelude::*;
/// let executor = RayonExecutor::new(2);
/// assert_eq!(executor.map(|x: u64| x * x, 1..=3), Ok(vec![1, 4, 9]));
/// ```
pub struct RayonExecutor {
    workers: OwnWorkers,
}

impl RayonExecutor {
    /// An executor with so many threads.
    ///
    /// # Panics
    /// If `threads` is 0, or if the system grants no threads.
    #[track_caller]
    pub fn new(threads: usize) -> RayonExecutor {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("RayonExecutor-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        RayonExecutor { workers: OwnWorkers::own(Workers::of_rayon(threads, &name)) }
    }

    /// So many tasks can run at once.
    pub fn threads(&self) -> usize {
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

    #[inline(never)]
    fn hand_in(&self, work: Work) -> Handle {
        self.workers.submit(work)
    }
}

impl Pool for RayonExecutor {
    #[inline(never)]
    fn spawner(&self) -> &dyn Spawn {
        &*self.workers
    }
}

impl fmt::Debug for RayonExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RayonExecutor").field("threads", &self.threads()).finish()
    }
}

impl<T: Send + 'static> Executor<T> for RayonExecutor {
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
        RayonExecutor::shutdown(self);
    }
}
