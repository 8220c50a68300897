//! An interrupt reaches a cell where it waits: the wait ends by unwinding, as a panic
//! does, but without a panic's message.
//!
//! Every function of the prelude that can wait for long enters a [`Wait`]. When the
//! kernel asks a run to stop, its waits wake and see it. At first only the cell itself
//! is stopped; when that is not enough (it waits in std for a thread of its own, say),
//! the run's threads are, too. What does not wait in the prelude notices nothing: for
//! that the kernel has its checkpoint.

use std::cell::{Cell, RefCell};
use std::panic::{self, Location};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::host;
use crate::message::Place;

/// What a stopped wait unwinds with.
pub struct Interrupted(pub Place);

/// The run that is to stop; 0 is none.
static STOPPED_RUN: AtomicU64 = AtomicU64::new(0);
/// Its threads are to stop, too.
static EVERYONE: AtomicBool = AtomicBool::new(false);
static WAITS: Mutex<Vec<Arc<Bell>>> = Mutex::new(Vec::new());
/// Rings for those who wait in the async runtime.
static ASYNC_BELL: Notify = Notify::const_new();

thread_local! {
    static IS_CELL_THREAD: Cell<bool> = const { Cell::new(false) };
    /// Where the calling thread was stopped last.
    static LAST_STOP: RefCell<Option<Place>> = const { RefCell::new(None) };
}

/// What a waiting thread sleeps on. (Not `thread::park`: its token may be the person's.)
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    rings: Condvar,
}

impl Bell {
    fn ring(&self) {
        *lock(&self.rung) = true;
        self.rings.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Held while the process forks, so that the copy finds the list whole.
pub(super) fn lock_waits() -> impl Drop {
    lock(&WAITS)
}

/// Marks the calling thread as the one that runs cells.
pub(super) fn is_cell_thread() {
    IS_CELL_THREAD.set(true);
}

pub(super) fn on_cell_thread() -> bool {
    IS_CELL_THREAD.get()
}

/// A run begins: what its predecessor was asked does not concern it.
pub(super) fn reset() {
    STOPPED_RUN.store(0, Ordering::Release);
    EVERYONE.store(false, Ordering::Release);
}

/// In a copy of the process: those who waited do not exist in it.
pub(super) fn forget_waits() {
    lock(&WAITS).clear();
    reset();
}

/// Asks a run to stop.
pub(super) fn ask(run: u64, everyone: bool) {
    if everyone {
        EVERYONE.store(true, Ordering::Release);
    }
    STOPPED_RUN.store(run, Ordering::Release);
    ASYNC_BELL.notify_waiters();
    for bell in lock(&WAITS).iter() {
        bell.ring();
    }
}

/// Whether the calling thread is to stop.
fn is_asked() -> bool {
    let stopped = STOPPED_RUN.load(Ordering::Acquire);
    stopped != 0
        && (on_cell_thread() || EVERYONE.load(Ordering::Acquire))
        && host::current_run() == stopped
        // A second unwinding would end the process.
        && !thread::panicking()
}

/// Unwinds if the calling thread is to stop. The place told is the caller's.
#[track_caller]
pub fn check() {
    if is_asked() {
        stop(Location::caller());
    }
}

/// As [`check`], called by code that no person wrote: no place is told.
pub(super) fn check_unplaced() {
    if is_asked() {
        unwind(Place::default())
    }
}

#[cold]
fn stop(place: &'static Location<'static>) -> ! {
    unwind(Place { file: place.file().to_owned(), line: place.line(), column: place.column() })
}

fn unwind(place: Place) -> ! {
    LAST_STOP.replace(Some(place.clone()));
    panic::resume_unwind(Box::new(Interrupted(place)))
}

/// Where the calling thread was stopped since [`forget_stop`], if it was: for code that
/// catches what it unwinds with.
pub(super) fn take_stop() -> Option<Place> {
    LAST_STOP.take()
}

pub(super) fn forget_stop() {
    LAST_STOP.take();
}

#[cfg(test)]
pub(super) fn stop_here() {
    stop(Location::caller());
}

/// The calling thread waits, and can be woken by [`waker`](Wait::waker) or an interrupt.
pub struct Wait {
    bell: Arc<Bell>,
    place: &'static Location<'static>,
}

impl Wait {
    #[track_caller]
    pub fn begin() -> Wait {
        let bell = Arc::new(Bell::default());
        lock(&WAITS).push(bell.clone());
        Wait { bell, place: Location::caller() }
    }

    /// What ends a [`pause`](Wait::pause) from another thread.
    pub fn waker(&self) -> Waker {
        Waker(self.bell.clone())
    }

    /// Waits until the waker is used or `deadline` has passed.
    ///
    /// Unwinds on an interrupt.
    pub fn pause(&self, deadline: Option<Instant>) {
        let mut rung = lock(&self.bell.rung);
        loop {
            if is_asked() {
                drop(rung);
                stop(self.place);
            }
            if std::mem::take(&mut *rung) {
                return;
            }
            rung = match deadline {
                None => self.bell.rings.wait(rung).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left == Duration::ZERO {
                        return;
                    }
                    self.bell.rings.wait_timeout(rung, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        lock(&WAITS).retain(|bell| !Arc::ptr_eq(bell, &self.bell));
    }
}

/// See [`Wait::waker`].
#[derive(Clone)]
pub struct Waker(Arc<Bell>);

impl Waker {
    pub fn wake(&self) {
        self.0.ring();
    }

    /// Whether it is a waker of this wait.
    pub fn wakes(&self, wait: &Wait) -> bool {
        Arc::ptr_eq(&self.0, &wait.bell)
    }
}

/// Waits for `duration`.
///
/// Unwinds on an interrupt.
#[track_caller]
pub fn sleep(duration: Duration) {
    let wait = Wait::begin();
    // Too far to count is for ever.
    let deadline = Instant::now().checked_add(duration);
    loop {
        wait.pause(deadline);
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return;
        }
    }
}

/// Ends when some run is asked to stop after this call.
pub(super) fn asked() -> Notified<'static> {
    ASYNC_BELL.notified()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_by_its_waker_and_by_its_deadline() {
        let wait = Wait::begin();
        wait.pause(Some(Instant::now() + Duration::from_millis(1)));
        let waker = wait.waker();
        let other = thread::spawn(move || waker.wake());
        wait.pause(None);
        other.join().expect("it only wakes");
    }

    #[test]
    fn a_wake_before_the_pause_counts() {
        let wait = Wait::begin();
        wait.waker().wake();
        wait.pause(None);
    }
}
