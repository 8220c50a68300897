//! [`pipe`]: two connected ends.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{IntoRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::codec;
use super::raw_lock::RawLock;
use super::segment::Segment;
use super::transfer::Transfer;
use crate::__rt::{host, interrupt};
use crate::executor::deadline;

/// Two connected ends, as of Python's `multiprocessing.Pipe()`: what is sent into one comes
/// out of the other, in both directions.
///
/// Give one end to a child, and keep the other:
///
/// ```
/// # use threadbook::prelude::*;
/// let (here, there) = pipe();
/// let p = Process::new(move || {
///     while let Ok(n) = there.recv() {
///         there.send(n * 2u64).unwrap();
///     }
/// });
/// p.start();
/// here.send(21).unwrap();
/// assert_eq!(here.recv(), Ok(42));
/// here.close();
/// p.join();
/// # assert_eq!(p.exitcode(), Some(0));
/// ```
///
/// # Panics
/// When the system has no more files or memory.
#[track_caller]
pub fn pipe<T: Transfer>() -> (Connection<T>, Connection<T>) {
    match Pair::new() {
        Ok(pair) => {
            let pair = Arc::new(pair);
            let end = |side| Connection { end: Arc::new(End { pair: pair.clone(), side }), _type: PhantomData };
            (end(0), end(1))
        }
        Err(error) => panic!("the system makes no pipe: {error}. Let go of some that are not needed any more"),
    }
}

/// One end of a [`pipe`]. Items travel as bytes (serde and postcard).
///
/// Clones are the same end. An end is closed when the last one is dropped; the other end
/// notices when all processes have closed it that had it. A child has both ends as long as it
/// has used none: with the first use of one it gives up the other. (In Python each process
/// closes what it does not need by hand, or waits for ever.) A child that uses neither keeps
/// both until it ends.
pub struct Connection<T> {
    end: Arc<End>,
    _type: PhantomData<fn(T) -> T>,
}

/// Why nothing was sent or received.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The other end is closed, in all processes, and what it had sent was received.
    EndOfFile,
    /// This end is closed in this process.
    Closed,
    /// The time limit has passed.
    TimedOut,
    /// A process ended in the middle of an item: what comes next makes no sense.
    Torn,
    /// The item cannot be sent to another process; with why.
    NotSendable(String),
    /// The system refused; with its words.
    System(String),
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectionError::EndOfFile => f.write_str("the other end of the pipe is closed"),
            ConnectionError::Closed => f.write_str(
                "this end of the pipe is closed in this process (a child that has used one end has given up the other)",
            ),
            ConnectionError::TimedOut => f.write_str("nothing came within the time limit"),
            ConnectionError::Torn => {
                f.write_str("a process ended in the middle of an item, so this pipe is of no more use: make a new one")
            }
            ConnectionError::NotSendable(why) => write!(f, "this cannot be sent to another process: {why}"),
            ConnectionError::System(why) => write!(f, "the pipe does not work: {why}"),
        }
    }
}

impl std::error::Error for ConnectionError {}

impl From<io::Error> for ConnectionError {
    fn from(error: io::Error) -> ConnectionError {
        match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof => {
                ConnectionError::EndOfFile
            }
            io::ErrorKind::TimedOut => ConnectionError::TimedOut,
            _ => ConnectionError::System(error.to_string()),
        }
    }
}

const CLOSED: RawFd = -1;
/// An interrupt is noticed within so many milliseconds.
const SLICE: i32 = 8;
const SLICE_WITHOUT_KERNEL: i32 = 1000;

/// Both ends, as this process has them.
struct Pair {
    files: [AtomicI32; 2],
    /// The process that has used the end last. What a child has inherited it has not used.
    users: [AtomicU32; 2],
    /// The process that has made it keeps both ends.
    maker: u32,
    /// For each end a lock to send and one to receive: an item travels whole.
    locks: Segment,
}

impl Pair {
    fn new() -> io::Result<Pair> {
        let locks = Segment::new(4 * size_of::<RawLock>())?;
        let (one, other) = UnixStream::pair()?;
        let files = [one, other].map(|end| AtomicI32::new(end.into_raw_fd()));
        Ok(Pair { files, users: [const { AtomicU32::new(0) }; 2], maker: std::process::id(), locks })
    }

    fn close(&self, side: usize) {
        let file = self.files[side].swap(CLOSED, Ordering::AcqRel);
        if file != CLOSED {
            // SAFETY: the number was this pair's own, and whoever comes next finds it closed.
            unsafe { libc::close(file) };
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.close(0);
        self.close(1);
    }
}

struct End {
    pair: Arc<Pair>,
    side: usize,
}

impl Drop for End {
    fn drop(&mut self) {
        self.pair.close(self.side);
    }
}

impl End {
    /// The file, for use in this process.
    fn file(&self) -> Result<RawFd, ConnectionError> {
        let own = std::process::id();
        if self.pair.users[self.side].swap(own, Ordering::AcqRel) != own && own != self.pair.maker {
            let other = 1 - self.side;
            if self.pair.users[other].load(Ordering::Acquire) != own {
                self.pair.close(other);
            }
        }
        match self.pair.files[self.side].load(Ordering::Acquire) {
            CLOSED => Err(ConnectionError::Closed),
            file => Ok(file),
        }
    }

    fn lock(&self, which: usize) -> &RawLock {
        self.pair.locks.at((2 * self.side + which) * size_of::<RawLock>())
    }

    #[track_caller]
    fn send(&self, item: &[u8]) -> Result<(), ConnectionError> {
        let file = self.file()?;
        let lock = self.lock(0);
        let _held = lock.lock();
        if lock.dead_holder().is_some() {
            return Err(ConnectionError::Torn);
        }
        let torn = Torn(Some(lock));
        let mut sent = 0;
        let length = (item.len() as u64).to_le_bytes();
        for mut part in [&length[..], item] {
            while !part.is_empty() {
                match send_some(file, part) {
                    Ok(count) => {
                        sent += count;
                        part = &part[count..];
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        wait_for(file, libc::POLLOUT, None)?;
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        let error = ConnectionError::from(error);
                        torn.unless(sent == 0 || error == ConnectionError::EndOfFile);
                        return Err(error);
                    }
                }
            }
        }
        torn.unless(true);
        Ok(())
    }

    #[track_caller]
    fn receive(&self, deadline: Option<Instant>) -> Result<Vec<u8>, ConnectionError> {
        let file = self.file()?;
        let lock = self.lock(1);
        let _held = lock.lock_until(deadline).ok_or(ConnectionError::TimedOut)?;
        if lock.dead_holder().is_some() {
            return Err(ConnectionError::Torn);
        }
        // Until the first byte nothing is torn.
        if !wait_for(file, libc::POLLIN, deadline)? {
            return Err(ConnectionError::TimedOut);
        }
        let torn = Torn(Some(lock));
        let mut length = [0; 8];
        match receive_all(file, &mut length) {
            Ok(()) => {}
            Err((error, read)) => {
                torn.unless(read == 0);
                return Err(if read == 0 { error } else { ConnectionError::Torn });
            }
        }
        // (Whoever sends a length has the item.)
        let mut item = vec![0; u64::from_le_bytes(length) as usize];
        receive_all(file, &mut item).map_err(|(error, _)| match error {
            ConnectionError::EndOfFile => ConnectionError::Torn,
            error => error,
        })?;
        torn.unless(true);
        Ok(item)
    }
}

/// Says that the connection is of no more use, unless it was told otherwise: an interrupt can
/// unwind in the middle of an item.
struct Torn<'a>(Option<&'a RawLock>);

impl Torn<'_> {
    fn unless(mut self, all_is_well: bool) {
        if all_is_well {
            self.0 = None;
        }
    }
}

impl Drop for Torn<'_> {
    fn drop(&mut self) {
        if let Some(lock) = self.0 {
            lock.condemn();
        }
    }
}

fn send_some(file: RawFd, bytes: &[u8]) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    #[cfg(not(target_os = "linux"))]
    let flags = libc::MSG_DONTWAIT;
    // SAFETY: the bytes are read in the call.
    let count = unsafe { libc::send(file, bytes.as_ptr().cast(), bytes.len(), flags) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

/// Fills `bytes`, or says what happened after how many.
#[track_caller]
fn receive_all(file: RawFd, bytes: &mut [u8]) -> Result<(), (ConnectionError, usize)> {
    let mut read = 0;
    while read < bytes.len() {
        let left = &mut bytes[read..];
        // SAFETY: the system writes up to that many bytes there.
        let count = unsafe { libc::recv(file, left.as_mut_ptr().cast(), left.len(), libc::MSG_DONTWAIT) };
        match usize::try_from(count).map_err(|_| io::Error::last_os_error()) {
            Ok(0) => return Err((ConnectionError::EndOfFile, read)),
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                wait_for(file, libc::POLLIN, None).map_err(|error| (error, read))?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err((error.into(), read)),
        }
    }
    Ok(())
}

/// Waits until something can be done with a file; says whether it can.
///
/// Unwinds on an interrupt.
#[track_caller]
fn wait_for(file: RawFd, events: libc::c_short, deadline: Option<Instant>) -> Result<bool, ConnectionError> {
    loop {
        interrupt::check();
        let slice = if host::is_connected() { SLICE } else { SLICE_WITHOUT_KERNEL };
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // Rounded up, so as not to look again and again in the last millisecond.
        let time = left.map_or(slice, |left| left.as_micros().div_ceil(1000).min(slice as u128) as i32);
        let mut looked_at = libc::pollfd { fd: file, events, revents: 0 };
        // SAFETY: one file is looked at.
        match unsafe { libc::poll(&mut looked_at, 1, time) } {
            0 if left.is_some_and(|left| left <= Duration::from_millis(time as u64)) => return Ok(false),
            count if count > 0 => return Ok(true),
            0 => {}
            _ => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => {}
                error => return Err(error.into()),
            },
        }
    }
}

impl<T: Transfer> Connection<T> {
    /// Sends an item. Waits for room when the other side does not receive; more than some
    /// hundred KiB need a receiver.
    ///
    /// In a notebook an interrupt ends the wait.
    ///
    /// # Errors
    /// When the other end is closed in all processes, this end is closed, or the item cannot
    /// be sent.
    #[track_caller]
    pub fn send(&self, item: T) -> Result<(), ConnectionError> {
        let bytes = codec::to_bytes(&item).map_err(|error| not_sendable(&error))?;
        self.end.send(&bytes)
    }

    /// Waits for the next item.
    ///
    /// In a notebook an interrupt ends the wait.
    ///
    /// # Errors
    /// [`ConnectionError::EndOfFile`] when the other end is closed in all processes. When this
    /// end is closed, or the item cannot be read as a `T`.
    #[track_caller]
    pub fn recv(&self) -> Result<T, ConnectionError> {
        self.recv_until(None)
    }

    /// Waits for the next item for `seconds` at most.
    ///
    /// # Errors
    /// As [`recv`](Connection::recv), and when nothing came.
    #[track_caller]
    pub fn recv_timeout(&self, seconds: f64) -> Result<T, ConnectionError> {
        self.recv_until(deadline(Some(seconds)))
    }

    #[track_caller]
    fn recv_until(&self, deadline: Option<Instant>) -> Result<T, ConnectionError> {
        let bytes = self.end.receive(deadline)?;
        codec::read(&mut bytes.as_slice()).map_err(|error| not_sendable(&error))
    }
}

fn not_sendable(error: &postcard::Error) -> ConnectionError {
    ConnectionError::NotSendable(super::encoding_text(error))
}

impl<T> Connection<T> {
    /// Whether there is something to receive within so many seconds: an item, or the end of
    /// the pipe.
    ///
    /// In a notebook an interrupt ends the wait.
    #[track_caller]
    pub fn poll(&self, seconds: f64) -> bool {
        let ready = self.end.file().and_then(|file| wait_for(file, libc::POLLIN, deadline(Some(seconds))));
        // What is wrong, `recv` says.
        ready.unwrap_or(true)
    }

    /// Closes this end, in this process.
    pub fn close(&self) {
        self.end.pair.close(self.end.side);
    }
}

impl<T> Clone for Connection<T> {
    fn clone(&self) -> Connection<T> {
        Connection { end: self.end.clone(), _type: PhantomData }
    }
}

impl<T> fmt::Debug for Connection<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.end.pair.files[self.end.side].load(Ordering::Relaxed) {
            CLOSED => f.write_str("Connection(closed)"),
            file => write!(f, "Connection(file {file})"),
        }
    }
}
