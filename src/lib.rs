//! The prelude.
