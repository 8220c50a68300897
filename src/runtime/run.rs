//! The thread that runs cells, and how a cell's code ends.

use std::any::Any;
use std::cell::RefCell;
use std::fmt::{Debug, Display};
use std::mem::ManuallyDrop;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use serde_json::Value;

use crate::message::{Ending, FromCell, PanicReport, ToCell};
use crate::process;
use crate::queue::taken;
use crate::thread::registry;
use crate::{interact, timeline, timing};

use super::interrupt::{self, Interrupted};
use super::{bounded, caught, foreign, host, pool, store, text, wait};

/// Room for deep recursion and large arrays on the stack. Only pages that are used
/// take memory.
const STACK_BYTES: usize = 256 << 20;
/// Where the system grants no such stack.
const SMALL_STACK_BYTES: usize = 8 << 20;

/// A compiled cell's entry point.
pub type Entry = extern "C" fn();

/// What a `?` at the top level of a cell met.
///
/// It has no `Debug` of its own, so that every error that has one converts into it.
pub struct CellError {
    type_name: &'static str,
    text: String,
}

impl<E: Debug> From<E> for CellError {
    fn from(error: E) -> CellError {
        CellError::new(std::any::type_name::<E>(), &error)
    }
}

impl CellError {
    fn new(type_name: &'static str, error: &dyn Debug) -> CellError {
        CellError { type_name, text: bounded::debug_text(error, false, bounded::MESSAGE) }
    }
}

/// The same after `%efmt {:#?}`.
pub struct PrettyError(CellError);

impl<E: Debug> From<E> for PrettyError {
    fn from(error: E) -> PrettyError {
        let text = bounded::debug_text(&error, true, bounded::MESSAGE);
        PrettyError(CellError { type_name: std::any::type_name::<E>(), text })
    }
}

/// The same after `%efmt {}`: every error that has `Display` converts into it.
pub struct DisplayedError(CellError);

impl<E: Display> From<E> for DisplayedError {
    fn from(error: E) -> DisplayedError {
        let text = bounded::display_text(&error, bounded::MESSAGE);
        DisplayedError(CellError { type_name: std::any::type_name::<E>(), text })
    }
}

/// The error of a cell, however it was converted.
pub trait IntoCellError {
    fn into_cell_error(self) -> CellError;
}

impl IntoCellError for CellError {
    fn into_cell_error(self) -> CellError {
        self
    }
}

impl IntoCellError for PrettyError {
    fn into_cell_error(self) -> CellError {
        self.0
    }
}

impl IntoCellError for DisplayedError {
    fn into_cell_error(self) -> CellError {
        self.0
    }
}

thread_local! {
    static ENDING: RefCell<Option<Ending>> = const { RefCell::new(None) };
    /// The latest panic on the thread that runs cells.
    static LAST_PANIC: RefCell<Option<PanicReport>> = const { RefCell::new(None) };
}

/// The way to the one thread for cells: `thread_local!`s keep their values from cell to cell.
static CELLS: Mutex<Option<mpsc::Sender<Job>>> = Mutex::new(None);

struct Job {
    run: u64,
    /// The work may use rayon.
    rayon: bool,
    work: Work,
}

enum Work {
    Cell {
        entry: Entry,
        /// What the compiler took for it, in seconds.
        compile_seconds: f64,
    },
    /// One that evcxr has compiled.
    Foreign { entry: foreign::Entry, compile_seconds: f64 },
    /// Controls have new values.
    Controls { id: u64, values: Vec<Value> },
}

/// How a cell's code ended, in the hands of that code. (With an [`Ending`] as it is, each
/// cell would compile the drop of all that is in one.)
pub struct Ended(ManuallyDrop<Ending>);

impl Ended {
    fn new(ending: Ending) -> Ended {
        Ended(ManuallyDrop::new(ending))
    }

    fn into_inner(self) -> Ending {
        let mut ended = ManuallyDrop::new(self);
        // SAFETY: it is not used after this, nor dropped.
        unsafe { ManuallyDrop::take(&mut ended.0) }
    }
}

impl Drop for Ended {
    #[inline(never)]
    fn drop(&mut self) {
        // SAFETY: nothing uses it after this.
        unsafe { ManuallyDrop::drop(&mut self.0) };
    }
}

/// Runs the statements of a cell and catches what they throw. The variables that the
/// closure only borrows are still there afterwards.
pub fn catch<E: IntoCellError>(statements: impl FnOnce() -> Result<(), E>) -> Ended {
    // A thin shell: what needs no type is compiled once, in `ended`.
    ended(panic::catch_unwind(AssertUnwindSafe(|| statements().map_err(E::into_cell_error))))
}

fn ended(caught: thread::Result<Result<(), CellError>>) -> Ended {
    Ended::new(ending(caught))
}

fn ending(caught: thread::Result<Result<(), CellError>>) -> Ending {
    if !matches!(caught, Ok(Ok(()))) {
        taken::give_up_all();
    }
    match caught {
        Ok(Ok(())) => Ending::Finished,
        Ok(Err(error)) => Ending::Failed { type_name: error.type_name.to_owned(), text: error.text },
        Err(payload) => panicked(payload),
    }
}

fn panicked(payload: Box<dyn Any + Send>) -> Ending {
    let payload = match payload.downcast::<Interrupted>() {
        Ok(interrupted) => return Ending::Interrupted(interrupted.0),
        Err(payload) => payload,
    };
    let report = LAST_PANIC.take().unwrap_or_else(|| PanicReport {
        // A hook of the person's own is in place, or the panic was resumed.
        text: bounded::cut(&caught::payload_text(payload.as_ref()), bounded::MESSAGE),
        ..PanicReport::default()
    });
    // Dropping a payload can run any code, which can panic again.
    std::mem::forget(payload);
    Ending::Panicked(report)
}

/// The latest panic on the calling thread, which has ended a cell.
pub(super) fn take_last_panic() -> PanicReport {
    LAST_PANIC.take().unwrap_or_default()
}

/// The body of every cell's entry point.
pub fn enter(body: fn() -> Ended) {
    // A drop of the cell's own variables can panic outside of `catch`.
    let ended = panic::catch_unwind(AssertUnwindSafe(body));
    let ending = ended.map_or_else(panicked, Ended::into_inner);
    ENDING.set(Some(ending));
}

/// Starts the thread for cells and what goes with it. In a copy of the process these are
/// started anew.
fn start() -> Result<(), String> {
    let (sender, cells) = mpsc::channel::<Job>();
    // Shared, since a spawn that fails does not give its closure back.
    let cells = Arc::new(Mutex::new(cells));
    let spawn = |stack_bytes| {
        let cells = cells.clone();
        let work = move || {
            interrupt::is_cell_thread();
            // In the list of threads, also of those in a copy of the process.
            registry::current();
            host::send(&FromCell::Ready { controls: interact::ids() });
            let cells = cells.lock().unwrap_or_else(PoisonError::into_inner);
            for job in cells.iter() {
                run_job(job);
            }
        };
        thread::Builder::new().name("main".to_owned()).stack_size(stack_bytes).spawn(work)
    };
    text::start_flushing();
    spawn(STACK_BYTES).or_else(|_| spawn(SMALL_STACK_BYTES)).map_err(|error| error.to_string())?;
    let old = CELLS.lock().unwrap_or_else(PoisonError::into_inner).replace(sender);
    // In a copy of the process a thread that does not exist there may hold the channel's
    // lock: it was just waiting for its next cell. Dropping the sender would wait for that.
    std::mem::forget(old);
    Ok(())
}

fn run_job(Job { run, rayon, work }: Job) {
    if rayon {
        pool::join();
    }
    interrupt::reset();
    host::enter_run(run);
    text::flush_while_running(true);
    match work {
        Work::Cell { entry, compile_seconds } => {
            timing::set_compile_time(compile_seconds);
            entry();
        }
        Work::Foreign { entry, compile_seconds } => {
            timing::set_compile_time(compile_seconds);
            ENDING.set(Some(foreign::call(entry)));
        }
        Work::Controls { id, values } => {
            let call = || interact::call(id, &values).map_err(|text| CellError { type_name: "&str", text });
            ENDING.set(Some(catch::<CellError>(call).into_inner()));
        }
    }
    text::flush_while_running(false);
    host::flush_text();
    tell_caught_panic(run);
    let ending = ENDING.take().unwrap_or_else(|| Ending::NotLoaded("the cell has no entry point".to_owned()));
    host::send(&FromCell::Ended { run, ending, variables: store::names() });
}

/// A panic that the cell itself caught is told like one of another thread.
fn tell_caught_panic(run: u64) {
    if let Some(panic) = LAST_PANIC.take() {
        host::send(&FromCell::Panic { run, panic });
    }
}

fn report_panic(info: &panic::PanicHookInfo<'_>) {
    // A task's panic is its executor's.
    if caught::note(info) {
        return;
    }
    let report = caught::report(info);
    if host::has_left() {
        return print_panic(&report);
    }
    let run = host::current_run();
    let is_last = caught::is_last(&report);
    if interrupt::on_cell_thread() && !is_last {
        tell_caught_panic(run);
        LAST_PANIC.set(Some(report));
    } else {
        if interrupt::on_cell_thread() {
            tell_caught_panic(run);
        }
        host::flush_text();
        host::send(&FromCell::Panic { run, panic: report });
    }
}

/// In a forked child, where no kernel makes it pretty. The thread that runs the child's
/// work has the process's name.
pub(super) fn print_panic(report: &PanicReport) {
    let PanicReport { text, file, line, column, .. } = report;
    // (A cell's places are not where the compiler thinks they are: the kernel alone can tell.)
    let has_place = !file.is_empty() && !host::is_notebook();
    let place = if has_place { format!(" at {file}:{line}:{column}") } else { String::new() };
    let process = process::current_process();
    let thread = match &report.thread {
        Some(name) if name != process.name() => format!(", thread '{name}',"),
        _ => String::new(),
    };
    host::flush_text();
    text::write_err_line(format_args!("process '{}'{thread} panicked{place}:\n{text}", process.name()));
}

/// Called once by the worker process. Says [`FromCell::Ready`] when cells can run;
/// returns false when they never will.
#[unsafe(no_mangle)]
pub extern "C" fn threadbook_start(worker: host::Host) -> bool {
    host::connect(worker);
    panic::set_hook(Box::new(report_panic));
    wait::prepare();
    start().is_ok()
}

/// Called by the worker process in a copy of itself that takes over: the copy has the
/// memory of the original, but none of its threads. Otherwise as [`threadbook_start`].
#[unsafe(no_mangle)]
pub extern "C" fn threadbook_start_again() -> bool {
    host::forget_waiting();
    interrupt::forget_waits();
    wait::forget_runtime();
    timeline::take_over();
    process::forget_children();
    start().is_ok()
}

/// Hands a loaded cell to the thread for cells and returns at once.
#[unsafe(no_mangle)]
pub extern "C" fn threadbook_run(run: u64, entry: Entry, rayon: bool, compile_seconds: f64) {
    begin(Job { run, rayon, work: Work::Cell { entry, compile_seconds } });
}

/// The same for a cell that evcxr has compiled.
#[unsafe(no_mangle)]
pub extern "C" fn threadbook_run_foreign(run: u64, entry: foreign::Entry, rayon: bool, compile_seconds: f64) {
    begin(Job { run, rayon, work: Work::Foreign { entry, compile_seconds } });
}

fn begin(job: Job) {
    if let Some(cells) = &*CELLS.lock().unwrap_or_else(PoisonError::into_inner) {
        let _ = cells.send(job);
    }
}

/// Takes in one message from the kernel, as JSON.
///
/// # Safety
/// `bytes` points to `length` readable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn threadbook_deliver(bytes: *const u8, length: usize) {
    // SAFETY: the caller's promise.
    let json = unsafe { std::slice::from_raw_parts(bytes, length) };
    match serde_json::from_slice(json) {
        Ok(ToCell::Forget { names }) => store::forget(&names),
        Ok(ToCell::Call { run, controls, values, rayon, .. }) => {
            begin(Job { run, rayon, work: Work::Controls { id: controls, values } });
        }
        Ok(ToCell::DropControls { ids }) => interact::forget(&ids),
        Ok(ToCell::Interrupt { run, everyone }) => interrupt::ask(run, everyone),
        Ok(message) => host::deliver(message),
        Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_with_debug_converts() {
        fn text<E: IntoCellError>(result: impl FnOnce() -> Result<(), E>) -> String {
            match catch(result).into_inner() {
                Ending::Failed { text, .. } => text,
                other => panic!("expected a failure, got {other:?}"),
            }
        }
        assert!(text::<CellError>(|| Ok("x".parse::<i32>().map(|_| ())?)).contains("InvalidDigit"));
        assert!(text::<CellError>(|| Err("plain text")?).contains("plain text"));
        assert!(text::<CellError>(|| Err(Box::<dyn std::error::Error>::from("boxed"))?).contains("boxed"));
        assert!(text::<PrettyError>(|| Err(Some(1))?).contains("\n    1,\n"));
        assert_eq!(text::<DisplayedError>(|| Ok("x".parse::<i32>().map(|_| ())?)), "invalid digit found in string");
    }

    #[test]
    fn a_panic_is_an_ending() {
        match catch::<CellError>(|| panic!("of {}", "mine")).into_inner() {
            Ending::Panicked(report) => assert_eq!(report.text, "of mine"),
            other => panic!("expected a panic, got {other:?}"),
        }
    }
}
