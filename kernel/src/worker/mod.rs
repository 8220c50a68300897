//! The processes that run compiled cells.
//!
//! ```text
//! kernel ── socket ──► keeper, which ends all others when the kernel is gone
//!   │                    └ parent of
//!   ├── socket: messages ──► worker (libthreadbook_prelude.so, then cells)
//!   ├── socket: open files, a checkpoint's number ◄──┤
//!   ├◄─ for each run of a cell: two pipes, raw bytes as they are written
//!   │                        └ forks
//!   └── socket ──► checkpoint: a sleeping copy that takes the worker's place
//! ```
//!
//! [`process`] is the kernel's side: it starts the worker, hands cells over, and falls
//! back to the [`checkpoint`]. [`reader`] hands what comes back to the cell that
//! it belongs to, as the [`router`] knows; [`run_pipes`] are what it reads. [`child`] is the worker's own side, [`keeper`] the process that leaves
//! nobody behind, by what [`family`] finds. [`frame`] is the format on the sockets,
//! [`descriptors`] passes open files; [`text`] turns the pipes' bytes into text, of which
//! [`output_limit`] lets so much pass as [`limits`] says; [`symbols`] tells what the code at
//! an address is.

mod checkpoint;
pub mod child;
mod descriptors;
mod family;
pub(crate) mod frame;
pub mod keeper;
mod limits;
mod output_limit;
mod pipe;
pub mod process;
pub mod reader;
pub mod router;
mod run_pipes;
pub mod symbols;
pub(crate) mod text;
