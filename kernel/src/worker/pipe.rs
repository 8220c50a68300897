//! The reading end of one of the worker's output pipes.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use tokio::net::unix::pipe::Receiver;

use super::text::{Piece, TextStream};

nix::ioctl_read_bad!(fionread, nix::libc::FIONREAD, nix::libc::c_int);

/// As much as a pipe usually holds.
const CHUNK: usize = 64 << 10;

/// Reads that follow each other so soon are a flood.
const SOON: Duration = Duration::from_micros(200);

/// How long a flood of small writes may gather before it is read.
const GATHER: Duration = Duration::from_micros(500);

pub struct Pipe {
    file: Receiver,
    text: TextStream,
    buffer: Vec<u8>,
    /// The writing ends are all closed.
    closed: bool,
    /// When something was read last, and how much.
    last: Option<(Instant, usize)>,
}

impl Pipe {
    /// `markers`: look for evcxr's display markers.
    pub fn new(fd: OwnedFd, markers: bool) -> io::Result<Pipe> {
        Ok(Pipe {
            file: Receiver::from_owned_fd(fd)?,
            text: TextStream::new(markers),
            buffer: vec![0; CHUNK],
            closed: false,
            last: None,
        })
    }

    /// Waits for the next bytes. At the end of the pipe it waits for ever.
    pub async fn read(&mut self) -> Vec<Piece> {
        loop {
            if self.closed {
                std::future::pending::<()>().await;
            }
            // An error here would be one of the reactor, which ends with the kernel.
            if self.file.readable().await.is_err() {
                self.closed = true;
                continue;
            }
            if let Some((last, length)) = self.last.take()
                && last.elapsed() < SOON
            {
                if length < CHUNK / 2 {
                    // The whole thread pauses, not this task: a thread that waits for
                    // events is woken by each line that a cell writes, which costs the
                    // cell more than the line itself (three times as long for a million
                    // lines).
                    std::thread::sleep(GATHER);
                }
                // A flood of which nothing is shown never waits for anything else.
                tokio::task::yield_now().await;
            }
            match self.file.try_read(&mut self.buffer) {
                Ok(0) => self.closed = true,
                Ok(length) => {
                    self.last = Some((Instant::now(), length));
                    return self.text.push(&self.buffer[..length]);
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(_) => self.closed = true,
            }
        }
    }

    /// Bytes that are in the pipe at this moment.
    fn waiting(&self) -> usize {
        let mut length = 0;
        // SAFETY: FIONREAD writes one int.
        match unsafe { fionread(self.file.as_raw_fd(), &mut length) } {
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
            match self.file.try_read(&mut self.buffer[..wanted]) {
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
