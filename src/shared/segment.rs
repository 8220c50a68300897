//! Memory that is shared with children forked later.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64};

/// Memory that is shared with children forked later: zeros at first, aligned as pages are.
/// Its pages are taken when they are first written to.
#[derive(Debug)]
pub(crate) struct Segment {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the memory stays where it is as long as the value lives, and all access to it is
// by atomics or by those who hold a lock in it.
unsafe impl Send for Segment {}
// SAFETY: as above.
unsafe impl Sync for Segment {}

/// What may lie in a segment: any bytes are a value, and it is changed through a shared
/// reference.
///
/// # Safety
/// It consists of atomics only.
pub(crate) unsafe trait InSegment {}

// SAFETY: it is an atomic.
unsafe impl InSegment for AtomicU32 {}
// SAFETY: as above.
unsafe impl InSegment for AtomicU64 {}

impl Segment {
    /// # Errors
    /// When the system has no such memory.
    pub(crate) fn new(bytes: usize) -> io::Result<Segment> {
        let bytes = bytes.max(1);
        let flags = libc::MAP_SHARED | libc::MAP_ANON | libc::MAP_NORESERVE;
        // SAFETY: new memory, at a place that the system chooses.
        let start =
            unsafe { libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast::<u8>()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Segment { start, bytes })
    }

    /// As [`new`](Segment::new), for small segments whose makers have no use for an error.
    ///
    /// # Panics
    /// When the system has no such memory.
    #[track_caller]
    pub(crate) fn make(bytes: usize) -> Segment {
        match Segment::new(bytes) {
            Ok(segment) => segment,
            Err(error) => panic!("the system has no {bytes} bytes of shared memory: {error}"),
        }
    }

    /// What lies at that many bytes from the start.
    ///
    /// # Panics
    /// When it does not lie inside, or not as its type must.
    pub(crate) fn at<T: InSegment>(&self, offset: usize) -> &T {
        assert!(offset.is_multiple_of(align_of::<T>()) && offset + size_of::<T>() <= self.bytes);
        // SAFETY: it lies inside of the memory and well aligned, which the line above makes
        // sure, and any bytes are a value of it.
        unsafe { self.start.add(offset).cast::<T>().as_ref() }
    }

    /// The place that many bytes from the start, for `count` bytes.
    ///
    /// # Panics
    /// When these do not lie inside.
    pub(crate) fn place(&self, offset: usize, count: usize) -> *mut u8 {
        assert!(offset <= self.bytes && count <= self.bytes - offset);
        // SAFETY: it lies inside, as the line above makes sure.
        unsafe { self.start.as_ptr().add(offset) }
    }

    /// Gives pages back to the system: they are zeros again.
    pub(crate) fn release(&self, offset: usize, count: usize) {
        #[cfg(target_os = "linux")]
        {
            const PAGE: usize = 4096;
            let (start, end) = (offset.next_multiple_of(PAGE), (offset + count) / PAGE * PAGE);
            if start < end && end <= self.bytes {
                let place = self.place(start, end - start);
                // SAFETY: the pages lie inside, and nobody needs what is in them. (A system
                // that knows larger pages only refuses.)
                unsafe { libc::madvise(place.cast(), end - start, libc::MADV_REMOVE) };
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (offset, count);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // SAFETY: it is this value's own memory; other processes have it in their own right.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}
