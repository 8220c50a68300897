//! The result of a task, which may still be to come.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::TaskError;
use super::core::{Core, Value};

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
pub struct Future<T> {
    core: Arc<Core>,
    /// Makes the result of what the task has left behind.
    open: fn(Value) -> Result<T, TaskError>,
    /// Taken over from the core when somebody asks.
    received: OnceLock<Result<T, TaskError>>,
}

impl<T: Send + 'static> Future<T> {
    /// The future of a task whose value is a `T`.
    pub(crate) fn of(core: Arc<Core>) -> Future<T> {
        Future::new(core, unbox)
    }
}

fn unbox<T: 'static>(value: Value) -> Result<T, TaskError> {
    // Whoever makes a future gives it a task of its type.
    value.downcast().map(|value| *value).map_err(|_| TaskError::Lost)
}

impl<T> Future<T> {
    /// The future of a task; `open` makes its result of what the task has left behind.
    pub(crate) fn new(core: Arc<Core>, open: fn(Value) -> Result<T, TaskError>) -> Future<T> {
        Future { core, open, received: OnceLock::new() }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// The outcome of a task that has ended.
    fn receive(&self) -> &Result<T, TaskError> {
        self.received.get_or_init(|| self.core.take().and_then(self.open))
    }

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
        self.core.wait(None);
        self.receive().clone()
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
        if !wait_seconds(&self.core, Some(seconds)) {
            return Err(TaskError::TimedOut);
        }
        self.receive().clone()
    }

    /// As [`result`](Future::result), for results that are large or cannot be copied.
    ///
    /// # Errors
    /// As [`result`](Future::result).
    #[track_caller]
    pub fn result_ref(&self) -> Result<&T, TaskError> {
        self.core.wait(None);
        self.receive().as_ref().map_err(Clone::clone)
    }

    /// As [`result`](Future::result), and the future is used up.
    ///
    /// # Errors
    /// As [`result`](Future::result).
    #[track_caller]
    pub fn into_result(self) -> Result<T, TaskError> {
        self.core.wait(None);
        self.receive();
        self.received.into_inner().unwrap_or(Err(TaskError::Lost))
    }

    /// Waits until the task has ended; its error, if it has no result.
    ///
    /// Python raises `CancelledError` for a cancelled task; here that is an error like others.
    #[track_caller]
    pub fn exception(&self) -> Option<TaskError> {
        self.result_ref().err()
    }

    /// Whether the task has ended, well or not.
    pub fn done(&self) -> bool {
        self.core.has_ended()
    }

    /// Whether a worker is at it.
    pub fn running(&self) -> bool {
        self.core.is_running()
    }

    /// Cancels the task if it has not begun: says whether it is cancelled. A task that
    /// runs cannot be stopped from outside.
    pub fn cancel(&self) -> bool {
        self.core.cancel()
    }

    /// Whether the task was cancelled.
    pub fn cancelled(&self) -> bool {
        self.core.is_cancelled()
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
        self.core.at_end(Box::new(callback));
    }
}

impl<T> fmt::Debug for Future<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(state_text(&self.core))
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

#[track_caller]
fn wait_seconds(core: &Core, seconds: Option<f64>) -> bool {
    core.wait(deadline(seconds))
}
