//! Asking the person at the notebook, or at the terminal, for text.

use std::io::{self, BufRead, Write};

use crate::__rt::{bounded, host};
use crate::message::{FromCell, ToCell};

/// Nobody could answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputError;

impl std::fmt::Display for InputError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("nobody can answer here: this front end (or this run) takes no input")
    }
}

impl std::error::Error for InputError {}

/// Shows `prompt`, waits for a line of text and returns it without the line's end.
///
/// # Errors
/// [`InputError`] when nobody can answer: a notebook that runs without a person, or,
/// in a program, the end of standard input.
#[track_caller]
pub fn input(prompt: &str) -> Result<String, InputError> {
    ask(prompt, false)
}

/// Like [`input`], for secrets: a notebook's front end does not show what is typed.
/// In a plain program the terminal does.
///
/// # Errors
/// As [`input`].
#[track_caller]
pub fn password(prompt: &str) -> Result<String, InputError> {
    ask(prompt, true)
}

#[track_caller]
fn ask(prompt: &str, password: bool) -> Result<String, InputError> {
    if !host::is_connected() {
        return read_line(prompt);
    }
    host::flush_text();
    let run = host::current_run();
    let prompt = bounded::cut(prompt, bounded::MESSAGE);
    match host::ask(|ticket| FromCell::Input { run, ticket, prompt, password }) {
        Some(ToCell::InputReply { text: Some(text), .. }) => Ok(text),
        _ => Err(InputError),
    }
}

fn read_line(prompt: &str) -> Result<String, InputError> {
    print!("{prompt}");
    let _ = io::stdout().flush();
    let mut line = String::new();
    match io::stdin().lock().read_line(&mut line) {
        Ok(0) | Err(_) => Err(InputError),
        Ok(_) => Ok(line.trim_end_matches(['\n', '\r']).to_owned()),
    }
}
