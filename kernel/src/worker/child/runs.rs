//! Which run of a cell a thread works for, and where its text goes.
//!
//! A run has a pair of pipes of its own. While it is the latest, they are the process's
//! stdout and stderr, so that everything finds them: C code, programs that are started.
//! Later they stay open for the run's threads: a thread inherits its run from the thread
//! that starts it ([`super::threads`]), and what it writes to stdout goes to its own run
//! ([`redirect`]).
//!
//! Nothing here allocates or waits: it is used inside of `write`.

use std::cell::Cell;
use std::os::fd::{IntoRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};

use nix::libc;

/// So many runs can have threads at once; text of others goes to the latest run.
const MOST: usize = 1024;
const NONE: i32 = -1;

struct Slot {
    /// 0: free.
    run: AtomicU64,
    /// Threads that work for it.
    threads: AtomicUsize,
    stdout: AtomicI32,
    stderr: AtomicI32,
}

static SLOTS: [Slot; MOST] = [const {
    Slot {
        run: AtomicU64::new(0),
        threads: AtomicUsize::new(0),
        stdout: AtomicI32::new(NONE),
        stderr: AtomicI32::new(NONE),
    }
}; MOST];
/// No slot lies beyond.
static USED: AtomicUsize = AtomicUsize::new(0);
static LATEST: AtomicU64 = AtomicU64::new(0);
/// The run in which code has made stdout or stderr something else: a file, say.
static CHANGED: AtomicU64 = AtomicU64::new(0);
/// A `pthread_t`; 0 is none.
static CELL_THREAD: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// 0: whichever is the latest.
    static RUN: Cell<u64> = const { Cell::new(0) };
}

fn find(run: u64) -> Option<&'static Slot> {
    if run == 0 {
        return None;
    }
    SLOTS[..USED.load(Ordering::Acquire)].iter().find(|slot| slot.run.load(Ordering::Acquire) == run)
}

/// The run that the calling thread works for.
pub extern "C" fn current() -> u64 {
    match RUN.get() {
        0 => LATEST.load(Ordering::Acquire),
        run => run,
    }
}

/// The run that threads of the calling thread work for; 0 if it works for none itself.
pub fn inherited() -> u64 {
    RUN.get()
}

/// Makes the calling thread work for a run.
pub fn enter(run: u64) {
    RUN.set(run);
}

/// What the prelude calls: the thread that runs cells with a run, others with 0.
pub extern "C" fn enter_from_prelude(run: u64) {
    if run == 0 {
        work_for(0);
    } else {
        enter(run);
        // SAFETY: it only asks who is calling.
        CELL_THREAD.store(unsafe { libc::pthread_self() } as usize, Ordering::Release);
    }
}

/// What the prelude calls on a thread that does tasks of several runs: it works for this
/// one from now on, and keeps its pipes open.
pub extern "C" fn work_for(run: u64) {
    add_thread(run);
    remove_thread(RUN.replace(run));
}

/// The thread that runs cells, once one has run.
pub fn cell_thread() -> Option<libc::pthread_t> {
    match CELL_THREAD.load(Ordering::Acquire) {
        0 => None,
        thread => Some(thread as libc::pthread_t),
    }
}

/// A run becomes the latest, and its pipes stdout and stderr.
pub fn attach(run: u64, stdout: OwnedFd, stderr: OwnedFd) {
    close_unused();
    // (For the life of the run; without a slot, of the process.)
    let (stdout, stderr) = (stdout.into_raw_fd(), stderr.into_raw_fd());
    if let Some(slot) = free_slot() {
        slot.stdout.store(stdout, Ordering::Release);
        slot.stderr.store(stderr, Ordering::Release);
        slot.threads.store(0, Ordering::Release);
        slot.run.store(run, Ordering::Release);
    }
    // First this: a thread of the run before must not find the new pipes as its stdout.
    LATEST.store(run, Ordering::Release);
    for (pipe, number) in [stdout, stderr].into_iter().zip([libc::STDOUT_FILENO, libc::STDERR_FILENO]) {
        // SAFETY: both are open; the number stays open all the time.
        unsafe { duplicate(pipe, number, 0) };
    }
}

fn free_slot() -> Option<&'static Slot> {
    let used = USED.load(Ordering::Acquire);
    let free = SLOTS[..used].iter().find(|slot| slot.run.load(Ordering::Acquire) == 0);
    free.or_else(|| {
        let slot = SLOTS.get(used)?;
        USED.store(used + 1, Ordering::Release);
        Some(slot)
    })
}

/// Closes the pipes of runs that no thread works for.
fn close_unused() {
    for slot in &SLOTS[..USED.load(Ordering::Acquire)] {
        if slot.run.load(Ordering::Acquire) != 0 && slot.threads.load(Ordering::Acquire) == 0 {
            slot.run.store(0, Ordering::Release);
            for pipe in [&slot.stdout, &slot.stderr] {
                // SAFETY: the number is this slot's own, and no thread will use it.
                unsafe { libc::close(pipe.swap(NONE, Ordering::AcqRel)) };
            }
        }
    }
}

/// In a copy of the process: no thread of any run exists, and the pipes are closed.
pub fn forget() {
    for slot in &SLOTS[..USED.load(Ordering::Acquire)] {
        slot.run.store(0, Ordering::Release);
        slot.threads.store(0, Ordering::Release);
    }
    USED.store(0, Ordering::Release);
    CELL_THREAD.store(0, Ordering::Release);
    CHANGED.store(0, Ordering::Release);
    RUN.set(0);
}

/// A thread begins to work for a run.
pub fn add_thread(run: u64) {
    if let Some(slot) = find(run) {
        slot.threads.fetch_add(1, Ordering::AcqRel);
        // It may have been closed meanwhile.
        if slot.run.load(Ordering::Acquire) != run {
            slot.threads.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// A thread of a run has ended.
pub fn remove_thread(run: u64) {
    if let Some(slot) = find(run) {
        slot.threads.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Where the calling thread's bytes for stdout or stderr go; other numbers stay what
/// they are.
///
/// A thread with a run never writes to the number itself: between here and the system
/// call it could become the next run's.
fn redirect(fd: RawFd) -> RawFd {
    if fd != libc::STDOUT_FILENO && fd != libc::STDERR_FILENO {
        return fd;
    }
    let run = RUN.get();
    if run == 0 || CHANGED.load(Ordering::Acquire) == run && run == LATEST.load(Ordering::Acquire) {
        return fd;
    }
    let pipe = find(run).map(|slot| if fd == libc::STDOUT_FILENO { &slot.stdout } else { &slot.stderr });
    match pipe.map(|pipe| pipe.load(Ordering::Acquire)) {
        None | Some(NONE) => fd,
        Some(pipe) => pipe,
    }
}

/// `dup3` that also takes two numbers that are the same, as `dup2` does.
///
/// # Safety
/// As in the C library.
unsafe fn duplicate(old: RawFd, new: RawFd, flags: libc::c_int) -> libc::c_int {
    #[cfg(target_os = "linux")]
    // SAFETY: the caller's promise.
    unsafe {
        if old != new {
            libc::syscall(libc::SYS_dup3, old, new, flags) as libc::c_int
        } else if libc::fcntl(old, libc::F_GETFD) < 0 {
            -1
        } else {
            new
        }
    }
    #[cfg(not(target_os = "linux"))]
    // SAFETY: the caller's promise.
    unsafe {
        let _ = flags;
        libc::dup2(old, new)
    }
}

/// Code of a cell makes a number something else.
#[cfg(target_os = "linux")]
fn note_change(number: RawFd) {
    if number == libc::STDOUT_FILENO || number == libc::STDERR_FILENO {
        CHANGED.store(LATEST.load(Ordering::Acquire), Ordering::Release);
    }
}

// These take the place of the C library's for everything in the process that is
// linked dynamically: Rust's std above all.

/// As in the C library.
///
/// # Safety
/// As in the C library.
#[cfg(target_os = "linux")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dup2(old: RawFd, new: RawFd) -> libc::c_int {
    note_change(new);
    // SAFETY: the caller's promise.
    unsafe { duplicate(old, new, 0) }
}

/// As in the C library.
///
/// # Safety
/// As in the C library.
#[cfg(target_os = "linux")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dup3(old: RawFd, new: RawFd, flags: libc::c_int) -> libc::c_int {
    note_change(new);
    // SAFETY: the caller's promise.
    unsafe { libc::syscall(libc::SYS_dup3, old, new, flags) as libc::c_int }
}

/// As in the C library.
///
/// # Safety
/// As in the C library.
#[cfg(target_os = "linux")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(fd: RawFd, bytes: *const libc::c_void, length: usize) -> isize {
    // SAFETY: the caller's promise; the system checks the addresses.
    unsafe { libc::syscall(libc::SYS_write, redirect(fd), bytes, length) as isize }
}

/// As in the C library.
///
/// # Safety
/// As in the C library.
#[cfg(target_os = "linux")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(fd: RawFd, parts: *const libc::iovec, count: libc::c_int) -> isize {
    // SAFETY: the caller's promise; the system checks the addresses.
    unsafe { libc::syscall(libc::SYS_writev, redirect(fd), parts, count) as isize }
}
