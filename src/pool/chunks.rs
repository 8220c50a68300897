//! A function over many items, in chunks, without a closure or a lock for each item.
//!
//! What takes chunks, stops and keeps errors is compiled once, here; for the types of a
//! call only [`InPlace`]'s loop is compiled. Runners, one for each worker, take chunks in
//! turn until none is left.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::in_place::{InPlace, Items};
use super::workers::Spawn;
use crate::__rt::caught::{self, Caught};
use crate::__rt::guarded::Guarded;
use crate::executor::TaskError;
use crate::executor::core::{Core, panic_text};

/// While it works on a chunk, a runner asks so often whether to stop.
const ASK_EVERY: Duration = Duration::from_micros(100);

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
pub(crate) fn map<A, T, F>(spawn: &dyn Spawn, size: ChunkSize, f: F, items: Vec<A>) -> Result<Vec<T>, TaskError>
where
    A: Send + 'static,
    T: Send + 'static,
    F: Fn(A) -> T + Send + Sync + 'static,
{
    let total = items.len();
    let items = Arc::new(InPlace::new(f, items));
    let chunks = Arc::new(Chunks::new(items.clone(), total, size.items(total, spawn.workers())));
    run(spawn, &chunks)?;
    // SAFETY: all chunks were done without an error, and nobody works on them any more.
    Ok(unsafe { items.take_results() })
}

/// The state of one call, which its runners share.
struct Chunks {
    items: Arc<dyn Items>,
    total: usize,
    size: usize,
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
    fn new(items: Arc<dyn Items>, total: usize, size: usize) -> Chunks {
        Chunks {
            items,
            total,
            size,
            next: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            failed: AtomicUsize::new(usize::MAX),
            error: Guarded::new(None),
            done: AtomicUsize::new(0),
        }
    }

    /// The life of a runner.
    fn run(&self) {
        loop {
            // What comes after a failed item is not begun.
            if self.stopped.load(Ordering::Relaxed) || self.failed.load(Ordering::Relaxed) < self.next_item() {
                return;
            }
            let start = self.next.fetch_add(self.size, Ordering::Relaxed);
            if start >= self.total {
                return;
            }
            self.run_chunk(start..self.total.min(start + self.size));
        }
    }

    fn next_item(&self) -> usize {
        self.next.load(Ordering::Relaxed).min(self.total)
    }

    fn run_chunk(&self, chunk: Range<usize>) {
        let mut start = chunk.start;
        let mut size = 1;
        while start < chunk.end && !self.stopped.load(Ordering::Relaxed) && self.failed.load(Ordering::Relaxed) > start
        {
            let part = start..chunk.end.min(start + size);
            let began = Instant::now();
            let at = AtomicUsize::new(start);
            // SAFETY: an index is taken once, from `next`, and used once, here.
            let caught = caught::catch(&mut || unsafe { self.items.run(part.clone(), &at) });
            if let Err(caught) = caught {
                let failed = at.into_inner();
                self.items.keep(chunk.start..failed);
                // SAFETY: as above; these were taken and not used.
                unsafe { self.items.drop_items(part.end..chunk.end) };
                return self.fail(failed, caught);
            }
            start = part.end;
            if began.elapsed() < ASK_EVERY {
                size *= 2;
            }
        }
        self.items.keep(chunk.start..start);
        // SAFETY: as above; these were taken and not used.
        unsafe { self.items.drop_items(start..chunk.end) };
        self.done.fetch_add(start - chunk.start, Ordering::AcqRel);
    }

    fn fail(&self, index: usize, caught: Caught) {
        let error = match caught {
            Caught::Panicked(report) => TaskError::Panicked(panic_text(&report)),
            Caught::Interrupted(_) => TaskError::Interrupted,
        };
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
        unsafe { self.items.drop_items(next..self.total) };
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

#[track_caller]
fn run(spawn: &dyn Spawn, chunks: &Arc<Chunks>) -> Result<(), TaskError> {
    let count = spawn.workers().min(chunks.total.div_ceil(chunks.size));
    let runners: Vec<Arc<Core>> = (0..count)
        .map(|_| {
            let chunks = chunks.clone();
            Core::new(Box::new(move || {
                chunks.run();
                Box::new(())
            }))
        })
        .collect();
    let stop = Stop { chunks, runners: &runners };
    for runner in &runners {
        spawn.spawn(runner.clone());
    }
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
