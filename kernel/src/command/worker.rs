//! `threadbook worker`: the process behind a kernel that runs compiled cells.

use std::ffi::OsString;

use super::{CommandResult, NotWired};

#[derive(clap::Args)]
pub struct Arguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<OsString>,
}

pub fn run(_arguments: Arguments) -> CommandResult {
    Err(NotWired("worker").into())
}
