//! Medians, and the lines of the tables.

use std::fmt::Display;
use std::time::Duration;

/// Measured values of one kind.
#[derive(Debug, Clone, Default)]
pub struct Sample(Vec<f64>);

impl Sample {
    /// Adds a time, in seconds.
    pub fn add(&mut self, took: Duration) {
        self.0.push(took.as_secs_f64());
    }

    pub fn add_value(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The middle value, or the mean of the two in the middle.
    ///
    /// # Panics
    /// Without values.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
    }

    /// The least value.
    #[allow(dead_code)]
    pub fn best(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub fn worst(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// Seconds as text in milliseconds.
pub fn ms(seconds: f64) -> String {
    format!("{:.0} ms", seconds * 1000.0)
}

/// Seconds as text in milliseconds, to the hundredth.
pub fn fine_ms(seconds: f64) -> String {
    format!("{:.2} ms", seconds * 1000.0)
}

/// A ratio as text.
pub fn times(ratio: f64) -> String {
    format!("{ratio:.2} ×")
}

/// A target, and whether a value keeps to it.
pub fn target(value: f64, most: f64, text: &str) -> String {
    format!("{text}: {}", if value <= most { "met" } else { "**missed**" })
}

/// One line of a Markdown table.
pub fn row<const N: usize>(columns: [&dyn Display; N]) {
    let columns = columns.map(ToString::to_string);
    println!("| {} |", columns.join(" | "));
}
