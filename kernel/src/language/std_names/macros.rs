//! The macros of the standard library, derives and common attributes.

use super::{DOCS, Member};

pub const MACROS: &[Member] = &[
    ("assert!(condition, …)", "Panics unless the condition holds."),
    ("assert_eq!(left, right, …)", "Panics unless both sides are equal, and shows them."),
    ("assert_ne!(left, right, …)", "Panics when both sides are equal."),
    ("cfg!(option)", "Whether a configuration option is set, as a `bool`."),
    ("column!()", "The column of this place in the source."),
    ("compile_error!(message)", "Stops the compilation with a message."),
    ("concat!(literals…)", "Literals put together to one string."),
    ("dbg!(expression)", "Prints an expression with its value to stderr and gives the value back."),
    ("debug_assert!(condition, …)", "`assert!`, in builds with debug assertions only."),
    ("debug_assert_eq!(left, right, …)", "`assert_eq!`, in builds with debug assertions only."),
    ("env!(name)", "An environment variable as it was at compile time."),
    ("eprint!(format, …)", "Prints to stderr."),
    ("eprintln!(format, …)", "Prints a line to stderr."),
    ("file!()", "The name of this source file."),
    ("format!(format, …) -> String", "A new `String` from a format and values."),
    ("format_args!(format, …)", "The parts of a formatted text, not yet put together."),
    ("include_bytes!(path)", "The bytes of a file, taken in at compile time."),
    ("include_str!(path)", "The text of a file, taken in at compile time."),
    ("line!()", "The line of this place in the source."),
    ("matches!(value, pattern) -> bool", "Whether a value fits a pattern."),
    ("module_path!()", "The path of the current module."),
    ("option_env!(name)", "An environment variable at compile time, if it was set."),
    ("panic!(format, …)", "Ends the thread with a message."),
    ("print!(format, …)", "Prints to stdout."),
    ("println!(format, …)", "Prints a line to stdout."),
    ("stringify!(tokens)", "The tokens as a string."),
    ("thread_local!(static NAME: T = …)", "A static of which every thread has its own."),
    ("todo!(…)", "Code that is still to be written: panics when it is reached."),
    ("unimplemented!(…)", "Code that is not there: panics when it is reached."),
    ("unreachable!(…)", "Code that cannot be reached: panics when it is."),
    ("vec![values…] -> Vec<T>", "A `Vec` with these values; `vec![value; n]` repeats one."),
    ("write!(to, format, …) -> Result<(), E>", "Writes formatted text into a writer or a `String`."),
    ("writeln!(to, format, …) -> Result<(), E>", "Writes a formatted line into a writer or a `String`."),
];

/// Names for `#[derive(…)]`.
pub const DERIVES: &[Member] = &[
    ("Clone", "Copies by `clone()`."),
    ("Copy", "Copies by plain assignment; wants `Clone` too."),
    ("Debug", "Shows the value with `{:?}`."),
    ("Default", "A default value, field by field."),
    ("Eq", "Equality where every value equals itself; wants `PartialEq` too."),
    ("Hash", "Can be a key of a `HashMap`; goes with `Eq`."),
    ("Ord", "A total order, by the fields in turn; wants `Eq` and `PartialOrd` too."),
    ("PartialEq", "Compares with `==`."),
    ("PartialOrd", "Compares with `<`."),
];

/// Derives that crates bring along which are often there.
pub const CRATE_DERIVES: &[(&str, &str, &str)] = &[
    ("serde", "Deserialize", "Reads the value back from JSON and other formats."),
    ("serde", "Serialize", "Writes the value as JSON and other formats."),
];

pub const ATTRIBUTES: &[Member] = &[
    ("allow", "Silences a lint: `#[allow(unused)]`."),
    ("cfg", "Compiles the item only under a condition."),
    ("default", "The variant that `Default` gives."),
    ("deny", "Makes a lint an error."),
    ("deprecated", "Warns whoever uses the item."),
    ("derive", "Implements traits by themselves: `#[derive(Debug, Clone)]`."),
    ("expect", "Silences a lint and warns when it no longer appears."),
    ("inline", "Suggests to copy the function's body to its callers."),
    ("must_use", "Warns when the value is not used."),
    ("non_exhaustive", "More fields or variants may come."),
    ("repr", "How the type lies in memory: `#[repr(C)]`."),
    ("test", "Marks a test function."),
    ("warn", "Makes a lint a warning."),
];

/// `println` for `println!(format, …)`.
pub fn name(declaration: &'static str) -> &'static str {
    declaration.split('!').next().unwrap_or(declaration)
}

pub fn named(name: &str) -> Option<&'static Member> {
    MACROS.iter().find(|(declaration, _)| self::name(declaration) == name)
}

pub fn address(name: &str) -> String {
    format!("{DOCS}std/macro.{name}.html")
}
