//! A lock that protects nothing by itself, as Python's.

use std::fmt;

use crate::__rt::guarded::{Guarded, Held, generation};
use crate::__rt::waiters::{Waiters, thread_number, wait_until};
use crate::executor::deadline;

/// A lock between threads (Python's `threading.Lock`).
///
/// It protects nothing by itself: that all threads take it before they touch what they
/// share is left to them. [`std::sync::Mutex`] holds what it protects and stays the first
/// choice. Unlike that one, this lock can be waited for with a time limit, and an interrupt
/// ends the wait.
///
/// ```
/// # use threadbook::prelude::*;
/// static LOCK: Lock = Lock::new();
///
/// // Held until the end of the block:
/// {
///     let _held = LOCK.lock();
///     println!("one at a time");
/// }
///
/// // The same by hand:
/// LOCK.acquire();
/// println!("one at a time");
/// LOCK.release();
/// ```
#[derive(Default)]
pub struct Lock {
    state: Guarded<State>,
}

#[derive(Default)]
struct State {
    /// The number of the thread that holds it.
    holder: Option<u64>,
    waiting: Waiters,
    /// In another generation the holder does not exist, nor those who wait.
    generation: u32,
}

impl State {
    fn check_generation(&mut self) {
        let now = generation();
        if self.generation != now {
            self.generation = now;
            self.holder = None;
            self.waiting.forget();
        }
    }
}

/// The lock is held until this is dropped: see [`Lock::lock`].
#[must_use = "the lock is let go at once if this is not kept in a variable: `let _held = lock.lock();`"]
pub struct LockGuard<'a>(&'a Lock);

impl Drop for LockGuard<'_> {
    fn drop(&mut self) {
        self.0.let_go();
    }
}

impl Lock {
    /// A lock that nobody holds.
    pub const fn new() -> Lock {
        Lock { state: Guarded::new(State { holder: None, waiting: Waiters::new(), generation: 0 }) }
    }

    /// Waits for the lock and holds it until the guard is dropped (Python's `with lock`),
    /// also when a panic does that.
    ///
    /// Unwinds on an interrupt.
    ///
    /// # Panics
    /// When the calling thread holds it already: it would wait for ever.
    #[track_caller]
    pub fn lock(&self) -> LockGuard<'_> {
        self.acquire();
        LockGuard(self)
    }

    /// Waits for the lock and holds it until [`release`](Lock::release) is called. A panic
    /// in between leaves it held: [`lock`](Lock::lock) does not.
    ///
    /// # Panics
    /// As [`lock`](Lock::lock).
    #[track_caller]
    pub fn acquire(&self) {
        let me = thread_number();
        assert!(self.checked().holder != Some(me), "this thread holds the lock already: it would wait for ever");
        self.take(None);
    }

    /// As [`acquire`](Lock::acquire), waiting for `seconds` at most; says whether the lock
    /// is held now.
    #[track_caller]
    #[must_use = "whether the lock is held now"]
    pub fn acquire_timeout(&self, seconds: f64) -> bool {
        self.take(Some(seconds))
    }

    /// Takes the lock if nobody holds it; says whether (Python's `acquire(blocking=False)`).
    #[must_use = "whether the lock is held now"]
    pub fn try_acquire(&self) -> bool {
        self.take(Some(0.0))
    }

    #[track_caller]
    fn take(&self, seconds: Option<f64>) -> bool {
        wait_until(&self.state, |state| &mut state.waiting, deadline(seconds), &mut |state| {
            state.check_generation();
            let is_free = state.holder.is_none();
            if is_free {
                state.holder = Some(thread_number());
            }
            is_free
        })
    }

    /// Lets the lock go. As in Python another thread than the holder may do so.
    ///
    /// # Panics
    /// When nobody holds it.
    #[track_caller]
    pub fn release(&self) {
        assert!(self.let_go(), "nobody holds this lock: acquire() it before release()");
    }

    /// Whether somebody held it.
    fn let_go(&self) -> bool {
        let mut state = self.checked();
        let was_held = state.holder.take().is_some();
        state.waiting.wake_one();
        was_held
    }

    /// Whether somebody holds it now (Python's `locked`).
    pub fn is_locked(&self) -> bool {
        self.checked().holder.is_some()
    }

    fn checked(&self) -> Held<'_, State> {
        let mut state = self.state.lock();
        state.check_generation();
        state
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_locked() { "<Lock: held>" } else { "<Lock: free>" })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::thread;

    use super::*;
    use crate::thread::Thread;

    #[test]
    fn one_thread_at_a_time() {
        struct Shared(Lock, Cell<u64>);
        // SAFETY: the number is touched by the lock's holder only, which this test is about.
        unsafe impl Sync for Shared {}
        let shared = Shared(Lock::new(), Cell::new(0));
        let count = |shared: &Shared| {
            for turn in 0..2000 {
                let guard = (turn % 2 == 0).then(|| shared.0.lock());
                if guard.is_none() {
                    shared.0.acquire();
                }
                let seen = shared.1.get();
                if turn % 100 == 0 {
                    thread::yield_now();
                }
                shared.1.set(seen + 1);
                if guard.is_none() {
                    shared.0.release();
                }
            }
        };
        let shared = &shared;
        thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(move || count(shared)))));
        assert_eq!(shared.1.get(), 8000);
    }

    #[test]
    fn a_time_limit_ends_the_wait() {
        static LOCK: Lock = Lock::new();
        let _held = LOCK.lock();
        let other = Thread::spawn(|| (LOCK.try_acquire(), LOCK.acquire_timeout(0.01)));
        assert_eq!(other.result(), Ok((false, false)));
        assert!(LOCK.is_locked());
    }

    #[test]
    fn a_panic_lets_go_of_a_guard() {
        static LOCK: Lock = Lock::new();
        let caught = crate::__rt::caught::catch(&mut || {
            let _held = LOCK.lock();
            panic!("with the lock");
        });
        assert!(caught.is_err() && !LOCK.is_locked());
    }

    #[test]
    #[should_panic(expected = "holds the lock already")]
    fn a_second_acquire_is_refused() {
        let lock = Lock::new();
        lock.acquire();
        lock.acquire();
    }

    #[test]
    #[should_panic(expected = "nobody holds this lock")]
    fn a_release_without_acquire_is_refused() {
        Lock::new().release();
    }
}
