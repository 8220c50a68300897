//! What a cell shows, turned into messages under the cell's own parent header: also
//! what its threads show after it has ended.

use std::sync::Arc;

use jupyter_protocol::messaging::{ClearOutput, ErrorOutput, JupyterMessageContent, Stdio, StreamContent};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use super::history::History;
use super::iopub::IoPub;
use super::message::{Request, raw};
use super::stdin::Stdin;
use crate::output::{Event, MimeBundle, StreamName};

/// Text of one stream message at most (more only if one event has more).
const STREAM_BYTES: usize = 64 * 1024;

/// The cell that an output belongs to.
pub struct Cell {
    pub request: Arc<Request>,
    pub number: u32,
    pub silent: bool,
    pub allow_stdin: bool,
    /// Where its result is remembered, if the cell is stored.
    pub history: Option<History>,
}

/// Hands `events` on until the last thing that can print for the cell is gone.
pub async fn forward(cell: Cell, mut events: mpsc::Receiver<Event>, iopub: IoPub, stdin: Arc<Stdin>) {
    let mut next = None;
    loop {
        let event = match next.take() {
            Some(event) => event,
            None => match events.recv().await {
                Some(event) => event,
                None => return,
            },
        };
        let content: JupyterMessageContent = match event {
            Event::Stream { name, mut text } => {
                next = join_stream(&mut events, name, &mut text);
                let name = match name {
                    StreamName::Stdout => Stdio::Stdout,
                    StreamName::Stderr => Stdio::Stderr,
                };
                StreamContent { name, text }.into()
            }
            Event::Display { data, metadata, display_id, update } => display(data, metadata, display_id, update),
            Event::ClearOutput { wait } => ClearOutput { wait }.into(),
            Event::Result { .. } if cell.silent => continue,
            Event::Result { data, metadata } => {
                if let (Some(history), Some(text)) = (&cell.history, data.get("text/plain").and_then(Value::as_str)) {
                    history.store_result(cell.number, text.to_owned());
                }
                raw("execute_result", json!({"execution_count": cell.number, "data": data, "metadata": metadata}))
            }
            Event::Error(error) => {
                ErrorOutput { ename: error.name, evalue: error.value, traceback: error.traceback }.into()
            }
            Event::Input { prompt, password, answer } => {
                if cell.allow_stdin {
                    let (request, stdin) = (cell.request.clone(), stdin.clone());
                    // Not awaited: what other threads print must not wait for the person.
                    tokio::spawn(async move { stdin.ask(&request, prompt, password, answer).await });
                }
                continue;
            }
            Event::Flush { done } => {
                iopub.flush().await;
                let _ = done.send(());
                continue;
            }
        };
        iopub.publish(cell.request.child(content)).await;
    }
}

/// Appends the stream events that wait already, so that many small writes make one
/// message. Returns the event that ended the run.
fn join_stream(events: &mut mpsc::Receiver<Event>, name: StreamName, text: &mut String) -> Option<Event> {
    while text.len() < STREAM_BYTES {
        match events.try_recv().ok()? {
            Event::Stream { name: same, text: more } if same == name => text.push_str(&more),
            other => return Some(other),
        }
    }
    None
}

fn display(
    data: MimeBundle,
    metadata: Map<String, Value>,
    display_id: Option<String>,
    update: bool,
) -> JupyterMessageContent {
    let msg_type = if update { "update_display_data" } else { "display_data" };
    let transient = match display_id {
        Some(id) => json!({"display_id": id}),
        None => json!({}),
    };
    raw(msg_type, json!({"data": data, "metadata": metadata, "transient": transient}))
}
