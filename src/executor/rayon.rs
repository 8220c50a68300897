//! The executor on rayon's threads.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::core::{self, Core, Work, work};
use super::{Executor, Future, Handle, TaskError};
use crate::__rt::guarded::{Guarded, generation};
use crate::__rt::host;
use crate::__rt::interrupt::{Wait, Waker};
use crate::__rt::owned::owner;
use crate::pool::chunks::{self, ChunkSize};
use crate::pool::workers::{self, Spawn};
use crate::thread::registry;

/// Does tasks on a pool of rayon's, with a fixed number of threads of its own, all started
/// at once.
///
/// In a task rayon's own operations (`par_iter`, `join`, `scope`) run on that pool. Tasks
/// may wait for tasks: as in a [`ThreadPoolExecutor`](super::ThreadPoolExecutor), and what
/// waits inside of rayon's operations is helped by rayon's stealing.
///
/// ```
/// # use threadbook::prelude::*;
/// let executor = RayonExecutor::new(2);
/// assert_eq!(executor.map(|x: u64| x * x, 1..=3), Ok(vec![1, 4, 9]));
/// ```
pub struct RayonExecutor {
    inner: Owner,
}

owner! {
    /// Of an executor.
    Owner of Inner
}

pub(crate) struct Inner {
    threads: usize,
    name: String,
    pool: Guarded<Option<Pool>>,
    is_closed: AtomicBool,
    tasks: Arc<Tasks>,
}

struct Pool {
    rayon: Arc<ThreadPool>,
    /// In another generation it has no threads.
    generation: u32,
}

/// What was submitted and has not ended.
#[derive(Default)]
struct Tasks {
    left: AtomicUsize,
    waiting: Guarded<Vec<Waker>>,
}

impl Tasks {
    fn end_one(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            let waiting = std::mem::take(&mut *self.waiting.lock());
            for waker in waiting {
                waker.wake();
            }
        }
    }

    #[track_caller]
    fn wait(&self) {
        let wait = Wait::begin();
        loop {
            {
                let mut waiting = self.waiting.lock();
                if self.left.load(Ordering::Acquire) == 0 {
                    return;
                }
                waiting.retain(|waker| !waker.wakes(&wait));
                waiting.push(wait.waker());
            }
            wait.pause(None);
        }
    }
}

impl RayonExecutor {
    /// An executor with so many threads.
    ///
    /// # Panics
    /// If `threads` is 0, or if the system grants no threads.
    #[track_caller]
    pub fn new(threads: usize) -> RayonExecutor {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        assert!(threads > 0, "an executor without threads would never do a task: give at least 1");
        let name = format!("RayonExecutor-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let inner = Inner {
            threads,
            name,
            pool: Guarded::new(None),
            is_closed: AtomicBool::new(false),
            tasks: Arc::new(Tasks::default()),
        };
        if let Err(error) = inner.pool() {
            panic!("{error}");
        }
        RayonExecutor { inner: Owner::own(inner) }
    }

    /// So many tasks can run at once.
    pub fn threads(&self) -> usize {
        self.inner.threads
    }

    /// Takes no more tasks, and waits for those that were submitted.
    ///
    /// Unwinds on an interrupt.
    ///
    /// # Panics
    /// In a task of this executor, which would wait for itself.
    #[track_caller]
    pub fn shutdown(&self) {
        assert!(!self.inner.is_mine(), "a task cannot wait for the end of the executor that it runs in");
        self.inner.is_closed.store(true, Ordering::Release);
        self.inner.join();
    }

    #[inline(never)]
    fn hand_in(&self, work: Work) -> Handle {
        self.inner.submit(work)
    }
}

impl Inner {
    /// The pool of this process: made anew in a copy, where the old one has no threads.
    fn pool(&self) -> Result<Arc<ThreadPool>, TaskError> {
        let now = generation();
        if let Some(pool) = &*self.pool.lock()
            && pool.generation == now
        {
            return Ok(pool.rayon.clone());
        }
        let name = self.name.clone();
        let builder = ThreadPoolBuilder::new().num_threads(self.threads);
        let builder = builder.thread_name(move |index| format!("{name}_{index}")).start_handler(|_| {
            core::is_worker();
            host::work_for(host::NO_RUN);
            // For the thread's whole life: its end takes it off the list.
            std::mem::forget(registry::enter_new(true));
        });
        let rayon = builder.build().map_err(|error| TaskError::System(error.to_string()))?;
        let rayon = Arc::new(rayon);
        let old = self.pool.lock().replace(Pool { rayon: rayon.clone(), generation: now });
        if let Some(old) = old {
            self.tasks.left.store(0, Ordering::Release);
            // A drop would tell threads that are no more.
            std::mem::forget(old);
        }
        Ok(rayon)
    }

    /// Hands a task in.
    fn submit(&self, work: Work) -> Handle {
        let core = Core::new(work);
        self.spawn(core.clone());
        Handle::of(core, None)
    }

    fn is_mine(&self) -> bool {
        self.pool.lock().as_ref().is_some_and(|pool| pool.rayon.current_thread_index().is_some())
    }

    #[track_caller]
    fn join(&self) {
        let is_here = self.pool.lock().as_ref().is_some_and(|pool| pool.generation == generation());
        if is_here {
            self.tasks.wait();
        }
    }
}

impl Spawn for Inner {
    fn workers(&self) -> usize {
        self.threads
    }

    fn spawn(&self, core: Arc<Core>) {
        if self.is_closed.load(Ordering::Acquire) {
            return core.finish(Err(TaskError::Shutdown));
        }
        let pool = match self.pool() {
            Ok(pool) => pool,
            Err(error) => return core.finish(Err(error)),
        };
        self.tasks.left.fetch_add(1, Ordering::AcqRel);
        let tasks = self.tasks.clone();
        pool.spawn(move || {
            host::work_for(core.cell_run());
            core.run_and_drop();
            host::work_for(host::NO_RUN);
            tasks.end_one();
        });
    }
}

impl workers::Pool for RayonExecutor {
    #[inline(never)]
    fn spawner(&self) -> &dyn Spawn {
        &*self.inner
    }
}

impl fmt::Debug for RayonExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RayonExecutor").field("threads", &self.inner.threads).finish()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if !std::thread::panicking() && !self.is_mine() {
            self.join();
        }
        let is_old = |pool: &Pool| pool.generation != generation();
        let pool = self.pool.get_mut().take();
        if pool.as_ref().is_some_and(is_old) {
            std::mem::forget(pool);
        }
    }
}

impl<T: Send + 'static> Executor<T> for RayonExecutor {
    fn submit<F: FnOnce() -> T + Send + 'static>(&self, task: F) -> Future<T> {
        Future::around(self.hand_in(work(task)))
    }

    fn map<A, F, I>(&self, f: F, items: I) -> Result<Vec<T>, TaskError>
    where
        A: Send + 'static,
        F: Fn(A) -> T + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        chunks::map(self, ChunkSize::PerWorker(chunks::MANY), f, items)
    }

    fn shutdown(&self) {
        RayonExecutor::shutdown(self);
    }
}
