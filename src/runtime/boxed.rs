//! Values that go into boxes and come out of them, with as little as can be that is
//! compiled for their types: what a `Box` does itself is compiled anew in every cell that
//! has one.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::any::{Any, TypeId};
use std::mem::ManuallyDrop;

/// As [`Box::new`].
pub(crate) fn boxed<T>(value: T) -> Box<T> {
    let value = ManuallyDrop::new(value);
    // SAFETY: the value is not used again where it was; the memory is a box's.
    unsafe { Box::from_raw(moved((&raw const value).cast(), Layout::new::<T>()).cast::<T>()) }
}

/// The value in a box that is of this type.
///
/// # Panics
/// If it is of another one.
pub(crate) fn unboxed<T: 'static>(value: Box<dyn Any + Send>) -> T {
    let place = opened(value, TypeId::of::<T>()).cast::<T>();
    // SAFETY: the value is of this type, and is not used there again; the memory is a box's.
    unsafe {
        let value = place.read();
        free(place.cast(), Layout::new::<T>());
        value
    }
}

/// Where the value is, if it is of that type.
pub(crate) fn borrowed<T: 'static>(value: &(dyn Any + Send)) -> &T {
    check(value, TypeId::of::<T>());
    // SAFETY: that was just checked.
    unsafe { &*std::ptr::from_ref(value).cast::<T>() }
}

/// Copies a value to memory of its own.
///
/// # Safety
/// It has this layout.
#[inline(never)]
pub(super) unsafe fn moved(value: *const u8, layout: Layout) -> *mut u8 {
    if layout.size() == 0 {
        return std::ptr::without_provenance_mut(layout.align());
    }
    // SAFETY: the size is not 0.
    let place = unsafe { alloc(layout) };
    if place.is_null() {
        handle_alloc_error(layout);
    }
    // SAFETY: the caller's promise, and the memory is new.
    unsafe { place.copy_from_nonoverlapping(value, layout.size()) };
    place
}

/// # Safety
/// The memory is that of a box with this layout, and is not used again.
#[inline(never)]
pub(super) unsafe fn free(place: *mut u8, layout: Layout) {
    if layout.size() > 0 {
        // SAFETY: the caller's promise.
        unsafe { dealloc(place, layout) };
    }
}

#[inline(never)]
fn opened(value: Box<dyn Any + Send>, id: TypeId) -> *mut u8 {
    check(&*value, id);
    Box::into_raw(value).cast()
}

#[inline(never)]
fn check(value: &(dyn Any + Send), id: TypeId) {
    assert!(value.type_id() == id, "who makes a value for somebody makes it of the type that is waited for");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn values_come_out_as_they_went_in() {
        let counter = Arc::new(());
        assert_eq!(unboxed::<Arc<()>>(boxed(counter.clone())), counter);
        unboxed::<()>(boxed(()));
        assert_eq!(*borrowed::<[u64; 3]>(&*(boxed([1u64, 2, 3]) as Box<dyn Any + Send>)), [1, 2, 3]);
        drop(boxed(counter.clone()));
        assert_eq!(Arc::strong_count(&counter), 1);
    }

    #[test]
    #[should_panic(expected = "of the type that is waited for")]
    fn another_type_is_refused() {
        unboxed::<u32>(boxed(1u64));
    }
}
