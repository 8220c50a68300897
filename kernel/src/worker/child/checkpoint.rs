//! A sleeping copy of the process, which takes over when the process is lost.
//!
//! The copy is made by forking twice, so that it is nobody's child here: a cell that
//! waits for all its children must not wait for it. Between the two forks the process in
//! the middle tells the kernel about the copy, with one end of a socket. The copy
//! sleeps on the other end: at its end-of-file it was dismissed (or the kernel is gone)
//! and ends; a parcel with a new socket and new pipes makes it the worker.
//!
//! The copy is made on a thread that does nothing else, the forker: it has to wait for
//! the locks of others, perhaps for ever, and it is the one thread that lives on in the
//! copy.

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use nix::libc;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{ForkResult, Pid, fork, setpgid};
use threadbook::message::{CheckpointOrder, FromCell, NoCheckpoint};

use super::library::Prelude;
use super::{Worker, lock_to_kernel, memory, runs, send_message, threads};
use crate::worker::descriptors;

/// How long the locks that a copy needs are waited for. A busy machine needs some time to
/// look for them.
const LOCKS: Duration = Duration::from_millis(500);

/// The checkpoint of this process, and the thread that makes it.
pub struct Checkpoints {
    forker: Option<Forker>,
    /// Nothing has happened since the last one was made.
    fresh: bool,
    is_first: bool,
    /// Threads that are no cell's.
    own_threads: Option<usize>,
    /// The processor time that other threads had taken then, at most.
    others_time: Option<Duration>,
}

impl Checkpoints {
    pub fn new() -> Checkpoints {
        Checkpoints { forker: None, fresh: false, is_first: true, own_threads: None, others_time: None }
    }

    /// Whether none was made yet.
    pub fn is_first(&self) -> bool {
        self.is_first
    }

    /// Something has changed that the last checkpoint does not know.
    pub fn outdate(&mut self) {
        self.fresh = false;
    }

    /// Makes a checkpoint, unless the last one is still true. Returns whether one was
    /// made.
    pub fn make(&mut self, order: CheckpointOrder, worker: &Worker) -> bool {
        let threads = threads::alive();
        // Those that are there before the first cell.
        let own_threads = *self.own_threads.get_or_insert(threads);
        // Threads of cells may have changed something, if they have done anything.
        let is_quiet = || threads <= own_threads || self.others_did_nothing();
        if self.fresh && is_quiet() {
            return false;
        }
        self.others_time = None;
        match self.try_make(order, worker) {
            Ok(()) => {
                (self.fresh, self.is_first) = (true, false);
                true
            }
            Err(reason) => {
                self.fresh = false;
                send_message(&FromCell::NoCheckpoint { id: order.id, reason });
                false
            }
        }
    }

    /// The checkpoint was made, and what had to be done for it is over: from now on any
    /// other thread's work shows.
    pub fn settle(&mut self) {
        self.others_time = others_time().map(|(_, most)| most);
    }

    fn others_did_nothing(&self) -> bool {
        match (self.others_time, others_time()) {
            (Some(then), Some((now, _))) => now <= then,
            _ => false,
        }
    }

    fn try_make(&mut self, order: CheckpointOrder, worker: &Worker) -> Result<(), NoCheckpoint> {
        let bytes = memory::own_bytes();
        if bytes > order.most_bytes {
            return Err(NoCheckpoint::TooLarge { bytes });
        }
        let failed = |error: io::Error| NoCheckpoint::Failed(error.to_string());
        let prelude = worker.prelude.ok_or_else(|| NoCheckpoint::Failed("the prelude is not loaded".to_owned()))?;
        let descriptors = worker.descriptors.try_clone().map_err(failed)?;
        if self.forker.is_none() {
            self.forker = Some(Forker::start().map_err(failed)?);
            // It is one of ours.
            self.own_threads = self.own_threads.map(|threads| threads + 1);
        }
        match &self.forker {
            Some(forker) => forker.fork(order.id, prelude, descriptors),
            None => Ok(()),
        }
    }
}

/// The processor time that all threads but the calling one have taken: at least, and at
/// most, since the clocks cannot be read at once.
fn others_time() -> Option<(Duration, Duration)> {
    let read = |clock| clock_gettime(clock).ok().map(Duration::from);
    let before = read(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    let all = read(ClockId::CLOCK_PROCESS_CPUTIME_ID)?;
    let after = read(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    Some((all.saturating_sub(after), all.saturating_sub(before)))
}

const WAITING: u8 = 0;
const FORKING: u8 = 1;
const GIVEN_UP: u8 = 2;

struct Job {
    id: u64,
    prelude: Prelude,
    descriptors: OwnedFd,
    state: Arc<AtomicU8>,
}

struct Forker {
    jobs: SyncSender<Job>,
    done: Receiver<Result<(), NoCheckpoint>>,
}

impl Forker {
    fn start() -> io::Result<Forker> {
        // No room to wait: a forker that still waits for locks takes no further job.
        let (jobs, coming) = mpsc::sync_channel::<Job>(0);
        let (tell, done) = mpsc::channel();
        let work = move || {
            for job in coming {
                let state = job.state.clone();
                let result = fork_once(job);
                // Unless nobody waits for it any more.
                let given_up = state.compare_exchange(WAITING, FORKING, Ordering::AcqRel, Ordering::Acquire);
                if given_up != Err(GIVEN_UP) && tell.send(result).is_err() {
                    return;
                }
            }
        };
        // In a copy it is the thread that serves the kernel: with a usual stack.
        thread::Builder::new().name("threadbook-fork".to_owned()).stack_size(8 << 20).spawn(work)?;
        Ok(Forker { jobs, done })
    }

    fn fork(&self, id: u64, prelude: Prelude, descriptors: OwnedFd) -> Result<(), NoCheckpoint> {
        let state = Arc::new(AtomicU8::new(WAITING));
        let mut job = Job { id, prelude, descriptors, state: state.clone() };
        // It takes jobs as soon as it has told the end of the last one.
        let patience = std::time::Instant::now() + LOCKS;
        loop {
            match self.jobs.try_send(job) {
                Ok(()) => break,
                Err(mpsc::TrySendError::Full(back)) if std::time::Instant::now() < patience => {
                    job = back;
                    thread::sleep(Duration::from_micros(20));
                }
                Err(mpsc::TrySendError::Full(_)) => return Err(NoCheckpoint::Locked),
                Err(mpsc::TrySendError::Disconnected(_)) => {
                    return Err(NoCheckpoint::Failed("the thread that makes copies has ended".to_owned()));
                }
            }
        }
        let ended = || NoCheckpoint::Failed("the thread that makes copies has ended".to_owned());
        match self.done.recv_timeout(LOCKS) {
            Ok(result) => result,
            Err(RecvTimeoutError::Disconnected) => Err(ended()),
            Err(RecvTimeoutError::Timeout) => {
                match state.compare_exchange(WAITING, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire) {
                    Ok(_) => Err(NoCheckpoint::Locked),
                    // Under way: a large memory takes its time.
                    Err(_) => self.done.recv().unwrap_or_else(|_| Err(ended())),
                }
            }
        }
    }
}

/// What goes into the fork and comes out of it.
struct Fork {
    state: Arc<AtomicU8>,
    id: u64,
    descriptors: RawFd,
    /// The kernel's end of the copy's socket.
    kernel_end: RawFd,
    outcome: Outcome,
}

enum Outcome {
    NotDone,
    Made,
    Failed(io::Error),
    /// This is the copy.
    Copy,
}

fn fork_once(job: Job) -> Result<(), NoCheckpoint> {
    let ends = UnixStream::pair().map_err(|error| NoCheckpoint::Failed(error.to_string()))?;
    let mut fork = Fork {
        state: job.state,
        id: job.id,
        descriptors: job.descriptors.as_raw_fd(),
        kernel_end: ends.1.as_raw_fd(),
        outcome: Outcome::NotDone,
    };
    (job.prelude.fork)(with_locks, (&raw mut fork).cast());
    match fork.outcome {
        Outcome::NotDone => Err(NoCheckpoint::Locked),
        Outcome::Made => Ok(()),
        Outcome::Failed(error) => Err(NoCheckpoint::Failed(error.to_string())),
        Outcome::Copy => {
            drop(ends.1);
            sleep_as_copy(ends.0, job.descriptors, job.prelude)
        }
    }
}

/// Called with the prelude's locks held.
extern "C" fn with_locks(context: *mut c_void) {
    // SAFETY: it is the `Fork` above, which nobody else uses meanwhile.
    let job = unsafe { &mut *context.cast::<Fork>() };
    if job.state.compare_exchange(WAITING, FORKING, Ordering::AcqRel, Ordering::Acquire).is_err() {
        return;
    }
    let _to_kernel = lock_to_kernel();
    // SAFETY: the copy's only thread uses nothing that another could have left locked:
    // the locks of this library and of the prelude are held here, the allocator's are
    // the C library's care.
    job.outcome = match unsafe { fork() } {
        Err(error) => Outcome::Failed(error.into()),
        Ok(ForkResult::Child) => {
            // SAFETY: as above; this process has one thread.
            match unsafe { fork() } {
                Ok(ForkResult::Child) => Outcome::Copy,
                Ok(ForkResult::Parent { child }) => exit(announce(job, child).is_ok()),
                Err(_) => exit(false),
            }
        }
        Ok(ForkResult::Parent { child }) => match nix::sys::wait::waitpid(child, None) {
            Ok(nix::sys::wait::WaitStatus::Exited(_, 1)) => Outcome::Failed(io::Error::other("no second process")),
            // Whoever waits for any child may have got this one.
            _ => Outcome::Made,
        },
    };
}

/// In the process between: makes the copy independent and tells the kernel about it.
fn announce(job: &Fork, copy: Pid) -> io::Result<()> {
    // What ends the worker's group must not end the copy.
    setpgid(copy, copy)?;
    // SAFETY: both are open in this process.
    let (to_kernel, kernel_end) = unsafe {
        (std::os::fd::BorrowedFd::borrow_raw(job.descriptors), std::os::fd::BorrowedFd::borrow_raw(job.kernel_end))
    };
    descriptors::send(to_kernel, [job.id, copy.as_raw() as u64], &[kernel_end])
}

fn exit(well: bool) -> ! {
    // SAFETY: `_exit` never returns and runs nothing of ours.
    unsafe { libc::_exit(if well { 0 } else { 1 }) }
}

/// Waits to be dismissed or needed; never returns.
fn sleep_as_copy(kernel: UnixStream, descriptors: OwnedFd, prelude: Prelude) -> ! {
    close_inherited(&[kernel.as_raw_fd(), descriptors.as_raw_fd()]);
    let Ok(Some(parcel)) = descriptors::receive(kernel.as_fd()) else { exit(true) };
    drop(kernel);
    let [run, _] = parcel.numbers;
    let Ok([socket, stdout, stderr]) = <[OwnedFd; 3]>::try_from(parcel.files) else { exit(false) };
    crate::worker::keeper::end_with_parent();
    runs::forget();
    threads::forget();
    runs::attach(run, stdout, stderr);
    let worker = Worker { prelude: Some(prelude), descriptors };
    worker.begin_again(socket.into());
    exit(true)
}

/// The files that the prelude needs as long as the process lives; no cell's.
static PRELUDES: OnceLock<Vec<RawFd>> = OnceLock::new();

/// Remembers the files that are open after `start` and were not before it: a copy keeps
/// them.
pub fn keep_files_of(start: impl FnOnce()) {
    let before = open_files().unwrap_or_default();
    start();
    let mut files = open_files().unwrap_or_default();
    files.retain(|number| !before.contains(number));
    let _ = PRELUDES.set(files);
}

/// The numbers of all open files.
fn open_files() -> io::Result<Vec<RawFd>> {
    let open = std::fs::read_dir(if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" })?;
    let mut numbers: Vec<RawFd> = open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    // The directory that was read is closed again.
    // SAFETY: it only asks.
    numbers.retain(|number| unsafe { libc::fcntl(*number, libc::F_GETFD) } >= 0);
    Ok(numbers)
}

/// Lets go of all files that the copy has inherited, so that none is held open by it.
/// Their numbers stay taken, by something that can be neither read nor written: values
/// in variables believe that they own them.
fn close_inherited(kept: &[RawFd]) {
    let Ok(numbers) = open_files() else { exit(false) };
    let preludes = PRELUDES.get().map_or(&[][..], Vec::as_slice);
    #[cfg(target_os = "linux")]
    let flags = libc::O_PATH | libc::O_CLOEXEC;
    #[cfg(not(target_os = "linux"))]
    let flags = libc::O_RDONLY | libc::O_CLOEXEC;
    // SAFETY: plain system calls; that the numbers change their meaning is the purpose,
    // and the owners of those that matter here are `kept`.
    unsafe {
        let nothing = libc::open(c"/dev/null".as_ptr(), flags);
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
        if nothing < 0 || null < 0 {
            exit(false);
        }
        for number in numbers {
            if kept.contains(&number) || preludes.contains(&number) || number == nothing || number == null {
                continue;
            }
            match number {
                libc::STDIN_FILENO => {}
                libc::STDOUT_FILENO | libc::STDERR_FILENO => drop(libc::dup2(null, number)),
                number => {
                    libc::dup2(nothing, number);
                    libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC);
                }
            }
        }
        libc::close(nothing);
        libc::close(null);
    }
}
