//! Locks that are free in a copy of the process.
//!
//! Only the thread that forks exists in a copy, so a lock that another one held at that
//! moment is held for ever there. There is one lock for each pool, future and queue: too
//! many to take before a fork. So whoever holds one has passed a gate on the way, and the
//! thread that forks closes the gates and waits until nobody is inside.
//!
//! Inside a gate nothing waits for long, and no code of the person's runs.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Threads are spread over these, so that they do not all change the same memory.
const GATES: usize = 16;

#[repr(align(128))]
struct Gate(RwLock<()>);

static GATE: [Gate; GATES] = [const { Gate(RwLock::new(())) }; GATES];

thread_local! {
    static MINE: &'static Gate = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        &GATE[NEXT.fetch_add(1, Ordering::Relaxed) % GATES]
    };
    /// How many locks this thread holds: one more must not wait for a closed gate.
    static INSIDE: Cell<usize> = const { Cell::new(0) };
}

/// A thread is inside, and no fork takes place.
struct Inside {
    _gate: Option<RwLockReadGuard<'static, ()>>,
}

impl Inside {
    fn enter() -> Inside {
        let held = INSIDE.try_with(|inside| inside.replace(inside.get() + 1)).unwrap_or(0);
        // A thread that ends has no variables any more: any gate will do.
        let gate = (held == 0).then(|| {
            let gate = MINE.try_with(|gate| *gate).unwrap_or(&GATE[0]);
            gate.0.read().unwrap_or_else(PoisonError::into_inner)
        });
        Inside { _gate: gate }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = INSIDE.try_with(|inside| inside.set(inside.get() - 1));
    }
}

/// Held while the process forks.
pub(super) fn close_gates() -> impl Drop {
    struct Closed(#[expect(dead_code, reason = "held until dropped")] Vec<RwLockWriteGuard<'static, ()>>);
    impl Drop for Closed {
        fn drop(&mut self) {}
    }
    Closed(GATE.iter().map(|gate| gate.0.write().unwrap_or_else(PoisonError::into_inner)).collect())
}

/// A mutex that no thread holds while the process forks. It knows no poison.
#[derive(Default)]
pub struct Guarded<T>(Mutex<T>);

impl<T> Guarded<T> {
    pub const fn new(value: T) -> Guarded<T> {
        Guarded(Mutex::new(value))
    }

    pub fn lock(&self) -> Held<'_, T> {
        let inside = Inside::enter();
        Held { value: self.0.lock().unwrap_or_else(PoisonError::into_inner), _inside: inside }
    }

    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Guarded::lock`].
pub struct Held<'a, T> {
    // First the lock, then the gate.
    value: MutexGuard<'a, T>,
    _inside: Inside,
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Held<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

static GENERATION: AtomicU32 = AtomicU32::new(0);

/// How many forks lie between the first process and this one: what was made in another
/// generation has no threads here.
pub fn generation() -> u32 {
    static WATCHED: Once = Once::new();
    #[cfg(unix)]
    WATCHED.call_once(|| {
        extern "C" fn count() {
            GENERATION.fetch_add(1, Ordering::AcqRel);
        }
        // From the C library, which std is linked with. It is never unloaded before this
        // code: the prelude stays loaded as long as the process lives.
        unsafe extern "C" {
            fn pthread_atfork(
                before: Option<extern "C" fn()>,
                parent: Option<extern "C" fn()>,
                child: Option<extern "C" fn()>,
            ) -> std::ffi::c_int;
        }
        // SAFETY: the function given does nothing but count. (Without memory for one more
        // handler, forks go unnoticed.)
        unsafe { pthread_atfork(None, None, Some(count)) };
    });
    GENERATION.load(Ordering::Acquire)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    #[test]
    fn locks_nest_while_a_fork_waits() {
        let locks = Arc::new((Guarded::new(0), Guarded::new(0)));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let locks = locks.clone();
                thread::spawn(move || {
                    for _ in 0..2000 {
                        let mut outer = locks.0.lock();
                        *outer += 1;
                        *locks.1.lock() += 1;
                    }
                })
            })
            .collect();
        while threads.iter().any(|thread| !thread.is_finished()) {
            let closed = close_gates();
            let both = (*locks.0.0.try_lock().expect("nobody is inside"), *locks.1.0.try_lock().expect("as above"));
            assert_eq!(both.0, both.1);
            drop(closed);
        }
        assert_eq!(*locks.1.lock(), 8000);
    }
}
