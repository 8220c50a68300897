//! The process between kernel and worker that leaves nobody behind.
//!
//! ```text
//! kernel ── socket ──► keeper ── parent of ──► worker, its checkpoint, what they start
//! ```
//!
//! It runs no cell, so nothing a cell does can harm it. Processes whose parents have
//! ended become its children ("subreaper"), and so it finds them all: when the kernel is
//! gone, however it went, the keeper ends them and itself. It also knows how each ended.
//!
//! [`process`] is that process, [`handle`] the kernel's side of it.

mod handle;
mod process;

use serde::{Deserialize, Serialize};

pub use self::handle::{Keeper, MARK};
pub use self::process::{divide, end_with_parent};

/// From the kernel.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToKeeper {
    /// End everybody but this process and its own.
    EndAllBut { process: Option<i32> },
}

/// To the kernel.
#[derive(Debug, Serialize, Deserialize)]
pub enum FromKeeper {
    /// This is the worker.
    Worker { process: i32 },
    /// A child has ended, with this status as `waitpid` gives it.
    Ended { process: i32, status: i32 },
    /// As asked for.
    AllEnded,
}
