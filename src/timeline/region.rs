//! The memory that tasks are recorded in, shared by a process and its forked children.
//!
//! One region serves all recordings: a ring of slots, one for each task, and a ring of
//! lanes, one for each thread that has recorded. A thread takes slots from the ring by
//! the dozen, so that threads seldom meet. All fields are atomic: whatever a process does
//! that ends in the middle, the others read numbers.

use std::process;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

/// Tasks that are kept; 96 bytes each, taken from the system only where used.
pub const SLOTS: u64 = 1 << 20;
/// A thread takes so many slots at a time.
pub const CHUNK: u64 = 32;
/// Slots whose memory is taken from the system together.
const BLOCK: u64 = 1 << 11;
const LANES: u64 = 1 << 14;
/// Longer labels are cut.
pub const LABEL_BYTES: usize = 56;
const NAME_BYTES: usize = 48;
/// Marks an end that has not come; the rest of the number is the slot's ticket.
const OPEN: u64 = 1 << 63;
/// The bits of [`Shared::state`] that count the recordings going on.
const RECORDINGS: u64 = 0xffff;
/// One more start.
const START: u64 = RECORDINGS + 1;

/// The region in use; null before the first one.
static REGION: AtomicPtr<Region> = AtomicPtr::new(ptr::null_mut());
/// Held while a recording starts or stops.
static CONTROL: Mutex<()> = Mutex::new(());
/// What a forked child calls itself.
static PROCESS_NAME: Mutex<Option<String>> = Mutex::new(None);

/// All of it is never given back: a thread may be on its way to write.
pub struct Region {
    epoch: Instant,
    /// The process that starts and stops recordings in it.
    owner: AtomicU32,
    shared: &'static Shared,
}

#[repr(C)]
struct Shared {
    /// How often a recording was started, times 65,536, and how many are going on.
    state: AtomicU64,
    next_slot: AtomicU64,
    next_lane: AtomicU64,
    lanes: [Lane; LANES as usize],
    slots: [Slot; SLOTS as usize],
}

/// A task.
#[repr(C)]
pub struct Slot {
    /// One more than its number counted from the first of all; 0 while it is written.
    ticket: AtomicU64,
    /// Nanoseconds since the epoch.
    start: AtomicU64,
    /// As `start`, or [`OPEN`] and the ticket.
    end: AtomicU64,
    lane: AtomicU32,
    /// How many tasks of the same thread it lies in (16 bits), and the label's bytes.
    depth_and_length: AtomicU32,
    number: AtomicU64,
    label: [AtomicU64; LABEL_BYTES / 8],
}

/// A thread.
#[repr(C)]
struct Lane {
    /// One more than its number counted from the first of all.
    ticket: AtomicU64,
    process: AtomicU32,
    length: AtomicU32,
    name: [AtomicU64; NAME_BYTES / 8],
}

/// What is written of a task when it starts.
pub struct Begin<'a> {
    pub label: &'a str,
    /// Written after the label; `u64::MAX` is none.
    pub number: u64,
    pub lane: u32,
    pub depth: u16,
}

/// What is read of a task.
pub struct Recorded {
    pub label: String,
    pub lane: u32,
    pub depth: u16,
    /// Nanoseconds since the epoch.
    pub start: u64,
    /// None while it goes on, or when its process has ended.
    pub end: Option<u64>,
}

/// What is read of a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    pub name: String,
    pub process: u32,
}

/// The region in use.
#[inline]
pub fn current() -> Option<&'static Region> {
    // SAFETY: null, or a leaked box.
    unsafe { REGION.load(Ordering::Acquire).as_ref() }
}

/// The region in use; the first call makes it.
///
/// # Panics
/// When the system grants no memory, which it does not take before it is used.
pub fn get_or_make() -> &'static Region {
    let _control = lock_control();
    current().unwrap_or_else(make)
}

fn make() -> &'static Region {
    let region = Box::leak(Box::new(Region {
        epoch: Instant::now(),
        owner: AtomicU32::new(process::id()),
        shared: shared_memory(),
    }));
    REGION.store(region, Ordering::Release);
    region
}

fn lock_control() -> MutexGuard<'static, ()> {
    CONTROL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Held while the process forks.
pub fn lock_all() -> (impl Drop, impl Drop) {
    (lock_control(), PROCESS_NAME.lock().unwrap_or_else(PoisonError::into_inner))
}

/// From now on the calling process's threads stand under this name.
pub fn name_process(name: &str) {
    *PROCESS_NAME.lock().unwrap_or_else(PoisonError::into_inner) = Some(name.to_owned());
}

/// This process has taken over from one that has crashed. `recordings` were going on then.
pub fn take_over(recordings: u64) {
    if let Some(region) = current() {
        region.owner.store(process::id(), Ordering::Relaxed);
        let started = region.shared.state.load(Ordering::Relaxed) & !RECORDINGS;
        region.shared.state.store(started | recordings.min(RECORDINGS), Ordering::Release);
    }
}

#[cfg(unix)]
fn shared_memory() -> &'static Shared {
    let bytes = size_of::<Shared>();
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let flags = libc::MAP_SHARED | libc::MAP_ANON | libc::MAP_NORESERVE;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let flags = libc::MAP_SHARED | libc::MAP_ANON;
    // SAFETY: new memory at a place of the system's choice.
    let memory = unsafe { libc::mmap(ptr::null_mut(), bytes, protection, flags, -1, 0) };
    assert!(
        memory != libc::MAP_FAILED,
        "no memory to record tasks in ({} MiB of addresses): {}",
        bytes >> 20,
        std::io::Error::last_os_error()
    );
    // SAFETY: as large as needed, aligned to a page, never given back; zeros are valid for
    // atomic numbers, and nothing else is in it.
    unsafe { &*memory.cast::<Shared>() }
}

#[cfg(not(unix))]
fn shared_memory() -> &'static Shared {
    let layout = std::alloc::Layout::new::<Shared>();
    // SAFETY: the layout has a size; zeros are valid for atomic numbers.
    match unsafe { std::alloc::alloc_zeroed(layout).cast::<Shared>().as_ref() } {
        Some(shared) => shared,
        None => std::alloc::handle_alloc_error(layout),
    }
}

impl Region {
    /// Nanoseconds since the region was made, the same in all processes that share it.
    #[inline]
    pub fn now(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64
    }

    /// How often a recording was started, if one is going on.
    #[inline]
    pub fn recording(&self) -> Option<u64> {
        let state = self.shared.state.load(Ordering::Relaxed);
        (state & RECORDINGS != 0).then_some(state / START)
    }

    /// Whether the calling process is not the one that made the region: its recordings
    /// are its own.
    fn is_of_a_parent(&self) -> bool {
        self.owner.load(Ordering::Relaxed) != process::id()
    }

    /// The number of the first slot that a recording started now has, and the time.
    pub fn start() -> (&'static Region, u64, u64) {
        let _control = lock_control();
        let region = match current() {
            Some(region) if !region.is_of_a_parent() => region,
            _ => make(),
        };
        let (first, now) = (region.shared.next_slot.load(Ordering::Relaxed), region.now());
        // Threads that see another number of starts take new slots.
        region.shared.state.fetch_add(START + 1, Ordering::Release);
        (region, first, now)
    }

    /// Ends a recording that `start` has begun; `read` may look at the slots before they
    /// are given back.
    pub fn stop<T>(&self, read: impl FnOnce() -> T) -> T {
        let _control = lock_control();
        let before = self.shared.state.fetch_sub(1, Ordering::AcqRel);
        let value = read();
        if before & RECORDINGS == 1 {
            self.give_back();
        }
        value
    }

    /// Returns the memory of all slots to the system.
    fn give_back(&self) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            const PAGE: usize = 1 << 16;
            let start = (&raw const self.shared.slots).addr().next_multiple_of(PAGE);
            let end = (&raw const *self.shared).addr() + size_of::<Shared>();
            let start = (&raw const *self.shared).cast_mut().with_addr(start);
            let bytes = (end - start.addr()) / PAGE * PAGE;
            // SAFETY: the pages are this region's. Afterwards they are zeros, which are
            // valid. Where the system refuses, the memory stays.
            unsafe { libc::madvise(start.cast(), bytes, libc::MADV_REMOVE) };
        }
    }

    /// The numbers of new slots for the calling thread.
    pub fn take_chunk(&self) -> u64 {
        let number = self.shared.next_slot.fetch_add(CHUNK, Ordering::Relaxed);
        if number.is_multiple_of(BLOCK) {
            self.populate(number);
        }
        number
    }

    /// Takes the memory of a block of slots from the system in one go, which costs a
    /// fraction of what a page fault for every few dozen tasks does.
    #[cold]
    #[cfg_attr(not(target_os = "linux"), allow(unused_variables))]
    fn populate(&self, number: u64) {
        #[cfg(target_os = "linux")]
        {
            const PAGE: usize = 1 << 12;
            let first = &raw const *self.slot(number);
            let start = first.addr() / PAGE * PAGE;
            let bytes = first.addr() + BLOCK as usize * size_of::<Slot>() - start;
            // SAFETY: the pages are this region's, and keep what is in them. Where the
            // system knows no such thing (before Linux 5.14), they come with their faults.
            unsafe { libc::madvise(first.with_addr(start).cast_mut().cast(), bytes, libc::MADV_POPULATE_WRITE) };
        }
    }

    /// Whether the ring has come near to a slot again that was taken and not used.
    #[inline]
    pub fn is_old(&self, number: u64) -> bool {
        self.shared.next_slot.load(Ordering::Relaxed).saturating_sub(number) > SLOTS / 2
    }

    /// Makes a lane for the calling thread.
    pub fn new_lane(&self) -> u32 {
        let name = lane_name(self.is_of_a_parent());
        let number = self.shared.next_lane.fetch_add(1, Ordering::Relaxed);
        let lane = &self.shared.lanes[(number % LANES) as usize];
        lane.ticket.store(0, Ordering::Relaxed);
        fence(Ordering::Release);
        lane.process.store(process::id(), Ordering::Relaxed);
        lane.length.store(store_text(&lane.name, &name) as u32, Ordering::Relaxed);
        lane.ticket.store(number + 1, Ordering::Release);
        number as u32
    }

    /// The thread of a lane; None when there were too many since.
    pub fn worker(&self, lane: u32) -> Option<Worker> {
        let number = u64::from(lane);
        let lane = &self.shared.lanes[(number % LANES) as usize];
        if lane.ticket.load(Ordering::Acquire) != number + 1 {
            return None;
        }
        let name = load_text(&lane.name, lane.length.load(Ordering::Relaxed) as usize);
        let worker = Worker { name, process: lane.process.load(Ordering::Relaxed) };
        fence(Ordering::Acquire);
        (lane.ticket.load(Ordering::Relaxed) == number + 1).then_some(worker)
    }

    /// Writes that a task has begun, now.
    #[inline]
    pub fn begin(&'static self, number: u64, task: &Begin<'_>) -> &'static Slot {
        let slot = self.slot(number);
        slot.ticket.store(0, Ordering::Relaxed);
        fence(Ordering::Release);
        let length = store_text(&slot.label, task.label) as u32;
        slot.depth_and_length.store(u32::from(task.depth) << 16 | length, Ordering::Relaxed);
        slot.lane.store(task.lane, Ordering::Relaxed);
        slot.number.store(task.number, Ordering::Relaxed);
        slot.end.store(OPEN | (number + 1), Ordering::Relaxed);
        slot.start.store(self.now(), Ordering::Relaxed);
        slot.ticket.store(number + 1, Ordering::Release);
        slot
    }

    /// Writes that a task has ended, now. Nothing is written when its slot serves another.
    #[inline]
    pub fn end(&self, slot: &Slot, number: u64) {
        let _ = slot.end.compare_exchange(OPEN | (number + 1), self.now(), Ordering::Release, Ordering::Relaxed);
    }

    /// The tasks from slot `first` on, and how many more there may have been.
    pub fn read(&self, first: u64) -> (Vec<Recorded>, u64) {
        let next = self.shared.next_slot.load(Ordering::Acquire);
        let kept = first.max(next.saturating_sub(SLOTS));
        ((kept..next).filter_map(|number| self.slot(number).read(number)).collect(), kept - first)
    }

    #[inline]
    fn slot(&self, number: u64) -> &'static Slot {
        &self.shared.slots[(number % SLOTS) as usize]
    }
}

impl Slot {
    fn read(&self, number: u64) -> Option<Recorded> {
        if self.ticket.load(Ordering::Acquire) != number + 1 {
            return None;
        }
        let depth_and_length = self.depth_and_length.load(Ordering::Relaxed);
        let mut label = load_text(&self.label, (depth_and_length & 0xffff) as usize);
        match self.number.load(Ordering::Relaxed) {
            u64::MAX => {}
            number if label.is_empty() => label = number.to_string(),
            number => label = format!("{label} {number}"),
        }
        let end = self.end.load(Ordering::Acquire);
        let recorded = Recorded {
            label,
            lane: self.lane.load(Ordering::Relaxed),
            depth: (depth_and_length >> 16) as u16,
            start: self.start.load(Ordering::Relaxed),
            end: (end & OPEN == 0).then_some(end),
        };
        fence(Ordering::Acquire);
        (self.ticket.load(Ordering::Relaxed) == number + 1).then_some(recorded)
    }
}

fn lane_name(in_child: bool) -> String {
    let thread = thread::current();
    let own = thread.name().map_or_else(
        || {
            // The number has no other way out.
            let id: String = format!("{:?}", thread.id()).chars().filter(char::is_ascii_digit).collect();
            format!("thread {id}")
        },
        str::to_owned,
    );
    if !in_child {
        return own;
    }
    match &*PROCESS_NAME.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(process) if *process == own => own,
        Some(process) => format!("{process} · {own}"),
        None => format!("process {} · {own}", process::id()),
    }
}

/// Writes as much of a text as there is room for, and returns how many bytes that is.
#[inline]
fn store_text<const WORDS: usize>(words: &[AtomicU64; WORDS], text: &str) -> usize {
    let room = WORDS * 8;
    let length = if text.len() <= room { text.len() } else { boundary(text, room) };
    let (chunks, rest) = text.as_bytes()[..length].as_chunks::<8>();
    for (word, chunk) in words.iter().zip(chunks) {
        word.store(u64::from_ne_bytes(*chunk), Ordering::Relaxed);
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        words[chunks.len()].store(u64::from_ne_bytes(last), Ordering::Relaxed);
    }
    length
}

#[cold]
fn boundary(text: &str, most: usize) -> usize {
    (0..=most).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

fn load_text(words: &[AtomicU64], length: usize) -> String {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.load(Ordering::Relaxed).to_ne_bytes()).collect();
    String::from_utf8_lossy(&bytes[..length.min(bytes.len())]).into_owned()
}
