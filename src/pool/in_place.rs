//! Items and results in two plain arrays that threads work on at once, each at places of
//! its own.

use std::alloc::Layout;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::__rt::guarded::Guarded;

/// What [`Chunks`](super::chunks) needs of items whose types it does not know.
pub(crate) trait Items: Send + Sync {
    /// Makes the results of these items. On a panic `at` is the item that panicked: those
    /// before it have results, those after it are dropped.
    ///
    /// # Safety
    /// Each item is used once, by this or by [`drop_items`](Items::drop_items).
    unsafe fn run(&self, range: Range<usize>, at: &AtomicUsize);

    /// Drops items that are not used.
    ///
    /// # Safety
    /// As [`run`](Items::run).
    unsafe fn drop_items(&self, range: Range<usize>);

    /// Notes which results are there: they are dropped when nobody takes them.
    fn keep(&self, range: Range<usize>);
}

/// The memory of a vector whose elements come and go one by one. It drops none of them.
struct Places<X> {
    start: *mut X,
    count: usize,
    capacity: usize,
}

// SAFETY: whoever uses a place sees to it that nobody else does at the time; what is in
// it moves from thread to thread as a whole.
unsafe impl<X: Send> Send for Places<X> {}
// SAFETY: as above.
unsafe impl<X: Send> Sync for Places<X> {}

impl<X> Places<X> {
    fn of(values: Vec<X>) -> Places<X> {
        let mut values = ManuallyDrop::new(values);
        Places { start: values.as_mut_ptr(), count: values.len(), capacity: values.capacity() }
    }

    fn empty(count: usize) -> Places<X> {
        let mut places = Places::of(Vec::with_capacity(count));
        places.count = count;
        places
    }

    /// # Safety
    /// There are values at these places, and they are not used again.
    unsafe fn drop_range(&self, range: Range<usize>) {
        if std::mem::needs_drop::<X>() {
            for index in range {
                // SAFETY: the caller's promise; the place is within the memory.
                unsafe { self.start.add(index).drop_in_place() };
            }
        }
    }
}

impl<X> Drop for Places<X> {
    fn drop(&mut self) {
        // SAFETY: the memory came from a vector of that capacity. No element is left.
        drop(unsafe { Vec::from_raw_parts(self.start, 0, self.capacity) });
    }
}

/// `f` and its items and results. Where a result fits into the place of its item, it goes
/// there: half the memory, and half the time to get it from the system.
pub(crate) struct InPlace<A, T, F> {
    f: F,
    items: ManuallyDrop<Places<A>>,
    /// `None`: in the items' places.
    results: Option<ManuallyDrop<Places<T>>>,
    /// The results' memory was given away.
    taken: AtomicBool,
    kept: Guarded<Vec<Range<usize>>>,
}

impl<A, T, F> InPlace<A, T, F> {
    pub fn new(f: F, items: Vec<A>) -> InPlace<A, T, F> {
        let fits = Layout::new::<A>() == Layout::new::<T>();
        let results = (!fits).then(|| ManuallyDrop::new(Places::empty(items.len())));
        let items = ManuallyDrop::new(Places::of(items));
        InPlace { f, items, results, taken: AtomicBool::new(false), kept: Guarded::default() }
    }

    /// The first result's place.
    fn results_start(&self) -> *mut T {
        self.results.as_ref().map_or(self.items.start.cast(), |results| results.start)
    }

    /// All results.
    ///
    /// # Safety
    /// All are there, nobody works on them any more, and this is the only call.
    pub unsafe fn take_results(&self) -> Vec<T> {
        self.kept.lock().clear();
        self.taken.store(true, Ordering::Release);
        let capacity = self.results.as_ref().map_or(self.items.capacity, |results| results.capacity);
        // SAFETY: the memory came from a vector of that capacity, of elements with the same
        // layout, is given away here, and all results are in it.
        unsafe { Vec::from_raw_parts(self.results_start(), self.items.count, capacity) }
    }
}

impl<A, T, F> Items for InPlace<A, T, F>
where
    A: Send,
    T: Send,
    F: Fn(A) -> T + Send + Sync,
{
    unsafe fn run(&self, range: Range<usize>, at: &AtomicUsize) {
        /// However it ends, it is known where, and no item is forgotten.
        struct Rest<'a, A> {
            items: &'a Places<A>,
            range: Range<usize>,
            at: &'a AtomicUsize,
        }
        impl<A> Drop for Rest<'_, A> {
            fn drop(&mut self) {
                self.at.store(self.range.start, Ordering::Relaxed);
                // The item at which it ended was handed over.
                let rest = self.range.end.min(self.range.start + 1)..self.range.end;
                // SAFETY: these are this call's to use, and were not used.
                unsafe { self.items.drop_range(rest) };
            }
        }
        assert!(range.end <= self.items.count, "there are so many items");
        let (items, results) = (self.items.start, self.results_start());
        let mut rest = Rest { items: &self.items, range, at };
        while rest.range.start < rest.range.end {
            let index = rest.range.start;
            // SAFETY: within the memory; by the caller's promise each index comes once, so
            // both places are this call's alone. Where they are one, the item is gone when
            // the result comes.
            unsafe { results.add(index).write((self.f)(items.add(index).read())) };
            rest.range.start += 1;
        }
    }

    unsafe fn drop_items(&self, range: Range<usize>) {
        // SAFETY: the caller's promise.
        unsafe { self.items.drop_range(range) }
    }

    fn keep(&self, range: Range<usize>) {
        if std::mem::needs_drop::<T>() && !range.is_empty() {
            self.kept.lock().push(range);
        }
    }
}

impl<A, T, F> Drop for InPlace<A, T, F> {
    fn drop(&mut self) {
        let kept = std::mem::take(self.kept.get_mut());
        let taken = *self.taken.get_mut();
        let in_place = self.results.is_none();
        let free = |range: Range<usize>| {
            for index in range {
                // SAFETY: these are there, and nobody has taken them.
                unsafe { self.results_start().add(index).drop_in_place() };
            }
        };
        kept.into_iter().for_each(free);
        if !(taken && in_place) {
            // SAFETY: nothing uses them after this.
            unsafe { ManuallyDrop::drop(&mut self.items) };
        }
        if let Some(results) = self.results.as_mut().filter(|_| !taken) {
            // SAFETY: as above.
            unsafe { ManuallyDrop::drop(results) };
        }
    }
}
