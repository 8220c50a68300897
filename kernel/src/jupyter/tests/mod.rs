//! The whole server with a dummy interpreter, from the outside.

mod cells;
mod controls;
mod dummy;
mod front_end;
mod questions;
mod robustness;
