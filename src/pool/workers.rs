//! Threads that do tasks from one queue: what a thread pool and a thread pool executor are
//! inside.
//!
//! A thread is started when a task comes, none is free and there may be one more. The
//! queue knows no lock; a lock is taken to sleep, to wake somebody and to start a thread
//! ([`rota`](super::rota)). One worker that finds nothing to do looks on for some microseconds
//! before it sleeps: so a thread that submits short tasks one after the other need not wake
//! anybody. (Unless that has been in vain lately: see [`looks`](crate::executor::looks).)

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::thread;

use crossbeam::queue::SegQueue;

use crate::__rt::guarded::{Guarded, generation};
use crate::__rt::host;
use crate::__rt::interrupt::Wait;
use crate::__rt::owned::owner;
use crate::executor::core::{self, Core, Work};
use crate::executor::looks::{Experience, Looks};
use crate::executor::{Handle, TaskError};
use crate::thread::registry;

use super::rota::{self, Rota, Sleeper};

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
    /// Threads are called after it, with a number.
    name: Arc<str>,
    generation: u32,
    queue: SegQueue<Arc<Core>>,
    rota: Rota,
}

/// Of those who have looked for tasks.
static TASKS: Experience = Experience::new();

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
            let fresh = Crew::new(self.most, self.name.clone(), crew.rota.is_closed());
            // The old queue may be as a thread has left it that was in the midst of it.
            std::mem::forget(std::mem::replace(&mut *crew, fresh));
        }
        crew.clone()
    }

    /// No more tasks: the threads end when the queue is empty.
    pub fn close(&self) {
        self.crew().rota.close();
    }

    pub fn is_closed(&self) -> bool {
        self.crew().rota.is_closed()
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
        while !crew.rota.is_left(&wait) {
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
        if crew.rota.is_closed() {
            return core.finish(Err(TaskError::Shutdown));
        }
        crew.queue.push(core);
        crew.rota.help(1, &crew);
    }

    fn spawn_all(&self, cores: &[Arc<Core>]) {
        let crew = self.crew();
        if crew.rota.is_closed() {
            return cores.iter().for_each(|core| core.finish(Err(TaskError::Shutdown)));
        }
        for core in cores {
            crew.queue.push(core.clone());
        }
        // Each would wake the next one in the end, but the last one late.
        crew.rota.help(cores.len(), &crew);
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.end();
    }
}

impl Crew {
    fn new(most: usize, name: Arc<str>, is_closed: bool) -> Arc<Crew> {
        Arc::new(Crew { name, generation: generation(), queue: SegQueue::new(), rota: Rota::new(most, is_closed) })
    }

    /// The life of a worker.
    fn work(self: Arc<Crew>) {
        core::is_worker();
        MINE.set(Arc::as_ptr(&self));
        let sleeper = Sleeper::new();
        let run = Cell::new(host::NO_RUN);
        let work_for = |next| {
            if run.replace(next) != next {
                host::work_for(next);
            }
        };
        while let Some(core) = self.rota.next(&self, &sleeper, || work_for(host::NO_RUN)) {
            work_for(core.cell_run());
            core.run_and_drop();
            self.rota.has_done();
        }
    }
}

impl rota::Crew for Crew {
    type Task = Arc<Core>;

    fn look(&self) -> Option<Arc<Core>> {
        let mut looks = Looks::new(&TASKS);
        loop {
            if let Some(core) = self.queue.pop() {
                looks.found();
                return Some(core);
            }
            if self.rota.has_enough() || !looks.again() {
                return None;
            }
        }
    }

    fn has_tasks(&self) -> bool {
        !self.queue.is_empty()
    }

    fn start(self: &Arc<Crew>, number: usize) -> io::Result<()> {
        let crew = self.clone();
        let work = move || {
            let _registered = registry::enter_new(true);
            crew.work();
        };
        thread::Builder::new().name(format!("{}_{number}", self.name)).spawn(work).map(drop)
    }

    fn refuse(&self, error: Option<io::Error>) {
        let error = match error {
            None => TaskError::Shutdown,
            Some(error) => TaskError::System(format!("no thread could be started: {error}")),
        };
        while let Some(core) = self.queue.pop() {
            core.finish(Err(error.clone()));
        }
    }
}
