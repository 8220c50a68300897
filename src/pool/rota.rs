//! Which workers look for tasks and which sleep: so that no task is overlooked and nobody
//! sleeps for ever.
//!
//! A worker stops looking, then looks once more, then sleeps; who submits puts the task into
//! the queue, then sees whether anybody looks. And a worker that finds a task as the last who
//! looked wakes the next one if there are more tasks.
//!
//! `tests/loom` compiles this file with a checker's threads, locks and atomics in the place
//! of [`sync`](super::sync), and goes through the orders in which threads can take these
//! steps.

use std::io;

use super::sync::{Arc, AtomicBool, AtomicUsize, Guarded, Ordering, Thread, Wait, Waker, fence, thread};

/// What a [`Rota`] is for: a queue of tasks, and threads that take them.
pub(crate) trait Crew {
    type Task;

    /// Takes a task, if there is one soon.
    fn look(&self) -> Option<Self::Task>;

    fn has_tasks(&self) -> bool;

    /// Starts a thread that calls [`Rota::next`] until it gets no task.
    ///
    /// # Errors
    /// When the system grants no thread.
    fn start(self: &Arc<Self>, number: usize) -> io::Result<()>;

    /// Ends all tasks in the queue: nobody is there to do them. Without an error because the
    /// rota is closed.
    fn refuse(&self, error: Option<io::Error>);
}

/// The workers of a crew.
pub(crate) struct Rota {
    most: usize,
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

/// A worker's bed.
pub(crate) struct Sleeper {
    thread: Thread,
    is_woken: AtomicBool,
}

impl Sleeper {
    /// Of the calling thread.
    pub fn new() -> Arc<Sleeper> {
        Arc::new(Sleeper { thread: thread::current(), is_woken: AtomicBool::new(false) })
    }

    fn sleep(&self) {
        while !self.is_woken.load(Ordering::Acquire) {
            thread::park();
        }
        // Whoever wakes it the next time has seen it go to sleep again, under the lock.
        self.is_woken.store(false, Ordering::Relaxed);
    }

    fn wake(&self) {
        self.is_woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

impl Rota {
    /// For up to `most` threads, of which none is started yet.
    pub fn new(most: usize, is_closed: bool) -> Rota {
        Rota {
            most,
            is_closed: AtomicBool::new(is_closed),
            looking: AtomicUsize::new(0),
            rest: Guarded::new(Rest::default()),
        }
    }

    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    /// Whether a worker that looks may as well stop: one who looks is enough.
    pub fn has_enough(&self) -> bool {
        self.looking.load(Ordering::Relaxed) > 1 || self.is_closed.load(Ordering::Relaxed)
    }

    /// No more tasks: the threads end when the queue is empty.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        let sleeping = {
            let mut rest = self.rest.lock();
            self.looking.fetch_add(rest.sleeping.len(), Ordering::SeqCst);
            std::mem::take(&mut rest.sleeping)
        };
        for sleeper in sleeping {
            sleeper.wake();
        }
    }

    /// Whether no thread is left. If not, the wait is ended by the last one.
    pub fn is_left(&self, wait: &Wait) -> bool {
        let mut rest = self.rest.lock();
        if rest.threads == 0 {
            return true;
        }
        rest.waiting.retain(|waker| !waker.wakes(wait));
        rest.waiting.push(wait.waker());
        false
    }

    /// To be called when tasks have been put into the queue: so many workers are to look.
    pub fn help(&self, wanted: usize, crew: &Arc<impl Crew>) {
        fence(Ordering::SeqCst);
        while self.looking.load(Ordering::SeqCst) < wanted && self.help_once(wanted, crew) {}
    }

    /// One more worker looks, if there is a task and a worker.
    fn help_once(&self, wanted: usize, crew: &Arc<impl Crew>) -> bool {
        let mut rest = self.rest.lock();
        if !crew.has_tasks() || self.looking.load(Ordering::SeqCst) >= wanted {
            return false;
        }
        if let Some(sleeper) = rest.sleeping.pop() {
            // It looks from now on: the next task need not wake another.
            self.looking.fetch_add(1, Ordering::SeqCst);
            drop(rest);
            sleeper.wake();
            true
        } else if rest.threads == 0 && self.is_closed() {
            drop(rest);
            crew.refuse(None);
            false
        } else if rest.threads < self.most {
            rest.threads += 1;
            rest.started += 1;
            self.looking.fetch_add(1, Ordering::SeqCst);
            let number = rest.started - 1;
            drop(rest);
            match crew.start(number) {
                Ok(()) => true,
                Err(error) => {
                    self.not_started(error, crew);
                    false
                }
            }
        } else {
            false
        }
    }

    fn not_started(&self, error: io::Error, crew: &Arc<impl Crew>) {
        let is_last = {
            let mut rest = self.rest.lock();
            self.looking.fetch_sub(1, Ordering::SeqCst);
            rest.leave()
        };
        if is_last {
            crew.refuse(Some(error));
        }
    }

    /// The next task of a worker, which sleeps until there is one; `None` when the worker is
    /// to end. The worker counts as looking when it calls this: it does when it begins, and
    /// after each task by [`has_done`](Rota::has_done).
    pub fn next<C: Crew>(
        &self,
        crew: &Arc<C>,
        sleeper: &Arc<Sleeper>,
        mut before_sleep: impl FnMut(),
    ) -> Option<C::Task> {
        loop {
            if let Some(task) = crew.look() {
                if self.looking.fetch_sub(1, Ordering::SeqCst) == 1 {
                    fence(Ordering::SeqCst);
                    if crew.has_tasks() {
                        self.help(1, crew);
                    }
                }
                return Some(task);
            }
            let mut rest = self.rest.lock();
            self.looking.fetch_sub(1, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            if crew.has_tasks() {
                self.looking.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            if self.is_closed() {
                rest.leave();
                return None;
            }
            rest.sleeping.push(sleeper.clone());
            drop(rest);
            before_sleep();
            // Who wakes it counts it among those who look.
            sleeper.sleep();
        }
    }

    /// A worker looks again.
    pub fn has_done(&self) {
        self.looking.fetch_add(1, Ordering::SeqCst);
    }
}

impl Rest {
    /// Says whether it was the last thread.
    fn leave(&mut self) -> bool {
        self.threads -= 1;
        if self.threads == 0 {
            // (They only ring a bell.)
            for waker in self.waiting.drain(..) {
                waker.wake();
            }
        }
        self.threads == 0
    }
}
