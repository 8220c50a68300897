//! Text that appears while it is written, half lines too.
//!
//! std's stdout keeps an unfinished line back until its end comes. The `print!` of the
//! prelude pushes it on at once; for all other ways to write (`write!`, code of other
//! crates) a thread does so some forty times a second while a cell runs.
//!
//! A cell that prints without end can be interrupted where it prints: hence `println!`
//! and its sisters, too.

use std::fmt::Arguments;
use std::io::{self, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::{host, interrupt};

const FLUSH_EVERY: Duration = Duration::from_millis(25);

static RUNNING: Mutex<bool> = Mutex::new(false);
static RUNNING_CHANGES: Condvar = Condvar::new();

/// Like std's `print!`, but the text appears at once, without the end of the line.
#[macro_export]
macro_rules! print {
    ($($argument:tt)*) => {
        $crate::__rt::write_now(::std::format_args!($($argument)*))
    };
}

/// Like std's `println!`, and an interrupt of the cell ends it here.
#[macro_export]
macro_rules! println {
    () => {
        $crate::__rt::write_line(::std::format_args!(""))
    };
    ($($argument:tt)*) => {
        $crate::__rt::write_line(::std::format_args!($($argument)*))
    };
}

/// Like std's `eprint!`, and an interrupt of the cell ends it here.
#[macro_export]
macro_rules! eprint {
    ($($argument:tt)*) => {
        $crate::__rt::write_err_now(::std::format_args!($($argument)*))
    };
}

/// Like std's `eprintln!`, and an interrupt of the cell ends it here.
#[macro_export]
macro_rules! eprintln {
    () => {
        $crate::__rt::write_err_line(::std::format_args!(""))
    };
    ($($argument:tt)*) => {
        $crate::__rt::write_err_line(::std::format_args!($($argument)*))
    };
}

// In all of these an error is passed over, as for a terminal that went away: there is
// nobody to tell.

#[track_caller]
pub fn write_now(text: Arguments<'_>) {
    interrupt::check();
    let mut stdout = io::stdout().lock();
    let written = stdout.write_fmt(text);
    // Text of several processes mixes by lines.
    if !host::has_left() {
        let _ = written.and_then(|()| stdout.flush());
    }
}

#[track_caller]
pub fn write_line(text: Arguments<'_>) {
    interrupt::check();
    if host::has_left() {
        // In one piece, however long it is: other processes write to the same pipe.
        let _ = io::stdout().lock().write_all(format!("{text}\n").as_bytes());
        return;
    }
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_fmt(text).and_then(|()| stdout.write_all(b"\n"));
}

#[track_caller]
pub fn write_err_now(text: Arguments<'_>) {
    write_err(text, "");
}

#[track_caller]
pub fn write_err_line(text: Arguments<'_>) {
    write_err(text, "\n");
}

#[track_caller]
fn write_err(text: Arguments<'_>, end: &str) {
    interrupt::check();
    // Formatted before it is written: stderr has no buffer, and each piece would go alone.
    let _ = io::stderr().lock().write_all(format!("{text}{end}").as_bytes());
}

/// Starts the thread that pushes unfinished lines on.
pub(super) fn start_flushing() {
    let flush = || {
        let mut running = lock_running();
        loop {
            running = RUNNING_CHANGES.wait_while(running, |running| !*running).unwrap_or_else(PoisonError::into_inner);
            // Ends early when the cell does, so that nothing goes on between cells.
            let waited = RUNNING_CHANGES.wait_timeout_while(running, FLUSH_EVERY, |running| *running);
            let (still_running, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if *still_running {
                drop(still_running);
                let _ = io::stdout().flush();
                running = lock_running();
            } else {
                running = still_running;
            }
        }
    };
    // Without this thread half lines come at the end of the cell.
    let _ = thread::Builder::new().name("threadbook-flush".to_owned()).stack_size(64 << 10).spawn(flush);
}

pub(super) fn flush_while_running(running: bool) {
    *lock_running() = running;
    RUNNING_CHANGES.notify_all();
}

/// Held while the process forks.
pub(super) fn lock_running() -> MutexGuard<'static, bool> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}
