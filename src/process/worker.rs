//! A child of a pool: its owner looks after it.

use std::io;
use std::os::fd::RawFd;

use super::registry::{self, Body, Child, State};
use super::{child, reaper};
use crate::process::Ended;

/// Names for the workers of one pool, counted as processes are: "ForkPoolWorker-3".
#[derive(Debug)]
pub(crate) struct Names(Vec<(String, String)>);

impl Names {
    pub(crate) fn new(workers: usize) -> Names {
        let mut registry = registry::lock();
        let numbers = (0..workers).map(|_| registry.next_numbers());
        Names(numbers.map(|numbers| (format!("ForkPoolWorker-{numbers}"), numbers)).collect())
    }

    /// The number of workers.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A running child whose end its owner wants to know. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Worker {
    id: u64,
    /// The process that has started it.
    owner: u32,
}

impl Worker {
    /// Starts the `index`th worker. From among the private files it keeps those of `kept`.
    ///
    /// # Errors
    /// What the system says to a fork.
    pub(crate) fn start(names: &Names, index: usize, body: Body, kept: &[RawFd]) -> io::Result<Worker> {
        let (name, numbers) = names.0[index].clone();
        let child =
            Child { name, numbers, daemon: true, quiet: true, state: State::Starting, ..Child::new(Box::new(|| {})) };
        let worker = Worker { id: registry::lock().add(child), owner: std::process::id() };
        child::start(worker.id, body, kept)?;
        Ok(worker)
    }

    /// How it has ended, if it has.
    pub(crate) fn ended(&self) -> Option<Ended> {
        let mut registry = registry::lock();
        // It is quiet: nothing to be told.
        drop(registry.look(self.id));
        match registry.child(self.id).state {
            State::Ended { ended, .. } => Some(ended),
            _ => None,
        }
    }

    /// Waits for its end, which must be near: an interrupt is not heard.
    pub(crate) fn join(&self) -> Ended {
        loop {
            if let Some(ended) = self.ended() {
                return ended;
            }
            if let Some(pid) = self.pid() {
                reaper::wait_for_end(pid);
            }
        }
    }

    pub(crate) fn name(&self) -> String {
        registry::lock().child(self.id).name.clone()
    }

    pub(crate) fn pid(&self) -> Option<i32> {
        match registry::lock().child(self.id).state {
            State::Running { pid, .. } | State::Ended { pid, .. } => Some(pid),
            _ => None,
        }
    }

    pub(crate) fn kill(&self) {
        registry::lock().send(self.id, libc::SIGKILL);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if self.owner == std::process::id() {
            self.kill();
            let unused = registry::lock().drop_handle(self.id);
            drop(unused);
        }
    }
}
