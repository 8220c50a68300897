//! Completion and inspection.

pub mod scope;
