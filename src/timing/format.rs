//! Numbers as IPython writes them.

/// A time with so many significant digits, in the unit that fits: `804 ms`, `21.2 ns`;
/// from a minute on in whole parts: `1h 1min 1s`. Takes seconds; zero, what is less and
/// NaN are `0 ns`.
///
/// ```
/// # use threadbook::prelude::*;
/// assert_eq!(format_time(0.000361, 3), "361 μs");
/// assert_eq!(format_time(75.4, 3), "1min 15s");
/// ```
pub fn format_time(seconds: f64, precision: usize) -> String {
    if seconds >= 60.0 {
        return long_time(seconds);
    }
    // By powers of a thousand, as if it were written with infinitely many digits.
    let order = match seconds > 0.0 {
        true => (-(seconds.log10().floor() as i32).div_euclid(3)).clamp(0, 3) as usize,
        false => 3,
    };
    let (unit, in_a_second) = [("s", 1.0), ("ms", 1e3), ("\u{3bc}s", 1e6), ("ns", 1e9)][order];
    let value = if seconds > 0.0 { seconds * in_a_second } else { 0.0 };
    format!("{} {unit}", general(value, precision))
}

fn long_time(seconds: f64) -> String {
    let mut left = seconds;
    let mut parts = Vec::new();
    for (unit, length) in [("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("s", 1.0)] {
        let whole = (left / length).floor();
        if whole > 0.0 {
            left %= length;
            parts.push(format!("{whole}{unit}"));
        }
        if left < 1.0 {
            break;
        }
    }
    parts.join(" ")
}

/// C's `%.*g`: so many significant digits without zeros at the end, and a power of ten
/// for numbers that have more digits before the point, or many zeros behind it.
fn general(value: f64, precision: usize) -> String {
    // More digits than any `f64` has are zeros.
    let precision = precision.clamp(1, 1_000);
    if value == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{value:.*e}", precision - 1);
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if exponent < -4 || exponent >= precision as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", without_zeros(digits), exponent.abs());
    }
    let behind = (precision as i32 - 1 - exponent).max(0) as usize;
    without_zeros(&format!("{value:.behind$}")).to_owned()
}

fn without_zeros(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// A whole number with a comma between thousands: `10,000,000`.
///
/// ```
/// # use threadbook::prelude::*;
/// assert_eq!(format_count(1234567), "1,234,567");
/// ```
pub fn format_count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by IPython 9.18's own function.
    #[test]
    fn times_read_as_in_ipython() {
        let times: &[(f64, usize, &str)] = &[
            (0.0, 3, "0 ns"),
            (1e-12, 3, "0.001 ns"),
            (4.56e-10, 3, "0.456 ns"),
            (1e-9, 3, "1 ns"),
            (1.5e-15, 3, "1.5e-06 ns"),
            (21.2e-9, 3, "21.2 ns"),
            (12.5e-9, 2, "12 ns"),
            (1e-6, 3, "1 μs"),
            (361e-6, 3, "361 μs"),
            (999.9996e-6, 3, "1e+03 μs"),
            (0.001, 3, "1 ms"),
            (0.0532, 0, "5e+01 ms"),
            (0.0532, 1, "5e+01 ms"),
            (0.0532, 5, "53.2 ms"),
            (0.0532, 10, "53.2 ms"),
            (0.2634, 3, "263 ms"),
            (0.804, 3, "804 ms"),
            (0.99999, 3, "1e+03 ms"),
            (1.0, 3, "1 s"),
            (59.9999, 3, "60 s"),
            (60.0, 3, "1min"),
            (75.4, 3, "1min 15s"),
            (120.2, 3, "2min"),
            (3600.5, 3, "1h"),
            (3661.0, 3, "1h 1min 1s"),
            (86400.0, 3, "1d"),
            (90061.5, 3, "1d 1h 1min 1s"),
            (123456.789, 3, "1d 10h 17min 36s"),
        ];
        for &(seconds, precision, text) in times {
            assert_eq!(format_time(seconds, precision), text, "{seconds} with {precision} digits");
        }
    }

    #[test]
    fn what_is_no_time_is_zero() {
        assert_eq!(format_time(-1.0, 3), "0 ns");
        assert_eq!(format_time(f64::NAN, 3), "0 ns");
        assert!(format_time(1e-10, usize::MAX).starts_with("0.1"), "the digits that the number has");
    }

    #[test]
    fn thousands_have_commas() {
        let counts = [(0, "0"), (999, "999"), (1_000, "1,000"), (10_000_000, "10,000,000")];
        for (count, text) in counts {
            assert_eq!(format_count(count), text);
        }
        assert_eq!(format_count(u64::MAX), "18,446,744,073,709,551,615");
    }
}
