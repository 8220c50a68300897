//! Runs an `.ipynb` in the terminal, without Jupyter.
//!
//! The way of a notebook: `document` reads it, [`parameters`] puts a cell with other values
//! into it, `runner` gives its code cells one by one to an
//! [`Interpreter`](crate::interpreter::Interpreter), `terminal` shows what they send while it
//! comes and `progress` how far it is, `outputs` collects the same as nbformat outputs,
//! [`papermill`] notes how the run went, and `document` writes all that into a copy of the
//! notebook. Everything of the notebook that this code knows nothing of stays as it was.
//! [`html`] makes a page of the copy, [`results`] reads off it what [`sweep`] puts into its
//! tables.

mod document;
pub mod html;
mod outputs;
pub mod papermill;
pub mod parameters;
mod progress;
pub mod results;
mod runner;
pub mod sweep;
mod terminal;

pub use document::{Destination, Notebook};
pub use runner::{Ending, Options, run};
pub use terminal::{Terminal, Width};
