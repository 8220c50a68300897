//! Pools of processes.
//!
//! Workers are forked when the work is there: the function and the items are in their memory
//! already, and only results travel, as bytes (serde and postcard) through a pipe for each
//! worker. [`wire`] is how they are written; [`job`] does one map: its workers take chunks of
//! items by counting up a shared number until none is left, and the calling thread collects.
//! [`tasks`] does single tasks, a process for each. None of these knows types; the shells
//! around them, [`ProcessPool`], [`ProcessPoolExecutor`] and the iterators, do.

mod executor;
mod iter;
mod job;
mod pool;
mod reader;
mod slots;
mod tasks;
mod wire;
mod work;

#[cfg(test)]
mod plain_tests;
#[cfg(test)]
mod tests;

pub use self::executor::ProcessPoolExecutor;
pub use self::iter::{Imap, ImapUnordered};
pub use self::pool::{ProcessChunked, ProcessPool};
