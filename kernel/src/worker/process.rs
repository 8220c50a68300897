//! The kernel's side of the worker: starts the process and hands cells over.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use threadbook::message::{Ending, ToCell};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, oneshot};

use super::frame;
use super::pipe::Pipe;
use super::reader::{PanicText, Reader, Router, RunOutput};

#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("The process that runs cells could not be started: {0}")]
    Start(#[from] io::Error),
    #[error(
        "The process that runs cells ended at its start ({0}): run `threadbook prelude` in a terminal, then restart the kernel."
    )]
    EndedAtStart(String),
}

/// How a run of a cell ended.
#[derive(Debug)]
pub enum RunEnd {
    /// With the names that have a value now.
    Ended { ending: Ending, variables: Vec<String> },
    /// The worker process is gone, and all values with it.
    Died(Option<ExitStatus>),
}

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

/// A running worker process. Dropping it kills the process and its children.
pub struct Worker {
    group: Pid,
    sender: Sender,
    router: Arc<Router>,
}

impl Worker {
    /// Starts a worker and waits until it has loaded `libraries`, in this order.
    ///
    /// # Errors
    /// When the process cannot be started, or ends before it is ready.
    pub async fn start(libraries: &[PathBuf], panic_text: Arc<PanicText>) -> Result<Worker, WorkerError> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        let (stdout, stdout_writer) = io::pipe()?;
        let (stderr, stderr_writer) = io::pipe()?;
        let child = spawn(theirs.into(), stdout_writer.into(), stderr_writer.into())?;
        let group = child.id().map(|id| Pid::from_raw(id as i32)).ok_or_else(|| io::Error::other("it is gone"))?;

        ours.set_nonblocking(true)?;
        let (from_worker, to_worker) = UnixStream::from_std(ours)?.into_split();
        let worker = Worker { group, sender: Sender(Arc::new(Mutex::new(to_worker))), router: Arc::default() };
        let (ready, is_ready) = oneshot::channel();
        let reader = Reader {
            router: worker.router.clone(),
            stdout: Pipe::new(stdout.into(), true)?,
            stderr: Pipe::new(stderr.into(), false)?,
            ready: Some(ready),
            panic_text,
            replies: worker.sender.clone(),
        };
        let reading = tokio::spawn(reader.read_all(from_worker, child));
        worker.load(libraries).await;
        if is_ready.await.is_err() {
            let status = reading.await.ok().flatten();
            return Err(WorkerError::EndedAtStart(status.map_or("no status".to_owned(), |status| status.to_string())));
        }
        Ok(worker)
    }

    /// Makes the worker load libraries, so that cells find them.
    pub async fn load(&self, libraries: &[PathBuf]) {
        let libraries = libraries.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        self.sender.send(&ToCell::Load { libraries }).await;
    }

    /// Loads and calls a compiled cell, and waits for its end.
    pub async fn run(&self, run: u64, library: &std::path::Path, symbol: &str, output: RunOutput) -> RunEnd {
        let end = self.router.begin(run, output);
        let library = library.to_string_lossy().into_owned();
        self.sender.send(&ToCell::Run { run, library, symbol: symbol.to_owned() }).await;
        end.await.unwrap_or(RunEnd::Died(None))
    }

    /// Drops variables.
    pub async fn forget(&self, names: Vec<String>) {
        if !names.is_empty() {
            self.sender.send(&ToCell::Forget { names }).await;
        }
    }

    pub async fn set_environment(&self, name: String, value: Option<String>) {
        self.sender.send(&ToCell::Environment { name, value }).await;
    }

    /// Whether the process is gone, even if what it sent last is still being read.
    pub fn is_dead(&self) -> bool {
        self.router.is_dead() || kill(self.group, None) == Err(Errno::ESRCH)
    }

    /// Ends the process and the children in its group at once.
    pub fn kill(&self) {
        // It may be gone already.
        let _ = killpg(self.group, Signal::SIGKILL);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts this very program as a worker, in a process group of its own.
fn spawn(socket: OwnedFd, stdout: OwnedFd, stderr: OwnedFd) -> io::Result<Child> {
    let fd = socket.as_raw_fd();
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("worker").arg("--socket").arg(fd.to_string());
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).process_group(0).kill_on_drop(true);
    // SAFETY: runs between fork and exec, where only calls like this `fcntl` are allowed.
    unsafe {
        command.pre_exec(move || {
            let socket = std::os::fd::BorrowedFd::borrow_raw(fd);
            fcntl(socket, FcntlArg::F_SETFD(FdFlag::empty()))?;
            Ok(())
        });
    }
    command.spawn()
}
