//! Items and results in two plain arrays that threads work on at once, each at places of
//! its own.
//!
//! All but the loop itself knows no types: a call is a [`Job`] with pointers to memory and
//! to what is compiled for its [`Types`].

use std::alloc::Layout;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::items::{ItemTypes, ItemTypesOf, Source};
use super::numbers;
use super::places::{DropRange, Places, Single, dropping};
use crate::__rt::guarded::Guarded;

/// What is compiled for the types of a call.
pub(crate) struct Types {
    /// See [`Job::run`].
    run: unsafe fn(&Job, &mut usize, usize),
    items: ItemTypes,
    f: Layout,
    result: Layout,
    drop_f: Option<DropRange>,
    drop_results: Option<DropRange>,
}

/// A function `F`, its items `A` from an `I`, and its results `T`.
pub(crate) struct TypesOf<A, T, F, I>(PhantomData<(A, T, F, I)>);

impl<A, T, F, I> TypesOf<A, T, F, I>
where
    A: Send + 'static,
    T: Send + 'static,
    F: Fn(A) -> T + Send + Sync + 'static,
    I: IntoIterator<Item = A>,
{
    pub const TYPES: &'static Types = &Types {
        run: run::<A, T, F, I>,
        items: ItemTypesOf::<A, I>::TYPES,
        f: Layout::new::<F>(),
        result: Layout::new::<T>(),
        drop_f: dropping::<F>(),
        drop_results: dropping::<T>(),
    };
}

/// A function, its items and its results. Where a result fits into the place of its item,
/// it goes there: half the memory, and half the time to get it from the system.
pub(crate) struct Job {
    types: &'static Types,
    f: Single,
    items: ManuallyDrop<Places>,
    /// The items are the numbers from this one on, and their places are empty.
    first: Option<u64>,
    count: usize,
    /// `None`: in the items' places.
    results: Option<ManuallyDrop<Places>>,
    /// Where the results begin.
    results_start: *mut u8,
    /// The results' memory was given away.
    taken: AtomicBool,
    /// Which results are there.
    kept: Guarded<Vec<Range<usize>>>,
}

// SAFETY: items and results are made and dropped by several threads, each at a time by
// one; both are `Send`, the function is `Sync`: `TypesOf` asks for that.
unsafe impl Send for Job {}
// SAFETY: as above.
unsafe impl Sync for Job {}

/// The memory of all results.
pub(crate) struct Memory {
    start: *mut u8,
    count: usize,
    capacity: usize,
}

impl Memory {
    /// # Safety
    /// The results are of this type.
    pub unsafe fn into_vec<T>(self) -> Vec<T> {
        // SAFETY: memory with that capacity of elements with this layout, given away, and
        // all results are in it.
        unsafe { Vec::from_raw_parts(self.start.cast(), self.count, self.capacity) }
    }
}

impl Job {
    /// # Safety
    /// `f` points to a function of these types and `items` to what its items come from; both
    /// are not used there again.
    pub unsafe fn new(types: &'static Types, f: *const u8, items: *const u8) -> Job {
        // SAFETY: two places for a value of that layout.
        let write = |place: *mut u8| unsafe { place.copy_from_nonoverlapping(f, types.f.size()) };
        // SAFETY: it writes the function.
        let f = unsafe { Single::new(types.f, types.drop_f, write) };
        // SAFETY: the caller's promise.
        let Source { items, first, count } = unsafe { Source::of(&types.items, items) };
        let fits = first.is_none() && items.layout == types.result;
        let results = (!fits).then(|| ManuallyDrop::new(Places::new(types.result, count)));
        Job {
            types,
            f,
            results_start: results.as_ref().map_or(items.start, |results| results.start),
            results,
            items: ManuallyDrop::new(items),
            first,
            count,
            taken: AtomicBool::new(false),
            kept: Guarded::default(),
        }
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// Makes the results of the items from `at` to `end`, counting `at` up. On a panic `at`
    /// is the item that panicked: those before it have results, those after it are as they
    /// were.
    ///
    /// # Safety
    /// Each item is used once, by this or by [`drop_items`](Job::drop_items).
    pub unsafe fn run(&self, at: &mut usize, end: usize) {
        assert!(end <= self.count, "there are so many items");
        // SAFETY: the caller's promise; the range is within the memory.
        unsafe { (self.types.run)(self, at, end) }
    }

    /// Drops items that are not used.
    ///
    /// # Safety
    /// As [`run`](Job::run).
    pub unsafe fn drop_items(&self, range: Range<usize>) {
        if let (Some(drop), None) = (self.types.items.drop, &self.first) {
            // SAFETY: the caller's promise.
            unsafe { drop(self.items.start, range) };
        }
    }

    /// Drops results.
    ///
    /// # Safety
    /// They are there, and are not used again.
    pub unsafe fn drop_results(&self, range: Range<usize>) {
        if let Some(drop) = self.types.drop_results {
            // SAFETY: the caller's promise.
            unsafe { drop(self.results_start, range) };
        }
    }

    /// Notes which results are there: they are dropped when nobody takes them.
    pub fn keep(&self, range: Range<usize>) {
        if self.types.drop_results.is_some() && !range.is_empty() {
            self.kept.lock().push(range);
        }
    }

    /// Where a result is.
    pub fn result(&self, index: usize) -> *const u8 {
        assert!(index < self.count, "there are so many results");
        // SAFETY: within the memory.
        unsafe { self.result_places().at(index) }
    }

    fn result_places(&self) -> &Places {
        self.results.as_ref().unwrap_or(&self.items)
    }

    /// The memory of all results, which is the caller's from now on.
    ///
    /// # Safety
    /// All are there, nobody works on them any more, and this is the only call.
    pub unsafe fn give(&self) -> Memory {
        self.kept.lock().clear();
        self.taken.store(true, Ordering::Release);
        Memory { start: self.results_start, count: self.count, capacity: self.result_places().capacity }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        for range in std::mem::take(self.kept.get_mut()) {
            // SAFETY: these are there, and nobody has taken them.
            unsafe { self.drop_results(range) };
        }
        let taken = *self.taken.get_mut();
        if !taken || self.results.is_some() {
            // SAFETY: nothing uses them after this.
            unsafe { ManuallyDrop::drop(&mut self.items) };
        }
        if let Some(results) = self.results.as_mut().filter(|_| !taken) {
            // SAFETY: as above.
            unsafe { ManuallyDrop::drop(results) };
        }
    }
}

/// However the loop ends, it is known where. (Counting in the memory of somebody else would
/// cost tiny functions a third more.)
struct Place<'a> {
    at: &'a mut usize,
    index: usize,
}

impl Drop for Place<'_> {
    #[inline]
    fn drop(&mut self) {
        *self.at = self.index;
    }
}

/// See [`Job::run`].
///
/// # Safety
/// As there, the items are there, and the job is one of these types.
unsafe fn run<A: 'static, T, F: Fn(A) -> T, I>(job: &Job, at: &mut usize, end: usize) {
    // SAFETY: it is there as long as the job.
    let f = unsafe { &*job.f.start().cast::<F>() };
    let (items, results, first) = (job.items.start.cast::<A>(), job.results_start.cast::<T>(), job.first);
    let mut place = Place { index: *at, at };
    while place.index < end {
        let index = place.index;
        // SAFETY: within the memory; by the caller's promise each index comes once, so both
        // places are this call's alone. Where they are one, the item is gone when the
        // result comes. Numbers are items: `A`.
        unsafe {
            let item = if const { numbers::may_be::<A, I>() }
                && let Some(first) = first
            {
                numbers::nth::<A>(first, index)
            } else {
                items.add(index).read()
            };
            results.add(index).write(f(item));
        }
        place.index = index + 1;
    }
}
