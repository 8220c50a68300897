//! Items on their way into memory of their own.
//!
//! What cannot be for the types of a call is not compiled for it: which of the ways below
//! can be taken at all shows in the sizes of the types.

use std::alloc::Layout;
use std::any::TypeId;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;

use super::numbers::{self, Numbers, id_of};
use super::places::{DropRange, Places, Single, dropping};

/// What is compiled for the items of a call. Each pointer handed over is to items of that
/// type, which are not used there again.
pub(crate) struct ItemTypes {
    layout: Layout,
    pub drop: Option<DropRange>,
    /// The number of the type that the items come in, if it can be a range or a vector.
    id: Option<fn() -> TypeId>,
    /// That of a vector of such items, and what takes one apart.
    vector: Option<(fn() -> TypeId, TakeApart)>,
    /// Makes an iterator of the items, at the second place.
    begin: unsafe fn(*const u8, *mut u8),
    iterator: Layout,
    drop_iterator: Option<DropRange>,
    fill: unsafe fn(*mut u8, &mut Filling),
}

type TakeApart = unsafe fn(*const u8) -> Source;

/// Items `A` from an `I`.
pub(crate) struct ItemTypesOf<A, I>(PhantomData<(A, I)>);

impl<A: 'static, I: IntoIterator<Item = A>> ItemTypesOf<A, I> {
    const MAY_BE_VECTOR: bool = std::mem::needs_drop::<I>() && size_of::<I>() == size_of::<Vec<A>>();

    pub const TYPES: ItemTypes = ItemTypes {
        layout: Layout::new::<A>(),
        drop: dropping::<A>(),
        id: if Self::MAY_BE_VECTOR || numbers::may_be::<A, I>() { Some(id_of::<I>) } else { None },
        vector: if Self::MAY_BE_VECTOR { Some((TypeId::of::<Vec<A>>, vector::<A>)) } else { None },
        begin: begin::<I>,
        iterator: Layout::new::<I::IntoIter>(),
        drop_iterator: dropping::<I::IntoIter>(),
        fill: fill::<A, I::IntoIter>,
    };
}

/// The items of a call.
pub(crate) struct Source {
    pub items: Places,
    /// In place of the items: see [`Numbers`].
    pub first: Option<u64>,
    pub count: usize,
}

impl Source {
    pub fn new<A: 'static, I: IntoIterator<Item = A>>(items: I) -> Source {
        let items = ManuallyDrop::new(items);
        // SAFETY: they are of these types, and are not used again.
        unsafe { Source::of(const { &ItemTypesOf::<A, I>::TYPES }, (&raw const items).cast()) }
    }

    /// # Safety
    /// As [`ItemTypes`] says.
    pub unsafe fn of(types: &ItemTypes, items: *const u8) -> Source {
        if let Some(id) = types.id.map(|id| id()) {
            // SAFETY: the caller's promise.
            if let Some(Numbers { first, count }) = unsafe { Numbers::of(id, items) } {
                return Source { items: Places::new(types.layout, 0), first: Some(first), count };
            }
            if let Some((_, vector)) = types.vector.filter(|(vector, _)| vector() == id) {
                // SAFETY: as above, and the types were just compared.
                return unsafe { vector(items) };
            }
        }
        let mut filling = Filling::new(types.layout, 0, types.drop);
        // SAFETY: the caller's promise; the places are for such items.
        unsafe {
            let iterator = Single::new(types.iterator, types.drop_iterator, |place| (types.begin)(items, place));
            (types.fill)(iterator.start(), &mut filling);
        }
        filling.finish()
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
            self.grow();
        }
        // SAFETY: within the memory.
        unsafe { self.places.at(self.count) }
    }

    /// So many are expected.
    #[inline(never)]
    fn expect(&mut self, items: usize) {
        if items > self.places.capacity {
            self.places.grow_to(items);
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        self.places.grow_to((self.count * 2).max(4));
    }

    fn finish(mut self) -> Source {
        // SAFETY: neither the places nor this are used again.
        let items = unsafe { ManuallyDrop::take(&mut self.places) };
        let count = self.count;
        std::mem::forget(self);
        Source { items, first: None, count }
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

/// The items of a vector, in its memory.
///
/// # Safety
/// As [`ItemTypes`] says: `items` is a `Vec<A>`.
unsafe fn vector<A>(items: *const u8) -> Source {
    // SAFETY: the caller's promise.
    let mut items = ManuallyDrop::new(unsafe { items.cast::<Vec<A>>().read() });
    let places = Places { start: items.as_mut_ptr().cast(), layout: Layout::new::<A>(), capacity: items.capacity() };
    Source { items: places, first: None, count: items.len() }
}

/// # Safety
/// As [`ItemTypes`] says; the place is for an iterator over them.
unsafe fn begin<I: IntoIterator>(items: *const u8, place: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { place.cast::<I::IntoIter>().write(items.cast::<I>().read().into_iter()) };
}

/// # Safety
/// `items` points to an `I`, and the places are for `A`.
unsafe fn fill<A, I: Iterator<Item = A>>(items: *mut u8, filling: &mut Filling) {
    // SAFETY: the caller's promise.
    let items = unsafe { &mut *items.cast::<I>() };
    // (What looks like a range is one nearly always, and not worth one more function.)
    if const { !numbers::may_be::<A, I>() } {
        filling.expect(items.size_hint().0);
    }
    #[expect(clippy::while_let_on_iterator, reason = "one function less to compile")]
    while let Some(item) = items.next() {
        // (If there is no memory for it, it is not dropped, and its drop is not compiled.)
        let item = ManuallyDrop::new(item);
        if filling.count == filling.places.capacity {
            filling.grow();
        }
        // SAFETY: within the memory, and nothing is in this place.
        unsafe { filling.places.start.cast::<ManuallyDrop<A>>().add(filling.count).write(item) };
        filling.count += 1;
    }
}
