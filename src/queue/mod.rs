//! A queue between threads that knows when all its items are done.
//!
//! [`core`] holds the items, whatever their type, and counts; [`taken`] remembers what a
//! thread has taken and not declared done, for the case that it never will.

mod core;
pub(crate) mod taken;
#[cfg(test)]
mod tests;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use self::core::{Core, Refused};
use crate::__rt::boxed::{boxed, unboxed};
use crate::__rt::owned::owner;
use crate::executor::deadline;

/// A queue between threads (Python's `queue.Queue`): first in, first out, for any number
/// of threads on both sides. Clones are the same queue.
///
/// ```
/// # use threadbook::prelude::*;
/// let queue = Queue::new();
/// let jobs = queue.clone();
/// let worker = Thread::spawn(move || {
///     while let Some(job) = jobs.get() {
///         println!("{job} done");
///         jobs.task_done();
///     }
/// });
/// queue.put("one");
/// queue.put("two");
/// queue.join();
/// queue.close();
/// worker.join();
/// ```
///
/// # When a worker fails
/// In Python a worker that ends between `get` and `task_done` makes `join` wait for ever.
/// Here the queue knows which thread has an item: when a panic ends the task or the thread
/// that took it, or the thread ends in any other way, the item counts as done.
pub struct Queue<T> {
    core: Owner,
    items: PhantomData<fn(T) -> T>,
}

owner! {
    /// What a queue is inside, whatever its type.
    Owner of Arc<Core>
}

/// Why an item was not put; with the item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutError<T> {
    /// There is no room, or was none within the time limit.
    Full(T),
    /// The queue was closed.
    Closed(T),
}

/// Why there is no item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GetError {
    /// There is none, or none came within the time limit.
    Empty,
    /// There is none, and the queue was closed: none will come.
    Closed,
}

impl<T> fmt::Display for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PutError::Full(_) => "the queue is full: get something from it first, or put with more time",
            PutError::Closed(_) => core::CLOSED,
        })
    }
}

impl<T: fmt::Debug> std::error::Error for PutError<T> {}

impl fmt::Display for GetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            GetError::Empty => "the queue is empty",
            GetError::Closed => "the queue is closed, and no item is left",
        })
    }
}

impl std::error::Error for GetError {}

impl<T: Send + 'static> Queue<T> {
    /// An empty queue without a bound.
    pub fn new() -> Queue<T> {
        Queue { core: Owner::own(Core::new(None)), items: PhantomData }
    }

    /// An empty queue for `most` items (Python's `maxsize`): a put waits for room.
    ///
    /// # Panics
    /// When `most` is 0: nothing could be put. (In Python 0 is no bound.)
    #[track_caller]
    pub fn bounded(most: usize) -> Queue<T> {
        assert!(most > 0, "a queue for 0 items takes none: give it room for one at least, or use Queue::new");
        Queue { core: Owner::own(Core::new(Some(most))), items: PhantomData }
    }

    /// Puts an item in. Waits for room if the queue is bounded.
    ///
    /// Unwinds on an interrupt, as all that waits does.
    ///
    /// # Panics
    /// When the queue was closed.
    #[track_caller]
    pub fn put(&self, item: T) {
        self.core.put_in(boxed(item));
    }

    /// As [`put`](Queue::put), waiting for `seconds` at most.
    ///
    /// # Errors
    /// When there was no room, or the queue was closed; with the item.
    #[track_caller]
    pub fn put_timeout(&self, item: T, seconds: f64) -> Result<(), PutError<T>> {
        match self.core.put(boxed(item), deadline(Some(seconds))) {
            Ok(()) => Ok(()),
            Err((item, Refused::TimedOut)) => Err(PutError::Full(unboxed(item))),
            Err((item, Refused::Closed)) => Err(PutError::Closed(unboxed(item))),
        }
    }

    /// Puts an item in if there is room now (Python's `put_nowait`).
    ///
    /// # Errors
    /// As [`put_timeout`](Queue::put_timeout).
    pub fn try_put(&self, item: T) -> Result<(), PutError<T>> {
        self.put_timeout(item, 0.0)
    }

    /// Waits for an item and takes it; `None` when the queue was closed and is empty.
    #[track_caller]
    pub fn get(&self) -> Option<T> {
        match self.core.get(None) {
            Ok(item) => Some(unboxed(item)),
            Err(_) => None,
        }
    }

    /// As [`get`](Queue::get), waiting for `seconds` at most.
    ///
    /// # Errors
    /// When there was no item.
    #[track_caller]
    pub fn get_timeout(&self, seconds: f64) -> Result<T, GetError> {
        match self.core.get(deadline(Some(seconds))) {
            Ok(item) => Ok(unboxed(item)),
            Err(Refused::TimedOut) => Err(GetError::Empty),
            Err(Refused::Closed) => Err(GetError::Closed),
        }
    }

    /// Takes an item if there is one now (Python's `get_nowait`).
    ///
    /// # Errors
    /// As [`get_timeout`](Queue::get_timeout).
    pub fn try_get(&self) -> Result<T, GetError> {
        self.get_timeout(0.0)
    }
}

impl<T> Queue<T> {
    /// Declares an item done that was taken: for [`join`](Queue::join), which counts.
    ///
    /// # Panics
    /// When no item is left that was put and is not done.
    #[track_caller]
    pub fn task_done(&self) {
        assert!(self.core.done(), "task_done() was called more often than items were put");
    }

    /// Waits until all items that were put are done. It does not close the queue.
    #[track_caller]
    pub fn join(&self) {
        self.core.join(None);
    }

    /// As [`join`](Queue::join), for `seconds` at most; says whether all are done.
    #[track_caller]
    pub fn join_timeout(&self, seconds: f64) -> bool {
        self.core.join(deadline(Some(seconds)))
    }

    /// How many items are in the queue now (Python's `qsize`). Other threads may change
    /// that at any moment.
    pub fn len(&self) -> usize {
        self.core.len()
    }

    /// Whether there is no item now (Python's `empty`).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is no room now (Python's `full`).
    pub fn is_full(&self) -> bool {
        self.maxsize().is_some_and(|most| self.len() >= most)
    }

    /// The bound, if it has one.
    pub fn maxsize(&self) -> Option<usize> {
        self.core.most()
    }

    /// No more items: what is in the queue can still be taken, then every
    /// [`get`](Queue::get) gives `None`. (Python's `shutdown`.)
    pub fn close(&self) {
        self.core.close();
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.core.is_closed()
    }
}

impl<T: Send + 'static> Default for Queue<T> {
    fn default() -> Queue<T> {
        Queue::new()
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Queue<T> {
        Queue { core: Owner::own(Arc::clone(&self.core)), items: PhantomData }
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let closed = if self.is_closed() { ", closed" } else { "" };
        write!(f, "<Queue: {} items{closed}>", self.len())
    }
}
