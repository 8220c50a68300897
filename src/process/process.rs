//! [`Process`]: a closure that runs in a process of its own.

use std::fmt;
use std::time::{Duration, Instant};

use super::error::ProcessError;
use super::registry::{self, Child, Registry, State};
use super::status::Ended;
use super::{child, reaper};
use crate::__rt::interrupt::Wait;
use crate::executor::deadline;

/// A closure that runs in a process of its own, as Python's `multiprocessing.Process` with
/// the start method "fork".
///
/// It is made first and [started](Process::start) then. The closure has a copy of all that
/// it captures and of all statics, as they are when the process starts.
///
/// ```
/// # use threadbook::prelude::*;
/// let numbers = vec![1, 2, 3];
/// let p = Process::new(move || println!("{numbers:?} in process {}", getpid()));
/// p.start();
/// p.join();
/// assert_eq!(p.exitcode(), Some(0));
/// ```
///
/// When the closure has returned, the process waits for its threads that are no daemons, and
/// ends. The exit code is 0 when the closure returns, 1 when it panics (the panic is printed with
/// the process's name), and a negative number when a signal has ended the process.
///
/// Clones stand for the same process. When the last one is dropped, the process goes on;
/// one that was not started never will be.
///
/// Unlike in Python a program does not wait for its processes when it ends: join them.
pub struct Process {
    id: u64,
}

/// How often a wait looks for itself whether the process has ended, in case that the
/// system had no means left to tell it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Process {
    /// A process that will run `work`, named "Process-1", "Process-2" … in the order in
    /// which they are made ("Process-1:1" for the first one made in Process-1).
    pub fn new<F: FnOnce() + Send + 'static>(work: F) -> Process {
        Process::boxed(Box::new(work))
    }

    fn boxed(work: registry::Body) -> Process {
        let mut registry = registry::lock();
        let numbers = registry.next_numbers();
        let daemon = registry.own.daemon;
        Process { id: registry.add(Child { name: format!("Process-{numbers}"), numbers, daemon, ..Child::new(work) }) }
    }

    /// The same process under another name.
    ///
    /// # Panics
    /// After it was started.
    #[track_caller]
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Process {
        let name = name.into();
        self.change("named", |child| child.name = name);
        self
    }

    /// The same process as a daemon or not. A daemon is ended (by SIGTERM) when the process
    /// that has started it ends, in whichever way. A process is one from the start if it is
    /// made by a daemon.
    ///
    /// # Panics
    /// After it was started.
    #[track_caller]
    #[must_use]
    pub fn daemon(self, daemon: bool) -> Process {
        self.change("made a daemon", |child| child.daemon = daemon);
        self
    }

    #[track_caller]
    fn change(&self, what: &str, change: impl FnOnce(&mut Child)) {
        let mut registry = registry::lock();
        let child = registry.child(self.id);
        if matches!(child.state, State::New(_)) {
            change(child);
        } else {
            let name = child.name.clone();
            drop(registry);
            panic!("{name} cannot be {what} after it was started");
        }
    }

    /// Starts the process.
    ///
    /// # Panics
    /// Where [`try_start`](Process::try_start) has an error: it was started before, or the
    /// system makes no more processes.
    #[track_caller]
    pub fn start(&self) {
        if let Err(error) = self.try_start() {
            panic!("{error}");
        }
    }

    /// Starts the process.
    ///
    /// # Errors
    /// When it was started before, or when the system makes no more processes; in the latter
    /// case it can be tried again.
    pub fn try_start(&self) -> Result<(), ProcessError> {
        let body = {
            let mut registry = registry::lock();
            let child = registry.child(self.id);
            match std::mem::replace(&mut child.state, State::Starting) {
                State::New(body) => body,
                state => {
                    child.state = state;
                    return Err(ProcessError::AlreadyStarted { name: child.name.clone() });
                }
            }
        };
        child::start(self.id, body, &[]).map(drop).map_err(ProcessError::Fork)
    }

    /// Waits until the process has ended.
    ///
    /// In a notebook an interrupt ends the wait.
    ///
    /// # Panics
    /// When it was not started, and in any process but the one that has started it.
    #[track_caller]
    pub fn join(&self) {
        self.wait(None);
    }

    /// Waits until the process has ended, `seconds` at most. Returns whether it has.
    ///
    /// In a notebook an interrupt ends the wait.
    ///
    /// # Panics
    /// As [`join`](Process::join).
    #[track_caller]
    pub fn join_timeout(&self, seconds: f64) -> bool {
        self.wait(Some(seconds)).is_some()
    }

    #[track_caller]
    fn wait(&self, seconds: Option<f64>) -> Option<Ended> {
        // Not under the lock: whoever prints the panic needs it.
        let problem = registry::lock().not_joinable(self.id);
        if let Some(problem) = problem {
            panic!("{problem}");
        }
        wait_for(self.id, deadline(seconds))
    }

    /// Whether the process was started and has not ended.
    ///
    /// # Panics
    /// In a process that was forked from the one that has started it.
    #[track_caller]
    pub fn is_alive(&self) -> bool {
        self.look();
        matches!(registry::lock().child(self.id).state, State::Starting | State::Running { .. })
    }

    /// How the process has ended: 0 when its closure has returned, 1 when it has panicked,
    /// the negative number of the signal that has ended it. `None` before (and if something
    /// else in this process has asked the system for it).
    ///
    /// # Panics
    /// In a process that was forked from the one that has started it.
    #[track_caller]
    pub fn exitcode(&self) -> Option<i32> {
        self.look();
        match registry::lock().child(self.id).state {
            State::Ended { ended, .. } => ended.code(),
            _ => None,
        }
    }

    #[track_caller]
    fn look(&self) {
        let mut registry = registry::lock();
        if let Some(problem) = registry.foreign(self.id) {
            drop(registry);
            panic!("{problem}");
        }
        let finished = registry.look(self.id);
        drop(registry);
        finished.into_iter().for_each(reaper::tell);
    }

    /// Asks the process to end, by SIGTERM. Nothing happens if it has ended already.
    ///
    /// # Panics
    /// When it was not started, and in any process but the one that has started it.
    #[track_caller]
    pub fn terminate(&self) {
        self.send(libc::SIGTERM);
    }

    /// Ends the process at once, by SIGKILL. Nothing happens if it has ended already.
    ///
    /// # Panics
    /// When it was not started, and in any process but the one that has started it.
    #[track_caller]
    pub fn kill(&self) {
        self.send(libc::SIGKILL);
    }

    #[track_caller]
    fn send(&self, signal: i32) {
        let problem = {
            let mut registry = registry::lock();
            let problem = registry.not_joinable(self.id);
            if problem.is_none() {
                registry.send(self.id, signal);
            }
            problem
        };
        if let Some(problem) = problem {
            panic!("{problem}");
        }
    }

    /// The name: "Process-1" unless [another](Process::named) was given.
    pub fn name(&self) -> String {
        registry::lock().child(self.id).name.clone()
    }

    /// Whether it ends with the process that has started it: see [`daemon`](Process::daemon).
    pub fn is_daemon(&self) -> bool {
        registry::lock().child(self.id).daemon
    }

    /// The system's number of the process, once it was started.
    pub fn pid(&self) -> Option<u32> {
        match registry::lock().child(self.id).state {
            State::New(_) | State::Starting => None,
            State::Running { pid, .. } | State::Ended { pid, .. } | State::Foreign { pid } => u32::try_from(pid).ok(),
        }
    }

    /// Another value for a child in the registry.
    pub(super) fn of(registry: &mut Registry, id: u64) -> Process {
        registry.child(id).handles += 1;
        Process { id }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }
}

/// Waits for the end of a child, which is there and was started.
///
/// Unwinds on an interrupt.
#[track_caller]
pub(super) fn wait_for(id: u64, deadline: Option<Instant>) -> Option<Ended> {
    /// Nobody waits any more, however the wait ended.
    struct Forget(u64, u64);
    impl Drop for Forget {
        fn drop(&mut self) {
            if let Some(child) = registry::lock().children.get_mut(&self.0) {
                child.wakers.retain(|(wait, _)| *wait != self.1);
            }
        }
    }

    let wait = Wait::begin();
    let number = {
        let mut registry = registry::lock();
        let number = registry.next_wait();
        registry.child(id).wakers.push((number, wait.waker()));
        number
    };
    let _forget = Forget(id, number);
    loop {
        let (ended, finished) = {
            let mut registry = registry::lock();
            let finished = registry.look(id);
            let ended = match registry.child(id).state {
                State::Ended { ended, .. } => Some(ended),
                _ => None,
            };
            (ended, finished)
        };
        finished.into_iter().for_each(reaper::tell);
        let now = Instant::now();
        if ended.is_some() || deadline.is_some_and(|deadline| deadline <= now) {
            return ended;
        }
        let look = now + LOOK_EVERY;
        wait.pause(Some(deadline.map_or(look, |deadline| deadline.min(look))));
    }
}

impl Clone for Process {
    fn clone(&self) -> Process {
        Process::of(&mut registry::lock(), self.id)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let unused = registry::lock().drop_handle(self.id);
        // Its closure may run anything when it is dropped.
        drop(unused);
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut registry = registry::lock();
        let child = registry.child(self.id);
        let daemon = if child.daemon { ", daemon" } else { "" };
        match child.state {
            State::New(_) => write!(f, "Process({}, not started{daemon})", child.name),
            State::Starting => write!(f, "Process({}, starting{daemon})", child.name),
            State::Running { pid, .. } => write!(f, "Process({}, pid {pid}, running{daemon})", child.name),
            State::Foreign { pid } => write!(f, "Process({}, pid {pid}, of another process{daemon})", child.name),
            State::Ended { pid, ended } => {
                write!(f, "Process({}, pid {pid}, ", child.name)?;
                match ended {
                    Ended::Exited(code) => write!(f, "exit code {code}{daemon})"),
                    Ended::Signalled(signal) => write!(f, "ended by signal {signal}{daemon})"),
                    Ended::Unknown => write!(f, "ended{daemon})"),
                }
            }
        }
    }
}
