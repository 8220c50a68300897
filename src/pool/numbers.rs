//! Items that are a range of whole numbers need not be stored: each is made when its turn
//! comes.
//!
//! That a type is one of these ranges cannot be said in a function's signature, as all
//! other iterators are welcome, too. So the types are compared when the function is
//! compiled: the comparisons leave no code.

use std::any::TypeId;
use std::marker::PhantomData;
use std::mem::transmute_copy;
use std::ops::{Range, RangeInclusive};

/// The first number of a range, and how many there are.
pub(super) struct Numbers<A> {
    /// Its bits.
    first: u64,
    pub count: usize,
    made: PhantomData<fn() -> A>,
}

/// Whether these are the same type.
fn is<I, R: 'static>() -> bool {
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
    // alone. A type that differs from `R` in lifetimes only is not `'static`, while ranges
    // of numbers have none.
    let marker = unsafe { std::mem::transmute::<&dyn HasId, &(dyn HasId + 'static)>(marker) };
    marker.id() == TypeId::of::<R>()
}

/// # Safety
/// Both are the same type.
unsafe fn same<A, B>(value: &A) -> B {
    // SAFETY: the caller's promise; numbers and ranges of them may be copied.
    unsafe { transmute_copy(value) }
}

macro_rules! numbers {
    ($($number:ty)*) => {
        impl<A: 'static> Numbers<A> {
            /// The numbers, if the items are such a range.
            pub fn of<I>(items: &I) -> Option<Numbers<A>> {
                $(if TypeId::of::<A>() == TypeId::of::<$number>() {
                    let (first, count) = if is::<I, Range<$number>>() {
                        // SAFETY: the types were just compared.
                        let range: Range<$number> = unsafe { same(items) };
                        (range.start, ExactCount::count_of(range))
                    } else if is::<I, RangeInclusive<$number>>() {
                        // SAFETY: as above.
                        let range: RangeInclusive<$number> = unsafe { same(items) };
                        (*range.start(), ExactCount::count_of(range))
                    } else {
                        return None;
                    };
                    return Some(Numbers { first: first as u64, count: count?, made: PhantomData });
                })*
                None
            }

            /// The number at this place.
            #[inline]
            pub fn nth(&self, index: usize) -> A {
                $(if TypeId::of::<A>() == TypeId::of::<$number>() {
                    // (The number is in the range, whatever the way there.)
                    let number = (self.first as $number).wrapping_add(index as $number);
                    // SAFETY: the types were just compared.
                    return unsafe { same(&number) };
                })*
                unreachable!("there are ranges of these types only")
            }
        }
    };
}

numbers!(u8 i32 u32 i64 u64 usize);

trait ExactCount: Iterator + Sized {
    fn count_of(self) -> Option<usize> {
        let (least, most) = self.size_hint();
        most.filter(|&most| most == least)
    }
}

impl<I: Iterator> ExactCount for I {}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers<A: 'static + PartialEq + std::fmt::Debug>(items: impl Iterator<Item = A>) -> Option<Vec<A>> {
        let numbers = Numbers::of(&items)?;
        let made: Vec<A> = (0..numbers.count).map(|index| numbers.nth(index)).collect();
        assert_eq!(made, items.collect::<Vec<A>>());
        Some(made)
    }

    #[test]
    fn ranges_are_known() {
        assert_eq!(numbers(0..3u64), Some(vec![0, 1, 2]));
        assert_eq!(numbers(-2..1i32), Some(vec![-2, -1, 0]));
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
        assert!(Numbers::<usize>::of(&[&local].iter().map(|text| text.len())).is_none());
        assert_eq!(numbers(0..2i8), None);
    }
}
