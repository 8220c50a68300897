//! The worker's own side: loads libraries, calls cells, passes messages through.
//!
//! One thread serves the kernel's socket (this module); cells run on a thread of the
//! prelude's. [`library`] loads code, [`runs`] knows which run of a cell a thread works
//! for and where its text goes, [`threads`] tells every new thread, [`checkpoint`] makes
//! the copy that takes over when this process is lost, [`crash`] has its last words.

mod checkpoint;
mod crash;
mod library;
mod memory;
mod runs;
mod threads;

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use threadbook::message::{CheckpointOrder, Ending, FromCell, ToCell};

use self::checkpoint::Checkpoints;
use self::library::{Entry, ForeignEntry, Host, Prelude, TakeText};
use self::memory::Pages;
use super::family::{self, Descendant};
use super::{descriptors, frame, symbols};

static TO_KERNEL: Mutex<Option<UnixStream>> = Mutex::new(None);

fn lock_to_kernel() -> MutexGuard<'static, Option<UnixStream>> {
    TO_KERNEL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long child processes of an interrupted cell have to end by themselves.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Serves the kernel behind `socket` until it goes away, then ends the process. Files
/// come over `descriptors`.
pub fn serve(socket: UnixStream, descriptors: OwnedFd) -> io::Error {
    threads::look_after_all();
    std::mem::forget(threads::SignalStack::install());
    Worker { prelude: None, descriptors }.begin(socket)
}

struct Worker {
    prelude: Option<Prelude>,
    /// Brings the pipes of each run, and takes checkpoints to the kernel.
    descriptors: OwnedFd,
}

impl Worker {
    fn begin(mut self, socket: UnixStream) -> io::Error {
        match self.connect(&socket) {
            Ok(()) => self.serve(socket),
            Err(error) => error,
        }
    }

    /// In a copy that takes over.
    fn begin_again(mut self, socket: UnixStream) {
        let connected = self.connect(&socket);
        let is_started = self.prelude.is_some_and(|prelude| (prelude.start_again)());
        if connected.is_ok() && is_started {
            // Its end is the kernel's to explain.
            let _ = self.serve(socket);
        }
    }

    fn connect(&mut self, socket: &UnixStream) -> io::Result<()> {
        *lock_to_kernel() = Some(socket.try_clone()?);
        crash::report()
    }

    fn serve(&mut self, mut from_kernel: UnixStream) -> io::Error {
        let mut checkpoints = Checkpoints::new();
        let mut started = (0, 0);
        loop {
            let json = match frame::read(&mut from_kernel) {
                Ok(Some(json)) => json,
                // The kernel is gone: so are all who could see what the cell still does.
                // (The keeper ends all, too, if it is there.)
                Ok(None) => {
                    family::end_all(None);
                    exit(0)
                }
                Err(error) => return error,
            };
            match serde_json::from_slice::<ToCell>(&json) {
                Ok(ToCell::Load { libraries }) => {
                    checkpoints.outdate();
                    for library in libraries {
                        if let Err(error) = self.load(&library) {
                            return io::Error::other(error);
                        }
                    }
                }
                Ok(ToCell::Run { run, library, symbol, foreign, rayon, checkpoint, compile_seconds }) => {
                    if let Some(order) = checkpoint {
                        checkpoints.make(order, self);
                    }
                    checkpoints.outdate();
                    started = (run, family::now());
                    if let Err(text) = self.run(run, [&library, &symbol], foreign, rayon, compile_seconds) {
                        let ended = FromCell::Ended { run, ending: Ending::NotLoaded(text), variables: Vec::new() };
                        send_message(&ended);
                    }
                }
                Ok(ToCell::Call { run, checkpoint, .. }) => {
                    if let Some(order) = checkpoint {
                        checkpoints.make(order, self);
                    }
                    checkpoints.outdate();
                    started = (run, family::now());
                    let attached = self.attach(run);
                    if let Err(text) = attached.map(|()| self.deliver(&json)) {
                        let ended = FromCell::Ended { run, ending: Ending::NotLoaded(text), variables: Vec::new() };
                        send_message(&ended);
                    }
                }
                Ok(ToCell::Checkpoint(order)) => self.checkpoint_at_rest(order, &mut checkpoints, &from_kernel),
                Ok(ToCell::Environment { name, value }) => {
                    checkpoints.outdate();
                    set_environment(&name, value.as_deref());
                }
                Ok(ToCell::Directory { path }) => {
                    checkpoints.outdate();
                    // The kernel has looked whether it is there.
                    let _ = std::env::set_current_dir(path);
                }
                Ok(ToCell::Abort { run }) if run == started.0 => crash::abort_cell(),
                Ok(message) => {
                    self.deliver(&json);
                    match message {
                        ToCell::Forget { .. } | ToCell::DropControls { .. } => checkpoints.outdate(),
                        // Last: who waits for a child's end is to know why it came.
                        ToCell::Interrupt { run, everyone: false } if started.0 == run => end_children_since(started.1),
                        _ => {}
                    }
                }
                Err(_) => {}
            }
        }
    }

    /// Loads a library. The prelude is started when it is that.
    fn load(&mut self, path: &str) -> Result<(), libloading::Error> {
        if let Some(prelude) = library::load(path)?
            && self.prelude.is_none()
        {
            self.prelude = Some(prelude);
            checkpoint::keep_files_of(|| {
                let (current_run, enter_run) = (runs::current, runs::enter_from_prelude);
                // SAFETY: the functions are of the types the prelude declares.
                unsafe { (prelude.start)(Host { send, describe, current_run, enter_run, work_for: runs::work_for }) };
            });
        }
        Ok(())
    }

    fn run(
        &self,
        run: u64,
        [library, symbol]: [&str; 2],
        foreign: bool,
        rayon: bool,
        compile_seconds: f64,
    ) -> Result<(), String> {
        self.attach(run)?;
        let Some(prelude) = &self.prelude else { return Ok(()) };
        let not_loaded = |error: libloading::Error| error.to_string();
        // SAFETY: the kernel names a function of this kind, by which engine has compiled it;
        // the prelude is loaded for good.
        unsafe {
            if foreign {
                let entry: ForeignEntry = library::load_cell(library, symbol).map_err(not_loaded)?;
                (prelude.run_foreign)(run, entry, rayon, compile_seconds);
            } else {
                let entry: Entry = library::load_cell(library, symbol).map_err(not_loaded)?;
                (prelude.run)(run, entry, rayon, compile_seconds);
            }
        }
        Ok(())
    }

    /// Hands a message to the prelude.
    fn deliver(&self, json: &[u8]) {
        if let Some(prelude) = &self.prelude {
            // SAFETY: the bytes live until the call returns.
            unsafe { (prelude.deliver)(json.as_ptr(), json.len()) }
        }
    }

    /// Makes a run the latest one, with the pipes that come for it.
    fn attach(&self, run: u64) -> Result<(), String> {
        let [stdout, stderr] = self.pipes(run).map_err(|error| format!("its pipes did not come: {error}"))?;
        runs::attach(run, stdout, stderr);
        Ok(())
    }

    /// The pipes that the kernel has sent for a run. Those for a process that is gone are
    /// passed over.
    fn pipes(&self, run: u64) -> io::Result<[OwnedFd; 2]> {
        loop {
            let parcel = descriptors::receive(self.descriptors.as_fd())?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if parcel.numbers[0] == run {
                return <[OwnedFd; 2]>::try_from(parcel.files).map_err(|_| io::ErrorKind::InvalidData.into());
            }
        }
    }

    /// No cell runs: there is time to make its first writes cheap, too. What a cell has
    /// written to, the next one will probably write to.
    fn checkpoint_at_rest(&self, order: CheckpointOrder, checkpoints: &mut Checkpoints, from_kernel: &UnixStream) {
        // Before the first one nothing is shared, and the whole memory seems to be hot.
        let hot = if checkpoints.is_first() { Pages::default() } else { Pages::unshared() };
        if checkpoints.make(order, self) {
            let is_wanted = || {
                let mut socket = [PollFd::new(from_kernel.as_fd(), PollFlags::POLLIN)];
                poll(&mut socket, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
            };
            hot.unshare(is_wanted);
            checkpoints.settle();
        }
    }
}

/// Ends the processes that have come from this one since a moment.
fn end_children_since(moment: u64) {
    let mut children = family::own_children();
    children.retain(|child| child.started >= moment);
    let signal = |children: &[Descendant], signal| {
        for child in children {
            let _ = kill(Pid::from_raw(child.id), signal);
        }
    };
    signal(&children, Signal::SIGTERM);
    let end = move || {
        thread::sleep(LAST_WORDS);
        // Not those that the next cell has started meanwhile.
        let mut left = family::own_children();
        left.retain(|process| children.iter().any(|child| (child.id, child.started) == (process.id, process.started)));
        let further: Vec<Descendant> = left.iter().flat_map(|process| family::descendants(process.id)).collect();
        signal(&left, Signal::SIGKILL);
        signal(&further, Signal::SIGKILL);
    };
    // Without a thread they are ended with the process, if it comes to that.
    let _ = thread::Builder::new().name("threadbook-end".to_owned()).spawn(end);
}

/// Ends the process without running anybody's exit handlers: cells may still run.
fn exit(code: i32) -> ! {
    // SAFETY: `_exit` never returns and touches no memory of ours.
    unsafe { nix::libc::_exit(code) }
}

fn set_environment(name: &str, value: Option<&str>) {
    // SAFETY: as in any program that sets its environment while threads run; Rust's own
    // accesses are locked, and only a person's `%env` leads here, between cells.
    match value {
        Some(value) => unsafe { std::env::set_var(name, value) },
        None => unsafe { std::env::remove_var(name) },
    }
}

/// What the prelude calls, from any thread.
extern "C" fn send(bytes: *const u8, length: usize) {
    // SAFETY: the prelude hands in a slice.
    let json = unsafe { std::slice::from_raw_parts(bytes, length) };
    send_bytes(json);
}

/// See the prelude's `Host`.
extern "C" fn describe(addresses: *const usize, count: usize, take: TakeText, taker: *mut c_void) {
    // SAFETY: the prelude hands in a slice.
    let addresses = unsafe { std::slice::from_raw_parts(addresses, count) };
    let text = symbols::describe(addresses);
    take(text.as_ptr(), text.len(), taker);
}

fn send_message(message: &FromCell) {
    if let Ok(json) = serde_json::to_vec(message) {
        send_bytes(&json);
    }
}

fn send_bytes(json: &[u8]) {
    if let Some(stream) = &mut *lock_to_kernel() {
        // A kernel that is gone shows on the reading side.
        let _ = frame::write(stream, json);
    }
}
