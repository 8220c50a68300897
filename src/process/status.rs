//! How a process has ended.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// How a process has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Exited(i32),
    Signalled(i32),
    /// Somebody else has asked the system for it, which tells once.
    Unknown,
}

impl Ended {
    pub(super) fn from_raw(status: libc::c_int) -> Ended {
        if libc::WIFSIGNALED(status) {
            Ended::Signalled(libc::WTERMSIG(status))
        } else {
            Ended::Exited(libc::WEXITSTATUS(status))
        }
    }

    pub(super) fn exit_status(self) -> ExitStatus {
        match self {
            Ended::Exited(code) => ExitStatus::from_raw(code << 8),
            Ended::Signalled(signal) => ExitStatus::from_raw(signal),
            Ended::Unknown => ExitStatus::from_raw(255 << 8),
        }
    }

    /// As Python gives it: a signal as a negative number.
    pub(super) fn code(self) -> Option<i32> {
        match self {
            Ended::Exited(code) => Some(code),
            Ended::Signalled(signal) => Some(-signal),
            Ended::Unknown => None,
        }
    }

    /// A signal that nobody sends to end a process in an orderly way.
    pub(super) fn crash(self) -> Option<i32> {
        match self {
            Ended::Signalled(libc::SIGTERM | libc::SIGINT | libc::SIGHUP | libc::SIGPIPE) => None,
            Ended::Signalled(signal) => Some(signal),
            Ended::Exited(_) | Ended::Unknown => None,
        }
    }
}

/// What a signal is called and what it mostly means.
pub(crate) fn signal_text(signal: i32) -> String {
    let (name, meaning) = match signal {
        libc::SIGSEGV => ("SIGSEGV", "an invalid memory access, or a stack that was too small"),
        libc::SIGBUS => ("SIGBUS", "memory that could not be had"),
        libc::SIGILL => ("SIGILL", "an invalid instruction"),
        libc::SIGFPE => ("SIGFPE", "an invalid calculation"),
        libc::SIGABRT => ("SIGABRT", "it aborted"),
        libc::SIGTRAP => ("SIGTRAP", "a trap"),
        libc::SIGKILL => ("SIGKILL", "killed from outside, perhaps because memory ran out"),
        libc::SIGTERM => ("SIGTERM", "terminated"),
        libc::SIGINT => ("SIGINT", "interrupted"),
        libc::SIGHUP => ("SIGHUP", "its terminal went away"),
        libc::SIGPIPE => ("SIGPIPE", "nobody reads what it wrote"),
        libc::SIGXCPU => ("SIGXCPU", "its limit of processor time"),
        _ => return format!("signal {signal}"),
    };
    format!("signal {signal} ({name}: {meaning})")
}
