//! The shell channel: requests are taken in at once and answered one after the other.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jupyter_zmq_client::RouterRecvConnection;
use serde_json::json;
use tokio::sync::mpsc;

use super::message::{self, Request};
use super::requests::ExecuteRequest;
use super::server::{Kernel, Replies};
use crate::interpreter::Interpreter;

/// How long a failed cell waits for the requests that were sent behind it: "Run all"
/// sends many at once, and they may still be on their way through the socket.
const ARRIVAL: Duration = Duration::from_millis(10);

pub struct Shell<I> {
    pub(super) kernel: Arc<Kernel<I>>,
    pub(super) replies: Replies,
    arriving: mpsc::UnboundedReceiver<Request>,
    /// Taken out of `arriving` when a cell failed, or to see what waits.
    waiting: VecDeque<Waiting>,
    /// The number of the next cell that counts.
    pub(super) next_number: u32,
}

struct Waiting {
    request: Request,
    aborted: bool,
}

impl<I: Interpreter> Shell<I> {
    /// The channel, and the queue that [`receive`](Self::receive) fills.
    pub fn new(kernel: Arc<Kernel<I>>, replies: Replies) -> (Shell<I>, mpsc::UnboundedSender<Request>) {
        let (queue, arriving) = mpsc::unbounded_channel();
        (Shell { kernel, replies, arriving, waiting: VecDeque::new(), next_number: 1 }, queue)
    }

    /// Takes requests from the socket while cells run.
    pub async fn receive(
        kernel: Arc<Kernel<I>>,
        mut requests: RouterRecvConnection,
        queue: mpsc::UnboundedSender<Request>,
    ) {
        loop {
            match message::receive(&mut requests).await {
                Ok(request) => {
                    if request.msg_type() == "execute_request"
                        && let Ok(execute) = request.content::<ExecuteRequest>()
                    {
                        kernel.interpreter.announce(&execute.code);
                    }
                    if queue.send(request).is_err() {
                        return;
                    }
                }
                Err(error) => message::log_dropped("shell", &error).await,
            }
        }
    }

    /// Answers until the kernel ends.
    pub async fn serve(mut self) {
        while let Some(Waiting { request, aborted }) = self.next().await {
            match request.msg_type() {
                "execute_request" if aborted => self.abort(&request).await,
                "execute_request" => self.execute(request).await,
                "comm_msg" => self.comm_message(&request).await,
                _ => self.kernel.serve(&request, &self.replies).await,
            }
        }
    }

    async fn next(&mut self) -> Option<Waiting> {
        match self.waiting.pop_front() {
            Some(waiting) => Some(waiting),
            None => Some(Waiting { request: self.arriving.recv().await?, aborted: false }),
        }
    }

    /// Whether the next request that waits is of this type.
    pub(super) fn is_followed_by(&mut self, msg_type: &str) -> bool {
        while let Ok(request) = self.arriving.try_recv() {
            self.waiting.push_back(Waiting { request, aborted: false });
        }
        self.waiting.front().is_some_and(|waiting| waiting.request.msg_type() == msg_type)
    }

    /// A cell failed: what was sent to be run behind it will not be run.
    pub(super) async fn abort_waiting(&mut self) {
        tokio::time::sleep(ARRIVAL).await;
        while let Ok(request) = self.arriving.try_recv() {
            self.waiting.push_back(Waiting { request, aborted: false });
        }
        for waiting in &mut self.waiting {
            waiting.aborted = true;
        }
        self.kernel.interpreter.withdraw();
    }

    async fn abort(&self, request: &Request) {
        self.kernel.iopub.busy(request).await;
        let content = json!({"status": "aborted", "execution_count": self.next_number});
        let reply = request.reply(message::raw("execute_reply", content));
        self.replies.send(reply.with_metadata(json!({"status": "aborted"}))).await;
        self.kernel.iopub.idle(request).await;
    }
}
