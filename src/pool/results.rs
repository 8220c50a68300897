//! Results one by one, while others are still being made.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::workers::Spawn;
use crate::__rt::caught::{self, Caught};
use crate::__rt::owned::owner;
use crate::executor::core::{Core, panic_text};
use crate::executor::several::Ends;
use crate::executor::{TaskError, deadline};

/// What a chunk of items leaves behind.
pub(crate) type Batch<T> = Vec<Result<T, TaskError>>;

/// Results one by one: see [`ThreadPool::imap`](super::ThreadPool::imap).
///
/// Each step waits, and unwinds on an interrupt. What was not begun is cancelled when this
/// is dropped. (Python's pools go on.)
pub struct Results<T> {
    batches: Owner,
    /// Of the batch that came last.
    ready: VecDeque<Result<T, TaskError>>,
    left: usize,
}

enum Order {
    /// That of the items; the next one's index.
    Items(usize),
    /// That of the ends.
    Ends(Ends),
}

owner! {
    /// See [`Batches`].
    Owner of Batches
}

pub(crate) struct Batches {
    cores: Vec<Arc<Core>>,
    sizes: Vec<usize>,
    order: Order,
}

impl Batches {
    /// The next batch's size and its task, which has ended; `None` when the time has come.
    #[track_caller]
    fn next(&mut self, deadline: Option<Instant>) -> Option<(usize, &Core)> {
        let index = match &mut self.order {
            Order::Ends(ends) => ends.next(deadline)?,
            Order::Items(next) => {
                let core = self.cores.get(*next)?;
                if !core.wait(deadline) {
                    return None;
                }
                *next += 1;
                *next - 1
            }
        };
        Some((self.sizes[index], &self.cores[index]))
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
    pub(crate) fn begin<A, F>(spawn: &dyn Spawn, f: F, items: Vec<A>, size: usize, in_order: bool) -> Results<T>
    where
        A: Send + 'static,
        F: Fn(A) -> T + Send + Sync + 'static,
    {
        let f = Arc::new(f);
        let left = items.len();
        let mut items = items.into_iter();
        let mut sizes = Vec::new();
        let cores: Vec<Arc<Core>> = std::iter::from_fn(|| {
            let chunk: Vec<A> = items.by_ref().take(size).collect();
            if chunk.is_empty() {
                return None;
            }
            sizes.push(chunk.len());
            let f = f.clone();
            Some(Core::new(Box::new(move || {
                let batch: Batch<T> = chunk.into_iter().map(|item| one(|| f(item))).collect();
                Box::new(batch)
            })))
        })
        .collect();
        let order = if in_order { Order::Items(0) } else { Order::Ends(Ends::of(cores.clone())) };
        for core in &cores {
            spawn.spawn(core.clone());
        }
        Results { batches: Owner::own(Batches { cores, sizes, order }), ready: VecDeque::new(), left }
    }

    /// The next result, if it comes within `seconds`; `None` if it does not, or if there
    /// is none left.
    #[track_caller]
    pub fn next_timeout(&mut self, seconds: f64) -> Option<Result<T, TaskError>> {
        self.next_until(deadline(Some(seconds)))
    }

    #[track_caller]
    fn next_until(&mut self, deadline: Option<Instant>) -> Option<Result<T, TaskError>> {
        if self.ready.is_empty() {
            let (size, core) = self.batches.next(deadline)?;
            let batch = core.take().map(|batch| batch.downcast::<Batch<T>>());
            let failed = |error: TaskError| (0..size).map(|_| Err(error.clone())).collect();
            self.ready = match batch {
                Ok(Ok(batch)) => VecDeque::from(*batch),
                // Of none of them is more known.
                Ok(Err(_)) => failed(TaskError::Lost),
                Err(error) => failed(error),
            };
        }
        self.left -= 1;
        self.ready.pop_front()
    }
}

/// The result of one item. A panic ends that item alone.
fn one<T>(f: impl FnOnce() -> T) -> Result<T, TaskError> {
    let (mut f, mut value) = (Some(f), None);
    let ending = catch_one(&mut || value = f.take().map(|f| f()));
    ending.and_then(|()| value.ok_or(TaskError::Lost))
}

fn catch_one(f: &mut dyn FnMut()) -> Result<(), TaskError> {
    caught::catch(f).map_err(|caught| match caught {
        Caught::Panicked(report) => TaskError::Panicked(panic_text(&report)),
        Caught::Interrupted(_) => TaskError::Interrupted,
    })
}

impl<T: Send + 'static> Iterator for Results<T> {
    type Item = Result<T, TaskError>;

    #[track_caller]
    fn next(&mut self) -> Option<Result<T, TaskError>> {
        self.next_until(None)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}
