//! Cells that evcxr has compiled.
//!
//! Such a cell has a function that takes evcxr's store of variables and gives it back. It
//! catches panics itself and returns early when a `?` meets an error, and prints words that
//! evcxr would read. Here a macro of its own takes the place of `println!` at the top of
//! these crates and notes those words, and the kernel writes a call of [`finished`] behind
//! the last statement: so it is known how the cell has ended.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::fmt;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::message::Ending;
use crate::timeline::{Recorder, Timeline};
use crate::timing::Stopwatch;

use super::{bounded, interrupt, run, text, wait};

/// The entry point of a cell: takes evcxr's store, null at first, and gives it back.
pub type Entry = extern "C" fn(*mut c_void) -> *mut c_void;

static STORE: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());

thread_local! {
    static END: Cell<End> = const { Cell::new(End::NotBegun) };
    /// What may be the error that a `?` has met.
    static ERROR: RefCell<String> = const { RefCell::new(String::new()) };
    /// A cell's own variable would be one of the notebook's.
    static MEASURING: RefCell<Measuring> = const { RefCell::new(Measuring::No) };
}

/// Prints what may be the error that a `?` has met, as evcxr has it printed.
pub fn print_error(error: fmt::Arguments<'_>) {
    ERROR.replace(bounded::cut(&error.to_string(), bounded::MESSAGE));
    text::write_err_line(error);
}

/// What a measured cell is measured with; it tells what it has when it is dropped.
enum Measuring {
    No,
    Time(#[expect(dead_code, reason = "its drop counts")] Stopwatch),
    Timeline(Recorder),
}

/// How far a cell has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its variables do not have the types that it takes them for.
    NotBegun,
    /// Not to its end: it has returned.
    Returned,
    /// A `?` has met an error, which is printed.
    Failed,
    Panicked,
    Finished,
}

/// Called before the first statement of a cell.
pub fn begun() {
    END.set(End::Returned);
}

/// Called behind the last statement of a cell.
pub fn finished() {
    END.set(End::Finished);
}

/// Called in the place of evcxr's words for these ends.
pub fn ended(end: End) {
    END.set(end);
}

/// A cell for `%time` begins.
pub fn time() {
    MEASURING.replace(Measuring::Time(Stopwatch::begin()));
}

/// A cell for `%timeline` begins.
pub fn timeline() {
    MEASURING.replace(Measuring::Timeline(Recorder::begin()));
}

/// What was to be measured has ended: it is told now.
pub fn measured() {
    MEASURING.with_borrow_mut(|measuring| match measuring {
        Measuring::No => {}
        Measuring::Time(_) => *measuring = Measuring::No,
        // It may be asked for what it has recorded.
        Measuring::Timeline(recorder) => recorder.end(),
    });
}

/// What the cell for `%timeline` has recorded.
///
/// # Panics
/// Outside of one.
pub fn recorded() -> Timeline {
    match MEASURING.replace(Measuring::No) {
        Measuring::Timeline(mut recorder) => recorder.timeline(),
        _ => panic!("generated code asks in its place"),
    }
}

/// Calls a cell on the thread for cells.
pub(super) fn call(entry: Entry) -> Ending {
    END.set(End::NotBegun);
    interrupt::forget_stop();
    // A cell may call tokio, which wants to find its runtime. (Not from within: evcxr may have
    // entered one of its own there.)
    wait::enter_runtime();
    STORE.store(entry(STORE.load(Ordering::Acquire)), Ordering::Release);
    // After a panic, too.
    drop(MEASURING.replace(Measuring::No));
    match END.get() {
        End::Finished => Ending::Finished,
        End::Panicked => match interrupt::take_stop() {
            Some(place) => Ending::Interrupted(place),
            None => Ending::Panicked(run::take_last_panic()),
        },
        End::Failed => Ending::Failed { type_name: String::new(), text: ERROR.take() },
        End::Returned => Ending::Returned,
        End::NotBegun => Ending::NotLoaded("the types of some variables are not what they were".to_owned()),
    }
}

/// `println!` at the top of a crate that evcxr has made: see the module.
#[doc(hidden)]
#[macro_export]
macro_rules! __foreign_println {
    ("EVCXR_PANIC_NOTIFICATION") => {
        $crate::__rt::foreign::ended($crate::__rt::foreign::End::Panicked)
    };
    ("{}", evcxr_internal_runtime::USER_ERROR_OCCURRED) => {
        $crate::__rt::foreign::ended($crate::__rt::foreign::End::Failed)
    };
    ($($argument:tt)*) => {
        $crate::println!($($argument)*)
    };
}

/// `eprintln!` likewise.
#[doc(hidden)]
#[macro_export]
macro_rules! __foreign_eprintln {
    ("{:?}", $error:ident) => {
        $crate::__rt::foreign::print_error(::std::format_args!("{:?}", $error))
    };
    ("{:#?}", $error:ident) => {
        $crate::__rt::foreign::print_error(::std::format_args!("{:#?}", $error))
    };
    ("{}", $error:ident) => {
        $crate::__rt::foreign::print_error(::std::format_args!("{}", $error))
    };
    ($($argument:tt)*) => {
        $crate::eprintln!($($argument)*)
    };
}

pub use crate::{__foreign_eprintln as eprintln, __foreign_println as println, eprint, print};

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static SEEN: Cell<usize> = const { Cell::new(0) };
    }

    extern "C" fn counts(store: *mut c_void) -> *mut c_void {
        begun();
        SEEN.set(store.addr());
        finished();
        ptr::without_provenance_mut(store.addr() + 1)
    }

    extern "C" fn returns(store: *mut c_void) -> *mut c_void {
        begun();
        store
    }

    extern "C" fn has_other_types(store: *mut c_void) -> *mut c_void {
        store
    }

    extern "C" fn panics(store: *mut c_void) -> *mut c_void {
        if std::panic::catch_unwind(|| panic!("of mine")).is_err() {
            crate::__foreign_println!("EVCXR_PANIC_NOTIFICATION");
        }
        store
    }

    extern "C" fn is_stopped(store: *mut c_void) -> *mut c_void {
        if std::panic::catch_unwind(interrupt::stop_here).is_err() {
            crate::__foreign_println!("EVCXR_PANIC_NOTIFICATION");
        }
        store
    }

    extern "C" fn fails(store: *mut c_void) -> *mut c_void {
        mod evcxr_internal_runtime {
            pub const USER_ERROR_OCCURRED: &str = "EVCXR_ERROR_OCCURRED";
        }
        let _ = evcxr_internal_runtime::USER_ERROR_OCCURRED;
        let error = "of mine";
        crate::__foreign_eprintln!("{:?}", error);
        crate::__foreign_println!("{}", evcxr_internal_runtime::USER_ERROR_OCCURRED);
        store
    }

    #[test]
    fn it_is_known_how_cells_end_and_they_hand_their_store_on() {
        assert_eq!(call(counts), Ending::Finished);
        assert_eq!(SEEN.get(), 0, "there is no store at first");
        assert!(matches!(call(panics), Ending::Panicked(_)));
        assert!(matches!(call(is_stopped), Ending::Interrupted(_)), "a stop is no panic");
        assert!(matches!(call(panics), Ending::Panicked(_)), "an older stop is forgotten");
        assert!(matches!(call(fails), Ending::Failed { text, .. } if text == "\"of mine\""));
        assert_eq!(call(counts), Ending::Finished);
        assert_eq!(SEEN.get(), 1, "the store came back");
        assert_eq!(call(returns), Ending::Returned);
        assert!(matches!(call(has_other_types), Ending::NotLoaded(_)));
    }
}
