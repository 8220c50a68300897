//! The native engine: one `rustc` call a cell.
//!
//! [`toolchain`] finds the compiler, [`prelude`] builds the shared library that every
//! cell uses, [`dependencies`] adds crates to it; [`setup`] holds
//! all three together. For a cell, [`generate`] writes a
//! crate from its text and what the notebook has defined, [`compile`] calls the
//! compiler unless [`cache`] knows what comes of it, [`resolve`] tries until it compiles, by what [`learn`] makes of refused lines,
//! [`mir`] and [`type_text`] read the variables' types off the compiler's output,
//! [`style`] says how values are shown, [`diagnostics`] tells errors in the cell's own lines;
//! [`measure`] writes cells whose time is taken.

pub mod build;
pub mod cache;
pub mod compile;
pub mod dependencies;
pub mod dependency_spec;
pub mod diagnostics;
pub mod generate;
mod globs;
mod learn;
pub mod lines;
mod linker;
pub mod measure;
pub mod mir;
pub mod prelude;
pub mod resolve;
pub mod setup;
pub mod style;
pub mod toolchain;
pub mod type_text;

#[cfg(test)]
mod building_tests;
#[cfg(test)]
mod measure_tests;
