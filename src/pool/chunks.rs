//! A function over many items, in chunks, without a closure or a lock for each item.
//!
//! What takes chunks, stops and keeps errors is compiled once, here; for the types of a
//! call only the loop of a [`Job`] is compiled. Runners, one for each worker, take chunks in
//! turn until none is left.

use std::mem::ManuallyDrop;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::in_place::{Job, Memory, Types, TypesOf};
use super::workers::{Pool, Spawn};
use crate::__rt::caught::{self, Caught};
use crate::__rt::guarded::Guarded;
use crate::executor::TaskError;
use crate::executor::core::{Core, error_of};
use crate::timeline;

/// While it works on a chunk, a runner asks so often whether to stop.
const ASK_EVERY: Duration = Duration::from_micros(100);

/// A runner that was done with what it took sooner than that takes more the next time: each
/// time has its cost.
const SHORT: Duration = Duration::from_micros(50);

/// Chunks for each worker where short functions are likely, as in Python's pools.
pub(crate) const FEW: usize = 4;
/// The same where items are likely to be tasks: up to so many for each worker go one by one.
pub(crate) const MANY: usize = 256;

/// So many items make a chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ChunkSize {
    /// So that each worker gets so many.
    PerWorker(usize),
    Of(usize),
}

impl ChunkSize {
    fn items(self, total: usize, workers: usize) -> usize {
        match self {
            ChunkSize::PerWorker(chunks) => total.div_ceil(workers * chunks).max(1),
            ChunkSize::Of(items) => items,
        }
    }
}

/// `f` of each item, in their order.
///
/// Unwinds on an interrupt; then nothing more is begun.
#[track_caller]
pub(crate) fn map<A, T, F, I>(pool: &impl Pool, size: ChunkSize, f: F, items: I) -> Result<Vec<T>, TaskError>
where
    A: Send + 'static,
    T: Send + 'static,
    F: Fn(A) -> T + Send + Sync + 'static,
    I: IntoIterator<Item = A>,
{
    let (f, items) = (ManuallyDrop::new(f), ManuallyDrop::new(items));
    let types = TypesOf::<A, T, F, I>::TYPES;
    // SAFETY: these are the types, and neither is used again.
    match unsafe { run(pool.spawner(), size, types, (&raw const f).cast(), (&raw const items).cast()) } {
        // SAFETY: this is the type.
        Ok(results) => Ok(unsafe { results.into_vec() }),
        Err(error) => Err(error),
    }
}

/// The state of one call, which its runners share.
struct Chunks {
    job: Arc<Job>,
    total: usize,
    size: usize,
    /// A runner may take several chunks at once, as long as so many items are left for each
    /// of them.
    share: usize,
    /// Items before it are taken.
    next: AtomicUsize,
    stopped: AtomicBool,
    /// The first item known to have failed; later ones are not begun.
    failed: AtomicUsize,
    error: Guarded<Option<(usize, TaskError)>>,
    /// So many items have their results.
    done: AtomicUsize,
}

impl Chunks {
    fn new(job: Arc<Job>, size: ChunkSize, workers: usize) -> Chunks {
        let total = job.count();
        let items = size.items(total, workers);
        let share = match size {
            // (Items that go one by one are tasks, which may wait for each other.)
            ChunkSize::PerWorker(_) if items > 1 => items.saturating_mul(2 * workers),
            _ => usize::MAX,
        };
        Chunks {
            total,
            job,
            size: items,
            share,
            next: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            failed: AtomicUsize::new(usize::MAX),
            error: Guarded::new(None),
            done: AtomicUsize::new(0),
        }
    }

    /// The life of a runner.
    fn run(&self) {
        let (mut size, mut chunks) = (1, 1_usize);
        loop {
            // What comes after a failed item is not begun.
            if self.stopped.load(Ordering::Relaxed) || self.failed.load(Ordering::Relaxed) < self.next_item() {
                return;
            }
            let left = self.total - self.next_item();
            let items = self.size * chunks.min(left / self.share).max(1);
            let start = self.next.fetch_add(items, Ordering::Relaxed);
            if start >= self.total {
                return;
            }
            let took = self.run_chunk(start..self.total.min(start.saturating_add(items)), &mut size);
            chunks = if took < SHORT { chunks.saturating_mul(2) } else { (chunks / 2).max(1) };
        }
    }

    fn next_item(&self) -> usize {
        self.next.load(Ordering::Relaxed).min(self.total)
    }

    /// `size` items are done before the runner asks whether to stop, as far as is known.
    /// Returns how long it took.
    fn run_chunk(&self, chunk: Range<usize>, size: &mut usize) -> Duration {
        let mut start = chunk.start;
        let first = Instant::now();
        let mut began = first;
        while start < chunk.end && !self.stopped.load(Ordering::Relaxed) && self.failed.load(Ordering::Relaxed) > start
        {
            let is_recorded = timeline::is_recording();
            let items = if is_recorded { 1 } else { *size };
            let end = chunk.end.min(start.saturating_add(items));
            let span = is_recorded.then(|| timeline::task("map", start as u64));
            let mut at = start;
            // SAFETY: an index is taken once, from `next`, and used once, here.
            let caught = caught::catch(&mut || unsafe { self.job.run(&mut at, end) });
            drop(span);
            if let Err(caught) = caught {
                self.job.keep(chunk.start..at);
                // SAFETY: as above; these were taken and not used.
                unsafe { self.job.drop_items(at + 1..chunk.end) };
                self.fail(at, caught);
                return began - first;
            }
            let done = end - start;
            start = end;
            let ended = Instant::now();
            if ended - began > ASK_EVERY {
                *size = (*size / 2).max(1);
            } else if done == *size {
                *size = size.saturating_mul(2);
            }
            began = ended;
        }
        self.job.keep(chunk.start..start);
        // SAFETY: as above; these were taken and not used.
        unsafe { self.job.drop_items(start..chunk.end) };
        self.done.fetch_add(start - chunk.start, Ordering::AcqRel);
        began - first
    }

    fn fail(&self, index: usize, caught: Caught) {
        let error = error_of(caught);
        self.failed.fetch_min(index, Ordering::AcqRel);
        let mut first = self.error.lock();
        if first.as_ref().is_none_or(|(earlier, _)| index < *earlier) {
            *first = Some((index, error));
        }
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        let next = self.next_item();
        // SAFETY: nobody has taken these, and nobody can any more.
        unsafe { self.job.drop_items(next..self.total) };
    }
}

/// Nothing more is begun when it is dropped, unless all is done.
struct Stop<'a> {
    chunks: &'a Chunks,
    runners: &'a [Arc<Core>],
}

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.chunks.stopped.store(true, Ordering::Relaxed);
        for runner in self.runners {
            runner.cancel();
        }
    }
}

/// Makes all results.
///
/// # Safety
/// As [`Job::new`].
#[track_caller]
unsafe fn run(
    spawn: &dyn Spawn,
    size: ChunkSize,
    types: &'static Types,
    f: *const u8,
    items: *const u8,
) -> Result<Memory, TaskError> {
    // SAFETY: the caller's promise.
    let job = Arc::new(unsafe { Job::new(types, f, items) });
    run_chunks(spawn, &Arc::new(Chunks::new(job.clone(), size, spawn.workers())))?;
    // SAFETY: all items were done without an error, and nobody works on them any more.
    Ok(unsafe { job.give() })
}

#[track_caller]
fn run_chunks(spawn: &dyn Spawn, chunks: &Arc<Chunks>) -> Result<(), TaskError> {
    let count = spawn.workers().min(chunks.total.div_ceil(chunks.size));
    let runners: Vec<Arc<Core>> = (0..count)
        .map(|_| {
            let chunks = chunks.clone();
            Core::runner(Box::new(move || {
                chunks.run();
                Box::new(())
            }))
        })
        .collect();
    let stop = Stop { chunks, runners: &runners };
    spawn.spawn_all(&runners);
    let mut error = None;
    for runner in &runners {
        // Those that come too late need not begin.
        if chunks.next_item() == chunks.total && runner.cancel() {
            continue;
        }
        runner.wait(None);
        error = error.or(runner.error().filter(|error| *error != TaskError::Cancelled));
    }
    drop(stop);
    if let Some((_, error)) = chunks.error.lock().take() {
        return Err(error);
    }
    if chunks.done.load(Ordering::Acquire) == chunks.total {
        return Ok(());
    }
    // The pool was ended meanwhile, or there are no threads.
    Err(error.unwrap_or(TaskError::Cancelled))
}
