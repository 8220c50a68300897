//! Memory in which plain results wait until they are fetched.
//!
//! Each worker has a few slots, which it uses in turn: it fills one, says so through its
//! pipe, and begins the next one. So memory is needed for a few chunks only, however many
//! results there are, and it stays in the processor's cache.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::shared::Segment;
use crate::shared::futex;

/// So many slots each worker has.
const EACH: usize = 2;
/// Smaller chunks go through the pipe, which holds many of them.
const LEAST: usize = 16 << 10;
/// Larger ones, too: of those there are few, and slots would take too much memory.
const MOST: usize = 4 << 20;
/// Workers do not write to each other's lines of cache.
const LINE: usize = 64;
const PAGE: usize = 4096;

/// The slots of all workers of a job.
pub(super) struct Slots {
    /// For each worker a counter, in a line of its own; then the slots.
    segment: Segment,
    workers: usize,
    /// The bytes of a slot.
    size: usize,
}

impl Slots {
    /// Slots for chunks of so many bytes, if these should have any.
    pub fn new(workers: usize, bytes: usize) -> Option<Slots> {
        if !(LEAST..=MOST).contains(&bytes) {
            return None;
        }
        let size = bytes.next_multiple_of(PAGE);
        let all = size.checked_mul(workers)?.checked_mul(EACH)?.checked_add(Slots::counters(workers))?;
        // Without it there is still the pipe.
        let segment: io::Result<Segment> = Segment::new(all);
        Some(Slots { segment: segment.ok()?, workers, size })
    }

    fn counters(workers: usize) -> usize {
        (workers * LINE).next_multiple_of(PAGE)
    }

    /// So many of a worker's slots were fetched.
    fn fetched(&self, worker: usize) -> &AtomicU32 {
        self.segment.at(worker * LINE)
    }

    fn place(&self, worker: usize, number: u32) -> *mut u8 {
        let slot = worker * EACH + number as usize % EACH;
        self.segment.place(Slots::counters(self.workers) + slot * self.size, self.size)
    }

    /// Before a worker starts.
    pub fn reset(&self, worker: usize) {
        self.fetched(worker).store(0, Ordering::Release);
    }

    /// In the worker: waits until its slot of that number is free. It has room for a chunk.
    pub fn wait_for(&self, worker: usize, number: u32) -> *mut u8 {
        let fetched = self.fetched(worker);
        loop {
            let count = fetched.load(Ordering::Acquire);
            if number.wrapping_sub(count) < EACH as u32 {
                return self.place(worker, number);
            }
            // (When nobody fetches any more, the worker is ended.)
            futex::sleep(fetched, count, None);
        }
    }

    /// Hands the bytes of the next slot to `take`, when a worker has said that it is full;
    /// then it is free.
    pub fn fetch(&self, worker: usize, bytes: usize, take: impl FnOnce(&[u8])) {
        let fetched = self.fetched(worker);
        let number = fetched.load(Ordering::Relaxed);
        let place = self.place(worker, number);
        // SAFETY: the place has room for so many, and the worker does not write to it before
        // the slot is free.
        take(unsafe { std::slice::from_raw_parts(place, bytes.min(self.size)) });
        fetched.store(number.wrapping_add(1), Ordering::Release);
        futex::wake(fetched, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_used_in_turn() {
        let slots = Slots::new(2, LEAST).expect("there is memory");
        for number in 0..10 {
            for worker in 0..2 {
                let place = slots.wait_for(worker, number);
                // SAFETY: it has room.
                unsafe { place.write_bytes(number as u8 * 2 + worker as u8, LEAST) };
                assert_ne!(place, slots.place(worker, number + 1));
            }
            for worker in 0..2 {
                let mut bytes = Vec::new();
                slots.fetch(worker, LEAST, |all| bytes.extend_from_slice(all));
                assert!(bytes.len() == LEAST && bytes.iter().all(|byte| *byte == number as u8 * 2 + worker as u8));
            }
        }
        slots.reset(0);
        assert_eq!(slots.wait_for(0, 0), slots.place(0, 0));
    }

    #[test]
    fn a_full_worker_waits() {
        const CHUNKS: u32 = 50;
        let slots = Slots::new(1, LEAST).expect("there is memory");
        let filled = AtomicU32::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..CHUNKS {
                    slots.wait_for(0, number);
                    filled.fetch_add(1, Ordering::Release);
                }
            });
            for fetched in 0..CHUNKS {
                // It says when one is full, and has never filled more than there are.
                while filled.load(Ordering::Acquire) == fetched {
                    std::thread::yield_now();
                }
                assert!(filled.load(Ordering::Acquire) <= fetched + EACH as u32);
                slots.fetch(0, 0, |_| {});
            }
        });
    }

    #[test]
    fn what_is_small_or_huge_has_none() {
        assert!(Slots::new(2, 0).is_none() && Slots::new(2, LEAST - 1).is_none());
        assert!(Slots::new(2, MOST + 1).is_none() && Slots::new(2, usize::MAX).is_none());
        // More than there are addresses.
        assert!(Slots::new(usize::MAX / MOST / 2, MOST).is_none() && Slots::new(1 << 40, MOST).is_none());
    }
}
