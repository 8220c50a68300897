//! The kernel's side of the worker: starts the processes and hands cells over.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{SigHandler, Signal, killpg};
use nix::unistd::Pid;
use serde_json::Value;
use threadbook::message::{CheckpointOrder, Ending, NoCheckpoint, ToCell};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::checkpoint::Checkpoints;
use super::descriptors;
use super::family;
use super::frame;
use super::keeper::{self, Keeper};
use super::reader::{PanicText, Questions, Reader};
use super::router::{Death, Router, RunOutput};
use super::run_pipes::{RunPipes, Texts};

#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("The process that runs cells could not be started: {0}")]
    Start(#[from] io::Error),
    #[error(
        "The process that runs cells ended at its start ({0}): run `threadbook prelude` in a terminal, then restart the kernel."
    )]
    EndedAtStart(String),
}

/// A cell's library and where to enter it.
#[derive(Debug, Clone, Copy)]
pub struct CompiledCell<'a> {
    pub library: &'a Path,
    pub symbol: &'a str,
    /// evcxr has compiled it.
    pub foreign: bool,
    /// What the compiler took, for the cell to tell.
    pub compile_time: Duration,
}

/// How a run of a cell ended.
#[derive(Debug)]
pub enum RunEnd {
    /// With the names that have a value now.
    Ended { ending: Ending, variables: Vec<String> },
    /// The worker process is gone.
    Died(Death),
}

/// How long it may take to read what a process that is gone has left.
const LAST_READ: Duration = Duration::from_secs(5);

/// How long a checkpoint may take to become a worker.
const WAKING: Duration = Duration::from_secs(5);

/// How long a process that is being ended may take to tell where it is.
const LAST_WORDS: Duration = Duration::from_millis(500);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Sends messages to the worker. To one that is gone they go nowhere: its end shows on
/// the reading side.
#[derive(Clone)]
pub struct Sender(Arc<Mutex<OwnedWriteHalf>>);

impl Sender {
    pub async fn send(&self, message: &ToCell) {
        let frame = serde_json::to_vec(message).map_err(io::Error::from).and_then(|json| frame::encode(&json));
        match frame {
            Ok(frame) => drop(self.0.lock().await.write_all(&frame).await),
            Err(error) => tracing::warn!("a message to the worker is dropped: {error}"),
        }
    }
}

/// A running worker process, and the checkpoint that can take its place. Dropping it ends
/// all processes.
pub struct Worker {
    keeper: Keeper,
    current: Current,
    router: Arc<Router>,
    checkpoints: Arc<Checkpoints>,
    panic_text: Arc<PanicText>,
}

/// The process that is the worker now.
struct Current {
    process: i32,
    sender: Sender,
    attach: mpsc::UnboundedSender<RunPipes>,
    /// Ends when all that the process had sent has been handled.
    reader: JoinHandle<()>,
}

impl Worker {
    /// Starts a worker and waits until it has loaded `libraries`, in this order.
    ///
    /// # Errors
    /// When the process cannot be started, or ends before it is ready.
    pub async fn start(libraries: &[PathBuf], panic_text: Arc<PanicText>) -> Result<Worker, WorkerError> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        let (keepers, kept) = std::os::unix::net::UnixStream::pair()?;
        let (files, worker_files) = descriptors::channel()?;
        // What is printed before the first cell belongs to none; it goes to the latest.
        let (pipes, writers) = RunPipes::open(0)?;
        let mark = keepers_mark();
        let child = spawn([theirs.into(), worker_files, kept.into()], writers, &mark)?;
        keepers.set_nonblocking(true)?;
        let keeper = Keeper::new(UnixStream::from_std(keepers)?, child, mark);
        let Some(process) = keeper.worker().await else {
            return Err(WorkerError::EndedAtStart("no process".to_owned()));
        };
        let router = Arc::<Router>::default();
        let checkpoints = Checkpoints::new(files)?;
        let (current, is_ready) = connect(process, ours, pipes, &keeper, &router, &checkpoints, &panic_text)?;
        let worker = Worker { keeper, current, router, checkpoints, panic_text };
        worker.load(libraries).await;
        if is_ready.await.is_err() {
            let status = worker.router.death().and_then(|death| death.status);
            return Err(WorkerError::EndedAtStart(status.map_or("no status".to_owned(), |status| status.to_string())));
        }
        Ok(worker)
    }

    /// Makes the worker load libraries, so that cells find them.
    pub async fn load(&self, libraries: &[PathBuf]) {
        let libraries = libraries.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        self.current.sender.send(&ToCell::Load { libraries }).await;
    }

    /// Loads and calls a compiled cell, and waits for its end. `rayon`: it may use that, or
    /// call what does. With an order, a checkpoint of the state before it is made first.
    pub async fn run(
        &self,
        run: u64,
        cell: CompiledCell<'_>,
        rayon: bool,
        checkpoint: Option<CheckpointOrder>,
        output: RunOutput,
    ) -> RunEnd {
        let end = self.router.begin(run, output);
        let message = ToCell::Run {
            run,
            library: cell.library.to_string_lossy().into_owned(),
            symbol: cell.symbol.to_owned(),
            foreign: cell.foreign,
            rayon,
            checkpoint,
            compile_seconds: cell.compile_time.as_secs_f64(),
        };
        self.begin(run, message, end).await
    }

    /// Calls the closure of controls, and waits for its end; else as [`run`](Self::run).
    pub async fn call(
        &self,
        run: u64,
        controls: u64,
        values: Vec<Value>,
        rayon: bool,
        checkpoint: Option<CheckpointOrder>,
        output: RunOutput,
    ) -> RunEnd {
        let end = self.router.begin_call(run, output);
        self.begin(run, ToCell::Call { run, controls, values, rayon, checkpoint }, end).await
    }

    /// The controls whose closures the process has.
    pub fn controls(&self) -> BTreeSet<u64> {
        self.router.controls()
    }

    /// Drops closures of controls.
    pub async fn drop_controls(&self, ids: Vec<u64>) {
        self.router.drop_controls(&ids);
        self.current.sender.send(&ToCell::DropControls { ids }).await;
    }

    /// Gives a run its pipes and lets it begin; waits for its end.
    async fn begin(&self, run: u64, message: ToCell, end: oneshot::Receiver<RunEnd>) -> RunEnd {
        let attached = RunPipes::open(run).and_then(|(pipes, [stdout, stderr])| {
            let _ = self.current.attach.send(pipes);
            descriptors::send(self.checkpoints.socket(), [run, 0], &[stdout.as_fd(), stderr.as_fd()])
        });
        if let Err(error) = attached {
            // Perhaps the process is just going, and that shows soon.
            if let Ok(Ok(end)) = tokio::time::timeout(LAST_READ, end).await {
                return end;
            }
            let text = format!("no pipes for its output: {error}");
            return RunEnd::Ended { ending: Ending::NotLoaded(text), variables: Vec::new() };
        }
        let begin = Instant::now();
        self.current.sender.send(&message).await;
        let end = end.await.unwrap_or_else(|_| RunEnd::Died(Death::default()));
        // In microseconds, for the benchmark.
        tracing::debug!(target: "threadbook::run", "{}", begin.elapsed().as_micros());
        end
    }

    /// Asks a run to stop where it waits: the cell, or `everyone` who works for the run.
    pub async fn interrupt(&self, run: u64, everyone: bool) {
        self.current.sender.send(&ToCell::Interrupt { run, everyone }).await;
    }

    /// Drops variables.
    pub async fn forget(&self, names: Vec<String>) {
        if !names.is_empty() {
            self.current.sender.send(&ToCell::Forget { names }).await;
        }
    }

    pub async fn set_environment(&self, name: String, value: Option<String>) {
        self.current.sender.send(&ToCell::Environment { name, value }).await;
    }

    pub async fn set_directory(&self, path: String) {
        self.current.sender.send(&ToCell::Directory { path }).await;
    }

    /// The working directory of the process, where the system tells it.
    pub fn directory(&self) -> Option<PathBuf> {
        std::fs::read_link(format!("/proc/{}/cwd", self.current.process)).ok()
    }

    /// Asks for a checkpoint of the state between two cells.
    pub async fn checkpoint(&self, order: CheckpointOrder) {
        self.current.sender.send(&ToCell::Checkpoint(order)).await;
    }

    /// Whether there is a checkpoint to fall back to.
    pub fn has_checkpoint(&self) -> bool {
        self.checkpoints.is_there()
    }

    /// Why the last order gave no checkpoint, if it did not.
    pub fn checkpoint_refused(&self) -> Option<NoCheckpoint> {
        self.checkpoints.refused()
    }

    /// Dismisses the checkpoint, and those ordered up to this one.
    pub fn withdraw_checkpoints(&self, id: u64) {
        self.checkpoints.withdraw(id);
    }

    /// Whether the process is gone, even if what it sent last is still being read.
    pub fn is_dead(&self) -> bool {
        let is_gone =
            || nix::sys::signal::kill(Pid::from_raw(self.current.process), None) == Err(nix::errno::Errno::ESRCH);
        self.router.death().is_some() || self.keeper.has_ended(self.current.process) || is_gone()
    }

    /// Ends the process with its cell where it is, and returns what it tells of that.
    pub async fn abort(&self, run: u64) -> Death {
        self.current.sender.send(&ToCell::Abort { run }).await;
        let died = async {
            loop {
                if let Some(death) = self.router.death() {
                    return death;
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(LAST_WORDS, died).await.unwrap_or_default()
    }

    /// Ends the process and lets the checkpoint take its place; all other processes are
    /// ended, too. Returns the checkpoint's order, or `None` when there is nothing to
    /// fall back to. What is printed until the next run belongs to `run`.
    pub async fn fall_back(&mut self, run: u64) -> Option<u64> {
        self.kill();
        let checkpoint = self.checkpoints.take()?;
        let (id, process) = (checkpoint.id, checkpoint.process);
        self.keeper.end_all_but(process).await;
        // What it says of the old process must not be taken for news of the new one.
        if tokio::time::timeout(LAST_READ, &mut self.current.reader).await.is_err() {
            self.current.reader.abort();
        }
        self.keeper.watch(process);
        let woken = async {
            let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
            let (pipes, [stdout, stderr]) = RunPipes::open(run)?;
            self.router.revive();
            checkpoint.wake(run, &[theirs.as_fd(), stdout.as_fd(), stderr.as_fd()])?;
            drop((theirs, stdout, stderr));
            let keeper = &self.keeper;
            connect(process, ours, pipes, keeper, &self.router, &self.checkpoints, &self.panic_text)
        };
        match woken.await {
            Ok((current, is_ready)) => {
                self.current = current;
                if matches!(tokio::time::timeout(WAKING, is_ready).await, Ok(Ok(()))) {
                    return Some(id);
                }
                tracing::warn!("the checkpoint did not take over");
            }
            Err(error) => tracing::warn!("the checkpoint could not take over: {error}"),
        }
        self.kill();
        None
    }

    /// Ends the process and the children in its group at once.
    fn kill(&self) {
        // It may be gone already.
        let _ = killpg(Pid::from_raw(self.current.process), Signal::SIGKILL);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The keeper would do it, too, a little later.
        self.kill();
    }
}

/// Listens to a process. The receiver is told when it can take cells.
fn connect(
    process: i32,
    socket: std::os::unix::net::UnixStream,
    pipes: RunPipes,
    keeper: &Keeper,
    router: &Arc<Router>,
    checkpoints: &Arc<Checkpoints>,
    panic_text: &Arc<PanicText>,
) -> io::Result<(Current, oneshot::Receiver<()>)> {
    socket.set_nonblocking(true)?;
    let (from_worker, to_worker) = UnixStream::from_std(socket)?.into_split();
    let sender = Sender(Arc::new(Mutex::new(to_worker)));
    let (attach, attached) = mpsc::unbounded_channel();
    let (ready, is_ready) = oneshot::channel();
    let _ = attach.send(pipes);
    let reader = Reader {
        router: router.clone(),
        checkpoints: checkpoints.clone(),
        attached,
        ready: Some(ready),
        panic_text: panic_text.clone(),
        replies: sender.clone(),
        texts: Texts::default(),
        questions: Questions::default(),
        crash: None,
    };
    let reader = tokio::spawn(reader.read_all(from_worker, keeper.ended(process)));
    Ok((Current { process, sender, attach, reader }, is_ready))
}

/// What no other keeper of this kernel, and no other kernel's, is marked with.
fn keepers_mark() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{}-{}-{}", std::process::id(), family::now(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Starts this very program as a keeper, whose child the worker will be, in a process
/// group of its own.
fn spawn(sockets: [OwnedFd; 3], [stdout, stderr]: [OwnedFd; 2], mark: &str) -> io::Result<Child> {
    let fds: [RawFd; 3] = std::array::from_fn(|index| sockets[index].as_raw_fd());
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("worker");
    for (name, fd) in ["--socket", "--descriptors", "--keeper"].iter().zip(fds) {
        command.arg(name).arg(fd.to_string());
    }
    command.env(keeper::MARK, mark);
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).process_group(0);
    // SAFETY: runs between fork and exec, where only calls like these are allowed.
    unsafe {
        command.pre_exec(move || {
            // A shell that starts Jupyter in the background makes it ignore some; cells and
            // their children are to end by them.
            for signal in Signal::iterator().filter(|signal| ![Signal::SIGKILL, Signal::SIGSTOP].contains(signal)) {
                nix::sys::signal::signal(signal, SigHandler::SigDfl)?;
            }
            for fd in fds {
                let socket = std::os::fd::BorrowedFd::borrow_raw(fd);
                fcntl(socket, FcntlArg::F_SETFD(FdFlag::empty()))?;
            }
            Ok(())
        });
    }
    command.spawn()
}
