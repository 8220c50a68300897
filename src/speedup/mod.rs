//! How much faster work becomes with more workers.
//!
//! [`speedup`] measures, [`amdahl`] fits the part of the work that stays serial, [`view`]
//! draws both.

mod amdahl;
mod view;

use std::hint::black_box;
use std::time::Instant;

use crate::__rt::interrupt;
use crate::display::{MimeBundle, Rich};

/// Each number of workers is measured so often, unless it takes long.
const REPEATS: usize = 5;
/// After that a series is not repeated again, in seconds.
const ENOUGH: f64 = 10.0;

/// One number of workers and how long the work took.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Measured {
    pub workers: usize,
    /// The median of `times`, in seconds.
    pub time: f64,
    /// Each run, in seconds, in the order they ran.
    pub times: Vec<f64>,
    /// How many times faster than one worker of the same series.
    pub speedup: f64,
    /// The speed-up for each worker: 1 is ideal.
    pub efficiency: f64,
}

/// What [`speedup`] has measured: one series for each way to do the work.
///
/// Shown, it is a table and a plot with the ideal line and Amdahl's curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Speedup {
    workers: Vec<usize>,
    series: Vec<Series>,
}

#[derive(Debug, Clone, PartialEq)]
struct Series {
    name: String,
    measured: Vec<Measured>,
    /// See [`Speedup::serial_fraction`].
    serial: Option<f64>,
}

/// Runs the same work with each number of workers and compares the times. `work` gets the
/// number of workers.
///
/// Each number runs five times, in turns, so that a busy moment of the computer does not
/// hit one number alone; the median counts. Work that takes long runs less often: no turn
/// begins after ten seconds. One worker is measured too if `workers` has no 1, since that
/// is what the others are compared with.
///
/// # Panics
/// When a number of workers is 0.
///
/// ```
/// # use threadbook::prelude::*;
/// fn sleep_in_threads(workers: usize) {
///     std::thread::scope(|scope| {
///         for _ in 0..workers {
///             scope.spawn(move || (0..4 / workers).for_each(|_| sleep(0.005)));
///         }
///     });
/// }
/// let measured = speedup([1, 2, 4], sleep_in_threads).named("threads");
/// assert!(measured.points()[2].speedup > 1.5);
/// assert!(measured.serial_fraction().unwrap() < 0.6);
/// measured // shows a table and a plot
/// # ;
/// ```
#[track_caller]
pub fn speedup<T>(workers: impl IntoIterator<Item = usize>, mut work: impl FnMut(usize) -> T) -> Speedup {
    // A thin shell: measuring and all that follows is compiled once.
    let speedup = Speedup { workers: counts(&mut workers.into_iter()), series: Vec::new() };
    speedup.measure("", &mut |workers| drop(black_box(work(workers))))
}

#[track_caller]
fn counts(workers: &mut dyn Iterator<Item = usize>) -> Vec<usize> {
    let mut workers: Vec<usize> = workers.chain([1]).collect();
    workers.sort_unstable();
    workers.dedup();
    assert!(workers[0] > 0, "work needs at least one worker, and 0 were asked for");
    workers
}

impl Speedup {
    /// Measures another way to do the work, with the same numbers of workers.
    ///
    /// ```
    /// # use threadbook::prelude::*;
    /// let both = speedup([1, 2], |n| sleep(0.004 / n as f64))
    ///     .named("fine")
    ///     .and("no use", |_| sleep(0.004));
    /// assert_eq!(both.series(), ["fine", "no use"]);
    /// assert!(both.points_of("no use")[1].speedup < both.points_of("fine")[1].speedup);
    /// ```
    #[track_caller]
    pub fn and<T>(self, name: &str, mut work: impl FnMut(usize) -> T) -> Speedup {
        self.measure(name, &mut |workers| drop(black_box(work(workers))))
    }

    /// Names the series that was measured last.
    pub fn named(mut self, name: &str) -> Speedup {
        if let Some(last) = self.series.last_mut() {
            name.clone_into(&mut last.name);
        }
        self
    }

    /// The names of the series.
    pub fn series(&self) -> Vec<String> {
        self.series.iter().map(|series| series.name.clone()).collect()
    }

    /// What the first series has measured, by numbers of workers.
    pub fn points(&self) -> &[Measured] {
        self.series.first().map_or(&[], |series| &series.measured)
    }

    /// What a series has measured; none when there is no series of that name.
    pub fn points_of(&self, name: &str) -> &[Measured] {
        self.find(name).map_or(&[], |series| &series.measured)
    }

    /// The part of the first series' work, from 0 to 1, that more workers do not make
    /// faster, by Amdahl's law: with a serial part s, n workers take the time
    /// s + (1 - s) / n of what one takes. Fitted by least squares to the times. `None` when only one
    /// worker was measured.
    ///
    /// It is 0 for work that becomes faster than the law allows, and 1 for work that
    /// becomes slower: such work is not described by it.
    pub fn serial_fraction(&self) -> Option<f64> {
        self.series.first()?.serial
    }

    /// As [`serial_fraction`](Speedup::serial_fraction), of a series.
    pub fn serial_fraction_of(&self, name: &str) -> Option<f64> {
        self.find(name)?.serial
    }

    /// The plot as an SVG file's text.
    pub fn svg(&self) -> String {
        view::svg(self)
    }

    fn find(&self, name: &str) -> Option<&Series> {
        self.series.iter().find(|series| series.name == name)
    }

    #[track_caller]
    fn measure(mut self, name: &str, work: &mut dyn FnMut(usize)) -> Speedup {
        let mut times: Vec<Vec<f64>> = vec![Vec::new(); self.workers.len()];
        let begin = Instant::now();
        for turn in 0..REPEATS {
            if turn > 0 && begin.elapsed().as_secs_f64() > ENOUGH {
                break;
            }
            for (&workers, times) in self.workers.iter().zip(&mut times) {
                interrupt::check();
                let begin = Instant::now();
                work(workers);
                times.push(begin.elapsed().as_secs_f64());
            }
        }
        let series = Series::new(name, self.workers.iter().copied().zip(times).collect());
        self.series.push(series);
        self
    }
}

impl Series {
    /// The first number of workers is 1.
    fn new(name: &str, times: Vec<(usize, Vec<f64>)>) -> Series {
        let one = times.first().map_or(0.0, |(_, times)| median(times));
        let measured: Vec<Measured> = times
            .into_iter()
            .map(|(workers, times)| {
                let time = median(&times);
                let speedup = if time > 0.0 { one / time } else { 1.0 };
                Measured { workers, time, times, speedup, efficiency: speedup / workers as f64 }
            })
            .collect();
        let serial = amdahl::serial_fraction(measured.iter().map(|point| (point.workers, point.time)));
        Series { name: name.to_owned(), measured, serial }
    }
}

fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => sorted[odd / 2],
        even => f64::midpoint(sorted[even / 2 - 1], sorted[even / 2]),
    }
}

impl Rich for Speedup {
    fn rich(&self) -> MimeBundle {
        MimeBundle::new().with("text/html", view::html(self)).with("text/plain", view::text(self))
    }
}

/// The table.
impl std::fmt::Display for Speedup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&view::text(self))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn of(name: &str, points: &[(usize, f64)]) -> Speedup {
        let times = points.iter().map(|&(workers, time)| (workers, vec![time])).collect();
        Speedup { workers: points.iter().map(|point| point.0).collect(), series: vec![Series::new(name, times)] }
    }

    #[test]
    fn one_worker_is_always_measured_and_none_twice() {
        let mut asked = Vec::new();
        let measured = speedup([4, 2, 4], |workers| asked.push(workers));
        assert_eq!(asked, [1, 2, 4].repeat(REPEATS));
        assert_eq!(measured.points().iter().map(|point| point.workers).collect::<Vec<_>>(), [1, 2, 4]);
        assert!(measured.points().iter().all(|point| point.times.len() == REPEATS && point.time > 0.0));
        assert_eq!(measured.points()[0].speedup, 1.0);
        assert_eq!(speedup([], |_| ()).serial_fraction(), None);
    }

    #[test]
    #[should_panic(expected = "at least one worker")]
    fn no_workers_are_refused() {
        speedup([0, 1], |_| ());
    }

    #[test]
    fn numbers_follow_from_the_median() {
        let series = Series::new("x", vec![(1, vec![8.0, 1.0, 9.0]), (4, vec![2.0, 6.0])]);
        assert_eq!((series.measured[0].time, series.measured[1].time), (8.0, 4.0));
        assert_eq!((series.measured[1].speedup, series.measured[1].efficiency), (2.0, 0.5));
    }
}
