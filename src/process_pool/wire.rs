//! Results as bytes.
//!
//! A frame is the number of its first item, the number of items, the number of bytes, and
//! these. An item is a byte that says how it went, and its value or an error.

use std::io;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::os::fd::RawFd;
use std::process;

use postcard::ser_flavors::Flavor;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::__rt::caught::{self, Caught};
use crate::executor::TaskError;
use crate::executor::core::panic_text;
use crate::message::PanicReport;
use crate::shared::encoding_text;

pub(super) const HEADER: usize = 24;

const WELL: u8 = 0;
const PANICKED: u8 = 1;
const NOT_SENDABLE: u8 = 2;

/// Does the items of a range, and appends what came of them.
pub(super) type DoItems = dyn Fn(Range<usize>, &mut Vec<u8>) + Send + Sync;

pub(super) struct Header {
    pub start: usize,
    pub count: usize,
    pub bytes: usize,
}

impl Header {
    pub fn to_bytes(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        for (place, number) in bytes.chunks_exact_mut(8).zip([self.start, self.count, self.bytes]) {
            place.copy_from_slice(&(number as u64).to_le_bytes());
        }
        bytes
    }

    pub fn from_bytes(bytes: &[u8; HEADER]) -> Header {
        let [start, count, bytes] = [0, 8, 16].map(|at| {
            let number = bytes[at..at + 8].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
            number as usize
        });
        Header { start, count, bytes }
    }
}

/// Writes all of it to a file that waits for room.
pub(super) fn write_all(file: RawFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        // SAFETY: the bytes are read in the call.
        let count = unsafe { libc::write(file, bytes.as_ptr().cast(), bytes.len()) };
        match usize::try_from(count) {
            Ok(count) => bytes = &bytes[count..],
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => {}
                error => return Err(error),
            },
        }
    }
    Ok(())
}

/// Appends to bytes that are there.
struct Append<'a>(&'a mut Vec<u8>);

impl Flavor for Append<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Appends a result.
pub(super) fn write_item<T: Serialize>(value: &T, out: &mut Vec<u8>) {
    let start = out.len();
    out.push(WELL);
    if let Err(error) = postcard::serialize_with_flavor(value, Append(out)) {
        out.truncate(start);
        write_error(NOT_SENDABLE, encoding_text(&error).as_bytes(), out);
    }
}

fn write_error(kind: u8, text: &[u8], out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text);
}

/// Calls `next`, which does one item, appends its result and says whether there are more,
/// until there are none. The item that panics gets an error, and the next one its turn.
pub(super) fn write_items(out: &mut Vec<u8>, next: &mut dyn FnMut(&mut Vec<u8>) -> bool) {
    let mut more = true;
    while more {
        let mut start = out.len();
        // Caught for many at once: it takes longer than a short item does.
        let caught = caught::catch(&mut || {
            while more {
                start = out.len();
                more = next(out);
            }
        });
        let report = match caught {
            Ok(()) => return,
            Err(Caught::Panicked(report)) => report,
            // (Nobody interrupts a child in this way.)
            Err(Caught::Interrupted(_)) => PanicReport { text: "interrupted".to_owned(), ..PanicReport::default() },
        };
        out.truncate(start);
        write_error(PANICKED, &serde_json::to_vec(&report).unwrap_or_default(), out);
    }
}

/// The first item of `bytes`, which begin after it then.
pub(super) fn read_item<T: DeserializeOwned>(bytes: &mut &[u8]) -> Result<T, TaskError> {
    // Most are short, and go well.
    if let [WELL, rest @ ..] = bytes
        && let Ok((value, rest)) = postcard::take_from_bytes(rest)
    {
        *bytes = rest;
        return Ok(value);
    }
    Err(read_error(bytes, |rest| postcard::take_from_bytes::<T>(rest).err()))
}

#[cold]
fn read_error(bytes: &mut &[u8], again: impl FnOnce(&[u8]) -> Option<postcard::Error>) -> TaskError {
    match read_outcome(bytes) {
        Ok(Ok(())) => {
            let error = again(bytes).map_or_else(String::new, |error| encoding_text(&error));
            // Nobody knows where the next one begins.
            *bytes = &[];
            TaskError::NotSendable(error)
        }
        Ok(Err(report)) => TaskError::Panicked(panic_text(&report)),
        Err(error) => error,
    }
}

/// How the first item went. If well, its value comes next; else `bytes` begin after it.
pub(super) fn read_outcome(bytes: &mut &[u8]) -> Result<Result<(), PanicReport>, TaskError> {
    let Some((kind, rest)) = bytes.split_first() else {
        return Err(TaskError::NotSendable("an item before it could not be read".to_owned()));
    };
    *bytes = rest;
    if *kind == WELL {
        return Ok(Ok(()));
    }
    let (length, rest) = rest.split_at_checked(8).unwrap_or_default();
    let length = length.iter().rev().fold(0usize, |number, byte| number << 8 | usize::from(*byte));
    let (text, rest) = rest.split_at_checked(length).unwrap_or_default();
    *bytes = rest;
    match *kind {
        PANICKED => Ok(Err(serde_json::from_slice(text).unwrap_or_default())),
        _ => Err(TaskError::NotSendable(String::from_utf8_lossy(text).into_owned())),
    }
}

/// Items that forked children inherit: each child takes those that are its own out of its
/// copy.
pub(super) struct Items<A> {
    items: ManuallyDrop<Vec<A>>,
    owner: u32,
}

// SAFETY: in one process an item is only taken by the one thread that does the work there,
// or all are dropped by the last owner.
unsafe impl<A: Send> Sync for Items<A> {}

impl<A> Items<A> {
    pub fn new(items: Vec<A>) -> Items<A> {
        Items { items: ManuallyDrop::new(items), owner: process::id() }
    }

    /// Moves an item out.
    ///
    /// # Safety
    /// In a child, and each item once at most.
    pub unsafe fn take(&self, index: usize) -> A {
        debug_assert!(self.owner != process::id());
        // SAFETY: the caller's promise; this process never drops the items, see below.
        unsafe { std::ptr::read(&self.items[index]) }
    }
}

impl<A> Drop for Items<A> {
    fn drop(&mut self) {
        // In a child some were taken, and the others are the parent's to drop.
        if self.owner == process::id() {
            // SAFETY: nobody uses them after this, and none was taken in this process.
            unsafe { ManuallyDrop::drop(&mut self.items) };
        }
    }
}
