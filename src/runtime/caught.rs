//! Catching the panics of tasks, with their message and place.
//!
//! A payload tells the message only; the place is known to the panic hook alone. So while
//! a task runs, the hook keeps what it would have printed, and whoever runs the task takes
//! it: to hand it on as an error, or to [`tell`] it when nobody asks for that error.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;
use std::thread;

use super::interrupt::Interrupted;
use super::{bounded, calls, host, run};
use crate::message::{FromCell, PanicReport};

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static REPORT: RefCell<Option<PanicReport>> = const { RefCell::new(None) };
}

/// How a task ended that did not end well.
pub enum Caught {
    Panicked(PanicReport),
    /// A wait in it was interrupted.
    Interrupted(Interrupted),
}

/// Runs `task`. What it panics with is not printed.
pub fn catch(task: &mut dyn FnMut()) -> Result<(), Caught> {
    prepare_hook();
    let was_catching = CATCHING.replace(true);
    let outer_report = REPORT.take();
    let ending = panic::catch_unwind(AssertUnwindSafe(task));
    CATCHING.set(was_catching);
    let report = REPORT.replace(outer_report);
    match ending {
        Ok(()) => {
            // The task has caught it itself, and it is not lost for that.
            if let Some(report) = report {
                tell(report, host::current_run());
            }
            Ok(())
        }
        Err(payload) => Err(match payload.downcast::<Interrupted>() {
            Ok(interrupted) => Caught::Interrupted(*interrupted),
            Err(payload) => Caught::Panicked(report.unwrap_or_else(|| without_place(payload))),
        }),
    }
}

/// A hook of the person's own is in place, or the panic was resumed.
fn without_place(payload: Box<dyn Any + Send>) -> PanicReport {
    let text = bounded::cut(&payload_text(payload.as_ref()), bounded::MESSAGE);
    // Dropping a payload can run any code, which can panic again.
    std::mem::forget(payload);
    PanicReport { thread: thread_name(), text, ..PanicReport::default() }
}

/// What was given to `panic!`, if it is text.
pub fn payload_text(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "Box<dyn Any>".to_owned()
    }
}

fn thread_name() -> Option<String> {
    thread::current().name().map(str::to_owned)
}

/// Called by the panic hook: whether the panic was taken over.
pub fn note(info: &PanicHookInfo<'_>) -> bool {
    // A thread that ends may have no such variables any more.
    if !CATCHING.try_with(Cell::get).unwrap_or(false) {
        return false;
    }
    let report = report(info);
    if is_last(&report) {
        return false;
    }
    if let Some(earlier) = REPORT.replace(Some(report)) {
        tell(earlier, host::current_run());
    }
    true
}

/// Such a panic ends the process: nobody will catch it and tell.
pub fn is_last(report: &PanicReport) -> bool {
    ["panic in a destructor during cleanup", "panic in a function that cannot unwind"].contains(&report.text.as_str())
}

/// All that the hook knows about a panic.
pub fn report(info: &PanicHookInfo<'_>) -> PanicReport {
    let wants_backtrace = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0");
    let location = info.location();
    PanicReport {
        thread: thread_name(),
        text: bounded::cut(&payload_text(info.payload()), bounded::MESSAGE),
        file: location.map(|place| place.file().to_owned()).unwrap_or_default(),
        line: location.map_or(0, panic::Location::line),
        column: location.map_or(0, panic::Location::column),
        backtrace: wants_backtrace.then(|| host::describe(&calls::capture())),
    }
}

/// Shows a panic of which nobody took notice, under the cell that it belongs to.
pub fn tell(report: PanicReport, run: u64) {
    host::flush_text();
    if host::is_connected() {
        host::send(&FromCell::Panic { run, panic: report });
        return;
    }
    let thread = report.thread.as_deref().unwrap_or("<unnamed>");
    let PanicReport { text, file, line, column, .. } = &report;
    let place = if file.is_empty() { String::new() } else { format!(" at {file}:{line}:{column}") };
    std::eprintln!("\nthread '{thread}' panicked{place}:\n{text}");
}

/// In a notebook the hook is the worker's. In a program it stays what it is for all
/// panics but those of tasks, and those in forked children.
pub(super) fn prepare_hook() {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(|| {
        if host::is_connected() || thread::panicking() {
            return;
        }
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if note(info) {
                return;
            }
            if host::has_left() {
                // What std prints takes locks that may have been held at the fork.
                run::print_panic(&report(info));
            } else {
                usual(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_caught_with_its_message_and_place() {
        let caught = catch(&mut || panic!("of {}", 5));
        let Err(Caught::Panicked(report)) = caught else { panic!("it has panicked") };
        assert_eq!(report.text, "of 5");
        assert!(report.file.ends_with("caught.rs") && report.line > 0, "{report:?}");
    }

    #[test]
    fn catching_nests() {
        let outer = catch(&mut || {
            let inner = catch(&mut || panic!("inner"));
            assert!(matches!(inner, Err(Caught::Panicked(report)) if report.text == "inner"));
            panic!("outer");
        });
        assert!(matches!(outer, Err(Caught::Panicked(report)) if report.text == "outer"));
    }
}
