//! Reads what comes from the worker and hands it to the cell that it belongs to.
//!
//! One task reads the socket and the pipes; each run of a cell has a pair of its own.
//! The prelude flushes its text before it sends a message, so when a message is handled,
//! everything that its run has printed before is in the pipes already and is read out
//! first: text, displays and the cell's end keep their order.

use std::collections::HashMap;
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Map;
use threadbook::message::{CrashReport, FromCell, PanicReport, ToCell};
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};

use super::checkpoint::Checkpoints;
use super::frame;
use super::process::{RunEnd, Sender};
use super::router::Router;
use super::run_pipes::{RunPipes, Texts};
use super::text::Piece;
use crate::output::{Event, StreamName};

/// Tells a panic that ended no cell in the notebook's own lines.
pub type PanicText = dyn Fn(&PanicReport) -> String + Send + Sync;

/// How long to wait for what a worker that has ended had sent before.
const LAST_WORDS: Duration = Duration::from_millis(20);

/// How long to wait for the status of a worker whose socket has ended.
const LAST_STATUS: Duration = Duration::from_millis(500);

pub struct Reader {
    pub router: Arc<Router>,
    pub checkpoints: Arc<Checkpoints>,
    /// Pipes of runs that begin.
    pub attached: mpsc::UnboundedReceiver<RunPipes>,
    /// Told when the worker can take cells.
    pub ready: Option<oneshot::Sender<()>>,
    pub panic_text: Arc<PanicText>,
    pub replies: Sender,
    pub texts: Texts,
    pub questions: Questions,
    pub crash: Option<CrashReport>,
}

/// Questions to the person that are not answered yet. Dropping it takes them back.
#[derive(Default)]
pub struct Questions {
    tasks: JoinSet<()>,
    by_ticket: HashMap<u64, AbortHandle>,
}

impl Questions {
    fn ask(&mut self, ticket: u64, question: impl Future<Output = ()> + Send + 'static) {
        while self.tasks.try_join_next().is_some() {}
        self.by_ticket.retain(|_, task| !task.is_finished());
        self.by_ticket.insert(ticket, self.tasks.spawn(question));
    }

    fn take_back(&mut self, ticket: u64) {
        if let Some(task) = self.by_ticket.remove(&ticket) {
            task.abort();
        }
    }
}

impl Reader {
    /// Serves until the worker is gone; returns its exit status.
    pub async fn read_all(mut self, socket: OwnedReadHalf, ended: impl Future<Output = ExitStatus>) {
        let (frames, mut messages) = mpsc::channel(16);
        // Its own task: a read that is given up in the middle of a frame loses bytes.
        let receiving = tokio::spawn(async move {
            let mut socket = frame::Messages::new(socket);
            while let Ok(Some(message)) = socket.next().await {
                if frames.send(message).await.is_err() {
                    break;
                }
            }
        });
        let mut ended = pin!(ended);
        let status = loop {
            tokio::select! {
                biased;
                Some(pipes) = self.attached.recv() => self.texts.attach(pipes),
                message = messages.recv() => match message {
                    Some(message) => self.handle(message).await,
                    None => break tokio::time::timeout(LAST_STATUS, &mut ended).await.ok(),
                },
                // A forked child of a cell may hold the socket open.
                status = &mut ended => {
                    while let Ok(Some(message)) = tokio::time::timeout(LAST_WORDS, messages.recv()).await {
                        self.handle(message).await;
                    }
                    break Some(status);
                }
                (run, name, pieces) = self.texts.next() => self.print(run, name, pieces).await,
            }
        };
        receiving.abort();
        for run in self.texts.runs() {
            self.drain(run).await;
            self.finish_text(run).await;
            if let Some(text) = self.router.text(run) {
                text.end().await;
            }
        }
        self.router.die(status, self.crash);
    }

    /// Reads out what is in a run's pipes now.
    async fn drain(&mut self, run: u64) {
        let Some((pipes, _)) = self.texts.of(run) else { return };
        let (mut stdout, mut stderr) = (pipes.stdout.mark(), pipes.stderr.mark());
        while let Some((pipes, buffer)) = self.texts.of(run)
            && let Some(pieces) = pipes.stdout.read_now(buffer, &mut stdout)
        {
            self.print(run, StreamName::Stdout, pieces).await;
        }
        while let Some((pipes, buffer)) = self.texts.of(run)
            && let Some(pieces) = pipes.stderr.read_now(buffer, &mut stderr)
        {
            self.print(run, StreamName::Stderr, pieces).await;
        }
    }

    async fn finish_text(&mut self, run: u64) {
        let Some((pipes, _)) = self.texts.of(run) else { return };
        let (stdout, stderr) = (pipes.stdout.finish(), pipes.stderr.finish());
        self.print(run, StreamName::Stdout, stdout).await;
        self.print(run, StreamName::Stderr, stderr).await;
    }

    async fn print(&self, run: u64, name: StreamName, pieces: Vec<Piece>) {
        let (Some(to), Some(run)) = (self.router.output(run), self.router.text(run)) else { return };
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
        // It may have come before the pipes of its run were looked at.
        while let Ok(pipes) = self.attached.try_recv() {
            self.texts.attach(pipes);
        }
        if let Some(run) = run_of(&message) {
            self.drain(run).await;
        }
        match message {
            FromCell::Ready { controls } => {
                self.router.set_controls(controls);
                if let Some(ready) = self.ready.take() {
                    let _ = ready.send(());
                }
            }
            FromCell::Display { run, data, metadata, display_id, update, ticket } => {
                if let Some(to) = self.router.output(run) {
                    to.output.send(Event::Display { data, metadata, display_id, update }).await;
                }
                self.replies.send(&ToCell::Seen { ticket }).await;
            }
            FromCell::ClearOutput { run, wait, ticket } => {
                if let Some(to) = self.router.output(run) {
                    to.output.send(Event::ClearOutput { wait }).await;
                }
                if let Some(text) = self.router.text(run) {
                    text.clear();
                }
                self.replies.send(&ToCell::Seen { ticket }).await;
            }
            FromCell::Controls { run, id, controls, ticket } => {
                self.router.add_controls(id);
                if let Some(to) = self.router.output(run) {
                    to.output.send(Event::Controls { id, controls }).await;
                }
                self.replies.send(&ToCell::Seen { ticket }).await;
            }
            FromCell::ControlsShown { run, ticket } => {
                if let Some(to) = self.router.output(run) {
                    to.output.send(Event::ControlsShown).await;
                }
                self.replies.send(&ToCell::Seen { ticket }).await;
            }
            FromCell::Result { run, data } => {
                let Some(to) = self.router.output(run) else { return };
                match to.result {
                    Some(result) => drop(result.send(data)),
                    None => to.output.send(Event::Result { data, metadata: Map::new() }).await,
                }
            }
            FromCell::Input { run, ticket, prompt, password } => self.ask(run, ticket, prompt, password),
            FromCell::GivenUp { ticket } => self.questions.take_back(ticket),
            FromCell::Panic { run, panic } => {
                if let Some(text) = self.router.text(run) {
                    text.print(StreamName::Stderr, (self.panic_text)(&panic)).await;
                }
            }
            FromCell::Crash { crash, .. } => self.crash = Some(crash),
            FromCell::NoCheckpoint { id, reason } => self.checkpoints.refuse(id, reason),
            FromCell::Ended { run, ending, variables } => {
                self.finish_text(run).await;
                if let Some(text) = self.router.text(run) {
                    text.end().await;
                }
                self.router.end(run, RunEnd::Ended { ending, variables });
            }
        }
    }

    /// Asks the front end, without keeping the text waiting meanwhile.
    fn ask(&mut self, run: u64, ticket: u64, prompt: String, password: bool) {
        let to = self.router.output(run).filter(|to| to.allow_stdin);
        let replies = self.replies.clone();
        self.questions.ask(ticket, async move {
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

/// The run that a message belongs to.
fn run_of(message: &FromCell) -> Option<u64> {
    match message {
        FromCell::Display { run, .. }
        | FromCell::Result { run, .. }
        | FromCell::Controls { run, .. }
        | FromCell::ControlsShown { run, .. }
        | FromCell::ClearOutput { run, .. }
        | FromCell::Input { run, .. }
        | FromCell::Panic { run, .. }
        | FromCell::Ended { run, .. } => Some(*run),
        FromCell::Ready { .. } | FromCell::GivenUp { .. } | FromCell::Crash { .. } | FromCell::NoCheckpoint { .. } => {
            None
        }
    }
}
