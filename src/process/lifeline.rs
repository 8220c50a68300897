//! Daemon children end with their parent, however it ends: they wait for the end of a pipe
//! that only the parent can write to.
//!
//! (Linux could send a signal, but it does so when the *thread* ends that has forked.)

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::private_fd::{PrivateFd, pipe};

struct Lifeline {
    /// What children wait for.
    reader: PrivateFd,
    _writer: PrivateFd,
}

static LIFELINE: Mutex<Option<Lifeline>> = Mutex::new(None);

pub(super) fn lock() -> MutexGuard<'static, Option<impl Sized>> {
    LIFELINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The file that a child waits for, made with the first one.
pub(super) fn hold() -> io::Result<RawFd> {
    let mut lifeline = LIFELINE.lock().unwrap_or_else(PoisonError::into_inner);
    if lifeline.is_none() {
        let (reader, writer) = pipe()?;
        *lifeline = Some(Lifeline { reader, _writer: writer });
    }
    lifeline.as_ref().map(|lifeline| lifeline.reader.as_raw_fd()).ok_or_else(|| io::ErrorKind::Other.into())
}

/// In the child: the parent's lifeline, which is not its own.
pub(super) fn inherit(wanted: bool) -> Option<RawFd> {
    let lifeline = LIFELINE.lock().unwrap_or_else(PoisonError::into_inner).take();
    let reader = lifeline.as_ref().map(|lifeline| lifeline.reader.as_raw_fd()).filter(|_| wanted);
    // Both files are the parent's.
    std::mem::forget(lifeline);
    reader
}

/// In a copy of the process whose files are all closed.
pub(super) fn forget() {
    std::mem::forget(LIFELINE.lock().unwrap_or_else(PoisonError::into_inner).take());
}
