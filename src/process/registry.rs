//! Who this process is, and which children it has.
//!
//! All of it lies under one lock, which is held while the process forks: a handle that a
//! closure has taken along into the child finds it whole.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::reaper::Reaper;
use super::status::Ended;
use crate::__rt::interrupt::Waker;

/// Work for a child.
pub(crate) type Body = Box<dyn FnOnce() + Send>;

/// A child, or what will be one.
pub(super) struct Child {
    pub name: String,
    /// Of the process, its parent …: "1:2".
    pub numbers: String,
    pub daemon: bool,
    /// The run of a cell that has started it.
    pub run: u64,
    /// Its crash is told by whoever has started it.
    pub quiet: bool,
    pub state: State,
    /// Those who wait for its end, by the numbers of their waits.
    pub wakers: Vec<(u64, Waker)>,
    /// Values that stand for it.
    pub handles: usize,
}

pub(super) enum State {
    New(Body),
    Starting,
    Running {
        pid: i32,
        /// A signal that this process has sent it.
        sent: Option<i32>,
    },
    Ended {
        pid: i32,
        ended: Ended,
    },
    /// It is the child of the process that this one was forked from, or this one itself.
    Foreign {
        pid: i32,
    },
}

impl Child {
    /// Not started yet.
    pub fn new(body: Body) -> Child {
        Child {
            name: String::new(),
            numbers: String::new(),
            daemon: false,
            run: 0,
            quiet: false,
            state: State::New(body),
            wakers: Vec::new(),
            handles: 1,
        }
    }
}

pub(super) struct Registry {
    /// Of the calling process.
    pub own: Identity,
    pub parent: Option<Identity>,
    pub children: BTreeMap<u64, Child>,
    next_id: u64,
    next_wait: u64,
    /// For names, as Python counts: workers of pools, too.
    next_number: u64,
    pub reaper: Option<Reaper>,
}

/// The name of a process and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub name: String,
    /// The numbers by which it, its parent … were started: "1:2".
    pub numbers: String,
    pub daemon: bool,
    pub pid: u32,
}

static REGISTRY: Mutex<Registry> = Mutex::new(Registry {
    own: Identity { name: String::new(), numbers: String::new(), daemon: false, pid: 0 },
    parent: None,
    children: BTreeMap::new(),
    next_id: 1,
    next_wait: 1,
    next_number: 1,
    reaper: None,
});

pub(super) fn lock() -> MutexGuard<'static, Registry> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Registry {
    pub fn add(&mut self, child: Child) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.children.insert(id, child);
        id
    }

    /// The entry of a child that somebody has a handle of.
    pub fn child(&mut self, id: u64) -> &mut Child {
        self.children.get_mut(&id).expect("an entry stays as long as there are handles")
    }

    pub fn next_wait(&mut self) -> u64 {
        self.next_wait += 1;
        self.next_wait
    }

    /// Why nobody here can ask for this child.
    pub fn foreign(&mut self, id: u64) -> Option<String> {
        let child = self.child(id);
        let State::Foreign { pid } = child.state else { return None };
        let name = &child.name;
        Some(if pid as u32 == std::process::id() {
            format!("{name} is this process itself: only the process that has started it can wait for it or end it")
        } else {
            format!("{name} is no child of this process: only the process that has started it can ask for it")
        })
    }

    /// Why nobody here can wait for this child or signal it.
    pub fn not_joinable(&mut self, id: u64) -> Option<String> {
        let foreign = self.foreign(id);
        let child = self.child(id);
        let is_new = matches!(child.state, State::New(_));
        foreign.or_else(|| is_new.then(|| format!("{} was not started: call start() first", child.name)))
    }

    /// Signals a child that has not ended.
    pub fn send(&mut self, id: u64, signal: i32) {
        // Unless its end was not noticed yet. What is to be told of it comes with the next look.
        if let Some(Child { state: State::Running { pid, sent }, .. }) = self.children.get_mut(&id) {
            *sent = Some(signal);
            // SAFETY: the child was not taken off the system's list, so the number is its own.
            unsafe { libc::kill(*pid, signal) };
        }
    }

    /// One handle less. Returns the entry if nobody needs it any more.
    #[must_use]
    pub fn drop_handle(&mut self, id: u64) -> Option<Child> {
        let child = self.children.get_mut(&id)?;
        child.handles -= 1;
        let is_over = !matches!(child.state, State::Starting | State::Running { .. });
        if child.handles == 0 && is_over { self.children.remove(&id) } else { None }
    }

    /// The numbers for the next child: "2", or "1:2" in the first child.
    pub fn next_numbers(&mut self) -> String {
        let number = self.next_number;
        self.next_number += 1;
        match self.own.numbers.as_str() {
            "" => number.to_string(),
            own => format!("{own}:{number}"),
        }
    }

    pub fn identity(&self) -> Identity {
        let mut own = self.own.clone();
        // A copy that has taken over has another number than it was made with.
        own.pid = std::process::id();
        if own.name.is_empty() {
            "MainProcess".clone_into(&mut own.name);
        }
        own
    }

    /// A child has ended. Its entry goes when nobody can ask for it.
    pub fn end(&mut self, id: u64, ended: Ended) -> Option<Finished> {
        let child = self.children.get_mut(&id)?;
        let State::Running { pid, sent } = child.state else { return None };
        child.state = State::Ended { pid, ended };
        for (_, waker) in child.wakers.drain(..) {
            waker.wake();
        }
        let crash = ended.crash().filter(|signal| !child.quiet && sent != Some(*signal));
        let finished = Finished { name: child.name.clone(), run: child.run, pid, crash };
        if child.handles == 0 {
            self.children.remove(&id);
        }
        Some(finished)
    }

    /// In a forked child, which has no children yet. What was made and not started can be
    /// started here as well.
    pub fn become_child(&mut self, own: Identity, parent: Identity) {
        self.parent = Some(parent);
        self.own = own;
        self.next_number = 1;
        self.forget_running(|pid| State::Foreign { pid });
    }

    /// The children are not this process's: it is a copy of the one that had them.
    pub fn forget_running(&mut self, state: impl Fn(i32) -> State) {
        for child in self.children.values_mut() {
            // Those that waited do not exist here.
            std::mem::take(&mut child.wakers).into_iter().for_each(std::mem::forget);
            child.state = match child.state {
                State::New(_) | State::Ended { .. } | State::Foreign { .. } => continue,
                // This very process, or one that another thread was about to start.
                State::Starting => state(std::process::id() as i32),
                State::Running { pid, .. } => state(pid),
            };
        }
        std::mem::forget(self.reaper.take());
    }
}

/// What is to be told of a child that has ended.
pub(super) struct Finished {
    pub name: String,
    pub run: u64,
    pub pid: i32,
    pub crash: Option<i32>,
}
