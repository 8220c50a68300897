//! How much a cell may show, and the environment variables that set it.
//!
//! The kernel and the code of cells read the same variables, so both know the same
//! limits.

/// One limit, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The environment variable that sets it, in MiB.
    pub variable: &'static str,
    /// Without the variable, in MiB.
    pub usual: u64,
    /// The largest value of the variable, in MiB.
    pub most: u64,
}

/// The text that a run of a cell may print, stdout and stderr together.
pub const OUTPUT: Limit = Limit { variable: "THREADBOOK_OUTPUT_LIMIT", usual: 64, most: 1 << 20 };

/// One display or result, as the JSON that goes to the front end.
pub const DISPLAY: Limit = Limit { variable: "THREADBOOK_DISPLAY_LIMIT", usual: 16, most: 1024 };

/// What a message may have beside its display: names, numbers, a panic's text.
pub const BESIDE: usize = 1 << 20;

const MIB: u64 = 1 << 20;

impl Limit {
    /// The limit in bytes as the environment sets it.
    ///
    /// # Errors
    /// When the variable's value is none: one line that says what holds instead.
    pub fn from_environment(self) -> Result<u64, String> {
        match std::env::var_os(self.variable) {
            Some(value) => self.parse(&value.to_string_lossy()),
            None => Ok(self.usual * MIB),
        }
    }

    /// As [`Limit::from_environment`]; a value that is none counts as not set.
    pub fn or_usual(self) -> u64 {
        self.from_environment().unwrap_or(self.usual * MIB)
    }

    fn parse(self, value: &str) -> Result<u64, String> {
        let Limit { variable, usual, most } = self;
        match value.trim().parse::<u64>() {
            Ok(mib) if (1..=most).contains(&mib) => Ok(mib * MIB),
            _ => Err(format!(
                "{variable} is {value:?}, but has to be a whole number of MiB from 1 to {most}: the usual {usual} MiB hold"
            )),
        }
    }
}

/// A number of bytes for people: `12 bytes`, `3.5 MiB`.
pub fn size(bytes: u64) -> String {
    let units = [(MIB << 10, "GiB"), (MIB, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) if bytes.is_multiple_of(unit) => format!("{} {name}", bytes / unit),
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_whole_numbers_of_mib() {
        assert_eq!(OUTPUT.parse("64"), Ok(64 << 20));
        assert_eq!(OUTPUT.parse(" 1 "), Ok(1 << 20));
        for bad in ["", "0", "-1", "1.5", "64 MiB", "2000000000000", "lots"] {
            let line = OUTPUT.parse(bad).expect_err(bad);
            assert!(line.contains("THREADBOOK_OUTPUT_LIMIT") && line.contains("64 MiB") && !line.contains('\n'));
        }
        assert!(DISPLAY.parse("1025").is_err());
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!(size(0), "0 bytes");
        assert_eq!(size(1023), "1023 bytes");
        assert_eq!(size(64 << 20), "64 MiB");
        assert_eq!(size(3 << 29), "1.5 GiB");
        assert_eq!(size(1536), "1.5 KiB");
    }
}
