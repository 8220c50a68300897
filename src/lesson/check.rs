//! Exercises that check themselves.

use crate::__rt::caught::{self, Caught};
use crate::executor::core::panic_text;

/// Says whether what somebody has written does what it should: `test` panics if not, most
/// often by an assertion. Prints a line, and a notebook goes on in both cases, so that an
/// exercise that nobody has done yet stops nothing.
///
/// ```
/// # use threadbook::prelude::*;
/// fn double(x: i32) -> i32 {
///     todo!()
/// }
/// check("double", || assert_eq!(double(4), 8)); // ✘ double: not yet implemented
/// ```
///
/// Unwinds on an interrupt.
#[track_caller]
pub fn check(what: &str, test: impl FnOnce()) {
    let mut test = Some(test);
    show(what, &mut || {
        if let Some(test) = test.take() {
            test();
        }
    });
}

fn show(what: &str, test: &mut dyn FnMut()) -> bool {
    match caught::catch(test) {
        Ok(()) => {
            crate::__rt::write_line(format_args!("✔ {what}"));
            true
        }
        Err(Caught::Panicked(report)) => {
            crate::__rt::write_line(format_args!("✘ {what}: {}", panic_text(&report)));
            false
        }
        Err(Caught::Interrupted(interrupted)) => std::panic::resume_unwind(Box::new(interrupted)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_answer() {
        assert!(show("one is one", &mut || assert_eq!(1, 1)));
        assert!(!show("one is two", &mut || assert_eq!(1, 2)));
    }
}
