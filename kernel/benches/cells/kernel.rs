//! A real kernel process, and the client that drives it over its sockets.

use std::error::Error;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use jupyter_protocol::connection_info::{ConnectionInfo, Transport};
use jupyter_protocol::messaging::{
    ExecuteRequest, ExecutionState, JupyterMessage, JupyterMessageContent, KernelInfoRequest, ReplyStatus,
    ShutdownRequest,
};
use jupyter_zmq_client::{
    ClientControlConnection, ClientIoPubConnection, ClientShellConnection, create_client_control_connection,
    create_client_iopub_connection, create_client_shell_connection_with_identity, peer_identity_for_session,
};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::compiler::Call;

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The kernel of this workspace.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_threadbook");

/// Longer than anything here takes; what takes longer is stuck.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long after the reply a line of the log may come.
const LAST_LINE: Duration = Duration::from_millis(200);

/// How long after a cell's idle lines of the log may come, where it is not known how many.
const LAST_LINES: Duration = Duration::from_millis(20);

/// How often it is looked whether the kernel's sockets are there. Jupyter's own clients
/// look far more seldom.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// A kernel that runs, with a client.
pub struct Kernel {
    process: Child,
    shell: ClientShellConnection,
    control: ClientControlConnection,
    iopub: ClientIoPubConnection,
    log: mpsc::UnboundedReceiver<Logged>,
    /// Sockets and compiled cells lie here while the kernel lives.
    _folder: TempDir,
}

/// A cell that ran.
pub struct Ran {
    /// From sending the cell to its reply and its idle.
    pub took: Duration,
    /// The calls of the compiler that it needed.
    pub calls: Vec<Call>,
    /// From the order to run the compiled cell to its end.
    pub run: Option<Duration>,
    /// The value shown, as text.
    pub result: Option<String>,
}

impl Kernel {
    /// Starts a kernel. Returns it with the time from the process's start to the reply
    /// to `kernel_info_request`.
    ///
    /// Every cell is compiled at its first run.
    pub async fn start() -> Result<(Kernel, Duration)> {
        Kernel::start_with(None).await
    }

    /// The same, with a cache of compiled cells in a folder.
    pub async fn start_with(cache: Option<&Path>) -> Result<(Kernel, Duration)> {
        let folder = tempfile::Builder::new().prefix("cells-").tempdir()?;
        let info = ConnectionInfo {
            ip: folder.path().join("k").display().to_string(),
            transport: Transport::IPC,
            shell_port: 1,
            iopub_port: 2,
            stdin_port: 3,
            control_port: 4,
            hb_port: 5,
            key: "a key".into(),
            signature_scheme: "hmac-sha256".into(),
            kernel_name: None,
        };
        let connection_file = folder.path().join("connection.json");
        std::fs::write(&connection_file, serde_json::to_vec(&info)?)?;

        let begin = Instant::now();
        let mut command = Command::new(PROGRAM);
        match cache {
            Some(folder) => command.env("THREADBOOK_CACHE_DIR", folder),
            None => command.env("THREADBOOK_CACHE_SIZE", "0"),
        };
        let mut process = command
            .arg("kernel")
            .arg("--connection-file")
            .arg(&connection_file)
            .env("THREADBOOK_LOG", "threadbook::rustc=debug,threadbook::run=debug")
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stderr = process.stderr.take().ok_or("the kernel's log cannot be read")?;
        let (sender, log) = mpsc::unbounded_channel();
        tokio::spawn(read_log(stderr, sender));

        // The client's library waits a second or more before it tries a socket again.
        for port in [info.shell_port, info.control_port, info.iopub_port] {
            wait_for(&folder.path().join(format!("k-{port}")), &mut process).await?;
        }
        let session = "bench";
        let identity = peer_identity_for_session(session)?;
        let mut shell = create_client_shell_connection_with_identity(&info, session, identity).await?;
        shell.send(JupyterMessage::new(KernelInfoRequest {}, None)).await?;
        let reply = timeout(PATIENCE, shell.read()).await??;
        let took = begin.elapsed();
        if reply.message_type() != "kernel_info_reply" {
            return Err(format!("the kernel answered with {}", reply.message_type()).into());
        }
        let control = create_client_control_connection(&info, session).await?;
        let mut iopub = create_client_iopub_connection(&info, "", session).await?;
        while timeout(PATIENCE, iopub.read()).await??.message_type() != "iopub_welcome" {}
        Ok((Kernel { process, shell, control, iopub, log, _folder: folder }, took))
    }

    /// Runs a cell to its end.
    ///
    /// # Errors
    /// When the cell fails: its time would mean nothing.
    pub async fn execute(&mut self, code: &str) -> Result<Ran> {
        while self.log.try_recv().is_ok() {}
        let begin = Instant::now();
        let request = JupyterMessage::new(ExecuteRequest::new(code.to_owned()), None);
        let id = request.header.msg_id.clone();
        self.shell.send(request).await?;
        let reply = timeout(PATIENCE, self.shell.read()).await??;
        let result = self.wait_for_idle(&id).await?;
        let took = begin.elapsed();
        match reply.content {
            JupyterMessageContent::ExecuteReply(reply) if reply.status == ReplyStatus::Ok => {}
            other => return Err(format!("this cell failed:\n{code}\n{other:?}").into()),
        }
        // The run's line is the last one, and may come after the reply.
        let (mut calls, mut run) = (Vec::new(), None);
        while run.is_none()
            && let Ok(Some(logged)) = timeout(LAST_LINE, self.log.recv()).await
        {
            match logged {
                Logged::Call(call) => calls.push(call),
                Logged::Run(took) => run = Some(took),
            }
        }
        Ok(Ran { took, calls, run, result })
    }

    /// Runs a cell to its end, however it ends. Returns the kernel's part of the time: all
    /// but that in which compiled code ran.
    pub async fn execute_any(&mut self, code: &str) -> Result<Duration> {
        while self.log.try_recv().is_ok() {}
        let begin = Instant::now();
        let id = self.send(code).await?;
        timeout(PATIENCE, self.shell.read()).await??;
        self.wait_for_idle(&id).await?;
        let took = begin.elapsed();
        let mut ran = Duration::ZERO;
        while let Ok(Some(logged)) = timeout(LAST_LINES, self.log.recv()).await {
            if let Logged::Run(took) = logged {
                ran += took;
            }
        }
        Ok(took.saturating_sub(ran))
    }

    /// Runs cells to their ends, however they end; all at once, or each when the one before it has ended.
    pub async fn run_all(&mut self, cells: &[&str], at_once: bool) -> Result<Duration> {
        let begin = Instant::now();
        let mut ids = Vec::new();
        for code in cells {
            let id = self.send(code).await?;
            if at_once {
                ids.push(id);
            } else {
                timeout(PATIENCE, self.shell.read()).await??;
                self.wait_for_idle(&id).await?;
            }
        }
        for id in ids {
            timeout(PATIENCE, self.shell.read()).await??;
            self.wait_for_idle(&id).await?;
        }
        Ok(begin.elapsed())
    }

    async fn send(&mut self, code: &str) -> Result<String> {
        let request = ExecuteRequest { stop_on_error: false, ..ExecuteRequest::new(code.to_owned()) };
        let message = JupyterMessage::new(request, None);
        let id = message.header.msg_id.clone();
        self.shell.send(message).await?;
        Ok(id)
    }

    /// Returns the value that the cell has shown meanwhile.
    async fn wait_for_idle(&mut self, request: &str) -> Result<Option<String>> {
        let mut result = None;
        loop {
            let message = timeout(PATIENCE, self.iopub.read()).await??;
            if message.parent_header.as_ref().is_none_or(|header| header.msg_id != request) {
                continue;
            }
            match &message.content {
                JupyterMessageContent::Status(status) if status.execution_state == ExecutionState::Idle => {
                    return Ok(result);
                }
                JupyterMessageContent::ExecuteResult(shown) => {
                    let data = serde_json::to_value(&shown.data)?;
                    result = data["text/plain"].as_str().map(str::to_owned);
                }
                _ => {}
            }
        }
    }

    /// The kernel's process id.
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }

    pub async fn shutdown(mut self) -> Result<()> {
        self.control.send(JupyterMessage::new(ShutdownRequest { restart: false }, None)).await?;
        if timeout(PATIENCE, self.process.wait()).await.is_err() {
            self.process.kill().await?;
        }
        Ok(())
    }
}

async fn wait_for(socket: &Path, process: &mut Child) -> Result<()> {
    let begin = Instant::now();
    while !socket.exists() {
        if let Some(status) = process.try_wait()? {
            return Err(format!("the kernel ended at its start: {status}").into());
        }
        if begin.elapsed() > PATIENCE {
            return Err(format!("the kernel did not open {}", socket.display()).into());
        }
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// What the kernel logs for us.
enum Logged {
    Call(Call),
    /// How long a run of a compiled cell took.
    Run(Duration),
}

/// Takes what is for us out of the kernel's log; other lines are passed on.
async fn read_log(stderr: ChildStderr, log: mpsc::UnboundedSender<Logged>) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let run = line.split_once("threadbook::run: ").and_then(|(_, micros)| micros.trim().parse().ok());
        match (Call::from_log(&line), run) {
            (Some(call), _) => drop(log.send(Logged::Call(call))),
            (None, Some(micros)) => drop(log.send(Logged::Run(Duration::from_micros(micros)))),
            (None, None) => eprintln!("{line}"),
        }
    }
}
