//! Open files passed from one process to another over a Unix socket.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, sendmsg, socketpair,
};

/// More are never sent at once.
const MOST: usize = 3;

/// A small message: two numbers and the files that go with them.
#[derive(Debug)]
pub struct Parcel {
    pub numbers: [u64; 2],
    pub files: Vec<OwnedFd>,
}

/// Two ends of a channel for parcels, on which each arrives whole or not at all. Neither
/// is inherited by programs that are started.
pub fn channel() -> io::Result<(OwnedFd, OwnedFd)> {
    let (one, other) = socketpair(AddressFamily::Unix, SockType::Datagram, None, SockFlag::empty())?;
    for end in [&one, &other] {
        nix::fcntl::fcntl(end, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC))?;
    }
    Ok((one, other))
}

/// Sends a parcel over a datagram or stream socket.
pub fn send(to: BorrowedFd<'_>, numbers: [u64; 2], files: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&numbers[0].to_le_bytes());
    bytes[8..].copy_from_slice(&numbers[1].to_le_bytes());
    let files: Vec<RawFd> = files.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&files)];
    loop {
        match sendmsg::<()>(to.as_raw_fd(), &[IoSlice::new(&bytes)], &rights, MsgFlags::empty(), None) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The next parcel; `None` at the end of a stream.
pub fn receive(from: BorrowedFd<'_>) -> io::Result<Option<Parcel>> {
    let mut bytes = [0; 16];
    let mut control = nix::cmsg_space!([RawFd; MOST]);
    let mut buffers = [IoSliceMut::new(&mut bytes)];
    let received = loop {
        match recvmsg::<()>(from.as_raw_fd(), &mut buffers, Some(&mut control), receive_flags()) {
            Err(Errno::EINTR) => {}
            other => break other?,
        }
    };
    let length = received.bytes;
    let mut files = Vec::new();
    for message in received.cmsgs()? {
        if let ControlMessageOwned::ScmRights(rights) = message {
            // SAFETY: the kernel has just made these descriptors for this process.
            files.extend(rights.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
        }
    }
    match length {
        0 => Ok(None),
        16 => {
            let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
            Ok(Some(Parcel { numbers: [number(0), number(8)], files }))
        }
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "a damaged parcel")),
    }
}

#[cfg(target_os = "linux")]
fn receive_flags() -> MsgFlags {
    MsgFlags::MSG_CMSG_CLOEXEC
}

#[cfg(not(target_os = "linux"))]
fn receive_flags() -> MsgFlags {
    MsgFlags::empty()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn a_parcel_brings_its_files() {
        let (here, there) = channel().expect("sockets");
        let (mut reader, writer) = io::pipe().expect("a pipe");
        send(here.as_fd(), [7, u64::MAX], &[writer.as_fd()]).expect("sent");
        drop(writer);
        let parcel = receive(there.as_fd()).expect("received").expect("not the end");
        assert_eq!(parcel.numbers, [7, u64::MAX]);
        let mut text = String::new();
        for file in parcel.files {
            io::PipeWriter::from(file).write_all(b"through").expect("written");
        }
        reader.read_to_string(&mut text).expect("read");
        assert_eq!(text, "through");
    }
}
