//! Items that are a range of whole numbers need not be stored: each is made when its turn
//! comes.
//!
//! That a type is one of these ranges cannot be said in a function's signature, as all
//! other iterators are welcome, too. So the type is looked at when the function is called.

use std::any::TypeId;
use std::marker::PhantomData;
use std::mem::needs_drop;
use std::ops::{Range, RangeInclusive};

/// A range of whole numbers.
#[derive(Clone, Copy)]
pub(crate) struct Numbers {
    /// The bits of the first one.
    pub first: u64,
    pub count: usize,
}

impl Numbers {
    /// The numbers, if the items are such a range.
    ///
    /// # Safety
    /// `items` points to a value of the type that `id` tells.
    pub unsafe fn of(id: TypeId, items: *const u8) -> Option<Numbers> {
        macro_rules! ranges {
            ($($number:ty)*) => {$(
                const { assert!(may_be::<$number, Range<$number>>()) };
                const { assert!(may_be::<$number, RangeInclusive<$number>>()) };
                if id == TypeId::of::<Range<$number>>() {
                    // SAFETY: the caller's promise.
                    let range = unsafe { &*items.cast::<Range<$number>>() };
                    return numbers(range.start as u64, range.size_hint());
                }
                if id == TypeId::of::<RangeInclusive<$number>>() {
                    // SAFETY: the caller's promise.
                    let range = unsafe { &*items.cast::<RangeInclusive<$number>>() };
                    return numbers(*range.start() as u64, range.size_hint());
                }
            )*};
        }
        fn numbers(first: u64, (least, most): (usize, Option<usize>)) -> Option<Numbers> {
            (most == Some(least)).then_some(Numbers { first, count: least })
        }
        ranges!(u8 i8 u16 i16 u32 i32 u64 i64 usize isize);
        None
    }
}

/// Whether `I` can be a range of `A`, as far as their sizes tell: what cannot be need not be
/// compiled.
pub(crate) const fn may_be<A, I>() -> bool {
    let (number, items) = (size_of::<A>(), size_of::<I>());
    let is_number = matches!(number, 1 | 2 | 4 | 8) && !needs_drop::<A>();
    // (The second one is a `RangeInclusive`, which knows whether it is used up.)
    is_number && !needs_drop::<I>() && (items == 2 * number || items == 3 * number)
}

/// The number so many after the first one.
///
/// # Safety
/// `A` is the type of the range's numbers.
#[inline]
pub(crate) unsafe fn nth<A>(first: u64, index: usize) -> A {
    // (Of the bits as many as the type has: then the number is in the range, whatever
    // the way there.)
    let bits = first.wrapping_add(index as u64);
    let lowest = if cfg!(target_endian = "big") { 8 / size_of::<A>() - 1 } else { 0 };
    // SAFETY: a whole number of at most that size; for the type see the caller's promise.
    unsafe { (&raw const bits).cast::<A>().add(lowest).read() }
}

/// The number of a type that may have lifetimes in it, without them.
pub(crate) fn id_of<I>() -> TypeId {
    trait HasId {
        fn id(&self) -> TypeId
        where
            Self: 'static;
    }
    impl<T: ?Sized> HasId for PhantomData<T> {
        fn id(&self) -> TypeId
        where
            Self: 'static,
        {
            TypeId::of::<T>()
        }
    }
    let marker = PhantomData::<I>;
    let marker: &dyn HasId = &marker;
    // SAFETY: only the lifetime is changed, of a value without content that is used here
    // alone. Types that differ in lifetimes only get the same number; the ranges asked for
    // have none.
    unsafe { std::mem::transmute::<&dyn HasId, &(dyn HasId + 'static)>(marker) }.id()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look<I>(items: &I) -> Option<Numbers> {
        // SAFETY: this is its type.
        unsafe { Numbers::of(id_of::<I>(), std::ptr::from_ref(items).cast()) }
    }

    fn numbers<A: PartialEq + std::fmt::Debug>(items: impl Iterator<Item = A>) -> Option<Vec<A>> {
        let numbers = look(&items)?;
        // SAFETY: the type is that of the items.
        let made: Vec<A> = (0..numbers.count).map(|index| unsafe { nth(numbers.first, index) }).collect();
        assert_eq!(made, items.collect::<Vec<A>>());
        Some(made)
    }

    #[test]
    fn ranges_are_known() {
        assert_eq!(numbers(0..3u64), Some(vec![0, 1, 2]));
        assert_eq!(numbers(-2..1i32), Some(vec![-2, -1, 0]));
        assert_eq!(numbers(-2..=0i16), Some(vec![-2, -1, 0]));
        assert_eq!(numbers(250..=255u8), Some(vec![250, 251, 252, 253, 254, 255]));
        assert_eq!(numbers(i64::MAX - 1..=i64::MAX), Some(vec![i64::MAX - 1, i64::MAX]));
        let (from, to) = (5, 2);
        assert_eq!((numbers(from..to), numbers(from..=to)), (Some(vec![]), Some(Vec::<u32>::new())));
        let mut used_up = 1..=2u32;
        assert_eq!((used_up.next(), used_up.next()), (Some(1), Some(2)));
        assert_eq!(numbers(used_up), Some(vec![]));
    }

    #[test]
    fn others_are_not() {
        assert_eq!(numbers(vec![1u64].into_iter()), None);
        assert_eq!(numbers((0..3u64).map(|x| x + 1)), None);
        assert_eq!(numbers(["a"].into_iter()), None);
        let local = String::new();
        assert!(look(&[&local].iter().map(|text| text.len())).is_none());
        assert_eq!(numbers('a'..'c'), None);
    }
}
