//! The result of a task, which may still be to come.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::TaskError;
use super::core::{Core, Outcome, Value};
use crate::__rt::boxed::{borrowed, boxed, unboxed};
use crate::__rt::owned::owner;

/// The result of a task, which may still be to come.
///
/// [`submit`](super::Executor::submit) hands it out. All questions are asked by reference,
/// and again as often as wanted. A future that is dropped lets its task go on; if that
/// task panics and nobody has asked, the panic is printed.
///
/// In place of [`std::future::Future`], which is for `.await`, this one is asked by a
/// thread that waits. So it is not part of the prelude under this name but as
/// `TaskFuture`.
///
/// ```
/// # use threadbook::prelude::*;
/// let executor = ThreadPoolExecutor::new(2);
/// let future = executor.submit(|| 6 * 7);
/// assert_eq!(future.result(), Ok(42));
/// assert!(future.done());
/// ```
#[repr(transparent)]
pub struct Future<T> {
    handle: Handle,
    /// (Exactly this type: what the value is taken for must not change.)
    result: PhantomData<fn(T) -> T>,
}

/// What a future is inside, whatever its type.
pub(crate) struct Inner {
    core: Arc<Core>,
    /// Makes the result of what the task has left behind, if that is not it.
    open: Option<Open>,
    /// Taken over from the core when somebody asks.
    received: OnceLock<Outcome>,
}

type Open = fn(Value) -> Outcome;

owner! {
    /// See [`Inner`].
    Handle of Inner
}

impl Handle {
    pub(crate) fn of(core: Arc<Core>, open: Option<Open>) -> Handle {
        Handle::own(Inner { core, open, received: OnceLock::new() })
    }
}

impl Inner {
    /// Waits, and gives what the task has left behind.
    #[track_caller]
    fn wait(&self, seconds: Option<f64>) -> Result<&(dyn Any + Send), TaskError> {
        if !self.core.wait(deadline(seconds)) {
            return Err(TaskError::TimedOut);
        }
        let received = self.received.get_or_init(|| match self.open {
            None => self.core.take(),
            Some(open) => self.core.take().and_then(open),
        });
        received.as_deref().map_err(Clone::clone)
    }

    #[track_caller]
    fn error(&self) -> Option<TaskError> {
        self.wait(None).err()
    }

    #[track_caller]
    fn into_value(mut self) -> Outcome {
        self.wait(None)?;
        self.received.take().unwrap_or(Err(TaskError::Lost))
    }
}

impl Handle {
    #[track_caller]
    #[inline(never)]
    fn into_value(self) -> Outcome {
        self.into_inner().into_value()
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }
}

// SAFETY: all that two threads can do with the value at once is to borrow it as `T`.
unsafe impl<T: Sync> Sync for Future<T> {}

impl<T> Future<T> {
    /// The future of a task whose value is a `T` (and `Send`, as all values of tasks).
    pub(crate) fn around(handle: Handle) -> Future<T> {
        Future { handle, result: PhantomData }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        self.handle.core()
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The future that this handle was taken from.
    ///
    /// # Safety
    /// It was one of that type.
    pub(crate) unsafe fn of_handle(handle: &Handle) -> &Future<T> {
        // SAFETY: a future is a handle; for the type see the caller's promise.
        unsafe { &*std::ptr::from_ref(handle).cast() }
    }
}

impl<T: 'static> Future<T> {
    /// Waits until the task has ended, and gives a copy of its result.
    ///
    /// On a thread of an executor, a task that nobody has begun is done here and now: so
    /// tasks may wait for tasks without using up the threads.
    ///
    /// Unwinds on an interrupt, as all that waits does.
    ///
    /// # Errors
    /// How the task ended otherwise. Python raises the task's exception here.
    #[track_caller]
    pub fn result(&self) -> Result<T, TaskError>
    where
        T: Clone,
    {
        match self.handle.wait(None) {
            Ok(value) => Ok(borrowed::<T>(value).clone()),
            Err(error) => Err(error),
        }
    }

    /// As [`result`](Future::result), for `seconds` at most. Negative and NaN ask without
    /// waiting.
    ///
    /// # Errors
    /// [`TaskError::TimedOut`] if the task has not ended: it goes on, and can be asked
    /// again.
    #[track_caller]
    pub fn result_timeout(&self, seconds: f64) -> Result<T, TaskError>
    where
        T: Clone,
    {
        match self.handle.wait(Some(seconds)) {
            Ok(value) => Ok(borrowed::<T>(value).clone()),
            Err(error) => Err(error),
        }
    }

    /// As [`result`](Future::result), for results that are large or cannot be copied.
    ///
    /// # Errors
    /// As [`result`](Future::result).
    #[track_caller]
    pub fn result_ref(&self) -> Result<&T, TaskError> {
        match self.handle.wait(None) {
            Ok(value) => Ok(borrowed(value)),
            Err(error) => Err(error),
        }
    }

    /// As [`result`](Future::result), and the future is used up.
    ///
    /// # Errors
    /// As [`result`](Future::result).
    #[track_caller]
    pub fn into_result(self) -> Result<T, TaskError> {
        match self.handle.into_value() {
            Ok(value) => Ok(unboxed(value)),
            Err(error) => Err(error),
        }
    }

    /// Waits until the task has ended; its error, if it has no result.
    ///
    /// Python raises `CancelledError` for a cancelled task; here that is an error like others.
    #[track_caller]
    pub fn exception(&self) -> Option<TaskError> {
        self.handle.error()
    }
}

impl<T> Future<T> {
    /// Whether the task has ended, well or not.
    pub fn done(&self) -> bool {
        self.core().has_ended()
    }

    /// Whether a worker is at it.
    pub fn running(&self) -> bool {
        self.core().is_running()
    }

    /// Cancels the task if it has not begun: says whether it is cancelled. A task that
    /// runs cannot be stopped from outside.
    pub fn cancel(&self) -> bool {
        self.core().cancel()
    }

    /// Whether the task was cancelled.
    pub fn cancelled(&self) -> bool {
        self.core().is_cancelled()
    }

    /// Calls `callback` when the task ends, on the thread where it ends, with how it ended;
    /// at once if it has ended. A callback's panic is printed and harms nobody.
    ///
    /// (Python's callbacks get the future. This one may be gone by then.)
    ///
    /// ```
    /// # use threadbook::prelude::*;
    /// let future = SequentialExecutor::new().submit(|| 1);
    /// future.add_done_callback(|ending| assert!(ending.is_ok()));
    /// ```
    pub fn add_done_callback(&self, callback: impl FnOnce(Result<(), TaskError>) + Send + 'static) {
        self.core().at_end(boxed(callback));
    }
}

impl<T> fmt::Debug for Future<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(state_text(self.core()))
    }
}

fn state_text(core: &Core) -> &'static str {
    if !core.has_ended() {
        return if core.is_running() { "<Future: running>" } else { "<Future: waiting to run>" };
    }
    match core.error() {
        None => "<Future: finished>",
        Some(TaskError::Cancelled) => "<Future: cancelled>",
        Some(TaskError::Panicked(_)) => "<Future: panicked>",
        Some(_) => "<Future: failed>",
    }
}

/// A time limit in seconds as a point in time; `None` if there is none.
pub(crate) fn deadline(seconds: Option<f64>) -> Option<Instant> {
    let seconds = seconds?;
    let duration = if seconds.is_nan() || seconds <= 0.0 {
        Duration::ZERO
    } else {
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    };
    // Too far to count is for ever.
    Instant::now().checked_add(duration)
}
