//! `threadbook worker`: the processes behind a kernel, which keep and run compiled cells.

use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use super::CommandResult;
use crate::worker::{child, keeper};

#[derive(clap::Args)]
pub struct Arguments {
    /// The worker's socket to the kernel, as an open file descriptor
    #[arg(long, value_name = "FD", value_parser = clap::value_parser!(RawFd).range(3..))]
    socket: RawFd,
    /// The socket for open files
    #[arg(long, value_name = "FD", value_parser = clap::value_parser!(RawFd).range(3..))]
    descriptors: RawFd,
    /// The keeper's socket to the kernel
    #[arg(long, value_name = "FD", value_parser = clap::value_parser!(RawFd).range(3..))]
    keeper: RawFd,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let (socket, descriptors, keeper) =
        (take(arguments.socket)?, take(arguments.descriptors)?, take(arguments.keeper)?);
    let files = keeper::divide(keeper.into(), vec![socket, descriptors])?;
    match <[OwnedFd; 2]>::try_from(files) {
        Ok([socket, descriptors]) => Err(child::serve(socket.into(), descriptors).into()),
        Err(_) => Err("the worker lost its sockets".into()),
    }
}

/// Takes over a descriptor that the kernel has handed down. Programs that a cell starts
/// must not hold it open.
fn take(fd: RawFd) -> Result<OwnedFd, &'static str> {
    // SAFETY: used only to ask whether the descriptor is open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    fcntl(borrowed, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))
        .map_err(|_| "`threadbook worker` is for the kernel, which hands it open sockets.")?;
    // SAFETY: it is open, and nothing else in this process uses it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
