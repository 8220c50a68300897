//! [`Event`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::futex::{self, Slept};
use super::segment::Segment;
use crate::executor::deadline;

/// A flag that processes can wait for, as Python's `multiprocessing.Event`. It works between
/// threads as well.
///
/// ```
/// # use threadbook::prelude::*;
/// let ready = Event::new();
/// let captured = ready.clone();
/// let p = Process::new(move || captured.set());
/// p.start();
/// ready.wait();
/// assert!(ready.is_set());
/// # p.join();
/// ```
#[derive(Clone)]
pub struct Event(Arc<Segment>);

impl Event {
    /// A flag that is not set.
    pub fn new() -> Event {
        Event(Arc::new(Segment::make(size_of::<AtomicU32>())))
    }

    fn flag(&self) -> &AtomicU32 {
        self.0.at(0)
    }

    /// Sets the flag: all that wait go on.
    pub fn set(&self) {
        if self.flag().swap(1, Ordering::Release) == 0 {
            futex::wake(self.flag(), u32::MAX);
        }
    }

    /// Takes the flag back.
    pub fn clear(&self) {
        self.flag().store(0, Ordering::Release);
    }

    /// Whether the flag is set.
    pub fn is_set(&self) -> bool {
        self.flag().load(Ordering::Acquire) != 0
    }

    /// Waits until the flag is set.
    ///
    /// In a notebook an interrupt ends the wait.
    #[track_caller]
    pub fn wait(&self) {
        self.wait_until(None);
    }

    /// Waits until the flag is set, for `seconds` at most. Returns whether it is.
    #[track_caller]
    pub fn wait_timeout(&self, seconds: f64) -> bool {
        self.wait_until(Some(seconds))
    }

    #[track_caller]
    fn wait_until(&self, seconds: Option<f64>) -> bool {
        let deadline = deadline(seconds);
        while !self.is_set() {
            // Who is woken saw it set, though it may be cleared by now.
            match futex::sleep(self.flag(), 0, deadline) {
                Slept::TimedOut => return self.is_set(),
                Slept::Woken | Slept::Slice => {}
            }
        }
        true
    }
}

impl Default for Event {
    fn default() -> Event {
        Event::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_set() { "Event(set)" } else { "Event(not set)" })
    }
}
