//! Results one after the other.

use std::collections::HashMap;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use super::job::{Chunk, Job};
use super::wire::read_item;
use crate::executor::TaskError;

/// A chunk whose results are being handed out.
struct Open {
    results: Result<Vec<u8>, TaskError>,
    at: usize,
    left: usize,
}

impl Open {
    fn of(chunk: Chunk) -> Open {
        Open { results: chunk.results, at: 0, left: chunk.count }
    }

    fn next<T: DeserializeOwned>(&mut self) -> Result<T, TaskError> {
        self.left -= 1;
        let results = self.results.as_ref().map_err(Clone::clone)?;
        let mut rest = &results[self.at..];
        let item = read_item(&mut rest);
        self.at = results.len() - rest.len();
        item
    }
}

#[track_caller]
fn next_of(job: &mut Result<Job, Option<TaskError>>) -> Option<Chunk> {
    match job {
        Ok(job) => job.next(),
        Err(error) => error.take().map(|error| Chunk { start: 0, count: 1, results: Err(error) }),
    }
}

/// The results in the order of the items, each as soon as it and those before it are there:
/// see [`ProcessPool::imap`](super::ProcessPool::imap). Dropped, it ends its workers.
pub struct Imap<T> {
    /// Or why there is none, to be told once.
    job: Result<Job, Option<TaskError>>,
    /// What came before its turn.
    early: HashMap<usize, Chunk>,
    open: Option<Open>,
    next: usize,
    _type: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Imap<T> {
    pub(super) fn new(job: Result<Job, TaskError>) -> Imap<T> {
        Imap { job: job.map_err(Some), early: HashMap::new(), open: None, next: 0, _type: PhantomData }
    }
}

impl<T> Imap<T> {
    #[track_caller]
    fn open_next(&mut self) -> Option<Open> {
        loop {
            if let Some(chunk) = self.early.remove(&self.next) {
                self.next += chunk.count;
                return Some(Open::of(chunk));
            }
            let chunk = next_of(&mut self.job)?;
            self.early.insert(chunk.start, chunk);
        }
    }
}

impl<T: DeserializeOwned> Iterator for Imap<T> {
    type Item = Result<T, TaskError>;

    #[track_caller]
    fn next(&mut self) -> Option<Result<T, TaskError>> {
        if self.open.as_ref().is_none_or(|open| open.left == 0) {
            self.open = self.open_next();
        }
        self.open.as_mut().map(Open::next)
    }
}

/// The results in the order in which they come: see
/// [`ProcessPool::imap_unordered`](super::ProcessPool::imap_unordered). Dropped, it ends its
/// workers.
pub struct ImapUnordered<T> {
    job: Result<Job, Option<TaskError>>,
    open: Option<Open>,
    _type: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> ImapUnordered<T> {
    pub(super) fn new(job: Result<Job, TaskError>) -> ImapUnordered<T> {
        ImapUnordered { job: job.map_err(Some), open: None, _type: PhantomData }
    }
}

impl<T: DeserializeOwned> Iterator for ImapUnordered<T> {
    type Item = Result<T, TaskError>;

    #[track_caller]
    fn next(&mut self) -> Option<Result<T, TaskError>> {
        if self.open.as_ref().is_none_or(|open| open.left == 0) {
            self.open = next_of(&mut self.job).map(Open::of);
        }
        self.open.as_mut().map(Open::next)
    }
}

/// All results in the order of the items, or the first error in that order.
#[track_caller]
pub(super) fn collect<T: DeserializeOwned>(mut job: Job) -> Result<Vec<T>, TaskError> {
    let mut all = Vec::with_capacity(job.len());
    let mut early = HashMap::new();
    let mut error = None;
    while let Some(chunk) = job.next() {
        early.insert(chunk.start, chunk);
        // Chunks come nearly in order: read at once, they need no second place.
        while error.is_none()
            && let Some(chunk) = early.remove(&all.len())
        {
            match read_all(chunk, &mut all) {
                Ok(()) => {}
                Err(first) => {
                    error = Some(first);
                    job.stop();
                }
            }
        }
    }
    error.map_or(Ok(all), Err)
}

fn read_all<T: DeserializeOwned>(chunk: Chunk, all: &mut Vec<T>) -> Result<(), TaskError> {
    let results = chunk.results?;
    let mut rest = results.as_slice();
    for _ in 0..chunk.count {
        all.push(read_item(&mut rest)?);
    }
    Ok(())
}
