//! `threadbook parameters`: what papermill's translator asks (see `python/`).
//!
//! It reads a question as JSON from stdin, `{"source": …}` with the source of the cell tagged
//! `parameters`, and answers on stdout with `{"parameters": […]}`. With `"values": {…}` and
//! `"comment"` in the question, `"code"` in the answer is the source of the cell to inject.

use std::io;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::CommandResult;
use super::running;
use crate::notebook::parameters::{self, Unknown};

#[derive(Deserialize)]
struct Question {
    source: String,
    values: Option<Map<String, Value>>,
    #[serde(default)]
    comment: String,
}

#[derive(Debug, thiserror::Error)]
#[error("the question is not readable: {0}; `threadbook run NOTEBOOK --help-notebook` is for people")]
struct NoQuestion(serde_json::Error);

pub fn run() -> CommandResult {
    let question: Question = serde_json::from_reader(io::stdin().lock()).map_err(NoQuestion)?;
    let known = parameters::read(&question.source)?;
    let told = known.0.iter().map(|parameter| {
        json!({
            "name": parameter.name,
            "type": parameter.type_text,
            "default": parameter.default,
            "help": parameter.help,
        })
    });
    let mut answer = json!({ "parameters": told.collect::<Vec<_>>() });
    if let Some(values) = question.values {
        let given = values.into_iter().collect();
        let code = parameters::source(&known, &given, Unknown::Injected, &question.comment, "this notebook")?;
        answer["code"] = json!(code);
    }
    running::print(&answer.to_string());
    Ok(running::exit(0))
}
