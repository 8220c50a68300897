//! What is told when a cell was stopped or has taken its process with it: what happened,
//! what is kept and what is gone.

use std::os::unix::process::ExitStatusExt;

use nix::sys::signal::Signal;
use threadbook::message::{CrashReport, NoCheckpoint, Place};

use super::report::{DIM, INTERRUPTED, RED, RESET, Sources, error, shown_place};
use crate::output::CellError;
use crate::worker::router::Death;

/// What became of a notebook whose process is gone.
#[derive(Debug)]
pub enum FallBack {
    /// The checkpoint has taken over.
    Restored {
        /// Variables that were made after it.
        lost: Vec<String>,
        /// It was made after all that had happened.
        is_latest: bool,
        /// The notebook has `thread_local!`s, which start again.
        thread_locals: bool,
    },
    /// There was none, for this reason.
    Lost { lost: Vec<String>, reason: Option<String> },
}

/// The process that ran the cell is gone. `calls` led there, the latest first.
pub fn crash(death: &Death, calls: &[String], fallen: &FallBack) -> CellError {
    let what = what_happened(death);
    let text =
        format!("{RED}Crash{RESET}: {what}{}\n{}", shown_calls("calls, the latest first:", calls), fate(fallen, true));
    error("Crash", what, text)
}

/// The cell was stopped where it waited, or `finished` before it could be. `taken` are the
/// variables that it had taken by value.
pub fn interrupted(place: &Place, finished: bool, taken: &[&str], sources: &Sources) -> CellError {
    let kept = match taken {
        [] => "All variables and threads are kept.".to_owned(),
        taken => format!("All other variables and threads are kept. The cell had taken by value: {}.", quoted(taken)),
    };
    let what = if finished { "the cell was stopped, and came to its end" } else { "the cell was stopped" };
    let text = format!("{RED}KeyboardInterrupt{RESET}: {what}{}\n{kept}", shown_place(place, sources));
    error(INTERRUPTED, what, text)
}

/// The cell was stopped, and its process with it. `calls` are where it was, the latest first.
pub fn interrupted_process(calls: &[String], fallen: &FallBack) -> CellError {
    let calls = shown_calls("It was here, the latest call first:", calls);
    let text = format!("{RED}KeyboardInterrupt{RESET}: the cell was stopped{calls}\n{}", fate(fallen, true));
    error(INTERRUPTED, "the cell was stopped", text)
}

/// Endless recursion shows as a few calls.
fn shown_calls(title: &str, calls: &[String]) -> String {
    const MOST: usize = 8;
    if calls.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{title}\n{}", calls[..calls.len().min(MOST)].join("\n"));
    if calls.len() > MOST {
        text.push_str(&format!("\n      … {} more", calls.len() - MOST));
    }
    text
}

/// The process ended while no cell ran.
pub fn death_between_cells(fallen: &FallBack) -> String {
    format!("the process that runs the cells had ended since the last cell. {}", fate(fallen, false))
}

/// What is kept and what is gone.
fn fate(fallen: &FallBack, in_cell: bool) -> String {
    match fallen {
        FallBack::Restored { lost, is_latest, thread_locals } => {
            let when = match (in_cell, is_latest) {
                (true, true) => "before this cell",
                (true, false) => "before the cell that ran before this one",
                (false, true) => "after the last cell",
                // The process ended before it could make another.
                (false, false) => "before the last cell",
            };
            let lost =
                if lost.is_empty() { String::new() } else { format!(" except {}, which are lost", quoted(lost)) };
            let also = if *thread_locals { "; `thread_local!`s start again" } else { "" };
            format!(
                "All variables are as they were {when}{lost}.\n\
                 {DIM}Gone: background threads, child processes, and open files and sockets of earlier cells{also}.{RESET}"
            )
        }
        FallBack::Lost { lost, reason } => {
            let loss = match lost.as_slice() {
                [] => "No variable was lost.".to_owned(),
                lost => format!("Lost: {}.", quoted(lost)),
            };
            let reason =
                reason.as_ref().map(|reason| format!("\nThere was no checkpoint: {reason}.")).unwrap_or_default();
            format!("{loss} Functions, types and other items are kept.{reason}")
        }
    }
}

fn quoted<T: AsRef<str>>(names: &[T]) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

fn what_happened(death: &Death) -> String {
    let crash = death.crash.as_ref();
    let number = crash.map(|crash| crash.signal).or_else(|| death.status?.signal());
    let Some(number) = number else {
        return match death.status.and_then(|status| status.code()) {
            Some(code) => format!("the cell ended its process, with exit code {code} (`std::process::exit`?)"),
            None => "the process of the cell ended".to_owned(),
        };
    };
    let signal = Signal::try_from(number).ok();
    let name = signal.map_or_else(|| format!("signal {number}"), |signal| signal.to_string());
    let thread = crash.and_then(|crash| crash.thread.as_deref()).filter(|name| *name != "main");
    let thread = thread.map(|name| format!(" in the thread `{name}`")).unwrap_or_default();
    let what = match (signal, crash) {
        (_, Some(CrashReport { stack_overflow: true, .. })) => {
            "the stack overflowed: a recursion without end, or too large a local variable".to_owned()
        }
        (Some(Signal::SIGSEGV | Signal::SIGBUS), crash) => {
            let address = crash.and_then(|crash| crash.address);
            let at = address.map(|address| format!(" at address {address:#x}")).unwrap_or_default();
            format!("memory was used that is not there or not the cell's{at} (unsafe code)")
        }
        (Some(Signal::SIGABRT), _) => {
            "the process was aborted (`abort`, a panic while panicking, or memory that was not to be had)".to_owned()
        }
        (Some(Signal::SIGILL), _) => "an illegal instruction was met (`intrinsics::abort`, or unsafe code)".to_owned(),
        (Some(Signal::SIGFPE), _) => "an arithmetic instruction failed (unsafe code)".to_owned(),
        (Some(Signal::SIGKILL), _) => {
            "the process of the cell was killed, by somebody or by the system for want of memory".to_owned()
        }
        _ => "the process of the cell was ended by a signal".to_owned(),
    };
    format!("{name}{thread}: {what}")
}

/// Why there was no checkpoint, to follow "There was no checkpoint: ".
pub fn no_checkpoint(reason: &NoCheckpoint, most_bytes: u64) -> String {
    match reason {
        NoCheckpoint::TooLarge { bytes } => format!(
            "the process holds {}, and the limit is {} (`%checkpoint 4 GiB` sets another)",
            size(*bytes),
            size(most_bytes)
        ),
        NoCheckpoint::Locked => "a thread keeps stdout or stderr locked".to_owned(),
        NoCheckpoint::Failed(error) => format!("the system refused it ({error})"),
    }
}

pub fn engine_makes_none() -> String {
    "this engine makes none (`%engine`)".to_owned()
}

pub fn checkpoints_are_off() -> String {
    "they are off (`%checkpoint on`)".to_owned()
}

/// There will be no checkpoint for the cells to come.
pub fn no_checkpoint_news(reason: &NoCheckpoint, most_bytes: u64) -> String {
    format!(
        "no checkpoint could be made: {}. Until one can, a crash or the stop of a computing cell loses all variables",
        no_checkpoint(reason, most_bytes)
    )
}

/// A number of bytes for people.
pub fn size(bytes: u64) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    if mib >= 1024.0 { format!("{:.3} GiB", mib / 1024.0).replace(".000", "") } else { format!("{mib:.0} MiB") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_end_is_named() {
        let told = |status: i32, crash: Option<CrashReport>| {
            what_happened(&Death { status: Some(std::process::ExitStatus::from_raw(status)), crash })
        };
        assert!(told(3 << 8, None).contains("exit code 3"));
        assert!(told(9, None).starts_with("SIGKILL"));
        let crash =
            CrashReport { signal: 11, address: Some(16), thread: Some("tool".to_owned()), ..Default::default() };
        assert!(told(11, Some(crash)).starts_with("SIGSEGV in the thread `tool`: memory was used"));
    }

    #[test]
    fn sizes_are_readable() {
        assert_eq!(size(1 << 30), "1 GiB");
        assert_eq!(size(3 << 29), "1.500 GiB");
        assert_eq!(size(700 << 20), "700 MiB");
    }
}
