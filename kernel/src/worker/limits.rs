//! The limits of what a cell shows, as the kernel's environment sets them.

use std::sync::OnceLock;

use threadbook::limits::{DISPLAY, Limit, OUTPUT};

/// The text of a run, stdout and stderr together, in bytes.
pub fn output() -> usize {
    static BYTES: OnceLock<usize> = OnceLock::new();
    *BYTES.get_or_init(|| read(OUTPUT))
}

/// One display, as JSON, in bytes.
pub fn display() -> usize {
    static BYTES: OnceLock<usize> = OnceLock::new();
    *BYTES.get_or_init(|| read(DISPLAY))
}

fn read(limit: Limit) -> usize {
    let bytes = limit.from_environment().unwrap_or_else(|line| {
        tracing::warn!("{line}");
        limit.or_usual()
    });
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
