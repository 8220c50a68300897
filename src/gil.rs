//! What Python's interpreter lock does to threads, imitated.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::__rt::guarded::{Guarded, Held, generation};
use crate::__rt::waiters::{Waiters, thread_number, wait_until};
use crate::executor::deadline;
use crate::thread::Thread;

/// CPython's `sys.getswitchinterval()`, in seconds.
const SWITCH_INTERVAL: f64 = 0.005;

/// An **imitation** of CPython's global interpreter lock, to show what it does: nothing
/// else in this library has such a lock, and Rust's threads need none.
///
/// Code in [`run`](Gil::run) holds the lock, so of all threads that run under the same
/// `Gil` one computes at a time. As in CPython
///
/// * a thread that wants the lock waits for the switch interval (5 ms) and then asks the
///   holder to hand it over, which the holder does at its next [`tick`](Holding::tick) (in
///   Python: between two instructions of the interpreter);
/// * what waits lets go of the lock meanwhile: [`release`](Holding::release),
///   [`sleep`](Holding::sleep).
///
/// So two computing threads take as long as one after the other, and two sleeping threads
/// sleep at the same time. Code that neither ticks nor releases keeps the lock until it
/// ends, as a C function called from Python does. Clones are the same lock.
///
/// ```
/// # use threadbook::prelude::*;
/// fn count_down(gil: &Holding, mut n: u64) {
///     while n > 0 {
///         n -= 1;
///         gil.tick();
///     }
/// }
///
/// let gil = Gil::new();
/// let threads = [1000, 1000].map(|n| gil.thread(move |gil| count_down(gil, n)));
/// threads.iter().for_each(Thread::start);
/// threads.iter().for_each(Thread::join);
/// ```
#[derive(Clone)]
pub struct Gil {
    core: Arc<Core>,
}

struct Core {
    interval: f64,
    /// The holder is asked to hand the lock over.
    is_asked: AtomicBool,
    /// So often the lock went from one thread to another.
    switches: AtomicU64,
    state: Guarded<State>,
}

#[derive(Default)]
struct State {
    holder: Option<u64>,
    last_holder: Option<u64>,
    /// How many threads wait for the lock.
    wanting: usize,
    waiting: Waiters,
    /// In another generation the other threads do not exist.
    generation: u32,
}

/// The calling thread holds a [`Gil`].
pub struct Holding<'a> {
    gil: &'a Gil,
    /// Not for other threads.
    _here: PhantomData<*const ()>,
}

impl Gil {
    /// A lock of its own, as a Python interpreter has one.
    pub fn new() -> Gil {
        Gil::with_interval(SWITCH_INTERVAL)
    }

    /// A lock that is handed over every `seconds` (Python's `sys.setswitchinterval`).
    pub fn with_interval(seconds: f64) -> Gil {
        let state = State { generation: generation(), ..State::default() };
        let core = Core {
            interval: seconds,
            is_asked: AtomicBool::new(false),
            switches: AtomicU64::new(0),
            state: Guarded::new(state),
        };
        Gil { core: Arc::new(core) }
    }

    /// Runs `work` on the calling thread, under the lock. Inside of it, nested calls do no
    /// more than run theirs.
    ///
    /// Unwinds on an interrupt while it waits for the lock.
    #[track_caller]
    pub fn run<T>(&self, work: impl FnOnce(&Holding<'_>) -> T) -> T {
        let _under = Under::begin(&self.core);
        work(&Holding { gil: self, _here: PhantomData })
    }

    /// A thread, not started yet, that runs `work` under the lock.
    pub fn thread<T: Send + 'static>(&self, work: impl FnOnce(&Holding<'_>) -> T + Send + 'static) -> Thread<T> {
        let gil = self.clone();
        Thread::new(move || gil.run(work))
    }

    /// How often the lock went from one thread to another.
    pub fn switches(&self) -> u64 {
        self.core.switches.load(Ordering::Relaxed)
    }
}

impl Default for Gil {
    fn default() -> Gil {
        Gil::new()
    }
}

impl fmt::Debug for Gil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Gil: {} switches>", self.switches())
    }
}

impl Holding<'_> {
    /// A point where the lock may be handed over, if somebody has waited long enough: put
    /// one into each loop that computes. Costs a nanosecond otherwise.
    #[track_caller]
    #[inline]
    pub fn tick(&self) {
        if self.gil.core.is_asked.load(Ordering::Relaxed) {
            self.gil.core.hand_over();
        }
    }

    /// Lets the lock go while `wait` runs, and waits for it after that: for whatever waits
    /// for something else than the processor (a file, the network, a thread).
    #[track_caller]
    pub fn release<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.gil.core.let_go();
        let _free = Free(&self.gil.core);
        wait()
    }

    /// Waits for `seconds` without the lock (Python's `time.sleep`).
    #[track_caller]
    pub fn sleep(&self, seconds: f64) {
        self.release(|| crate::clock::sleep(seconds));
    }
}

/// The calling thread is under the lock, until this is dropped.
struct Under<'a> {
    core: &'a Core,
    is_outermost: bool,
}

impl<'a> Under<'a> {
    #[track_caller]
    fn begin(core: &'a Core) -> Under<'a> {
        let is_outermost = !core.is_mine();
        if is_outermost {
            core.acquire(None);
        }
        Under { core, is_outermost }
    }
}

impl Drop for Under<'_> {
    fn drop(&mut self) {
        if self.is_outermost {
            self.core.let_go();
        }
    }
}

/// The calling thread has let the lock go, until this is dropped.
struct Free<'a>(&'a Core);

impl Drop for Free<'_> {
    fn drop(&mut self) {
        self.0.acquire(None);
    }
}

/// The calling thread waits for the lock.
struct Wanting<'a>(&'a Core);

impl<'a> Wanting<'a> {
    fn begin(core: &'a Core) -> Wanting<'a> {
        core.checked().wanting += 1;
        Wanting(core)
    }
}

impl Drop for Wanting<'_> {
    fn drop(&mut self) {
        let mut state = self.0.checked();
        state.wanting = state.wanting.saturating_sub(1);
    }
}

impl State {
    fn check_generation(&mut self) {
        let now = generation();
        if self.generation != now {
            *self = State { generation: now, ..State::default() };
        }
    }
}

impl Core {
    fn checked(&self) -> Held<'_, State> {
        let mut state = self.state.lock();
        state.check_generation();
        state
    }

    fn is_mine(&self) -> bool {
        self.checked().holder == Some(thread_number())
    }

    /// Waits for the lock. With the number of switches at which the calling thread has
    /// handed it over, not before another thread has had it, if one wants it.
    #[track_caller]
    fn acquire(&self, handed_over: Option<u64>) {
        let me = thread_number();
        let _wanting = Wanting::begin(self);
        loop {
            let seen = self.switches();
            let until = deadline(Some(self.interval));
            let got = wait_until(&self.state, |state| &mut state.waiting, until, &mut |state| {
                state.check_generation();
                let is_my_turn = handed_over.is_none_or(|then| self.switches() != then || state.wanting <= 1);
                if state.holder.is_some() || !is_my_turn {
                    return false;
                }
                state.holder = Some(me);
                if state.last_holder.replace(me).is_some_and(|last| last != me) {
                    self.switches.fetch_add(1, Ordering::Relaxed);
                }
                self.is_asked.store(false, Ordering::Relaxed);
                true
            });
            if got {
                return;
            }
            // Had it changed hands meanwhile, the new holder would have its time first.
            if self.switches() == seen {
                self.is_asked.store(true, Ordering::Relaxed);
            }
        }
    }

    fn switches(&self) -> u64 {
        self.switches.load(Ordering::Relaxed)
    }

    /// Lets the lock go, if the calling thread has it: an interrupt may have ended its
    /// wait for it.
    fn let_go(&self) {
        let mut state = self.checked();
        if state.holder == Some(thread_number()) {
            state.holder = None;
            state.waiting.wake_one();
        }
    }

    #[cold]
    #[track_caller]
    fn hand_over(&self) {
        let handed_over = self.switches();
        self.is_asked.store(false, Ordering::Relaxed);
        self.let_go();
        self.acquire(Some(handed_over));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::time::Instant;

    use super::*;

    /// Computes until it has been at it for so long, by its own clock.
    fn compute(gil: &Holding<'_>, steps: u64) -> u64 {
        (0..steps).fold(0, |sum, step| {
            gil.tick();
            std::hint::black_box(sum ^ step)
        })
    }

    #[test]
    fn one_thread_computes_at_a_time_and_they_take_turns() {
        let gil = Gil::with_interval(0.001);
        let inside = Arc::new(AtomicUsize::new(0));
        let threads: Vec<Thread> = (0..3)
            .map(|_| {
                let inside = inside.clone();
                gil.thread(move |gil| {
                    let until = Instant::now() + std::time::Duration::from_millis(30);
                    while Instant::now() < until {
                        assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0);
                        assert_eq!(inside.fetch_sub(1, Ordering::Relaxed), 1);
                        gil.tick();
                    }
                })
            })
            .collect();
        threads.iter().for_each(Thread::start);
        for thread in &threads {
            assert_eq!(thread.result(), Ok(()));
        }
        assert!(gil.switches() >= 3, "{gil:?}");
    }

    #[test]
    fn who_waits_lets_the_others_compute() {
        let gil = Gil::new();
        // Each waits for the other: possible only if both have let the lock go.
        let barrier = Arc::new(std::sync::Barrier::new(2));
        let threads = [barrier.clone(), barrier].map(|barrier| {
            gil.thread(move |gil| {
                gil.release(|| barrier.wait());
                compute(gil, 1000)
            })
        });
        threads.iter().for_each(Thread::start);
        assert_eq!(threads[0].result(), threads[1].result());
    }

    #[test]
    fn runs_nest() {
        let gil = Gil::new();
        let inner = gil.run(|holding| gil.run(|_| 1) + holding.release(|| gil.run(|_| 2)) + gil.run(|_| 3));
        assert_eq!((inner, gil.switches()), (6, 0));
        assert!(!gil.core.is_mine());
    }

    #[test]
    fn a_panic_lets_go() {
        let gil = Gil::new();
        let thread = gil.thread(|gil| gil.release(|| panic!("expected (this line belongs to a test)")));
        thread.start();
        assert!(thread.into_result().is_err());
        assert_eq!(gil.run(|_| 1), 1);
    }
}
