//! What generated code and the kernel's worker process call. Not for people.
//!
//! A compiled cell enters through [`run::enter`], takes the notebook's variables out of
//! the [`store`], runs the person's statements, shows the last expression ([`show`]) and
//! puts the variables back. [`shell`] and [`fn@environment`] are what magics run in place of a
//! person's statements. Messages to and from the kernel pass [`host`], which is not
//! connected in a plain program.

pub(crate) mod bounded;
pub(crate) mod boxed;
mod calls;
pub(crate) mod caught;
mod environment;
pub mod foreign;
pub(crate) mod fork;
pub(crate) mod forked;
pub(crate) mod guarded;
pub mod host;
pub mod interrupt;
pub(crate) mod owned;
pub(crate) mod pool;
pub mod run;
pub mod shell;
pub mod show;
pub mod signature;
pub mod store;
mod text;
pub mod timing;
mod wait;
pub(crate) mod waiters;

pub use crate::timeline::Recorder;
pub use environment::environment;
pub use run::{CellError, DisplayedError, Ended, PrettyError, catch, enter};
pub use store::{keep, keep_back, take};
pub use text::{write_err_line, write_err_now, write_line, write_now};
pub use wait::{block_on, enter_runtime};
