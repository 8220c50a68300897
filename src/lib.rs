//! Threadbook's prelude: what every cell of a Threadbook notebook can use at once,
//! and a plain library for programs.
//!
//! In a notebook all of [`prelude`] is imported into each cell. In a program, write
//! `use threadbook::prelude::*;`.

pub mod limits;
pub mod message;
#[doc(hidden)]
pub mod picture;

#[cfg(feature = "prelude")]
#[doc(hidden)]
#[path = "runtime/mod.rs"]
pub mod __rt;
#[cfg(feature = "prelude")]
pub mod capture;
#[cfg(feature = "prelude")]
mod clock;
#[cfg(feature = "prelude")]
pub mod display;
#[cfg(feature = "prelude")]
pub mod executor;
#[cfg(feature = "prelude")]
pub mod gil;
#[cfg(feature = "prelude")]
mod input;
#[cfg(feature = "prelude")]
pub mod interact;
#[cfg(feature = "prelude")]
mod lesson;
#[cfg(feature = "prelude")]
pub mod lock;
#[cfg(feature = "prelude")]
pub mod pool;
#[cfg(feature = "prelude")]
pub mod prelude;
#[cfg(feature = "prelude")]
pub mod process;
#[cfg(feature = "prelude")]
pub mod process_pool;
#[cfg(feature = "prelude")]
mod progress;
#[cfg(feature = "prelude")]
pub mod queue;
#[cfg(feature = "prelude")]
pub mod shared;
#[cfg(feature = "prelude")]
mod speedup;
#[cfg(feature = "prelude")]
pub mod thread;
#[cfg(feature = "prelude")]
mod timeline;
#[cfg(feature = "prelude")]
mod timing;

#[cfg(feature = "prelude")]
pub use timing::{Clock, TimeitResult};
