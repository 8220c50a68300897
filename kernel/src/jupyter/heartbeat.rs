//! The heartbeat: whatever comes is sent back.
//!
//! It has a thread and a runtime of its own, so that a front end never takes a busy
//! kernel for a dead one.

use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use zeromq::{RepSocket, Socket, SocketRecv, SocketSend};

use super::connection::Listener;
use super::error::ServeError;

/// Beats until dropped.
pub struct Heartbeat {
    _stop: oneshot::Sender<()>,
}

impl Heartbeat {
    /// Starts to answer on `listener`.
    ///
    /// # Errors
    ///
    /// When the system has no thread or no poller to give.
    pub fn start(listener: Listener) -> Result<Heartbeat, ServeError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(ServeError::Heartbeat)?;
        let (stop, stopped) = oneshot::channel();
        let beat = async move {
            tokio::select! {
                _ = stopped => {}
                _ = echo(listener) => {}
            }
        };
        thread::Builder::new()
            .name("heartbeat".into())
            .spawn(move || runtime.block_on(beat))
            .map_err(ServeError::Heartbeat)?;
        Ok(Heartbeat { _stop: stop })
    }
}

async fn echo(listener: Listener) {
    let mut socket = RepSocket::new();
    if let Err(error) = socket.bind_listener(listener).await {
        tracing::error!("no heartbeat: {error}");
        return;
    }
    loop {
        let answered = match socket.recv().await {
            Ok(beat) => socket.send(beat).await,
            Err(error) => Err(error),
        };
        if let Err(error) = answered {
            tracing::debug!("a heartbeat was not answered: {error}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
