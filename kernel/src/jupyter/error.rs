//! Why the kernel could not start to serve.

use std::path::PathBuf;

use thiserror::Error;

#[derive(Debug, Error)]
pub enum ServeError {
    #[error(
        "cannot read the connection file {}: {source}; let Jupyter start the kernel \
         (`jupyter lab` or `jupyter console --kernel threadbook`), it writes that file",
        path.display()
    )]
    Unreadable { path: PathBuf, source: std::io::Error },

    #[error(
        "{} is not a connection file ({source}); let Jupyter start the kernel \
         (`jupyter lab` or `jupyter console --kernel threadbook`), it writes that file",
        path.display()
    )]
    WrongContent { path: PathBuf, source: serde_json::Error },

    #[error("the connection file {} says {problem}; {advice}", path.display())]
    Unsupported { path: PathBuf, problem: String, advice: &'static str },

    #[error(
        "cannot listen on {address} for the {channel} channel: {source}; end the program that \
         uses it, or start the kernel again so that Jupyter picks another address"
    )]
    Listen { channel: &'static str, address: String, source: std::io::Error },

    #[error("cannot serve the {channel} channel: {source}; start the kernel again")]
    Socket { channel: &'static str, source: zeromq::ZmqError },

    #[error("cannot watch for signals: {0}; start the kernel again")]
    Signals(std::io::Error),

    #[error("cannot start the heartbeat thread: {0}; free some memory and start the kernel again")]
    Heartbeat(std::io::Error),
}
