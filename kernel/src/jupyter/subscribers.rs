//! The sending side of iopub: each front end gets a socket and a queue of its own.
//!
//! One XPUB socket for all of them would stand still as soon as one of them stops
//! reading (a suspended console, a script that looks at replies only), and the kernel
//! with it. So the listening socket is handed from one XPUB socket to the next: when a
//! front end has connected, its socket stops to accept and a fresh one takes over.
//!
//! A queue that is full makes the kernel wait, so a cell that floods its output is
//! slowed down to what the front end takes in. A front end that has not taken anything
//! in for [`PATIENCE`] misses messages from then on, until it reads again.

use std::convert::Infallible;
use std::time::Duration;

use async_trait::async_trait;
use jupyter_protocol::messaging::IoPubWelcome;
use jupyter_zmq_client::{KernelIoPubXPubConnection, SubscriptionEvent};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use zeromq::{Endpoint, Socket, SocketEvent, SocketSend, XPubSocket, ZmqError, ZmqMessage, ZmqResult};

use super::connection::Listener;
use super::message;

/// How long the kernel waits for a front end that does not read.
const PATIENCE: Duration = Duration::from_secs(3);

/// Messages that wait for one front end.
const QUEUE: usize = 64;

/// From this many front ends on, newcomers share a socket: zeromq does not tell when
/// the peer of an XPUB socket has gone, so sockets are kept.
const MOST_SOCKETS: usize = 32;

enum Outgoing {
    Message(ZmqMessage),
    /// Dropped once everything before it has been given to the socket.
    Flush(mpsc::Sender<Infallible>),
}

type Queue = mpsc::Sender<Outgoing>;

/// All front ends, as one thing to send to.
pub struct Subscribers {
    joining: mpsc::UnboundedReceiver<Queue>,
    joined: Vec<Subscriber>,
}

struct Subscriber {
    queue: Queue,
    behind: bool,
}

impl Subscriber {
    async fn offer(&mut self, item: Outgoing) {
        let item = match self.queue.try_send(item) {
            Ok(()) => {
                self.behind = false;
                return;
            }
            Err(mpsc::error::TrySendError::Full(item)) if !self.behind => item,
            Err(_) => return,
        };
        if timeout(PATIENCE, self.queue.send(item)).await.is_err() {
            tracing::warn!("a front end does not read its iopub channel; it misses output from now on");
            self.behind = true;
        }
    }
}

impl Subscribers {
    /// Nobody yet, and the end where [`Door`] announces those who come.
    pub fn channel() -> (Subscribers, Announce) {
        let (announce, joining) = mpsc::unbounded_channel();
        (Subscribers { joining, joined: Vec::new() }, Announce(announce))
    }

    fn welcome_newcomers(&mut self) {
        while let Ok(queue) = self.joining.try_recv() {
            self.joined.push(Subscriber { queue, behind: false });
        }
    }

    /// Marks this place in the stream of messages: the receiver ends when everything
    /// before it has been given to the sockets of those who read.
    pub async fn mark(&mut self) -> Mark {
        self.welcome_newcomers();
        let (pending, passed) = mpsc::channel(1);
        for subscriber in self.joined.iter_mut().filter(|subscriber| !subscriber.behind) {
            subscriber.offer(Outgoing::Flush(pending.clone())).await;
        }
        Mark(passed)
    }
}

#[async_trait]
impl SocketSend for Subscribers {
    async fn send(&mut self, message: ZmqMessage) -> ZmqResult<()> {
        self.welcome_newcomers();
        for subscriber in &mut self.joined {
            subscriber.offer(Outgoing::Message(message.clone())).await;
        }
        Ok(())
    }
}

/// See [`Subscribers::mark`].
pub struct Mark(mpsc::Receiver<Infallible>);

impl Mark {
    pub async fn passed(mut self) {
        // Who is too slow now is found out by the next message.
        let _ = timeout(PATIENCE, self.0.recv()).await;
    }
}

#[derive(Clone)]
pub struct Announce(mpsc::UnboundedSender<Queue>);

/// Makes a connection (key and session) around a socket.
pub type Connect = Box<dyn Fn(XPubSocket) -> KernelIoPubXPubConnection + Send>;

/// An XPUB socket that waits for its front end.
pub struct Door {
    socket: XPubSocket,
    endpoint: Endpoint,
    events: futures_channel::mpsc::Receiver<SocketEvent>,
}

impl Door {
    /// Starts to accept on `listener`.
    ///
    /// # Errors
    ///
    /// When the listener cannot be shared or used.
    pub async fn open(listener: &Listener) -> ZmqResult<Door> {
        let mut socket = XPubSocket::new();
        let events = socket.monitor();
        let endpoint = socket.bind_listener(listener.try_clone().map_err(ZmqError::Network)?).await?;
        Ok(Door { socket, endpoint, events })
    }

    async fn someone_comes(&mut self) {
        while let Ok(event) = self.events.recv().await {
            if matches!(event, SocketEvent::Accepted(..)) {
                return;
            }
        }
    }

    /// Lets front ends in for ever.
    pub async fn serve(mut self, listener: Listener, connect: Connect, announce: Announce) {
        let mut visitors = JoinSet::new();
        loop {
            self.someone_comes().await;
            let next = if visitors.len() + 1 < MOST_SOCKETS {
                if let Err(error) = self.socket.unbind(self.endpoint.clone()).await {
                    tracing::warn!("an iopub socket did not stop to listen: {error}");
                }
                Door::open(&listener).await
            } else {
                Err(ZmqError::Other("as many iopub sockets as there may be"))
            };
            match next {
                Ok(next) => {
                    let visited = std::mem::replace(&mut self, next);
                    visitors.spawn(attend(connect(visited.socket), announce.clone()));
                }
                Err(error) => {
                    tracing::debug!("the latest iopub socket serves all further front ends: {error}");
                    let mut last = self.socket;
                    if last.binds().is_empty()
                        && let Ok(listener) = listener.try_clone()
                        && let Err(error) = last.bind_listener(listener).await
                    {
                        tracing::error!("no further front end can read iopub: {error}");
                    }
                    return attend(connect(last), announce).await;
                }
            }
        }
    }
}

/// Serves the front end (seldom several) of one socket.
async fn attend(mut connection: KernelIoPubXPubConnection, announce: Announce) {
    let (queue, mut outgoing) = mpsc::channel(QUEUE);
    let mut queue = Some(queue);
    loop {
        tokio::select! {
            event = connection.recv_subscription() => match event {
                Ok(SubscriptionEvent::Subscribe(topic)) => {
                    // First on the list, then the welcome: nothing is missed after it.
                    if let Some(queue) = queue.take() {
                        let _ = announce.0.send(queue);
                    }
                    let welcome = message::new(IoPubWelcome::new(topic.clone()))
                        .with_zmq_identities(vec![topic.into()]);
                    if let Err(error) = connection.send(welcome).await {
                        tracing::debug!("no iopub_welcome: {error}");
                    }
                }
                Ok(SubscriptionEvent::Unsubscribe(_)) => {}
                Err(error) => tracing::debug!("an iopub connection ended: {error}"),
            },
            Some(item) = outgoing.recv() => match item {
                Outgoing::Message(message) => {
                    if let Err(error) = connection.socket.send(message).await {
                        tracing::debug!("a front end missed a message: {error}");
                    }
                }
                Outgoing::Flush(done) => drop(done),
            },
        }
    }
}
