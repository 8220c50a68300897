//! Questions to the person at a front end.

use std::sync::Mutex;

use bytes::Bytes;
use futures_channel::mpsc as monitor;
use jupyter_protocol::messaging::InputRequest;
use jupyter_zmq_client::{RouterRecvConnection, RouterSendConnection};
use tokio::sync::oneshot;
use zeromq::SocketEvent;

use super::message::{self, Request};
use super::requests::InputReply;

/// Asks one question at a time.
pub struct Stdin {
    send: tokio::sync::Mutex<RouterSendConnection>,
    asked: Mutex<Option<Question>>,
}

/// The `input_request` that waits for its answer.
struct Question {
    id: String,
    client: Bytes,
    answer: oneshot::Sender<String>,
}

impl Stdin {
    pub fn new(send: RouterSendConnection) -> Stdin {
        Stdin { send: send.into(), asked: Mutex::new(None) }
    }

    /// Asks the front end that sent `request`. `answer` is dropped when that front end
    /// has no stdin channel, goes away or does not want to answer; the question is
    /// taken back when nobody waits for `answer` any more.
    pub async fn ask(&self, request: &Request, prompt: String, password: bool, mut answer: oneshot::Sender<String>) {
        let Some(client) = request.identities.first().cloned() else { return };
        // Held until the end, so that the next question waits.
        let mut send = tokio::select! {
            send = self.send.lock() => send,
            () = answer.closed() => return,
        };
        let message = request.reply(InputRequest { prompt, password });
        let (given, wait) = oneshot::channel();
        let id = message.header.msg_id.clone();
        self.set(Some(Question { id, client, answer: given }));
        if let Err(error) = send.send(message).await {
            tracing::info!("nobody can be asked for input: {error}");
            self.set(None);
            return;
        }
        tokio::select! {
            given = wait => if let Ok(text) = given {
                let _ = answer.send(text);
            },
            () = answer.closed() => self.set(None),
        }
    }

    fn set(&self, question: Option<Question>) {
        *self.asked() = question;
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, Option<Question>> {
        self.asked.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Takes answers for ever. Those that nobody waits for are dropped.
    pub async fn receive(&self, mut connection: RouterRecvConnection) {
        loop {
            match message::receive(&mut connection).await {
                Ok(reply) if reply.msg_type() == "input_reply" => self.answered(&reply),
                Ok(other) => tracing::warn!("{} does not belong on stdin", other.msg_type()),
                Err(error) => message::log_dropped("stdin", &error).await,
            }
        }
    }

    fn answered(&self, reply: &Request) {
        let mut asked = self.asked();
        let belongs = asked.as_ref().is_some_and(|question| {
            // jupyter_client sends no parent with its answers.
            let to_this = reply.parent_id.as_ref().is_none_or(|parent| *parent == question.id);
            to_this && reply.identities.first() == Some(&question.client)
        });
        if !belongs {
            tracing::debug!("an input_reply came to no question");
            return;
        }
        let Some(question) = asked.take() else { return };
        match reply.content::<InputReply>() {
            Ok(InputReply { value: Some(text) }) => {
                let _ = question.answer.send(text);
            }
            Ok(InputReply { value: None }) => tracing::info!("the front end did not answer"),
            Err(error) => tracing::warn!("an input_reply cannot be read: {error}"),
        }
    }

    /// Drops the question of a front end that disconnects.
    pub async fn watch(&self, mut events: monitor::Receiver<SocketEvent>) {
        while let Ok(event) = events.recv().await {
            if let SocketEvent::Disconnected(peer) = event {
                let mut asked = self.asked();
                if asked.as_ref().is_some_and(|question| question.client[..] == peer[..]) {
                    *asked = None;
                }
            }
        }
    }
}
