//! `threadbook cache`: what is kept of compiled cells.

use std::io::Write;
use std::process::ExitCode;

use clap::Subcommand;

use super::CommandResult;
use crate::engine::native::cache::Disk;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Subcommand)]
enum Action {
    /// Say how much is kept, and where (as without a word)
    Show,
    /// Remove all of it: cells are compiled anew when they run next
    Clear,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let mut out = std::io::stdout();
    let Some(disk) = Disk::open() else {
        writeln!(out, "Nothing is kept: THREADBOOK_CACHE_SIZE is 0, or there is no home directory.")?;
        return Ok(ExitCode::SUCCESS);
    };
    if let Some(Action::Clear) = arguments.action {
        let before = disk.usage();
        disk.clear().map_err(|error| format!("not all of {} could be removed: {error}", before.directory.display()))?;
        writeln!(out, "Removed {}.", before.text())?;
    } else {
        writeln!(out, "{}", disk.usage().text())?;
    }
    Ok(ExitCode::SUCCESS)
}
