//! `threadbook kernel`: the kernel that a Jupyter client started.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use super::{CommandResult, EngineChoice};
use crate::jupyter::{self, KernelInfo};
use crate::session::Session;

#[derive(clap::Args)]
pub struct Arguments {
    /// The file in which Jupyter says which sockets to open
    #[arg(long, short = 'f', value_name = "FILE")]
    connection_file: PathBuf,
    #[command(flatten)]
    engine: EngineChoice,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let engine = arguments.engine.get()?;
    give_large_blocks_back();
    let filter = tracing_subscriber::EnvFilter::try_from_env("THREADBOOK_LOG").unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let info = KernelInfo::default();
        let session = Arc::new(Session::start(engine, info.language_version.clone()));
        jupyter::serve(&arguments.connection_file, session, info).await
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Makes the allocator return the memory of a large display when it is freed. By itself
/// glibc keeps such blocks once it has seen one, and the kernel stays as large as it was
/// at its largest.
fn give_large_blocks_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: sets two numbers of the allocator, before other threads are started.
    unsafe {
        nix::libc::mallopt(nix::libc::M_MMAP_THRESHOLD, 1 << 20);
        nix::libc::mallopt(nix::libc::M_TRIM_THRESHOLD, 4 << 20);
    }
}
