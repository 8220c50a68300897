//! Waiting and the time of day, in seconds as a plain number.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::__rt::interrupt;

/// Waits `seconds` on the calling thread (Python's `time.sleep`).
///
/// Zero, negative and NaN waits return at once; infinite or too large ones wait for ever.
/// In a notebook an interrupt ends the wait and the cell with it, at this line.
///
/// ```
/// # use threadbook::prelude::*;
/// sleep(0.01);
/// ```
#[track_caller]
pub fn sleep(seconds: f64) {
    if seconds.is_nan() || seconds <= 0.0 {
        return;
    }
    interrupt::sleep(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
}

/// Seconds since 1970-01-01 00:00 UTC, as a stopwatch for differences (Python's
/// `time.time()`). The system's clock may be set while a program runs: for
/// measuring to the nanosecond use [`std::time::Instant`].
///
/// ```
/// # use threadbook::prelude::*;
/// let t = seconds();
/// sleep(0.01);
/// assert!(seconds() - t > 0.009);
/// ```
pub fn seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
