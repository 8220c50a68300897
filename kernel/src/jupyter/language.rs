//! Completion, inspection and completeness: Jupyter's questions about code.

use jupyter_protocol::messaging::{CompleteReply, IsCompleteReply, IsCompleteReplyStatus, ReplyStatus};
use serde_json::{Map, Value, json};

use super::cursor;
use super::requests::{CompleteRequest, InspectRequest, IsCompleteRequest};
use crate::interpreter::{Completeness, Interpreter};

pub fn complete(interpreter: &impl Interpreter, request: &CompleteRequest) -> CompleteReply {
    let code = request.code.as_str();
    let offset = request.cursor_pos.map_or(code.len(), |position| cursor::byte_offset(code, position));
    let found = interpreter.complete(code, offset);
    let start = cursor::position(code, found.start);
    let end = cursor::position(code, found.end);
    // The name that JupyterLab and the notebook look for.
    let types: Vec<Value> = found
        .matches
        .iter()
        .map(|item| {
            json!({
                "text": item.text, "type": item.kind, "signature": item.signature,
                "start": start, "end": end,
            })
        })
        .collect();
    CompleteReply {
        matches: found.matches.into_iter().map(|item| item.text).collect(),
        cursor_start: start,
        cursor_end: end,
        metadata: Map::from_iter([("_jupyter_types_experimental".into(), types.into())]),
        status: ReplyStatus::Ok,
        error: None,
    }
}

/// The content of an `inspect_reply`.
pub fn inspect(interpreter: &impl Interpreter, request: &InspectRequest) -> Value {
    let code = request.code.as_str();
    let offset = request.cursor_pos.map_or(code.len(), |position| cursor::byte_offset(code, position));
    let found = interpreter.inspect(code, offset, request.detail_level);
    json!({
        "status": "ok", "found": found.is_some(), "data": found.unwrap_or_default(), "metadata": {},
    })
}

pub fn is_complete(interpreter: &impl Interpreter, request: &IsCompleteRequest) -> IsCompleteReply {
    let (status, indent) = match interpreter.is_complete(&request.code) {
        Completeness::Complete => (IsCompleteReplyStatus::Complete, String::new()),
        Completeness::Incomplete { indent } => (IsCompleteReplyStatus::Incomplete, indent),
        Completeness::Invalid => (IsCompleteReplyStatus::Invalid, String::new()),
    };
    IsCompleteReply::new(status, indent)
}
