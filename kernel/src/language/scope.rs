//! What a notebook has defined, as the language features see it.

use std::path::PathBuf;

/// A variable that later cells can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    pub name: String,
    /// The full type, with std's public paths: `std::vec::Vec<u8>`.
    pub type_name: String,
    pub mutable: bool,
    /// The `In[n]` that defined it.
    pub cell: u32,
}

/// An item that later cells can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub name: String,
    /// `fn`, `struct`, `enum`, `trait`, `impl`, `macro`, `static`, `const`, `type`, `mod`, `use`.
    pub kind: &'static str,
    /// The whole source of the item.
    pub source: String,
    pub cell: u32,
}

/// Everything the notebook has defined so far.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    pub variables: Vec<Variable>,
    pub items: Vec<Item>,
    /// Crates that a cell may name in a path: the prelude's and those of `:dep`.
    pub crates: Vec<String>,
    /// Where relative paths begin; empty for the kernel's own working directory.
    pub directory: PathBuf,
}
