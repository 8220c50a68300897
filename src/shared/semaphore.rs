//! [`Semaphore`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::futex::{self, Slept};
use super::segment::Segment;
use crate::executor::deadline;

/// Lets a number of processes in at once, as Python's `multiprocessing.Semaphore`. It works
/// between threads as well.
///
/// ```
/// # use threadbook::prelude::*;
/// let seats = Semaphore::new(2);
/// let first = seats.enter();
/// let second = seats.enter();
/// assert!(seats.enter_timeout(0.0).is_none());
/// drop(first);
/// assert!(seats.enter_timeout(0.0).is_some());
/// ```
///
/// A process that is killed while it is inside does not come out: its place stays taken.
#[derive(Clone)]
pub struct Semaphore(Arc<Segment>);

/// One is inside until this is dropped.
#[must_use = "the place is given back at once if this is not kept in a variable: `let _inside = semaphore.enter();`"]
pub struct SemaphoreGuard<'a>(&'a Semaphore);

impl Semaphore {
    /// Room for `places`; with 0, until somebody [releases](Semaphore::release) one.
    pub fn new(places: u32) -> Semaphore {
        let semaphore = Semaphore(Arc::new(Segment::make(2 * size_of::<AtomicU32>())));
        semaphore.places().store(places, Ordering::Release);
        semaphore
    }

    fn places(&self) -> &AtomicU32 {
        self.0.at(0)
    }

    /// Who sleeps; too many when one has died.
    fn sleepers(&self) -> &AtomicU32 {
        self.0.at(size_of::<AtomicU32>())
    }

    /// Waits for a place and takes it. It is given back when the guard is dropped.
    ///
    /// In a notebook an interrupt ends the wait.
    #[track_caller]
    pub fn enter(&self) -> SemaphoreGuard<'_> {
        self.acquire();
        SemaphoreGuard(self)
    }

    /// As [`enter`](Semaphore::enter), waiting for `seconds` at most; `None` when that is over.
    #[track_caller]
    pub fn enter_timeout(&self, seconds: f64) -> Option<SemaphoreGuard<'_>> {
        self.acquire_timeout(seconds).then_some(SemaphoreGuard(self))
    }

    /// Waits for a place and takes it, until anybody [releases](Semaphore::release) one.
    ///
    /// In a notebook an interrupt ends the wait.
    #[track_caller]
    pub fn acquire(&self) {
        self.acquire_until(None);
    }

    /// As [`acquire`](Semaphore::acquire), waiting for `seconds` at most. Returns whether a
    /// place was taken.
    #[track_caller]
    pub fn acquire_timeout(&self, seconds: f64) -> bool {
        self.acquire_until(Some(seconds))
    }

    #[track_caller]
    fn acquire_until(&self, seconds: Option<f64>) -> bool {
        /// Nobody sleeps any more, however the sleep ended.
        struct Awake<'a>(&'a AtomicU32);
        impl Drop for Awake<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }

        let deadline = deadline(seconds);
        let take = || {
            let less = |places: u32| places.checked_sub(1);
            self.places().fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok()
        };
        loop {
            if take() {
                return true;
            }
            self.sleepers().fetch_add(1, Ordering::SeqCst);
            let _awake = Awake(self.sleepers());
            if futex::sleep(self.places(), 0, deadline) == Slept::TimedOut {
                return take();
            }
        }
    }

    /// Gives a place back, or one more.
    ///
    /// # Panics
    /// When there are more places than can be counted.
    #[track_caller]
    pub fn release(&self) {
        let more = |places: u32| places.checked_add(1);
        let added = self.places().fetch_update(Ordering::SeqCst, Ordering::SeqCst, more);
        assert!(added.is_ok(), "a semaphore has {} places at most", u32::MAX);
        if self.sleepers().load(Ordering::SeqCst) > 0 {
            futex::wake(self.places(), 1);
        }
    }

    /// Free places now.
    pub fn value(&self) -> u32 {
        self.places().load(Ordering::Acquire)
    }
}

impl Drop for SemaphoreGuard<'_> {
    fn drop(&mut self) {
        self.0.release();
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Semaphore({} free)", self.value())
    }
}
