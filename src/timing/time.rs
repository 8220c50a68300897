//! `%time`: one run, with the processor times of this process and of its children.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use super::format::format_time;

/// Runs `body` once, prints what it took and returns its value.
///
/// The processor times are those of the whole process, all threads together: `user` in
/// its own code, `sys` in the system's. `children:` tells the processor time of child
/// processes that ended meanwhile and were waited for. Printed after a panic, too.
///
/// ```
/// # use threadbook::prelude::*;
/// let sum: u64 = time(|| (0..1_000_000u64).sum());
/// // CPU times: user 263 μs, sys: 0 ns, total: 263 μs
/// // Wall time: 270 μs
/// ```
pub fn time<T>(body: impl FnOnce() -> T) -> T {
    let stopwatch = Stopwatch::begin();
    let value = body();
    stopwatch.end();
    value
}

/// Prints the times since it was made, when it ends or is dropped.
#[must_use]
pub struct Stopwatch {
    begin: Instant,
    used: Option<[Used; 2]>,
    is_running: bool,
}

impl Stopwatch {
    pub fn begin() -> Stopwatch {
        let used = used();
        Stopwatch { begin: Instant::now(), used, is_running: true }
    }

    /// Prints the times now.
    pub fn end(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        if !std::mem::replace(&mut self.is_running, false) {
            return;
        }
        let wall = self.begin.elapsed();
        let used = self.used.zip(used()).map(|(before, now)| [now[0].since(before[0]), now[1].since(before[1])]);
        print_lines(&lines(used, wall));
    }
}

impl Drop for Stopwatch {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Processor time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Used {
    user: Duration,
    system: Duration,
}

impl Used {
    fn since(self, before: Used) -> Used {
        Used { user: self.user.saturating_sub(before.user), system: self.system.saturating_sub(before.system) }
    }

    fn total(self) -> Duration {
        self.user + self.system
    }
}

/// `used`: by this process and by its children; `None` where the system does not tell.
fn lines(used: Option<[Used; 2]>, wall: Duration) -> String {
    let text = |time: Duration| format_time(time.as_secs_f64(), 3);
    let wall = format!("Wall time: {}", text(wall));
    let Some([own, children]) = used else { return wall };
    let children = match children.total() {
        Duration::ZERO => String::new(),
        total => format!(", children: {}", text(total)),
    };
    let (user, system, total) = (text(own.user), text(own.system), text(own.total()));
    format!("CPU times: user {user}, sys: {system}, total: {total}{children}\n{wall}")
}

/// What this process and its children that have ended have used so far.
#[cfg(unix)]
fn used() -> Option<[Used; 2]> {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeVal;

    let duration = |time: TimeVal| {
        let seconds = Duration::from_secs(time.tv_sec().try_into().unwrap_or_default());
        seconds + Duration::from_micros(time.tv_usec().try_into().unwrap_or_default())
    };
    let of = |who| {
        let usage = getrusage(who).ok()?;
        Some(Used { user: duration(usage.user_time()), system: duration(usage.system_time()) })
    };
    Some([of(UsageWho::RUSAGE_SELF)?, of(UsageWho::RUSAGE_CHILDREN)?])
}

#[cfg(not(unix))]
fn used() -> Option<[Used; 2]> {
    None
}

/// Prints from where nothing may fail or unwind, as in a drop: an error is passed over.
pub(super) fn print_lines(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(format!("{text}\n").as_bytes()).and_then(|()| stdout.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used_micros(user: u64, system: u64) -> Used {
        Used { user: Duration::from_micros(user), system: Duration::from_micros(system) }
    }

    #[test]
    fn lines_are_ipythons() {
        let wall = Duration::from_millis(804);
        let alone = lines(Some([used_micros(262_639, 361), Used::default()]), wall);
        assert_eq!(alone, "CPU times: user 263 ms, sys: 361 μs, total: 263 ms\nWall time: 804 ms");
        let idle = lines(Some([Used::default(); 2]), Duration::from_secs(61));
        assert_eq!(idle, "CPU times: user 0 ns, sys: 0 ns, total: 0 ns\nWall time: 1min 1s");
        let with_children = lines(Some([used_micros(1_000, 0), used_micros(1_500_000, 20_000)]), wall);
        assert_eq!(with_children, "CPU times: user 1 ms, sys: 0 ns, total: 1 ms, children: 1.52 s\nWall time: 804 ms");
        assert_eq!(lines(None, wall), "Wall time: 804 ms");
    }

    #[test]
    fn the_value_comes_back() {
        let text = String::from("moved");
        assert_eq!(time(|| text), "moved");
    }

    #[cfg(unix)]
    #[test]
    fn computing_uses_processor_time_of_this_process() {
        let before = used().expect("unix tells");
        let begin = Instant::now();
        let mut number = 1u64;
        while used().expect("unix tells")[0].since(before[0]).total() < Duration::from_millis(20) {
            assert!(begin.elapsed() < Duration::from_secs(60), "no processor time is told");
            for _ in 0..100_000 {
                number = std::hint::black_box(number.wrapping_mul(3));
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn children_that_have_ended_are_told_apart() {
        let before = used().expect("unix tells");
        let script = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let status = std::process::Command::new("sh").args(["-c", script]).status().expect("there is a shell");
        assert!(status.success());
        assert!(used().expect("unix tells")[1].since(before[1]).total() > Duration::ZERO);
    }
}
