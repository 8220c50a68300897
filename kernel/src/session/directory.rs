//! Where compiled cells lie while the kernel lives.

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use tempfile::TempDir;

/// How directories for compiled cells are named, before the kernel's process id.
const DIRECTORY_PREFIX: &str = "threadbook-";

/// A new directory. Those of kernels that were killed are removed.
///
/// # Errors
/// Says what to do when there can be none.
pub fn make() -> Result<TempDir, String> {
    remove_left();
    let prefix = format!("{DIRECTORY_PREFIX}{}-", std::process::id());
    tempfile::Builder::new().prefix(&prefix).tempdir().map_err(|error| {
        format!(
            "No directory for compiled cells can be made in {}: {error}. Is the disk full?",
            std::env::temp_dir().display()
        )
    })
}

/// Removes what kernels that were killed have left.
fn remove_left() {
    let Ok(entries) = std::env::temp_dir().read_dir() else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(DIRECTORY_PREFIX)?.split('-').next()?.parse().ok());
        let Some(owner) = owner else { continue };
        let is_gone = kill(Pid::from_raw(owner), None) == Err(Errno::ESRCH);
        if is_gone {
            // Another person's is not ours to remove.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
