//! What the keeper does.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::libc;
use nix::unistd::{ForkResult, Pid, fork, setpgid};

use super::{FromKeeper, ToKeeper};
use crate::worker::{family, frame};

/// How long to wait before looking again whether all have ended.
const AGAIN: Duration = Duration::from_millis(2);
/// That many looks are enough for all that can be ended.
const LOOKS: usize = 500;

/// Makes the calling process a keeper and returns in its child, the worker to be.
/// `not_kept` are the files that only the worker is to have.
///
/// # Errors
/// When the process cannot be divided.
pub fn divide(kernel: UnixStream, not_kept: Vec<OwnedFd>) -> io::Result<Vec<OwnedFd>> {
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_child_subreaper(true)?;
    // SAFETY: there is one thread yet.
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop(kernel);
            // A group of its own, which ends as one.
            setpgid(Pid::from_raw(0), Pid::from_raw(0))?;
            end_with_parent();
            Ok(not_kept)
        }
        ForkResult::Parent { child } => {
            // Both do it: whoever comes first.
            let _ = setpgid(child, child);
            drop(not_kept);
            keep(kernel, child)
        }
    }
}

/// Makes the calling process end when its keeper does.
pub fn end_with_parent() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL) {
        tracing::debug!("not bound to the keeper: {error}");
    }
}

fn keep(kernel: UnixStream, worker: Pid) -> ! {
    // The pipes of cells must not be held open from here.
    for fd in [libc::STDOUT_FILENO, libc::STDERR_FILENO] {
        // SAFETY: stdin is /dev/null; both numbers stay open.
        unsafe { libc::dup2(libc::STDIN_FILENO, fd) };
    }
    let Ok(to_kernel) = kernel.try_clone() else { end() };
    let to_kernel: &'static Mutex<UnixStream> = Box::leak(Box::new(Mutex::new(to_kernel)));
    let tell = |message: &FromKeeper| {
        if let Ok(json) = serde_json::to_vec(message) {
            // A kernel that is gone shows on the reading side.
            let _ = frame::write(&mut *to_kernel.lock().unwrap_or_else(PoisonError::into_inner), &json);
        }
    };
    tell(&FromKeeper::Worker { process: worker.as_raw() });
    let watch = move || {
        let mut kernel = kernel;
        while let Ok(Some(json)) = frame::read(&mut kernel) {
            if let Ok(ToKeeper::EndAllBut { process }) = serde_json::from_slice(&json) {
                end_all_but(process);
                tell(&FromKeeper::AllEnded);
            }
        }
        end();
    };
    if thread::Builder::new().name("keeper".to_owned()).spawn(watch).is_err() {
        end();
    }
    loop {
        let mut status = 0;
        // SAFETY: `waitpid` writes one int.
        let process = unsafe { libc::waitpid(-1, &mut status, 0) };
        match process {
            -1 if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            // Nobody is left, and nobody can come.
            -1 => end(),
            process => tell(&FromKeeper::Ended { process, status }),
        }
    }
}

fn end_all_but(process: Option<i32>) {
    for _ in 0..LOOKS {
        if !family::end_all(process) {
            return;
        }
        thread::sleep(AGAIN);
    }
}

fn end() -> ! {
    end_all_but(None);
    // SAFETY: `_exit` never returns and runs nothing of ours.
    unsafe { libc::_exit(0) }
}
