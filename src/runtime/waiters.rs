//! Waiting until a state that threads share has become as wanted.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::guarded::Guarded;
use super::interrupt::{Wait, Waker};

/// Threads that wait for something, the first one first.
#[derive(Default)]
pub struct Waiters(VecDeque<Waker>);

impl Waiters {
    pub const fn new() -> Waiters {
        Waiters(VecDeque::new())
    }

    /// Wakes the one that has waited longest.
    pub fn wake_one(&mut self) {
        if let Some(waker) = self.0.pop_front() {
            waker.wake();
        }
    }

    pub fn wake_all(&mut self) {
        for waker in self.0.drain(..) {
            waker.wake();
        }
    }

    /// In a copy of the process: those who waited do not exist in it.
    pub fn forget(&mut self) {
        self.0.clear();
    }
}

/// Waits until `ready` says yes, which it is asked with the lock held; says whether it has
/// (`false`: the time has come). Whoever makes that possible wakes the `waiters`.
///
/// Unwinds on an interrupt.
#[track_caller]
pub fn wait_until<S>(
    state: &Guarded<S>,
    waiters: fn(&mut S) -> &mut Waiters,
    deadline: Option<Instant>,
    ready: &mut dyn FnMut(&mut S) -> bool,
) -> bool {
    if ready(&mut state.lock()) {
        return true;
    }
    let wait = Wait::begin();
    let mut leave = Leave { state, waiters, wait: &wait, is_served: false };
    loop {
        {
            let mut state = state.lock();
            if ready(&mut state) {
                leave.is_served = true;
                return true;
            }
            let list = waiters(&mut state);
            if !list.0.iter().any(|waker| waker.wakes(&wait)) {
                list.0.push_back(wait.waker());
            }
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return false;
        }
        wait.pause(deadline);
    }
}

/// A thread no longer waits, however that came about.
struct Leave<'a, S> {
    state: &'a Guarded<S>,
    waiters: fn(&mut S) -> &mut Waiters,
    wait: &'a Wait,
    is_served: bool,
}

impl<S> Drop for Leave<'_, S> {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        let list = (self.waiters)(&mut state);
        let count = list.0.len();
        list.0.retain(|waker| !waker.wakes(self.wait));
        let was_woken = list.0.len() == count;
        // It has missed what it was woken for: the next one may want it.
        if was_woken && !self.is_served {
            list.wake_one();
        }
    }
}

/// A number that no other thread of this process has.
pub fn thread_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static MINE: Cell<u64> = const { Cell::new(0) };
    }
    if MINE.get() == 0 {
        MINE.set(NEXT.fetch_add(1, Ordering::Relaxed));
    }
    MINE.get()
}
