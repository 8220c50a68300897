//! Results one by one, while others are still being made.
//!
//! Items and results are those of a [`Job`], and a task for each chunk of them makes its
//! results at their places. Only reading one there is compiled for its type.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use super::in_place::{Job, Types, TypesOf};
use super::workers::{Pool, Spawn};
use crate::__rt::caught;
use crate::__rt::owned::owner;
use crate::executor::core::{Core, error_of};
use crate::executor::several::Ends;
use crate::executor::{TaskError, deadline};

/// Results one by one: see [`ThreadPool::imap`](super::ThreadPool::imap).
///
/// Each step waits, and unwinds on an interrupt. What was not begun is cancelled when this
/// is dropped. (Python's pools go on.)
pub struct Results<T> {
    batches: Owner,
    results: PhantomData<T>,
}

owner! {
    /// See [`Batches`].
    Owner of Batches
}

/// What results are inside, whatever their type.
pub(crate) struct Batches {
    job: Arc<Job>,
    cores: Vec<Arc<Core>>,
    /// So many items make a batch; the last one may have fewer.
    size: usize,
    order: Order,
    ready: Batch,
    left: usize,
}

enum Order {
    /// That of the items; the next one's index.
    Items(usize),
    /// That of the ends.
    Ends(Ends),
}

/// A chunk of items that is to become a batch.
struct Chunk {
    job: Arc<Job>,
    /// These items are there.
    range: Range<usize>,
}

impl Chunk {
    /// A panic ends its item alone.
    fn run(mut self) -> Batch {
        let range = std::mem::take(&mut self.range);
        let (mut at, mut errors) = (range.start, VecDeque::new());
        while at < range.end {
            // SAFETY: the chunk's items are used by nobody else, and once.
            let caught = caught::catch(&mut || unsafe { self.job.run(&mut at, range.end) });
            if let Err(caught) = caught {
                errors.push_back((at, error_of(caught)));
                at += 1;
            }
        }
        Batch { made: Some(self.job.clone()), range, errors }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: nobody has used these, and nobody can any more.
        unsafe { self.job.drop_items(self.range.clone()) };
    }
}

/// What a chunk of items leaves behind.
struct Batch {
    /// The results are there, but where errors are told. (`None`: there are only errors.)
    made: Option<Arc<Job>>,
    /// These were not handed out yet.
    range: Range<usize>,
    /// By index, in their order.
    errors: VecDeque<(usize, TaskError)>,
}

impl Batch {
    /// Of none of them more is known than that.
    fn failed(range: Range<usize>, error: &TaskError) -> Batch {
        let errors = range.clone().map(|index| (index, error.clone())).collect();
        Batch { made: None, range, errors }
    }

    /// The index of a result, which is the caller's, or an error.
    fn next(&mut self) -> Option<Result<usize, TaskError>> {
        let index = self.range.next()?;
        let has_failed = self.errors.front().is_some_and(|(failed, _)| *failed == index);
        let error = if has_failed { self.errors.pop_front() } else { None };
        Some(error.map_or(Ok(index), |(_, error)| Err(error)))
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        let Some(job) = self.made.take() else { return };
        while let Some(next) = self.next() {
            if let Ok(index) = next {
                // SAFETY: it is there, and was not handed out.
                unsafe { job.drop_results(index..index + 1) };
            }
        }
    }
}

impl Batches {
    /// # Safety
    /// As [`Job::new`].
    unsafe fn begin(
        spawn: &dyn Spawn,
        types: &'static Types,
        f: *const u8,
        items: *const u8,
        size: usize,
        in_order: bool,
    ) -> Owner {
        // SAFETY: the caller's promise.
        let job = Arc::new(unsafe { Job::new(types, f, items) });
        let left = job.count();
        let starts = (0..left.div_ceil(size)).map(|batch| batch * size);
        let chunks = starts.map(|start| Chunk { job: job.clone(), range: start..left.min(start.saturating_add(size)) });
        let cores: Vec<Arc<Core>> = chunks.map(|chunk| Core::new(Box::new(move || Box::new(chunk.run())))).collect();
        let order = if in_order { Order::Items(0) } else { Order::Ends(Ends::of(cores.clone())) };
        for core in &cores {
            spawn.spawn(core.clone());
        }
        let ready = Batch { made: None, range: 0..0, errors: VecDeque::new() };
        Owner::own(Batches { job, cores, size, order, ready, left })
    }

    /// Where the next result is, which is the caller's, or an error; `None` when the time has
    /// come or there is none left.
    #[track_caller]
    fn next(&mut self, deadline: Option<Instant>) -> Option<Result<*const u8, TaskError>> {
        let next = loop {
            match self.ready.next() {
                Some(next) => break next,
                None => self.ready = self.next_batch(deadline)?,
            }
        };
        self.left -= 1;
        Some(next.map(|index| self.job.result(index)))
    }

    /// The next batch, whose task has ended.
    #[track_caller]
    fn next_batch(&mut self, deadline: Option<Instant>) -> Option<Batch> {
        let index = match &mut self.order {
            Order::Ends(ends) => ends.next(deadline)?,
            Order::Items(next) => {
                if !self.cores.get(*next)?.wait(deadline) {
                    return None;
                }
                *next += 1;
                *next - 1
            }
        };
        let start = index * self.size;
        let range = start..self.job.count().min(start.saturating_add(self.size));
        let batch = self.cores[index].take();
        Some(match batch.map(|batch| batch.downcast::<Batch>()) {
            Ok(Ok(batch)) => *batch,
            Ok(Err(_)) => Batch::failed(range, &TaskError::Lost),
            Err(error) => Batch::failed(range, &error),
        })
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        for core in &self.cores {
            core.cancel();
        }
    }
}

impl<T: Send + 'static> Results<T> {
    /// Begins to make the results of `f`, in chunks of `size` items.
    pub(crate) fn begin<A, F, I>(pool: &impl Pool, f: F, items: I, size: usize, in_order: bool) -> Results<T>
    where
        A: Send + 'static,
        F: Fn(A) -> T + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        let (f, items) = (ManuallyDrop::new(f), ManuallyDrop::new(items));
        let (types, items) = (TypesOf::<A, T, F, I>::TYPES, (&raw const items).cast());
        // SAFETY: these are the types, and neither is used again.
        let batches = unsafe { Batches::begin(pool.spawner(), types, (&raw const f).cast(), items, size, in_order) };
        Results { batches, results: PhantomData }
    }

    /// The next result, if it comes within `seconds`; `None` if it does not, or if there
    /// is none left.
    #[track_caller]
    pub fn next_timeout(&mut self, seconds: f64) -> Option<Result<T, TaskError>> {
        self.next_until(deadline(Some(seconds)))
    }

    #[track_caller]
    fn next_until(&mut self, deadline: Option<Instant>) -> Option<Result<T, TaskError>> {
        match self.batches.next(deadline) {
            // SAFETY: it is there, of that type, and nobody else's.
            Some(Ok(place)) => Some(Ok(unsafe { place.cast::<T>().read() })),
            Some(Err(error)) => Some(Err(error)),
            None => None,
        }
    }
}

impl<T: Send + 'static> Iterator for Results<T> {
    type Item = Result<T, TaskError>;

    #[track_caller]
    fn next(&mut self) -> Option<Result<T, TaskError>> {
        self.next_until(None)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.batches.left, Some(self.batches.left))
    }
}
