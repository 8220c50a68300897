//! Runs an `.ipynb` in the terminal, without Jupyter.
//!
//! The way of a notebook: `document` reads it, `runner` gives its code cells one by
//! one to an [`Interpreter`](crate::interpreter::Interpreter), `terminal` shows what
//! they send while it comes, `outputs` collects the same as nbformat outputs, and
//! `document` writes those into a copy of the notebook. Everything of the notebook
//! that this code knows nothing of stays as it was.

mod document;
mod outputs;
mod runner;
mod terminal;

pub use document::{Destination, Notebook};
pub use runner::{Ending, Options, run};
pub use terminal::Terminal;
