//! Memory for values whose type is not known where it is taken and given back.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::ops::Range;

/// The memory of a vector whose elements come and go one by one. It drops none of them.
pub(crate) struct Places {
    pub start: *mut u8,
    /// Of an element.
    pub layout: Layout,
    pub capacity: usize,
}

impl Places {
    /// Room for so many.
    pub fn new(layout: Layout, capacity: usize) -> Places {
        let mut places = Places { start: std::ptr::without_provenance_mut(layout.align()), layout, capacity: 0 };
        if layout.size() == 0 {
            places.capacity = usize::MAX;
        } else if capacity > 0 {
            places.grow_to(capacity);
        }
        places
    }

    /// Where an element is.
    ///
    /// # Safety
    /// There are so many.
    pub unsafe fn at(&self, index: usize) -> *mut u8 {
        // SAFETY: within the memory, by the caller's promise.
        unsafe { self.start.add(index * self.layout.size()) }
    }

    fn array(layout: Layout, capacity: usize) -> Layout {
        let size = layout.size().checked_mul(capacity).expect("no more items than memory has bytes");
        Layout::from_size_align(size, layout.align()).expect("as above")
    }

    #[cold]
    pub fn grow_to(&mut self, capacity: usize) {
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

/// A value of its own, which it drops.
pub(crate) struct Single {
    place: Places,
    drop: Option<DropRange>,
}

impl Single {
    /// `write` is given the place, where there is nothing yet.
    ///
    /// # Safety
    /// It writes a value of that layout, for which `drop` is.
    pub unsafe fn new(layout: Layout, drop: Option<DropRange>, write: impl FnOnce(*mut u8)) -> Single {
        let place = Places::new(layout, 1);
        write(place.start);
        Single { place, drop }
    }

    pub fn start(&self) -> *mut u8 {
        self.place.start
    }
}

impl Drop for Single {
    fn drop(&mut self) {
        if let Some(drop) = self.drop {
            // SAFETY: it is there, and nothing uses it after this.
            unsafe { drop(self.place.start, 0..1) };
        }
    }
}

/// Drops values at these places.
///
/// # Safety
/// They are there, of the type that it is for, and are not used again.
pub(crate) type DropRange = unsafe fn(*mut u8, Range<usize>);

/// See [`DropRange`].
unsafe fn drop_range<X>(start: *mut u8, range: Range<usize>) {
    for index in range {
        // SAFETY: the caller's promise.
        unsafe { start.cast::<X>().add(index).drop_in_place() };
    }
}

/// `None` if there is nothing to be done.
pub(crate) const fn dropping<X>() -> Option<DropRange> {
    if std::mem::needs_drop::<X>() { Some(drop_range::<X>) } else { None }
}
