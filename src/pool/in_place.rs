//! Items and results in two plain arrays that threads work on at once, each at places of
//! its own.

use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

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

/// An array of places that threads read and write, each its own. It drops no elements.
struct Places<X>(Vec<UnsafeCell<MaybeUninit<X>>>);

// SAFETY: whoever uses a place sees to it that nobody else does at the time; what is in
// it moves from thread to thread as a whole.
unsafe impl<X: Send> Sync for Places<X> {}

impl<X> Places<X> {
    fn empty(count: usize) -> Places<X> {
        let mut places = Vec::with_capacity(count);
        // SAFETY: there is room, and nothing has to be in it.
        unsafe { places.set_len(count) };
        Places(places)
    }

    fn of(values: Vec<X>) -> Places<X> {
        let mut values = ManuallyDrop::new(values);
        let (start, length, capacity) = (values.as_mut_ptr(), values.len(), values.capacity());
        // SAFETY: both wrappers have the layout of what is inside; the vector is given up.
        Places(unsafe { Vec::from_raw_parts(start.cast(), length, capacity) })
    }

    /// # Safety
    /// There are values at these places, and they are not used again.
    unsafe fn drop_range(&self, range: Range<usize>) {
        if std::mem::needs_drop::<X>() {
            for place in &self.0[range] {
                // SAFETY: the caller's promise.
                unsafe { (*place.get()).assume_init_drop() };
            }
        }
    }
}

/// `f` and its items and results. Where a result fits into the place of its item, it goes
/// there: half the memory, and half the time to get it from the system.
pub(crate) struct InPlace<A, T, F> {
    f: F,
    items: UnsafeCell<Places<A>>,
    /// `None`: in the items' places.
    results: Option<UnsafeCell<Places<T>>>,
    kept: Guarded<Vec<Range<usize>>>,
}

// SAFETY: the arrays are replaced only by `take_results`, whose caller says that
// nobody works any more. `f` is called by several threads, items and results move between
// them.
unsafe impl<A: Send, T: Send, F: Sync> Sync for InPlace<A, T, F> {}

impl<A, T, F> InPlace<A, T, F> {
    pub fn new(f: F, items: Vec<A>) -> InPlace<A, T, F> {
        let fits = Layout::new::<A>() == Layout::new::<T>();
        let results = (!fits).then(|| UnsafeCell::new(Places::empty(items.len())));
        InPlace { f, items: UnsafeCell::new(Places::of(items)), results, kept: Guarded::default() }
    }

    fn items(&self) -> &Places<A> {
        // SAFETY: it is changed only when nobody works any more.
        unsafe { &*self.items.get() }
    }

    fn results(&self) -> &Places<T> {
        match &self.results {
            // SAFETY: it is changed only when nobody works any more.
            Some(results) => unsafe { &*results.get() },
            // SAFETY: places of `A` and of `T` have the same layout, and nothing is known
            // of what is in them.
            None => unsafe { &*self.items.get().cast::<Places<T>>() },
        }
    }

    /// All results.
    ///
    /// # Safety
    /// All are there, and nobody works on them any more.
    pub unsafe fn take_results(&self) -> Vec<T> {
        self.kept.lock().clear();
        let places = match &self.results {
            Some(results) => results.get(),
            None => self.items.get().cast::<Places<T>>(),
        };
        // SAFETY: nobody else uses them; for the cast see `results`.
        let places = std::mem::replace(unsafe { &mut *places }, Places::empty(0));
        let mut places = ManuallyDrop::new(places.0);
        let (start, length, capacity) = (places.as_mut_ptr(), places.len(), places.capacity());
        // SAFETY: both wrappers have the layout of what is inside, of which all is there.
        unsafe { Vec::from_raw_parts(start.cast(), length, capacity) }
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
        let places = self.items().0[range.clone()].iter().zip(&self.results().0[range.clone()]);
        let mut rest = Rest { items: self.items(), range, at };
        for (item, result) in places {
            // SAFETY: the caller's promise: each index once, so both places are this
            // call's alone. Where they are one, the item is gone when the result comes.
            unsafe { (*result.get()).write((self.f)((*item.get()).assume_init_read())) };
            rest.range.start += 1;
        }
    }

    unsafe fn drop_items(&self, range: Range<usize>) {
        // SAFETY: the caller's promise.
        unsafe { self.items().drop_range(range) }
    }

    fn keep(&self, range: Range<usize>) {
        if std::mem::needs_drop::<T>() && !range.is_empty() {
            self.kept.lock().push(range);
        }
    }
}

impl<A, T, F> Drop for InPlace<A, T, F> {
    fn drop(&mut self) {
        for range in std::mem::take(self.kept.get_mut()) {
            // SAFETY: these are there, and nobody has taken them.
            unsafe { self.results().drop_range(range) };
        }
    }
}
