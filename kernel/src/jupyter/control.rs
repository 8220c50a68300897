//! The control channel: what must not wait for the running cell.

use std::sync::Arc;

use jupyter_zmq_client::RouterRecvConnection;
use tokio::task::JoinSet;

use super::message;
use super::server::{Kernel, Replies};
use crate::interpreter::Interpreter;

/// Answers for ever. Each request is answered by a task of its own, so that none has
/// to wait for another one.
pub async fn serve<I: Interpreter>(kernel: Arc<Kernel<I>>, mut requests: RouterRecvConnection, replies: Replies) {
    let mut answers = JoinSet::new();
    loop {
        match message::receive(&mut requests).await {
            Ok(request) => {
                let (kernel, replies) = (kernel.clone(), replies.clone());
                answers.spawn(async move { kernel.serve(&request, &replies).await });
            }
            Err(error) => message::log_dropped("control", &error).await,
        }
        while answers.try_join_next().is_some() {}
    }
}
