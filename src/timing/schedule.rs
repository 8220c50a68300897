//! How often a measured body runs.
//!
//! As Python's `timeit`: 1, 10, 100 … loops until a run takes 0.2 s or more, at most
//! 10^9. These trials are thrown away; then come the runs that count.

/// A trial that takes so long, in seconds, has loops enough.
const ENOUGH: f64 = 0.2;
const MOST_LOOPS: u64 = 1_000_000_000;
/// So long, in seconds, an interrupt may wait for the body while a run has many loops.
const AT_ONCE: f64 = 0.05;

#[derive(Debug, Clone)]
pub struct Schedule {
    loops: u64,
    repeat: u64,
    is_trial: bool,
    /// Seconds of each run that counts.
    runs: Vec<f64>,
    /// Seconds a loop took lately.
    lately: Option<f64>,
}

impl Schedule {
    /// `loops` 0: as many as it takes. `repeat` is at least 1.
    pub fn new(loops: u64, repeat: u64) -> Schedule {
        Schedule { loops: loops.max(1), repeat: repeat.max(1), is_trial: loops == 0, runs: Vec::new(), lately: None }
    }

    /// The loops of the next run, or `None` when all is measured.
    pub fn next(&self) -> Option<u64> {
        (self.is_trial || (self.runs.len() as u64) < self.repeat).then_some(self.loops)
    }

    /// Takes in what the run that was next took.
    pub fn record(&mut self, seconds: f64) {
        self.lately = Some(seconds / self.loops as f64);
        if !self.is_trial {
            self.runs.push(seconds);
        } else if seconds >= ENOUGH || self.loops >= MOST_LOOPS {
            self.is_trial = false;
        } else {
            self.loops *= 10;
        }
    }

    /// The loops that may go without a look whether they are to stop: all of them in a
    /// first run, of which nothing is known yet.
    pub fn at_once(&self) -> u64 {
        match self.lately {
            Some(a_loop) if a_loop > 0.0 => ((AT_ONCE / a_loop) as u64).max(1),
            _ => u64::MAX,
        }
    }

    pub fn loops(&self) -> u64 {
        self.loops
    }

    pub fn into_runs(self) -> Vec<f64> {
        self.runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a body that takes so many seconds; returns the loops of each run, trials too.
    fn follow(mut schedule: Schedule, seconds: f64) -> (Vec<u64>, Vec<f64>) {
        let mut loops = Vec::new();
        while let Some(next) = schedule.next() {
            loops.push(next);
            schedule.record(next as f64 * seconds);
        }
        (loops, schedule.into_runs())
    }

    #[test]
    fn loops_grow_tenfold_until_a_trial_takes_long_enough() {
        let (loops, runs) = follow(Schedule::new(0, 3), 1e-3);
        assert_eq!(loops, [1, 10, 100, 1_000, 1_000, 1_000, 1_000]);
        assert_eq!(runs, [1.0, 1.0, 1.0], "trials do not count");
        assert_eq!(follow(Schedule::new(0, 2), 5.0).0, [1, 1, 1]);
        assert_eq!(follow(Schedule::new(0, 1), 0.2).0, [1, 1], "0.2 s are enough");
        assert_eq!(follow(Schedule::new(0, 1), 0.199).0, [1, 10, 10]);
    }

    #[test]
    fn they_do_not_grow_for_ever() {
        let (loops, runs) = follow(Schedule::new(0, 1), 0.0);
        assert_eq!(loops.len(), 11);
        assert_eq!(loops.last(), Some(&1_000_000_000));
        assert_eq!(runs, [0.0]);
    }

    #[test]
    fn given_loops_need_no_trial() {
        assert_eq!(follow(Schedule::new(20, 3), 1e-9).0, [20, 20, 20]);
        assert_eq!(follow(Schedule::new(1, 0), 1e-9).0, [1]);
    }

    #[test]
    fn a_run_is_taken_in_parts_as_long_as_an_interrupt_may_wait() {
        let mut schedule = Schedule::new(0, 1);
        assert_eq!(schedule.at_once(), u64::MAX);
        schedule.record(0.001);
        assert_eq!(schedule.at_once(), 50);
        schedule.record(100.0);
        assert_eq!(schedule.at_once(), 1);
        schedule.record(0.0);
        assert_eq!(schedule.at_once(), u64::MAX);
    }
}
