//! `timeit`: a body repeated until the number is good.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

use super::clock::{Clock, Moment};
use super::removed::{self, Promise};
use super::result::TimeitResult;
use super::schedule::Schedule;
use crate::__rt::interrupt;
use crate::display::display;

/// Runs `body` again and again, shows how long it takes and returns the numbers.
///
/// As `%timeit`: 1, 10, 100 … loops until a trial takes 0.2 s, then 7 runs of so many.
/// What the body returns counts as used, but what it works on may still be known to the
/// compiler: see [`std::hint::black_box`]. In a notebook the code around it is compiled
/// as all plain cells are, `%%timeit` as for release. An interrupt ends it.
///
/// ```no_run
/// # use threadbook::prelude::*;
/// let v: Vec<u32> = (0..1000).rev().collect();
/// timeit(|| { let mut v = v.clone(); v.sort(); v });
/// // 1.2 μs ± 15 ns per loop (mean ± std. dev. of 7 runs, 1,000,000 loops each)
/// ```
///
/// # Panics
/// When the body does.
#[track_caller]
pub fn timeit<T>(body: impl FnMut() -> T) -> TimeitResult {
    Timeit::new().run(body)
}

/// [`timeit`] with options.
///
/// ```
/// # use threadbook::prelude::*;
/// let result = Timeit::new().loops(1000).repeat(3).quiet().run(|| "text".to_owned());
/// assert_eq!(result.all_runs.len(), 3);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "`run` measures"]
pub struct Timeit {
    loops: u64,
    repeat: u64,
    precision: usize,
    clock: Clock,
    quiet: bool,
}

impl Default for Timeit {
    fn default() -> Timeit {
        Timeit { loops: 0, repeat: 7, precision: 3, clock: Clock::Monotonic, quiet: false }
    }
}

impl Timeit {
    /// As [`timeit`].
    pub fn new() -> Timeit {
        Timeit::default()
    }

    /// How often the body runs in each run; 0: as often as it takes, which is usual.
    pub fn loops(self, loops: u64) -> Timeit {
        Timeit { loops, ..self }
    }

    /// How many runs there are, usually 7; 0 counts as 1.
    pub fn repeat(self, repeat: u64) -> Timeit {
        Timeit { repeat, ..self }
    }

    /// Significant digits in texts, usually 3; 0 counts as 1.
    pub fn precision(self, precision: usize) -> Timeit {
        Timeit { precision, ..self }
    }

    /// What the time is taken from.
    pub fn clock(self, clock: Clock) -> Timeit {
        Timeit { clock, ..self }
    }

    /// Nothing is shown.
    pub fn quiet(self) -> Timeit {
        Timeit { quiet: true, ..self }
    }

    /// Measures.
    ///
    /// # Panics
    /// When the body does.
    #[track_caller]
    pub fn run<T>(self, mut body: impl FnMut() -> T) -> TimeitResult {
        // A thin shell: only the loop is compiled for each body.
        let mut timing = Timing::new(self);
        while timing.run() {
            timing.start();
            while let Some(loops) = timing.part() {
                for _ in 0..loops {
                    black_box(body());
                }
            }
            timing.stop();
        }
        timing.finish()
    }
}

/// What the compiler took for the cell that runs, as the bits of an `f64` in seconds.
static COMPILE_TIME: AtomicU64 = AtomicU64::new(0);

/// Says what the compiler took for the cell that is about to run.
pub fn set_compile_time(seconds: f64) {
    COMPILE_TIME.store(seconds.to_bits(), Ordering::Relaxed);
}

/// A measurement under way. The code to measure is in a loop of the caller's own.
pub struct Timing {
    options: Timeit,
    promise: Promise,
    schedule: Schedule,
    /// Loops of this run that are still to come.
    left: u64,
    /// So many at once.
    at_once: u64,
    begin: Moment,
}

impl Timing {
    pub fn new(options: Timeit) -> Timing {
        Timing {
            promise: Promise::default(),
            schedule: Schedule::new(options.loops, options.repeat),
            left: 0,
            at_once: 0,
            begin: options.clock.now(),
            options,
        }
    }

    /// What the body's text promises: a loop or a call that takes time.
    pub fn works(&mut self) {
        self.promise.works = true;
    }

    /// What the body's text promises: so many rounds of a loop. Of several loops that
    /// with the most rounds counts.
    pub fn rounds(&mut self, rounds: u64) {
        self.promise.rounds = self.promise.rounds.max(rounds);
    }

    /// Whether there is another run to do.
    ///
    /// Unwinds on an interrupt.
    #[track_caller]
    pub fn run(&mut self) -> bool {
        interrupt::check();
        self.left = self.schedule.next().unwrap_or_default();
        self.at_once = self.schedule.at_once();
        self.left > 0
    }

    /// The clock runs from here.
    #[inline(never)]
    pub fn start(&mut self) {
        self.begin = self.options.clock.now();
    }

    /// The next loops of this run; `None` when all are done. Most runs have one part:
    /// others are parted only so that an interrupt is heard.
    ///
    /// Unwinds on an interrupt.
    #[track_caller]
    pub fn part(&mut self) -> Option<u64> {
        if self.left == 0 {
            return None;
        }
        interrupt::check();
        let loops = self.left.min(self.at_once);
        self.left -= loops;
        Some(loops)
    }

    /// The clock runs up to here.
    #[inline(never)]
    pub fn stop(&mut self) {
        let took = self.begin.elapsed();
        self.schedule.record(took.as_secs_f64());
    }

    /// The numbers; shown unless they are not to be.
    pub fn finish(self) -> TimeitResult {
        let Timing { options, promise, schedule, .. } = self;
        let compile_time = f64::from_bits(COMPILE_TIME.load(Ordering::Relaxed));
        let loops = schedule.loops();
        let mut result = TimeitResult::new(loops, schedule.into_runs(), options.precision, compile_time);
        result.removed = removed::find(promise, result.best, removed::empty_body);
        if !options.quiet {
            display(&result);
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_body_runs_as_often_as_it_says() {
        let mut calls = 0;
        let result = Timeit::new().loops(5).repeat(3).quiet().run(|| calls += 1);
        assert_eq!(calls, 15);
        assert_eq!((result.loops, result.repeat, result.all_runs.len()), (5, 3, 3));
    }

    #[test]
    fn waiting_is_measured() {
        let result = Timeit::new().repeat(2).quiet().run(|| std::thread::sleep(Duration::from_millis(30)));
        assert_eq!(result.loops, 10);
        assert!(result.best >= 0.03, "{result}");
    }

    #[test]
    fn a_run_is_parted_when_it_is_long() {
        let mut timing = Timing::new(Timeit::new().quiet());
        let mut parts = Vec::new();
        let clock = |timing: &mut Timing, seconds| timing.schedule.record(seconds);
        for seconds in [0.001, 0.01, 0.1, 1.0] {
            assert!(timing.run());
            let mut loops = 0;
            parts.push(0);
            while let Some(part) = timing.part() {
                loops += part;
                *parts.last_mut().expect("just pushed") += 1;
            }
            assert_eq!(loops, timing.schedule.loops());
            clock(&mut timing, seconds);
        }
        assert_eq!(parts, [1, 1, 2, 20]);
    }

    #[test]
    fn the_longest_loop_counts() {
        let mut timing = Timing::new(Timeit::new());
        timing.rounds(5);
        timing.rounds(100);
        timing.rounds(7);
        timing.works();
        assert_eq!(timing.promise, Promise { rounds: 100, works: true });
    }
}
