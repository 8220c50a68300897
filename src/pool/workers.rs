//! Threads that do tasks from one queue: what a thread pool and the executors with threads
//! are inside. The threads are the crew's own, or those of a pool of rayon's.
//!
//! A thread is started when a task comes, none is free and there may be one more. The
//! queue knows no lock; a lock is taken to sleep, to wake somebody and to start a thread
//! ([`rota`](super::rota)). One worker that finds nothing to do looks on for some microseconds
//! before it sleeps: so a thread that submits short tasks one after the other need not wake
//! anybody.

use std::cell::Cell;
use std::io;
use std::sync::{Arc, OnceLock};
use std::thread;

use crossbeam::queue::SegQueue;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::__rt::guarded::{Guarded, generation};
use crate::__rt::host;
use crate::__rt::interrupt::Wait;
use crate::__rt::owned::owner;
use crate::executor::core::{self, Core, Looks, Work};
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
    are_rayons: bool,
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
    /// Where the workers are jobs, which end when there is nothing to do.
    rayon: Option<OnceLock<ThreadPool>>,
    rota: Rota,
}

thread_local! {
    /// The crew that the calling thread is one of.
    static MINE: Cell<*const Crew> = const { Cell::new(std::ptr::null()) };
    /// The run whose task the calling thread does.
    static AT_WORK_FOR: Cell<Option<u64>> = const { Cell::new(None) };
}

impl Workers {
    /// Up to `most` threads, of which none is started yet.
    ///
    /// # Panics
    /// If `most` is 0, or if the name has a NUL character in it.
    #[track_caller]
    pub fn new(most: usize, name: &str) -> Workers {
        Workers::with(most, name, false)
    }

    /// The same with as many threads of rayon's, which are all started now.
    ///
    /// # Panics
    /// As [`new`](Workers::new), and if the system grants no threads.
    #[track_caller]
    pub fn of_rayon(most: usize, name: &str) -> Workers {
        let workers = Workers::with(most, name, true);
        if let Err(error) = workers.crew().rayon() {
            panic!("{}", not_started(&error));
        }
        workers
    }

    #[track_caller]
    fn with(most: usize, name: &str, are_rayons: bool) -> Workers {
        assert!(most > 0, "a pool without workers would never do a task: give at least 1");
        assert!(!name.contains('\0'), "a thread's name cannot have a NUL character in it");
        let name: Arc<str> = name.into();
        Workers { most, are_rayons, crew: Guarded::new(Crew::new(most, name.clone(), are_rayons, false)), name }
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
            let fresh = Crew::new(self.most, self.name.clone(), self.are_rayons, crew.rota.is_closed());
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
        let crew = self.crew.lock();
        match &crew.rayon {
            Some(rayon) => rayon.get().is_some_and(|rayon| rayon.current_thread_index().is_some()),
            None => MINE.get() == Arc::as_ptr(&crew),
        }
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
    fn new(most: usize, name: Arc<str>, are_rayons: bool, is_closed: bool) -> Arc<Crew> {
        Arc::new(Crew {
            most,
            name,
            generation: generation(),
            queue: SegQueue::new(),
            rayon: are_rayons.then(OnceLock::new),
            rota: Rota::new(most, is_closed),
        })
    }

    /// The pool of rayon's that the threads are of, if they are rayon's.
    fn rayon(&self) -> io::Result<Option<&ThreadPool>> {
        let Some(rayon) = &self.rayon else { return Ok(None) };
        if rayon.get().is_none() {
            let name = self.name.clone();
            let builder = ThreadPoolBuilder::new().num_threads(self.most);
            let builder = builder.thread_name(move |index| format!("{name}_{index}")).start_handler(|_| {
                core::is_worker();
                host::work_for(host::NO_RUN);
                // For the thread's whole life: its end takes it off the list.
                std::mem::forget(registry::enter_new(true));
            });
            // (When two threads come here at once, one pool ends again.)
            let _ = rayon.set(builder.build().map_err(io::Error::other)?);
        }
        Ok(rayon.get())
    }

    /// The life of a worker.
    fn work(self: &Arc<Crew>, sleeper: Option<&Arc<Sleeper>>) {
        // While a task waits inside of one of rayon's operations, rayon gives its thread other
        // jobs to do. This one must not keep that task waiting for long.
        let outer = AT_WORK_FOR.get();
        let work_for = |run: Option<u64>| {
            if AT_WORK_FOR.replace(run) != run {
                host::work_for(run.unwrap_or(host::NO_RUN));
            }
        };
        while let Some(core) = self.rota.next(self, sleeper, || work_for(None)) {
            work_for(Some(core.cell_run()));
            core.run_and_drop();
            if outer.is_some() {
                work_for(outer);
                return self.rota.retire(self);
            }
            self.rota.has_done();
        }
        work_for(outer);
    }
}

fn not_started(error: &io::Error) -> String {
    format!("no thread could be started: {error}")
}

impl rota::Crew for Crew {
    type Task = Arc<Core>;

    fn look(&self) -> Option<Arc<Core>> {
        let mut looks = Looks::new();
        loop {
            if let Some(core) = self.queue.pop() {
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
        if let Some(rayon) = self.rayon()? {
            rayon.spawn(move || crew.work(None));
            return Ok(());
        }
        let work = move || {
            let _registered = registry::enter_new(true);
            core::is_worker();
            MINE.set(Arc::as_ptr(&crew));
            crew.work(Some(&Sleeper::new()));
        };
        thread::Builder::new().name(format!("{}_{number}", self.name)).spawn(work).map(drop)
    }

    fn refuse(&self, error: Option<io::Error>) {
        let error = match error {
            None => TaskError::Shutdown,
            Some(error) => TaskError::System(not_started(&error)),
        };
        while let Some(core) = self.queue.pop() {
            core.finish(Err(error.clone()));
        }
    }
}
