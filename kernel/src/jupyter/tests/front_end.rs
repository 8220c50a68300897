//! A kernel with the dummy interpreter, and a front end that talks to it over real
//! sockets.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jupyter_protocol::connection_info::{ConnectionInfo, Transport};
use jupyter_protocol::messaging::{Header, JupyterMessage, JupyterMessageContent};
use jupyter_zmq_client::{
    ClientControlConnection, ClientIoPubConnection, ClientShellConnection, ClientStdinConnection, RawMessage,
    create_client_control_connection, create_client_iopub_connection, create_client_shell_connection_with_identity,
    create_client_stdin_connection_with_identity, peer_identity_for_session,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use zeromq::{SocketRecv, SocketSend, ZmqMessage};

use super::dummy::Dummy;
use crate::jupyter::connection::Channels;
use crate::jupyter::history::History;
use crate::jupyter::message;
use crate::jupyter::{KernelInfo, ServeError, server};

/// Longer than anything here takes, even on a busy machine.
const FOREVER: Duration = Duration::from_secs(30);

/// Long enough to see that nothing comes.
const NOTHING: Duration = Duration::from_millis(200);

pub async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    timeout(FOREVER, work).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

pub struct Kernel {
    pub info: ConnectionInfo,
    pub dummy: Arc<Dummy>,
    pub served: JoinHandle<Result<(), ServeError>>,
    folder: TempDir,
}

impl Kernel {
    pub async fn start() -> Kernel {
        let folder = tempfile::tempdir().expect("a folder for the sockets");
        let ip = folder.path().join("k").display().to_string();
        Kernel::serve(folder, Transport::IPC, ip, [1, 2, 3, 4, 5])
    }

    pub async fn start_tcp() -> Kernel {
        let ip = "127.0.0.1".parse().expect("an address");
        let ports = jupyter_zmq_client::peek_ports(ip, 5).await.expect("free ports");
        let folder = tempfile::tempdir().expect("a folder for the history");
        let ports = ports.try_into().expect("five ports");
        Kernel::serve(folder, Transport::TCP, ip.to_string(), ports)
    }

    fn serve(folder: TempDir, transport: Transport, ip: String, ports: [u16; 5]) -> Kernel {
        let [shell_port, iopub_port, stdin_port, control_port, hb_port] = ports;
        let info = ConnectionInfo {
            ip,
            transport,
            shell_port,
            iopub_port,
            stdin_port,
            control_port,
            hb_port,
            key: "secret".into(),
            signature_scheme: "hmac-sha256".into(),
            kernel_name: None,
        };
        let channels = Channels::open(&info).expect("free addresses");
        let dummy = Arc::new(Dummy::default());
        let history = History::new(Some(folder.path()));
        let served = tokio::spawn({
            let (info, dummy) = (info.clone(), dummy.clone());
            async move {
                let forever = std::future::pending();
                server::run(&info, channels, dummy, KernelInfo::default(), history, forever).await
            }
        });
        Kernel { info, dummy, served, folder }
    }

    /// The names of the files beside the history.
    pub fn socket_files(&self) -> usize {
        let files = self.folder.path().read_dir().expect("it exists");
        files.flatten().filter(|file| file.file_name().to_string_lossy().starts_with("k-")).count()
    }
}

pub struct FrontEnd {
    pub shell: ClientShellConnection,
    pub control: ClientControlConnection,
    pub stdin: ClientStdinConnection,
    pub iopub: ClientIoPubConnection,
}

/// The content of a message as JSON.
pub fn content(message: &JupyterMessage) -> Value {
    serde_json::to_value(&message.content).expect("it was JSON")
}

/// A request of any type, with any content.
pub fn request(msg_type: &str, content: Value) -> JupyterMessage {
    JupyterMessage::new(message::raw(msg_type, content), None)
}

impl FrontEnd {
    /// Connects, and waits for the welcome.
    pub async fn connect(kernel: &Kernel) -> FrontEnd {
        FrontEnd::connect_as(kernel, "me").await
    }

    pub async fn connect_as(kernel: &Kernel, session: &str) -> FrontEnd {
        let info = &kernel.info;
        let me = peer_identity_for_session(session).expect("short enough");
        let mut front_end = FrontEnd {
            shell: create_client_shell_connection_with_identity(info, session, me.clone()).await.expect("shell"),
            control: create_client_control_connection(info, session).await.expect("control"),
            stdin: create_client_stdin_connection_with_identity(info, session, me).await.expect("stdin"),
            iopub: create_client_iopub_connection(info, "", session).await.expect("iopub"),
        };
        let welcome = front_end.recv_iopub().await;
        assert_eq!(welcome.header.msg_type, "iopub_welcome");
        assert_eq!(content(&welcome), json!({"subscription": ""}));
        front_end
    }

    /// Sends a request on shell and returns its id.
    pub async fn send_shell(&mut self, message: JupyterMessage) -> String {
        let id = message.header.msg_id.clone();
        self.shell.send(message).await.expect("sent");
        id
    }

    pub async fn send_control(&mut self, message: JupyterMessage) -> String {
        let id = message.header.msg_id.clone();
        self.control.send(message).await.expect("sent");
        id
    }

    pub async fn send_execute(&mut self, code: &str) -> String {
        self.send_execute_with(code, json!({})).await
    }

    pub async fn send_execute_with(&mut self, code: &str, more: Value) -> String {
        let mut content = json!({"code": code, "silent": false, "store_history": true});
        let fields = content.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        self.send_shell(request("execute_request", content)).await
    }

    /// Sends frames as they are.
    pub async fn send_frames(&mut self, frames: &[&[u8]]) {
        let frames: Vec<Bytes> = frames.iter().map(|frame| Bytes::copy_from_slice(frame)).collect();
        let message = ZmqMessage::try_from(frames).expect("at least one frame");
        self.shell.socket.send(message).await.expect("sent");
    }

    pub async fn recv_shell(&mut self) -> JupyterMessage {
        // Not `read`: its types know no error replies for some requests.
        let frames = soon("a reply on shell", self.shell.socket.recv()).await.expect("connected");
        let raw = RawMessage::from_multipart(frames, &self.shell.mac).expect("signed");
        let json = |frame: usize| serde_json::from_slice::<Value>(&raw.jparts[frame]).expect("JSON");
        let header: Header = serde_json::from_value(json(0)).expect("a header");
        let mut message = request(&header.msg_type, json(3)).with_metadata(json(2));
        message.parent_header = serde_json::from_value(json(1)).ok();
        message.header = header;
        message
    }

    pub async fn recv_control(&mut self) -> JupyterMessage {
        soon("a reply on control", self.control.read()).await.expect("a valid message")
    }

    pub async fn recv_iopub(&mut self) -> JupyterMessage {
        soon("a message on iopub", self.iopub.read()).await.expect("a valid message")
    }

    pub async fn recv_stdin(&mut self) -> JupyterMessage {
        soon("a question on stdin", self.stdin.read()).await.expect("a valid message")
    }

    pub async fn no_more_iopub(&mut self) {
        if let Ok(message) = timeout(NOTHING, self.iopub.read()).await {
            panic!("nothing should come, but this did: {message:?}");
        }
    }

    /// The next broadcast, which has to be of this type and on behalf of `parent`.
    pub async fn recv_iopub_type(&mut self, parent: &str, msg_type: &str) -> Value {
        let message = self.recv_iopub().await;
        assert_eq!(message.header.msg_type, msg_type, "{message:?}");
        assert_eq!(message.parent_header.as_ref().map(|header| header.msg_id.as_str()), Some(parent));
        content(&message)
    }

    pub async fn recv_iopub_busy(&mut self, parent: &str) {
        let status = self.recv_iopub_type(parent, "status").await;
        assert_eq!(status["execution_state"], "busy");
    }

    pub async fn recv_iopub_idle(&mut self, parent: &str) {
        let status = self.recv_iopub_type(parent, "status").await;
        assert_eq!(status["execution_state"], "idle");
    }

    pub async fn recv_iopub_execute_input(&mut self, parent: &str, code: &str, count: u32) {
        let input = self.recv_iopub_type(parent, "execute_input").await;
        assert_eq!(input, json!({"code": code, "execution_count": count}));
    }

    pub async fn recv_iopub_stream(&mut self, parent: &str, name: &str, text: &str) {
        let stream = self.recv_iopub_type(parent, "stream").await;
        assert_eq!(stream, json!({"name": name, "text": text}));
    }

    /// A reply on shell, which has to be of this type and to this request.
    pub async fn recv_reply(&mut self, parent: &str, msg_type: &str) -> Value {
        let reply = self.recv_shell().await;
        assert_eq!(reply.header.msg_type, msg_type, "{reply:?}");
        assert_eq!(reply.parent_header.as_ref().map(|header| header.msg_id.as_str()), Some(parent));
        content(&reply)
    }

    /// Runs a cell and returns its reply; its broadcasts are passed over.
    pub async fn execute(&mut self, code: &str, more: Value) -> Value {
        let id = self.send_execute_with(code, more).await;
        let reply = self.recv_reply(&id, "execute_reply").await;
        self.skip_to_idle(&id).await;
        reply
    }

    /// Passes over broadcasts up to the end of `parent`. Returns their types.
    pub async fn skip_to_idle(&mut self, parent: &str) -> Vec<String> {
        let mut types = Vec::new();
        loop {
            let message = self.recv_iopub().await;
            let own = message.parent_header.as_ref().is_some_and(|header| header.msg_id == parent);
            if own && content(&message)["execution_state"] == "idle" {
                return types;
            }
            types.push(message.header.msg_type);
        }
    }

    /// Asks on shell for something without broadcasts of its own.
    pub async fn ask(&mut self, msg_type: &str, question: Value) -> JupyterMessage {
        let id = self.send_shell(request(msg_type, question)).await;
        let reply = self.recv_shell().await;
        self.recv_iopub_busy(&id).await;
        self.recv_iopub_idle(&id).await;
        assert_eq!(reply.parent_header.as_ref().map(|header| header.msg_id.as_str()), Some(id.as_str()));
        reply
    }

    pub async fn answer(&mut self, question: &JupyterMessage, text: &str) {
        let reply = JupyterMessage::new(
            JupyterMessageContent::InputReply(jupyter_protocol::messaging::InputReply {
                value: text.into(),
                ..Default::default()
            }),
            Some(question),
        );
        self.stdin.send(reply.with_zmq_identities(Vec::new())).await.expect("sent");
    }
}
