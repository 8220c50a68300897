//! Text that appears while it is written, half lines too.
//!
//! std's stdout keeps an unfinished line back until its end comes. The `print!` of the
//! prelude pushes it on at once; for all other ways to write (`write!`, code of other
//! crates) a thread does so some forty times a second while a cell runs.

use std::fmt::Arguments;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

const FLUSH_EVERY: Duration = Duration::from_millis(25);

static RUNNING: AtomicBool = AtomicBool::new(false);
static FLUSHER: OnceLock<Thread> = OnceLock::new();

/// Like std's `print!`, but the text appears at once, without the end of the line.
#[macro_export]
macro_rules! print {
    ($($argument:tt)*) => {
        $crate::__rt::write_now(::std::format_args!($($argument)*))
    };
}

#[doc(hidden)]
pub fn write_now(text: Arguments<'_>) {
    let mut stdout = io::stdout().lock();
    // As for a terminal that went away: there is nobody to tell.
    let _ = stdout.write_fmt(text).and_then(|()| stdout.flush());
}

pub(super) fn start_flushing() {
    let flush = || {
        loop {
            while RUNNING.load(Ordering::Acquire) {
                thread::sleep(FLUSH_EVERY);
                let _ = io::stdout().flush();
            }
            thread::park();
        }
    };
    // Without this thread half lines come at the end of the cell.
    if let Ok(handle) = thread::Builder::new().name("threadbook-flush".to_owned()).stack_size(64 << 10).spawn(flush) {
        let _ = FLUSHER.set(handle.thread().clone());
    }
}

pub(super) fn flush_while_running(running: bool) {
    RUNNING.store(running, Ordering::Release);
    if running && let Some(flusher) = FLUSHER.get() {
        flusher.unpark();
    }
}
