//! The bare compiler: a call that the kernel has made, repeated without the kernel.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;

use super::kernel::Result;

/// One call of `rustc`, as the kernel logs it.
#[derive(Debug, Clone)]
pub struct Call {
    directory: String,
    program: String,
    arguments: Vec<String>,
}

impl Call {
    /// Reads a line of the kernel's log.
    pub fn from_log(line: &str) -> Option<Call> {
        let (_, json) = line.split_once("threadbook::rustc: ")?;
        let mut words = serde_json::from_str::<Vec<String>>(json).ok()?.into_iter();
        Some(Call { directory: words.next()?, program: words.next()?, arguments: words.collect() })
    }

    /// Makes the same call once more, on the same source and with the same flags. What
    /// it writes goes elsewhere, since the kernel uses its own results.
    pub async fn repeat(&self) -> Result<Duration> {
        let elsewhere = tempfile::tempdir()?;
        let into = |argument: &String| match argument.strip_prefix("--emit=") {
            Some(files) => {
                let files = files.split(',').map(|emitted| match emitted.split_once('=') {
                    Some((kind, file)) => {
                        let name = Path::new(file).file_name().unwrap_or_default();
                        format!("{kind}={}", elsewhere.path().join(name).display())
                    }
                    None => emitted.to_owned(),
                });
                OsString::from(format!("--emit={}", files.collect::<Vec<_>>().join(",")))
            }
            None => OsString::from(argument),
        };
        let mut command = Command::new(&self.program);
        command.args(self.arguments.iter().map(into)).current_dir(&self.directory);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let begin = Instant::now();
        let finished = command.output().await?;
        let took = begin.elapsed();
        if !finished.status.success() {
            return Err(format!("the bare compiler failed: {}", String::from_utf8_lossy(&finished.stderr)).into());
        }
        Ok(took)
    }
}
