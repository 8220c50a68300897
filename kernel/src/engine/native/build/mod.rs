//! Building crates for cells: cargo compiles them, then one shared library takes
//! them all in.
//!
//! ```text
//! sources ─► a generated cargo project ─► cargo ─► Build (crates, who needs whom)
//!                                                    │
//!                    Store (directories, lock) ◄── Bundle ◄── rustc --crate-type dylib
//! ```
//!
//! The shared library is what makes a crate exist once: a cell that names the library
//! takes every crate in it from there, code and statics, and links nothing of its own.
//! The prelude is the first such [`Bundle`](bundle::Bundle), the crates that `:dep`
//! adds are later ones, each linked against those before it. All builds of one compiler
//! share a cargo target directory, so a crate that two projects need in the same way is
//! the same file in both.

pub mod bundle;
pub mod cargo;
pub mod failure;
pub mod process;
pub mod project;
pub mod sources;
pub mod store;

/// Lines of progress, for a person.
pub type Progress<'a> = &'a mut (dyn FnMut(&str) + Send);
