//! Loom's threads, locks and atomics under the names that the prelude uses.

pub use std::sync::Arc;

pub use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
pub use loom::thread::{self, Thread};

use loom::sync::{Mutex, MutexGuard};

pub struct Guarded<T>(Mutex<T>);

impl<T> Guarded<T> {
    pub fn new(value: T) -> Guarded<T> {
        Guarded(Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().expect("nobody panics with it")
    }
}

/// A wait of the thread that begins it.
pub struct Wait(Waker);

#[derive(Clone)]
pub struct Waker {
    thread: Thread,
    is_rung: Arc<AtomicBool>,
}

impl Wait {
    pub fn begin() -> Wait {
        Wait(Waker { thread: thread::current(), is_rung: Arc::new(AtomicBool::new(false)) })
    }

    pub fn waker(&self) -> Waker {
        self.0.clone()
    }

    pub fn pause(&self) {
        while !self.0.is_rung.load(Ordering::Acquire) {
            thread::park();
        }
        self.0.is_rung.store(false, Ordering::Relaxed);
    }
}

impl Waker {
    pub fn wake(&self) {
        self.is_rung.store(true, Ordering::Release);
        self.thread.unpark();
    }

    pub fn wakes(&self, wait: &Wait) -> bool {
        Arc::ptr_eq(&self.is_rung, &wait.0.is_rung)
    }
}
