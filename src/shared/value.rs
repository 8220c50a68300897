//! [`SharedValue`].

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::lock::take;
use super::number::{Number, Shareable};
use super::raw_lock::{RawGuard, RawLock};
use super::segment::Segment;

/// Where the value lies, behind its lock.
const VALUE: usize = 8;

/// One plain value that processes share, as Python's `multiprocessing.Value`.
///
/// There are three ways to change it:
///
/// * [`get`](SharedValue::get) and [`set`](SharedValue::set), one after the other. Two processes
///   that do so at the same time can lose a change: both get 5, both set 6. Each step for
///   itself is whole, no half written number is ever seen.
/// * [`lock`](SharedValue::lock): `*value.lock() += 1`. Nobody else has the lock meanwhile, and
///   no change is lost.
/// * [`fetch_add`](SharedValue::fetch_add), in one step of the processor, without a lock.
///
/// ```
/// # use threadbook::prelude::*;
/// let count = SharedValue::new(0);
/// let captured = count.clone();
/// let p = Process::new(move || {
///     captured.set(captured.get() + 1);
///     *captured.lock() += 1;
///     captured.fetch_add(1);
/// });
/// p.start();
/// p.join();
/// assert_eq!(count.get(), 3);
/// ```
///
/// Clones are the same value.
///
/// In Python the single steps take the value's lock; here only `lock` does.
pub struct SharedValue<T> {
    segment: Arc<Segment>,
    _type: PhantomData<T>,
}

impl<T: Shareable> SharedValue<T> {
    /// A new shared value.
    ///
    /// # Panics
    /// When the system has no memory for it.
    #[track_caller]
    pub fn new(value: T) -> SharedValue<T> {
        let shared = SharedValue { segment: Arc::new(Segment::make(VALUE + size_of::<T>())), _type: PhantomData };
        shared.set(value);
        shared
    }

    fn place(&self) -> *mut u8 {
        self.segment.place(VALUE, size_of::<T>())
    }

    fn raw_lock(&self) -> &RawLock {
        self.segment.at(0)
    }

    /// The value now.
    pub fn get(&self) -> T {
        // SAFETY: the place is this value's, and is only used in this way.
        unsafe { T::load(self.place()) }
    }

    /// Replaces the value.
    pub fn set(&self, value: T) {
        // SAFETY: the place is this value's, and is only used in this way.
        unsafe { T::store(self.place(), value) }
    }

    /// Adds in one step and gives the value before. Integers wrap around at their limits.
    pub fn fetch_add(&self, value: T) -> T
    where
        T: Number,
    {
        // SAFETY: the place is this value's, and is only used in this way.
        unsafe { T::fetch_add(self.place(), value) }
    }

    /// Waits for the value's lock. The guard has the value; what is changed through it is
    /// there for others when it is dropped.
    ///
    /// In a notebook an interrupt ends the wait.
    ///
    /// # Panics
    /// When a holder has ended without letting it go ([`clear_poison`](SharedValue::clear_poison)
    /// says that the value is well), and when the calling thread holds it already.
    #[track_caller]
    pub fn lock(&self) -> SharedValueGuard<'_, T> {
        let held = take(self.raw_lock());
        SharedValueGuard { value: self.get(), changed: false, shared: self, _held: held }
    }

    /// The value is well although a holder of its lock has died.
    pub fn clear_poison(&self) {
        self.raw_lock().forgive();
    }
}

impl<T> Clone for SharedValue<T> {
    fn clone(&self) -> SharedValue<T> {
        SharedValue { segment: self.segment.clone(), _type: PhantomData }
    }
}

impl<T: Shareable> fmt::Debug for SharedValue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedValue({:?})", self.get())
    }
}

/// The value, under its lock: see [`SharedValue::lock`].
pub struct SharedValueGuard<'a, T: Shareable> {
    value: T,
    changed: bool,
    shared: &'a SharedValue<T>,
    _held: RawGuard<'a>,
}

impl<T: Shareable> Deref for SharedValueGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Shareable> DerefMut for SharedValueGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.changed = true;
        &mut self.value
    }
}

impl<T: Shareable> Drop for SharedValueGuard<'_, T> {
    fn drop(&mut self) {
        if self.changed {
            self.shared.set(self.value);
        }
    }
}
