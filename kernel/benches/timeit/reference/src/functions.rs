/// The next of a sequence of random numbers, of which each waits for the one before: a few
/// nanoseconds. (Were they independent, the processor would do several at once, and a loop's
/// place in memory would count for more than the work.)
#[inline(never)]
pub fn random(state: &std::cell::Cell<u64>) -> u64 {
    let mut x = state.get();
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    state.set(x);
    x
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

/// A square matrix of numbers below one.
#[inline(never)]
pub fn matrix(size: usize) -> Vec<f64> {
    numbers((size * size) as u64).iter().map(|n| (n >> 11) as f64 / (1u64 << 53) as f64).collect()
}

/// The product of two matrices that fit the processor's cache: some milliseconds.
#[inline(never)]
pub fn product(a: &[f64], b: &[f64], size: usize) -> Vec<f64> {
    let mut product = vec![0.0; size * size];
    for row in 0..size {
        for inner in 0..size {
            let factor = a[row * size + inner];
            for column in 0..size {
                product[row * size + column] += factor * b[inner * size + column];
            }
        }
    }
    product
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
