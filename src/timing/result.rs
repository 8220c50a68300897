//! What a measurement came to.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::format::{format_count, format_time};
use super::histogram;
use super::removed::Removed;
use crate::display::{MimeBundle, Rich};

/// A run so many times slower than the fastest is told, if it took longer than
/// [`WORTH_TELLING`] a loop.
const FAR_SLOWER: f64 = 4.0;
const WORTH_TELLING: f64 = 1e-6;
/// A compiler that took longer, in seconds, is told.
const LONG_COMPILE: f64 = 0.1;

/// The outcome of [`timeit`](crate::prelude::timeit) and `%%timeit`: IPython's fields, and
/// [`percentile`](TimeitResult::percentile). All times are in seconds.
///
/// Printed, it is IPython's line; shown, it has its warnings and a histogram, too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TimeitResult {
    /// How often the body ran in each run.
    pub loops: u64,
    /// How many runs there were.
    pub repeat: u64,
    /// The fastest run, per loop.
    pub best: f64,
    /// The slowest run, per loop.
    pub worst: f64,
    /// Each whole run, in the order they ran.
    pub all_runs: Vec<f64>,
    /// Each run, per loop.
    pub timings: Vec<f64>,
    /// The mean of `timings`.
    pub average: f64,
    /// The population standard deviation of `timings`.
    pub stdev: f64,
    /// What the compiler took for the cell that was measured; 0 in a program.
    pub compile_time: f64,
    /// Significant digits in texts.
    pub(super) precision: usize,
    pub(super) removed: Option<Removed>,
}

impl TimeitResult {
    pub(super) fn new(loops: u64, all_runs: Vec<f64>, precision: usize, compile_time: f64) -> TimeitResult {
        let timings: Vec<f64> = all_runs.iter().map(|run| run / loops as f64).collect();
        let count = timings.len().max(1) as f64;
        let average = timings.iter().sum::<f64>() / count;
        let variance = timings.iter().map(|timing| (timing - average).powi(2)).sum::<f64>() / count;
        TimeitResult {
            loops,
            repeat: timings.len() as u64,
            best: timings.iter().copied().reduce(f64::min).unwrap_or_default(),
            worst: timings.iter().copied().reduce(f64::max).unwrap_or_default(),
            all_runs,
            timings,
            average,
            stdev: variance.sqrt(),
            compile_time,
            precision,
            removed: None,
        }
    }

    /// The time per loop, in seconds, below which `percent` per cent of the runs are,
    /// interpolated between the two nearest: 50 is the median. What is below 0 counts as
    /// 0, above 100 as 100.
    ///
    /// # Panics
    /// When `percent` is NaN.
    pub fn percentile(&self, percent: f64) -> f64 {
        assert!(!percent.is_nan(), "NaN is no percentage");
        let mut sorted = self.timings.clone();
        sorted.sort_by(f64::total_cmp);
        let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
        let place = percent.clamp(0.0, 100.0) / 100.0 * last as f64;
        let below = place.floor() as usize;
        let above = (below + 1).min(last);
        sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
    }

    /// The median time per loop, in seconds.
    pub fn median(&self) -> f64 {
        self.percentile(50.0)
    }

    /// All that `%%timeit` prints: a warning before the line when the runs differ much,
    /// and after it what the compiler took and whether it did away with the body.
    pub fn report(&self) -> String {
        let mut text = String::new();
        if self.worst > FAR_SLOWER * self.best && self.best > 0.0 && self.worst > WORTH_TELLING {
            text += &format!(
                "The slowest run took {:.2} times longer than the fastest. This could mean that an intermediate result is \
                 being cached.\n",
                self.worst / self.best
            );
        }
        text += &self.to_string();
        if self.compile_time > LONG_COMPILE {
            text += &format!("\nCompiler time: {:.2} s", self.compile_time);
        }
        if let Some(removed) = self.removed {
            text += &format!("\n{removed}");
        }
        text
    }
}

/// `21.2 ns ± 4.71 ns per loop (mean ± std. dev. of 7 runs, 10,000,000 loops each)`
impl fmt::Display for TimeitResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count| if count == 1 { "" } else { "s" };
        write!(
            f,
            "{} ± {} per loop (mean ± std. dev. of {} run{}, {} loop{} each)",
            format_time(self.average, self.precision),
            format_time(self.stdev, self.precision),
            self.repeat,
            plural(self.repeat),
            format_count(self.loops),
            plural(self.loops),
        )
    }
}

impl Rich for TimeitResult {
    /// The text of [`report`](TimeitResult::report), with a histogram of the runs beside
    /// it where there are several.
    fn rich(&self) -> MimeBundle {
        let text = self.report();
        let bundle = match histogram::svg(&self.timings, self.precision) {
            Some(picture) => MimeBundle::new().with("text/html", histogram::beside(&text, &picture)),
            None => MimeBundle::new(),
        };
        bundle.with("text/plain", text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_ipythons() {
        let result = TimeitResult::new(10_000_000, vec![0.165, 0.259], 3, 0.0);
        assert_eq!(result.to_string(), "21.2 ns ± 4.7 ns per loop (mean ± std. dev. of 2 runs, 10,000,000 loops each)");
        let once = TimeitResult::new(1, vec![0.0532], 3, 0.0);
        assert_eq!(once.to_string(), "53.2 ms ± 0 ns per loop (mean ± std. dev. of 1 run, 1 loop each)");
        assert_eq!(once.report(), once.to_string());
        let five = TimeitResult::new(1, vec![0.05323456], 5, 0.0);
        assert!(five.to_string().starts_with("53.235 ms ± 0 ns "), "{five}");
    }

    #[test]
    fn numbers_are_those_of_the_population() {
        let result = TimeitResult::new(2, vec![4.0, 8.0, 8.0, 8.0, 10.0, 10.0, 14.0, 18.0], 3, 0.0);
        assert_eq!(result.timings, [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!((result.average, result.stdev), (5.0, 2.0));
        assert_eq!((result.best, result.worst, result.repeat), (2.0, 9.0, 8));
        assert_eq!([0.0, 50.0, 100.0].map(|percent| result.percentile(percent)), [2.0, 4.5, 9.0]);
        assert_eq!(result.percentile(25.0), 4.0);
        assert_eq!(result.percentile(90.0), 7.0 + 0.3 * 2.0);
        assert_eq!((result.percentile(-1.0), result.percentile(101.0)), (2.0, 9.0));
        assert_eq!(result.median(), 4.5);
    }

    #[test]
    fn a_far_slower_run_is_told_before_the_line() {
        let slow = |runs: [f64; 2]| TimeitResult::new(1, runs.to_vec(), 3, 0.0).report();
        let text = slow([1e-6, 5.678e-6]);
        let (warning, line) = text.split_once('\n').expect("two lines");
        assert_eq!(
            warning,
            "The slowest run took 5.68 times longer than the fastest. This could mean that an intermediate result is \
             being cached."
        );
        assert!(line.starts_with("3.34 μs ± "), "{line}");
        for quiet in [[1e-6, 4e-6], [1e-7, 9e-7], [0.0, 1.0]] {
            assert!(!slow(quiet).contains("slowest"), "{quiet:?}");
        }
    }

    #[test]
    fn the_compilers_time_is_told_when_it_was_long() {
        let compiled = |seconds| TimeitResult::new(1, vec![1.0], 3, seconds).report();
        assert!(compiled(0.137).ends_with("1 loop each)\nCompiler time: 0.14 s"));
        assert!(!compiled(0.1).contains("Compiler"));
    }

    #[test]
    fn it_is_shown_as_text_and_picture() {
        let several = TimeitResult::new(1, vec![1.0, 2.0, 3.0], 3, 0.0).rich();
        assert!(several.get("text/html").is_some_and(|html| html.to_string().contains("image/svg+xml")));
        assert!(several.get("text/plain").is_some_and(|text| text.to_string().contains("2 s ± 816 ms per loop")));
        let one = TimeitResult::new(1, vec![1.0], 3, 0.0).rich();
        assert!(one.get("text/html").is_none() && one.get("text/plain").is_some());
    }

    #[test]
    fn it_travels_as_json() {
        let result = TimeitResult::new(3, vec![0.5, 1.5], 4, 0.25);
        let json = serde_json::to_string(&result).expect("plain numbers");
        assert_eq!(serde_json::from_str::<TimeitResult>(&json).expect("the same"), result);
    }
}
