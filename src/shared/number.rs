//! The plain values that can lie in shared memory.

use std::fmt::Debug;

/// Plain values that can lie in shared memory: the integers, `f32`, `f64` and `bool`.
pub trait Shareable: Copy + Default + PartialEq + Debug + Send + Sync + 'static + sealed::Cell {}

/// The [`Shareable`] values that can be added to.
pub trait Number: Shareable + sealed::Add {}

pub(super) mod sealed {
    /// A value at a place in shared memory, read and written as a whole.
    pub trait Cell: Sized {
        /// # Safety
        /// The place lies in memory of this process, aligned as the type is, and holds a
        /// value of it; all that use it at the same time use these functions.
        unsafe fn load(place: *mut u8) -> Self;

        /// # Safety
        /// As [`load`](Cell::load).
        unsafe fn store(place: *mut u8, value: Self);
    }

    pub trait Add: Cell {
        /// Adds in one step, and gives the value before. Integers wrap around.
        ///
        /// # Safety
        /// As [`load`](Cell::load).
        unsafe fn fetch_add(place: *mut u8, value: Self) -> Self;
    }
}

macro_rules! cell {
    ($($type:ty, $atomic:ident, $from:expr, $to:expr;)*) => {$(
        impl Shareable for $type {}

        impl sealed::Cell for $type {
            unsafe fn load(place: *mut u8) -> $type {
                // SAFETY: the caller's promise.
                let bits = unsafe { std::sync::atomic::$atomic::from_ptr(place.cast()) }
                    .load(std::sync::atomic::Ordering::Relaxed);
                $from(bits)
            }

            unsafe fn store(place: *mut u8, value: $type) {
                // SAFETY: the caller's promise.
                unsafe { std::sync::atomic::$atomic::from_ptr(place.cast()) }
                    .store($to(value), std::sync::atomic::Ordering::Relaxed);
            }
        }
    )*};
}

macro_rules! integer {
    ($($type:ty, $atomic:ident;)*) => {$(
        cell! { $type, $atomic, std::convert::identity, std::convert::identity; }

        impl Number for $type {}

        impl sealed::Add for $type {
            unsafe fn fetch_add(place: *mut u8, value: $type) -> $type {
                // SAFETY: the caller's promise.
                unsafe { std::sync::atomic::$atomic::from_ptr(place.cast()) }
                    .fetch_add(value, std::sync::atomic::Ordering::AcqRel)
            }
        }
    )*};
}

macro_rules! float {
    ($($type:ty, $atomic:ident;)*) => {$(
        cell! { $type, $atomic, <$type>::from_bits, <$type>::to_bits; }

        impl Number for $type {}

        impl sealed::Add for $type {
            unsafe fn fetch_add(place: *mut u8, value: $type) -> $type {
                use std::sync::atomic::Ordering::{AcqRel, Acquire};
                // SAFETY: the caller's promise.
                let cell = unsafe { std::sync::atomic::$atomic::from_ptr(place.cast()) };
                let mut old = cell.load(Acquire);
                loop {
                    let sum = <$type>::from_bits(old) + value;
                    match cell.compare_exchange_weak(old, sum.to_bits(), AcqRel, Acquire) {
                        Ok(_) => return <$type>::from_bits(old),
                        Err(newer) => old = newer,
                    }
                }
            }
        }
    )*};
}

integer! {
    i8, AtomicI8;
    u8, AtomicU8;
    i16, AtomicI16;
    u16, AtomicU16;
    i32, AtomicI32;
    u32, AtomicU32;
    i64, AtomicI64;
    u64, AtomicU64;
    isize, AtomicIsize;
    usize, AtomicUsize;
}

float! {
    f32, AtomicU32;
    f64, AtomicU64;
}

// As a byte: a page of zeros is full of `false`.
cell! { bool, AtomicU8, |bits: u8| bits != 0, u8::from; }
