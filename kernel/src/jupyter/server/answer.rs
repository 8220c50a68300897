//! The requests that shell and control both take, and their answers.

use jupyter_protocol::messaging::{
    HistoryEntry, HistoryReply, InterruptReply, IsCompleteReply, JupyterMessageContent, ShutdownReply,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Kernel;
use crate::interpreter::Interpreter;
use crate::jupyter::language;
use crate::jupyter::message::{Request, error_content, raw};
use crate::jupyter::requests::{HistoryRequest, ShutdownRequest};

/// Why a request is answered with an error.
pub struct Refusal {
    pub name: &'static str,
    pub value: String,
}

impl Refusal {
    pub fn malformed(request: &Request, error: &serde_json::Error) -> Refusal {
        let value = format!("the content of this {} cannot be read: {error}", request.msg_type());
        Refusal { name: "MalformedRequest", value }
    }

    /// The reply that tells it, if the request has a reply.
    pub fn reply_content(&self, request: &Request) -> Option<JupyterMessageContent> {
        match request.msg_type() {
            // Its statuses do not include an error.
            "is_complete_request" => Some(IsCompleteReply::unknown().into()),
            _ => Some(raw(request.reply_type()?, error_content(self.name, &self.value))),
        }
    }
}

type Answer = Result<Option<JupyterMessageContent>, Refusal>;

impl<I: Interpreter> Kernel<I> {
    /// The reply's content, or nothing for messages that have no reply.
    pub async fn answer(&self, request: &Request) -> Answer {
        let content = match request.msg_type() {
            "kernel_info_request" => self.info.reply().into(),
            "complete_request" => {
                self.ask(request, |interpreter, request| language::complete(interpreter, &request)).await?.into()
            }
            "inspect_request" => {
                let content =
                    self.ask(request, |interpreter, request| language::inspect(interpreter, &request)).await?;
                raw("inspect_reply", content)
            }
            "is_complete_request" => {
                self.ask(request, |interpreter, request| language::is_complete(interpreter, &request)).await?.into()
            }
            "history_request" => self.history(request).await?.into(),
            "comm_info_request" => self.comms.info(&request.content().unwrap_or_default()),
            "comm_open" => {
                self.comms.opened(request).await.map_err(|error| Refusal::malformed(request, &error))?;
                return Ok(None);
            }
            "comm_close" => {
                let closed = self.comms.closed(request).await.map_err(|error| Refusal::malformed(request, &error))?;
                if let Some(id) = closed {
                    self.interpreter.drop_controls(vec![id]).await;
                }
                return Ok(None);
            }
            "interrupt_request" => InterruptReply::new().into(),
            "shutdown_request" => {
                let ShutdownRequest { restart } = request.content().unwrap_or_default();
                ShutdownReply { restart, ..ShutdownReply::default() }.into()
            }
            "usage_request" => raw("usage_reply", json!({"status": "ok", "pid": std::process::id()})),
            "debug_request" => raw("debug_reply", no_debugger(request)),
            other if request.reply_type().is_some() => {
                let value = format!("this kernel does not know {other} on this channel");
                return Err(Refusal { name: "NotSupported", value });
            }
            // What only replies to us.
            other => {
                tracing::debug!("nothing to do for {other}");
                return Ok(None);
            }
        };
        Ok(Some(content))
    }

    /// Lets the interpreter think where it does not hold up the sockets.
    async fn ask<Q, A>(&self, request: &Request, question: fn(&I, Q) -> A) -> Result<A, Refusal>
    where
        Q: DeserializeOwned + Send + 'static,
        A: Send + 'static,
    {
        let content: Q = request.content().map_err(|error| Refusal::malformed(request, &error))?;
        let interpreter = self.interpreter.clone();
        tokio::task::spawn_blocking(move || question(&interpreter, content)).await.map_err(|_| Refusal {
            name: "KernelError",
            value: format!("the kernel failed on this {}; its log says more", request.msg_type()),
        })
    }

    async fn history(&self, request: &Request) -> Result<HistoryReply, Refusal> {
        let HistoryRequest { output, access } =
            request.content().map_err(|error| Refusal::malformed(request, &error))?;
        let history = self.history.clone();
        let entries = tokio::task::spawn_blocking(move || history.select(&access)).await.unwrap_or_default();
        let entries = entries.into_iter().map(|entry| {
            let (session, line) = (entry.session as usize, entry.line as usize);
            match output {
                true => HistoryEntry::InputOutput(session, line, (entry.source, entry.result)),
                false => HistoryEntry::Input(session, line, entry.source),
            }
        });
        Ok(HistoryReply::new(entries.collect()))
    }
}

/// A response of the Debug Adapter Protocol that says no.
fn no_debugger(request: &Request) -> Value {
    let asked: Value = request.content().unwrap_or_default();
    json!({
        "type": "response", "request_seq": asked["seq"], "command": asked["command"], "success": false,
        "message": "debugging is not supported", "body": {},
    })
}
