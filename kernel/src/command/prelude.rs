//! `threadbook prelude`: builds the prelude library for the present compiler, so
//! that the first cell need not wait for it. The installer calls this.

use std::io::Write;
use std::process::ExitCode;

use super::CommandResult;
use crate::engine::native::setup::Setup;

pub fn run() -> CommandResult {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let progress = |line: &str| drop(writeln!(std::io::stderr(), "{line}"));
    let setup = runtime.block_on(Setup::find(progress))?;
    let _ = writeln!(std::io::stderr(), "The prelude is ready for Rust {}.", setup.toolchain.release);
    Ok(ExitCode::SUCCESS)
}
