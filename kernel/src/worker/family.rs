//! The processes that have come from one process, and how they are ended.

use std::collections::BTreeSet;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getpgrp};

/// A process that has come from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descendant {
    pub id: i32,
    parent: i32,
    group: i32,
    /// When it was started, in the system's ticks since it booted.
    pub started: u64,
    lives: bool,
}

/// All processes.
#[cfg(target_os = "linux")]
fn everybody() -> Vec<Descendant> {
    let Ok(processes) = procfs::process::all_processes() else { return Vec::new() };
    processes
        .filter_map(|process| process.ok()?.stat().ok())
        .map(|stat| Descendant {
            id: stat.pid,
            parent: stat.ppid,
            group: stat.pgrp,
            started: stat.starttime,
            // One of many threads can end last: until then it has its children still.
            lives: !matches!(stat.state, 'Z' | 'X') || stat.num_threads > 1,
        })
        .collect()
}

/// The living descendants of a process.
#[cfg(target_os = "linux")]
pub fn descendants(of: i32) -> Vec<Descendant> {
    let all = everybody();
    let mut family = BTreeSet::from([of]);
    let mut found = Vec::new();
    loop {
        let more = all.iter().filter(|process| family.contains(&process.parent) && !family.contains(&process.id));
        let more: Vec<Descendant> = more.copied().collect();
        if more.is_empty() {
            found.retain(|process: &Descendant| process.lives);
            return found;
        }
        family.extend(more.iter().map(|process| process.id));
        found.extend(more);
    }
}

/// Elsewhere only process groups are known.
#[cfg(not(target_os = "linux"))]
pub fn descendants(_of: i32) -> Vec<Descendant> {
    Vec::new()
}

/// The living descendants of the calling process, and those in its group whose parents
/// have ended: a shell's background children, say. It has to be the leader of its group.
pub fn own_children() -> Vec<Descendant> {
    let own = nix::unistd::getpid();
    let mut found = descendants(own.as_raw());
    #[cfg(target_os = "linux")]
    if getpgrp() == own {
        let members = everybody().into_iter().filter(|process| process.lives && process.group == own.as_raw());
        let others: Vec<Descendant> =
            members.filter(|process| process.id != own.as_raw() && !found.contains(process)).collect();
        found.extend(others);
    }
    found
}

/// Ends all processes that have this in their environment, which children inherit: a net
/// for when the one who keeps them is gone, and with it the knowledge who has come from
/// whom.
#[cfg(target_os = "linux")]
pub fn end_marked(name: &str, value: &str) -> bool {
    let Ok(processes) = procfs::process::all_processes() else { return false };
    let is_marked = |process: &procfs::process::Process| {
        let environment = process.environ().unwrap_or_default();
        environment.get(std::ffi::OsStr::new(name)).is_some_and(|marked| marked.as_os_str() == value)
    };
    let marked: Vec<_> = processes.filter_map(Result::ok).filter(is_marked).collect();
    for process in &marked {
        let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
    }
    !marked.is_empty()
}

/// Elsewhere the environment of others is not known.
#[cfg(not(target_os = "linux"))]
pub fn end_marked(_name: &str, _value: &str) -> bool {
    false
}

/// Now, as [`Descendant::started`] counts.
pub fn now() -> u64 {
    let clock = {
        #[cfg(target_os = "linux")]
        {
            nix::time::ClockId::CLOCK_BOOTTIME
        }
        #[cfg(not(target_os = "linux"))]
        {
            nix::time::ClockId::CLOCK_MONOTONIC
        }
    };
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100) as u64;
    nix::time::clock_gettime(clock)
        .map_or(0, |time| time.tv_sec() as u64 * ticks + time.tv_nsec() as u64 * ticks / 1_000_000_000)
}

/// Ends all descendants of the calling process, except `kept` and theirs. Returns whether
/// any was there.
pub fn end_all(kept: Option<i32>) -> bool {
    let spared: BTreeSet<i32> =
        kept.into_iter().flat_map(|id| descendants(id).into_iter().map(|process| process.id).chain([id])).collect();
    let own_group = getpgrp();
    let mut any = false;
    for process in descendants(nix::unistd::getpid().as_raw()) {
        if spared.contains(&process.id) {
            continue;
        }
        any = true;
        let group = Pid::from_raw(process.group);
        // A whole group at once: those that fork as fast as they can do not get away.
        if group != own_group && !spared.contains(&process.group) {
            let _ = killpg(group, Signal::SIGKILL);
        }
        let _ = kill(Pid::from_raw(process.id), Signal::SIGKILL);
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_found_with_its_start() {
        let before = now();
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().expect("sleep");
        let id = child.id() as i32;
        let found = descendants(std::process::id() as i32).into_iter().find(|process| process.id == id);
        child.kill().expect("it runs");
        child.wait().expect("it has ended");
        if cfg!(target_os = "linux") {
            let started = found.expect("found").started;
            assert!((before..=now()).contains(&started), "{before} {started} {}", now());
        }
    }
}
