//! The process that runs compiled cells.
//!
//! ```text
//! kernel ── socketpair: messages ──► worker (libthreadbook_prelude.so, then cells)
//!        ◄─ pipe fd 1, pipe fd 2: raw bytes as they are written
//! ```
//!
//! [`process`] is the kernel's side: it starts the worker and hands cells over.
//! [`reader`] routes what comes back to the cell that it belongs to. [`child`] is the
//! worker's own side: it loads libraries and passes messages through. [`frame`] is the
//! format on the socket; [`text`] turns the pipes' bytes into text, of which [`output_limit`]
//! lets so much pass as [`limits`] says; [`symbols`] tells what the code at an address is.

pub mod child;
mod frame;
mod limits;
mod output_limit;
mod pipe;
pub mod process;
pub mod reader;
mod symbols;
mod text;
