//! Threads that are made first and started later, that have names and can be listed.
//!
//! A [`Thread`] is a real thread of the operating system: two of them compute on two
//! cores at once. Its closure's value, or its panic, goes into the same type-free core
//! that a [`TaskFuture`](crate::executor::Future) waits on; the [`registry`] knows who
//! lives.

mod handle;
pub(crate) mod registry;
mod run;
#[cfg(test)]
mod tests;

pub use handle::{Thread, wait_for_threads};
pub use registry::ThreadInfo;
pub use run::Run;

/// The calling thread, whoever has started it (Python's `threading.current_thread`).
///
/// ```
/// # use threadbook::prelude::*;
/// assert_eq!(current_thread().name(), "main");
/// let thread = Thread::new(|| current_thread().name().to_owned()).named("worker");
/// thread.start();
/// assert_eq!(thread.result().unwrap(), "worker");
/// ```
pub fn current_thread() -> ThreadInfo {
    registry::current()
}

/// The threads that live, the oldest first: the first one of the program (in a notebook,
/// the one that runs the cells), those of this library, and others that have asked for
/// [`current_thread`]. (Python's `threading.enumerate`; its `active_count` is the length.)
///
/// ```
/// # use threadbook::prelude::*;
/// let thread = Thread::new(|| sleep(0.1));
/// thread.start();
/// assert!(threads().iter().any(|listed| listed.name() == thread.name()));
/// ```
pub fn threads() -> Vec<ThreadInfo> {
    registry::all()
}
