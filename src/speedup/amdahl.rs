//! Amdahl's law.

/// The time with n workers, of what one takes.
pub fn time(serial: f64, workers: f64) -> f64 {
    serial + (1.0 - serial) / workers
}

/// How many times faster n workers are.
pub fn speedup(serial: f64, workers: f64) -> f64 {
    1.0 / time(serial, workers)
}

/// The serial part that fits measured times best. The first point is that of one worker
/// and counts as exact.
///
/// With y(n) the time with n workers as a part of that with one, the law says
/// y - 1/n = s · (1 - 1/n): a line through the origin, whose slope least squares give.
pub fn serial_fraction(points: impl IntoIterator<Item = (usize, f64)>) -> Option<f64> {
    let mut points = points.into_iter();
    let (_, one) = points.next().filter(|(workers, time)| *workers == 1 && *time > 0.0)?;
    let (mut products, mut squares) = (0.0, 0.0);
    for (workers, time) in points {
        let ideal = 1.0 / workers as f64;
        products += (time / one - ideal) * (1.0 - ideal);
        squares += (1.0 - ideal).powi(2);
    }
    (squares > 0.0).then(|| (products / squares).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_that_made_the_times_is_found() {
        for serial in [0.0, 0.05, 0.3, 1.0] {
            let points = [1, 2, 3, 8, 64].map(|workers| (workers, 7.0 * time(serial, workers as f64)));
            let found = serial_fraction(points).expect("several points");
            assert!((found - serial).abs() < 1e-12, "{found} for {serial}");
        }
        assert!((speedup(0.5, 1e9) - 2.0).abs() < 1e-6);
    }

    #[test]
    fn errors_of_both_signs_cancel_out() {
        let points = [(1, 1.0), (2, time(0.2, 2.0) + 0.03), (2, time(0.2, 2.0) - 0.03)];
        assert!((serial_fraction(points).expect("several points") - 0.2).abs() < 1e-12);
    }

    #[test]
    fn what_the_law_does_not_allow_is_at_its_ends() {
        assert_eq!(serial_fraction([(1, 1.0), (2, 2.0)]), Some(1.0));
        assert_eq!(serial_fraction([(1, 1.0), (2, 0.1)]), Some(0.0));
        assert_eq!(serial_fraction([(1, 1.0)]), None);
        assert_eq!(serial_fraction([(1, 0.0), (2, 1.0)]), None);
    }
}
