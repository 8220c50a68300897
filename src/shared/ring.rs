//! A queue of messages (bytes) in shared memory: what a [`ProcessQueue`](super::ProcessQueue)
//! is inside.
//!
//! The memory is a ring, so large that it is never full in practice: the system gives pages
//! only to the part that holds messages, and gets them back behind the readers. So a put does
//! not wait for a reader, needs no thread to feed a pipe, and what was put stays when its
//! process ends.
//!
//! A message is its length and its bytes. It is there from the moment when `tail` has moved
//! behind it, and gone when `head` has: who dies in between has done nothing. Only the count
//! has to be made anew then.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use super::futex::{self, Slept};
use super::raw_lock::{RawGuard, RawLock};
use super::segment::{InSegment, Segment};

/// Address space for the messages; less where the system grants no more.
const MOST_BYTES: usize = 64 << 30;
const FEWEST_BYTES: usize = 16 << 20;
/// The header has pages of its own.
const MESSAGES: usize = 4096;
/// Before each message.
const LENGTH: usize = 8;
/// Pages are given back when so much of them is behind the readers.
const KEPT: u64 = 4 << 20;

#[repr(C)]
struct Header {
    lock: RawLock,
    /// Changes with each message that comes, and when the queue is closed.
    came: AtomicU32,
    /// Changes with each message that goes, and when the queue is closed.
    went: AtomicU32,
    /// Who sleeps for a message, and for room. Too many when one has died.
    want_message: AtomicU32,
    want_room: AtomicU32,
    closed: AtomicU32,
    _unused: AtomicU32,
    /// Where the first message begins and where the last one ends, counted on over the
    /// ring's end.
    head: AtomicU64,
    tail: AtomicU64,
    /// Messages between the two.
    count: AtomicU64,
    /// Pages before it were given back.
    released: AtomicU64,
}

// SAFETY: it has nothing but atomics.
unsafe impl InSegment for Header {}

/// Why there is no message, or no room for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    Closed,
    /// The time has come.
    TimedOut,
    TooLarge,
}

pub(super) struct Ring {
    segment: Segment,
    /// At most so many messages.
    most: u64,
}

impl Ring {
    #[track_caller]
    pub(super) fn new(most: u64) -> Ring {
        let mut bytes = MOST_BYTES;
        let segment = loop {
            match Segment::new(MESSAGES + bytes) {
                Ok(segment) => break segment,
                Err(_) if bytes > FEWEST_BYTES => bytes /= 2,
                Err(error) => panic!("the system has no shared memory for a queue: {error}"),
            }
        };
        Ring { segment, most }
    }

    /// A ring of that size.
    #[cfg(test)]
    pub(super) fn with_capacity(bytes: usize, most: u64) -> Ring {
        Ring { segment: Segment::make(MESSAGES + bytes), most }
    }

    fn header(&self) -> &Header {
        self.segment.at(0)
    }

    fn capacity(&self) -> u64 {
        (self.segment.bytes() - MESSAGES) as u64
    }

    #[track_caller]
    fn lock(&self) -> RawGuard<'_> {
        let header = self.header();
        let held = header.lock.lock();
        if header.lock.dead_holder().is_some() {
            self.repair();
            header.lock.forgive();
        }
        held
    }

    /// Somebody has died while they changed something.
    fn repair(&self) {
        let header = self.header();
        let (mut at, tail) = (header.head.load(Ordering::Relaxed), header.tail.load(Ordering::Relaxed));
        if at > tail {
            // The queue was empty, and about to begin anew.
            for cell in [&header.head, &header.tail, &header.released, &header.count] {
                cell.store(0, Ordering::Relaxed);
            }
            return;
        }
        let mut count = 0;
        while at < tail {
            at += LENGTH as u64 + self.length_at(at);
            count += 1;
        }
        header.count.store(count, Ordering::Relaxed);
        let released = header.released.load(Ordering::Relaxed).min(header.head.load(Ordering::Relaxed));
        header.released.store(released, Ordering::Relaxed);
        // Those whom the dead one has not called.
        self.call(&header.came, u32::MAX);
        self.call(&header.went, u32::MAX);
    }

    fn call(&self, word: &AtomicU32, count: u32) {
        word.fetch_add(1, Ordering::Release);
        futex::wake(word, count);
    }

    /// Puts a message in.
    ///
    /// Unwinds on an interrupt.
    #[track_caller]
    pub(super) fn put(&self, message: &[u8], deadline: Option<Instant>) -> Result<(), Refused> {
        let header = self.header();
        let needed = (LENGTH + message.len()) as u64;
        if needed > self.capacity() {
            return Err(Refused::TooLarge);
        }
        loop {
            let held = self.lock();
            if header.closed.load(Ordering::Relaxed) != 0 {
                return Err(Refused::Closed);
            }
            let (head, tail) = (header.head.load(Ordering::Relaxed), header.tail.load(Ordering::Relaxed));
            let count = header.count.load(Ordering::Relaxed);
            if count < self.most && self.capacity() - (tail - head) >= needed {
                self.write(tail, &(message.len() as u64).to_le_bytes());
                self.write(tail + LENGTH as u64, message);
                header.tail.store(tail + needed, Ordering::Release);
                header.count.store(count + 1, Ordering::Relaxed);
                header.came.fetch_add(1, Ordering::Release);
                drop(held);
                if header.want_message.load(Ordering::SeqCst) > 0 {
                    futex::wake(&header.came, 1);
                }
                return Ok(());
            }
            let went = header.went.load(Ordering::Relaxed);
            let _wanting = Wanting::begin(&header.want_room);
            drop(held);
            if futex::sleep(&header.went, went, deadline) == Slept::TimedOut {
                return Err(Refused::TimedOut);
            }
        }
    }

    /// Takes the first message out.
    ///
    /// Unwinds on an interrupt.
    #[track_caller]
    pub(super) fn get(&self, deadline: Option<Instant>) -> Result<Vec<u8>, Refused> {
        let header = self.header();
        loop {
            let held = self.lock();
            let count = header.count.load(Ordering::Relaxed);
            if count > 0 {
                let head = header.head.load(Ordering::Relaxed);
                let message = self.read(head + LENGTH as u64, self.length_at(head));
                self.remove(head + (LENGTH + message.len()) as u64, count - 1);
                header.went.fetch_add(1, Ordering::Release);
                drop(held);
                if header.want_room.load(Ordering::SeqCst) > 0 {
                    futex::wake(&header.went, 1);
                }
                return Ok(message);
            }
            if header.closed.load(Ordering::Relaxed) != 0 {
                return Err(Refused::Closed);
            }
            let came = header.came.load(Ordering::Relaxed);
            let _wanting = Wanting::begin(&header.want_message);
            drop(held);
            if futex::sleep(&header.came, came, deadline) == Slept::TimedOut {
                return Err(Refused::TimedOut);
            }
        }
    }

    /// What is before `head` is not needed any more.
    fn remove(&self, head: u64, count: u64) {
        let header = self.header();
        header.head.store(head, Ordering::Release);
        header.count.store(count, Ordering::Relaxed);
        let released = header.released.load(Ordering::Relaxed);
        if head - released > KEPT {
            self.release(released, head);
            header.released.store(head, Ordering::Relaxed);
        }
        if count == 0 {
            // From the start again, in pages that are there. In this order: see `repair`.
            header.tail.store(0, Ordering::Release);
            header.released.store(0, Ordering::Release);
            header.head.store(0, Ordering::Release);
        }
    }

    fn release(&self, from: u64, to: u64) {
        let (start, end) = (from % self.capacity(), to % self.capacity());
        if start < end {
            self.segment.release(MESSAGES + start as usize, (end - start) as usize);
        } else {
            self.segment.release(MESSAGES + start as usize, (self.capacity() - start) as usize);
            self.segment.release(MESSAGES, end as usize);
        }
    }

    fn length_at(&self, at: u64) -> u64 {
        let bytes = self.read(at, LENGTH as u64);
        u64::from_le_bytes(bytes.try_into().unwrap_or_default())
    }

    /// Where the ring's bytes lie: up to its end, and on from its start.
    fn parts(&self, at: u64, count: usize) -> [(*mut u8, usize); 2] {
        let start = (at % self.capacity()) as usize;
        let first = count.min(self.capacity() as usize - start);
        let place = |offset, count| self.segment.place(MESSAGES + offset, count);
        [(place(start, first), first), (place(0, count - first), count - first)]
    }

    fn write(&self, at: u64, bytes: &[u8]) {
        let [(first, count), (second, rest)] = self.parts(at, bytes.len());
        // SAFETY: `parts` gives places inside of the ring, which has room for all of it; the
        // caller holds the lock, and nobody reads there before `tail` has moved.
        unsafe {
            first.copy_from_nonoverlapping(bytes.as_ptr(), count);
            second.copy_from_nonoverlapping(bytes[count..].as_ptr(), rest);
        }
    }

    fn read(&self, at: u64, count: u64) -> Vec<u8> {
        let count = count as usize;
        let mut bytes = Vec::with_capacity(count);
        for (place, part) in self.parts(at, count) {
            // SAFETY: as in `write`; the caller holds the lock, and a message lies there.
            bytes.extend_from_slice(unsafe { std::slice::from_raw_parts(place, part) });
        }
        bytes
    }

    pub(super) fn len(&self) -> u64 {
        self.header().count.load(Ordering::Acquire)
    }

    /// Takes no more messages. Those that are there can be taken out.
    #[track_caller]
    pub(super) fn close(&self) {
        let header = self.header();
        let held = self.lock();
        header.closed.store(1, Ordering::Relaxed);
        drop(held);
        self.call(&header.came, u32::MAX);
        self.call(&header.went, u32::MAX);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.header().closed.load(Ordering::Acquire) != 0
    }
}

/// The calling thread wants to be called.
struct Wanting<'a>(&'a AtomicU32);

impl Wanting<'_> {
    fn begin(count: &AtomicU32) -> Wanting<'_> {
        count.fetch_add(1, Ordering::SeqCst);
        Wanting(count)
    }
}

impl Drop for Wanting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
