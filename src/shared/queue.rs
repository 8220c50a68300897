//! [`ProcessQueue`].

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::codec;
use super::ring::{Refused, Ring};
use super::transfer::Transfer;
use crate::executor::deadline;

/// A queue between processes, as Python's `multiprocessing.Queue`: first in, first out, for
/// any number of processes and threads on both sides.
///
/// ```
/// # use threadbook::prelude::*;
/// let queue = ProcessQueue::new();
/// let captured = queue.clone();
/// let p = Process::new(move || {
///     for n in 1..=3u32 {
///         captured.put(n * n);
///     }
/// });
/// p.start();
/// p.join();
/// assert_eq!([queue.get(), queue.get(), queue.get()], [Some(1), Some(4), Some(9)]);
/// ```
///
/// Clones are the same queue. Items travel as bytes (serde and postcard): the reader gets a
/// copy.
///
/// What was put is in the queue when `put` returns, and stays there if the process ends. So
/// unlike in Python a process that has put something can be joined before anybody has read
/// it, [`is_empty`](ProcessQueue::is_empty) and [`len`](ProcessQueue::len) are exact, and the
/// order among processes is that of their puts. Without a [bound](ProcessQueue::bounded) a
/// put does not wait for readers; the items take memory until they are read.
///
/// A process that is killed at any moment does no harm to the queue for the others. An item
/// that it had just taken out is lost.
pub struct ProcessQueue<T> {
    ring: Arc<Ring>,
    _type: PhantomData<fn(T) -> T>,
}

/// Why there is no item, or why one was not put.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessQueueError {
    /// The time limit has passed; without one, there was no item, or no room, at this moment.
    TimedOut,
    /// The queue was closed, and is empty.
    Closed,
    /// The item cannot be sent to another process; with why.
    NotSendable(String),
}

impl fmt::Display for ProcessQueueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProcessQueueError::TimedOut => f.write_str("nothing came, or no room, within the time limit"),
            ProcessQueueError::Closed => f.write_str("the queue is closed: nothing can be put, and no item is left"),
            ProcessQueueError::NotSendable(why) => write!(f, "this cannot be sent to another process: {why}"),
        }
    }
}

impl std::error::Error for ProcessQueueError {}

impl From<Refused> for ProcessQueueError {
    fn from(refused: Refused) -> ProcessQueueError {
        match refused {
            Refused::Closed => ProcessQueueError::Closed,
            Refused::TimedOut => ProcessQueueError::TimedOut,
            Refused::TooLarge => ProcessQueueError::NotSendable("it is larger than the queue".to_owned()),
        }
    }
}

fn not_sendable(error: &postcard::Error) -> ProcessQueueError {
    ProcessQueueError::NotSendable(super::encoding_text(error))
}

impl<T: Transfer> ProcessQueue<T> {
    /// An empty queue without a bound.
    ///
    /// # Panics
    /// When the system has no memory for it.
    #[track_caller]
    pub fn new() -> ProcessQueue<T> {
        ProcessQueue { ring: Arc::new(Ring::new(u64::MAX)), _type: PhantomData }
    }

    /// An empty queue for `most` items (Python's `maxsize`): a put waits for room.
    ///
    /// # Panics
    /// When `most` is 0: nothing could be put. When the system has no memory for it.
    #[track_caller]
    pub fn bounded(most: usize) -> ProcessQueue<T> {
        assert!(most > 0, "a queue for 0 items takes none: give it room for one at least, or use ProcessQueue::new");
        ProcessQueue { ring: Arc::new(Ring::new(most as u64)), _type: PhantomData }
    }

    /// Puts an item in. Waits for room if the queue is bounded.
    ///
    /// In a notebook an interrupt ends the wait.
    ///
    /// # Panics
    /// When the queue was closed, and when the item cannot be sent (it has a type that only
    /// describes itself, such as `serde_json::Value`).
    #[track_caller]
    pub fn put(&self, item: T) {
        if let Err(error) = self.put_bytes(&item, None) {
            panic!("{error}");
        }
    }

    /// Puts an item in, waiting for room for `seconds` at most.
    ///
    /// # Errors
    /// When there was no room, the queue was closed or the item cannot be sent.
    #[track_caller]
    pub fn put_timeout(&self, item: T, seconds: f64) -> Result<(), ProcessQueueError> {
        self.put_bytes(&item, Some(seconds))
    }

    /// Puts an item in if there is room now (Python's `put_nowait`).
    ///
    /// # Errors
    /// As [`put_timeout`](ProcessQueue::put_timeout).
    #[track_caller]
    pub fn try_put(&self, item: T) -> Result<(), ProcessQueueError> {
        self.put_bytes(&item, Some(0.0))
    }

    #[track_caller]
    fn put_bytes(&self, item: &T, seconds: Option<f64>) -> Result<(), ProcessQueueError> {
        let bytes = codec::to_bytes(item).map_err(|error| not_sendable(&error))?;
        Ok(self.ring.put(&bytes, deadline(seconds))?)
    }

    /// Waits for the next item. `None` when the queue is closed and no item is left, so that
    /// `while let Some(item) = queue.get()` ends.
    ///
    /// In a notebook an interrupt ends the wait.
    ///
    /// # Panics
    /// When the item cannot be read as a `T`, which serde does not promise for each type.
    #[track_caller]
    pub fn get(&self) -> Option<T> {
        match self.get_bytes(None) {
            Ok(item) => Some(item),
            Err(ProcessQueueError::Closed) => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Waits for the next item for `seconds` at most.
    ///
    /// # Errors
    /// When none came, the queue is closed and empty, or the item cannot be read as a `T`.
    #[track_caller]
    pub fn get_timeout(&self, seconds: f64) -> Result<T, ProcessQueueError> {
        self.get_bytes(Some(seconds))
    }

    /// The next item if there is one now (Python's `get_nowait`).
    ///
    /// # Errors
    /// As [`get_timeout`](ProcessQueue::get_timeout).
    #[track_caller]
    pub fn try_get(&self) -> Result<T, ProcessQueueError> {
        self.get_bytes(Some(0.0))
    }

    #[track_caller]
    fn get_bytes(&self, seconds: Option<f64>) -> Result<T, ProcessQueueError> {
        let bytes = self.ring.get(deadline(seconds))?;
        codec::read(&mut bytes.as_slice()).map_err(|error| not_sendable(&error))
    }
}

impl<T> ProcessQueue<T> {
    /// The number of items now.
    pub fn len(&self) -> usize {
        self.ring.len() as usize
    }

    /// Whether there is no item now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes no more items, in no process. Those that are there can be got; then
    /// [`get`](ProcessQueue::get) says that no more will come.
    #[track_caller]
    pub fn close(&self) {
        self.ring.close();
    }

    /// Whether the queue was closed.
    pub fn is_closed(&self) -> bool {
        self.ring.is_closed()
    }
}

impl<T: Transfer> Default for ProcessQueue<T> {
    fn default() -> ProcessQueue<T> {
        ProcessQueue::new()
    }
}

impl<T> Clone for ProcessQueue<T> {
    fn clone(&self) -> ProcessQueue<T> {
        ProcessQueue { ring: self.ring.clone(), _type: PhantomData }
    }
}

impl<T> fmt::Debug for ProcessQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let closed = if self.is_closed() { ", closed" } else { "" };
        write!(f, "ProcessQueue({} items{closed})", self.len())
    }
}
