//! From a cell's source to code that a worker can load.

pub mod diagnostics;
