//! Reads what comes from the worker and hands it to the cell that it belongs to.
//!
//! One task reads the socket and the pipes; each run of a cell has a pair of its own.
//! The prelude flushes its text before it sends a message, so when a message is handled,
//! everything that its run has printed before is in the pipes already and is read out
//! first: text, displays and the cell's end keep their order.

use std::collections::{BTreeMap, HashMap};
use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use serde_json::Map;
use threadbook::message::{CrashReport, FromCell, PanicReport, ToCell};
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};

use super::checkpoint::Checkpoints;
use super::frame;
use super::pipe::{CHUNK, Pipe};
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

/// How long to wait for the status of a worker whose socket has ended.
const LAST_STATUS: Duration = Duration::from_millis(500);

/// What a thread shows can still go under its own cell for that many cells; later it
/// goes under the latest.
const KEPT_OUTPUTS: usize = 64;

/// How a worker ended.
#[derive(Debug, Clone, Default)]
pub struct Death {
    pub status: Option<ExitStatus>,
    /// Its last words.
    pub crash: Option<CrashReport>,
}

/// Who waits for what.
#[derive(Default)]
pub struct Router {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    outputs: BTreeMap<u64, RunOutput>,
    latest: Option<u64>,
    waiting: HashMap<u64, oneshot::Sender<RunEnd>>,
    /// The process is gone.
    death: Option<Death>,
}

impl Router {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a run; the receiver gets its end.
    pub fn begin(&self, run: u64, output: RunOutput) -> oneshot::Receiver<RunEnd> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.lock();
        state.outputs.insert(run, output);
        if state.outputs.len() > KEPT_OUTPUTS {
            state.outputs.pop_first();
        }
        state.latest = Some(run);
        match &state.death {
            Some(death) => drop(sender.send(RunEnd::Died(death.clone()))),
            None => drop(state.waiting.insert(run, sender)),
        }
        receiver
    }

    /// How the process has ended, if it has.
    pub fn death(&self) -> Option<Death> {
        self.lock().death.clone()
    }

    /// Another process takes the place of the one that is gone.
    pub fn revive(&self) {
        self.lock().death = None;
    }

    /// The output of a run, else of the latest one.
    fn output(&self, run: u64) -> Option<RunOutput> {
        let state = self.lock();
        state.outputs.get(&run).or_else(|| state.outputs.get(&state.latest?)).cloned()
    }

    fn end(&self, run: u64, end: RunEnd) {
        let waiting = self.lock().waiting.remove(&run);
        if let Some(waiting) = waiting {
            // Who waited may have been cancelled.
            let _ = waiting.send(end);
        }
    }

    fn die(&self, status: Option<ExitStatus>, crash: Option<CrashReport>) {
        let death = Death { status, crash };
        let mut state = self.lock();
        for (_, waiting) in state.waiting.drain() {
            let _ = waiting.send(RunEnd::Died(death.clone()));
        }
        state.death = Some(death);
    }
}

/// The pipes of one run of a cell.
pub struct RunPipes {
    run: u64,
    stdout: Pipe,
    stderr: Pipe,
}

impl RunPipes {
    /// With the ends for writing.
    pub fn open(run: u64) -> io::Result<(RunPipes, [OwnedFd; 2])> {
        let (stdout, stdout_writer) = io::pipe()?;
        let (stderr, stderr_writer) = io::pipe()?;
        let pipes = RunPipes { run, stdout: Pipe::new(stdout.into(), true)?, stderr: Pipe::new(stderr.into(), false)? };
        Ok((pipes, [stdout_writer.into(), stderr_writer.into()]))
    }

    fn is_closed(&self) -> bool {
        self.stdout.is_closed() && self.stderr.is_closed()
    }
}

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

/// All pipes of a worker.
pub struct Texts {
    pipes: Vec<RunPipes>,
    buffer: Vec<u8>,
}

impl Default for Texts {
    fn default() -> Texts {
        Texts { pipes: Vec::new(), buffer: vec![0; CHUNK] }
    }
}

impl Texts {
    fn attach(&mut self, pipes: RunPipes) {
        self.pipes.retain(|pipes| !pipes.is_closed());
        self.pipes.push(pipes);
    }

    /// Waits for the next text of any run.
    async fn next(&mut self) -> (u64, StreamName, Vec<Piece>) {
        poll_fn(|context| {
            // Who was read goes to the end: one that floods does not keep the others waiting.
            for index in 0..self.pipes.len() {
                let pipes = &mut self.pipes[index];
                let mut read = Poll::Pending;
                for (name, pipe) in [(StreamName::Stdout, &mut pipes.stdout), (StreamName::Stderr, &mut pipes.stderr)] {
                    if let Poll::Ready(pieces) = pipe.poll_read(&mut self.buffer, context) {
                        read = Poll::Ready((pipes.run, name, pieces));
                        break;
                    }
                }
                if read.is_ready() {
                    let pipes = self.pipes.remove(index);
                    self.pipes.push(pipes);
                    return read;
                }
            }
            Poll::Pending
        })
        .await
    }

    fn of(&mut self, run: u64) -> Option<(&mut RunPipes, &mut Vec<u8>)> {
        let pipes = self.pipes.iter_mut().find(|pipes| pipes.run == run)?;
        Some((pipes, &mut self.buffer))
    }
}

impl Reader {
    /// Serves until the worker is gone; returns its exit status.
    pub async fn read_all(mut self, mut socket: OwnedReadHalf, ended: impl Future<Output = Option<ExitStatus>>) {
        let (frames, mut messages) = mpsc::channel(16);
        // Its own task: a read that is given up in the middle of a frame loses bytes.
        let receiving = tokio::spawn(async move {
            while let Ok(Some(json)) = frame::read_async(&mut socket).await {
                if frames.send(json).await.is_err() {
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
                    Some(json) => self.handle(&json).await,
                    None => break tokio::time::timeout(LAST_STATUS, &mut ended).await.ok().flatten(),
                },
                // A forked child of a cell may hold the socket open.
                status = &mut ended => {
                    while let Ok(Some(json)) = tokio::time::timeout(LAST_WORDS, messages.recv()).await {
                        self.handle(&json).await;
                    }
                    break status;
                }
                (run, name, pieces) = self.texts.next() => self.print(run, name, pieces).await,
            }
        };
        receiving.abort();
        let runs: Vec<u64> = self.texts.pipes.iter().map(|pipes| pipes.run).collect();
        for run in runs {
            self.drain(run).await;
            self.finish_text(run).await;
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
        let Some(to) = self.router.output(run) else { return };
        for piece in pieces {
            let event = match piece {
                Piece::Text(text) => Event::Stream { name, text },
                Piece::Display(data) => Event::Display { data, metadata: Map::new(), display_id: None, update: false },
            };
            to.output.send(event).await;
        }
    }

    async fn handle(&mut self, json: &[u8]) {
        let message = match serde_json::from_slice(json) {
            Ok(message) => message,
            Err(error) => {
                tracing::warn!("a message from the worker is dropped: {error}");
                return;
            }
        };
        // It may have come before the pipes of its run were looked at.
        while let Ok(pipes) = self.attached.try_recv() {
            self.texts.attach(pipes);
        }
        if let Some(run) = run_of(&message) {
            self.drain(run).await;
        }
        match message {
            FromCell::Ready => {
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
                if let Some(to) = self.router.output(run) {
                    let text = (self.panic_text)(&panic);
                    to.output.send(Event::Stream { name: StreamName::Stderr, text }).await;
                }
            }
            FromCell::Crash { crash, .. } => self.crash = Some(crash),
            FromCell::NoCheckpoint { id, reason } => self.checkpoints.refuse(id, reason),
            FromCell::Ended { run, ending, variables } => {
                self.finish_text(run).await;
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
        | FromCell::ClearOutput { run, .. }
        | FromCell::Input { run, .. }
        | FromCell::Panic { run, .. }
        | FromCell::Ended { run, .. } => Some(*run),
        FromCell::Ready | FromCell::GivenUp { .. } | FromCell::Crash { .. } | FromCell::NoCheckpoint { .. } => None,
    }
}
