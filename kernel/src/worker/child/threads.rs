//! What every thread of the worker gets when it starts, whoever starts it: the run that
//! it works for, and a stack on which a signal can be handled when its own is full.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nix::libc;

use super::runs;

/// Threads that have begun here and have not ended.
static ALIVE: AtomicUsize = AtomicUsize::new(0);
/// This process is a worker: threads are to be looked after.
static IS_WORKER: AtomicBool = AtomicBool::new(false);

/// From now on every new thread is looked after.
pub fn look_after_all() {
    IS_WORKER.store(true, Ordering::Release);
    // Nothing in the program calls them: the dynamic linker is to find them.
    #[cfg(target_os = "linux")]
    std::hint::black_box([
        pthread_create as *const c_void,
        runs::write as *const c_void,
        runs::writev as *const c_void,
        runs::dup2 as *const c_void,
        runs::dup3 as *const c_void,
    ]);
}

/// Threads that are looked after and alive.
pub fn alive() -> usize {
    ALIVE.load(Ordering::Acquire)
}

/// In a copy of the process: none of them exists.
pub fn forget() {
    ALIVE.store(0, Ordering::Release);
}

thread_local! {
    static GUARD: Cell<Option<Guard>> = const { Cell::new(None) };
}

/// Dropped when the thread ends, however it does.
struct Guard {
    _stack: Option<SignalStack>,
}

impl Guard {
    fn begin(run: u64) {
        runs::enter(run);
        GUARD.set(Some(Guard { _stack: SignalStack::install() }));
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // (It may have left the run that it began with.)
        runs::remove_thread(runs::inherited());
        ALIVE.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Room for the handler of a crash, on which also the calls are found out.
const SIGNAL_STACK_BYTES: usize = 64 << 10;

/// The calling thread's stack for signal handlers.
pub struct SignalStack(*mut c_void);

impl SignalStack {
    /// `None` where the system grants no memory.
    pub fn install() -> Option<SignalStack> {
        // SAFETY: new memory is mapped, and made the signal stack of this very thread.
        unsafe {
            let memory = libc::mmap(
                std::ptr::null_mut(),
                SIGNAL_STACK_BYTES,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANON,
                -1,
                0,
            );
            if memory == libc::MAP_FAILED {
                return None;
            }
            let stack = libc::stack_t { ss_sp: memory, ss_flags: 0, ss_size: SIGNAL_STACK_BYTES };
            libc::sigaltstack(&stack, std::ptr::null_mut());
            Some(SignalStack(memory))
        }
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        // SAFETY: the stack is given up before its memory is.
        unsafe {
            let none = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
            libc::sigaltstack(&none, std::ptr::null_mut());
            libc::munmap(self.0, SIGNAL_STACK_BYTES);
        }
    }
}

#[cfg(target_os = "linux")]
type Start = extern "C" fn(*mut c_void) -> *mut c_void;
#[cfg(target_os = "linux")]
type Create = unsafe extern "C" fn(*mut libc::pthread_t, *const libc::pthread_attr_t, Start, *mut c_void) -> c_int;

#[cfg(target_os = "linux")]
struct Beginning {
    start: Start,
    argument: *mut c_void,
    run: u64,
}

#[cfg(target_os = "linux")]
extern "C" fn begin(beginning: *mut c_void) -> *mut c_void {
    // SAFETY: `pthread_create` below has made it for this call alone.
    let Beginning { start, argument, run } = *unsafe { Box::from_raw(beginning.cast::<Beginning>()) };
    Guard::begin(run);
    start(argument)
}

/// As in the C library, whose place it takes for everything in the process that is
/// linked dynamically.
///
/// # Safety
/// As in the C library.
#[cfg(target_os = "linux")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_create(
    thread: *mut libc::pthread_t,
    attributes: *const libc::pthread_attr_t,
    start: Start,
    argument: *mut c_void,
) -> c_int {
    let Some(create) = next_create() else { return libc::EAGAIN };
    if !IS_WORKER.load(Ordering::Acquire) {
        // SAFETY: the caller's promise.
        return unsafe { create(thread, attributes, start, argument) };
    }
    let run = runs::inherited();
    let beginning = Box::into_raw(Box::new(Beginning { start, argument, run }));
    // Counted before it runs: it may have ended when the call returns.
    runs::add_thread(run);
    ALIVE.fetch_add(1, Ordering::AcqRel);
    // SAFETY: the caller's promise; `begin` takes `beginning` over.
    let error = unsafe { create(thread, attributes, begin, beginning.cast()) };
    if error != 0 {
        // SAFETY: no thread was made that could have taken it.
        drop(unsafe { Box::from_raw(beginning) });
        runs::remove_thread(run);
        ALIVE.fetch_sub(1, Ordering::AcqRel);
    }
    error
}

/// The C library's own.
#[cfg(target_os = "linux")]
fn next_create() -> Option<Create> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let mut next = NEXT.load(Ordering::Relaxed);
    if next == 0 {
        // SAFETY: asks for a symbol by its name.
        next = unsafe { libc::dlsym(libc::RTLD_NEXT, c"pthread_create".as_ptr()) } as usize;
        NEXT.store(next, Ordering::Relaxed);
    }
    // SAFETY: 0 is `None`, and else it is a function of this type.
    unsafe { std::mem::transmute::<usize, Option<Create>>(next) }
}
