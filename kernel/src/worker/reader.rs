//! Reads what comes from the worker and hands it to the cell that it belongs to.
//!
//! One task reads the socket and both pipes. The prelude flushes its text before it
//! sends a message, so when a message is handled, everything printed before it is in
//! the pipes already and is read out first: text, displays and the cell's end keep
//! their order.

use std::collections::{BTreeMap, HashMap};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Map;
use threadbook::message::{FromCell, PanicReport, ToCell};
use tokio::net::unix::OwnedReadHalf;
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot};

use super::frame;
use super::output_limit::RunText;
use super::pipe::Pipe;
use super::process::{RunEnd, Sender};
use super::text::Piece;
use crate::output::{Event, MimeBundle, Output, StreamName};

/// Tells a panic that ended no cell in the notebook's own lines.
pub type PanicText = dyn Fn(&PanicReport) -> String + Send + Sync;

/// Where a run's outputs go.
#[derive(Clone)]
pub struct RunOutput {
    pub output: Output,
    pub allow_stdin: bool,
    /// Takes the value of the last expression in place of `output`.
    pub result: Option<mpsc::UnboundedSender<MimeBundle>>,
}

/// How long to wait for what a worker that has ended had sent before.
const LAST_WORDS: Duration = Duration::from_millis(20);

/// What a thread shows can still go under its own cell for that many cells; later it
/// goes under the latest.
const KEPT_OUTPUTS: usize = 64;

/// Who waits for what.
#[derive(Default)]
pub struct Router {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    outputs: BTreeMap<u64, RunOutput>,
    /// The text of each run, by the same numbers.
    texts: BTreeMap<u64, Arc<RunText>>,
    latest: Option<u64>,
    waiting: HashMap<u64, oneshot::Sender<RunEnd>>,
    /// The process is gone, with this status.
    dead: Option<Option<ExitStatus>>,
}

impl Router {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a run; the receiver gets its end.
    pub fn begin(&self, run: u64, output: RunOutput) -> oneshot::Receiver<RunEnd> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.lock();
        state.texts.insert(run, Arc::new(RunText::new(output.output.clone())));
        state.outputs.insert(run, output);
        if state.outputs.len() > KEPT_OUTPUTS {
            state.outputs.pop_first();
            state.texts.pop_first();
        }
        state.latest = Some(run);
        match state.dead {
            Some(status) => drop(sender.send(RunEnd::Died(status))),
            None => drop(state.waiting.insert(run, sender)),
        }
        receiver
    }

    pub fn is_dead(&self) -> bool {
        self.lock().dead.is_some()
    }

    /// The output of a run, else of the latest one.
    fn output(&self, run: Option<u64>) -> Option<RunOutput> {
        let state = self.lock();
        let run = run.filter(|run| state.outputs.contains_key(run)).or(state.latest)?;
        state.outputs.get(&run).cloned()
    }

    /// The text of a run, else of the latest one.
    fn text(&self, run: Option<u64>) -> Option<Arc<RunText>> {
        let state = self.lock();
        let run = run.filter(|run| state.texts.contains_key(run)).or(state.latest)?;
        state.texts.get(&run).cloned()
    }

    fn end(&self, run: u64, end: RunEnd) {
        let waiting = self.lock().waiting.remove(&run);
        if let Some(waiting) = waiting {
            // Who waited may have been cancelled.
            let _ = waiting.send(end);
        }
    }

    fn die(&self, status: Option<ExitStatus>) {
        let mut state = self.lock();
        state.dead = Some(status);
        for (_, waiting) in state.waiting.drain() {
            let _ = waiting.send(RunEnd::Died(status));
        }
    }
}

pub struct Reader {
    pub router: Arc<Router>,
    pub stdout: Pipe,
    pub stderr: Pipe,
    /// Told when the worker can take cells.
    pub ready: Option<oneshot::Sender<()>>,
    pub panic_text: Arc<PanicText>,
    pub replies: Sender,
}

impl Reader {
    /// Serves until the worker is gone; returns its exit status.
    pub async fn read_all(mut self, socket: OwnedReadHalf, mut child: Child) -> Option<ExitStatus> {
        let (frames, mut messages) = mpsc::channel(16);
        // Its own task: a read that is given up in the middle of a frame loses bytes.
        tokio::spawn(async move {
            let mut socket = frame::Messages::new(socket);
            while let Ok(Some(message)) = socket.next().await {
                if frames.send(message).await.is_err() {
                    break;
                }
            }
        });
        let status = loop {
            tokio::select! {
                message = messages.recv() => match message {
                    Some(message) => {
                        self.drain().await;
                        self.handle(message).await;
                    }
                    None => break child.wait().await.ok(),
                },
                pieces = self.stdout.read() => self.print(StreamName::Stdout, pieces).await,
                pieces = self.stderr.read() => self.print(StreamName::Stderr, pieces).await,
                // A forked child of the cell may hold the socket open.
                status = child.wait() => {
                    while let Ok(Some(message)) = tokio::time::timeout(LAST_WORDS, messages.recv()).await {
                        self.drain().await;
                        self.handle(message).await;
                    }
                    break status.ok();
                }
            }
        };
        self.drain().await;
        self.finish_text().await;
        if let Some(text) = self.router.text(None) {
            text.end().await;
        }
        self.router.die(status);
        status
    }

    /// Reads out what is in the pipes now.
    async fn drain(&mut self) {
        let (mut stdout, mut stderr) = (self.stdout.mark(), self.stderr.mark());
        while let Some(pieces) = self.stdout.read_now(&mut stdout) {
            self.print(StreamName::Stdout, pieces).await;
        }
        while let Some(pieces) = self.stderr.read_now(&mut stderr) {
            self.print(StreamName::Stderr, pieces).await;
        }
    }

    async fn finish_text(&mut self) {
        let pieces = self.stdout.finish();
        self.print(StreamName::Stdout, pieces).await;
        let pieces = self.stderr.finish();
        self.print(StreamName::Stderr, pieces).await;
    }

    async fn print(&self, name: StreamName, pieces: Vec<Piece>) {
        let (Some(to), Some(run)) = (self.router.output(None), self.router.text(None)) else { return };
        for piece in pieces {
            match piece {
                Piece::Text(text) => run.print(name, text).await,
                Piece::Display(data) => {
                    let event = Event::Display { data, metadata: Map::new(), display_id: None, update: false };
                    to.output.send(event).await;
                }
            }
        }
    }

    async fn handle(&mut self, message: frame::Message) {
        let frame::Message { json, room: _until_handled } = message;
        let message = match serde_json::from_slice(&json) {
            Ok(message) => message,
            Err(error) => {
                tracing::warn!("a message from the worker is dropped: {error}");
                return;
            }
        };
        drop(json);
        match message {
            FromCell::Ready => {
                if let Some(ready) = self.ready.take() {
                    let _ = ready.send(());
                }
            }
            FromCell::Display { run, data, metadata, display_id, update, ticket } => {
                if let Some(to) = self.router.output(Some(run)) {
                    to.output.send(Event::Display { data, metadata, display_id, update }).await;
                }
                self.replies.send(&ToCell::Seen { ticket }).await;
            }
            FromCell::ClearOutput { run, wait, ticket } => {
                if let Some(to) = self.router.output(Some(run)) {
                    to.output.send(Event::ClearOutput { wait }).await;
                }
                if let Some(text) = self.router.text(Some(run)) {
                    text.clear();
                }
                self.replies.send(&ToCell::Seen { ticket }).await;
            }
            FromCell::Result { run, data } => {
                let Some(to) = self.router.output(Some(run)) else { return };
                match to.result {
                    Some(result) => drop(result.send(data)),
                    None => to.output.send(Event::Result { data, metadata: Map::new() }).await,
                }
            }
            FromCell::Input { run, ticket, prompt, password } => self.ask(run, ticket, prompt, password),
            FromCell::Panic { run, panic } => {
                if let Some(text) = self.router.text(Some(run)) {
                    text.print(StreamName::Stderr, (self.panic_text)(&panic)).await;
                }
            }
            FromCell::Ended { run, ending, variables } => {
                self.finish_text().await;
                if let Some(text) = self.router.text(Some(run)) {
                    text.end().await;
                }
                self.router.end(run, RunEnd::Ended { ending, variables });
            }
        }
    }

    /// Asks the front end, without keeping the text waiting meanwhile.
    fn ask(&self, run: u64, ticket: u64, prompt: String, password: bool) {
        let to = self.router.output(Some(run)).filter(|to| to.allow_stdin);
        let replies = self.replies.clone();
        tokio::spawn(async move {
            let text = match to {
                Some(to) => {
                    let (answer, answered) = oneshot::channel();
                    to.output.send(Event::Input { prompt, password, answer }).await;
                    answered.await.ok()
                }
                None => None,
            };
            replies.send(&ToCell::InputReply { ticket, text }).await;
        });
    }
}
