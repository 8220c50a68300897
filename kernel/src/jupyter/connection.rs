//! The connection file, and the addresses that it names.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use jupyter_protocol::connection_info::{ConnectionInfo, Transport};
use serde_json::Value;

use super::error::ServeError;

/// Reads the file that Jupyter hands to the kernel.
///
/// # Errors
///
/// When it cannot be read, is not what Jupyter writes, or asks for what the kernel
/// cannot do.
pub fn read(path: &Path) -> Result<ConnectionInfo, ServeError> {
    let text = fs::read(path).map_err(|source| ServeError::Unreadable { path: path.into(), source })?;
    let wrong_content = |source| ServeError::WrongContent { path: path.into(), source };
    let value: Value = serde_json::from_slice(&text).map_err(wrong_content)?;
    let unsupported = |problem, advice| Err(ServeError::Unsupported { path: path.into(), problem, advice });
    if value.get("curve_secretkey").is_some() {
        return unsupported(
            "that the sockets are encrypted (curve_secretkey)".into(),
            "turn CurveZMQ off in Jupyter's configuration, or use `--transport=ipc` on one machine",
        );
    }
    let info: ConnectionInfo = serde_json::from_value(value).map_err(wrong_content)?;
    if !info.key.is_empty() && info.signature_scheme != "hmac-sha256" {
        return unsupported(
            format!("that messages are signed with {:?}", info.signature_scheme),
            "set Session.signature_scheme to hmac-sha256 in Jupyter's configuration",
        );
    }
    let ports = [info.shell_port, info.control_port, info.stdin_port, info.iopub_port, info.hb_port];
    if ports.contains(&0) {
        return unsupported("port 0".into(), "name the port that front ends connect to");
    }
    Ok(info)
}

/// A bound address. Clones share the one queue of connections.
#[derive(Debug)]
pub enum Listener {
    Tcp(TcpListener),
    Ipc(UnixListener),
}

impl Listener {
    pub fn try_clone(&self) -> io::Result<Listener> {
        Ok(match self {
            Listener::Tcp(listener) => Listener::Tcp(listener.try_clone()?),
            Listener::Ipc(listener) => Listener::Ipc(listener.try_clone()?),
        })
    }
}

impl From<Listener> for zeromq::Listener {
    fn from(listener: Listener) -> Self {
        match listener {
            Listener::Tcp(listener) => listener.into(),
            Listener::Ipc(listener) => listener.into(),
        }
    }
}

/// The five bound addresses of a kernel.
#[derive(Debug)]
pub struct Channels {
    pub shell: Listener,
    pub control: Listener,
    pub stdin: Listener,
    pub iopub: Listener,
    pub heartbeat: Listener,
    pub files: SocketFiles,
}

impl Channels {
    /// Binds all five. The clients may connect from now on; they wait until served.
    ///
    /// # Errors
    ///
    /// When an address is taken or does not exist on this machine.
    pub fn open(info: &ConnectionInfo) -> Result<Channels, ServeError> {
        let mut files = SocketFiles::default();
        let mut open = |channel, port| {
            listen(info, port, &mut files).map_err(|source| {
                let separator = if info.transport == Transport::TCP { ':' } else { '-' };
                let address = format!("{}://{}{separator}{port}", info.transport, info.ip);
                ServeError::Listen { channel, address, source }
            })
        };
        Ok(Channels {
            shell: open("shell", info.shell_port)?,
            control: open("control", info.control_port)?,
            stdin: open("stdin", info.stdin_port)?,
            iopub: open("iopub", info.iopub_port)?,
            heartbeat: open("heartbeat", info.hb_port)?,
            files,
        })
    }
}

fn listen(info: &ConnectionInfo, port: u16, files: &mut SocketFiles) -> io::Result<Listener> {
    match info.transport {
        Transport::TCP => {
            let host = if info.ip == "*" { "0.0.0.0" } else { &info.ip };
            Ok(Listener::Tcp(TcpListener::bind((host, port))?))
        }
        Transport::IPC => {
            let path = PathBuf::from(format!("{}-{port}", info.ip));
            remove_stale(&path)?;
            // zeromq removes the file under which a listener was bound as soon as one
            // of its clones is closed, so that is not the file's name for long.
            let mut first_name = path.clone().into_os_string();
            first_name.push("~");
            remove_stale(Path::new(&first_name))?;
            let listener = UnixListener::bind(&first_name)?;
            fs::rename(&first_name, &path)?;
            files.paths.push(path);
            Ok(Listener::Ipc(listener))
        }
    }
}

/// Removes the socket file of a kernel that was killed: a restarted kernel gets the
/// same names.
fn remove_stale(path: &Path) -> io::Result<()> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
    if !is_socket {
        return match path.exists() {
            true => Err(ErrorKind::AlreadyExists.into()),
            false => Ok(()),
        };
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(ErrorKind::AddrInUse.into()),
        Err(_) => fs::remove_file(path),
    }
}

/// The files of an ipc transport, removed when dropped.
#[derive(Debug, Default)]
pub struct SocketFiles {
    paths: Vec<PathBuf>,
}

impl Drop for SocketFiles {
    fn drop(&mut self) {
        for path in &self.paths {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn valid() -> Value {
        json!({
            "transport": "tcp", "ip": "127.0.0.1", "key": "k", "signature_scheme": "hmac-sha256",
            "shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5,
        })
    }

    fn error_of(text: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("kernel.json");
        fs::write(&path, text).expect("the test's own file");
        let error = read(&path).expect_err("not a usable file").to_string();
        assert!(error.contains("kernel.json"), "{error}");
        assert!(!error.contains('\n'), "{error}");
        error
    }

    #[test]
    fn a_file_of_jupyter_is_read() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("kernel.json");
        fs::write(&path, valid().to_string()).expect("the test's own file");
        let info = read(&path).expect("a valid file");
        assert_eq!(info.control_url(), "tcp://127.0.0.1:4");
    }

    #[test]
    fn errors_name_the_file_and_what_is_wrong() {
        let missing = read(Path::new("/nowhere/kernel.json")).expect_err("no such file").to_string();
        assert!(missing.contains("/nowhere/kernel.json") && missing.contains("let Jupyter start"));
        assert!(error_of("not json").contains("is not a connection file"));
        assert!(error_of("{}").contains("missing field"));
        assert!(error_of("[1]").contains("is not a connection file"));

        let with = |field: &str, value: Value| {
            let mut file = valid();
            file[field] = value;
            error_of(&file.to_string())
        };
        assert!(with("shell_port", json!("x")).contains("invalid type"));
        assert!(with("shell_port", json!(70000)).contains("70000"));
        assert!(with("shell_port", json!(0)).contains("port 0"));
        assert!(with("transport", json!("udp")).contains("udp"));
        assert!(with("signature_scheme", json!("hmac-md5")).contains("hmac-sha256"));
        assert!(with("curve_secretkey", json!("x")).contains("CurveZMQ"));
    }

    #[test]
    fn a_taken_port_is_an_error_that_names_it() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = taken.local_addr().expect("bound").port();
        let mut file = valid();
        file["shell_port"] = json!(port);
        let info = serde_json::from_value(file).expect("valid");
        let error = Channels::open(&info).expect_err("taken").to_string();
        assert!(error.contains(&format!("127.0.0.1:{port}")) && error.contains("shell"), "{error}");
    }

    #[test]
    fn socket_files_of_a_killed_kernel_are_replaced_and_those_of_a_living_one_kept() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let mut file = valid();
        file["transport"] = json!("ipc");
        file["ip"] = json!(folder.path().join("k"));
        let info: ConnectionInfo = serde_json::from_value(file).expect("valid");

        let mut channels = Channels::open(&info).expect("free names");
        let error = Channels::open(&info).expect_err("a living kernel").to_string();
        assert!(error.contains("k-1"), "{error}");
        let abandoned = std::mem::take(&mut channels.files);
        drop(channels);
        let channels = Channels::open(&info).expect("stale files are replaced");
        drop(channels);
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
        drop(abandoned);
    }
}
