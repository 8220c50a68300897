//! What a cell has taken, as `%timing` tells it.

use std::time::Duration;

#[derive(Debug, Default)]
pub struct Spent {
    pub compiling: Duration,
    pub running: Duration,
}

impl Spent {
    pub fn shown(&self) -> String {
        format!("{} to compile, {} to run", shown(self.compiling), shown(self.running))
    }
}

fn shown(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds >= 1.0 => format!("{seconds:.2} s"),
        seconds if seconds >= 1e-3 => format!("{:.0} ms", seconds * 1e3),
        seconds => format!("{:.0} μs", seconds * 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_legible() {
        let spent = Spent { compiling: Duration::from_millis(1234), running: Duration::from_micros(56) };
        assert_eq!(spent.shown(), "1.23 s to compile, 56 μs to run");
    }
}
