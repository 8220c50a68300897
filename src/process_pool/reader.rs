//! A running worker, and what has come from it so far.

use std::io;
use std::os::fd::{AsRawFd, RawFd};

use super::wire::{HEADER, Header};
use crate::process::{Ended, PrivateFd, Worker, signal_text};

/// The system's largest pipe for everybody.
#[cfg(target_os = "linux")]
const PIPE_BYTES: libc::c_int = 1 << 20;

/// What came from a worker.
pub(super) enum Came {
    /// Nothing whole yet.
    Part,
    Frame(Header, Vec<u8>),
    /// It has ended.
    End,
}

/// A running worker and its pipe.
pub(super) struct Reader {
    pub worker: Worker,
    pipe: PrivateFd,
    header: [u8; HEADER],
    /// Of the header, so many bytes are there.
    has: usize,
    frame: Vec<u8>,
}

/// A pipe for a worker: for reading without waiting, for writing.
pub(super) fn pipe() -> io::Result<(PrivateFd, PrivateFd)> {
    let (reader, writer) = crate::process::pipe()?;
    // SAFETY: both are open; these are settings.
    unsafe {
        let flags = libc::fcntl(reader.as_raw_fd(), libc::F_GETFL);
        libc::fcntl(reader.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK);
        #[cfg(target_os = "linux")]
        libc::fcntl(writer.as_raw_fd(), libc::F_SETPIPE_SZ, PIPE_BYTES);
    }
    Ok((reader, writer))
}

impl Reader {
    pub fn new(worker: Worker, pipe: PrivateFd) -> Reader {
        Reader { worker, pipe, header: [0; HEADER], has: 0, frame: Vec::new() }
    }

    pub fn file(&self) -> RawFd {
        self.pipe.as_raw_fd()
    }

    /// Reads what is there now, up to the end of a frame.
    pub fn read(&mut self) -> Came {
        loop {
            let (place, room) = if self.has < HEADER {
                (self.header[self.has..].as_mut_ptr(), HEADER - self.has)
            } else {
                let wanted = Header::from_bytes(&self.header).bytes() - self.frame.len();
                if wanted == 0 {
                    self.has = 0;
                    return Came::Frame(Header::from_bytes(&self.header), std::mem::take(&mut self.frame));
                }
                self.frame.reserve_exact(wanted);
                (self.frame.spare_capacity_mut().as_mut_ptr().cast::<u8>(), wanted)
            };
            // SAFETY: the place has room for that many bytes.
            let count = unsafe { libc::read(self.pipe.as_raw_fd(), place.cast(), room) };
            match usize::try_from(count) {
                Ok(0) => return Came::End,
                Ok(count) if self.has < HEADER => self.has += count,
                // SAFETY: so many bytes were read into the room behind the length.
                Ok(count) => unsafe { self.frame.set_len(self.frame.len() + count) },
                Err(_) => match io::Error::last_os_error() {
                    error if error.kind() == io::ErrorKind::Interrupted => {}
                    error if error.kind() == io::ErrorKind::WouldBlock => return Came::Part,
                    _ => return Came::End,
                },
            }
        }
    }

    /// How the worker has ended, for somebody who expected more of it.
    pub fn end_text(&self) -> String {
        let name = self.worker.name();
        let pid = self.worker.pid().unwrap_or_default();
        match self.worker.join() {
            Ended::Exited(code) => {
                format!("{name} (process {pid}) left with exit code {code} in the middle of its work")
            }
            Ended::Signalled(signal) => format!("{name} (process {pid}) ended by {}", signal_text(signal)),
            Ended::Unknown => format!("{name} (process {pid}) ended, nobody knows how"),
        }
    }
}

/// Waits until something can be read from one of the files (a closed one can), so many
/// milliseconds at most.
pub(super) fn wait_for(files: impl Iterator<Item = RawFd>, milliseconds: i32) -> Vec<bool> {
    let mut files: Vec<libc::pollfd> = files.map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 }).collect();
    // SAFETY: the system fills in what it is asked for each file.
    let ready = unsafe { libc::poll(files.as_mut_ptr(), files.len() as libc::nfds_t, milliseconds) };
    files.iter().map(|file| ready > 0 && file.revents != 0).collect()
}
