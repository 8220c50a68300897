//! One thread.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use super::registry::{self, ThreadInfo};
use crate::__rt::guarded::Guarded;
use crate::__rt::interrupt::Wait;
use crate::__rt::owned::owner;
use crate::executor::core::{self, Core, Work};
use crate::executor::{Future, Handle, TaskError, deadline};

/// A thread of the operating system that is made first and started later (Python's
/// `threading.Thread`).
///
/// All questions are asked by reference, so that a notebook's cell can be run again. A
/// handle that is dropped lets its thread go on.
///
/// In Python a thread's function gives its value to nobody; here [`result`](Thread::result)
/// gives it. A panic is printed when it happens, as Python prints an exception, and comes
/// back as an error, too.
///
/// ```
/// # use threadbook::prelude::*;
/// let thread = Thread::new(|| 6 * 7);
/// assert!(!thread.is_alive());
/// thread.start();
/// thread.join();
/// assert_eq!(thread.result(), Ok(42));
/// ```
pub struct Thread<T = ()> {
    inner: Owner,
    /// (Exactly this type: what the result is taken for must not change.)
    result: PhantomData<fn(T) -> T>,
}

// SAFETY: all that two threads can do with the result at once is to borrow it as `T`.
unsafe impl<T: Sync> Sync for Thread<T> {}

owner! {
    /// See [`Inner`].
    Owner of Inner
}

/// What a thread is inside, whatever its type.
pub(crate) struct Inner {
    shared: Arc<Shared>,
    /// That of a `Future<T>`.
    future: Handle,
}

pub(crate) struct Shared {
    core: Arc<Core>,
    state: Guarded<State>,
}

enum State {
    /// To be started.
    Made {
        work: Work,
        name: Option<String>,
        is_daemon: bool,
    },
    Started(ThreadInfo),
    /// A start is on its way, or has failed.
    Gone,
}

impl<T: Send + 'static> Thread<T> {
    /// A thread that will run `work` when it is [`start`](Thread::start)ed. It is called
    /// `Thread-1`, `Thread-2` and so on, and is a daemon if the calling thread is one.
    pub fn new(work: impl FnOnce() -> T + Send + 'static) -> Thread<T> {
        Thread { inner: Inner::make(core::work(work)), result: PhantomData }
    }

    /// Makes a thread and starts it at once, as `std::thread::spawn`.
    ///
    /// # Panics
    /// As [`start`](Thread::start).
    #[track_caller]
    pub fn spawn(work: impl FnOnce() -> T + Send + 'static) -> Thread<T> {
        Thread { inner: Inner::spawn(core::work(work)), result: PhantomData }
    }
}

impl<T> Thread<T> {
    fn future(&self) -> &Future<T> {
        // SAFETY: it is made of work with such a result.
        unsafe { Future::of_handle(&self.inner.future) }
    }
}

impl<T: 'static> Thread<T> {
    /// Gives the thread a name.
    ///
    /// # Panics
    /// If the thread was started, or if the name has a NUL character in it.
    #[must_use]
    #[track_caller]
    pub fn named(self, name: impl Into<String>) -> Thread<T> {
        self.inner.shared.rename(name.into());
        self
    }

    /// Whether a program may end without waiting for the thread: see
    /// [`wait_for_threads`].
    ///
    /// # Panics
    /// If the thread was started.
    #[must_use]
    #[track_caller]
    pub fn daemon(self, is_daemon: bool) -> Thread<T> {
        self.inner.shared.set_daemon(is_daemon);
        self
    }

    /// Starts the thread and returns at once.
    ///
    /// # Panics
    /// If it was started before, or if the system grants no more threads.
    #[track_caller]
    pub fn start(&self) {
        self.inner.shared.start();
    }

    /// Waits until the thread has ended, well or not. After that it can be asked again.
    ///
    /// Unwinds on an interrupt, as all that waits does.
    ///
    /// # Panics
    /// If the thread was not started, or if it is the calling one: it would wait for ever.
    #[track_caller]
    pub fn join(&self) {
        self.inner.shared.join(None);
    }

    /// As [`join`](Thread::join), for `seconds` at most; says whether the thread has ended.
    /// (Python's `join(timeout)` leaves that to `is_alive`.)
    ///
    /// # Panics
    /// As [`join`](Thread::join).
    #[track_caller]
    pub fn join_timeout(&self, seconds: f64) -> bool {
        self.inner.shared.join(Some(seconds))
    }

    /// As [`join`](Thread::join), and gives a copy of what the closure has returned.
    ///
    /// # Errors
    /// [`TaskError::Panicked`] if it panicked, [`TaskError::Lost`] in a copy of the process.
    ///
    /// # Panics
    /// As [`join`](Thread::join).
    #[track_caller]
    pub fn result(&self) -> Result<T, TaskError>
    where
        T: Clone,
    {
        self.inner.shared.join(None);
        self.future().result()
    }

    /// As [`result`](Thread::result), for values that are large or cannot be copied.
    ///
    /// # Errors
    /// As [`result`](Thread::result).
    ///
    /// # Panics
    /// As [`join`](Thread::join).
    #[track_caller]
    pub fn result_ref(&self) -> Result<&T, TaskError> {
        self.inner.shared.join(None);
        self.future().result_ref()
    }

    /// As [`result`](Thread::result), and the thread's handle is used up.
    ///
    /// # Errors
    /// As [`result`](Thread::result).
    ///
    /// # Panics
    /// As [`join`](Thread::join).
    #[track_caller]
    pub fn into_result(self) -> Result<T, TaskError> {
        self.inner.shared.join(None);
        Future::around(self.inner.into_inner().future).into_result()
    }

    /// Whether it was started and has not ended.
    pub fn is_alive(&self) -> bool {
        self.inner.shared.is_alive()
    }

    /// The thread's name.
    pub fn name(&self) -> String {
        self.inner.shared.name()
    }

    /// Whether a program may end without it.
    pub fn is_daemon(&self) -> bool {
        self.inner.shared.is_daemon()
    }

    /// The thread's number, once it was started: see [`ThreadInfo::ident`].
    pub fn ident(&self) -> Option<u64> {
        self.inner.shared.ident()
    }
}

impl<T> fmt::Debug for Thread<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.shared.text())
    }
}

fn next_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("Thread-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Inner {
    fn make(work: Work) -> Owner {
        let state = State::Made { work, name: None, is_daemon: registry::starts_daemons() };
        let core = Core::thread();
        let shared = Arc::new(Shared { core: core.clone(), state: Guarded::new(state) });
        Owner::own(Inner { shared, future: Handle::of(core, None) })
    }

    #[track_caller]
    fn spawn(work: Work) -> Owner {
        let inner = Inner::make(work);
        inner.shared.start();
        inner
    }
}

impl Shared {
    fn is_alive(&self) -> bool {
        matches!(&*self.state.lock(), State::Started(_)) && !self.core.has_ended()
    }

    fn is_daemon(&self) -> bool {
        match &*self.state.lock() {
            State::Made { is_daemon, .. } => *is_daemon,
            State::Started(info) => info.is_daemon(),
            State::Gone => false,
        }
    }

    fn ident(&self) -> Option<u64> {
        match &*self.state.lock() {
            State::Started(info) => Some(info.ident()),
            _ => None,
        }
    }

    fn text(&self) -> String {
        let state = match self.ident() {
            None => "initial".to_owned(),
            Some(ident) => format!("{} {ident}", if self.is_alive() { "started" } else { "stopped" }),
        };
        let daemon = if self.is_daemon() { " daemon" } else { "" };
        format!("<Thread({}, {state}{daemon})>", self.name())
    }

    #[track_caller]
    fn rename(&self, new_name: String) {
        assert!(!new_name.contains('\0'), "a thread's name cannot have a NUL character in it");
        let renamed = match &mut *self.state.lock() {
            State::Made { name, .. } => {
                *name = Some(new_name);
                true
            }
            _ => false,
        };
        assert!(renamed, "a thread gets its name before it is started");
    }

    #[track_caller]
    fn set_daemon(&self, daemon: bool) {
        let set = match &mut *self.state.lock() {
            State::Made { is_daemon, .. } => {
                *is_daemon = daemon;
                true
            }
            _ => false,
        };
        assert!(set, "a thread is made a daemon before it is started");
    }

    /// Its name, which it gets now at the latest.
    fn name(&self) -> String {
        match &mut *self.state.lock() {
            State::Made { name, .. } => name.get_or_insert_with(next_name).clone(),
            State::Started(info) => info.name().to_owned(),
            State::Gone => String::new(),
        }
    }

    #[track_caller]
    fn start(&self) {
        let mut state = self.state.lock();
        if !matches!(*state, State::Made { .. }) {
            drop(state);
            panic!("a thread can be started only once: make a new one");
        }
        let State::Made { work, name, is_daemon } = std::mem::replace(&mut *state, State::Gone) else {
            unreachable!("it was just looked at")
        };
        let info = registry::announce(name.unwrap_or_else(next_name), is_daemon);
        *state = State::Started(info.clone());
        drop(state);
        if let Err(error) = spawn(self.core.clone(), work, info) {
            let threads = registry::all().len();
            self.core.finish(Err(TaskError::System(error.to_string())));
            panic!("the system grants no more threads ({error}); {threads} live: let some end first");
        }
    }

    /// Says whether it has ended.
    #[track_caller]
    fn join(&self, seconds: Option<f64>) -> bool {
        let ident = match &*self.state.lock() {
            State::Started(info) => Some(info.ident()),
            _ => None,
        };
        assert!(ident.is_some(), "this thread was not started: call its start() first");
        let is_me = ident == Some(registry::current().ident());
        assert!(!is_me, "a thread cannot wait for its own end");
        self.core.wait(deadline(seconds))
    }
}

fn spawn(core: Arc<Core>, work: Work, info: ThreadInfo) -> std::io::Result<()> {
    // In the list when `start` returns, and before anything of it can be seen.
    registry::add(&info);
    let entry = info.clone();
    let body = move || {
        let leave = registry::enter_started(info);
        core.begin();
        core.run_aloud(work, || drop(leave));
    };
    let spawned = thread::Builder::new().name(entry.name().to_owned()).spawn(body);
    if spawned.is_err() {
        registry::remove(&entry);
    }
    spawned.map(drop)
}

/// Waits until all threads have ended that are no daemons, the calling one and the first
/// one aside: what Python does at the end of a program, and Rust does not.
///
/// Unwinds on an interrupt.
///
/// ```
/// # use threadbook::prelude::*;
/// Thread::spawn(|| sleep(0.01));
/// wait_for_threads();
/// assert_eq!(threads().iter().filter(|thread| !thread.is_daemon()).count(), 1);
/// ```
#[track_caller]
pub fn wait_for_threads() {
    let me = registry::current();
    let wait = Wait::begin();
    while registry::others_live(&me, &wait) {
        wait.pause(None::<Instant>);
    }
}
