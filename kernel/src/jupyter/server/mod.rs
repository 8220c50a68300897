//! The tasks behind the sockets, from the first connection to the end.
//!
//! [`run`] starts one task for each channel; they share a [`Kernel`]. [`answer`] holds
//! what can be asked on shell and control alike.

mod answer;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jupyter_protocol::messaging::{JupyterMessage, ShutdownReply};
use jupyter_zmq_client::{Connection, ConnectionInfo, RouterSendConnection};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;
use uuid::Uuid;
use zeromq::{RouterSocket, Socket};

use super::comm::Comms;
use super::connection::{Channels, Listener};
use super::control;
use super::error::ServeError;
use super::heartbeat::Heartbeat;
use super::history::History;
use super::iopub::IoPub;
use super::kernel_info::KernelInfo;
use super::message::Request;
use super::requests::ShutdownRequest;
use super::shell::Shell;
use super::stdin::Stdin;
use super::subscribers::{Door, Subscribers};
use crate::interpreter::Interpreter;

/// How long the session may take to end its processes before the kernel ends anyway:
/// less than the five seconds after which Jupyter kills it.
const SHUTDOWN: Duration = Duration::from_secs(3);

/// How long the last messages get to leave: zeromq writes them in tasks of its own,
/// which nobody can wait for.
const LINGER: Duration = Duration::from_millis(50);

/// What the channels share.
pub struct Kernel<I> {
    pub interpreter: Arc<I>,
    pub info: KernelInfo,
    pub iopub: IoPub,
    pub stdin: Arc<Stdin>,
    pub comms: Arc<Comms>,
    pub history: History,
    stop: mpsc::Sender<()>,
}

/// The sending side of shell or control.
#[derive(Clone)]
pub struct Replies {
    name: &'static str,
    connection: Arc<Mutex<RouterSendConnection>>,
}

impl Replies {
    fn new(name: &'static str, connection: RouterSendConnection) -> Replies {
        Replies { name, connection: Arc::new(connection.into()) }
    }

    /// Sends a reply. A client that has gone does not get it.
    pub async fn send(&self, reply: JupyterMessage) {
        if let Err(error) = self.connection.lock().await.send(reply).await {
            tracing::info!("a reply on {} did not arrive: {error}", self.name);
        }
    }
}

/// Serves until a front end asks for the end or `stopped` returns; the interpreter has
/// been shut down then.
///
/// # Errors
///
/// When a socket cannot take its listener over.
pub async fn run<I: Interpreter>(
    info: &ConnectionInfo,
    channels: Channels,
    interpreter: Arc<I>,
    kernel_info: KernelInfo,
    history: History,
    stopped: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let session = Uuid::new_v4().to_string();
    let Channels { shell, control, stdin, iopub, heartbeat, files: _files } = channels;
    let _heartbeat = Heartbeat::start(heartbeat)?;

    let (shell_replies, shell_requests) = router("shell", shell, info, &session).await?.split();
    let (control_replies, control_requests) = router("control", control, info, &session).await?.split();
    let mut stdin = router("stdin", stdin, info, &session).await?;
    let stdin_events = stdin.socket.monitor();
    let (stdin_questions, stdin_answers) = stdin.split();

    let door = Door::open(&iopub).await.map_err(|source| ServeError::Socket { channel: "iopub", source })?;
    let (subscribers, announce) = Subscribers::channel();
    let broadcast = Connection { socket: subscribers, mac: shell_requests.mac.clone(), session_id: session.clone() };
    let key = info.key.clone();
    let connect = Box::new(move |socket| Connection::new(socket, &key, &session));

    let (stop, mut shutdown_requested) = mpsc::channel(1);
    let iopub_sender = IoPub::new(broadcast);
    let kernel = Arc::new(Kernel {
        interpreter: interpreter.clone(),
        info: kernel_info,
        comms: Arc::new(Comms::new(iopub_sender.clone())),
        iopub: iopub_sender,
        stdin: Arc::new(Stdin::new(stdin_questions)),
        history,
        stop,
    });

    // All of them end when this is dropped.
    let mut tasks = JoinSet::new();
    tasks.spawn(door.serve(iopub, connect, announce));
    let asker = kernel.stdin.clone();
    tasks.spawn(async move { tokio::join!(asker.receive(stdin_answers), asker.watch(stdin_events)).0 });
    let replies = Replies::new("control", control_replies);
    tasks.spawn(control::serve(kernel.clone(), control_requests, replies));
    let (shell, queue) = Shell::new(kernel.clone(), Replies::new("shell", shell_replies));
    tasks.spawn(Shell::<I>::receive(kernel.clone(), shell_requests, queue));
    tasks.spawn(shell.serve());

    tokio::select! {
        _ = shutdown_requested.recv() => {}
        () = stopped => {}
        // None of them ends by itself.
        _ = tasks.join_next() => tracing::error!("a channel failed, the kernel ends"),
    }
    if timeout(SHUTDOWN, interpreter.shutdown()).await.is_err() {
        tracing::warn!("the session did not end in time");
    }
    kernel.iopub.flush().await;
    tokio::time::sleep(LINGER).await;
    Ok(())
}

async fn router(
    channel: &'static str,
    listener: Listener,
    info: &ConnectionInfo,
    session: &str,
) -> Result<Connection<RouterSocket>, ServeError> {
    let mut socket = RouterSocket::new();
    socket.bind_listener(listener).await.map_err(|source| ServeError::Socket { channel, source })?;
    Ok(Connection::new(socket, &info.key, session))
}

impl<I: Interpreter> Kernel<I> {
    /// Answers a request that is not about running a cell, from busy to idle.
    pub async fn serve(&self, request: &Request, replies: &Replies) {
        if request.msg_type() == "interrupt_request" {
            // Before `busy`, which a front end that is flooded with output holds up.
            self.interpreter.interrupt().await;
        }
        self.iopub.busy(request).await;
        let content = self.answer(request).await.unwrap_or_else(|refusal| {
            tracing::warn!("{} refused: {}", request.msg_type(), refusal.value);
            refusal.reply_content(request)
        });
        if let Some(content) = content {
            replies.send(request.reply(content)).await;
        }
        self.iopub.idle(request).await;
        if request.msg_type() == "shutdown_request" {
            self.end(request).await;
        }
    }

    /// Tells all front ends, and makes [`run`] return.
    pub async fn end(&self, request: &Request) {
        let ShutdownRequest { restart } = request.content().unwrap_or_default();
        let reply = ShutdownReply { restart, ..ShutdownReply::default() };
        self.iopub.publish(request.child(reply)).await;
        let _ = self.stop.try_send(());
    }
}
