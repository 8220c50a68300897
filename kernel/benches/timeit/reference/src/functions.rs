/// Three multiplications that wait for each other: about a nanosecond.
#[inline(never)]
pub fn chain(x: u64) -> u64 {
    let step = |x: u64| x.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x55;
    step(step(step(x)))
}

/// The hash of a small text: some ten nanoseconds.
#[inline(never)]
pub fn hash(text: &str) -> u64 {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    BuildHasherDefault::<DefaultHasher>::default().hash_one(text)
}

/// Numbers in no order.
#[inline(never)]
pub fn numbers(count: u64) -> Vec<u64> {
    (1..=count).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect()
}

/// A sorted copy of a thousand numbers: some microseconds.
#[inline(never)]
pub fn sort(numbers: &[u64]) -> Vec<u64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted
}

/// The sum of ten million numbers: some milliseconds, most of them waiting for memory.
#[inline(never)]
pub fn sum(numbers: &[u64]) -> u64 {
    numbers.iter().fold(0, |sum, number| sum.wrapping_add(*number))
}

/// Counts the steps of Collatz sequences: about a second.
#[inline(never)]
pub fn compute(limit: u64) -> u64 {
    let steps = |start: u64| {
        let (mut n, mut steps) = (start, 0u64);
        while n > 1 {
            n = if n % 2 == 0 { n / 2 } else { 3 * n + 1 };
            steps += 1;
        }
        steps
    };
    (1..limit).map(steps).sum()
}
