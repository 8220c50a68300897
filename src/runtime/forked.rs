//! Copies of the process notice that they are copies.
//!
//! What a thread keeps for itself (a sequence of random numbers, a place to write to)
//! exists twice after a fork. Whoever keeps such a thing compares [`generation`] with the
//! one it knows. The system counts, so that forks of other libraries count, too.

use std::process;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

static FORKS: AtomicU64 = AtomicU64::new(0);

/// The forks between this process and the first one that has asked. It never changes
/// while a process lives.
#[inline]
pub(crate) fn generation() -> u64 {
    static COUNTED: Once = Once::new();
    COUNTED.call_once(count);
    FORKS.load(Ordering::Relaxed)
}

#[cfg(unix)]
fn count() {
    extern "C" fn forked() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: the function only counts, which is allowed in a process just forked, and
    // lives as long as the process. Without memory for it nothing is counted.
    unsafe { libc::pthread_atfork(None, None, Some(forked)) };
}

#[cfg(not(unix))]
fn count() {}

/// The process that something outside of its memory belongs to: a directory, a server.
///
/// A forked child has a copy of the value that stands for it, and must not clean up what
/// its parent still uses. A copy of the process that takes over after a crash must: its
/// parent is gone.
#[derive(Debug)]
pub(crate) struct Owner {
    process: u32,
    generation: u64,
}

impl Owner {
    /// This process.
    pub(crate) fn here() -> Owner {
        Owner { process: process::id(), generation: generation() }
    }

    /// Whether this process is the one, with its threads.
    pub(crate) fn is_here(&self) -> bool {
        self.generation == generation() && self.process == process::id()
    }

    /// Whether this process is the one, or has outlived it.
    pub(crate) fn is_here_or_gone(&self) -> bool {
        self.is_here() || !is_alive(self.process)
    }
}

#[cfg(unix)]
fn is_alive(process: u32) -> bool {
    let Ok(process) = libc::pid_t::try_from(process) else { return false };
    // SAFETY: signal 0 is sent to nobody; it only asks.
    let answer = unsafe { libc::kill(process, 0) };
    // One of somebody else's is alive, too.
    answer == 0 || std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

#[cfg(not(unix))]
fn is_alive(_: u32) -> bool {
    true
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_fork_is_counted_in_the_copy_only() {
        let owner = Owner::here();
        let before = generation();
        // SAFETY: the child calls only what is allowed after a fork, and leaves at once.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let right = generation() == before + 1 && !owner.is_here() && !owner.is_here_or_gone();
            // SAFETY: as above.
            unsafe { libc::_exit(if right { 7 } else { 1 }) };
        }
        let mut status = 0;
        // SAFETY: `status` is a place for the answer.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(libc::WEXITSTATUS(status), 7);
        assert_eq!(generation(), before);
        assert!(owner.is_here());
        let gone = Owner { process: u32::try_from(child).expect("positive"), generation: before };
        assert!(!gone.is_here() && gone.is_here_or_gone());
    }
}
