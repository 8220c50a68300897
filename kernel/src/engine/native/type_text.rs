//! A type as the compiler prints it, made into a type that source code can name.

use crate::cell::lifetimes;

/// The type as source for a variable that lives as long as the notebook: lifetimes
/// that the compiler has erased are `'static`, since only such values are kept. `None`
/// for types that have no name: closures, `impl Trait`, async blocks.
pub fn nameable(printed: &str) -> Option<String> {
    if printed.contains('{') || printed.contains("impl ") {
        return None;
    }
    lifetimes::with_static(&without_unnamed_crates(printed))
}

/// `crossbeam_channel::Sender` of `_::crossbeam_channel::Sender`: the prelude's library is
/// linked without a name, and the compiler's path to a crate may lead through it.
fn without_unnamed_crates(printed: &str) -> String {
    let mut text = String::with_capacity(printed.len());
    for part in printed.split_inclusive("_::") {
        match part.strip_suffix("_::") {
            Some(before) if !before.ends_with(|c: char| c.is_alphanumeric() || c == '_') => text.push_str(before),
            _ => text.push_str(part),
        }
    }
    text
}

/// `fn(i32) -> i32` of a function item's type `fn(i32) -> i32 {name}`.
pub fn function_pointer(printed: &str) -> Option<String> {
    let (pointer, name) = printed.split_once(" {")?;
    let is_function = pointer.contains("fn(") && name.ends_with('}') && !pointer.contains('{') && !name.contains('@');
    is_function.then(|| nameable(pointer)).flatten()
}

/// Why a variable of this type cannot be kept and what to do instead.
pub fn why_unnameable(name: &str, printed: &str) -> String {
    if printed.starts_with("{closure@") {
        format!(
            "its signature cannot be written as a type: define a `fn`, or box it: `let {name}: Box<dyn Fn(…) -> …> = Box::new(…);`"
        )
    } else if printed.contains("{async") || printed.contains("{coroutine") {
        "it is a future without a name: `.await` it in this cell, or keep it as `Box::pin(…) as std::pin::Pin<Box<dyn Future<Output = …> + Send>>`".to_owned()
    } else if printed.contains("{closure@") {
        "its type contains a closure, which has no name: finish it in this cell (`.collect::<Vec<_>>()`), or box it"
            .to_owned()
    } else {
        "its type has no name that another cell could write: convert it in this cell, or box it as `Box<dyn Trait>`"
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unnamed_crates_are_left_out_of_paths() {
        let printed = "std::vec::Vec<_::crossbeam_channel::Sender<my_::T>>";
        assert_eq!(nameable(printed).as_deref(), Some("std::vec::Vec<crossbeam_channel::Sender<my_::T>>"));
    }

    #[test]
    fn what_has_no_name_is_refused() {
        assert_eq!(nameable("std::iter::Map<std::ops::Range<i32>, {closure@cell.rs:12:29: 12:32}>"), None);
        assert_eq!(function_pointer("fn(i32) {std::mem::drop::<i32>}"), Some("fn(i32)".to_owned()));
        assert_eq!(function_pointer("{closure@a}"), None);
    }
}
