//! What lessons about threads and processes need beside them: random numbers, work split
//! into parts, files and web pages to work on.
//!
//! Each is a module of its own. [`Site`] serves pages on this computer, so that a lesson
//! about the network runs without one; [`get`] fetches them, or any other address, and
//! [`Document`] looks into them.

mod batch;
mod check;
mod document;
mod files;
mod http;
pub mod random;
mod site;

pub use batch::{batch, deal};
pub use check::check;
pub use document::{Document, Element, SelectorError};
pub use files::TestFiles;
pub use http::{HttpError, Response, get, get_timeout};
pub use site::Site;

/// How many threads can compute at the same time: the processors that this process may
/// use (Python's `len(os.sched_getaffinity(0))`; `multiprocessing.cpu_count()` counts
/// those that it may not use, too). 1 where the system does not tell.
///
/// ```
/// # use threadbook::prelude::*;
/// assert!(cpu_count() >= 1);
/// ```
pub fn cpu_count() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
