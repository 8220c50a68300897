//! The notebook's variables: values that outlive the cell that made them.
//!
//! A cell takes the values that it mentions out of the store, works with them as with
//! local variables, and puts back those that it has not moved away. The kernel knows
//! the type of each name and writes it into the cell's source; the store checks it.

use std::alloc::Layout;
use std::any::TypeId;
use std::collections::BTreeMap;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::boxed;

/// All that the store needs to know of a type. The functions that a cell's compiler makes
/// for each type are thin: what needs no type is here, compiled once.
#[derive(Clone, Copy)]
struct Type {
    id: fn() -> TypeId,
    name: fn() -> &'static str,
    layout: Layout,
    /// Drops the value in its place.
    drop: Option<unsafe fn(*mut u8)>,
}

impl Type {
    const fn of<T: 'static>() -> Type {
        Type {
            id: TypeId::of::<T>,
            name: std::any::type_name::<T>,
            layout: Layout::new::<T>(),
            drop: if std::mem::needs_drop::<T>() { Some(drop_value::<T>) } else { None },
        }
    }
}

unsafe fn drop_value<T>(value: *mut u8) {
    // SAFETY: the caller hands in a `T` that nobody uses any more.
    unsafe { value.cast::<T>().drop_in_place() };
}

/// Memory with a value in it.
struct Slot {
    value: *mut u8,
    of: Type,
    /// The run of a cell that put the value here.
    run: u64,
}

// SAFETY: a slot is only moved between threads as a whole; the value inside is touched
// only by the one thread that runs cells (the runtime hands cells to no other).
unsafe impl Send for Slot {}

impl Slot {
    /// # Safety
    /// `value` is one of this type, and is not used as such afterwards.
    unsafe fn new(value: *const u8, of: Type) -> Slot {
        // SAFETY: the caller's promise.
        let value = unsafe { boxed::moved(value, of.layout) };
        Slot { value, of, run: super::host::current_run() }
    }

    fn free(&self) {
        // SAFETY: it was moved there with this layout, and the slot ends with this.
        unsafe { boxed::free(self.value, self.of.layout) };
    }

    /// Moves the value to `place`.
    ///
    /// # Safety
    /// `place` has room for the type.
    unsafe fn take_to(self, place: *mut u8) {
        let slot = ManuallyDrop::new(self);
        // SAFETY: by the caller's promise; after it the slot has no value and is not dropped.
        unsafe { place.copy_from_nonoverlapping(slot.value, slot.of.layout.size()) };
        slot.free();
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        /// A drop that panics frees the memory, too.
        struct Free<'a>(&'a Slot);
        impl Drop for Free<'_> {
            fn drop(&mut self) {
                self.0.free();
            }
        }
        let slot = Free(self);
        if let Some(drop) = slot.0.of.drop {
            // SAFETY: the value is there, and is not used after this.
            unsafe { drop(slot.0.value) };
        }
    }
}

static VARIABLES: Mutex<BTreeMap<String, Slot>> = Mutex::new(BTreeMap::new());

fn variables() -> MutexGuard<'static, BTreeMap<String, Slot>> {
    VARIABLES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Held while the process forks.
pub(super) fn lock_variables() -> impl Drop {
    variables()
}

/// Moves a variable out of the store.
///
/// # Panics
/// If the store does not hold `name` with exactly this type: the kernel generated code
/// that does not fit what the worker holds.
pub fn take<T: 'static>(name: &str) -> T {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: there is room for this type; it is filled when the call comes back.
    unsafe {
        take_to(name, const { &Type::of::<T>() }, value.as_mut_ptr().cast());
        value.assume_init()
    }
}

/// # Safety
/// `place` has room for the type.
unsafe fn take_to(name: &str, of: &Type, place: *mut u8) {
    let slot = variables().remove(name);
    let slot = slot.unwrap_or_else(|| panic!("the kernel lost the variable `{name}`: please report this"));
    if (slot.of.id)() != (of.id)() {
        panic!("the kernel holds `{name}` as `{}`, not as `{}`: please report this", (slot.of.name)(), (of.name)());
    }
    // SAFETY: the caller's promise, and the types are the same.
    unsafe { slot.take_to(place) };
}

/// Keeps a variable that the cell has made. The compiler's output names the type of
/// `value`, which is how the kernel learns it: so this function is never inlined.
#[inline(never)]
pub fn keep<T: 'static>(name: &str, value: &mut ManuallyDrop<T>) {
    // SAFETY: generated code does not touch `value` afterwards.
    unsafe { put(name, std::ptr::from_mut(value).cast(), const { &Type::of::<T>() }, false) };
}

/// Puts a variable back that the cell had taken, unless the cell made a new one of the
/// same name.
#[inline(never)]
pub fn keep_back<T: 'static>(name: &str, value: &mut ManuallyDrop<T>) {
    // SAFETY: generated code does not touch `value` afterwards.
    unsafe { put(name, std::ptr::from_mut(value).cast(), const { &Type::of::<T>() }, true) };
}

/// # Safety
/// As for [`Slot::new`].
unsafe fn put(name: &str, value: *const u8, of: &Type, back: bool) {
    // SAFETY: the caller's promise.
    let slot = unsafe { Slot::new(value, *of) };
    if back && variables().get(name).is_some_and(|newer| newer.run == slot.run) {
        return;
    }
    // The old value's drop may run the person's code, which may want the store.
    let old = variables().insert(name.to_owned(), slot);
    drop(old);
}

/// The names that have a value now.
pub fn names() -> Vec<String> {
    variables().keys().cloned().collect()
}

/// Drops variables. Names that have no value are passed over.
pub fn forget(names: &[String]) {
    for name in names {
        let slot = variables().remove(name);
        drop(slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_value_goes_in_and_out_unharmed() {
        let shared = Arc::new(5);
        keep("store_in_out", &mut ManuallyDrop::new(shared.clone()));
        assert_eq!(Arc::strong_count(&shared), 2);
        let back: Arc<i32> = take("store_in_out");
        assert_eq!(*back, 5);
        drop(back);
        assert_eq!(Arc::strong_count(&shared), 1);
    }

    #[test]
    fn a_replaced_or_forgotten_value_is_dropped() {
        let shared = Arc::new(());
        keep("store_drop", &mut ManuallyDrop::new(shared.clone()));
        keep("store_drop", &mut ManuallyDrop::new(7u8));
        assert_eq!(Arc::strong_count(&shared), 1);
        keep("store_drop", &mut ManuallyDrop::new(shared.clone()));
        forget(&["store_drop".to_owned()]);
        assert_eq!(Arc::strong_count(&shared), 1);
        assert!(!names().contains(&"store_drop".to_owned()));
    }

    #[test]
    fn values_of_any_size_and_alignment_are_kept() {
        #[repr(align(64))]
        #[derive(PartialEq, Debug)]
        struct Wide([u8; 100]);
        keep("store_empty", &mut ManuallyDrop::new(()));
        keep("store_wide", &mut ManuallyDrop::new(Wide([7; 100])));
        take::<()>("store_empty");
        let wide: Wide = take("store_wide");
        assert_eq!(wide, Wide([7; 100]));
        assert_eq!(std::ptr::from_ref(&wide).addr() % 64, 0);
    }

    #[test]
    fn a_drop_that_panics_leaves_the_store_usable() {
        struct Bad;
        impl Drop for Bad {
            fn drop(&mut self) {
                panic!("expected");
            }
        }
        keep("store_bad", &mut ManuallyDrop::new((Bad, vec![1])));
        assert!(std::panic::catch_unwind(|| forget(&["store_bad".to_owned()])).is_err());
        assert!(!names().contains(&"store_bad".to_owned()));
    }

    #[test]
    #[should_panic(expected = "holds `store_type` as `u8`")]
    fn a_wrong_type_is_refused() {
        keep("store_type", &mut ManuallyDrop::new(7u8));
        let _: i64 = take("store_type");
    }
}
