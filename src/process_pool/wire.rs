//! Results as bytes.
//!
//! A frame is a header, the values of the items that went well (one after the other; plain
//! ones at their places, which those of the others leave empty), and what went wrong: for
//! each such item its number, a byte that says how, the length of a text, and this.

use std::io;
use std::os::fd::RawFd;

use crate::executor::TaskError;
use crate::executor::core::panic_text;
use crate::message::PanicReport;
use crate::shared::encoding_text;

pub(super) const HEADER: usize = 40;

const PANICKED: u8 = 1;
const NOT_SENDABLE: u8 = 2;

/// What a frame has in it.
pub(super) struct Header {
    /// The first item.
    pub start: usize,
    pub count: usize,
    /// So many bytes of values come with it. Those of a slot do not.
    pub values: usize,
    /// And so many of errors.
    pub errors: usize,
    pub in_slot: bool,
}

impl Header {
    pub fn to_bytes(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let numbers = [self.start, self.count, self.values, self.errors, usize::from(self.in_slot)];
        for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&(number as u64).to_le_bytes());
        }
        bytes
    }

    pub fn from_bytes(bytes: &[u8; HEADER]) -> Header {
        let [start, count, values, errors, in_slot] =
            [0, 8, 16, 24, 32].map(|at| number(bytes.get(at..at + 8).unwrap_or_default()));
        Header { start, count, values, errors, in_slot: in_slot > 0 }
    }

    /// The bytes that come after it.
    pub fn bytes(&self) -> usize {
        self.values.saturating_add(self.errors)
    }
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)) as usize
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

/// How an item went that did not go well.
#[derive(Debug)]
pub(super) enum Failure {
    Panicked(PanicReport),
    NotSendable(String),
}

impl Failure {
    pub fn not_sendable(error: &postcard::Error) -> Failure {
        Failure::NotSendable(encoding_text(error))
    }
}

impl From<Failure> for TaskError {
    fn from(failure: Failure) -> TaskError {
        match failure {
            Failure::Panicked(report) => TaskError::Panicked(panic_text(&report)),
            Failure::NotSendable(why) => TaskError::NotSendable(why),
        }
    }
}

pub(super) fn write_failure(item: usize, failure: &Failure, out: &mut Vec<u8>) {
    let report;
    let (kind, text) = match failure {
        Failure::Panicked(panic) => {
            report = serde_json::to_vec(panic).unwrap_or_default();
            (PANICKED, report.as_slice())
        }
        Failure::NotSendable(why) => (NOT_SENDABLE, why.as_bytes()),
    };
    out.extend_from_slice(&(item as u64).to_le_bytes());
    out.push(kind);
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text);
}

/// What went wrong: the items' numbers, each once and in their order, and how they went.
pub(super) fn read_failures(mut bytes: &[u8]) -> Vec<(usize, Failure)> {
    let mut failures: Vec<(usize, Failure)> = Vec::new();
    while let Some((item, failure)) = read_failure(&mut bytes) {
        if failures.last().is_none_or(|(before, _)| *before < item) {
            failures.push((item, failure));
        }
    }
    failures
}

fn read_failure(bytes: &mut &[u8]) -> Option<(usize, Failure)> {
    let item = number(split(bytes, 8)?);
    let kind = split(bytes, 1)?[0];
    let length = number(split(bytes, 8)?);
    let text = split(bytes, length)?;
    let failure = match kind {
        PANICKED => Failure::Panicked(serde_json::from_slice(text).unwrap_or_default()),
        _ => Failure::NotSendable(String::from_utf8_lossy(text).into_owned()),
    };
    Some((item, failure))
}

/// The first so many bytes; the others stay.
#[inline(never)]
pub(super) fn split<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (first, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(first)
}
