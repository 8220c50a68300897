//! Files that only the process which has opened them may use.
//!
//! A forked child has a copy of every open file. For most that is the purpose; but a pipe
//! whose end tells that somebody is gone must not be kept open by bystanders. These files
//! are closed in every child that was not started for them.

use std::io;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd, RawFd};
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};

static OPEN: Mutex<Vec<RawFd>> = Mutex::new(Vec::new());

pub(super) fn lock() -> MutexGuard<'static, Vec<RawFd>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An open file of this process alone.
#[derive(Debug)]
pub(crate) struct PrivateFd {
    number: RawFd,
    /// Dropped in a copy of the process it closes nothing: there the number may be
    /// another file's by now.
    owner: u32,
}

impl PrivateFd {
    pub(crate) fn new(file: impl Into<OwnedFd>) -> PrivateFd {
        let number = file.into().into_raw_fd();
        lock().push(number);
        PrivateFd { number, owner: process::id() }
    }
}

impl AsRawFd for PrivateFd {
    fn as_raw_fd(&self) -> RawFd {
        self.number
    }
}

impl Drop for PrivateFd {
    fn drop(&mut self) {
        if self.owner != process::id() {
            return;
        }
        let mut open = lock();
        open.retain(|open| *open != self.number);
        // Closed under the lock: a fork between the two would leave the child a file that
        // it does not know.
        // SAFETY: the number is this value's own.
        unsafe { libc::close(self.number) };
    }
}

/// In a forked child: closes its parent's private files, except those that it was started
/// with. (These count as private here, too.)
pub(super) fn close_inherited(kept: &[RawFd]) {
    let mut open = lock();
    for number in open.iter().filter(|number| !kept.contains(number)) {
        // SAFETY: the values that own these numbers in the copied memory know that they
        // are the parent's.
        unsafe { libc::close(*number) };
    }
    open.retain(|number| kept.contains(number));
}

/// In a copy of the process whose files are all closed already.
pub(super) fn forget() {
    lock().clear();
}

/// A pipe: for reading, for writing.
pub(crate) fn pipe() -> io::Result<(PrivateFd, PrivateFd)> {
    let (reader, writer) = io::pipe()?;
    Ok((PrivateFd::new(reader), PrivateFd::new(writer)))
}
