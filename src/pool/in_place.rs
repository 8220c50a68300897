//! Items and results in two plain arrays that threads work on at once, each at places of
//! its own.
//!
//! All but the loop itself knows no types: a call is a [`Job`] with pointers to memory and
//! to the three functions that are compiled for its types.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::any::{Any, TypeId};
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::numbers::{Numbers, id_of};
use crate::__rt::guarded::Guarded;

/// The memory of a vector whose elements come and go one by one. It drops none of them.
pub(crate) struct Places {
    start: *mut u8,
    /// Of an element.
    layout: Layout,
    capacity: usize,
}

impl Places {
    pub fn start(&self) -> *mut u8 {
        self.start
    }

    /// Room for so many.
    fn new(layout: Layout, capacity: usize) -> Places {
        let mut places = Places { start: std::ptr::without_provenance_mut(layout.align()), layout, capacity: 0 };
        if layout.size() == 0 {
            places.capacity = usize::MAX;
        } else if capacity > 0 {
            places.grow_to(capacity);
        }
        places
    }

    fn array(layout: Layout, capacity: usize) -> Layout {
        let size = layout.size().checked_mul(capacity).expect("no more items than memory has bytes");
        Layout::from_size_align(size, layout.align()).expect("as above")
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        self.grow_to((self.capacity * 2).max(4));
    }

    #[cold]
    fn grow_to(&mut self, capacity: usize) {
        let new = Places::array(self.layout, capacity);
        // SAFETY: neither size is 0, and the memory is this vector's.
        self.start = unsafe {
            match self.capacity {
                0 => alloc(new),
                old => realloc(self.start, Places::array(self.layout, old), new.size()),
            }
        };
        if self.start.is_null() {
            handle_alloc_error(new);
        }
        self.capacity = capacity;
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        if self.capacity > 0 && self.layout.size() > 0 {
            // SAFETY: the memory is this vector's, with that capacity.
            unsafe { dealloc(self.start, Places::array(self.layout, self.capacity)) };
        }
    }
}

pub(crate) type DropRange = unsafe fn(*mut u8, Range<usize>);

/// What is compiled for the types of a call.
struct Functions {
    /// See [`Job::run`].
    run: unsafe fn(&Job, Range<usize>, &AtomicUsize),
    drop_items: Option<DropRange>,
    drop_results: Option<DropRange>,
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
    /// `result` is a result's layout.
    fn make(f: Box<dyn Any + Send + Sync>, functions: Functions, source: Source, result: Layout) -> Job {
        let Source { items, numbers, count } = source;
        let fits = numbers.is_none() && items.layout == result;
        Job {
            f,
            functions,
            results: (!fits).then(|| ManuallyDrop::new(Places::new(result, count))),
            items: ManuallyDrop::new(items),
            numbers,
            count,
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

    /// The memory of all results, which is the caller's from now on: where it begins, and
    /// its capacity.
    fn give(&self) -> (*mut u8, usize) {
        self.kept.lock().clear();
        self.taken.store(true, Ordering::Release);
        let places = self.result_places();
        (places.start, places.capacity)
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
pub(crate) struct Source {
    pub items: Places,
    pub numbers: Option<Numbers>,
    pub count: usize,
}

impl Source {
    pub fn of<A: 'static, I: IntoIterator<Item = A>>(items: I) -> Source {
        let layout = Layout::new::<A>();
        let mut items = ManuallyDrop::new(items);
        if let Some(numbers) = Numbers::of(&*items) {
            return Source::of_numbers(layout, numbers);
        }
        if id_of::<I>() == TypeId::of::<Vec<A>>() {
            // SAFETY: the types were just compared; the vector's memory is given away here.
            let items = unsafe { &mut *(&raw mut items).cast::<Vec<A>>() };
            return Source::of_vector(items.as_mut_ptr().cast(), layout, items.capacity(), items.len());
        }
        let items = ManuallyDrop::into_inner(items).into_iter();
        let mut filling = Filling::new(layout, items.size_hint().0, dropping::<A>());
        for item in items {
            // SAFETY: a place of that layout, with nothing in it.
            unsafe { filling.next_place().cast::<A>().write(item) };
            filling.count += 1;
        }
        filling.finish()
    }

    #[inline(never)]
    fn of_numbers(layout: Layout, numbers: Numbers) -> Source {
        Source { items: Places::new(layout, 0), numbers: Some(numbers), count: numbers.count }
    }

    #[inline(never)]
    fn of_vector(start: *mut u8, layout: Layout, capacity: usize, count: usize) -> Source {
        Source { items: Places { start, layout, capacity }, numbers: None, count }
    }
}

/// Places that are being filled. When that ends by a panic, what is there is dropped.
pub(crate) struct Filling {
    places: ManuallyDrop<Places>,
    pub count: usize,
    drop: Option<DropRange>,
}

impl Filling {
    pub fn new(layout: Layout, expected: usize, drop: Option<DropRange>) -> Filling {
        Filling { places: ManuallyDrop::new(Places::new(layout, expected)), count: 0, drop }
    }

    /// The place behind the last value.
    #[inline]
    pub fn next_place(&mut self) -> *mut u8 {
        if self.count == self.places.capacity {
            self.places.grow();
        }
        // SAFETY: within the memory.
        unsafe { self.places.start.add(self.count * self.places.layout.size()) }
    }

    fn finish(mut self) -> Source {
        // SAFETY: neither the places nor this are used again.
        let items = unsafe { ManuallyDrop::take(&mut self.places) };
        let count = self.count;
        std::mem::forget(self);
        Source { items, numbers: None, count }
    }
}

/// For results that come from elsewhere.
#[cfg(unix)]
impl Filling {
    /// All places will have been filled soon.
    pub fn expect_soon(&self) {
        advise(self.places.start, self.places.layout.size().saturating_mul(self.places.capacity));
    }

    /// Copies values to their places, of which `first` is the first one. They do not count
    /// yet.
    ///
    /// # Panics
    /// If there is no room for them.
    pub fn put(&mut self, first: usize, values: &[u8]) {
        let room = self.places.layout.size().saturating_mul(self.places.capacity);
        let offset = self.places.layout.size().saturating_mul(first);
        assert!(offset <= room && values.len() <= room - offset, "as many values as there is room for");
        // SAFETY: within the memory, which is this one's alone.
        unsafe { self.places.start.add(offset).copy_from_nonoverlapping(values.as_ptr(), values.len()) };
    }

    /// All values as a vector.
    ///
    /// # Safety
    /// They are of this type.
    pub unsafe fn into_vec<T>(self) -> Vec<T> {
        let (start, count, capacity) = self.give();
        // SAFETY: memory with that capacity of elements with this layout, given away here,
        // and so many values are in it.
        unsafe { Vec::from_raw_parts(start.cast(), count, capacity) }
    }

    #[inline(never)]
    fn give(self) -> (*mut u8, usize, usize) {
        let filling = ManuallyDrop::new(self);
        (filling.places.start, filling.count, filling.places.capacity)
    }
}

/// Asks the system for large pages, which it has to provide less often: that takes half of
/// the time otherwise.
#[cfg(unix)]
fn advise(start: *mut u8, bytes: usize) {
    #[cfg(target_os = "linux")]
    {
        const LARGE: usize = 2 << 20;
        let skipped = start.addr().next_multiple_of(LARGE) - start.addr();
        let inside = bytes.saturating_sub(skipped) / LARGE * LARGE;
        if inside > 0 {
            // SAFETY: the pages lie inside of the memory. It is advice: what is in them stays.
            unsafe { libc::madvise(start.add(skipped).cast(), inside, libc::MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (start, bytes);
}

impl Drop for Filling {
    #[inline(never)]
    fn drop(&mut self) {
        if let Some(drop) = self.drop {
            // SAFETY: these are there.
            unsafe { drop(self.places.start, 0..self.count) };
        }
        // SAFETY: they are not used again.
        unsafe { ManuallyDrop::drop(&mut self.places) };
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

pub(crate) fn dropping<X>() -> Option<DropRange> {
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
        let functions = Functions { run: run::<A, T, F>, drop_items: dropping::<A>(), drop_results: dropping::<T>() };
        Job::make(Box::new(f), functions, Source::of(items), Layout::new::<T>())
    }
}

/// All results.
///
/// # Safety
/// All are there and of this type, nobody works on them any more, and this is the only
/// call.
pub(crate) unsafe fn take_results<T>(job: &Job) -> Vec<T> {
    let (start, capacity) = job.give();
    // SAFETY: memory with that capacity of elements with this layout, given away here, and
    // all results are in it.
    unsafe { Vec::from_raw_parts(start.cast(), job.count, capacity) }
}

/// See [`Job::run`].
///
/// # Safety
/// As there, and the range is one of items that are there.
unsafe fn run<A: 'static, T, F: Fn(A) -> T + 'static>(job: &Job, range: Range<usize>, at: &AtomicUsize) {
    // SAFETY: it was made with this type.
    let f = unsafe { &*std::ptr::from_ref(&*job.f).cast::<F>() };
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
