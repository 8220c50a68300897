//! One map: workers that take chunks of items until none is left.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::reader::{Came, Reader, pipe, wait_for};
use super::slots::Slots;
use super::wire::{Header, read_failures, write_all};
use super::work::{Out, SharedWork, Work};
use crate::__rt::{host, interrupt};
use crate::executor::TaskError;
use crate::pool::items::Filling;
use crate::process::{Names, PrivateFd, Worker};
use crate::shared::Segment;
use crate::timeline;

/// An interrupt is noticed within so many milliseconds.
const SLICE: i32 = 8;
const SLICE_WITHOUT_KERNEL: i32 = 500;
/// Chunks for each worker, so that those with little work take more of them.
const CHUNKS_EACH: usize = 16;
/// What came of so many short items stays in the processor's cache on its way.
const MOST_ITEMS: usize = 1 << 15;

/// What came of a chunk of items.
pub(super) struct Chunk {
    /// Of the first item.
    pub start: usize,
    pub count: usize,
    pub results: Result<Values, TaskError>,
}

/// The results of a chunk.
pub(super) struct Values {
    bytes: Vec<u8>,
    /// Those before it were read.
    at: usize,
    /// The items that went wrong; the first one is the last.
    errors: Vec<(usize, TaskError)>,
}

impl Values {
    fn of(bytes: Vec<u8>, errors: &[u8]) -> Values {
        let errors = read_failures(errors).into_iter().rev().map(|(item, failure)| (item, failure.into()));
        Values { bytes, at: 0, errors: errors.collect() }
    }

    pub fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub fn skip(&mut self, bytes: usize) {
        self.at = self.bytes.len().min(self.at + bytes);
    }

    /// The error of an item, after all before it were asked for.
    pub fn error_of(&mut self, item: usize) -> Option<TaskError> {
        self.errors.pop_if(|(next, _)| *next == item).map(|(_, error)| error)
    }

    pub fn first_error(&self) -> Option<(usize, TaskError)> {
        self.errors.last().cloned()
    }
}

/// One map.
pub(super) struct Job {
    plan: Plan,
    readers: Vec<Option<Reader>>,
    /// Chunks that were lost with a worker.
    lost: VecDeque<Chunk>,
    /// The chunks that have come, or were lost.
    came: Vec<bool>,
    left: usize,
    /// Said of chunks of which nobody knows who had them.
    last_end: String,
}

/// What all workers of a job know.
#[derive(Clone)]
struct Plan {
    work: Arc<Work>,
    names: Arc<Names>,
    chunk: usize,
    /// `None`: all goes through the pipes.
    slots: Option<Arc<Slots>>,
    /// The next item that nobody has taken; for each worker the chunk that it has, counted
    /// from 1.
    shared: Arc<Segment>,
}

impl Plan {
    fn next(&self) -> &AtomicU64 {
        self.shared.at(0)
    }

    fn has(&self, worker: usize) -> &AtomicU64 {
        self.shared.at(8 * (worker + 1))
    }

    fn len(&self) -> usize {
        self.work.count()
    }

    /// In the worker.
    fn run(&self, worker: usize, pipe: &PrivateFd) {
        let mut out = Out::new();
        let mut filled = 0;
        loop {
            let start = self.next().fetch_add(self.chunk as u64, Ordering::Relaxed) as usize;
            if start >= self.len() {
                return;
            }
            self.has(worker).store((start / self.chunk) as u64 + 1, Ordering::Release);
            let count = self.chunk.min(self.len() - start);
            out.begin(start);
            let in_slot = self.make_room(worker, filled, count, &mut out);
            filled = filled.wrapping_add(u32::from(in_slot));
            self.work_on(start..start + count, &mut out);
            let header = Header { start, count, values: out.values.len(), errors: out.errors.len(), in_slot };
            let parts = [&header.to_bytes()[..], &out.values, &out.errors];
            let written = parts.iter().try_for_each(|part| write_all(pipe.as_raw_fd(), part));
            // Nobody wants it any more.
            if written.is_err() {
                return;
            }
        }
    }

    /// Room for the plain results of so many items, after so many slots were filled. Whether
    /// it is a slot.
    fn make_room(&self, worker: usize, filled: u32, count: usize, out: &mut Out) -> bool {
        let Some(size) = self.work.plain() else { return false };
        let Some(slots) = &self.slots else {
            out.put_into_values(count * size);
            return false;
        };
        let place = slots.wait_for(worker, filled);
        // SAFETY: a slot has room for a chunk, and is this worker's until the chunk is sent.
        unsafe { out.put_at(place) };
        true
    }

    fn work_on(&self, items: Range<usize>, out: &mut Out) {
        if !timeline::is_recording() {
            return self.work.run(items, out);
        }
        for item in items {
            let _span = timeline::task("map", item as u64);
            self.work.run(item..item + 1, out);
        }
    }

    fn start(&self, worker: usize) -> io::Result<Reader> {
        let (reader, writer) = pipe()?;
        self.has(worker).store(0, Ordering::Release);
        if let Some(slots) = &self.slots {
            slots.reset(worker);
        }
        let (plan, file) = (self.clone(), writer.as_raw_fd());
        let body = Box::new(move || plan.run(worker, &writer));
        Ok(Reader::new(Worker::start(&self.names, worker, body, &[file])?, reader))
    }
}

impl Job {
    /// Starts the workers. `chunk` is the number of items that a worker takes at once; 0
    /// leaves it to the job.
    pub fn start(names: Arc<Names>, work: SharedWork, chunk: usize) -> Result<Job, TaskError> {
        let work = work.into_inner();
        let (workers, len) = (names.len(), work.count());
        let chunk = if chunk > 0 { chunk } else { len.div_ceil(workers * CHUNKS_EACH).clamp(1, MOST_ITEMS) };
        let chunks = len.div_ceil(chunk);
        let system = |error: io::Error| TaskError::System(error.to_string());
        let shared = Arc::new(Segment::new(8 * (workers + 1)).map_err(system)?);
        let size = work.plain().and_then(|size| size.checked_mul(chunk.min(len)));
        let slots = size.and_then(|size| Slots::new(workers.min(chunks), size)).map(Arc::new);
        let plan = Plan { work, names, chunk, slots, shared };
        let mut job = Job {
            plan,
            readers: Vec::new(),
            lost: VecDeque::new(),
            came: vec![false; chunks],
            left: chunks,
            last_end: String::new(),
        };
        for worker in 0..workers.min(chunks) {
            match job.plan.start(worker) {
                Ok(reader) => job.readers.push(Some(reader)),
                // Fewer will do it.
                Err(_) if worker > 0 => break,
                Err(error) => return Err(system(error)),
            }
        }
        Ok(job)
    }

    pub fn len(&self) -> usize {
        self.plan.len()
    }

    /// The bytes of a result, if all are plain.
    pub fn plain(&self) -> Option<usize> {
        self.plan.work.plain()
    }

    /// Items that nobody has taken are not done any more.
    pub fn stop(&mut self) {
        let next = self.plan.next().swap(self.plan.len() as u64, Ordering::Relaxed) as usize;
        for chunk in next.div_ceil(self.plan.chunk)..self.came.len() {
            if !std::mem::replace(&mut self.came[chunk], true) {
                self.left -= 1;
            }
        }
    }

    /// What comes next, in the order of the ends; `None` when all has come. Plain results go
    /// to their places, if there are places for them.
    ///
    /// Unwinds on an interrupt.
    #[track_caller]
    pub fn next(&mut self, mut places: Option<&mut Filling>) -> Option<Chunk> {
        loop {
            if let Some(lost) = self.lost.pop_front() {
                return Some(lost);
            }
            if self.left == 0 {
                self.end();
                return None;
            }
            if self.readers.iter().all(Option::is_none) {
                let lost = self.came.iter().position(|came| !came)?;
                let end = self.last_end.clone();
                self.lose(lost, end);
                continue;
            }
            interrupt::check();
            let slice = if host::is_connected() { SLICE } else { SLICE_WITHOUT_KERNEL };
            let running: Vec<usize> = (0..self.readers.len()).filter(|index| self.readers[*index].is_some()).collect();
            let ready = wait_for(self.readers.iter().flatten().map(Reader::file), slice);
            let nothing_came = !ready.contains(&true);
            for (index, ready) in running.into_iter().zip(ready) {
                if let Some(chunk) = self.read(index, ready, nothing_came, places.as_deref_mut()) {
                    return Some(chunk);
                }
            }
        }
    }

    fn read(&mut self, index: usize, ready: bool, nothing_came: bool, places: Option<&mut Filling>) -> Option<Chunk> {
        let reader = self.readers[index].as_mut()?;
        // Somebody else may keep its pipe open.
        let has_ended = nothing_came && reader.worker.ended().is_some();
        if !ready && !has_ended {
            return None;
        }
        match reader.read() {
            Came::Frame(header, bytes) => {
                let chunk = header.start / self.plan.chunk;
                if !std::mem::replace(&mut self.came[chunk], true) {
                    self.left -= 1;
                }
                let values = self.take(index, &header, bytes, places);
                Some(Chunk { start: header.start, count: header.count, results: Ok(values) })
            }
            Came::Part if !has_ended => None,
            Came::Part | Came::End => {
                self.lose_worker(index);
                None
            }
        }
    }

    fn take(&self, worker: usize, header: &Header, mut bytes: Vec<u8>, places: Option<&mut Filling>) -> Values {
        let errors = bytes.split_off(header.values.min(bytes.len()));
        match (&self.plan.slots, places) {
            (Some(slots), places) if header.in_slot => {
                let size = self.plain().unwrap_or(0) * header.count;
                slots.fetch(worker, size, |values| match places {
                    Some(places) => places.put(header.start, values),
                    None => bytes.extend_from_slice(values),
                });
            }
            (_, Some(places)) => places.put(header.start, &std::mem::take(&mut bytes)),
            (_, None) => {}
        }
        Values::of(bytes, &errors)
    }

    /// A worker has ended: because nothing is left to do, or before.
    fn lose_worker(&mut self, index: usize) {
        let Some(reader) = self.readers[index].take() else { return };
        let had = self.plan.has(index).load(Ordering::Acquire) as usize;
        let all_came = had == 0 || self.came[had - 1];
        let nothing_left = self.plan.next().load(Ordering::Relaxed) as usize >= self.plan.len();
        if all_came && nothing_left {
            return;
        }
        self.last_end = reader.end_text();
        if !all_came {
            self.lose(had - 1, self.last_end.clone());
        }
        // Another one takes its place. (Not of one that could not even begin.)
        if had != 0
            && !nothing_left
            && let Ok(reader) = self.plan.start(index)
        {
            self.readers[index] = Some(reader);
        }
    }

    fn lose(&mut self, chunk: usize, how: String) {
        self.came[chunk] = true;
        self.left -= 1;
        let start = chunk * self.plan.chunk;
        let count = self.plan.chunk.min(self.plan.len() - start);
        self.lost.push_back(Chunk { start, count, results: Err(TaskError::Crashed(how)) });
    }

    /// All has come: the workers leave by themselves, which is not to be cut short.
    fn end(&mut self) {
        for reader in self.readers.iter_mut().filter_map(Option::take) {
            reader.worker.join();
        }
    }
}
