//! `threadbook worker`: the process behind a kernel that runs compiled cells.

use std::os::fd::RawFd;

use super::CommandResult;

#[derive(clap::Args)]
pub struct Arguments {
    /// The socket to the kernel, as an open file descriptor
    #[arg(long, value_name = "FD", value_parser = clap::value_parser!(RawFd).range(3..))]
    socket: RawFd,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    if nix::fcntl::fcntl(borrowed(arguments.socket), nix::fcntl::FcntlArg::F_GETFD).is_err() {
        return Err("`threadbook worker` is for the kernel, which hands it an open socket.".into());
    }
    // SAFETY: the descriptor is open, and only the kernel's socket was handed over.
    Err(unsafe { crate::worker::child::serve(arguments.socket) }.into())
}

fn borrowed(fd: RawFd) -> std::os::fd::BorrowedFd<'static> {
    // SAFETY: used only to ask whether the descriptor is open.
    unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) }
}
