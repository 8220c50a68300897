//! [`ProcessLock`].

use std::fmt;
use std::sync::Arc;

use super::raw_lock::{RawGuard, RawLock};
use super::segment::Segment;
use crate::executor::deadline;

/// A lock between processes, as Python's `multiprocessing.Lock`.
///
/// ```
/// # use threadbook::prelude::*;
/// let (balance, lock) = (SharedValue::new(0), ProcessLock::new());
/// let children: Vec<Process> = (0..2)
///     .map(|_| {
///         let (balance, lock) = (balance.clone(), lock.clone());
///         Process::new(move || {
///             for _ in 0..1000 {
///                 let _held = lock.lock();
///                 balance.set(balance.get() + 1);
///             }
///         })
///     })
///     .collect();
/// children.iter().for_each(Process::start);
/// children.iter().for_each(Process::join);
/// assert_eq!(balance.get(), 2000);
/// ```
///
/// Clones are the same lock. It is let go when its guard is dropped, by the thread that has
/// taken it (in Python anybody may release it).
///
/// A process that ends while it holds the lock does not keep it: the next one gets it, and
/// is told that what the lock protects may be half changed.
#[derive(Clone)]
pub struct ProcessLock(Arc<Segment>);

/// The lock is held until this is dropped.
#[must_use = "the lock is let go at once if this is not kept in a variable: `let _held = lock.lock();`"]
pub struct ProcessLockGuard<'a> {
    _held: RawGuard<'a>,
}

/// Who held the lock ended without letting it go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolderDied {
    holder: u32,
}

impl fmt::Display for HolderDied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "process or thread {} ended while it held this lock, so what the lock protects may be half changed: put it \
             right and call clear_poison(), or make a new lock",
            self.holder
        )
    }
}

impl std::error::Error for HolderDied {}

/// The lock, unless its holder has died.
pub(super) fn checked<'a>(lock: &'a RawLock, held: RawGuard<'a>) -> Result<RawGuard<'a>, HolderDied> {
    match lock.dead_holder() {
        None => Ok(held),
        Some(holder) => Err(HolderDied { holder }),
    }
}

/// Takes a lock.
///
/// # Panics
/// When its holder has died.
#[track_caller]
pub(super) fn take(lock: &RawLock) -> RawGuard<'_> {
    match checked(lock, lock.lock()) {
        Ok(held) => held,
        Err(error) => panic!("{error}"),
    }
}

impl ProcessLock {
    /// A lock that nobody holds.
    pub fn new() -> ProcessLock {
        ProcessLock(Arc::new(Segment::make(size_of::<RawLock>())))
    }

    fn raw(&self) -> &RawLock {
        self.0.at(0)
    }

    /// Waits for the lock and takes it.
    ///
    /// In a notebook an interrupt ends the wait.
    ///
    /// # Panics
    /// When a holder has ended without letting it go, and when the calling thread holds it
    /// already.
    #[track_caller]
    pub fn lock(&self) -> ProcessLockGuard<'_> {
        ProcessLockGuard { _held: take(self.raw()) }
    }

    /// As [`lock`](ProcessLock::lock).
    ///
    /// # Errors
    /// When a holder has ended without letting it go.
    ///
    /// # Panics
    /// When the calling thread holds it already.
    #[track_caller]
    pub fn lock_checked(&self) -> Result<ProcessLockGuard<'_>, HolderDied> {
        Ok(ProcessLockGuard { _held: checked(self.raw(), self.raw().lock())? })
    }

    /// As [`lock`](ProcessLock::lock), waiting for `seconds` at most; `None` when that is over.
    ///
    /// # Panics
    /// As [`lock`](ProcessLock::lock).
    #[track_caller]
    pub fn lock_timeout(&self, seconds: f64) -> Option<ProcessLockGuard<'_>> {
        let held = self.raw().lock_until(deadline(Some(seconds)))?;
        match checked(self.raw(), held) {
            Ok(held) => Some(ProcessLockGuard { _held: held }),
            Err(error) => panic!("{error}"),
        }
    }

    /// Takes the lock if nobody holds it.
    ///
    /// # Panics
    /// When a holder has ended without letting it go.
    #[track_caller]
    pub fn try_lock(&self) -> Option<ProcessLockGuard<'_>> {
        match checked(self.raw(), self.raw().try_lock()?) {
            Ok(held) => Some(ProcessLockGuard { _held: held }),
            Err(error) => panic!("{error}"),
        }
    }

    /// Whether a holder has ended without letting it go, and somebody has noticed.
    pub fn is_poisoned(&self) -> bool {
        self.raw().dead_holder().is_some()
    }

    /// What the lock protects is well again: the lock can be taken as before.
    pub fn clear_poison(&self) {
        self.raw().forgive();
    }
}

impl Default for ProcessLock {
    fn default() -> ProcessLock {
        ProcessLock::new()
    }
}

impl fmt::Debug for ProcessLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_poisoned() { "ProcessLock(poisoned)" } else { "ProcessLock" })
    }
}
