//! Messages as they come from the sockets, and messages that answer them.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chrono::{DateTime, SubsecRound, Utc};
use jupyter_protocol::messaging::{Header, JupyterMessage, JupyterMessageContent, UnknownMessage};
use jupyter_zmq_client::{RawMessage, RouterRecvConnection, RuntimeError};
use ring::hmac;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use thiserror::Error;
use zeromq::{SocketRecv, ZmqMessage};

/// The version of the messaging protocol that the kernel speaks.
pub const PROTOCOL_VERSION: &str = "5.4";

/// A message from a front end whose signature and header are right. Its content is
/// decoded by whoever answers it, so that wrong content can be answered as well.
#[derive(Debug, Clone)]
pub struct Request {
    /// The way back to the sender.
    pub identities: Vec<Bytes>,
    pub header: Header,
    /// The `msg_id` of the message that this one belongs to, if it names one.
    pub parent_id: Option<String>,
    /// The notebook's cell that it is sent for, where the front end tells (JupyterLab does).
    pub cell_id: Option<String>,
    content: Bytes,
    /// Binary data beside the JSON (comm messages carry such).
    pub buffers: Vec<Bytes>,
}

/// A message that nobody can be answered for.
#[derive(Debug, Error)]
pub enum Discarded {
    #[error("its signature is wrong")]
    Signature,
    #[error("it is not a Jupyter message: {0}")]
    Frames(RuntimeError),
    #[error("its header cannot be read: {0}")]
    Header(serde_json::Error),
    #[error("the socket failed: {0}")]
    Socket(#[from] zeromq::ZmqError),
}

/// The next message of a channel.
///
/// # Errors
///
/// When the message has to be dropped; the channel goes on.
pub async fn receive(connection: &mut RouterRecvConnection) -> Result<Request, Discarded> {
    Request::from_frames(connection.socket.recv().await?, &connection.mac)
}

/// Says that a message was dropped.
pub async fn log_dropped(channel: &str, error: &Discarded) {
    tracing::warn!("dropped a message on {channel}: {error}");
    if matches!(error, Discarded::Socket(_)) {
        // A socket that fails again and again must not keep the kernel busy.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

impl Request {
    /// Reads the frames of one message, signed with this key.
    ///
    /// # Errors
    ///
    /// Why the message has to be dropped.
    pub fn from_frames(frames: ZmqMessage, key: &Option<hmac::Key>) -> Result<Request, Discarded> {
        let raw = RawMessage::from_multipart(frames, key).map_err(|error| match error {
            RuntimeError::VerifyError(_) | RuntimeError::DecodeError(_) => Discarded::Signature,
            error => Discarded::Frames(error),
        })?;
        Request::decode(raw).map_err(Discarded::Header)
    }

    fn decode(mut raw: RawMessage) -> Result<Request, serde_json::Error> {
        // `from_multipart` has made sure of the four JSON frames.
        let buffers = raw.jparts.split_off(4);
        let header = header(&raw.jparts[0])?;
        let parent: Value = serde_json::from_slice(&raw.jparts[1]).unwrap_or_default();
        let metadata: Value = serde_json::from_slice(&raw.jparts[2]).unwrap_or_default();
        Ok(Request {
            cell_id: metadata.get("cellId").and_then(Value::as_str).map(str::to_owned),
            identities: raw.zmq_identities,
            header,
            parent_id: parent.get("msg_id").and_then(Value::as_str).map(str::to_owned),
            content: raw.jparts.swap_remove(3),
            buffers,
        })
    }

    pub fn msg_type(&self) -> &str {
        &self.header.msg_type
    }

    /// The content as the message type has it.
    ///
    /// # Errors
    ///
    /// When it is not JSON or not of that form.
    pub fn content<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.content)
    }

    /// A message on behalf of this one.
    pub fn child(&self, content: impl Into<JupyterMessageContent>) -> JupyterMessage {
        let mut message = new(content);
        message.parent_header = Some(self.header.clone());
        message
    }

    /// A message back to the sender of this one.
    pub fn reply(&self, content: impl Into<JupyterMessageContent>) -> JupyterMessage {
        self.child(content).with_zmq_identities(self.identities.clone())
    }

    /// The type of the answer: `execute_reply` for `execute_request`.
    pub fn reply_type(&self) -> Option<String> {
        Some(format!("{}_reply", self.msg_type().strip_suffix("_request")?))
    }
}

/// A message on nobody's behalf.
pub fn new(content: impl Into<JupyterMessageContent>) -> JupyterMessage {
    let mut message = JupyterMessage::new(content, None);
    message.header.username = "kernel".into();
    message.header.version = PROTOCOL_VERSION.into();
    message.header.date = now();
    message
}

/// The time with as many digits of a second as Python's Jupyter client reads.
pub fn now() -> DateTime<Utc> {
    DateTime::<Utc>::from(SystemTime::now()).trunc_subsecs(6)
}

/// Content that goes out exactly as given. The typed contents for rich data would
/// rewrite MIME types that they know in another form.
pub fn raw(msg_type: impl Into<String>, content: Value) -> JupyterMessageContent {
    UnknownMessage { msg_type: msg_type.into(), content }.into()
}

/// The content of an answer that says what went wrong.
pub fn error_content(name: &str, value: &str) -> Value {
    json!({"status": "error", "ename": name, "evalue": value, "traceback": [format!("{name}: {value}")]})
}

/// Reads a header. What a careless client leaves out is filled with nothing, as long
/// as the message says what it wants.
fn header(frame: &[u8]) -> Result<Header, serde_json::Error> {
    let mut fields: Map<String, Value> = serde_json::from_slice(frame)?;
    for name in ["msg_id", "username", "session", "version"] {
        if !fields.get(name).is_some_and(Value::is_string) {
            fields.insert(name.into(), "".into());
        }
    }
    serde_json::from_value(Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(header: &str, content: &str) -> Result<Request, serde_json::Error> {
        let frame = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        let jparts = vec![frame(header), frame("{}"), frame("{}"), frame(content), frame("bin\0ary")];
        Request::decode(RawMessage { zmq_identities: vec![frame("me")], jparts })
    }

    #[test]
    fn a_header_needs_no_more_than_a_type() {
        let request = request(r#"{"msg_type":"execute_request","msg_id":7}"#, "{}").expect("readable");
        assert_eq!(request.reply_type().as_deref(), Some("execute_reply"));
        assert_eq!(request.header.msg_id, "");
        assert_eq!(request.buffers, ["bin\0ary".as_bytes()]);
    }

    #[test]
    fn a_message_without_type_is_discarded() {
        for header in ["{}", "[]", "nonsense", r#"{"msg_type":1}"#, ""] {
            assert!(request(header, "{}").is_err(), "{header}");
        }
    }

    #[test]
    fn wrong_content_is_found_when_it_is_asked_for() {
        let request = request(r#"{"msg_type":"comm_open"}"#, "{").expect("the header is right");
        assert!(request.content::<Value>().is_err());
        assert_eq!(request.reply_type(), None);
    }

    #[test]
    fn a_child_carries_the_parent_and_a_date_that_clients_read() {
        let request = request(r#"{"msg_type":"x_request","msg_id":"p"}"#, "{}").expect("readable");
        let message = request.reply(raw("x_reply", json!({"a": 1})));
        assert_eq!(message.parent_header.expect("a parent").msg_id, "p");
        assert_eq!(message.zmq_identities, ["me".as_bytes()]);
        assert_eq!(message.header.date.timestamp_subsec_nanos() % 1000, 0);
    }
}
