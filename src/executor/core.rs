//! What every future and every task is inside, whatever its type: compiled once, here.

use std::any::Any;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Instant;

use super::TaskError;
use super::looks::{Experience, Looks};
use crate::__rt::boxed::boxed;
use crate::__rt::caught::{self, Caught};
use crate::__rt::guarded::{Guarded, generation};
use crate::__rt::host;
use crate::__rt::interrupt::{Interrupted, Wait, Waker};
use crate::message::PanicReport;
use crate::queue::taken;
use crate::timeline::{self, Span};

/// A result on its way to the future that knows its type.
pub(crate) type Value = Box<dyn Any + Send>;
/// What a task does.
pub(crate) type Work = Box<dyn FnOnce() -> Value + Send>;
/// The work that a closure is.
pub(crate) fn work<T: Send + 'static>(task: impl FnOnce() -> T + Send + 'static) -> Work {
    boxed(|| boxed(task()) as Value)
}

/// How a task ended.
pub(crate) type Outcome = Result<Value, TaskError>;
/// Called at the end of a task.
pub(crate) type Callback = Box<dyn FnOnce(Result<(), TaskError>) + Send>;

const QUEUED: u8 = 0;
const RUNNING: u8 = 1;
const ENDED: u8 = 2;

/// A task from its submission on: the state that its future and its executor share.
///
/// It goes from queued to running to ended, or straight from queued to ended. Who moves it
/// out of `QUEUED` (a worker, a thread that waits for it, a cancel) is the only one to do
/// so, and owns what comes next.
pub(crate) struct Core {
    phase: AtomicU8,
    shared: Guarded<Shared>,
    /// Processes since have no thread that works on it.
    generation: u32,
    /// The run of the cell that submitted it.
    run: u64,
    /// What it is called in timelines.
    number: Option<u64>,
    /// Its panic was handed to somebody.
    asked: AtomicBool,
}

#[derive(Default)]
struct Shared {
    work: Option<Work>,
    outcome: Option<Outcome>,
    /// The error among the outcomes stays when the outcome is taken.
    error: Option<TaskError>,
    panic: Option<PanicReport>,
    wakers: Vec<Waker>,
    callbacks: Vec<Callback>,
}

thread_local! {
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
}

/// Marks the calling thread as one of an executor: when it waits for a task that nobody
/// has begun, it does that task itself, so that tasks which wait for each other do not
/// need more threads than there are.
pub(crate) fn is_worker() {
    IS_WORKER.set(true);
}

/// Of those who have waited for results.
pub(super) static RESULTS: Experience = Experience::new();

impl Core {
    fn make(work: Option<Work>, number: Option<u64>) -> Arc<Core> {
        Arc::new(Core {
            phase: AtomicU8::new(QUEUED),
            shared: Guarded::new(Shared { work, ..Shared::default() }),
            generation: generation(),
            run: host::current_run(),
            number,
            asked: AtomicBool::new(false),
        })
    }

    /// A task that threads of this process do: see [`run`](Core::run).
    pub fn new(work: Work) -> Arc<Core> {
        Core::make(Some(work), Some(timeline::next_number()))
    }

    /// As [`new`](Core::new), for what does many tasks one after the other, and records
    /// each of them itself.
    pub fn runner(work: Work) -> Arc<Core> {
        Core::make(Some(work), None)
    }

    /// A task that is done elsewhere: whoever does it calls [`begin`](Core::begin), and
    /// [`finish`](Core::finish) in the end. A thread that waits for it never does it itself.
    pub fn remote() -> Arc<Core> {
        Core::make(None, Some(timeline::next_number()))
    }

    /// What a thread does in its life. It is done as [`remote`](Core::remote) tasks are.
    pub fn thread() -> Arc<Core> {
        Core::make(None, None)
    }

    /// Records it in timelines until the span is dropped.
    pub fn record(&self) -> Option<Span> {
        self.number.map(|number| timeline::task("task", number))
    }

    /// The run of the cell that submitted it.
    pub fn cell_run(&self) -> u64 {
        self.run
    }

    /// Whether the task was still queued. It is the caller's now.
    pub fn begin(&self) -> bool {
        self.leave_queue(RUNNING)
    }

    fn leave_queue(&self, next: u8) -> bool {
        self.phase.compare_exchange(QUEUED, next, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Does the task, unless somebody else has begun it, on the calling thread. Returns
    /// what an interrupt unwound with.
    pub fn run(&self) -> Option<Interrupted> {
        if !self.begin() {
            return None;
        }
        let work = self.shared.lock().work.take()?;
        let span = self.record();
        let outcome = run_work(work);
        // Before anybody learns of the end.
        drop(span);
        match outcome {
            Ok(value) => self.finish(Ok(value)),
            Err(Caught::Panicked(report)) => self.finish_panicked(report),
            Err(Caught::Interrupted(interrupted)) => {
                self.finish(Err(TaskError::Interrupted));
                return Some(interrupted);
            }
        }
        None
    }

    /// As [`run`](Core::run), for a worker: neither an interrupt nor what a value's drop
    /// panics with goes beyond the task.
    pub fn run_and_drop(self: Arc<Core>) {
        let run = self.run;
        drop(self.run());
        let mut core = Some(self);
        if let Err(Caught::Panicked(report)) = caught::catch(&mut || drop(core.take())) {
            caught::tell(report, run);
        }
    }

    /// Does `work` as a thread's, and tells a panic at once. `last` is called
    /// before anybody learns of the end.
    pub fn run_aloud(&self, work: Work, last: impl FnOnce()) {
        let span = timeline::span("run");
        let outcome = run_work(work).map_err(|caught| match caught {
            Caught::Panicked(report) => {
                let error = TaskError::Panicked(panic_text(&report));
                caught::tell(report, self.run);
                error
            }
            Caught::Interrupted(_) => TaskError::Interrupted,
        });
        drop(span);
        last();
        self.finish(outcome);
    }

    /// Ends a task that was begun, or one of which nothing will come any more. Later
    /// endings are passed over.
    pub fn finish(&self, outcome: Outcome) {
        let mut outcome = Some(outcome);
        let mut shared = self.shared.lock();
        if self.phase.load(Ordering::Acquire) == ENDED {
            drop(shared);
            // (Its drop may run any code.)
            return drop(outcome.take());
        }
        let work = shared.work.take();
        shared.error = outcome.as_ref().and_then(|outcome| outcome.as_ref().err().cloned());
        shared.outcome = outcome.take();
        self.phase.store(ENDED, Ordering::Release);
        let wakers = std::mem::take(&mut shared.wakers);
        let callbacks = std::mem::take(&mut shared.callbacks);
        drop(shared);
        drop(work);
        for waker in wakers {
            waker.wake();
        }
        for callback in callbacks {
            self.call(callback);
        }
    }

    /// As [`finish`](Core::finish), for a panic that is shown when nobody asks for it.
    pub fn finish_panicked(&self, report: PanicReport) {
        let error = TaskError::Panicked(panic_text(&report));
        self.shared.lock().panic = Some(report);
        self.finish(Err(error));
    }

    /// A callback that panics is told, and harms nobody.
    fn call(&self, callback: Callback) {
        let ending = self.error().map_or(Ok(()), Err);
        let mut callback = Some(callback);
        let called = caught::catch(&mut || {
            if let Some(callback) = callback.take() {
                callback(ending.clone());
            }
        });
        if let Err(Caught::Panicked(report)) = called {
            caught::tell(report, self.run);
        }
    }

    /// Cancels it unless it has begun.
    pub fn cancel(&self) -> bool {
        if self.leave_queue(RUNNING) {
            self.finish(Err(TaskError::Cancelled));
        }
        self.is_cancelled()
    }

    pub fn is_cancelled(&self) -> bool {
        self.has_ended() && self.error() == Some(TaskError::Cancelled)
    }

    pub fn is_running(&self) -> bool {
        !self.has_ended() && self.phase.load(Ordering::Acquire) == RUNNING
    }

    /// Whether it has ended. In a copy of the process, what had not is lost.
    pub fn has_ended(&self) -> bool {
        if self.phase.load(Ordering::Acquire) == ENDED {
            return true;
        }
        if self.generation == generation() {
            return false;
        }
        self.finish(Err(TaskError::Lost));
        true
    }

    /// The error it has ended with, if so.
    pub fn error(&self) -> Option<TaskError> {
        self.shared.lock().error.clone()
    }

    /// The outcome of a task that has ended, for the one future that it has. Whoever gets
    /// a panic is the one to tell it.
    pub fn take(&self) -> Outcome {
        self.asked.store(true, Ordering::Release);
        let mut shared = self.shared.lock();
        let error = shared.error.clone().unwrap_or(TaskError::Lost);
        shared.outcome.take().unwrap_or(Err(error))
    }

    /// Calls back at the end; at once if that has come.
    pub fn at_end(&self, callback: Callback) {
        if !self.has_ended() {
            let mut shared = self.shared.lock();
            if self.phase.load(Ordering::Acquire) != ENDED {
                return shared.callbacks.push(callback);
            }
        }
        self.call(callback);
    }

    /// Waits until it has ended; says whether it has. `None` waits without limit.
    ///
    /// Unwinds on an interrupt.
    #[track_caller]
    pub fn wait(&self, deadline: Option<Instant>) -> bool {
        if self.has_ended() {
            return true;
        }
        if deadline.is_none() {
            self.run_if_worker();
        }
        let mut looks = Looks::new(&RESULTS);
        while looks.again() {
            if self.has_ended() {
                looks.found();
                return true;
            }
        }
        let wait = Wait::begin();
        if !self.wake_at_end(&wait) {
            return true;
        }
        let _forget = Forget { core: self, wait: &wait };
        while !self.has_ended() {
            wait.pause(deadline);
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return self.has_ended();
            }
        }
        true
    }

    /// On a thread of an executor: does the task here if it is still queued.
    ///
    /// Unwinds on an interrupt.
    pub fn run_if_worker(&self) -> bool {
        if !IS_WORKER.get() || self.phase.load(Ordering::Acquire) != QUEUED || self.shared.lock().work.is_none() {
            return false;
        }
        if let Some(interrupted) = self.run() {
            std::panic::resume_unwind(Box::new(interrupted));
        }
        true
    }

    /// Whether there is an end to wait for.
    fn wake_at_end(&self, wait: &Wait) -> bool {
        let mut shared = self.shared.lock();
        let waits = self.phase.load(Ordering::Acquire) != ENDED;
        if waits {
            shared.wakers.push(wait.waker());
        }
        waits
    }
}

/// Nobody waits any more, however the wait ended.
struct Forget<'a> {
    core: &'a Core,
    wait: &'a Wait,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.core.shared.lock().wakers.retain(|waker| !waker.wakes(self.wait));
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        let shared = self.shared.get_mut();
        if let Some(report) = shared.panic.take()
            && !*self.asked.get_mut()
        {
            caught::tell(report, self.run);
        }
    }
}

/// Runs `work` as a task.
fn run_work(work: Work) -> Result<Value, Caught> {
    let (mut work, mut value) = (Some(work), None);
    let before = taken::begin();
    let caught = caught::catch(&mut || value = work.take().map(|work| work()));
    taken::end(before, caught.is_ok());
    caught?;
    Ok(value.expect("the work has returned"))
}

/// As what a task's end goes to who asks for its result.
pub(crate) fn error_of(caught: Caught) -> TaskError {
    match caught {
        Caught::Panicked(report) => TaskError::Panicked(panic_text(&report)),
        Caught::Interrupted(_) => TaskError::Interrupted,
    }
}

/// The message, and in a program the place. (A notebook's cells are not where the compiler
/// thinks they are: the kernel alone can tell.)
pub(crate) fn panic_text(report: &PanicReport) -> String {
    let PanicReport { text, file, line, column, .. } = report;
    if file.is_empty() || host::is_notebook() { text.clone() } else { format!("{text} (at {file}:{line}:{column})") }
}
