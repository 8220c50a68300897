//! A closure as a program of its own.

use std::process::ExitStatus;

use super::process::{Process, wait_for};

/// Runs a closure as if it were the `main` of a program of its own, in a child process, and
/// waits for its end: that of the closure and of all its threads that are no daemons. Daemon
/// threads are ended with the program, which a notebook never shows, since its own process
/// goes on.
///
/// ```
/// # use threadbook::prelude::*;
/// let status = program(|| println!("in process {}", getpid()));
/// assert!(status.success());
/// ```
///
/// In a notebook an interrupt ends the wait and the program.
///
/// # Panics
/// When the system makes no more processes.
#[track_caller]
pub fn program<F: FnOnce() + Send + 'static>(main: F) -> ExitStatus {
    run(Process::new(main))
}

#[track_caller]
fn run(process: Process) -> ExitStatus {
    /// Ends what nobody waits for any more.
    struct End(Process);
    impl Drop for End {
        fn drop(&mut self) {
            self.0.kill();
        }
    }

    let name = process.name().replace("Process", "Program");
    let process = process.named(name).daemon(true);
    process.start();
    let process = End(process);
    let ended = wait_for(process.0.id(), None);
    ended.map_or_else(ExitStatus::default, |ended| ended.exit_status())
}
