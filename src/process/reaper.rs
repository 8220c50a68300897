//! Learns of the ends of children, without SIGCHLD, which may be somebody else's.
//!
//! On Linux one thread waits for the file descriptors of all children. Where there are
//! none, each child has a thread that waits for it. Both only look: a child is taken off
//! the system's list under the registry's lock, so that its number means no other process
//! while somebody may signal it.

use std::io;
use std::thread;

use super::registry::{self, Finished, Registry, State};
use super::status::{Ended, signal_text};
use crate::__rt::{host, write_err_line};

const STACK_BYTES: usize = 128 << 10;

/// Watches a child of this process. Without files and threads nobody does; then it is
/// found out when it is asked for.
pub(super) fn watch(registry: &mut Registry, id: u64, pid: i32) {
    #[cfg(target_os = "linux")]
    if descriptors::watch(registry, id, pid).is_ok() {
        return;
    }
    let _ = &registry;
    let wait = move || {
        host::leave_run();
        wait_for_end(pid);
        look(id);
    };
    let _ = thread::Builder::new().name("threadbook-wait".to_owned()).stack_size(STACK_BYTES).spawn(wait);
}

/// Sleeps until a child has ended.
pub(super) fn wait_for_end(pid: i32) {
    // SAFETY: a zeroed `siginfo_t` is one, and the system fills it.
    while unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        libc::waitid(libc::P_PID, pid as libc::id_t, &mut info, libc::WEXITED | libc::WNOWAIT)
    } < 0
        && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
    {}
}

/// Finds out whether a child has ended, and tells if it has crashed.
fn look(id: u64) {
    let finished = registry::lock().look(id);
    if let Some(finished) = finished {
        tell(finished);
    }
}

impl Registry {
    /// Finds out whether a child has ended.
    #[must_use]
    pub(super) fn look(&mut self, id: u64) -> Option<Finished> {
        let State::Running { pid, .. } = self.children.get(&id)?.state else { return None };
        let ended = reap(pid)?;
        #[cfg(target_os = "linux")]
        if let Some(reaper) = &mut self.reaper {
            reaper.forget(id);
        }
        self.end(id, ended)
    }
}

/// Tells of a crash. Not under the lock: whoever prints may wait.
pub(super) fn tell(finished: Finished) {
    let Some(signal) = finished.crash else { return };
    host::enter_run(finished.run);
    write_err_line(format_args!("{} (process {}) ended by {}", finished.name, finished.pid, signal_text(signal)));
    host::leave_run();
}

/// Asks the system how a child has ended; `None` if it has not.
fn reap(pid: i32) -> Option<Ended> {
    loop {
        let mut status = 0;
        // SAFETY: `status` is a place for the answer.
        match unsafe { libc::waitpid(pid, &mut status, libc::WNOHANG) } {
            0 => return None,
            -1 if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            -1 => return Some(Ended::Unknown),
            _ => return Some(Ended::from_raw(status)),
        }
    }
}

#[cfg(target_os = "linux")]
pub(super) use descriptors::Reaper;

#[cfg(not(target_os = "linux"))]
pub(super) struct Reaper;

#[cfg(target_os = "linux")]
mod descriptors {
    use std::collections::BTreeMap;
    use std::io;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
    use std::thread;

    use super::{Registry, STACK_BYTES, host, look};
    use crate::process::private_fd::PrivateFd;

    /// The files of all children, and the one that waits for all of them.
    pub(in crate::process) struct Reaper {
        epoll: PrivateFd,
        children: BTreeMap<u64, PrivateFd>,
    }

    impl Reaper {
        fn start() -> io::Result<Reaper> {
            // SAFETY: plain system call, whose result is a new file.
            let epoll = PrivateFd::new(unsafe { owned(libc::epoll_create1(libc::EPOLL_CLOEXEC)) }?);
            let number = epoll.as_raw_fd();
            let name = "threadbook-wait".to_owned();
            thread::Builder::new().name(name).stack_size(STACK_BYTES).spawn(move || wait(number))?;
            Ok(Reaper { epoll, children: BTreeMap::new() })
        }

        fn add(&mut self, id: u64, child: PrivateFd) -> io::Result<()> {
            let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: id };
            // SAFETY: both are open, and the event is read in the call.
            let failed = unsafe {
                libc::epoll_ctl(self.epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, child.as_raw_fd(), &mut event) < 0
            };
            if failed {
                return Err(io::Error::last_os_error());
            }
            self.children.insert(id, child);
            Ok(())
        }

        pub(super) fn forget(&mut self, id: u64) {
            if let Some(child) = self.children.remove(&id) {
                // Explicitly: a process forked meanwhile may hold a copy of the file.
                // SAFETY: both are open.
                unsafe {
                    let none = std::ptr::null_mut();
                    libc::epoll_ctl(self.epoll.as_raw_fd(), libc::EPOLL_CTL_DEL, child.as_raw_fd(), none);
                }
            }
        }
    }

    /// # Safety
    /// The number is that of a new file, or negative.
    unsafe fn owned(number: RawFd) -> io::Result<OwnedFd> {
        if number < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the caller's promise.
        Ok(unsafe { OwnedFd::from_raw_fd(number) })
    }

    pub(super) fn watch(registry: &mut Registry, id: u64, pid: i32) -> io::Result<()> {
        // SAFETY: plain system call, whose result is a new file, closed in programs that
        // are started.
        let child = unsafe { owned(libc::syscall(libc::SYS_pidfd_open, pid, 0) as RawFd) }?;
        let child = PrivateFd::new(child);
        if registry.reaper.is_none() {
            registry.reaper = Some(Reaper::start()?);
        }
        match &mut registry.reaper {
            Some(reaper) => reaper.add(id, child),
            None => Ok(()),
        }
    }

    fn wait(epoll: RawFd) {
        host::leave_run();
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 64];
        loop {
            // SAFETY: the system writes up to that many events. The file stays open as
            // long as this process lives.
            let count = unsafe { libc::epoll_wait(epoll, events.as_mut_ptr(), events.len() as i32, -1) };
            if count < 0 && io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                return;
            }
            for event in events.iter().take(count.max(0) as usize) {
                look(event.u64);
            }
        }
    }
}
