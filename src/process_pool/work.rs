//! What workers do with items, and what they leave behind.
//!
//! For the types of a map only a loop is compiled, [`run`]; all else is here once. The items
//! are in the memory that a worker inherits, and each worker uses those that are its own.

use std::alloc::Layout;
use std::any::{Any, TypeId};
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::process;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::wire::{self, Failure};
use crate::__rt::caught::{self, Caught};
use crate::__rt::owned::owner;
use crate::message::PanicReport;
use crate::pool::items::{Filling, Source};
use crate::pool::numbers::{self, id_of};
use crate::pool::places::{DropRange, dropping};
use crate::shared::codec;

/// Whether values of the type may be numbers, as far as the compiler knows: for others
/// nothing is compiled.
const fn is_small<T>() -> bool {
    size_of::<T>() <= 16 && !std::mem::needs_drop::<T>()
}

/// Whether values travel as they lie in memory. All numbers do.
fn is_plain<T>() -> bool {
    (const { is_small::<T>() }) && is_number(id_of::<T>())
}

#[inline(never)]
fn is_number(id: TypeId) -> bool {
    macro_rules! is_one_of {
        ($($number:ty)*) => { $(id == TypeId::of::<$number>())||* };
    }
    is_one_of!(() bool char u8 i8 u16 i16 u32 i32 u64 i64 u128 i128 usize isize f32 f64)
}

/// Results in the making.
pub(super) struct Out {
    /// The item after the one that is being done.
    at: usize,
    /// Where the results of `first` and those after it go, if they are plain.
    place: *mut u8,
    first: usize,
    /// The results of a chunk that go through the pipe.
    pub values: Vec<u8>,
    /// Where in them the result of the item before `writing` begins.
    before: usize,
    writing: usize,
    /// Of the items that went wrong.
    pub errors: Vec<u8>,
}

impl Out {
    pub fn new() -> Out {
        Out {
            at: 0,
            place: std::ptr::null_mut(),
            first: 0,
            values: Vec::new(),
            before: 0,
            writing: 0,
            errors: Vec::new(),
        }
    }

    /// Before the items of a chunk, of which `first` is the first one.
    pub fn begin(&mut self, first: usize) {
        (self.first, self.writing, self.place) = (first, 0, std::ptr::null_mut());
        self.values.clear();
        self.errors.clear();
    }

    /// Plain results go here.
    ///
    /// # Safety
    /// There is room for all of the chunk, until the next chunk begins.
    pub unsafe fn put_at(&mut self, place: *mut u8) {
        self.place = place;
    }

    /// Plain results, of so many bytes in all, go through the pipe.
    pub fn put_into_values(&mut self, bytes: usize) {
        self.values.resize(bytes, 0);
        self.place = self.values.as_mut_ptr();
    }

    /// Appends the result of the item that is being done.
    pub fn write<T: Serialize>(&mut self, value: &T) {
        let bytes = self.begin_value();
        let written = codec::write(value, bytes);
        self.end_value(written);
    }

    #[inline(never)]
    fn begin_value(&mut self) -> &mut Vec<u8> {
        (self.before, self.writing) = (self.values.len(), self.at);
        &mut self.values
    }

    #[inline(never)]
    fn end_value(&mut self, written: Result<(), postcard::Error>) {
        if let Err(error) = written {
            self.fail(&Failure::not_sendable(&error));
        }
    }

    fn fail(&mut self, failure: &Failure) {
        if self.writing == self.at {
            self.values.truncate(self.before);
            // (It may fail once more, when it is dropped.)
            self.before = self.values.len();
        }
        wire::write_failure(self.at.saturating_sub(1), failure, &mut self.errors);
    }

    /// Does a task, the only one.
    pub fn run_task(&mut self, task: Box<dyn FnOnce(&mut Out) + '_>) {
        let mut task = Some(task);
        self.at = 1;
        self.catch(&mut |out| {
            if let Some(task) = task.take() {
                task(out);
            }
        });
    }

    /// A panic is the failure of the item that is being done.
    fn catch(&mut self, work: &mut dyn FnMut(&mut Out)) {
        let report = match caught::catch(&mut || work(self)) {
            Ok(()) => return,
            Err(Caught::Panicked(report)) => report,
            // (Nobody interrupts a child in this way.)
            Err(Caught::Interrupted(_)) => PanicReport { text: "interrupted".to_owned(), ..PanicReport::default() },
        };
        self.fail(&Failure::Panicked(report));
    }
}

/// A function and its items.
pub(crate) struct Work {
    /// A function from items to results.
    f: Box<dyn Any + Send + Sync>,
    /// See [`run`].
    run: unsafe fn(&Work, usize, &mut Out),
    source: ManuallyDrop<Source>,
    drop_items: Option<DropRange>,
    /// The bytes of a result, if all are plain.
    plain: Option<usize>,
    /// The process that drops the items.
    owner: u32,
}

// SAFETY: items are `Send` and the function is `Sync`, `SharedWork::new` asks for that; in
// one process an item is only used by the one thread that does the work there, or all are
// dropped by the last owner.
unsafe impl Send for Work {}
// SAFETY: as above.
unsafe impl Sync for Work {}

owner! {
    /// See [`Work`].
    SharedWork of Arc<Work>
}

impl SharedWork {
    pub(super) fn new<A, T, F>(f: F, items: impl IntoIterator<Item = A>) -> SharedWork
    where
        A: Send + 'static,
        T: Serialize,
        F: Fn(A) -> T + Send + Sync + 'static,
    {
        let plain = if is_plain::<T>() { Some(size_of::<T>()) } else { None };
        SharedWork::make(Box::new(f), run::<A, T, F>, Source::new(items), dropping::<A>(), plain)
    }

    fn make(
        f: Box<dyn Any + Send + Sync>,
        run: unsafe fn(&Work, usize, &mut Out),
        source: Source,
        drop_items: Option<DropRange>,
        plain: Option<usize>,
    ) -> SharedWork {
        let source = ManuallyDrop::new(source);
        SharedWork::own(Arc::new(Work { f, run, source, drop_items, plain, owner: process::id() }))
    }
}

impl Work {
    pub fn count(&self) -> usize {
        self.source.count
    }

    pub fn plain(&self) -> Option<usize> {
        self.plain
    }

    /// In a worker: does these items. The one that panics leaves an error, and the next one
    /// has its turn.
    pub fn run(&self, items: Range<usize>, out: &mut Out) {
        assert!(items.end <= self.count() && self.owner != process::id());
        out.at = items.start;
        // Caught for many at once: it takes longer than a short item does.
        while out.at < items.end {
            // SAFETY: this is a child, and each item is handed out once.
            out.catch(&mut |out| unsafe { (self.run)(self, items.end, out) });
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // In a child some items were used, and the others are the parent's to drop.
        if self.owner != process::id() {
            return;
        }
        if let (Some(drop), None) = (self.drop_items, &self.source.first) {
            // SAFETY: nobody uses them after this, and none was used in this process.
            unsafe { drop(self.source.items.start, 0..self.source.count) };
        }
        // SAFETY: as above.
        unsafe { ManuallyDrop::drop(&mut self.source) };
    }
}

/// Does the items from `out.at` up to `end`. On a panic `out.at` is behind the item that
/// panicked.
///
/// # Safety
/// In a child, with the types that the work was made with, each item once at most, and if
/// `out` has a place, it has room for the results.
unsafe fn run<A: 'static, T: Serialize, F: Fn(A) -> T + 'static>(work: &Work, end: usize, out: &mut Out) {
    // SAFETY: it was made with this type.
    let f = unsafe { &*std::ptr::from_ref(&*work.f).cast::<F>() };
    let (items, first_number) = (work.source.items.start.cast::<A>(), work.source.first);
    let (place, first) = (out.place.cast::<T>(), out.first);
    while out.at < end {
        let index = out.at;
        out.at = index + 1;
        // SAFETY: within the memory, and by the caller's promise this call's alone. Numbers
        // are items: `A`.
        let item = unsafe {
            match first_number {
                Some(first) => numbers::nth(first, index),
                None => items.add(index).read(),
            }
        };
        let result = f(item);
        if const { is_small::<T>() } && !place.is_null() {
            // SAFETY: there is room.
            unsafe { place.add(index - first).write_unaligned(result) };
        } else {
            out.write(&result);
        }
    }
}

/// How results are read.
pub(super) struct Reading {
    /// Appends so many results, read from bytes.
    ///
    /// # Safety
    /// They are of the type that the places are for.
    pub push: unsafe fn(&mut Filling, &[u8], usize) -> Result<(), postcard::Error>,
    /// Of a result.
    pub layout: Layout,
    pub drop: Option<DropRange>,
}

impl Reading {
    pub fn of<T: DeserializeOwned>() -> Reading {
        Reading { push: push::<T>, layout: Layout::new::<T>(), drop: dropping::<T>() }
    }
}

/// See [`Reading`].
unsafe fn push<T: DeserializeOwned>(
    results: &mut Filling,
    mut bytes: &[u8],
    count: usize,
) -> Result<(), postcard::Error> {
    for _ in 0..count {
        let value: T = codec::read(&mut bytes)?;
        // SAFETY: a place for a value of this type, with nothing in it.
        unsafe { results.next_place().cast::<T>().write(value) };
        results.count += 1;
    }
    Ok(())
}

/// The value that begins these bytes, which begin after it then.
pub(super) fn read_value<T: DeserializeOwned>(is_plain: bool, bytes: &mut &[u8]) -> Result<T, postcard::Error> {
    if const { is_small::<T>() } && is_plain {
        let value = wire::split(bytes, size_of::<T>()).ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
        // SAFETY: a worker has written a value of this type there, any copy of which is one.
        return Ok(unsafe { value.as_ptr().cast::<T>().read_unaligned() });
    }
    codec::read(bytes)
}
