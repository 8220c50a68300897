//! Everything that is broadcast to the front ends, in one order for all of them.

use std::sync::Arc;

use bytes::Bytes;
use jupyter_protocol::messaging::{JupyterMessage, Status};
use jupyter_zmq_client::Connection;
use tokio::sync::Mutex;

use super::message::Request;
use super::subscribers::Subscribers;

/// The handle that broadcasts; clones share the channel.
#[derive(Clone)]
pub struct IoPub {
    connection: Arc<Mutex<Connection<Subscribers>>>,
}

impl IoPub {
    /// A channel whose connection signs messages before `Subscribers` get them.
    pub fn new(connection: Connection<Subscribers>) -> IoPub {
        IoPub { connection: Arc::new(Mutex::new(connection)) }
    }

    /// Sends one message to all, under its type as topic. Waits while a front end is
    /// slow.
    pub async fn publish(&self, message: JupyterMessage) {
        let topic = Bytes::copy_from_slice(message.message_type().as_bytes());
        let message = message.with_zmq_identities(vec![topic]);
        if let Err(error) = self.connection.lock().await.send(message).await {
            tracing::error!("a message could not be broadcast: {error}");
        }
    }

    /// Work on `request` begins.
    pub async fn busy(&self, request: &Request) {
        self.publish(request.child(Status::busy())).await;
    }

    /// Work on `request` has ended.
    pub async fn idle(&self, request: &Request) {
        self.publish(request.child(Status::idle())).await;
    }

    /// Waits until everything published so far has been given to the sockets.
    pub async fn flush(&self) {
        let mark = self.connection.lock().await.socket.mark().await;
        mark.passed().await;
    }
}
