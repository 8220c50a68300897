//! Rust's keywords.

use super::{DOCS, Member};

/// A keyword and what it does.
pub const KEYWORDS: &[Member] = &[
    ("as", "Casts between primitive types, or renames what `use` brings in."),
    ("async", "Makes a function, a closure or a block give back a future."),
    ("await", "Waits in async code until a future has its value."),
    ("break", "Leaves a loop or a labelled block, with a value from `loop`."),
    ("const", "A value known when the program is compiled, or a function that can be evaluated then."),
    ("continue", "Goes on with the next turn of a loop."),
    ("crate", "The root of the crate that is being compiled."),
    ("dyn", "A trait object: any type that implements the trait, found out when the program runs."),
    ("else", "What to do when an `if` or a `let … else` does not hold."),
    ("enum", "A type whose values are one of several variants."),
    ("extern", "Links to code outside of Rust, or to a crate by name."),
    ("false", "The `bool` that is not true."),
    ("fn", "A function, or a pointer to one."),
    ("for", "A loop over what an iterator gives; the type in `impl Trait for Type`."),
    ("if", "Goes on only when a condition holds."),
    ("impl", "Functions for a type, a trait for a type, or some type that implements a trait."),
    ("in", "What a `for` loop goes over."),
    ("let", "A new variable, or a pattern to take a value apart."),
    ("loop", "A loop that ends only by `break` or `return`."),
    ("match", "Compares a value with patterns and runs the first arm that fits."),
    ("mod", "A module: names under a name of their own."),
    ("move", "Makes a closure or an async block own what it uses."),
    ("mut", "A variable or reference that may be changed."),
    ("pub", "Makes an item visible outside of its module."),
    ("ref", "Binds by reference inside a pattern."),
    ("return", "Leaves the function, with a value."),
    ("self", "The value that a method was called on; the current module in paths."),
    ("Self", "The type that the `impl` or trait is about."),
    ("static", "A global that lives as long as the program; it keeps its value from cell to cell."),
    ("struct", "A type with fields."),
    ("super", "The parent module."),
    ("trait", "What several types can do, by a common name."),
    ("true", "The `bool` that is true."),
    ("type", "Another name for a type, or a type that a trait leaves open."),
    ("unsafe", "Code whose soundness the compiler cannot check."),
    ("use", "Brings names into scope."),
    ("where", "Conditions on type parameters."),
    ("while", "A loop that runs as long as a condition holds."),
];

pub fn about(name: &str) -> Option<&'static str> {
    KEYWORDS.iter().find(|(keyword, _)| *keyword == name).map(|(_, about)| *about)
}

/// Words that cannot be names, the reserved ones included.
pub fn is_keyword(word: &str) -> bool {
    const RESERVED: &[&str] = &[
        "abstract", "become", "box", "do", "final", "gen", "macro", "override", "priv", "try", "typeof", "unsized",
        "virtual", "yield", "_",
    ];
    about(word).is_some() || RESERVED.contains(&word)
}

pub fn address(name: &str) -> String {
    // On file systems that do not tell `self` from `Self` the page has another name.
    format!("{DOCS}std/keyword.{}.html", if name == "Self" { "SelfTy" } else { name })
}
