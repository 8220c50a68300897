//! What the code of measured cells calls.
//!
//! The loop that is measured is written into the cell itself: no call stands between two
//! rounds of it.

use std::hint::black_box;

use crate::timing::{Clock, Timeit, TimeitResult};
pub use crate::timing::{Stopwatch, Timing};

use crate::display::Rich;

/// A measurement by the options of a `%timeit`: `clock` is `monotonic`, `wall` or `cpu`.
pub fn begin(loops: u64, repeat: u64, precision: usize, clock: &str, quiet: bool) -> Timing {
    let clock = match clock {
        "wall" => Clock::Wall,
        "cpu" => Clock::ProcessCpu,
        _ => Clock::Monotonic,
    };
    let options = Timeit::new().loops(loops).repeat(repeat).precision(precision).clock(clock);
    Timing::new(if quiet { options.quiet() } else { options })
}

/// Makes the compiler forget what it knows of a variable, so that nothing can be computed
/// from it before the measured loop.
#[inline(always)]
pub fn opaque<T>(variable: &T) {
    black_box(std::ptr::from_ref(variable));
}

/// The rounds of a range's loop.
pub fn span(start: i128, end: i128) -> u64 {
    u64::try_from(end.saturating_sub(start)).unwrap_or(if end > start { u64::MAX } else { 0 })
}

/// Shows a measurement as the cell's value.
pub fn value(result: &TimeitResult) {
    super::show::result(Some(result.rich()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_rounds_from_its_start_to_its_end() {
        assert_eq!(span(-5, 5), 10);
        assert_eq!(span(5, 5), 0);
        assert_eq!(span(6, 5), 0);
        assert_eq!(span(i128::MIN, i128::MAX), u64::MAX);
    }
}
