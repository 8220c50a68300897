//! The program that holds evcxr for Threadbook's engine of that name.
//!
//! The kernel starts it with the path of a socket and sends it code ([`message`]). evcxr
//! compiles each cell and would run it in a process of its own, which it tells
//! `LOAD_AND_RUN library function` on standard input. That process is this program again
//! ([`bridge`]): it hands these lines back to here, and the kernel's own worker runs the
//! library. So output, interrupts and displays are those of every cell of Threadbook's.

mod bridge;
mod context;
#[path = "../../src/engine/evcxr/message.rs"]
mod message;

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let result: Result<(), Box<dyn Error>> = match arguments.as_slice() {
        [command, socket] if command == "serve" => serve(Path::new(socket)),
        [command, socket] if command == "bridge" => bridge::relay(Path::new(socket)).map_err(Into::into),
        _ => Err("Threadbook's kernel starts this program: `threadbook kernel --engine evcxr`".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("threadbook-evcxr: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(socket: &Path) -> Result<(), Box<dyn Error>> {
    context::serve(UnixStream::connect(socket)?)
}
