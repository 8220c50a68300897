//! A lock in shared memory that notices when its holder has died.
//!
//! Its word is 0, or the holder's number (on Linux that of the thread, which is no other
//! thread's in any process), with a bit that says that others sleep. Whoever sleeps looks
//! from time to time whether the holder still lives.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use super::futex::{self, Slept};
use super::segment::InSegment;
use crate::__rt::guarded::generation;

const SLEEPERS: u32 = 1 << 31;
/// Locks are mostly held for less than it takes to fall asleep.
const LOOKS: u32 = 100;

#[repr(C)]
pub(crate) struct RawLock {
    word: AtomicU32,
    /// The holder that has died with it, until somebody says that all is well.
    died: AtomicU32,
}

// SAFETY: both are atomics.
unsafe impl InSegment for RawLock {}

/// The calling thread holds the lock.
pub(crate) struct RawGuard<'a> {
    lock: &'a RawLock,
    me: u32,
    /// It is the thread's.
    _not_send: PhantomData<*const ()>,
}

impl RawLock {
    /// Takes the lock; `None` when the time has come. A holder that has died does not keep
    /// it: see [`dead_holder`](RawLock::dead_holder).
    ///
    /// Unwinds on an interrupt.
    ///
    /// # Panics
    /// When the calling thread holds it already.
    #[track_caller]
    pub(crate) fn lock_until(&self, deadline: Option<Instant>) -> Option<RawGuard<'_>> {
        let me = own_number();
        for _ in 0..LOOKS {
            match self.word.compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(self.guard(me)),
                // (Elsewhere the number is the process's, and another thread may hold it.)
                Err(word) if word & !SLEEPERS == me && cfg!(target_os = "linux") => {
                    panic!("this thread holds the lock already: it would wait for itself for ever")
                }
                Err(_) => std::hint::spin_loop(),
            }
        }
        loop {
            let word = self.word.load(Ordering::Relaxed);
            if word == 0 {
                // Others may sleep.
                if self.replace(0, me | SLEEPERS) {
                    return Some(self.guard(me));
                }
                continue;
            }
            if word & SLEEPERS == 0 && !self.replace(word, word | SLEEPERS) {
                continue;
            }
            let slept = futex::sleep(&self.word, word | SLEEPERS, deadline);
            if slept != Slept::Woken && !is_alive(word & !SLEEPERS) && self.replace(word | SLEEPERS, me | SLEEPERS) {
                self.died.store(word & !SLEEPERS, Ordering::Release);
                return Some(self.guard(me));
            }
            if slept == Slept::TimedOut {
                return None;
            }
        }
    }

    /// Takes the lock.
    ///
    /// # Panics
    /// As [`lock_until`](RawLock::lock_until).
    #[track_caller]
    pub(crate) fn lock(&self) -> RawGuard<'_> {
        self.lock_until(None).expect("without a time limit it is not given up")
    }

    /// Takes the lock if nobody holds it.
    pub(crate) fn try_lock(&self) -> Option<RawGuard<'_>> {
        let me = own_number();
        loop {
            let word = match self.word.compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(self.guard(me)),
                Err(word) => word,
            };
            if is_alive(word & !SLEEPERS) {
                return None;
            }
            if self.replace(word, me | SLEEPERS) {
                self.died.store(word & !SLEEPERS, Ordering::Release);
                return Some(self.guard(me));
            }
        }
    }

    fn replace(&self, old: u32, new: u32) -> bool {
        self.word.compare_exchange(old, new, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    fn guard(&self, me: u32) -> RawGuard<'_> {
        RawGuard { lock: self, me, _not_send: PhantomData }
    }

    /// The number of the holder that has died while it held the lock.
    pub(crate) fn dead_holder(&self) -> Option<u32> {
        match self.died.load(Ordering::Acquire) {
            0 => None,
            number => Some(number),
        }
    }

    /// What the lock protects is not well, as if its holder had died.
    pub(crate) fn condemn(&self) {
        self.died.store(own_number(), Ordering::Release);
    }

    /// What the lock protects is well.
    pub(crate) fn forgive(&self) {
        self.died.store(0, Ordering::Release);
    }
}

impl Drop for RawGuard<'_> {
    fn drop(&mut self) {
        let word = &self.lock.word;
        if word.compare_exchange(self.me, 0, Ordering::Release, Ordering::Relaxed).is_err()
            && word.compare_exchange(self.me | SLEEPERS, 0, Ordering::Release, Ordering::Relaxed).is_ok()
        {
            futex::wake(word, 1);
        }
    }
}

/// The number by which others find out whether the calling thread lives.
fn own_number() -> u32 {
    thread_local! {
        static NUMBER: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
    }
    let now = generation();
    let (then, number) = NUMBER.get();
    if number != 0 && then == now {
        return number;
    }
    #[cfg(target_os = "linux")]
    // SAFETY: it only asks.
    let number = unsafe { libc::gettid() } as u32;
    #[cfg(not(target_os = "linux"))]
    let number = std::process::id();
    NUMBER.set((now, number));
    number
}

/// Whether a thread lives. One that has ended and that nobody has taken notice of does not.
#[cfg(target_os = "linux")]
fn is_alive(number: u32) -> bool {
    match std::fs::read(format!("/proc/{number}/stat")) {
        Ok(stat) => {
            let state = stat.iter().rposition(|byte| *byte == b')').and_then(|end| stat.get(end + 2));
            !matches!(state, Some(b'Z' | b'X'))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => exists(number),
        // It ended while it was read.
        Err(error) => error.raw_os_error() != Some(libc::ESRCH),
    }
}

#[cfg(not(target_os = "linux"))]
fn is_alive(number: u32) -> bool {
    exists(number)
}

/// As the system says. (Where /proc is not mounted it is all that there is.)
fn exists(number: u32) -> bool {
    // SAFETY: it only asks.
    unsafe { libc::kill(number as i32, 0) == 0 || *errno() == libc::EPERM }
}

unsafe fn errno() -> *mut libc::c_int {
    #[cfg(target_os = "linux")]
    // SAFETY: the calling thread's own.
    return unsafe { libc::__errno_location() };
    #[cfg(not(target_os = "linux"))]
    // SAFETY: the calling thread's own.
    return unsafe { libc::__error() };
}
