//! The pool itself.

use std::fmt;
use std::num::NonZero;
use std::thread;

use serde::de::DeserializeOwned;

use super::iter::{Imap, ImapUnordered, collect};
use super::tasks::{OwnTasks, Tasks, task_bytes};
use super::work::{Out, Reading, SharedWork};
use crate::executor::core::{Outcome, Value};
use crate::executor::{CallWith, Future, TaskError};
use crate::shared::{Transfer, codec, encoding_text};

/// A number of processes to spread a function over many items with, as Python's
/// `multiprocessing.Pool`.
///
/// ```
/// # use threadbook::prelude::*;
/// let pool = ProcessPool::new(2);
/// assert_eq!(pool.map(|x: u64| x * x, 1..=4), Ok(vec![1, 4, 9, 16]));
/// assert_eq!(pool.starmap(u64::pow, [(2, 3), (3, 2)]), Ok(vec![8, 9]));
/// ```
///
/// The workers are forked when a map begins: so the function may be any closure, and neither
/// it nor the items have to travel. Results do (serde and postcard; numbers
/// as they lie in memory). What the function changes in captured values and statics, it
/// changes in the worker's copy, which ends with the map. (Python's workers live as long as
/// the pool.) Their names are "ForkPoolWorker-1" and so on.
///
/// Items go to the workers in chunks, sixteen or more for each worker or of the
/// [size](ProcessPool::chunk_size) asked for; who is done takes the next one.
///
/// A panic comes back as an error. A worker that dies takes its chunk with it, which comes
/// back as [`TaskError::Crashed`]; another one takes its place.
///
/// A drop of the pool ends its workers, as Python's `with` does.
pub struct ProcessPool {
    tasks: OwnTasks,
}

/// As many processes as there are cores.
impl Default for ProcessPool {
    fn default() -> ProcessPool {
        ProcessPool::new(thread::available_parallelism().map_or(1, NonZero::get))
    }
}

impl ProcessPool {
    /// A pool of so many processes. None is started yet.
    ///
    /// # Panics
    /// If `workers` is 0.
    #[track_caller]
    pub fn new(workers: usize) -> ProcessPool {
        assert!(workers > 0, "a pool needs at least 1 worker");
        ProcessPool { tasks: Tasks::of_workers(workers) }
    }

    /// So many functions can run at once.
    pub fn workers(&self) -> usize {
        self.tasks.workers()
    }

    /// The pool for calls with chunks of so many items (Python's argument `chunksize`).
    /// Large chunks cost less for short functions, small ones spread long functions evenly.
    ///
    /// ```
    /// # use threadbook::prelude::*;
    /// let pool = ProcessPool::new(2);
    /// assert_eq!(pool.chunk_size(100).map(|x: u64| x + 1, 0..1000).unwrap().len(), 1000);
    /// ```
    ///
    /// # Panics
    /// If `items` is 0.
    #[track_caller]
    pub fn chunk_size(&self, items: usize) -> ProcessChunked<'_> {
        assert!(items > 0, "a chunk has at least 1 item");
        ProcessChunked { pool: self, size: items }
    }

    /// Calls `f` with each item and gives the results in the order of the items.
    ///
    /// In a notebook an interrupt ends the wait and the workers.
    ///
    /// # Errors
    /// That of the first item in the order that has one. Items after it may not be begun.
    #[track_caller]
    pub fn map<A, T, F, I>(&self, f: F, items: I) -> Result<Vec<T>, TaskError>
    where
        A: Send + 'static,
        T: Transfer,
        F: Fn(A) -> T + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        map(&self.tasks, f, items, 0)
    }

    /// As [`map`](ProcessPool::map), for a function of several arguments and items that are
    /// tuples.
    ///
    /// # Errors
    /// As [`map`](ProcessPool::map).
    #[track_caller]
    pub fn starmap<A, T, F, I>(&self, f: F, items: I) -> Result<Vec<T>, TaskError>
    where
        A: Send + 'static,
        T: Transfer,
        F: CallWith<A, Output = T> + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        self.map(move |args| f.call_with(args), items)
    }

    /// As [`map`](ProcessPool::map), but the results come one by one, each as soon as it is
    /// there and its turn has come. Workers wait when nobody takes what they have made.
    ///
    /// Chunks have one item, as in Python, unless [`chunk_size`](ProcessPool::chunk_size)
    /// says otherwise.
    ///
    /// ```
    /// # use threadbook::prelude::*;
    /// let pool = ProcessPool::new(2);
    /// for square in pool.imap(|x: u64| x * x, 1..=3) {
    ///     println!("{}", square.unwrap());
    /// }
    /// ```
    pub fn imap<A, T, F, I>(&self, f: F, items: I) -> Imap<T>
    where
        A: Send + 'static,
        T: Transfer,
        F: Fn(A) -> T + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        Imap::new(&self.tasks, SharedWork::new(f, items), 1)
    }

    /// As [`imap`](ProcessPool::imap), in the order in which the results come.
    pub fn imap_unordered<A, T, F, I>(&self, f: F, items: I) -> ImapUnordered<T>
    where
        A: Send + 'static,
        T: Transfer,
        F: Fn(A) -> T + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        ImapUnordered::new(&self.tasks, SharedWork::new(f, items), 1)
    }

    /// Does one task in a process of its own and waits for its result.
    ///
    /// # Errors
    /// How the task ended otherwise.
    #[track_caller]
    pub fn apply<T>(&self, task: impl FnOnce() -> T + Send + 'static) -> Result<T, TaskError>
    where
        T: Transfer + Send + 'static,
    {
        self.apply_async(task).into_result()
    }

    /// Hands a task in and returns at once. It gets a process of its own, as a copy of this
    /// one when it begins, as soon as fewer than [`workers`](ProcessPool::workers) are at work.
    pub fn apply_async<T>(&self, task: impl FnOnce() -> T + Send + 'static) -> Future<T>
    where
        T: Transfer + Send + 'static,
    {
        submit(&self.tasks, task)
    }

    /// Takes no more tasks. Calls after it end with [`TaskError::Shutdown`].
    pub fn close(&self) {
        self.tasks.close();
    }

    /// Takes no more tasks, cancels those that were not begun and kills those that run.
    pub fn terminate(&self) {
        self.tasks.terminate();
    }

    /// Waits until all tasks are done.
    ///
    /// In a notebook an interrupt ends the wait.
    ///
    /// # Panics
    /// If neither [`close`](ProcessPool::close) nor [`terminate`](ProcessPool::terminate) was
    /// called before.
    #[track_caller]
    pub fn join(&self) {
        assert!(self.tasks.is_closed(), "the pool still takes tasks: call its close() before join()");
        self.tasks.join();
    }
}

/// A map, in chunks of so many items.
#[track_caller]
pub(super) fn map<A, T, F, I>(tasks: &Tasks, f: F, items: I, chunk: usize) -> Result<Vec<T>, TaskError>
where
    A: Send + 'static,
    T: Transfer,
    F: Fn(A) -> T + Send + Sync + 'static,
    I: IntoIterator<Item = A>,
{
    let work = SharedWork::new(f, items);
    // SAFETY: the work's results are of the type that is read.
    match unsafe { collect(tasks, work, chunk, &Reading::of::<T>()) } {
        // SAFETY: so the values are, too.
        Ok(results) => Ok(unsafe { results.into_vec() }),
        Err(error) => Err(error),
    }
}

/// Hands a task in.
pub(super) fn submit<T>(tasks: &Tasks, task: impl FnOnce() -> T + Send + 'static) -> Future<T>
where
    T: Transfer + Send + 'static,
{
    Future::around(tasks.submit(Box::new(move |out: &mut Out| out.write(&task())), open::<T>))
}

fn open<T: DeserializeOwned + Send + 'static>(value: Value) -> Outcome {
    let bytes = task_bytes(value)?;
    match codec::read::<T>(&mut bytes.as_slice()) {
        Ok(value) => Ok(Box::new(value)),
        Err(error) => Err(TaskError::NotSendable(encoding_text(&error))),
    }
}

impl fmt::Debug for ProcessPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessPool").field("workers", &self.workers()).finish()
    }
}

impl Drop for ProcessPool {
    fn drop(&mut self) {
        self.tasks.terminate();
    }
}

/// A pool for calls with chunks of a certain size: see [`ProcessPool::chunk_size`].
#[derive(Debug)]
pub struct ProcessChunked<'a> {
    pool: &'a ProcessPool,
    size: usize,
}

impl ProcessChunked<'_> {
    /// See [`ProcessPool::map`].
    ///
    /// # Errors
    /// As there.
    #[track_caller]
    pub fn map<A, T, F, I>(self, f: F, items: I) -> Result<Vec<T>, TaskError>
    where
        A: Send + 'static,
        T: Transfer,
        F: Fn(A) -> T + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        map(&self.pool.tasks, f, items, self.size)
    }

    /// See [`ProcessPool::starmap`].
    ///
    /// # Errors
    /// As there.
    #[track_caller]
    pub fn starmap<A, T, F, I>(self, f: F, items: I) -> Result<Vec<T>, TaskError>
    where
        A: Send + 'static,
        T: Transfer,
        F: CallWith<A, Output = T> + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        self.map(move |args| f.call_with(args), items)
    }

    /// See [`ProcessPool::imap`].
    pub fn imap<A, T, F, I>(self, f: F, items: I) -> Imap<T>
    where
        A: Send + 'static,
        T: Transfer,
        F: Fn(A) -> T + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        Imap::new(&self.pool.tasks, SharedWork::new(f, items), self.size)
    }

    /// See [`ProcessPool::imap_unordered`].
    pub fn imap_unordered<A, T, F, I>(self, f: F, items: I) -> ImapUnordered<T>
    where
        A: Send + 'static,
        T: Transfer,
        F: Fn(A) -> T + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        ImapUnordered::new(&self.pool.tasks, SharedWork::new(f, items), self.size)
    }
}
