//! A child process with all its own children: it is waited for, and when nobody waits
//! any more, the whole group is killed.

use std::io;
use std::process::{ExitStatus, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // `None` once the child has been waited for: its number may be another's then.
        if let Some(id) = self.0.id().and_then(|id| i32::try_from(id).ok()) {
            let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
        }
    }
}

/// How a program ended and what it wrote to stdout.
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
}

/// Runs a program to its end, handing each line of its stderr to `line` as it comes; a
/// carriage return ends a line too. Dropping the future kills the program and
/// everything that it started.
pub async fn run(command: &mut Command, mut line: impl FnMut(&str)) -> io::Result<Finished> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = Group(command.process_group(0).kill_on_drop(true).spawn()?);
    let missing = || io::Error::other("a pipe of a new process is missing");
    let mut stdout = group.0.stdout.take().ok_or_else(missing)?;
    let stderr = group.0.stderr.take().ok_or_else(missing)?;
    let mut written = Vec::new();
    tokio::try_join!(stdout.read_to_end(&mut written), lines(stderr, &mut line))?;
    let status = group.0.wait().await?;
    Ok(Finished { status, stdout: written })
}

async fn lines(mut stream: impl AsyncRead + Unpin, line: &mut impl FnMut(&str)) -> io::Result<()> {
    let mut pending = Vec::new();
    loop {
        let more = stream.read_buf(&mut pending).await?;
        while let Some(end) = pending.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let whole: Vec<u8> = pending.drain(..=end).collect();
            line(&String::from_utf8_lossy(&whole[..end]));
        }
        if more == 0 {
            if !pending.is_empty() {
                line(&String::from_utf8_lossy(&pending));
            }
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn lines_and_output_are_told_apart() {
        let mut seen = Vec::new();
        let script = r"printf '1/2\r2/2\rdone\nlast' >&2; echo out; exit 3";
        let finished = run(&mut shell(script), |line| seen.push(line.to_owned())).await.expect("sh runs");
        assert_eq!(seen, ["1/2", "2/2", "done", "last"]);
        assert_eq!(finished.stdout, b"out\n");
        assert_eq!(finished.status.code(), Some(3));
    }

    #[tokio::test]
    async fn a_dropped_run_leaves_no_process() {
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let running = tokio::spawn(async move {
            let script = "sleep 1000 & echo $! >&2; wait";
            let _ = run(&mut shell(script), |line| drop(sender.send(line.to_owned()))).await;
        });
        let grandchild = receiver.recv().await.expect("the shell names it");
        let grandchild = Pid::from_raw(grandchild.parse().expect("a process number"));
        running.abort();
        // Gone, or a zombie that the system's init has not collected yet.
        let alive = || {
            let status = std::fs::read_to_string(format!("/proc/{grandchild}/stat")).unwrap_or_default();
            nix::sys::signal::kill(grandchild, None).is_ok() && !status.contains(") Z ")
        };
        let killed = async {
            while alive() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), killed).await.expect("it is killed with its parent");
    }
}
