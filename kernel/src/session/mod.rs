//! What a notebook has defined, and how its cells run.
pub mod definitions;
