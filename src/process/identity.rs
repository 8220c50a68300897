//! Who a process is.

use std::os::unix::process::parent_id;

use super::process::Process;
use super::registry::{self, Identity, State};

/// The name of a process and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessInfo(Identity);

impl ProcessInfo {
    /// "MainProcess", "Process-1", "ForkPoolWorker-1" …
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The system's number of the process.
    pub fn pid(&self) -> u32 {
        self.0.pid
    }

    /// Whether it ends with its parent.
    pub fn is_daemon(&self) -> bool {
        self.0.daemon
    }
}

/// The calling process.
///
/// ```
/// # use threadbook::prelude::*;
/// println!("{} has the number {}", current_process().name(), current_process().pid());
/// # assert_eq!(current_process().name(), "MainProcess");
/// ```
pub fn current_process() -> ProcessInfo {
    ProcessInfo(registry::lock().identity())
}

/// The process that has started the calling one as a [`Process`] or as a pool's worker;
/// `None` in the main process.
pub fn parent_process() -> Option<ProcessInfo> {
    registry::lock().parent.clone().map(ProcessInfo)
}

/// The processes that this one has started and that have not ended, in the order in which
/// they were made. Workers of pools are not among them (in Python they are).
pub fn active_children() -> Vec<Process> {
    let mut registry = registry::lock();
    let ids: Vec<u64> = registry.children.iter().filter(|(_, child)| !child.quiet).map(|(&id, _)| id).collect();
    let finished: Vec<_> = ids.iter().filter_map(|id| registry.look(*id)).collect();
    let is_running = |id: &u64, registry: &registry::Registry| {
        registry.children.get(id).is_some_and(|child| matches!(child.state, State::Running { .. }))
    };
    let running: Vec<u64> = ids.into_iter().filter(|id| is_running(id, &registry)).collect();
    let running = running.into_iter().map(|id| Process::of(&mut registry, id)).collect();
    drop(registry);
    finished.into_iter().for_each(super::reaper::tell);
    running
}

/// The system's number of the calling process (Python's `os.getpid()`).
pub fn getpid() -> u32 {
    std::process::id()
}

/// The system's number of the process that has started the calling one (Python's
/// `os.getppid()`). When that has ended, it is another's.
pub fn getppid() -> u32 {
    parent_id()
}
