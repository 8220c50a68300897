//! The notebook's variables: values that outlive the cell that made them.
//!
//! A cell takes the values that it mentions out of the store, works with them as with
//! local variables, and puts back those that it has not moved away. The kernel knows
//! the type of each name and writes it into the cell's source; the store checks it.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::sync::{Mutex, MutexGuard, PoisonError};

struct Slot {
    /// A `Box<T>` as a raw pointer.
    value: *mut u8,
    type_id: TypeId,
    type_name: fn() -> &'static str,
    /// Drops the `Box<T>`.
    drop: unsafe fn(*mut u8),
    /// The run of a cell that put the value here.
    run: u64,
}

// SAFETY: a slot is only moved between threads as a whole; the value inside is touched
// only by the one thread that runs cells (the runtime hands cells to no other).
unsafe impl Send for Slot {}

impl Drop for Slot {
    fn drop(&mut self) {
        // SAFETY: `value` came from `Box::into_raw` of the type that `drop` was made
        // for, and a slot whose value was taken is forgotten, not dropped.
        unsafe { (self.drop)(self.value) }
    }
}

unsafe fn drop_box<T>(value: *mut u8) {
    // SAFETY: the caller hands in the pointer of a `Box<T>`.
    drop(unsafe { Box::from_raw(value.cast::<T>()) });
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
    let value = take_box(name, TypeId::of::<T>(), std::any::type_name::<T>);
    // SAFETY: the type id says that the pointer is a `Box<T>`, and the store has given it up.
    *unsafe { Box::from_raw(value.cast::<T>()) }
}

// These two are generic shells for the cell's compiler; all that needs no type is here,
// compiled once.
fn take_box(name: &str, type_id: TypeId, type_name: fn() -> &'static str) -> *mut u8 {
    let slot = variables().remove(name);
    let slot = slot.unwrap_or_else(|| panic!("the kernel lost the variable `{name}`: please report this"));
    if slot.type_id != type_id {
        panic!("the kernel holds `{name}` as `{}`, not as `{}`: please report this", (slot.type_name)(), type_name());
    }
    // Given up: not to be dropped.
    ManuallyDrop::new(slot).value
}

/// Keeps a variable that the cell has made. The compiler's output names the type of
/// `value`, which is how the kernel learns it: so this function is never inlined.
#[inline(never)]
pub fn keep<T: 'static>(name: &str, value: &mut ManuallyDrop<T>) {
    // SAFETY: generated code does not touch `value` afterwards.
    put(name, slot(unsafe { ManuallyDrop::take(value) }), false);
}

/// Puts a variable back that the cell had taken, unless the cell made a new one of the
/// same name.
#[inline(never)]
pub fn keep_back<T: 'static>(name: &str, value: &mut ManuallyDrop<T>) {
    // SAFETY: generated code does not touch `value` afterwards.
    put(name, slot(unsafe { ManuallyDrop::take(value) }), true);
}

fn slot<T: 'static>(value: T) -> Slot {
    Slot {
        value: Box::into_raw(Box::new(value)).cast(),
        type_id: TypeId::of::<T>(),
        type_name: std::any::type_name::<T>,
        drop: drop_box::<T>,
        run: 0,
    }
}

fn put(name: &str, mut slot: Slot, back: bool) {
    slot.run = super::host::current_run();
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
    #[should_panic(expected = "holds `store_type` as `u8`")]
    fn a_wrong_type_is_refused() {
        keep("store_type", &mut ManuallyDrop::new(7u8));
        let _: i64 = take("store_type");
    }
}
