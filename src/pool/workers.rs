//! Threads that do tasks from one queue: what a thread pool and a thread pool executor are
//! inside.
//!
//! A thread is started when a task comes, none is free and there may be one more. The
//! queue knows no lock; a lock is taken to sleep, to wake somebody and to start a thread.
//! One worker that finds nothing to do looks on for some microseconds before it sleeps: so
//! a thread that submits short tasks one after the other need not wake anybody.
//!
//! No task is overlooked. A worker stops looking, then looks once more, then sleeps; who
//! submits puts the task into the queue, then sees whether anybody looks. And a worker that
//! finds a task as the last who looked wakes the next one if there are more tasks.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::thread;

use crossbeam::queue::SegQueue;

use crate::__rt::guarded::{Guarded, generation};
use crate::__rt::host;
use crate::__rt::interrupt::{Wait, Waker};
use crate::__rt::owned::owner;
use crate::executor::core::{self, Core, Looks, Work};
use crate::executor::{Handle, TaskError};
use crate::thread::registry;

/// Takes tasks: [`Workers`], or rayon's threads.
pub(crate) trait Spawn {
    /// So many tasks can run at once.
    fn workers(&self) -> usize;

    /// Sees to it that the task is run, or ended with an error.
    fn spawn(&self, core: Arc<Core>);

    /// As [`spawn`](Spawn::spawn), for tasks that are to begin at the same time.
    fn spawn_all(&self, cores: &[Arc<Core>]) {
        for core in cores {
            self.spawn(core.clone());
        }
    }
}

/// Has threads that take tasks.
pub(crate) trait Pool {
    /// (What is made of the type for that is made here, once: implementations are not
    /// inlined.)
    fn spawner(&self) -> &dyn Spawn;
}

/// Some threads and their queue. For what a drop does see [`end`](Workers::end).
pub(crate) struct Workers {
    most: usize,
    name: Arc<str>,
    crew: Guarded<Arc<Crew>>,
}

owner! {
    /// Of a pool.
    OwnWorkers of Workers
}

/// What the threads share, in one process: a copy of the process gets a new one, as it has
/// none of the threads.
struct Crew {
    most: usize,
    /// Threads are called after it, with a number.
    name: Arc<str>,
    generation: u32,
    queue: SegQueue<Arc<Core>>,
    is_closed: AtomicBool,
    /// Those of the threads that look for a task right now, or are on their way to.
    looking: AtomicUsize,
    rest: Guarded<Rest>,
}

#[derive(Default)]
struct Rest {
    threads: usize,
    /// How many were started ever, for their names.
    started: usize,
    sleeping: Vec<Arc<Sleeper>>,
    /// Wait for the end of the last thread.
    waiting: Vec<Waker>,
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
    /// The crew that the calling thread is one of.
    static MINE: Cell<*const Crew> = const { Cell::new(std::ptr::null()) };
}

impl Workers {
    /// Up to `most` threads, of which none is started yet.
    ///
    /// # Panics
    /// If `most` is 0, or if the name has a NUL character in it.
    #[track_caller]
    pub fn new(most: usize, name: &str) -> Workers {
        assert!(most > 0, "a pool without workers would never do a task: give at least 1");
        assert!(!name.contains('\0'), "a thread's name cannot have a NUL character in it");
        let name: Arc<str> = name.into();
        Workers { most, crew: Guarded::new(Crew::new(most, name.clone(), false)), name }
    }

    /// Hands a task in.
    pub fn submit(&self, work: Work) -> Handle {
        let core = Core::new(work);
        self.spawn(core.clone());
        Handle::of(core, None)
    }

    fn crew(&self) -> Arc<Crew> {
        let mut crew = self.crew.lock();
        if crew.generation != generation() {
            let fresh = Crew::new(self.most, self.name.clone(), crew.is_closed.load(Ordering::Acquire));
            // The old queue may be as a thread has left it that was in the midst of it.
            std::mem::forget(std::mem::replace(&mut *crew, fresh));
        }
        crew.clone()
    }

    /// No more tasks: the threads end when the queue is empty.
    pub fn close(&self) {
        let crew = self.crew();
        crew.is_closed.store(true, Ordering::SeqCst);
        let sleeping = {
            let mut rest = crew.rest.lock();
            crew.looking.fetch_add(rest.sleeping.len(), Ordering::SeqCst);
            std::mem::take(&mut rest.sleeping)
        };
        for sleeper in sleeping {
            sleeper.wake();
        }
    }

    pub fn is_closed(&self) -> bool {
        self.crew().is_closed.load(Ordering::Acquire)
    }

    /// Cancels what was not begun.
    pub fn cancel_queued(&self) {
        let crew = self.crew();
        while let Some(core) = crew.queue.pop() {
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
        let crew = self.crew();
        let wait = Wait::begin();
        loop {
            {
                let mut rest = crew.rest.lock();
                if rest.threads == 0 {
                    return;
                }
                rest.waiting.retain(|waker| !waker.wakes(&wait));
                rest.waiting.push(wait.waker());
            }
            wait.pause(None);
        }
    }

    /// What a drop of the pool does: as [`close`](Workers::close) and
    /// [`join`](Workers::join). While a panic or an interrupt unwinds, it cancels in place
    /// of waiting; and a task that drops its own pool waits for nothing.
    fn end(&self) {
        self.close();
        if thread::panicking() {
            self.cancel_queued();
        } else if !self.is_mine() {
            self.join();
        }
    }

    fn is_mine(&self) -> bool {
        MINE.get() == Arc::as_ptr(&*self.crew.lock())
    }
}

impl Pool for Workers {
    #[inline(never)]
    fn spawner(&self) -> &dyn Spawn {
        self
    }
}

impl Spawn for Workers {
    fn workers(&self) -> usize {
        self.most
    }

    fn spawn(&self, core: Arc<Core>) {
        let crew = self.crew();
        if crew.is_closed.load(Ordering::SeqCst) {
            return core.finish(Err(TaskError::Shutdown));
        }
        crew.queue.push(core);
        fence(Ordering::SeqCst);
        crew.help(1);
    }

    fn spawn_all(&self, cores: &[Arc<Core>]) {
        let crew = self.crew();
        if crew.is_closed.load(Ordering::SeqCst) {
            return cores.iter().for_each(|core| core.finish(Err(TaskError::Shutdown)));
        }
        for core in cores {
            crew.queue.push(core.clone());
        }
        fence(Ordering::SeqCst);
        // Each would wake the next one in the end, but the last one late.
        crew.help(cores.len());
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.end();
    }
}

impl Crew {
    fn new(most: usize, name: Arc<str>, is_closed: bool) -> Arc<Crew> {
        Arc::new(Crew {
            most,
            name,
            generation: generation(),
            queue: SegQueue::new(),
            is_closed: AtomicBool::new(is_closed),
            looking: AtomicUsize::new(0),
            rest: Guarded::default(),
        })
    }

    /// There may be tasks that nobody looks for: so many workers are to look.
    fn help(self: &Arc<Crew>, wanted: usize) {
        while self.looking.load(Ordering::SeqCst) < wanted && self.help_once(wanted) {}
    }

    /// One more worker looks, if there is a task and a worker.
    fn help_once(self: &Arc<Crew>, wanted: usize) -> bool {
        let mut rest = self.rest.lock();
        if self.queue.is_empty() || self.looking.load(Ordering::SeqCst) >= wanted {
            return false;
        }
        if let Some(sleeper) = rest.sleeping.pop() {
            // It looks from now on: the next task need not wake another.
            self.looking.fetch_add(1, Ordering::SeqCst);
            drop(rest);
            sleeper.wake();
            true
        } else if rest.threads == 0 && self.is_closed.load(Ordering::SeqCst) {
            drop(rest);
            self.refuse(&TaskError::Shutdown);
            false
        } else if rest.threads < self.most {
            rest.threads += 1;
            rest.started += 1;
            self.looking.fetch_add(1, Ordering::SeqCst);
            let number = rest.started - 1;
            drop(rest);
            self.start(number)
        } else {
            false
        }
    }

    /// There is nobody to do the tasks.
    fn refuse(&self, error: &TaskError) {
        while let Some(core) = self.queue.pop() {
            core.finish(Err(error.clone()));
        }
    }

    /// Says whether the system has granted the thread.
    fn start(self: &Arc<Crew>, number: usize) -> bool {
        let crew = self.clone();
        let work = move || {
            let _registered = registry::enter_new(true);
            crew.work();
        };
        let name = format!("{}_{number}", self.name);
        let Err(error) = thread::Builder::new().name(name).spawn(work) else { return true };
        let mut rest = self.rest.lock();
        rest.threads -= 1;
        self.looking.fetch_sub(1, Ordering::SeqCst);
        let is_last = rest.threads == 0;
        drop(rest);
        if is_last {
            self.refuse(&TaskError::System(format!("no thread could be started: {error}")));
        }
        false
    }

    /// The life of a worker. It counts as looking when it begins.
    fn work(self: Arc<Crew>) {
        core::is_worker();
        MINE.set(Arc::as_ptr(&self));
        let sleeper = Arc::new(Sleeper { thread: thread::current(), is_woken: AtomicBool::new(false) });
        let mut run = host::NO_RUN;
        loop {
            if let Some(core) = self.look() {
                if self.looking.fetch_sub(1, Ordering::SeqCst) == 1 && !self.queue.is_empty() {
                    self.help(1);
                }
                if run != core.cell_run() {
                    run = core.cell_run();
                    host::work_for(run);
                }
                core.run_and_drop();
                self.looking.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            let mut rest = self.rest.lock();
            self.looking.fetch_sub(1, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            if !self.queue.is_empty() {
                self.looking.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            if self.is_closed.load(Ordering::SeqCst) {
                return Crew::leave(&mut rest);
            }
            rest.sleeping.push(sleeper.clone());
            drop(rest);
            if run != host::NO_RUN {
                run = host::NO_RUN;
                host::work_for(run);
            }
            // Who wakes it counts it among those who look.
            sleeper.sleep();
        }
    }

    /// A task, if there is one soon.
    fn look(&self) -> Option<Arc<Core>> {
        let mut looks = Looks::new();
        loop {
            if let Some(core) = self.queue.pop() {
                return Some(core);
            }
            // One who looks is enough.
            if self.looking.load(Ordering::Relaxed) > 1 || self.is_closed.load(Ordering::Relaxed) || !looks.again() {
                return None;
            }
        }
    }

    fn leave(rest: &mut Rest) {
        rest.threads -= 1;
        if rest.threads == 0 {
            // (They only ring a bell.)
            for waker in rest.waiting.drain(..) {
                waker.wake();
            }
        }
    }
}
