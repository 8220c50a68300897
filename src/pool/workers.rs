//! Threads that do tasks from one queue: what a thread pool and a thread pool executor are
//! inside.
//!
//! A thread is started when a task comes, none is free and there may be one more. A worker
//! that finds nothing to do looks again for some microseconds before it sleeps; so a
//! thread that submits short tasks one after the other need not wake it each time.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::__rt::guarded::{Guarded, Held, generation};
use crate::__rt::host;
use crate::__rt::interrupt::{Wait, Waker};
use crate::executor::TaskError;
use crate::executor::core::{self, Core, look_again};
use crate::thread::registry;

/// Takes tasks: [`Workers`], or rayon's threads.
pub(crate) trait Spawn {
    /// So many tasks can run at once.
    fn workers(&self) -> usize;

    /// Sees to it that the task is run, or ended with an error.
    fn spawn(&self, core: Arc<Core>);
}

/// Some threads and their queue. A drop lets go of the threads without waiting: see
/// [`end`](Workers::end).
pub(crate) struct Workers {
    shared: Arc<Shared>,
}

struct Shared {
    most: usize,
    /// Threads are called after it, with a number.
    name: String,
    /// How many tasks are in the queue, for those who only look.
    queued: AtomicUsize,
    state: Guarded<State>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<Core>>,
    threads: usize,
    /// How many were started ever, for their names.
    started: usize,
    /// Those of the threads that look for a task right now.
    looking: usize,
    sleeping: Vec<Arc<Sleeper>>,
    is_closed: bool,
    /// Wait for the end of the last thread.
    waiting: Vec<Waker>,
    /// In another generation the threads do not exist.
    generation: u32,
}

struct Sleeper {
    thread: thread::Thread,
    is_woken: AtomicBool,
}

impl Sleeper {
    fn sleep(&self) {
        while !self.is_woken.swap(false, Ordering::Acquire) {
            thread::park();
        }
    }

    fn wake(&self) {
        self.is_woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

thread_local! {
    /// The workers that the calling thread is one of.
    static MINE: Cell<*const Shared> = const { Cell::new(std::ptr::null()) };
}

/// What a new task needs.
enum Help {
    None,
    Wake(Arc<Sleeper>),
    Start(usize),
}

impl Workers {
    /// Up to `most` threads, of which none is started yet.
    ///
    /// # Panics
    /// If `most` is 0.
    #[track_caller]
    pub fn new(most: usize, name: String) -> Workers {
        assert!(most > 0, "a pool without workers would never do a task: give at least 1");
        let state = State { generation: generation(), ..State::default() };
        let shared = Shared { most, name, queued: AtomicUsize::new(0), state: Guarded::new(state) };
        Workers { shared: Arc::new(shared) }
    }

    /// No more tasks: the threads end when the queue is empty.
    pub fn close(&self) {
        let mut state = self.shared.lock();
        state.is_closed = true;
        let sleeping = std::mem::take(&mut state.sleeping);
        state.looking += sleeping.len();
        drop(state);
        for sleeper in sleeping {
            sleeper.wake();
        }
    }

    pub fn is_closed(&self) -> bool {
        self.shared.lock().is_closed
    }

    /// Cancels what was not begun.
    pub fn cancel_queued(&self) {
        let mut state = self.shared.lock();
        let queue = std::mem::take(&mut state.queue);
        self.shared.queued.store(0, Ordering::Release);
        drop(state);
        for core in queue {
            core.cancel();
        }
    }

    /// Waits until the threads have ended.
    ///
    /// Unwinds on an interrupt.
    ///
    /// # Panics
    /// On one of these threads: it would wait for itself.
    #[track_caller]
    pub fn join(&self) {
        assert!(!self.is_mine(), "a task cannot wait for the end of the pool that it runs in");
        let wait = Wait::begin();
        loop {
            {
                let mut state = self.shared.lock();
                if state.threads == 0 {
                    return;
                }
                state.waiting.retain(|waker| !waker.wakes(&wait));
                state.waiting.push(wait.waker());
            }
            wait.pause(None);
        }
    }

    /// What a drop of the pool does: as [`close`](Workers::close) and
    /// [`join`](Workers::join). While a panic or an interrupt unwinds, it cancels in place
    /// of waiting; and a task that drops its own pool waits for nothing.
    pub fn end(&self) {
        self.close();
        if thread::panicking() {
            self.cancel_queued();
        } else if !self.is_mine() {
            self.join();
        }
    }

    fn is_mine(&self) -> bool {
        MINE.get() == Arc::as_ptr(&self.shared)
    }
}

impl Spawn for Workers {
    fn workers(&self) -> usize {
        self.shared.most
    }

    fn spawn(&self, core: Arc<Core>) {
        let shared = &self.shared;
        let mut state = shared.lock();
        if state.is_closed {
            drop(state);
            return core.finish(Err(TaskError::Shutdown));
        }
        state.queue.push_back(core);
        shared.queued.store(state.queue.len(), Ordering::Release);
        let help = if state.looking >= state.queue.len() {
            Help::None
        } else if let Some(sleeper) = state.sleeping.pop() {
            // It looks from now on: the next task need not wake it once more.
            state.looking += 1;
            Help::Wake(sleeper)
        } else if state.threads < shared.most {
            state.threads += 1;
            state.started += 1;
            state.looking += 1;
            Help::Start(state.started - 1)
        } else {
            Help::None
        };
        drop(state);
        match help {
            Help::None => {}
            Help::Wake(sleeper) => sleeper.wake(),
            Help::Start(number) => shared.start(number),
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn lock(&self) -> Held<'_, State> {
        let mut state = self.state.lock();
        let now = generation();
        if state.generation != now {
            // The tasks that were queued count as lost.
            let queue = std::mem::take(&mut state.queue);
            let fresh = State { generation: now, is_closed: state.is_closed, started: state.started, ..State::default() };
            let old = std::mem::replace(&mut *state, fresh);
            self.queued.store(0, Ordering::Release);
            drop(state);
            // Outside of the lock: with them the person's closures are dropped.
            drop((queue, old));
            state = self.state.lock();
        }
        state
    }

    fn start(self: &Arc<Shared>, number: usize) {
        let shared = self.clone();
        let name = format!("{}_{number}", self.name);
        let work = move || {
            let _registered = registry::enter_new(true);
            shared.work();
        };
        let Err(error) = thread::Builder::new().name(name).spawn(work) else { return };
        let mut state = self.lock();
        state.threads -= 1;
        state.looking -= 1;
        if state.threads > 0 {
            return;
        }
        // Nobody is there to do them.
        let queue = std::mem::take(&mut state.queue);
        self.queued.store(0, Ordering::Release);
        drop(state);
        for core in queue {
            core.finish(Err(TaskError::System(format!("no thread could be started: {error}"))));
        }
    }

    /// The life of a worker. It counts as looking when it begins.
    fn work(self: Arc<Shared>) {
        core::is_worker();
        MINE.set(Arc::as_ptr(&self));
        let sleeper = Arc::new(Sleeper { thread: thread::current(), is_woken: AtomicBool::new(false) });
        let mut run = host::NO_RUN;
        let mut state = self.lock();
        loop {
            if let Some(core) = state.queue.pop_front() {
                state.looking -= 1;
                self.queued.store(state.queue.len(), Ordering::Release);
                drop(state);
                if run != core.cell_run() {
                    run = core.cell_run();
                    host::work_for(run);
                }
                // An interrupt ends the task alone.
                let _ = core.run();
                drop(core);
                state = self.lock();
                state.looking += 1;
                continue;
            }
            if state.is_closed {
                break;
            }
            drop(state);
            let mut looks = 0;
            while self.queued.load(Ordering::Acquire) == 0 && look_again(&mut looks) {}
            state = self.lock();
            if state.queue.is_empty() && !state.is_closed {
                state.looking -= 1;
                state.sleeping.push(sleeper.clone());
                drop(state);
                if run != host::NO_RUN {
                    run = host::NO_RUN;
                    host::work_for(run);
                }
                // Who wakes it has counted it among the looking.
                sleeper.sleep();
                state = self.lock();
            }
        }
        state.looking -= 1;
        state.threads -= 1;
        if state.threads == 0 {
            let waiting = std::mem::take(&mut state.waiting);
            drop(state);
            for waker in waiting {
                waker.wake();
            }
        }
    }
}
