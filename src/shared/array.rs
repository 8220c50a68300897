//! [`SharedArray`].

use std::cell::OnceCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::lock::take;
use super::number::{Number, Shareable};
use super::raw_lock::{RawGuard, RawLock};
use super::segment::Segment;

/// Where the first element lies, behind the lock.
const ELEMENTS: usize = 64;

/// Plain values in a row that processes share, as Python's `multiprocessing.Array`.
///
/// Each element is read and written as a whole and at once, without a lock: processes that
/// work on different elements do not get in each other's way, and those that work on the
/// same one can lose each other's changes. To keep others away from all of it there is
/// [`lock`](SharedArray::lock).
///
/// ```
/// # use threadbook::prelude::*;
/// let squares = SharedArray::<i32>::new(4);
/// let children: Vec<Process> = (0..squares.len())
///     .map(|i| {
///         let squares = squares.clone();
///         Process::new(move || squares.set(i, (i * i) as i32))
///     })
///     .collect();
/// children.iter().for_each(Process::start);
/// children.iter().for_each(Process::join);
/// assert_eq!(squares.to_vec(), [0, 1, 4, 9]);
/// ```
///
/// Clones are the same array. In Python the single steps take the array's lock.
pub struct SharedArray<T> {
    segment: Arc<Segment>,
    len: usize,
    _type: PhantomData<T>,
}

impl<T: Shareable> SharedArray<T> {
    /// `len` elements, all zero (`false`).
    ///
    /// # Panics
    /// When the system has no memory for them.
    #[track_caller]
    pub fn new(len: usize) -> SharedArray<T> {
        let bytes = len.checked_mul(size_of::<T>()).and_then(|bytes| bytes.checked_add(ELEMENTS));
        let Some(bytes) = bytes else { panic!("{len} elements are more than any memory has") };
        SharedArray { segment: Arc::new(Segment::make(bytes)), len, _type: PhantomData }
    }

    /// As many elements, with these values.
    ///
    /// # Panics
    /// When the system has no memory for them.
    #[track_caller]
    pub fn from_slice(values: &[T]) -> SharedArray<T> {
        let array = SharedArray::new(values.len());
        array.copy_from_slice(values);
        array
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[track_caller]
    fn place(&self, index: usize) -> *mut u8 {
        assert!(index < self.len, "the index is {index}, but the array has {} elements", self.len);
        self.segment.place(ELEMENTS + index * size_of::<T>(), size_of::<T>())
    }

    fn raw_lock(&self) -> &RawLock {
        self.segment.at(0)
    }

    /// An element.
    ///
    /// # Panics
    /// When there is none with this index.
    #[track_caller]
    pub fn get(&self, index: usize) -> T {
        // SAFETY: the place is an element's, and is only used in this way.
        unsafe { T::load(self.place(index)) }
    }

    /// Replaces an element.
    ///
    /// # Panics
    /// When there is none with this index.
    #[track_caller]
    pub fn set(&self, index: usize, value: T) {
        // SAFETY: the place is an element's, and is only used in this way.
        unsafe { T::store(self.place(index), value) }
    }

    /// Adds to an element in one step and gives its value before. Integers wrap around at
    /// their limits.
    ///
    /// # Panics
    /// When there is none with this index.
    #[track_caller]
    pub fn fetch_add(&self, index: usize, value: T) -> T
    where
        T: Number,
    {
        // SAFETY: the place is an element's, and is only used in this way.
        unsafe { T::fetch_add(self.place(index), value) }
    }

    /// A copy of all elements: one after the other, so others may change some meanwhile.
    pub fn to_vec(&self) -> Vec<T> {
        self.iter().collect()
    }

    /// The elements, each as it is when its turn comes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = T> + '_ {
        (0..self.len).map(|index| self.get(index))
    }

    /// Replaces all elements.
    ///
    /// # Panics
    /// When there are more or fewer values than elements.
    #[track_caller]
    pub fn copy_from_slice(&self, values: &[T]) {
        assert!(values.len() == self.len, "{} values do not fit an array of {} elements", values.len(), self.len);
        for (index, value) in values.iter().enumerate() {
            self.set(index, *value);
        }
    }

    /// Waits for the array's lock. The guard is used as a slice: it has a copy of the
    /// elements, and those that were changed are written back when the guard is dropped.
    /// [`get`](SharedArray::get) and [`set`](SharedArray::set) copy nothing, and work as
    /// well while the lock is held.
    ///
    /// In a notebook an interrupt ends the wait.
    ///
    /// ```
    /// # use threadbook::prelude::*;
    /// let array = SharedArray::from_slice(&[3, 1, 2]);
    /// array.lock().sort();
    /// assert_eq!(array.to_vec(), [1, 2, 3]);
    /// ```
    ///
    /// # Panics
    /// When a holder has ended without letting it go ([`clear_poison`](SharedArray::clear_poison)
    /// says that the array is well), and when the calling thread holds it already.
    #[track_caller]
    pub fn lock(&self) -> SharedArrayGuard<'_, T> {
        SharedArrayGuard { values: OnceCell::new(), before: None, array: self, _held: take(self.raw_lock()) }
    }

    /// The array is well although a holder of its lock has died.
    pub fn clear_poison(&self) {
        self.raw_lock().forgive();
    }
}

impl<T> Clone for SharedArray<T> {
    fn clone(&self) -> SharedArray<T> {
        SharedArray { segment: self.segment.clone(), len: self.len, _type: PhantomData }
    }
}

impl<T: Shareable> From<Vec<T>> for SharedArray<T> {
    fn from(values: Vec<T>) -> SharedArray<T> {
        SharedArray::from_slice(&values)
    }
}

impl<T: Shareable> FromIterator<T> for SharedArray<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> SharedArray<T> {
        SharedArray::from(Vec::from_iter(values))
    }
}

impl<T: Shareable> fmt::Debug for SharedArray<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The elements, under the array's lock: see [`SharedArray::lock`].
pub struct SharedArrayGuard<'a, T: Shareable> {
    /// Copied when it is first looked at.
    values: OnceCell<Vec<T>>,
    /// As they were, once they may have been changed.
    before: Option<Vec<T>>,
    array: &'a SharedArray<T>,
    _held: RawGuard<'a>,
}

impl<T: Shareable> Deref for SharedArrayGuard<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.values.get_or_init(|| self.array.to_vec())
    }
}

impl<T: Shareable> DerefMut for SharedArrayGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        if self.before.is_none() {
            self.before = Some(self.to_vec());
        }
        self.values.get_mut().map_or(&mut [], Vec::as_mut_slice)
    }
}

impl<T: Shareable> Drop for SharedArrayGuard<'_, T> {
    fn drop(&mut self) {
        let (Some(before), Some(values)) = (&self.before, self.values.get()) else { return };
        for (index, (before, value)) in before.iter().zip(values).enumerate() {
            // The others may have been set by somebody without the lock.
            if before != value {
                self.array.set(index, *value);
            }
        }
    }
}
