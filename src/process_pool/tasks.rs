//! Single tasks: a process for each, so many at once.
//!
//! A thread, there while there are tasks, starts the processes and takes in what they send.

use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::thread;

use super::job::Job;
use super::reader::{Came, Reader, pipe, wait_for};
use super::wire::{Failure, Header, read_failures, write_all};
use super::work::{Out, SharedWork};
use crate::__rt::guarded::{Guarded, generation};
use crate::__rt::host;
use crate::__rt::interrupt::{Wait, Waker};
use crate::__rt::owned::owner;
use crate::executor::core::{Core, Outcome, Value};
use crate::executor::{Handle, TaskError};
use crate::process::{Names, PrivateFd, Worker};

/// Does a task in its process, and writes its result.
pub(super) type Task = Box<dyn FnOnce(&mut Out) + Send>;

const STACK_BYTES: usize = 256 << 10;
/// So often, in milliseconds, it is looked after processes whose pipe somebody else keeps open.
const LOOK_EVERY: i32 = 500;

/// The tasks of one pool.
pub(crate) struct Tasks {
    names: Arc<Names>,
    state: Arc<Guarded<State>>,
}

owner! {
    /// See [`Tasks`].
    OwnTasks of Tasks
}

#[derive(Default)]
struct State {
    queue: VecDeque<(Arc<Core>, Task)>,
    /// Is there while there are tasks, and looks at them when something comes.
    manager: Option<Bell>,
    closed: bool,
    /// Running ones are to be killed.
    terminated: bool,
    /// Those who wait until nothing is left.
    wakers: Vec<Waker>,
    /// In a copy of the process the manager does not exist.
    generation: u32,
}

/// Wakes the manager.
struct Bell(PrivateFd);

impl Bell {
    fn ring(&self) {
        // (A full pipe rings, too.)
        let _ = write_all(self.0.as_raw_fd(), &[0]);
    }
}

impl Tasks {
    fn new(names: Arc<Names>) -> Tasks {
        let state = State { generation: generation(), ..State::default() };
        Tasks { names, state: Arc::new(Guarded::new(state)) }
    }

    /// The tasks of a pool with so many workers.
    pub fn of_workers(workers: usize) -> OwnTasks {
        OwnTasks::own(Tasks::new(Arc::new(Names::new(workers))))
    }

    /// So many can run at once.
    pub fn workers(&self) -> usize {
        self.names.len()
    }

    /// Starts a map by so many workers.
    pub fn start_map(&self, work: SharedWork, chunk: usize) -> Result<Job, TaskError> {
        if self.is_closed() {
            return Err(TaskError::Shutdown);
        }
        Job::start(self.names.clone(), work, chunk)
    }

    /// Hands a task in; `open` makes its result of the bytes of [`task_bytes`].
    pub fn submit(&self, task: Task, open: fn(Value) -> Outcome) -> Handle {
        let core = Core::remote();
        self.queue(&core, task);
        Handle::of(core, Some(open))
    }

    fn queue(&self, core: &Arc<Core>, task: Task) {
        let mut state = self.state.lock();
        state.look_at_generation();
        let error = if state.closed {
            Some(TaskError::Shutdown)
        } else {
            state.queue.push_back((core.clone(), task));
            match &state.manager {
                Some(bell) => {
                    bell.ring();
                    None
                }
                None => self.start_manager(&mut state).err().map(|error| TaskError::System(error.to_string())),
            }
        };
        let refused = if matches!(error, Some(TaskError::System(_))) { state.queue.pop_back() } else { None };
        drop(state);
        drop(refused);
        if let Some(error) = error {
            core.finish(Err(error));
        }
    }

    fn start_manager(&self, state: &mut State) -> io::Result<()> {
        let (reader, writer) = pipe()?;
        let manager =
            Manager { names: self.names.clone(), state: self.state.clone(), rung: reader, running: Vec::new() };
        thread::Builder::new().name("threadbook-pool".to_owned()).stack_size(STACK_BYTES).spawn(|| manager.run())?;
        state.manager = Some(Bell(writer));
        Ok(())
    }

    pub fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Takes no more tasks.
    pub fn close(&self) {
        self.state.lock().closed = true;
    }

    /// Takes no more tasks, cancels those that wait and kills those that run.
    pub fn terminate(&self) {
        let mut state = self.state.lock();
        state.look_at_generation();
        state.closed = true;
        state.terminated = true;
        let queue = std::mem::take(&mut state.queue);
        if let Some(bell) = &state.manager {
            bell.ring();
        }
        drop(state);
        for (core, task) in queue {
            core.cancel();
            drop(task);
        }
    }

    /// Waits until no task is left.
    ///
    /// Unwinds on an interrupt.
    #[track_caller]
    pub fn join(&self) {
        let wait = Wait::begin();
        loop {
            {
                let mut state = self.state.lock();
                if state.manager.is_none() || state.generation != generation() {
                    return;
                }
                state.wakers.retain(|waker| !waker.wakes(&wait));
                state.wakers.push(wait.waker());
            }
            wait.pause(None);
        }
    }
}

impl State {
    /// In a copy of the process: what waited is the original's.
    fn look_at_generation(&mut self) {
        if self.generation == generation() {
            return;
        }
        self.generation = generation();
        std::mem::forget((self.manager.take(), std::mem::take(&mut self.wakers), std::mem::take(&mut self.queue)));
    }
}

struct Manager {
    names: Arc<Names>,
    state: Arc<Guarded<State>>,
    rung: PrivateFd,
    running: Vec<Running>,
}

struct Running {
    core: Arc<Core>,
    reader: Reader,
    /// Which of the names it has.
    name: usize,
}

impl Manager {
    fn run(mut self) {
        host::leave_run();
        let wakers = loop {
            if let ControlFlow::Break(wakers) = self.start_waiting() {
                break wakers;
            }
            let files = self.running.iter().map(|task| task.reader.file()).chain([self.rung.as_raw_fd()]);
            let ready = wait_for(files, LOOK_EVERY);
            let nothing_came = !ready.contains(&true);
            if ready.last() == Some(&true) {
                let mut rings = [0u8; 256];
                // SAFETY: there is room for that many bytes. It does not wait.
                unsafe { libc::read(self.rung.as_raw_fd(), rings.as_mut_ptr().cast(), rings.len()) };
            }
            // From the end, since those that have ended leave.
            for index in (0..self.running.len()).rev() {
                if ready[index] || nothing_came {
                    self.read(index, nothing_came);
                }
            }
        };
        // Its files are closed before anybody learns of the end.
        drop(self);
        wakers.iter().for_each(Waker::wake);
    }

    /// Starts tasks that wait while there is room. With nothing left to wait for, those are
    /// given who wait for that.
    fn start_waiting(&mut self) -> ControlFlow<Vec<Waker>> {
        loop {
            let mut state = self.state.lock();
            if state.terminated {
                self.running.iter().for_each(|task| task.reader.worker.kill());
            }
            let next = if self.running.len() < self.names.len() { state.queue.pop_front() } else { None };
            let Some((core, task)) = next else {
                if !self.running.is_empty() || !state.queue.is_empty() {
                    return ControlFlow::Continue(());
                }
                let bell = state.manager.take();
                let wakers = std::mem::take(&mut state.wakers);
                drop(state);
                drop(bell);
                return ControlFlow::Break(wakers);
            };
            drop(state);
            if core.begin() {
                host::enter_run(core.cell_run());
                match self.start(&core, task) {
                    Ok((reader, name)) => self.running.push(Running { core, reader, name }),
                    Err(error) => core.finish(Err(TaskError::System(error.to_string()))),
                }
                host::leave_run();
            }
        }
    }

    fn start(&self, core: &Arc<Core>, task: Task) -> io::Result<(Reader, usize)> {
        let is_free = |name: &usize| self.running.iter().all(|task| task.name != *name);
        let name = (0..self.names.len()).find(is_free).unwrap_or(0);
        let (reader, writer) = pipe()?;
        let file = writer.as_raw_fd();
        let core = core.clone();
        let body = Box::new(move || {
            let mut out = Out::new();
            let span = core.record();
            out.run_task(task);
            drop(span);
            let (values, errors) = (out.values.len(), out.errors.len());
            let header = Header { start: 0, count: 1, values, errors, in_slot: false };
            let parts = [&header.to_bytes()[..], &out.values, &out.errors];
            // If nobody wants it any more, nobody is there to tell.
            let _ = parts.iter().try_for_each(|part| write_all(writer.as_raw_fd(), part));
        });
        Ok((Reader::new(Worker::start(&self.names, name, body, &[file])?, reader), name))
    }

    fn read(&mut self, index: usize, nothing_came: bool) {
        let reader = &mut self.running[index].reader;
        let has_ended = nothing_came && reader.worker.ended().is_some();
        let came = reader.read();
        if matches!(came, Came::Part) && !has_ended {
            return;
        }
        let Running { core, reader, .. } = self.running.swap_remove(index);
        match came {
            Came::Frame(header, bytes) => {
                // It leaves by itself, after what it has printed.
                reader.worker.join();
                finish(&core, &header, bytes);
            }
            Came::Part | Came::End => {
                let how = if self.state.lock().terminated {
                    format!("{} was killed with its pool", reader.worker.name())
                } else {
                    reader.end_text()
                };
                core.finish(Err(TaskError::Crashed(how)));
            }
        }
    }
}

fn finish(core: &Core, header: &Header, mut bytes: Vec<u8>) {
    let errors = bytes.split_off(header.values.min(bytes.len()));
    match read_failures(&errors).pop() {
        None => core.finish(Ok(Box::new(bytes))),
        Some((_, Failure::Panicked(report))) => core.finish_panicked(report),
        Some((_, failure)) => core.finish(Err(failure.into())),
    }
}

/// What a task has left behind.
pub(super) fn task_bytes(value: Value) -> Result<Vec<u8>, TaskError> {
    value.downcast::<Vec<u8>>().map(|bytes| *bytes).map_err(|_| TaskError::Lost)
}
