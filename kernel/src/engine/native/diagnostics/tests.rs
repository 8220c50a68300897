//! What learners get wrong, compared with what rustc itself prints.
//!
//! Each case is a whole file in one cell, so rustc's own text shows the same lines and
//! has only to have its file name changed. What remains different on purpose:
//!
//! * `#[warn(…)]` "on by default" is left out, with the `|` line above it if nothing
//!   else follows (the lint's level is not a learner's question);
//! * a note that points into std is a `= note:` line without the path
//!   `/rustc/<hash>/library/…`, which leads nowhere without the component rust-src (and
//!   with it shows code that nobody in a first course should have to read); what only
//!   says that something is "defined here", in std, is left out;
//! * without any place the `=` of notes stands one column further left: the renderer
//!   is a little newer than the one in rustc 1.95;
//! * in colour, the differing parts of two long types are not bold: JSON holds only the
//!   plain text of a message;
//! * the closing lines ("aborting due to", "For more information") are not there.

mod errors;
mod generated;

use std::process::Command;
use std::sync::Arc;

use super::{CompilerOutput, render};
use crate::cell::source::{CellSource, SourceText};

const MAIN_FILE: &str = "cell.rs";

/// rustc's messages about a text.
fn compile(text: &str, options: &[&str]) -> CompilerOutput {
    let directory = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(directory.path().join(MAIN_FILE), text).expect("a file in it");
    let output = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .current_dir(directory.path())
        .args(["--edition", "2024", "--emit=metadata", "--error-format=json", MAIN_FILE])
        .args(options)
        .output()
        .expect("rustc, in RUSTC or in PATH");
    CompilerOutput::parse(&String::from_utf8_lossy(&output.stderr), MAIN_FILE)
}

/// A file that consists of the whole text of `In[1]`.
fn one_cell(text: &str) -> (Arc<CellSource>, SourceText) {
    let cell = CellSource::new(1, text);
    let mut source = SourceText::default();
    source.push_cell(&cell, 0..text.len());
    (cell, source)
}
