//! The sending side of iopub: each front end gets a socket and a queue of its own.
//!
//! One XPUB socket for all of them would stand still as soon as one of them stops
//! reading (a suspended console, a script that looks at replies only), and the kernel
//! with it. So the listening socket is handed from one XPUB socket to the next: when a
//! front end has connected, its socket stops to accept and a fresh one takes over.
//!
//! A queue that is full makes the kernel wait, so a cell that floods its output is
//! slowed down to what the front end takes in. A front end that has not taken anything
//! in for [`PATIENCE`] misses what cells show from then on, until it reads again; it is
//! told so then. What it must not miss (that a cell has ended, say) is kept for it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use jupyter_protocol::messaging::{IoPubWelcome, JupyterMessage};
use jupyter_zmq_client::{KernelIoPubXPubConnection, SubscriptionEvent};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;
use zeromq::{Endpoint, Socket, SocketEvent, SocketSend, XPubSocket, ZmqError, ZmqMessage, ZmqResult};

use super::connection::Listener;
use super::message;

/// How long the kernel waits for a front end that does not read.
const PATIENCE: Duration = Duration::from_secs(3);

/// Bytes of output that wait for one front end. A longer message waits alone.
const QUEUE_BYTES: usize = 8 << 20;

/// A short message counts as one of that length: no more than 64 wait.
const LEAST_BYTES: usize = QUEUE_BYTES / 64;

/// Messages of all kinds that wait for one front end.
const QUEUE: usize = 256;

/// The messages that may be missed, by their topic.
const OUTPUTS: [&[u8]; 5] = [b"stream", b"display_data", b"update_display_data", b"execute_result", b"clear_output"];

/// Other messages that are longer than this may be missed as well.
const ALWAYS_KEPT: usize = 64 << 10;

/// From this many front ends on, newcomers share a socket: zeromq does not tell when
/// the peer of an XPUB socket has gone, so sockets are kept.
const MOST_SOCKETS: usize = 32;

enum Outgoing {
    Message {
        message: ZmqMessage,
        /// So many before it were left out.
        missed: u64,
        _room: OwnedSemaphorePermit,
    },
    /// Dropped once everything before it has been given to the socket.
    Flush(mpsc::Sender<Infallible>),
}

/// The way to one front end.
struct Queue {
    items: mpsc::Sender<Outgoing>,
    /// In bytes.
    room: Arc<Semaphore>,
}

impl Queue {
    /// Waits for a place, and for room of so many bytes. `None` when nobody takes
    /// anything out any more.
    async fn place(&self, bytes: u32) -> Option<(mpsc::Permit<'_, Outgoing>, OwnedSemaphorePermit)> {
        let room = self.room.clone().acquire_many_owned(bytes).await.ok()?;
        Some((self.items.reserve().await.ok()?, room))
    }
}

/// All front ends, as one thing to send to.
pub struct Subscribers {
    joining: mpsc::UnboundedReceiver<Queue>,
    joined: Vec<Subscriber>,
}

struct Subscriber {
    queue: Queue,
    behind: bool,
    missed: u64,
}

impl Subscriber {
    async fn offer(&mut self, message: ZmqMessage) {
        let bytes = bytes_of_room(&message);
        let patience = if self.behind { Duration::ZERO } else { PATIENCE };
        // What is ready at once is taken without looking at the time.
        match timeout(patience, self.queue.place(bytes)).await {
            Ok(Some((place, room))) => {
                // What needs no room says nothing about whether the front end reads.
                self.behind &= bytes == 0;
                place.send(Outgoing::Message { message, missed: std::mem::take(&mut self.missed), _room: room });
            }
            // The socket is gone.
            Ok(None) => {}
            Err(_) => {
                if !self.behind {
                    tracing::warn!("a front end does not read its iopub channel; it misses output from now on");
                }
                self.behind = true;
                self.missed += 1;
            }
        }
    }

    async fn flush(&mut self, pending: mpsc::Sender<Infallible>) {
        // Who is too slow is found out by the next message.
        let _ = timeout(PATIENCE, self.queue.items.send(Outgoing::Flush(pending))).await;
    }
}

/// The room that a message needs in a queue; none if it must not be missed.
fn bytes_of_room(message: &ZmqMessage) -> u32 {
    let bytes: usize = message.iter().map(Bytes::len).sum();
    let is_output = message.get(0).is_some_and(|topic| OUTPUTS.contains(&topic.as_ref()));
    if !is_output && bytes <= ALWAYS_KEPT {
        return 0;
    }
    u32::try_from(bytes.clamp(LEAST_BYTES, QUEUE_BYTES)).unwrap_or(u32::MAX)
}

impl Subscribers {
    /// Nobody yet, and the end where [`Door`] announces those who come.
    pub fn channel() -> (Subscribers, Announce) {
        let (announce, joining) = mpsc::unbounded_channel();
        (Subscribers { joining, joined: Vec::new() }, Announce(announce))
    }

    fn welcome_newcomers(&mut self) {
        while let Ok(queue) = self.joining.try_recv() {
            self.joined.push(Subscriber { queue, behind: false, missed: 0 });
        }
    }

    /// Marks this place in the stream of messages: the receiver ends when everything
    /// before it has been given to the sockets of those who read.
    pub async fn mark(&mut self) -> Mark {
        self.welcome_newcomers();
        let (pending, passed) = mpsc::channel(1);
        for subscriber in self.joined.iter_mut().filter(|subscriber| !subscriber.behind) {
            subscriber.flush(pending.clone()).await;
        }
        Mark(passed)
    }
}

#[async_trait]
impl SocketSend for Subscribers {
    async fn send(&mut self, message: ZmqMessage) -> ZmqResult<()> {
        self.welcome_newcomers();
        for subscriber in &mut self.joined {
            subscriber.offer(message.clone()).await;
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
    let (items, mut outgoing) = mpsc::channel(QUEUE);
    let mut queue = Some(Queue { items, room: Arc::new(Semaphore::new(QUEUE_BYTES)) });
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
                Outgoing::Message { message, missed, _room } => {
                    if missed > 0
                        && let Err(error) = connection.send(missed_notice(missed, &message)).await
                    {
                        tracing::debug!("a front end missed a notice: {error}");
                    }
                    if let Err(error) = connection.socket.send(message).await {
                        tracing::debug!("a front end missed a message: {error}");
                    }
                }
                Outgoing::Flush(done) => drop(done),
            },
        }
    }
}

/// Tells a front end how much it missed before `next`, under the parent of that.
fn missed_notice(missed: u64, next: &ZmqMessage) -> JupyterMessage {
    let text = format!(
        "\x1b[1;36mnote\x1b[0m: {missed} messages of output are left out here: this front end did not read for {} seconds",
        PATIENCE.as_secs()
    );
    let content = json!({"data": {"text/plain": text}, "metadata": {}, "transient": {}});
    let mut notice = message::new(message::raw("display_data", content))
        .with_zmq_identities(vec![Bytes::from_static(b"display_data")]);
    // Topic, delimiter, signature, header, parent header.
    notice.parent_header = next.get(4).and_then(|parent| serde_json::from_slice(parent).ok());
    notice
}
