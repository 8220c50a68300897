//! Sleeping on a word of shared memory until another process changes it.

use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use crate::__rt::{host, interrupt};

/// An interrupt is noticed within this time.
const SLICE_IN_NOTEBOOK: Duration = Duration::from_millis(8);
/// Where none can come: in a child, in a program. Then only the death of others.
const SLICE: Duration = Duration::from_millis(100);

/// How a sleep ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slept {
    /// Somebody has called, or the word was another one.
    Woken,
    /// Time to look around: whether the one who is waited for still lives.
    Slice,
    /// The time has come.
    TimedOut,
}

/// Sleeps until somebody wakes those at `word`, unless it is not `expected` any more. For a
/// slice of time at most: to be called again then.
///
/// Unwinds on an interrupt.
#[track_caller]
pub(crate) fn sleep(word: &AtomicU32, expected: u32, deadline: Option<Instant>) -> Slept {
    interrupt::check();
    let slice = if host::is_connected() { SLICE_IN_NOTEBOOK } else { SLICE };
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    if left == Some(Duration::ZERO) {
        return Slept::TimedOut;
    }
    if system::wait(word, expected, left.map_or(slice, |left| left.min(slice))) {
        Slept::Woken
    } else if left.is_some_and(|left| left <= slice) {
        Slept::TimedOut
    } else {
        Slept::Slice
    }
}

pub(crate) use system::wake;

#[cfg(target_os = "linux")]
mod system {
    use std::io;
    use std::sync::atomic::AtomicU32;
    use std::time::Duration;

    /// Whether the wait ended before its time.
    pub(super) fn wait(word: &AtomicU32, expected: u32, time: Duration) -> bool {
        let limit = libc::timespec { tv_sec: time.as_secs() as _, tv_nsec: time.subsec_nanos() as _ };
        // SAFETY: the word and the time are read in the call.
        let result =
            unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, expected, &raw const limit) };
        result == 0 || io::Error::last_os_error().raw_os_error() != Some(libc::ETIMEDOUT)
    }

    /// Wakes so many of those that sleep at `word`.
    pub(crate) fn wake(word: &AtomicU32, count: u32) {
        let count = count.min(i32::MAX as u32);
        // SAFETY: the word's address is a name only.
        unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, count) };
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::{Duration, Instant};

    /// Without the system's help: looks a thousand times a second.
    pub(super) fn wait(word: &AtomicU32, expected: u32, time: Duration) -> bool {
        let end = Instant::now() + time;
        while word.load(Ordering::Acquire) == expected {
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }

    pub(crate) fn wake(_word: &AtomicU32, _count: u32) {}
}
