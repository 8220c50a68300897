//! The native engine: one `rustc` call a cell.
//!
//! [`generate`] writes a crate from a cell and what the notebook has defined,
//! [`compile`] calls the compiler, [`resolve`] changes the plan where the compiler
//! refuses a generated line, [`mir`] and [`type_text`] read the variables' types off
//! the compiler's output, [`diagnostics`] tells errors in the cell's own lines.

pub mod compile;
pub mod diagnostics;
pub mod generate;
pub mod mir;
pub mod resolve;
pub mod type_text;
