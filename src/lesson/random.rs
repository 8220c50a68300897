//! Random numbers as Python's module `random` draws them, by the same names.
//!
//! After [`seed`] with the same number the sequence is CPython's, from 3.2 on: the
//! Mersenne Twister, seeded, scaled and cut to ranges as there.
//!
//! Each thread has a sequence of its own, so threads need no lock and do not disturb each
//! other (in Python they share one). Without [`seed`] it begins somewhere else each time.
//! A forked child begins anew, as in Python, so that children do not all draw the same.
//!
//! ```
//! # use threadbook::prelude::*;
//! random::seed(0);
//! let numbers: Vec<u64> = (0..4).map(|_| random::randrange(5_000_000..10_000_000)).collect();
//! assert_eq!(numbers, [8231671, 8528010, 5339607, 7171951]);
//! ```

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use rand_mt::Mt;

use crate::__rt::forked;

/// A sequence of random numbers: those of the functions of this module, in a value of
/// its own.
///
/// ```
/// # use threadbook::prelude::*;
/// let mut dice = random::Random::seeded(3);
/// let thrown: Vec<i32> = (0..5).map(|_| dice.randint(1, 6)).collect();
/// assert_eq!(thrown, [2, 5, 5, 2, 3]);
/// ```
#[derive(Debug, Clone)]
pub struct Random(Mt);

impl Default for Random {
    fn default() -> Random {
        Random::new()
    }
}

impl Random {
    /// A sequence that begins somewhere else each time.
    pub fn new() -> Random {
        static MADE: AtomicU64 = AtomicU64::new(0);
        // Keys from the system, the same in a forked child; hence the rest.
        let state = RandomState::new();
        let made = MADE.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let words = (0..8u32).flat_map(|word| {
            let hash = state.hash_one((word, made, std::process::id(), std::thread::current().id(), now));
            [hash as u32, (hash >> 32) as u32]
        });
        Random(Mt::new_with_key(words.collect::<Vec<_>>()))
    }

    /// The sequence of Python's `random.seed(number)`. As there, the sign does not count.
    pub fn seeded(number: impl Into<i128>) -> Random {
        let mut left = number.into().unsigned_abs();
        let mut words = vec![left as u32];
        left >>= 32;
        while left > 0 {
            words.push(left as u32);
            left >>= 32;
        }
        Random(Mt::new_with_key(words))
    }

    /// See [`random`].
    pub fn random(&mut self) -> f64 {
        let (high, low) = (self.0.next_u32() >> 5, self.0.next_u32() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }

    /// See [`uniform`].
    pub fn uniform(&mut self, a: f64, b: f64) -> f64 {
        a + (b - a) * self.random()
    }

    /// See [`getrandbits`].
    ///
    /// # Panics
    /// When `bits` is more than 64.
    #[track_caller]
    pub fn getrandbits(&mut self, bits: u32) -> u64 {
        assert!(bits <= 64, "{bits} random bits were asked for, and a u64 has 64");
        self.bits(bits) as u64
    }

    fn bits(&mut self, bits: u32) -> u128 {
        let mut number = 0;
        for at in (0..bits).step_by(32) {
            let word = self.0.next_u32() >> (32 - (bits - at).min(32));
            number |= u128::from(word) << at;
        }
        number
    }

    /// A number below `end`, which is not 0.
    fn below(&mut self, end: u128) -> u128 {
        let bits = u128::BITS - end.leading_zeros();
        loop {
            let number = self.bits(bits);
            if number < end {
                return number;
            }
        }
    }

    fn index(&mut self, end: usize) -> usize {
        self.below(end as u128) as usize
    }

    #[track_caller]
    fn between(&mut self, start: i128, end: i128) -> i128 {
        assert!(start < end, "the range is empty: no number is at least {start} and less than {end}");
        start + self.below(start.abs_diff(end)) as i128
    }

    /// See [`randrange`].
    ///
    /// # Panics
    /// When the range is empty.
    #[track_caller]
    pub fn randrange<T: Integer>(&mut self, range: Range<T>) -> T {
        T::from_wide(self.between(range.start.wide(), range.end.wide()))
    }

    /// See [`randint`].
    ///
    /// # Panics
    /// When `last` is less than `first`.
    #[track_caller]
    pub fn randint<T: Integer>(&mut self, first: T, last: T) -> T {
        T::from_wide(self.between(first.wide(), last.wide() + 1))
    }

    /// See [`choice`].
    ///
    /// # Panics
    /// When there are no items.
    #[track_caller]
    pub fn choice<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        assert!(!items.is_empty(), "there is nothing to choose from");
        &items[self.index(items.len())]
    }

    /// See [`choices`].
    ///
    /// # Panics
    /// When there are no items.
    #[track_caller]
    pub fn choices<T: Clone>(&mut self, items: &[T], count: usize) -> Vec<T> {
        assert!(!items.is_empty(), "there is nothing to choose from");
        (0..count).map(|_| items[(self.random() * items.len() as f64) as usize].clone()).collect()
    }

    /// See [`shuffle`].
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }
}

mod sealed {
    pub trait Sealed {}
}

/// Whole numbers of up to 64 bits.
pub trait Integer: Copy + sealed::Sealed {
    #[doc(hidden)]
    fn wide(self) -> i128;
    #[doc(hidden)]
    fn from_wide(number: i128) -> Self;
}

macro_rules! integers {
    ($($name:ident)*) => {$(
        impl sealed::Sealed for $name {}
        impl Integer for $name {
            fn wide(self) -> i128 {
                self as i128
            }
            fn from_wide(number: i128) -> $name {
                // From a range of this type.
                number as $name
            }
        }
    )*};
}
integers!(i8 i16 i32 i64 isize u8 u16 u32 u64 usize);

struct Own {
    random: Random,
    generation: u64,
}

thread_local! {
    static OWN: RefCell<Option<Own>> = const { RefCell::new(None) };
}

/// Uses the calling thread's sequence.
fn with<R>(draw: impl FnOnce(&mut Random) -> R) -> R {
    OWN.with_borrow_mut(|own| {
        let generation = forked::generation();
        match own {
            Some(own) if own.generation == generation => draw(&mut own.random),
            _ => draw(&mut own.insert(Own { random: Random::new(), generation }).random),
        }
    })
}

/// Begins the calling thread's sequence where Python's `random.seed(number)` does.
///
/// ```
/// # use threadbook::prelude::*;
/// random::seed(0);
/// let first = random::random();
/// random::seed(0);
/// assert_eq!(random::random(), first);
/// ```
pub fn seed(number: impl Into<i128>) {
    let own = Own { random: Random::seeded(number), generation: forked::generation() };
    OWN.set(Some(own));
}

/// A number from 0 to less than 1, with 53 random bits.
///
/// ```
/// # use threadbook::prelude::*;
/// random::seed(0);
/// assert_eq!(random::random(), 0.8444218515250481);
/// ```
pub fn random() -> f64 {
    with(Random::random)
}

/// A number from `a` to `b`.
///
/// ```
/// # use threadbook::prelude::*;
/// assert!((-1.0..=2.0).contains(&random::uniform(-1.0, 2.0)));
/// ```
pub fn uniform(a: f64, b: f64) -> f64 {
    with(|own| own.uniform(a, b))
}

/// A number of so many random bits, up to 64.
///
/// # Panics
/// When `bits` is more than 64.
#[track_caller]
pub fn getrandbits(bits: u32) -> u64 {
    assert!(bits <= 64, "{bits} random bits were asked for, and a u64 has 64");
    with(|own| own.getrandbits(bits))
}

/// A whole number of a range, of which the end is left out: Python's
/// `random.randrange(start, end)`.
///
/// ```
/// # use threadbook::prelude::*;
/// let seconds = random::randrange(1..4);
/// assert!((1..=3).contains(&seconds));
/// ```
///
/// # Panics
/// When the range is empty.
#[track_caller]
pub fn randrange<T: Integer>(range: Range<T>) -> T {
    T::from_wide(between(range.start.wide(), range.end.wide()))
}

/// A whole number from `first` to `last`, both included: Python's `random.randint`.
///
/// ```
/// # use threadbook::prelude::*;
/// let dice: u8 = random::randint(1, 6);
/// assert!((1..=6).contains(&dice));
/// ```
///
/// # Panics
/// When `last` is less than `first`.
#[track_caller]
pub fn randint<T: Integer>(first: T, last: T) -> T {
    T::from_wide(between(first.wide(), last.wide() + 1))
}

#[track_caller]
fn between(start: i128, end: i128) -> i128 {
    assert!(start < end, "the range is empty: no number is at least {start} and less than {end}");
    with(|own| own.between(start, end))
}

/// One of the items.
///
/// ```
/// # use threadbook::prelude::*;
/// assert!(["a", "b"].contains(random::choice(&["a", "b"])));
/// ```
///
/// # Panics
/// When there are no items.
#[track_caller]
pub fn choice<T>(items: &[T]) -> &T {
    assert!(!items.is_empty(), "there is nothing to choose from");
    &items[with(|own| own.index(items.len()))]
}

/// So many of the items, each drawn anew: one may come several times.
///
/// ```
/// # use threadbook::prelude::*;
/// random::seed(0);
/// let letters: Vec<char> = ('a'..='j').collect();
/// let name: String = random::choices(&letters, 5).into_iter().collect();
/// assert_eq!(name, "ihecf");
/// ```
///
/// # Panics
/// When there are no items.
#[track_caller]
pub fn choices<T: Clone>(items: &[T], count: usize) -> Vec<T> {
    assert!(!items.is_empty(), "there is nothing to choose from");
    with(|own| own.choices(items, count))
}

/// Puts the items into a random order.
///
/// ```
/// # use threadbook::prelude::*;
/// random::seed(0);
/// let mut numbers: Vec<i32> = (0..10).collect();
/// random::shuffle(&mut numbers);
/// assert_eq!(numbers, [7, 8, 1, 5, 3, 4, 2, 0, 9, 6]);
/// ```
pub fn shuffle<T>(items: &mut [T]) {
    with(|own| own.shuffle(items));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All expected numbers were printed by CPython 3.11.
    #[test]
    fn ranges_are_pythons() {
        let mut small = Random::seeded(0);
        let drawn: Vec<u32> = (0..1000).map(|_| small.randrange(5000..10_000)).collect();
        assert_eq!(drawn[..10], [8155, 8445, 5331, 7121, 9188, 8980, 8317, 7484, 8904, 7933]);
        assert_eq!(drawn.iter().sum::<u32>(), 7_440_977);
        let mut dice = Random::seeded(3);
        let thrown: Vec<i8> = (0..10).map(|_| dice.randint(1, 6)).collect();
        assert_eq!(thrown, [2, 5, 5, 2, 3, 5, 4, 6, 5, 1]);
        assert_eq!(dice.randrange(0..1), 0);
        assert_eq!(dice.randint(i64::MIN, i64::MAX), 6_225_205_768_290_325_151);
    }

    #[test]
    fn fractions_and_choices_are_pythons() {
        let mut own = Random::seeded(0);
        let drawn = [own.random(), own.random(), own.random()];
        assert_eq!(drawn, [0.8444218515250481, 0.7579544029403025, 0.420571580830845]);
        assert_eq!(own.randint(1, 100), 34);
        let letters: Vec<char> = ('a'..='j').collect();
        assert_eq!(own.choices(&letters, 5), ['j', 'e', 'j', 'i', 'j']);
        assert_eq!(*own.choice(&letters), 'f');
    }

    #[test]
    fn large_seeds_and_bits_are_pythons() {
        let mut own = Random::seeded((1u64 << 40) + 5);
        assert_eq!(own.random(), 0.5043802970418443);
        assert_eq!(own.randrange(-10..10), -2);
        assert_eq!(own.randrange(0..1u64 << 40), 360_977_370_925);
        assert_eq!(own.getrandbits(64), 14_693_125_541_349_522_851);
        assert_eq!(own.uniform(-1.0, 2.0), 1.4490228846786684);
        assert_eq!(Random::seeded(12_345_678_901_234_567_890u64).random(), 0.5120180983871961);
        assert_eq!(Random::seeded(-7).random(), 0.32383276483316237);
    }

    #[test]
    fn sequences_without_a_seed_differ() {
        let first = |_| std::thread::spawn(|| getrandbits(64)).join().expect("it draws");
        let mut numbers: Vec<u64> =
            (0..20).map(first).chain([getrandbits(64), Random::new().getrandbits(64)]).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 22);
    }

    #[test]
    fn a_thread_does_not_disturb_another() {
        seed(0);
        let first = random();
        let other = std::thread::spawn(|| {
            seed(0);
            random()
        });
        assert_eq!(other.join().expect("it draws"), first);
        assert_eq!(random(), 0.7579544029403025);
    }

    #[test]
    #[should_panic(expected = "is empty: no number is at least 5 and less than 5")]
    fn an_empty_range_is_refused() {
        randrange(5..5);
    }

    #[cfg(unix)]
    #[test]
    fn a_forked_child_draws_other_numbers() {
        seed(0);
        random();
        let mut pipe = [0; 2];
        // SAFETY: room for two descriptors.
        assert_eq!(unsafe { libc::pipe(pipe.as_mut_ptr()) }, 0);
        // SAFETY: the child draws a number and leaves.
        if unsafe { libc::fork() } == 0 {
            let drawn = random().to_ne_bytes();
            // SAFETY: eight bytes are there.
            unsafe { libc::write(pipe[1], drawn.as_ptr().cast(), 8) };
            // SAFETY: nothing of the parent's is cleaned up.
            unsafe { libc::_exit(0) };
        }
        let mut drawn = [0; 8];
        // SAFETY: there is room for eight bytes.
        assert_eq!(unsafe { libc::read(pipe[0], drawn.as_mut_ptr().cast(), 8) }, 8);
        let own = random();
        assert_eq!(own, 0.7579544029403025);
        assert_ne!(f64::from_ne_bytes(drawn), own);
    }
}
