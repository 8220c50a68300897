//! The reading end of one of a run's output pipes.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::unix::pipe::Receiver;

use super::text::{Piece, TextStream};

nix::ioctl_read_bad!(fionread, nix::libc::FIONREAD, nix::libc::c_int);

/// As much as a pipe usually holds: a good size for the buffers that it is read into.
pub const CHUNK: usize = 64 << 10;

/// Reads that follow each other so soon are a flood.
const SOON: Duration = Duration::from_micros(200);

/// How long a flood of small writes may gather before it is read.
const GATHER: Duration = Duration::from_micros(500);

pub struct Pipe {
    file: Receiver,
    text: TextStream,
    /// The writing ends are all closed.
    closed: bool,
    /// When something was read last, and how much.
    last: Option<(Instant, usize)>,
}

impl Pipe {
    /// `markers`: look for evcxr's display markers.
    pub fn new(fd: OwnedFd, markers: bool) -> io::Result<Pipe> {
        Ok(Pipe { file: Receiver::from_owned_fd(fd)?, text: TextStream::new(markers), closed: false, last: None })
    }

    /// Whether nothing can come any more.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Reads the next bytes, through `buffer`. At the end of the pipe what was held back
    /// comes, once.
    pub fn poll_read(&mut self, buffer: &mut [u8], context: &mut Context<'_>) -> Poll<Vec<Piece>> {
        if self.closed {
            return Poll::Pending;
        }
        if let Some((last, length)) = self.last.take()
            && length < CHUNK / 2
            && last.elapsed() < SOON
        {
            // The whole thread pauses, not this task: a thread that waits for events is
            // woken by each line that a cell writes, which costs the cell more than the
            // line itself (three times as long for a million lines).
            std::thread::sleep(GATHER);
        }
        let mut buffer = ReadBuf::new(buffer);
        match Pin::new(&mut self.file).poll_read(context, &mut buffer) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                self.last = Some((Instant::now(), buffer.filled().len()));
                Poll::Ready(self.text.push(buffer.filled()))
            }
            Poll::Ready(_) => {
                self.closed = true;
                Poll::Ready(self.text.finish())
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
    pub fn read_now(&mut self, buffer: &mut [u8], left: &mut usize) -> Option<Vec<Piece>> {
        while *left > 0 && !self.closed {
            let wanted = (*left).min(buffer.len());
            match self.file.try_read(&mut buffer[..wanted]) {
                Ok(0) => self.closed = true,
                Ok(length) => {
                    *left -= length;
                    return Some(self.text.push(&buffer[..length]));
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
