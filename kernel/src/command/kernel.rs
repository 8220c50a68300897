//! `threadbook kernel`: the kernel that a Jupyter client started.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use jupyter_protocol::ConnectionInfo;

use super::{CommandResult, NotWired};

#[derive(clap::Args)]
pub struct Arguments {
    /// The file in which Jupyter says which sockets to open
    #[arg(long, short = 'f', value_name = "FILE")]
    connection_file: PathBuf,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(
        "cannot read the connection file {path}: {source}; Jupyter writes this file when it starts a kernel, \
         so start the kernel from there (`jupyter console --kernel threadbook`)"
    )]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(
        "{path} is not a Jupyter connection file: {source}; Jupyter writes this file when it starts a kernel, \
         so start the kernel from there (`jupyter console --kernel threadbook`)"
    )]
    Malformed { path: PathBuf, source: serde_json::Error },
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let connection = read_connection_file(&arguments.connection_file)?;
    serve(connection)
}

fn read_connection_file(path: &Path) -> Result<ConnectionInfo, Error> {
    let text = fs::read(path).map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
    serde_json::from_slice(&text).map_err(|source| Error::Malformed { path: path.to_owned(), source })
}

/// Answers Jupyter until it asks for a shutdown.
fn serve(_connection: ConnectionInfo) -> Result<ExitCode, Box<dyn std::error::Error>> {
    Err(NotWired("kernel").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_connection_file_is_named() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("kernel.json");
        let missing = read_connection_file(&path).expect_err("no file").to_string();
        assert!(missing.contains("kernel.json") && missing.contains("No such file"), "{missing}");

        fs::write(&path, r#"{"transport": "tcp"}"#).expect("written");
        let incomplete = read_connection_file(&path).expect_err("no ports").to_string();
        assert!(incomplete.contains("missing field"), "{incomplete}");
    }
}
