//! The Jupyter side of the kernel: five sockets, and the messages on them.
//!
//! ```text
//! shell, control ─► message::Request ─► server (answers) ─► reply on the same socket
//!                                          │
//!                       execute ─► Interpreter ─► Output ─► cell_output ─► iopub
//!                                                               └─ input ─► stdin
//! ```
//!
//! A message is checked and decoded in [`message`], its content in [`requests`]. What
//! every channel can be asked is answered in [`server`]; cells are run by [`execute`]
//! on the shell channel, one after the other, while the control channel stays free for
//! interrupts and the end. Everything that is broadcast goes through [`iopub`], in one
//! order for all front ends. The language lives behind the trait `Interpreter`; nothing
//! here knows Rust.

mod cell_output;
mod comm;
mod connection;
mod control;
pub(crate) mod cursor;
mod error;
mod execute;
mod heartbeat;
pub(crate) mod history;
mod iopub;
mod kernel_info;
mod language;
pub(crate) mod message;
pub(crate) mod requests;
mod server;
mod shell;
mod signals;
mod stdin;
mod subscribers;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use crate::interpreter::Interpreter;

pub use error::ServeError;
pub use kernel_info::KernelInfo;

/// Serves `interpreter` to the front ends that `connection_file` names, until one of
/// them asks for the end (`shutdown_request`), the process gets SIGTERM or SIGHUP, or
/// the Jupyter process that started the kernel is gone. The interpreter has been shut
/// down when this returns. SIGINT interrupts the running cell.
///
/// Runs on a current-thread runtime as well as on a multi-thread one, with I/O and
/// time enabled.
///
/// # Errors
///
/// When the connection file cannot be used, or a port of it is taken.
pub async fn serve<I: Interpreter>(
    connection_file: &Path,
    interpreter: Arc<I>,
    info: KernelInfo,
) -> Result<(), ServeError> {
    let connection = connection::read(connection_file)?;
    let channels = connection::Channels::open(&connection)?;
    let signals = signals::Signals::install().map_err(ServeError::Signals)?;
    let history = history::History::of_user();
    let stopped = signals.watch(interpreter.clone());
    server::run(&connection, channels, interpreter, info, history, stopped).await
}
