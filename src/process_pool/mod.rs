//! Pools of processes.
//!
//! Workers are forked when the work is there: the function and the items are in their memory
//! already, and only results travel. [`work`] is what a worker does with items; [`job`] does
//! one map: its workers take chunks of items by counting up a shared number until none is
//! left, and the calling thread collects. Each worker has a pipe, through which results come
//! as bytes ([`wire`]: in postcard's format, and numbers as they lie in memory); larger chunks
//! of numbers wait in shared memory ([`slots`]) and go to their places from there. [`tasks`]
//! does single tasks, a process for each.
//!
//! None of these knows types. The shells around them, [`ProcessPool`],
//! [`ProcessPoolExecutor`] and the iterators, do, and they are thin: all that has types is
//! compiled anew in every cell that uses it.

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
