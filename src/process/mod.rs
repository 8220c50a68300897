//! Processes: closures that run in a process of their own.
//!
//! A child is made by forking the running process. So it has a copy of everything, as it
//! was at that moment: what its closure has captured, statics, open files. What it changes
//! afterwards only it sees; to share, there is [`shared`](crate::shared). Of the threads of
//! its parent none exists in it (and a lock that one of them held at that moment stays
//! locked there, for good). `thread_local!` values begin anew.
//!
//! What a child prints goes where its parent's text goes, whole lines at a time. In a
//! notebook a child has no way to the kernel: what it displays is printed as text.
//!
//! The way of a child: [`Process`] keeps its work in the [`registry`] until it is started;
//! [`child`] forks, and lives in the child to its end; the [`reaper`] learns of it.
//! [`private_fd`] keeps files from children that have nothing to do with them, by which
//! the [`lifeline`] works that ends daemons with their parent. [`Worker`] is a child as
//! pools need it.

mod child;
mod error;
mod identity;
mod lifeline;
mod private_fd;
#[allow(clippy::module_inception, reason = "the type that the folder is about")]
mod process;
mod program;
mod reaper;
mod registry;
mod status;
mod worker;

#[cfg(test)]
mod tests;

pub use self::error::ProcessError;
pub use self::identity::{ProcessInfo, active_children, current_process, getpid, getppid, parent_process};
pub use self::process::Process;
pub use self::program::program;

pub(crate) use self::private_fd::{PrivateFd, pipe};
pub(crate) use self::status::{Ended, signal_text};
pub(crate) use self::worker::{Names, Worker};

/// Held while the process forks.
pub(crate) fn lock_all() -> (impl Drop, impl Drop, impl Drop) {
    (lifeline::lock(), registry::lock(), private_fd::lock())
}

/// In a copy of the process that takes over: the children were the lost process's, and
/// have ended with it.
pub(crate) fn forget_children() {
    private_fd::forget();
    lifeline::forget();
    registry::lock().forget_running(|pid| registry::State::Ended { pid, ended: Ended::Unknown });
}
