//! The clocks that time can be taken from.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// What a measurement takes the time from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The most precise one, which never goes back ([`Instant`]).
    #[default]
    Monotonic,
    /// The time of day ([`SystemTime`]), which someone may set meanwhile.
    Wall,
    /// The processor time of this process: all its threads, in its own code and in the
    /// system's. Waiting costs none. Where the system has no such clock, as `Monotonic`.
    ProcessCpu,
}

/// A moment on a clock.
#[derive(Debug, Clone, Copy)]
pub(super) enum Moment {
    Monotonic(Instant),
    Since(Clock, Duration),
}

impl Clock {
    #[inline]
    pub(super) fn now(self) -> Moment {
        match self {
            Clock::Monotonic => Moment::Monotonic(Instant::now()),
            Clock::Wall => Moment::Since(self, SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()),
            Clock::ProcessCpu => match process_cpu() {
                Some(used) => Moment::Since(self, used),
                None => Moment::Monotonic(Instant::now()),
            },
        }
    }
}

impl Moment {
    /// From this moment until now on the same clock; never less than zero.
    #[inline]
    pub(super) fn elapsed(self) -> Duration {
        match self {
            Moment::Monotonic(begin) => begin.elapsed(),
            Moment::Since(clock, begin) => match clock.now() {
                Moment::Since(_, now) => now.saturating_sub(begin),
                Moment::Monotonic(_) => Duration::ZERO,
            },
        }
    }
}

#[cfg(unix)]
fn process_cpu() -> Option<Duration> {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID).ok().map(Duration::from)
}

#[cfg(not(unix))]
fn process_cpu() -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_takes_time() {
        let begin = Clock::Monotonic.now();
        std::thread::sleep(Duration::from_millis(5));
        assert!(begin.elapsed() >= Duration::from_millis(5));
    }

    #[test]
    fn computing_takes_processor_time() {
        let (begin, patience) = (Clock::ProcessCpu.now(), Instant::now());
        while begin.elapsed() < Duration::from_millis(5) {
            assert!(patience.elapsed() < Duration::from_secs(60), "this clock stands still");
        }
        if cfg!(unix) {
            assert!(matches!(begin, Moment::Since(Clock::ProcessCpu, _)));
        }
    }
}
