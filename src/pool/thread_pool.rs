//! The pool itself.

use std::fmt;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::chunks::{self, ChunkSize};
use super::results::Results;
use super::workers::{OwnWorkers, Pool, Spawn, Workers};
use crate::executor::core::{Work, work};
use crate::executor::{CallWith, Future, Handle, TaskError};

const USUAL: ChunkSize = ChunkSize::PerWorker(chunks::FEW);

/// A fixed number of threads to spread a function over many items with (Python's
/// `multiprocessing.pool.ThreadPool` and `multiprocessing.dummy.Pool`).
///
/// Items go to the threads in chunks: about four for each thread, or as many items as
/// [`chunk_size`](ThreadPool::chunk_size) says. Threads are started as they are needed.
/// A drop of the pool waits for all tasks. (Python's `with` ends the pool without waiting.)
///
/// Functions may use the pool that they run in, even if it has one thread only: see
/// [`ThreadPoolExecutor`](crate::executor::ThreadPoolExecutor).
///
/// ```
/// # use threadbook::prelude::*;
/// let pool = ThreadPool::new(2);
/// assert_eq!(pool.map(|x: u64| x * x, 1..=4), Ok(vec![1, 4, 9, 16]));
/// assert_eq!(pool.starmap(u64::pow, [(2, 3), (3, 2)]), Ok(vec![8, 9]));
/// ```
pub struct ThreadPool {
    workers: OwnWorkers,
}

/// As many threads as there are cores.
impl Default for ThreadPool {
    fn default() -> ThreadPool {
        ThreadPool::new(thread::available_parallelism().map_or(1, NonZero::get))
    }
}

impl ThreadPool {
    /// A pool with so many threads.
    ///
    /// # Panics
    /// If `workers` is 0.
    #[track_caller]
    pub fn new(workers: usize) -> ThreadPool {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let name = format!("ThreadPool-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        ThreadPool { workers: OwnWorkers::own(Workers::new(workers, &name)) }
    }

    /// So many functions can run at once.
    pub fn workers(&self) -> usize {
        self.workers.workers()
    }

    /// The pool for calls with chunks of so many items (Python's argument `chunksize`).
    /// Large chunks cost less for short functions, small ones spread long functions evenly.
    ///
    /// ```
    /// # use threadbook::prelude::*;
    /// let pool = ThreadPool::new(2);
    /// assert_eq!(pool.chunk_size(100).map(|x: u64| x + 1, 0..1000).unwrap().len(), 1000);
    /// ```
    ///
    /// # Panics
    /// If `items` is 0.
    #[track_caller]
    pub fn chunk_size(&self, items: usize) -> Chunked<'_> {
        assert!(items > 0, "a chunk has at least 1 item");
        Chunked { workers: &self.workers, size: items }
    }

    /// Calls `f` with each item and gives the results in the order of the items.
    ///
    /// Unwinds on an interrupt; then nothing more is begun.
    ///
    /// # Errors
    /// That of the first item in the order that has one. Items after it may not be begun.
    #[track_caller]
    pub fn map<A, T, F, I>(&self, f: F, items: I) -> Result<Vec<T>, TaskError>
    where
        A: Send + 'static,
        T: Send + 'static,
        F: Fn(A) -> T + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        chunks::map(self, USUAL, f, items)
    }

    /// As [`map`](ThreadPool::map), for a function of several arguments and items that are
    /// tuples.
    ///
    /// # Errors
    /// As [`map`](ThreadPool::map).
    #[track_caller]
    pub fn starmap<A, T, F, I>(&self, f: F, items: I) -> Result<Vec<T>, TaskError>
    where
        A: Send + 'static,
        T: Send + 'static,
        F: CallWith<A, Output = T> + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        self.map(move |args| f.call_with(args), items)
    }

    /// As [`map`](ThreadPool::map), but each result can be had as soon as it and those
    /// before it are there. A panic is the error of its item; the others go on.
    ///
    /// All items are taken at once, and each is a task of its own:
    /// [`chunk_size`](ThreadPool::chunk_size) costs less for short functions.
    ///
    /// ```
    /// # use threadbook::prelude::*;
    /// let pool = ThreadPool::new(2);
    /// for (item, result) in (1..=3).zip(pool.imap(|x: u64| x * x, 1..=3)) {
    ///     assert_eq!(result, Ok(item * item));
    /// }
    /// ```
    pub fn imap<A, T, F, I>(&self, f: F, items: I) -> Results<T>
    where
        A: Send + 'static,
        T: Send + 'static,
        F: Fn(A) -> T + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        Results::begin(self, f, items, 1, true)
    }

    /// As [`imap`](ThreadPool::imap), with the results in the order in which they come.
    pub fn imap_unordered<A, T, F, I>(&self, f: F, items: I) -> Results<T>
    where
        A: Send + 'static,
        T: Send + 'static,
        F: Fn(A) -> T + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        Results::begin(self, f, items, 1, false)
    }

    /// Does a task on one of the threads and waits for its result.
    ///
    /// # Errors
    /// How the task ended otherwise.
    #[track_caller]
    pub fn apply<T: Send + 'static>(&self, task: impl FnOnce() -> T + Send + 'static) -> Result<T, TaskError> {
        self.apply_async(task).into_result()
    }

    /// Hands a task in and returns at once.
    pub fn apply_async<T: Send + 'static>(&self, task: impl FnOnce() -> T + Send + 'static) -> Future<T> {
        Future::around(self.hand_in(work(task)))
    }

    /// Takes no more tasks. Calls after it end with [`TaskError::Shutdown`].
    pub fn close(&self) {
        self.workers.close();
    }

    /// Takes no more tasks and cancels those that were not begun. Those that run go on:
    /// a thread cannot be stopped from outside.
    pub fn terminate(&self) {
        self.workers.close();
        self.workers.cancel_queued();
    }

    /// Waits until all tasks are done and the threads have ended.
    ///
    /// Unwinds on an interrupt.
    ///
    /// # Panics
    /// If neither [`close`](ThreadPool::close) nor [`terminate`](ThreadPool::terminate) was
    /// called before, or in a task of this pool: it would wait for ever.
    #[track_caller]
    pub fn join(&self) {
        assert!(self.workers.is_closed(), "the pool still takes tasks: call its close() before join()");
        self.workers.join();
    }

    #[inline(never)]
    fn hand_in(&self, work: Work) -> Handle {
        self.workers.submit(work)
    }
}

impl Pool for ThreadPool {
    #[inline(never)]
    fn spawner(&self) -> &dyn Spawn {
        &*self.workers
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPool").field("workers", &self.workers()).finish()
    }
}

/// A pool for calls with chunks of a certain size: see [`ThreadPool::chunk_size`].
#[derive(Clone, Copy)]
pub struct Chunked<'a> {
    workers: &'a Workers,
    size: usize,
}

impl Chunked<'_> {
    /// See [`ThreadPool::map`].
    ///
    /// # Errors
    /// As there.
    #[track_caller]
    pub fn map<A, T, F, I>(self, f: F, items: I) -> Result<Vec<T>, TaskError>
    where
        A: Send + 'static,
        T: Send + 'static,
        F: Fn(A) -> T + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        chunks::map(self.workers, ChunkSize::Of(self.size), f, items)
    }

    /// See [`ThreadPool::starmap`].
    ///
    /// # Errors
    /// As there.
    #[track_caller]
    pub fn starmap<A, T, F, I>(self, f: F, items: I) -> Result<Vec<T>, TaskError>
    where
        A: Send + 'static,
        T: Send + 'static,
        F: CallWith<A, Output = T> + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        self.map(move |args| f.call_with(args), items)
    }

    /// See [`ThreadPool::imap`].
    pub fn imap<A, T, F, I>(self, f: F, items: I) -> Results<T>
    where
        A: Send + 'static,
        T: Send + 'static,
        F: Fn(A) -> T + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        Results::begin(self.workers, f, items, self.size, true)
    }

    /// See [`ThreadPool::imap_unordered`].
    pub fn imap_unordered<A, T, F, I>(self, f: F, items: I) -> Results<T>
    where
        A: Send + 'static,
        T: Send + 'static,
        F: Fn(A) -> T + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        Results::begin(self.workers, f, items, self.size, false)
    }
}
