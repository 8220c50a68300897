//! The list of the threads that live.
//!
//! Threads of this library enter it when they begin, others when they first ask who they
//! are; all leave it when they end.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::__rt::guarded::{Guarded, Held, generation};
use crate::__rt::interrupt::{Wait, Waker};

/// The number of the thread that the program began with; in a notebook, of that which
/// runs the cells.
const MAIN: u64 = 1;
const MAIN_NAME: &str = "main";

static NEXT: AtomicU64 = AtomicU64::new(MAIN + 1);
static LIVE: Guarded<Live> = Guarded::new(Live { threads: BTreeMap::new(), waiting: Vec::new(), generation: None });

struct Live {
    threads: BTreeMap<u64, ThreadInfo>,
    /// Wait for threads to leave.
    waiting: Vec<Waker>,
    /// `None` before the first use.
    generation: Option<u32>,
}

/// A thread, whoever has started it: [`current_thread`](super::current_thread) and
/// [`threads`](super::threads) give it.
#[derive(Clone)]
pub struct ThreadInfo(Arc<Info>);

struct Info {
    ident: u64,
    name: String,
    is_daemon: bool,
    is_alive: AtomicBool,
}

impl ThreadInfo {
    fn new(ident: u64, name: String, is_daemon: bool) -> ThreadInfo {
        ThreadInfo(Arc::new(Info { ident, name, is_daemon, is_alive: AtomicBool::new(true) }))
    }

    /// The thread's name: `main`, `Thread-1` or what it was given. (Python calls the first
    /// one `MainThread`.)
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The thread's number in this process, which no other thread gets. It is not the
    /// operating system's.
    pub fn ident(&self) -> u64 {
        self.0.ident
    }

    /// Whether a program may end without it: see
    /// [`wait_for_threads`](super::wait_for_threads).
    pub fn is_daemon(&self) -> bool {
        self.0.is_daemon
    }

    /// Whether it has not ended.
    pub fn is_alive(&self) -> bool {
        self.0.is_alive.load(Ordering::Acquire)
    }
}

impl fmt::Debug for ThreadInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_alive() { "running" } else { "ended" };
        let daemon = if self.is_daemon() { " daemon" } else { "" };
        write!(f, "<Thread({}, {state}{daemon} {})>", self.name(), self.ident())
    }
}

impl PartialEq for ThreadInfo {
    fn eq(&self, other: &ThreadInfo) -> bool {
        self.ident() == other.ident()
    }
}

impl Eq for ThreadInfo {}

/// While it lives, the thread is in the list.
struct Registered(ThreadInfo);

impl Drop for Registered {
    fn drop(&mut self) {
        // The first thread ends with the process.
        if self.0.ident() != MAIN {
            self.0.0.is_alive.store(false, Ordering::Release);
            remove(&self.0);
        }
    }
}

thread_local! {
    static ME: RefCell<Option<Registered>> = const { RefCell::new(None) };
}

/// The list, without the threads that do not exist in a copy of the process.
fn live() -> Held<'static, Live> {
    let mut live = LIVE.lock();
    let now = Some(generation());
    if live.generation != now {
        begin(&mut live);
        live.generation = now;
    }
    live
}

fn main_of(live: &mut Live) -> ThreadInfo {
    live.threads.entry(MAIN).or_insert_with(|| ThreadInfo::new(MAIN, MAIN_NAME.to_owned(), false)).clone()
}

/// The list at the beginning of a process: the thread that it begins with.
fn begin(live: &mut Live) {
    let gone = std::mem::take(&mut live.threads);
    // Their threads are gone, too.
    live.waiting.clear();
    let me = ME.try_with(|me| me.try_borrow().ok()?.as_ref().map(|me| me.0.clone())).ok().flatten();
    if let Some(me) = &me {
        live.threads.insert(me.ident(), me.clone());
    }
    let is_main = thread::current().name() == Some(MAIN_NAME);
    if live.generation.is_none() || is_main {
        main_of(live);
    }
    for thread in gone.values() {
        let is_here = live.threads.contains_key(&thread.ident());
        thread.0.is_alive.store(is_here, Ordering::Release);
    }
}

thread_local! {
    static STARTS_DAEMONS: Cell<bool> = const { Cell::new(false) };
}

/// Whether threads made by the calling one are daemons at first: those of a
/// [`Thread`](super::Thread) that is one.
pub(crate) fn starts_daemons() -> bool {
    STARTS_DAEMONS.get()
}

/// The calling thread is this one from now on, and was started as such.
pub(crate) fn enter_started(info: ThreadInfo) -> Leave {
    STARTS_DAEMONS.set(info.is_daemon());
    enter(info)
}

/// The entry of a thread that will be.
pub(crate) fn announce(name: String, is_daemon: bool) -> ThreadInfo {
    ThreadInfo::new(NEXT.fetch_add(1, Ordering::Relaxed), name, is_daemon)
}

/// Takes the calling thread off the list when dropped.
pub(crate) struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        let _ = ME.try_with(|me| drop(me.take()));
    }
}

/// The calling thread is this one from now on.
fn enter(info: ThreadInfo) -> Leave {
    add(&info);
    ME.set(Some(Registered(info)));
    Leave
}

/// Enters the calling thread under the name that it has.
pub(crate) fn enter_new(is_daemon: bool) -> Leave {
    enter(announce(own_name().unwrap_or_default(), is_daemon))
}

fn own_name() -> Option<String> {
    thread::current().name().map(str::to_owned)
}

/// The calling thread.
pub(crate) fn current() -> ThreadInfo {
    let known = ME.try_with(|me| me.borrow().as_ref().map(|me| me.0.clone())).ok().flatten();
    known.unwrap_or_else(enter_other)
}

/// A thread that this library has not started.
fn enter_other() -> ThreadInfo {
    let name = own_name();
    let main = (name.as_deref() == Some(MAIN_NAME)).then(|| main_of(&mut live()));
    let info = main.unwrap_or_else(|| {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        ThreadInfo::new(number, name.unwrap_or_else(|| format!("unnamed-{number}")), true)
    });
    add(&info);
    // A thread whose variables are gone already is about to end: it leaves no entry.
    if ME.try_with(|me| me.replace(Some(Registered(info.clone())))).is_err() {
        drop(Registered(info.clone()));
    }
    info
}

/// All that are in the list, the oldest first.
pub(crate) fn all() -> Vec<ThreadInfo> {
    live().threads.values().cloned().collect()
}

/// Puts a thread on the list that is about to begin.
pub(crate) fn add(info: &ThreadInfo) {
    live().threads.insert(info.ident(), info.clone());
}

/// Takes a thread off the list.
pub(crate) fn remove(info: &ThreadInfo) {
    let mut live = live();
    live.threads.remove(&info.ident());
    let waiting = std::mem::take(&mut live.waiting);
    drop(live);
    for waker in waiting {
        waker.wake();
    }
}

/// Whether threads live that a program waits for, besides this one and the first. If so,
/// `wait` is woken when one leaves.
pub(crate) fn others_live(me: &ThreadInfo, wait: &Wait) -> bool {
    let mut live = live();
    let is_other = |thread: &ThreadInfo| !thread.is_daemon() && thread != me && thread.ident() != MAIN;
    let some = live.threads.values().any(is_other);
    live.waiting.retain(|waker| !waker.wakes(wait));
    if some {
        live.waiting.push(wait.waker());
    }
    some
}
