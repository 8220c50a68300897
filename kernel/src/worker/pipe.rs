//! The reading end of one of the worker's output pipes.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};

use tokio::io::unix::AsyncFd;

use super::text::{Piece, TextStream};
use crate::output::StreamName;

nix::ioctl_read_bad!(fionread, nix::libc::FIONREAD, nix::libc::c_int);

/// As much as a pipe usually holds.
const CHUNK: usize = 64 << 10;

pub struct Pipe {
    pub name: StreamName,
    file: AsyncFd<File>,
    text: TextStream,
    buffer: Vec<u8>,
    /// The writing ends are all closed.
    closed: bool,
}

impl Pipe {
    pub fn new(fd: OwnedFd, name: StreamName) -> io::Result<Pipe> {
        let flags = nix::fcntl::OFlag::from_bits_retain(nix::fcntl::fcntl(&fd, nix::fcntl::FcntlArg::F_GETFL)?);
        nix::fcntl::fcntl(&fd, nix::fcntl::FcntlArg::F_SETFL(flags | nix::fcntl::OFlag::O_NONBLOCK))?;
        Ok(Pipe {
            name,
            file: AsyncFd::new(File::from(fd))?,
            text: TextStream::new(name == StreamName::Stdout),
            buffer: vec![0; CHUNK],
            closed: false,
        })
    }

    /// Waits for the next bytes. At the end of the pipe it waits for ever.
    pub async fn read(&mut self) -> Vec<Piece> {
        loop {
            if self.closed {
                std::future::pending::<()>().await;
            }
            // An error here would be one of the reactor, which ends with the kernel.
            let Ok(mut guard) = self.file.readable().await else {
                self.closed = true;
                continue;
            };
            match guard.try_io(|file| file.get_ref().read(&mut self.buffer)) {
                Ok(Ok(0)) => self.closed = true,
                Ok(Ok(length)) => return self.text.push(&self.buffer[..length]),
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(_)) => self.closed = true,
                Err(_would_block) => {}
            }
        }
    }

    /// Bytes that are in the pipe at this moment.
    fn waiting(&self) -> usize {
        let mut length = 0;
        // SAFETY: FIONREAD writes one int.
        match unsafe { fionread(self.file.get_ref().as_raw_fd(), &mut length) } {
            Ok(_) => usize::try_from(length).unwrap_or(0),
            Err(_) => 0,
        }
    }

    /// How much must be read before a message may be handled that came after it.
    pub fn mark(&self) -> usize {
        if self.closed { 0 } else { self.waiting() }
    }

    /// Reads at most the next `left` bytes that are there, and takes them off `left`.
    /// `None` when there are none.
    pub fn read_now(&mut self, left: &mut usize) -> Option<Vec<Piece>> {
        while *left > 0 && !self.closed {
            let wanted = (*left).min(CHUNK);
            match self.file.get_ref().read(&mut self.buffer[..wanted]) {
                Ok(0) => self.closed = true,
                Ok(length) => {
                    *left -= length;
                    return Some(self.text.push(&self.buffer[..length]));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        None
    }

    /// Half characters and half markers, when a cell has ended.
    pub fn finish(&mut self) -> Vec<Piece> {
        self.text.finish()
    }
}
