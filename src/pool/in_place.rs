//! Items and results in two plain arrays that threads work on at once, each at places of
//! its own.
//!
//! All but the loop itself knows no types: a call is a [`Job`] with pointers to memory and
//! to the three functions that are compiled for its types.

use std::alloc::{Layout, dealloc};
use std::any::Any;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::numbers::Numbers;
use crate::__rt::guarded::Guarded;

/// The memory of a vector whose elements come and go one by one. It drops none of them.
struct Places {
    start: *mut u8,
    /// Of all of it.
    layout: Layout,
}

impl Places {
    fn of<X>(values: Vec<X>) -> (Places, usize) {
        let mut values = ManuallyDrop::new(values);
        let layout = Layout::array::<X>(values.capacity()).unwrap_or(Layout::new::<()>());
        (Places { start: values.as_mut_ptr().cast(), layout }, values.len())
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        if self.layout.size() > 0 {
            // SAFETY: the memory came from a vector of that capacity.
            unsafe { dealloc(self.start, self.layout) };
        }
    }
}

/// What is compiled for the types of a call.
struct Functions {
    /// See [`Job::run`].
    run: unsafe fn(&Job, Range<usize>, &AtomicUsize),
    drop_items: Option<unsafe fn(*mut u8, Range<usize>)>,
    drop_results: Option<unsafe fn(*mut u8, Range<usize>)>,
}

/// A function, its items and its results. Where a result fits into the place of its item,
/// it goes there: half the memory, and half the time to get it from the system.
pub(crate) struct Job {
    /// A function from items to results.
    f: Box<dyn Any + Send + Sync>,
    functions: Functions,
    items: ManuallyDrop<Places>,
    /// In place of the items.
    numbers: Option<Numbers>,
    count: usize,
    /// `None`: in the items' places.
    results: Option<ManuallyDrop<Places>>,
    /// The results' memory was given away.
    taken: AtomicBool,
    /// Which results are there.
    kept: Guarded<Vec<Range<usize>>>,
}

// SAFETY: items and results are made and dropped by several threads, each at a time by
// one; both are `Send`, the function is `Sync`: `Job::new` asks for that.
unsafe impl Send for Job {}
// SAFETY: as above.
unsafe impl Sync for Job {}

impl Job {
    fn around(f: Box<dyn Any + Send + Sync>, functions: Functions, source: Source, results: Option<Places>) -> Job {
        let Source { items, numbers, count } = source;
        Job {
            f,
            functions,
            items: ManuallyDrop::new(items),
            numbers,
            count,
            results: results.map(ManuallyDrop::new),
            taken: AtomicBool::new(false),
            kept: Guarded::default(),
        }
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// Makes the results of these items. On a panic `at` is the item that panicked: those
    /// before it have results, those after it are dropped.
    ///
    /// # Safety
    /// Each item is used once, by this or by [`drop_items`](Job::drop_items).
    pub unsafe fn run(&self, range: Range<usize>, at: &AtomicUsize) {
        assert!(range.end <= self.count, "there are so many items");
        // SAFETY: the caller's promise; the range is within the memory.
        unsafe { (self.functions.run)(self, range, at) }
    }

    /// Drops items that are not used.
    ///
    /// # Safety
    /// As [`run`](Job::run).
    pub unsafe fn drop_items(&self, range: Range<usize>) {
        if let (Some(drop), None) = (self.functions.drop_items, &self.numbers) {
            // SAFETY: the caller's promise.
            unsafe { drop(self.items.start, range) };
        }
    }

    /// Notes which results are there: they are dropped when nobody takes them.
    pub fn keep(&self, range: Range<usize>) {
        if self.functions.drop_results.is_some() && !range.is_empty() {
            self.kept.lock().push(range);
        }
    }

    fn result_places(&self) -> &Places {
        self.results.as_ref().unwrap_or(&self.items)
    }

    /// The memory of all results is the caller's.
    fn give(&self) -> *mut u8 {
        self.kept.lock().clear();
        self.taken.store(true, Ordering::Release);
        self.result_places().start
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let kept = std::mem::take(self.kept.get_mut());
        if let Some(drop) = self.functions.drop_results {
            for range in kept {
                // SAFETY: these are there, and nobody has taken them.
                unsafe { drop(self.result_places().start, range) };
            }
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

/// Where the items come from.
struct Source {
    items: Places,
    numbers: Option<Numbers>,
    count: usize,
}

impl Source {
    fn of<I: Iterator>(items: I) -> Source {
        if let Some(numbers) = Numbers::of(&items) {
            let (items, _) = Places::of(Vec::<()>::new());
            return Source { items, numbers: Some(numbers), count: numbers.count };
        }
        let (items, count) = Places::of(items.collect::<Vec<I::Item>>());
        Source { items, numbers: None, count }
    }
}

/// Drops values at these places.
///
/// # Safety
/// They are there, and are not used again.
unsafe fn drop_range<X>(start: *mut u8, range: Range<usize>) {
    for index in range {
        // SAFETY: the caller's promise.
        unsafe { start.cast::<X>().add(index).drop_in_place() };
    }
}

fn dropping<X>() -> Option<unsafe fn(*mut u8, Range<usize>)> {
    if std::mem::needs_drop::<X>() { Some(drop_range::<X>) } else { None }
}

/// However the loop ends, it is known where, and no item is forgotten.
struct Rest<'a> {
    job: &'a Job,
    range: Range<usize>,
    at: &'a AtomicUsize,
}

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        self.at.store(self.range.start, Ordering::Relaxed);
        // The item at which it ended was handed over.
        let rest = self.range.end.min(self.range.start + 1)..self.range.end;
        if !rest.is_empty() {
            // SAFETY: these are the loop's to use, and were not used.
            unsafe { self.job.drop_items(rest) };
        }
    }
}

impl Job {
    pub fn new<A, T, F>(f: F, items: impl IntoIterator<Item = A>) -> Job
    where
        A: Send + 'static,
        T: Send + 'static,
        F: Fn(A) -> T + Send + Sync + 'static,
    {
        let source = Source::of(items.into_iter());
        let fits = source.numbers.is_none() && Layout::new::<A>() == Layout::new::<T>();
        let results = (!fits).then(|| Places::of(Vec::<T>::with_capacity(source.count)).0);
        let functions = Functions { run: run::<A, T, F>, drop_items: dropping::<A>(), drop_results: dropping::<T>() };
        Job::around(Box::new(f), functions, source, results)
    }
}

/// All results.
///
/// # Safety
/// All are there and of this type, nobody works on them any more, and this is the only
/// call.
pub(crate) unsafe fn take_results<T>(job: &Job) -> Vec<T> {
    let capacity = job.result_places().layout.size().checked_div(size_of::<T>()).unwrap_or(job.count);
    // SAFETY: the memory came from a vector of that capacity, of elements with the same
    // layout, is given away here, and all results are in it.
    unsafe { Vec::from_raw_parts(job.give().cast(), job.count, capacity) }
}

/// See [`Job::run`].
///
/// # Safety
/// As there, and the range is one of items that are there.
unsafe fn run<A: 'static, T, F: Fn(A) -> T + 'static>(job: &Job, range: Range<usize>, at: &AtomicUsize) {
    let Some(f) = job.f.downcast_ref::<F>() else { return };
    let (items, results) = (job.items.start.cast::<A>(), job.result_places().start.cast::<T>());
    let mut rest = Rest { job, range, at };
    let numbers = job.numbers;
    while rest.range.start < rest.range.end {
        let index = rest.range.start;
        // SAFETY: within the memory; by the caller's promise each index comes once, so both
        // places are this call's alone. Where they are one, the item is gone when the
        // result comes. Numbers are items: `A`.
        unsafe {
            let item = match numbers {
                Some(numbers) => numbers.nth(index),
                None => items.add(index).read(),
            };
            results.add(index).write(f(item));
        }
        rest.range.start += 1;
    }
}
