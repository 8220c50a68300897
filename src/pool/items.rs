//! Items on their way into memory of their own.
//!
//! What cannot be for the types of a call is not compiled for it: which of the ways below
//! can be taken at all shows in the sizes of the types.

use std::alloc::Layout;
use std::any::TypeId;
use std::mem::ManuallyDrop;
use std::ptr;

use super::numbers::{self, Numbers, id_of};
use super::places::{DropRange, Places, dropping};

/// The items of a call.
pub(crate) struct Source {
    pub items: Places,
    /// In place of the items: see [`Numbers`].
    pub first: Option<u64>,
    pub count: usize,
}

/// Whether these items can be a vector.
const fn may_be_vector<A, I>() -> bool {
    std::mem::needs_drop::<I>() && size_of::<I>() == size_of::<Vec<A>>()
}

impl Source {
    pub fn of<A: 'static, I: IntoIterator<Item = A>>(items: I) -> Source {
        if const { numbers::may_be::<A, I>() }
            && let Some(numbers) = Numbers::of(&items)
        {
            return Source::numbers(numbers);
        }
        if const { may_be_vector::<A, I>() } && id_of::<I>() == TypeId::of::<Vec<A>>() {
            let items = ManuallyDrop::new(items);
            // SAFETY: the types were just compared, and the items are not used again.
            let mut items = ManuallyDrop::new(unsafe { ptr::from_ref(&items).cast::<Vec<A>>().read() });
            return Source::vector(Layout::new::<A>(), items.as_mut_ptr().cast(), items.len(), items.capacity());
        }
        let mut items = ManuallyDrop::new(items.into_iter());
        // (What looks like a range is one nearly always, and not worth one more function.)
        let expected = if const { numbers::may_be::<A, I>() } { 0 } else { items.size_hint().0 };
        let filling = Filling::new(Layout::new::<A>(), expected, const { dropping::<A>() });
        // SAFETY: the iterator is of that type and not used again, the places are the items'.
        unsafe { filling.fill(fill::<A, I::IntoIter>, (&raw mut items).cast()) }
    }

    #[inline(never)]
    fn numbers(numbers: Numbers) -> Source {
        Source { items: Places::new(Layout::new::<u64>(), 0), first: Some(numbers.first), count: numbers.count }
    }

    #[inline(never)]
    fn vector(item: Layout, start: *mut u8, count: usize, capacity: usize) -> Source {
        Source { items: Places { start, layout: item, capacity }, first: None, count }
    }
}

/// Places that are being filled. When that ends by a panic, what is there is dropped.
struct Filling {
    places: ManuallyDrop<Places>,
    count: usize,
    drop: Option<DropRange>,
}

impl Filling {
    #[inline(never)]
    fn new(layout: Layout, expected: usize, drop: Option<DropRange>) -> Filling {
        Filling { places: ManuallyDrop::new(Places::new(layout, expected)), count: 0, drop }
    }

    /// # Safety
    /// As `fill` asks for, to which `items` is handed.
    #[inline(never)]
    unsafe fn fill(mut self, fill: unsafe fn(*mut u8, &mut Filling), items: *mut u8) -> Source {
        // SAFETY: the caller's promise.
        unsafe { fill(items, &mut self) };
        // SAFETY: neither the places nor this are used again.
        let items = unsafe { ManuallyDrop::take(&mut self.places) };
        let count = self.count;
        std::mem::forget(self);
        Source { items, first: None, count }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        self.places.grow_to((self.count * 2).max(4));
    }
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

/// # Safety
/// `items` points to an `I` that nobody else uses from now on; the places are for `A`.
unsafe fn fill<A, I: Iterator<Item = A>>(items: *mut u8, filling: &mut Filling) {
    // SAFETY: the caller's promise.
    let items = unsafe { items.cast::<I>().read() };
    for item in items {
        if filling.count == filling.places.capacity {
            filling.grow();
        }
        // SAFETY: within the memory, and nothing is in this place.
        unsafe { filling.places.start.cast::<A>().add(filling.count).write(item) };
        filling.count += 1;
    }
}
