//! Executors: who does a task. One trait, several ways.
//!
//! The way of a task: [`Executor::submit`] boxes the closure (all that is compiled for its
//! type) and makes a [`Core`](core::Core) of it, the state that the executor and the
//! [`Future`] share. A worker moves it from queued to running, runs it and leaves its value
//! or its panic there; the future takes that over when somebody asks. [`several`] waits for
//! many of them; [`looks`] says for how long a thread looks before it sleeps.
//!
//! A thread of an executor that waits for a task which nobody has begun does it itself.
//! So tasks may submit tasks to their own executor and wait for them: as each of them
//! either runs (and ends some day) or is done by who waits for it, none waits for a free
//! thread. No other task is done meanwhile, so nothing unexpected runs while the waiting
//! one holds a lock.

mod call;
pub(crate) mod core;
mod error;
#[cfg(all(test, unix))]
mod fork_tests;
mod future;
pub(crate) mod looks;
mod rayon;
mod sequential;
pub(crate) mod several;
#[cfg(test)]
mod tests;
mod threads;

pub use call::CallWith;
pub use error::TaskError;
pub use future::Future;
pub use rayon::RayonExecutor;
pub use sequential::SequentialExecutor;
pub use several::{AsCompleted, ReturnWhen, as_completed, wait};

pub use threads::ThreadPoolExecutor;

pub(crate) use future::{Handle, deadline};

/// Who does tasks whose results are of type `T`.
///
/// Written for any of them, code can be run by all:
///
/// ```
/// # use threadbook::prelude::*;
/// fn squares(executor: &impl Executor<u64>) -> Vec<u64> {
///     executor.map(|x| x * x, 1..=4).unwrap()
/// }
/// assert_eq!(squares(&SequentialExecutor::new()), [1, 4, 9, 16]);
/// ```
pub trait Executor<T: 'static> {
    /// Hands a task in and returns at once: the [`Future`] is where its result will be.
    /// (A [`SequentialExecutor`] returns when the task is done.)
    ///
    /// After [`shutdown`](Executor::shutdown) the future ends with [`TaskError::Shutdown`].
    fn submit<F: FnOnce() -> T + Send + 'static>(&self, task: F) -> Future<T>;

    /// Calls `f` with each item and gives the results in the order of the items.
    ///
    /// Python's `map` gives an iterator; this one waits for all, and unwinds on an
    /// interrupt.
    ///
    /// # Errors
    /// That of the first item in the order that has one. Items after it may not be begun.
    #[track_caller]
    fn map<A, F, I>(&self, f: F, items: I) -> Result<Vec<T>, TaskError>
    where
        A: Send + 'static,
        F: Fn(A) -> T + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        let f = std::sync::Arc::new(f);
        let tasks = items.into_iter().map(|item| {
            let f = f.clone();
            self.submit(move || f(item))
        });
        let futures: Vec<Future<T>> = tasks.collect();
        let mut futures = futures.into_iter();
        let results = futures.by_ref().map(Future::into_result).collect();
        for future in futures {
            future.cancel();
        }
        results
    }

    /// As [`map`](Executor::map), for a function of several arguments and items that are
    /// tuples.
    ///
    /// ```
    /// # use threadbook::prelude::*;
    /// let executor = SequentialExecutor::new();
    /// assert_eq!(executor.starmap(u64::pow, [(2, 3), (3, 2)]), Ok(vec![8, 9]));
    /// ```
    ///
    /// # Errors
    /// As [`map`](Executor::map).
    #[track_caller]
    fn starmap<A, F, I>(&self, f: F, items: I) -> Result<Vec<T>, TaskError>
    where
        A: Send + 'static,
        F: CallWith<A, Output = T> + Send + Sync + 'static,
        I: IntoIterator<Item = A>,
    {
        self.map(move |args| f.call_with(args), items)
    }

    /// Takes no more tasks, waits for those that were submitted, and lets the workers go.
    /// A drop of the executor does the same, except while a panic or an interrupt unwinds:
    /// then nothing is waited for, and what was not begun is cancelled.
    fn shutdown(&self);
}
