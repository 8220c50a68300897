//! What a front end, Jupyter's or the notebook runner, can ask of a Rust session.
//!
//! The protocol side (`jupyter`) and the runner (`notebook`) speak only to this
//! trait; `session::Session` implements it.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use serde_json::Value;

use crate::output::{CellError, MimeBundle, Output};

/// One cell to run.
#[derive(Debug, Clone)]
pub struct CellRequest {
    pub code: String,
    /// The number shown as `In[n]`. Cells that are not stored in the history
    /// (`silent`, `store_history: false`) repeat the number of the next stored one.
    pub number: u32,
    /// No result is shown and nothing counts (`silent`).
    pub silent: bool,
    pub allow_stdin: bool,
}

/// How a cell ended. Everything that it showed went through its [`Output`] before,
/// the error of a failed cell included.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    pub error: Option<CellError>,
    /// Text for the front end's pager (`NAME?`).
    pub page: Option<MimeBundle>,
    /// Text to put into a cell (`%load`).
    pub next_input: Option<NextInput>,
    /// The kernel is to end (`:quit`).
    pub quit: bool,
}

/// Text that a front end is to put into a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextInput {
    pub text: String,
    /// In place of the cell that was run, else into the next one.
    pub replace: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completeness {
    Complete,
    /// More lines are wanted; start the next with this indent.
    Incomplete {
        indent: String,
    },
    Invalid,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Completions {
    /// The bytes of the code that a match replaces.
    pub start: usize,
    pub end: usize,
    pub matches: Vec<CompletionItem>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletionItem {
    pub text: String,
    /// `variable`, `function`, `struct`, `keyword`, `magic`, … (JupyterLab shows it).
    pub kind: &'static str,
    /// The type or signature.
    pub signature: String,
}

/// A value or an error for each of `user_expressions`.
pub type Expressions = BTreeMap<String, Result<MimeBundle, CellError>>;

pub trait Interpreter: Send + Sync + 'static {
    /// Runs one cell to its end. Called for one cell at a time.
    fn execute(&self, request: CellRequest, output: Output) -> impl Future<Output = Outcome> + Send;

    /// A cell will be run when those before it have ended: it can be prepared meanwhile.
    fn announce(&self, _code: &str) {}

    /// What was announced and has not begun will not be run.
    fn withdraw(&self) {}

    // What shows no controls (`Event::Controls`) needs none of the next three.

    /// Calls the closure of controls with their values. Called when no cell runs, and stopped by
    /// [`interrupt`](Self::interrupt). What it shows goes through `output`, its error does not.
    fn call(
        &self,
        _controls: u64,
        _values: Vec<Value>,
        _output: Output,
    ) -> impl Future<Output = Result<(), CellError>> + Send {
        async { Ok(()) }
    }

    /// The controls whose closures are there.
    fn controls(&self) -> impl Future<Output = BTreeSet<u64>> + Send {
        async { BTreeSet::new() }
    }

    /// Nobody will use these controls any more.
    fn drop_controls(&self, _ids: Vec<u64>) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Values of expressions, evaluated after a cell without showing anything.
    fn evaluate(&self, expressions: BTreeMap<String, String>) -> impl Future<Output = Expressions> + Send;

    fn is_complete(&self, code: &str) -> Completeness;

    /// `cursor` is a byte offset into `code`, on a character boundary.
    fn complete(&self, code: &str, cursor: usize) -> Completions;

    /// What is known about the name at `cursor` (a byte offset); `detail` 1 asks for more.
    fn inspect(&self, code: &str, cursor: usize, detail: u8) -> Option<MimeBundle>;

    /// Stops the running cell, if one runs. Returns when the stop has been asked for.
    fn interrupt(&self) -> impl Future<Output = ()> + Send;

    /// Ends the processes behind the session.
    fn shutdown(&self) -> impl Future<Output = ()> + Send;
}
