//! What processes share: memory, locks, queues, pipes.
//!
//! A forked child has a copy of everything but this: a value from here means the same in
//! all processes that were forked since it was made, and have a clone of it. (It works
//! between threads as well.)
//!
//! Most of it lies in a [`Segment`](segment::Segment), memory without a file that children
//! inherit; it goes when the last process has let go of it. Who waits sleeps on a word of
//! that memory ([`futex`]), in slices, so that a notebook's interrupt and the death of
//! whoever is waited for are noticed. [`RawLock`](raw_lock::RawLock) is the one lock below
//! all. What travels is written and read by [`codec`].

mod array;
mod barrier;
pub(crate) mod codec;
mod event;
pub(crate) mod futex;
mod lock;
mod number;
mod pipe;
mod queue;
mod raw_lock;
mod ring;
mod segment;
mod semaphore;
mod transfer;
mod value;

#[cfg(test)]
mod tests;

pub use self::array::{SharedArray, SharedArrayGuard};
pub use self::barrier::{Barrier, BarrierBroken};
pub use self::event::Event;
pub use self::lock::{HolderDied, ProcessLock, ProcessLockGuard};
pub use self::number::{Number, Shareable};
pub use self::pipe::{Connection, ConnectionError, pipe};
pub use self::queue::{ProcessQueue, ProcessQueueError};
pub use self::semaphore::{Semaphore, SemaphoreGuard};
pub use self::transfer::Transfer;
pub use self::value::{SharedValue, SharedValueGuard};

pub(crate) use self::segment::Segment;
pub(crate) use self::transfer::encoding_text;
