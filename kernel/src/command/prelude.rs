//! `threadbook prelude`: builds the prelude library for the present compiler, so
//! that the first cell need not wait for it. The installer calls this.

use super::{CommandResult, NotWired};

pub fn run() -> CommandResult {
    Err(NotWired("prelude").into())
}
