//! The one small channel between running code and the kernel's worker process.
//!
//! The worker hands in a function that sends bytes to the kernel, and delivers what the
//! kernel answers. Both sides are built separately (perhaps by different compilers), so
//! only C functions and bytes cross this line.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_void;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::interrupt::{Wait, Waker};
use crate::message::{FromCell, ToCell};

/// What the worker process does for running code.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Host {
    /// Sends one message, given as JSON.
    pub send: extern "C" fn(*const u8, usize),
    /// Describes the code at some addresses, a line for each (possibly inlined) function,
    /// and hands the text to the function given, with the pointer given.
    pub describe: extern "C" fn(*const usize, usize, TakeText, *mut c_void),
    /// The run of a cell that the calling thread works for: that of the cell which has
    /// started it where this is known, else the latest.
    pub current_run: extern "C" fn() -> u64,
    /// Makes the calling thread work for a run, or for the latest if it is 0.
    pub enter_run: extern "C" fn(u64),
    /// Makes the calling thread, which is not the one that runs cells, work for a run for
    /// a while.
    pub work_for: extern "C" fn(u64),
}

/// In place of a run: whichever is the latest.
pub const NO_RUN: u64 = 0;

/// Takes text over: its bytes, their number, and a pointer of the taker's own.
pub type TakeText = extern "C" fn(*const u8, usize, *mut c_void);

static HOST: OnceLock<Host> = OnceLock::new();
/// This process was forked from one that has a kernel, and has none itself.
static HAS_LEFT: AtomicBool = AtomicBool::new(false);
static NEXT_TICKET: AtomicU64 = AtomicU64::new(1);
/// Who waits for an answer, by ticket, and the answer once it is there.
static WAITING: Mutex<BTreeMap<u64, Answer>> = Mutex::new(BTreeMap::new());
static DISPLAY_IDS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

enum Answer {
    Missing(Waker),
    Here(ToCell),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn connect(host: Host) {
    // A second connection would be the same worker: the first stays.
    let _ = HOST.set(host);
}

pub fn is_connected() -> bool {
    kernel().is_some()
}

/// Whether the code that runs is cells: here, or in the process that this one was forked
/// from.
pub fn is_notebook() -> bool {
    HOST.get().is_some()
}

/// The way to the kernel, from the process that it has started.
fn kernel() -> Option<&'static Host> {
    HOST.get().filter(|_| !has_left())
}

/// In a forked child: the way to the kernel is its parent's alone. What the child shows
/// is printed as text, as in a plain program.
pub(super) fn leave() {
    HAS_LEFT.store(true, Ordering::Relaxed);
}

/// Whether this is a forked child.
pub fn has_left() -> bool {
    HAS_LEFT.load(Ordering::Relaxed)
}

/// Sends a message; without a kernel nothing happens.
pub fn send(message: &FromCell) {
    let Some(host) = kernel() else { return };
    // Maps with string keys and strings: serialisation cannot fail.
    if let Ok(json) = serde_json::to_vec(message) {
        (host.send)(json.as_ptr(), json.len());
    }
}

/// Sends a message that carries a ticket and waits for its answer. `None` when there is
/// no kernel.
///
/// Unwinds on an interrupt.
#[track_caller]
pub fn ask(message: impl FnOnce(u64) -> FromCell) -> Option<ToCell> {
    /// Nobody waits any more, however the wait ended.
    struct Forget(u64);
    impl Drop for Forget {
        fn drop(&mut self) {
            let waited = lock(&WAITING).remove(&self.0);
            if let Some(Answer::Missing(_)) = waited {
                send(&FromCell::GivenUp { ticket: self.0 });
            }
        }
    }

    if !is_connected() {
        return None;
    }
    let ticket = NEXT_TICKET.fetch_add(1, Ordering::Relaxed);
    let wait = Wait::begin();
    let _forget = Forget(ticket);
    lock(&WAITING).insert(ticket, Answer::Missing(wait.waker()));
    send(&message(ticket));
    loop {
        wait.pause(None);
        match lock(&WAITING).remove(&ticket) {
            Some(Answer::Here(answer)) => return Some(answer),
            Some(missing) => drop(lock(&WAITING).insert(ticket, missing)),
            None => return None,
        }
    }
}

/// What the code at these addresses is, one function a line; empty without a kernel.
pub fn describe(addresses: &[usize]) -> String {
    extern "C" fn take(bytes: *const u8, length: usize, text: *mut c_void) {
        // SAFETY: `text` is the `String` below, and the bytes are the host's for the
        // length of this call.
        let (text, bytes) = unsafe { (&mut *text.cast::<String>(), std::slice::from_raw_parts(bytes, length)) };
        text.push_str(&String::from_utf8_lossy(bytes));
    }
    let mut text = String::new();
    if let Some(host) = kernel() {
        (host.describe)(addresses.as_ptr(), addresses.len(), take, (&raw mut text).cast());
    }
    text
}

/// Takes in a message from the kernel that running code waits for.
pub fn deliver(message: ToCell) {
    let ticket = match &message {
        ToCell::InputReply { ticket, .. } | ToCell::Seen { ticket } => *ticket,
        _ => return,
    };
    // The one who waited may be gone.
    if let Some(answer) = lock(&WAITING).get_mut(&ticket)
        && let Answer::Missing(waker) = std::mem::replace(answer, Answer::Here(message))
    {
        waker.wake();
    }
}

/// Held while the process forks.
pub(super) fn lock_all() -> (impl Drop, impl Drop) {
    (lock(&WAITING), lock(&DISPLAY_IDS))
}

/// In a copy of the process: those who waited do not exist in it.
pub(super) fn forget_waiting() {
    lock(&WAITING).clear();
}

/// The run of a cell that the calling thread works for: its own where known, else the
/// latest; 0 without a kernel.
pub fn current_run() -> u64 {
    HOST.get().map_or(0, |host| (host.current_run)())
}

/// Makes the calling thread work for a run.
pub(crate) fn enter_run(run: u64) {
    if let Some(host) = HOST.get() {
        (host.enter_run)(run);
    }
}

/// Makes the calling thread, which does tasks of several cells, work for that of one.
pub(crate) fn work_for(run: u64) {
    if let Some(host) = HOST.get() {
        (host.work_for)(run);
    }
}

/// Makes the calling thread work for whichever run is the latest.
pub(crate) fn leave_run() {
    enter_run(0);
}

/// Whether this is the first use of a display id.
pub fn first_display(id: &str) -> bool {
    lock(&DISPLAY_IDS).insert(id.to_owned())
}

/// Pushes what std's stdout still buffers into the pipe.
pub fn flush_text() {
    let _ = std::io::stdout().flush();
}
