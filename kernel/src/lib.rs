//! The kernel, as a library so that the fuzz targets can reach into it.
//!
//! The program `threadbook` calls [`main`] and nothing else; no other crate is meant to.

mod cell;
mod command;
mod definitions;
mod digest;
mod engine;
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzz;
mod interpreter;
mod jupyter;
mod kernelspec;
mod language;
mod notebook;
mod output;
mod session;
mod worker;

#[doc(hidden)]
pub use command::main;
