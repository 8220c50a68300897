//! What a running cell shows, as values that know nothing of Jupyter.
//!
//! The session sends [`Event`]s into an [`Output`]; whoever started the cell (the
//! Jupyter server, the notebook runner) holds the other end and turns them into
//! messages or terminal text. The channel is bounded, in events and in bytes: a cell
//! that floods its output waits for the front end instead of filling the kernel's memory.

use serde_json::{Map, Value};
use threadbook::message::Control;
use tokio::sync::{mpsc, oneshot};

/// One value in several formats: MIME type to content. Text formats hold a string,
/// binary ones base64 text, `application/json` any JSON value.
pub type MimeBundle = Map<String, Value>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamName {
    Stdout,
    Stderr,
}

impl StreamName {
    pub fn as_str(self) -> &'static str {
        match self {
            StreamName::Stdout => "stdout",
            StreamName::Stderr => "stderr",
        }
    }
}

/// An exception as Jupyter knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellError {
    /// The kind: `CompileError`, `Panic`, `KeyboardInterrupt`, …
    pub name: String,
    /// One line that says what happened.
    pub value: String,
    /// The full text, a line an element, ANSI colours included.
    pub traceback: Vec<String>,
}

#[derive(Debug)]
pub enum Event {
    Stream {
        name: StreamName,
        text: String,
    },
    /// `display_data`, or `update_display_data` when `update` is set.
    Display {
        data: MimeBundle,
        metadata: Map<String, Value>,
        display_id: Option<String>,
        update: bool,
    },
    ClearOutput {
        wait: bool,
    },
    /// The value of the cell's last expression.
    Result {
        data: MimeBundle,
        metadata: Map<String, Value>,
    },
    Error(CellError),
    /// Ask the person at the front end for a line of text. Dropping `answer` means
    /// that nobody can answer (no stdin, or the front end went away).
    Input {
        prompt: String,
        password: bool,
        answer: oneshot::Sender<String>,
    },
    /// Controls to show, whose closure is called with their values at each change. What comes
    /// from here to `ControlsShown` is what it shows of the first ones.
    Controls {
        id: u64,
        controls: Vec<Control>,
    },
    ControlsShown,
    /// Everything sent before this has been handed on when `done` is answered.
    Flush {
        done: oneshot::Sender<()>,
    },
}

/// The values of controls, where controls cannot be shown.
pub fn controls_text(controls: &[Control]) -> String {
    controls.iter().map(Control::to_string).collect::<Vec<_>>().join(", ")
}

/// An event of that many bytes does not wait in the channel together with others.
const LARGE: usize = 256 << 10;

impl Event {
    fn is_large(&self) -> bool {
        match self {
            Event::Stream { text, .. } => text.len() > LARGE,
            Event::Display { data, .. } | Event::Result { data, .. } => {
                data.values().map(text_bytes).sum::<usize>() > LARGE
            }
            _ => false,
        }
    }
}

fn text_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(text_bytes).sum::<usize>() + 2 * values.len(),
        Value::Object(values) => values.iter().map(|(name, value)| name.len() + text_bytes(value) + 6).sum(),
        _ => 8,
    }
}

/// The sending side: cloned into whatever may still print for this cell later on.
#[derive(Debug, Clone)]
pub struct Output {
    sender: mpsc::Sender<Event>,
}

impl Output {
    /// A new output and the end that consumes it.
    pub fn channel() -> (Output, mpsc::Receiver<Event>) {
        let (sender, receiver) = mpsc::channel(64);
        (Output { sender }, receiver)
    }

    /// Hands one event on, waiting while the consumer is behind; a large one until it
    /// has been handed on by the consumer, too. Events for a consumer that is gone are
    /// dropped.
    pub async fn send(&self, event: Event) {
        let large = event.is_large();
        let _ = self.sender.send(event).await;
        if large {
            self.flush().await;
        }
    }

    /// Waits until everything sent so far has been handed on.
    pub async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        let _ = self.sender.send(Event::Flush { done }).await;
        let _ = wait.await;
    }
}
