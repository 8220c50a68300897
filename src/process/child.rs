//! A child of this process, by fork: how it is started, how it lives and how it ends.
//!
//! In the child there are two threads at first. The one that has forked is left over from
//! the parent: what it was about to do is the parent's, and rayon may count it to a pool
//! whose other threads do not exist here. So it never returns; it looks after the child. The
//! work runs on a new thread, which belongs to a new rayon pool, and ends the process.

use std::io::{self, Write};
use std::os::fd::RawFd;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use super::registry::{self, Body, Identity, State};
use super::{lifeline, private_fd, reaper};
use crate::__rt::fork::{Forked, fork};
use crate::__rt::pool::{Unstarted, join_alone};
use crate::__rt::{host, write_err_line};
use crate::thread::wait_for_threads;
use crate::timeline;

/// Room for deep recursion. Only pages that are used take memory.
const STACK_BYTES: usize = 256 << 20;
/// Where the system grants no such stack.
const SMALL_STACK_BYTES: usize = 8 << 20;
/// A child that lives longer gets the threads of its rayon pool.
const SHORT_LIFE: Duration = Duration::from_millis(3);
/// The exit code of a child whose work panicked, as Python's for an exception.
pub(crate) const PANICKED: i32 = 1;
/// Of one that could not begin.
const NOT_BEGUN: i32 = 255;

/// Starts a child that was made before.
///
/// # Errors
/// What the system says to a fork. The child can be started again then.
pub(super) fn start(id: u64, body: Body, kept: &[RawFd]) -> io::Result<i32> {
    let mut kept = kept.to_vec();
    let (own, parent, is_quiet) = {
        let registry = registry::lock();
        let Some(child) = registry.children.get(&id) else { return Err(io::ErrorKind::NotFound.into()) };
        let own = Identity { name: child.name.clone(), numbers: child.numbers.clone(), daemon: child.daemon, pid: 0 };
        (own, registry.identity(), child.quiet)
    };
    let is_daemon = own.daemon;
    timeline::before_fork();
    let forked = if is_daemon { lifeline::hold().map(|file| kept.push(file)) } else { Ok(()) }.and_then(|()| fork());
    match forked {
        Ok(Forked::Child) => live(own, parent, body, is_quiet, &kept),
        Ok(Forked::Parent { child: pid }) => {
            let mut registry = registry::lock();
            if let Some(child) = registry.children.get_mut(&id) {
                child.state = State::Running { pid, sent: None };
                child.run = host::current_run();
            }
            reaper::watch(&mut registry, id, pid);
            drop(registry);
            // What it has captured is the child's now. Its drop may run anything.
            drop(body);
            Ok(pid)
        }
        Err(error) => {
            if let Some(child) = registry::lock().children.get_mut(&id) {
                child.state = State::New(body);
            }
            Err(error)
        }
    }
}

/// In the child. Never returns.
fn live(own: Identity, parent: Identity, body: Body, is_quiet: bool, kept: &[RawFd]) -> ! {
    reset_signals();
    private_fd::close_inherited(kept);
    let lifeline = lifeline::inherit(own.daemon);
    let name = own.name.clone();
    timeline::name_process(&name);
    registry::lock().become_child(own, parent);
    let (hand_over, pool) = mpsc::channel();
    // Shared, since a spawn that fails does not give its closure back.
    let work = Arc::new(Mutex::new(Some((body, hand_over))));
    let spawn = |stack_bytes| {
        let work = work.clone();
        let run = move || {
            let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some((body, hand_over)) = work else { return };
            let _ = hand_over.send(join_alone());
            run(body, is_quiet)
        };
        thread::Builder::new().name(name.clone()).stack_size(stack_bytes).spawn(run)
    };
    match spawn(STACK_BYTES).or_else(|_| spawn(SMALL_STACK_BYTES)) {
        Ok(_) => look_after(&pool, lifeline),
        Err(error) => {
            write_err_line(format_args!("{name} could not begin, there is no thread for it: {error}"));
            leave(NOT_BEGUN)
        }
    }
}

fn run(body: Body, is_quiet: bool) {
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        // What a pool's worker does is recorded task by task.
        let _span = (!is_quiet).then(|| timeline::span("run"));
        body();
    }));
    // As at the end of a program: daemon threads end with it, others are waited for.
    wait_for_threads();
    // The panic's hook has printed it.
    let code = if outcome.is_ok() { 0 } else { PANICKED };
    leave(code)
}

/// Ends the calling process at once, after what it has printed.
pub(crate) fn leave(code: i32) -> ! {
    let _ = io::stdout().lock().flush();
    // SAFETY: it never returns and runs nothing of ours: exit handlers and destructors are
    // the parent's.
    unsafe { libc::_exit(code) }
}

/// The thread that has forked: starts the rayon pool's threads when it is worth it, and
/// ends the process with its parent if it is to.
fn look_after(pool: &mpsc::Receiver<Unstarted>, lifeline: Option<RawFd>) -> ! {
    if let Some(lifeline) = lifeline {
        wait_for_end(lifeline, SHORT_LIFE.as_millis() as i32);
    } else {
        thread::sleep(SHORT_LIFE);
    }
    if let Ok(pool) = pool.recv() {
        pool.start();
    }
    loop {
        match lifeline {
            Some(lifeline) => wait_for_end(lifeline, -1),
            None => thread::park(),
        }
    }
}

/// Ends the process if the lifeline ends within so many milliseconds.
fn wait_for_end(lifeline: RawFd, milliseconds: i32) {
    let mut file = libc::pollfd { fd: lifeline, events: libc::POLLIN, revents: 0 };
    // SAFETY: one file is looked at.
    let ready = unsafe { libc::poll(&mut file, 1, milliseconds) };
    if ready > 0 {
        // SAFETY: as by anybody who ends it from outside; no handler is in the way.
        unsafe {
            libc::signal(libc::SIGTERM, libc::SIG_DFL);
            libc::raise(libc::SIGTERM);
            libc::_exit(libc::SIGTERM + 128)
        }
    }
}

/// What ends a process from outside is to end the child, whatever its parent does then.
fn reset_signals() {
    // SAFETY: plain system calls on a set that is made here.
    unsafe {
        libc::signal(libc::SIGTERM, libc::SIG_DFL);
        let mut signals: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut signals);
        libc::sigaddset(&mut signals, libc::SIGTERM);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &signals, std::ptr::null_mut());
    }
}
