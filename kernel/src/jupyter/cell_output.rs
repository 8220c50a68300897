//! What a cell shows, turned into messages under the cell's own parent header: also
//! what its threads show after it has ended.

use std::sync::Arc;

use jupyter_protocol::messaging::{ClearOutput, ErrorOutput, JupyterMessageContent, Stdio, StreamContent};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::time::{Duration, Instant, timeout_at};

use super::comm::Comms;
use super::comm::area::{Shown, Turn};
use super::history::History;
use super::iopub::IoPub;
use super::message::{Request, raw};
use super::stdin::Stdin;
use crate::output::{Event, MimeBundle, StreamName};

/// Text of one stream message at most (more only if one event has more).
const STREAM_BYTES: usize = 64 * 1024;

/// What follows a stream message sooner than that is gathered into one.
const GATHER: Duration = Duration::from_millis(10);

/// The cell that an output belongs to.
pub struct Cell {
    pub request: Arc<Request>,
    pub number: u32,
    pub silent: bool,
    pub allow_stdin: bool,
    /// Where its result is remembered, if the cell is stored.
    pub history: Option<History>,
}

/// Hands `events` on until the last thing that can print for the cell is gone. With a `turn` they are
/// those of a call of a closure of controls, which have a place of their own.
pub async fn forward(
    cell: Cell,
    mut events: mpsc::Receiver<Event>,
    iopub: IoPub,
    stdin: Arc<Stdin>,
    comms: Arc<Comms>,
    mut turn: Option<Turn>,
) {
    let mut next = None;
    let mut last_stream = None;
    loop {
        let event = match next.take() {
            Some(event) => event,
            None => match events.recv().await {
                Some(event) => event,
                None => return,
            },
        };
        let event = match event {
            // (All the text so far is sent with each of them.)
            Event::Stream { name, mut text } if turn.is_some() => {
                next = join_stream(&mut events, name, &mut text, last_stream).await;
                last_stream = Some(Instant::now());
                Event::Stream { name, text }
            }
            event => event,
        };
        let event = match &turn {
            Some(turn) => match show_in_place(turn, event) {
                Ok(shown) => {
                    for shown in shown {
                        iopub.publish(cell.request.child(in_place(shown))).await;
                    }
                    continue;
                }
                Err(event) => event,
            },
            None => event,
        };
        let content: JupyterMessageContent = match event {
            Event::Stream { name, mut text } => {
                next = join_stream(&mut events, name, &mut text, last_stream).await;
                last_stream = Some(Instant::now());
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
                let mut content = Map::from_iter([("execution_count".to_owned(), cell.number.into())]);
                content.extend(rich(data, metadata));
                raw("execute_result", Value::Object(content))
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
            Event::Controls { id, controls } => {
                turn = Some(comms.open_controls(&cell.request, cell.number, id, controls).await);
                continue;
            }
            Event::ControlsShown => {
                turn = None;
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

/// Shows an event of a closure in its place; gives back what has none there.
fn show_in_place(turn: &Turn, event: Event) -> Result<Vec<Shown>, Event> {
    match event {
        Event::Stream { text, .. } => Ok(turn.print(&text).into_iter().collect()),
        Event::Display { data, metadata, display_id: None, .. } => Ok(turn.show(data, metadata).into_iter().collect()),
        Event::ClearOutput { wait } => Ok(turn.clear(wait)),
        event => Err(event),
    }
}

/// The message of an output of a closure.
pub(super) fn in_place(shown: Shown) -> JupyterMessageContent {
    display(shown.data, shown.metadata, Some(shown.id), shown.update)
}

/// Appends the stream events that wait already, so that many small writes make one
/// message; soon after the `last` message also those that come in a moment. Returns the
/// event that ended the run.
async fn join_stream(
    events: &mut mpsc::Receiver<Event>,
    name: StreamName,
    text: &mut String,
    last: Option<Instant>,
) -> Option<Event> {
    while text.len() < STREAM_BYTES {
        let event = match (events.try_recv(), last) {
            (Ok(event), _) => event,
            (Err(TryRecvError::Empty), Some(last)) => timeout_at(last + GATHER, events.recv()).await.ok()??,
            _ => return None,
        };
        match event {
            Event::Stream { name: same, text: more } if same == name => text.push_str(&more),
            other => return Some(other),
        }
    }
    None
}

pub(super) fn display(
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
    let mut content = rich(data, metadata);
    content.insert("transient".to_owned(), transient);
    raw(msg_type, Value::Object(content))
}

/// Made without `json!`, which copies: a display can be large.
fn rich(data: MimeBundle, metadata: Map<String, Value>) -> Map<String, Value> {
    Map::from_iter([("data".to_owned(), Value::Object(data)), ("metadata".to_owned(), Value::Object(metadata))])
}
