//! Results one after the other.

use std::collections::HashMap;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use super::job::{Chunk, Job, Values};
use super::tasks::Tasks;
use super::work::{Reading, SharedWork, read_value};
use crate::__rt::owned::owner;
use crate::executor::TaskError;
use crate::pool::items::Filling;
use crate::shared::encoding_text;

/// A chunk whose results are being handed out.
struct Open {
    results: Result<Values, TaskError>,
    /// The next result's item, and those left.
    item: usize,
    left: usize,
    /// The bytes of a result, if all are plain.
    plain: Option<usize>,
}

impl Open {
    /// The error of the next item, if it has one; if not, its value is to be read.
    fn next_error(&mut self) -> Option<TaskError> {
        self.left -= 1;
        self.item += 1;
        match &mut self.results {
            Err(error) => Some(error.clone()),
            Ok(values) => {
                let error = values.error_of(self.item - 1)?;
                values.skip(self.plain.unwrap_or(0));
                Some(error)
            }
        }
    }

    fn rest(&self) -> &[u8] {
        self.results.as_ref().map(Values::rest).unwrap_or_default()
    }

    /// A value was read, and so many bytes are left.
    fn was_read(&mut self, left: usize) {
        if let Ok(values) = &mut self.results {
            values.skip(values.rest().len() - left);
        }
    }

    /// Nobody knows where the next value begins.
    #[cold]
    #[inline(never)]
    fn unreadable(&mut self, error: &postcard::Error) -> TaskError {
        let no_more = TaskError::NotSendable("an item before it could not be read".to_owned());
        self.results = Err(no_more);
        TaskError::NotSendable(encoding_text(error))
    }
}

/// Results one by one, whatever their type.
pub(crate) struct Steps {
    /// Or why there is none, to be told once.
    job: Result<Job, Option<TaskError>>,
    in_order: bool,
    /// What came before its turn.
    early: HashMap<usize, Chunk>,
    open: Option<Open>,
    /// The first item of the next chunk.
    next: usize,
}

owner! {
    /// See [`Steps`].
    Owner of Steps
}

impl Steps {
    #[inline(never)]
    fn begin(tasks: &Tasks, work: SharedWork, chunk: usize, in_order: bool) -> Owner {
        let job = tasks.start_map(work, chunk).map_err(Some);
        Owner::own(Steps { job, in_order, early: HashMap::new(), open: None, next: 0 })
    }

    /// What has the next result.
    #[track_caller]
    fn next(&mut self) -> Option<Result<&mut Open, TaskError>> {
        if self.open.as_ref().is_none_or(|open| open.left == 0) {
            let chunk = self.next_chunk()?;
            let plain = self.job.as_ref().ok().and_then(Job::plain);
            self.open = Some(Open { results: chunk.results, item: chunk.start, left: chunk.count, plain });
        }
        let open = self.open.as_mut()?;
        Some(match open.next_error() {
            Some(error) => Err(error),
            None => Ok(open),
        })
    }

    #[track_caller]
    fn next_chunk(&mut self) -> Option<Chunk> {
        loop {
            if let Some(chunk) = self.early.remove(&self.next) {
                self.next += chunk.count;
                return Some(chunk);
            }
            let chunk = match &mut self.job {
                Ok(job) => job.next(None)?,
                Err(error) => Chunk { start: 0, count: 1, results: Err(error.take()?) },
            };
            if !self.in_order {
                return Some(chunk);
            }
            self.early.insert(chunk.start, chunk);
        }
    }
}

#[track_caller]
fn next<T: DeserializeOwned>(steps: &mut Steps) -> Option<Result<T, TaskError>> {
    let open = match steps.next()? {
        Ok(open) => open,
        Err(error) => return Some(Err(error)),
    };
    let mut rest = open.rest();
    match read_value(open.plain.is_some(), &mut rest) {
        Ok(value) => {
            let left = rest.len();
            open.was_read(left);
            Some(Ok(value))
        }
        Err(error) => Some(Err(open.unreadable(&error))),
    }
}

/// The results in the order of the items, each as soon as it and those before it are there:
/// see [`ProcessPool::imap`](super::ProcessPool::imap). Dropped, it ends its workers.
pub struct Imap<T> {
    steps: Owner,
    _type: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Imap<T> {
    pub(super) fn new(tasks: &Tasks, work: SharedWork, chunk: usize) -> Imap<T> {
        Imap { steps: Steps::begin(tasks, work, chunk, true), _type: PhantomData }
    }
}

impl<T: DeserializeOwned> Iterator for Imap<T> {
    type Item = Result<T, TaskError>;

    #[track_caller]
    fn next(&mut self) -> Option<Result<T, TaskError>> {
        next(&mut self.steps)
    }
}

/// The results in the order in which they come: see
/// [`ProcessPool::imap_unordered`](super::ProcessPool::imap_unordered). Dropped, it ends its
/// workers.
pub struct ImapUnordered<T> {
    steps: Owner,
    _type: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> ImapUnordered<T> {
    pub(super) fn new(tasks: &Tasks, work: SharedWork, chunk: usize) -> ImapUnordered<T> {
        ImapUnordered { steps: Steps::begin(tasks, work, chunk, false), _type: PhantomData }
    }
}

impl<T: DeserializeOwned> Iterator for ImapUnordered<T> {
    type Item = Result<T, TaskError>;

    #[track_caller]
    fn next(&mut self) -> Option<Result<T, TaskError>> {
        next(&mut self.steps)
    }
}

/// All results in the order of the items, or the first error in that order.
///
/// # Safety
/// The way of reading is that of the work's results.
#[track_caller]
pub(super) unsafe fn collect(
    tasks: &Tasks,
    work: SharedWork,
    chunk: usize,
    reading: &Reading,
) -> Result<Filling, TaskError> {
    let mut job = tasks.start_map(work, chunk)?;
    let len = job.len();
    let is_plain = job.plain().is_some();
    let mut all = Filling::new(reading.layout, len, reading.drop);
    if is_plain {
        all.expect_soon();
    }
    let mut early = HashMap::new();
    let mut error = None;
    let mut done = 0;
    while let Some(chunk) = job.next(is_plain.then_some(&mut all)) {
        early.insert(chunk.start, chunk);
        // Chunks come nearly in order: read at once, they need no second place.
        while error.is_none()
            && let Some(chunk) = early.remove(&done)
        {
            done += chunk.count;
            // SAFETY: the caller's promise.
            if let Err(first) = unsafe { read_all(chunk, is_plain, reading, &mut all) } {
                error = Some(first);
                job.stop();
            }
        }
    }
    if let Some(error) = error {
        return Err(error);
    }
    if is_plain {
        all.count = len;
    }
    Ok(all)
}

/// # Safety
/// As [`collect`].
unsafe fn read_all(chunk: Chunk, is_plain: bool, reading: &Reading, all: &mut Filling) -> Result<(), TaskError> {
    let values = chunk.results?;
    let first_error = values.first_error();
    if !is_plain {
        let well = first_error.as_ref().map_or(chunk.count, |(item, _)| item - chunk.start);
        // SAFETY: the caller's promise.
        unsafe { (reading.push)(all, values.rest(), well) }
            .map_err(|error| TaskError::NotSendable(encoding_text(&error)))?;
    }
    first_error.map_or(Ok(()), |(_, error)| Err(error))
}
