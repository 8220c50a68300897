//! `threadbook kernel`: the kernel that a Jupyter client started.

use std::path::{Path, PathBuf};

use super::{CommandResult, NotWired};

#[derive(clap::Args)]
pub struct Arguments {
    /// The file in which Jupyter says which sockets to open
    #[arg(long, short = 'f', value_name = "FILE")]
    connection_file: PathBuf,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    serve(&arguments.connection_file)
}

/// Answers Jupyter until it asks for a shutdown.
fn serve(_connection_file: &Path) -> CommandResult {
    Err(NotWired("kernel").into())
}
