//! [`Barrier`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::futex::{self, Slept};
use super::raw_lock::RawLock;
use super::segment::{InSegment, Segment};
use crate::executor::deadline;

/// A place where processes wait until a number of them is there, as Python's
/// `multiprocessing.Barrier`. It works between threads as well, and again and again.
///
/// ```
/// # use threadbook::prelude::*;
/// let barrier = Barrier::new(2);
/// let captured = barrier.clone();
/// let p = Process::new(move || {
///     captured.wait().unwrap();
/// });
/// p.start();
/// assert!(barrier.wait().unwrap() < 2);
/// # p.join();
/// ```
///
/// When one stops waiting (its time is over, it was interrupted), the others would wait in
/// vain: the barrier breaks, and they get an error. That a process was killed is not noticed:
/// use a time limit where that can be. (One that is killed while it waits counts as there.)
#[derive(Clone)]
pub struct Barrier {
    segment: Arc<Segment>,
    parties: u32,
}

#[repr(C)]
struct Header {
    lock: RawLock,
    /// Changes when all have come, and when it breaks.
    round: AtomicU32,
    waiting: AtomicU32,
    broken: AtomicU32,
    /// The round that follows the one which broke last.
    after_break: AtomicU32,
}

// SAFETY: it has nothing but atomics.
unsafe impl InSegment for Header {}

/// Somebody has stopped waiting at a barrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BarrierBroken;

impl fmt::Display for BarrierBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the barrier is broken: somebody has stopped waiting at it. Call reset(), or make a new one")
    }
}

impl std::error::Error for BarrierBroken {}

impl Barrier {
    /// A barrier for so many parties.
    ///
    /// # Panics
    /// When there are none.
    #[track_caller]
    pub fn new(parties: u32) -> Barrier {
        assert!(parties > 0, "a barrier needs one party at least");
        Barrier { segment: Arc::new(Segment::make(size_of::<Header>())), parties }
    }

    fn header(&self) -> &Header {
        self.segment.at(0)
    }

    /// Waits until all are there. Gives how many came after: 0 for the last one.
    ///
    /// In a notebook an interrupt ends the wait, and breaks the barrier.
    ///
    /// # Errors
    /// When the barrier is broken or breaks.
    #[track_caller]
    pub fn wait(&self) -> Result<u32, BarrierBroken> {
        self.wait_until(None)
    }

    /// Waits until all are there, for `seconds` at most; then the barrier breaks.
    ///
    /// # Errors
    /// When the barrier is broken or breaks.
    #[track_caller]
    pub fn wait_timeout(&self, seconds: f64) -> Result<u32, BarrierBroken> {
        self.wait_until(Some(seconds))
    }

    #[track_caller]
    fn wait_until(&self, seconds: Option<f64>) -> Result<u32, BarrierBroken> {
        /// Breaks the barrier unless the wait has come to its end.
        struct Left<'a>(Option<&'a Barrier>);
        impl Drop for Left<'_> {
            fn drop(&mut self) {
                if let Some(barrier) = self.0 {
                    barrier.abort();
                }
            }
        }

        let deadline = deadline(seconds);
        let header = self.header();
        let (round, place) = {
            let _held = header.lock.lock();
            if self.is_broken() {
                return Err(BarrierBroken);
            }
            let place = header.waiting.load(Ordering::Relaxed) + 1;
            if place == self.parties {
                header.waiting.store(0, Ordering::Relaxed);
                header.round.fetch_add(1, Ordering::Release);
                futex::wake(&header.round, u32::MAX);
                return Ok(0);
            }
            header.waiting.store(place, Ordering::Relaxed);
            (header.round.load(Ordering::Relaxed), place)
        };
        let mut left = Left(Some(self));
        while header.round.load(Ordering::Acquire) == round {
            if futex::sleep(&header.round, round, deadline) == Slept::TimedOut
                && header.round.load(Ordering::Acquire) == round
            {
                return Err(BarrierBroken);
            }
        }
        left.0 = None;
        if header.after_break.load(Ordering::Acquire) == round.wrapping_add(1) {
            return Err(BarrierBroken);
        }
        Ok(self.parties - place)
    }

    /// Breaks the barrier: all that wait, and all that come, get an error.
    pub fn abort(&self) {
        let header = self.header();
        let _held = header.lock.lock();
        header.broken.store(1, Ordering::Release);
        header.waiting.store(0, Ordering::Relaxed);
        let next = header.round.load(Ordering::Relaxed).wrapping_add(1);
        header.after_break.store(next, Ordering::Release);
        header.round.store(next, Ordering::Release);
        futex::wake(&header.round, u32::MAX);
    }

    /// Makes the barrier as it was at first. Those that wait get an error.
    pub fn reset(&self) {
        if self.waiting() > 0 {
            self.abort();
        }
        let _held = self.header().lock.lock();
        self.header().broken.store(0, Ordering::Release);
    }

    /// Whether somebody has stopped waiting.
    pub fn is_broken(&self) -> bool {
        self.header().broken.load(Ordering::Acquire) != 0
    }

    /// How many wait now.
    pub fn waiting(&self) -> u32 {
        self.header().waiting.load(Ordering::Acquire)
    }

    /// How many are waited for.
    pub fn parties(&self) -> u32 {
        self.parties
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Barrier({} of {} wait{})",
            self.waiting(),
            self.parties,
            if self.is_broken() { ", broken" } else { "" }
        )
    }
}
