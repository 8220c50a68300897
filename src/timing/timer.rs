//! A guard that prints how long it lived.

use std::time::{Duration, Instant};

use super::format::format_time;
use super::time::print_lines;

/// Measures from here to the end of the block, then prints its name and the time
/// (Python's `with timer("…")`). Printed also when the block ends by `?` or a panic.
///
/// ```
/// # use threadbook::prelude::*;
/// {
///     let _timer = Timer::new("waiting");
///     sleep(0.01);
/// } // prints "waiting: 10.1 ms"
/// ```
///
/// In a notebook put it into a block or function: a variable of the cell itself is kept
/// for later cells, and so prints only when it is replaced.
#[derive(Debug)]
#[must_use = "a timer ends where it is dropped: `let _timer = Timer::new(…);`"]
pub struct Timer {
    name: String,
    begin: Instant,
}

impl Timer {
    /// Starts to measure. Without a name (`""`) it prints only the time.
    pub fn new(name: impl Into<String>) -> Timer {
        Timer { name: name.into(), begin: Instant::now() }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The time since it was made.
    pub fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    fn line(&self, elapsed: Duration) -> String {
        let time = format_time(elapsed.as_secs_f64(), 3);
        if self.name.is_empty() { time } else { format!("{}: {time}", self.name) }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        print_lines(&self.line(self.elapsed()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_its_name_and_the_time() {
        let timer = Timer::new("sum");
        assert_eq!(timer.line(Duration::from_micros(1_234)), "sum: 1.23 ms");
        assert_eq!(Timer::new("").line(Duration::from_secs(61)), "1min 1s");
        assert_eq!(timer.name(), "sum");
        std::thread::sleep(Duration::from_millis(2));
        assert!(timer.elapsed() >= Duration::from_millis(2));
    }

    #[test]
    fn a_panic_does_it_no_harm() {
        let caught = std::panic::catch_unwind(|| {
            let _timer = Timer::new("in a panic");
            std::panic::resume_unwind(Box::new(5));
        });
        assert_eq!(caught.unwrap_err().downcast_ref::<i32>(), Some(&5));
    }
}
