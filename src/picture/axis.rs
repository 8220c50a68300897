//! Where an axis has its marks and what stands there.

/// Marks at even, round numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// From one mark to the next.
    pub step: f64,
    /// The first is 0, none lies beyond the axis's end.
    pub marks: Vec<f64>,
}

impl Axis {
    /// Some `about` marks from 0 to `end`; 1, 2 or 5 times a power of ten apart.
    pub fn new(end: f64, about: usize) -> Axis {
        if !(end.is_finite() && end > 0.0) {
            return Axis { step: 1.0, marks: vec![0.0] };
        }
        let wanted = end / about.max(1) as f64;
        let power = 10f64.powf(wanted.log10().floor());
        let step =
            [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= wanted * 0.999).unwrap_or(10.0) * power;
        // Not a sum, which would drift.
        let marks = (0..).map(|index| f64::from(index) * step).take_while(|mark| *mark <= end * (1.0 + 1e-9)).collect();
        Axis { step, marks }
    }

    /// The text of each mark of a time in seconds, all in one unit.
    pub fn times(&self) -> Vec<String> {
        let end = self.marks.last().copied().unwrap_or_default();
        let (unit, in_a_second) = unit(end);
        let digits = digits(self.step * in_a_second);
        self.marks.iter().map(|mark| format!("{:.digits$} {unit}", mark * in_a_second)).collect()
    }

    /// The text of each mark.
    pub fn numbers(&self) -> Vec<String> {
        let digits = digits(self.step);
        self.marks.iter().map(|mark| format!("{mark:.digits$}")).collect()
    }
}

fn unit(seconds: f64) -> (&'static str, f64) {
    let units = [("s", 1.0), ("ms", 1e3), ("µs", 1e6)];
    // Rounding must not make 1000 ms of 1 s.
    units.into_iter().find(|(_, in_a_second)| seconds * in_a_second >= 0.9995).unwrap_or(("ns", 1e9))
}

/// Digits behind the point that tell multiples of `step` apart.
fn digits(step: f64) -> usize {
    (-step.log10() - 1e-9).ceil().clamp(0.0, 9.0) as usize
}

/// A time in seconds for people, with three digits: `12.3 ms`.
pub fn time_text(seconds: f64) -> String {
    if seconds <= 0.0 || seconds.is_nan() {
        return "0 s".to_owned();
    }
    if seconds >= 99.95 {
        let whole = seconds.round();
        let (minutes, rest) = ((whole / 60.0).floor(), whole % 60.0);
        return match minutes >= 100.0 {
            true => format!("{} h {} min", (minutes / 60.0).floor(), minutes % 60.0),
            false => format!("{minutes} min {rest} s"),
        };
    }
    let (unit, in_a_second) = unit(seconds);
    format!("{} {unit}", general(seconds * in_a_second))
}

/// A number with three digits, or all of those before the point.
pub fn general(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.9995 => format!("{value:.2}"),
        size if size > 0.0 => format!("{value:.3}"),
        _ => "0".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_within() {
        assert_eq!(Axis::new(1.0, 5).marks, [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(Axis::new(1.0, 5).numbers(), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(Axis::new(4.0, 4).numbers(), ["0", "1", "2", "3", "4"]);
        for end in [1e-9, 0.0031, 0.99, 7.0, 1234.5, 1e12] {
            let axis = Axis::new(end, 6);
            assert!((3..=7).contains(&axis.marks.len()), "{end}: {axis:?}");
            assert!(axis.marks.iter().all(|mark| *mark <= end * 1.000001));
        }
        for none in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Axis::new(none, 6).marks, [0.0]);
        }
    }

    #[test]
    fn times_share_a_unit() {
        assert_eq!(Axis::new(2.1, 4).times(), ["0 s", "1 s", "2 s"]);
        assert_eq!(Axis::new(0.0021, 4).times(), ["0 ms", "1 ms", "2 ms"]);
        assert_eq!(Axis::new(0.21, 5).times(), ["0 ms", "50 ms", "100 ms", "150 ms", "200 ms"]);
        assert_eq!(Axis::new(5e-7, 5).times(), ["0 ns", "100 ns", "200 ns", "300 ns", "400 ns", "500 ns"]);
    }

    #[test]
    fn times_read_well() {
        let texts = [0.0, 1.5e-9, 0.0123456, 0.99999, 1.0, 61.0, 100.0, 3725.0, 7200.0];
        let expected =
            ["0 s", "1.50 ns", "12.3 ms", "1.00 s", "1.00 s", "61.0 s", "1 min 40 s", "62 min 5 s", "2 h 0 min"];
        assert_eq!(texts.map(time_text), expected);
    }
}
