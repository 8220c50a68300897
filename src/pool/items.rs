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
        let places = ManuallyDrop::new(Places::new(types.layout, 0));
        let mut filling = Filling { places, count: 0, drop: types.drop };
        // SAFETY: the caller's promise; the places are for such items.
        unsafe {
            let iterator = Single::new(types.iterator, types.drop_iterator, |place| (types.begin)(items, place));
            (types.fill)(iterator.start(), &mut filling);
        }
        filling.finish()
    }
}

/// Places that are being filled. When that ends by a panic, what is there is dropped.
struct Filling {
    places: ManuallyDrop<Places>,
    count: usize,
    drop: Option<DropRange>,
}

impl Filling {
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
