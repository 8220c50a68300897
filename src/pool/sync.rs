//! What [`rota`](super::rota) is built of. `tests/loom` has one of the same names that
//! checks what is built of it.

pub use std::sync::Arc;
pub use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
pub use std::thread::{self, Thread};

pub use crate::__rt::guarded::Guarded;
pub use crate::__rt::interrupt::{Wait, Waker};
