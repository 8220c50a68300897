//! What a signal that ends the process leaves as its last words.
//!
//! The handler runs in the thread that crashed, whose memory may be in any state: it
//! only notes addresses and rings a thread that waits for nothing else. That one tells the
//! kernel, which finds names for them. If it cannot (the allocator's lock is held for ever), the
//! process ends without.

use std::ffi::{c_int, c_void};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::thread;

use nix::libc;
use threadbook::message::{CrashReport, FromCell};

use super::{runs, send_message};
use crate::worker::symbols;

const SIGNALS: [c_int; 6] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT, libc::SIGTRAP];
/// How long a crash waits for its report, in milliseconds.
const PATIENCE: c_int = 1000;
/// Calls that are told; more are endless recursion.
const MOST_CALLS: usize = 48;
/// An access that near to the stack pointer is one beyond the stack's end.
const NEAR: usize = 64 << 10;
const NAME_BYTES: usize = 16;

static OWN_PROCESS: AtomicI32 = AtomicI32::new(0);
static RUNNING: AtomicBool = AtomicBool::new(false);
static RING: AtomicI32 = AtomicI32::new(-1);
static REPORTED: AtomicI32 = AtomicI32::new(-1);

static SIGNAL: AtomicI32 = AtomicI32::new(0);
static RUN: AtomicU64 = AtomicU64::new(0);
static ADDRESS: AtomicUsize = AtomicUsize::new(0);
static HAS_ADDRESS: AtomicBool = AtomicBool::new(false);
static STACK_OVERFLOW: AtomicBool = AtomicBool::new(false);
static NAME: [AtomicU64; NAME_BYTES / 8] = [const { AtomicU64::new(0) }; NAME_BYTES / 8];
static CALLS: [AtomicUsize; MOST_CALLS] = [const { AtomicUsize::new(0) }; MOST_CALLS];

/// Reports crashes of this process from now on; also called in a copy that takes over.
///
/// # Errors
/// When there are no pipes or threads left.
pub fn report() -> std::io::Result<()> {
    let (mut rung, ring) = std::io::pipe()?;
    let (reported, mut tell_reported) = std::io::pipe()?;
    RING.store(ring.as_raw_fd(), Ordering::Release);
    REPORTED.store(reported.as_raw_fd(), Ordering::Release);
    // For the life of the process.
    std::mem::forget((ring, reported));
    OWN_PROCESS.store(std::process::id() as i32, Ordering::Release);
    RUNNING.store(false, Ordering::Release);
    let wait = move || {
        if rung.read_exact(&mut [0]).is_ok() {
            let run = RUN.load(Ordering::Acquire);
            send_message(&FromCell::Crash { run, crash: noted() });
            let _ = tell_reported.write_all(&[0]);
        }
    };
    thread::Builder::new().name("threadbook-crash".to_owned()).spawn(wait)?;
    for signal in SIGNALS {
        // SAFETY: the handler does what a handler may.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_signal as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
    }
    Ok(())
}

/// Ends the process as a crash of the thread that runs cells, wherever it is.
pub fn abort_cell() {
    if let Some(thread) = runs::cell_thread() {
        // SAFETY: this thread lives as long as the process.
        unsafe { libc::pthread_kill(thread, libc::SIGABRT) };
    }
}

/// What the handler has noted.
fn noted() -> CrashReport {
    let name: Vec<u8> = NAME.iter().flat_map(|part| part.load(Ordering::Acquire).to_ne_bytes()).collect();
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    let calls: Vec<usize> =
        CALLS.iter().map(|call| call.load(Ordering::Acquire)).take_while(|address| *address != 0).collect();
    CrashReport {
        signal: SIGNAL.load(Ordering::Acquire),
        address: HAS_ADDRESS.load(Ordering::Acquire).then(|| ADDRESS.load(Ordering::Acquire) as u64),
        stack_overflow: STACK_OVERFLOW.load(Ordering::Acquire),
        thread: Some(String::from_utf8_lossy(name).into_owned()).filter(|name| !name.is_empty()),
        calls: calls.into_iter().filter_map(symbols::locate).collect(),
    }
}

// From the platform's unwinder, which std is linked with.
unsafe extern "C" {
    fn _Unwind_Backtrace(visit: extern "C" fn(*mut c_void, *mut c_void) -> c_int, argument: *mut c_void) -> c_int;
    fn _Unwind_GetIPInfo(frame: *mut c_void, is_before: *mut c_int) -> usize;
}

extern "C" fn visit(frame: *mut c_void, count: *mut c_void) -> c_int {
    const STOP: c_int = 5;
    let mut is_before = 0;
    // SAFETY: `count` is the number below, `frame` the unwinder's.
    let (count, address) = unsafe { (&mut *count.cast::<usize>(), _Unwind_GetIPInfo(frame, &mut is_before)) };
    if *count == MOST_CALLS || address == 0 {
        return STOP;
    }
    // Where the signal came it is the instruction itself; else the call is before it.
    let address = if is_before == 0 { address - 1 } else { address };
    CALLS[*count].store(address, Ordering::Release);
    *count += 1;
    0
}

/// # Safety
/// Called by the system.
unsafe extern "C" fn on_signal(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: only system calls and atomics, and the unwinder, which takes no lock that
    // matters here; `info` and `context` are the system's.
    unsafe {
        // Whatever happens next, the signal ends the process.
        libc::signal(signal, libc::SIG_DFL);
        let from_outside = (*info).si_code <= 0;
        // A forked child of a cell has the handler, but no thread that could tell.
        if libc::getpid() == OWN_PROCESS.load(Ordering::Acquire) && !RUNNING.swap(true, Ordering::AcqRel) {
            note(signal, from_outside, info, context);
            if libc::write(RING.load(Ordering::Acquire), [0u8].as_ptr().cast(), 1) == 1 {
                let fd = REPORTED.load(Ordering::Acquire);
                libc::poll(&mut libc::pollfd { fd, events: libc::POLLIN, revents: 0 }, 1, PATIENCE);
            }
        }
        // Else the instruction is tried again when the handler returns, but after a trap it
        // would be the next one.
        if from_outside || signal == libc::SIGTRAP {
            libc::raise(signal);
        }
    }
}

unsafe fn note(signal: c_int, from_outside: bool, info: *mut libc::siginfo_t, context: *mut c_void) {
    SIGNAL.store(signal, Ordering::Release);
    RUN.store(runs::current(), Ordering::Release);
    // SAFETY: the system has filled `info` for this signal.
    let address = unsafe { (*info).si_addr() } as usize;
    if !from_outside && (signal == libc::SIGSEGV || signal == libc::SIGBUS) {
        ADDRESS.store(address, Ordering::Release);
        HAS_ADDRESS.store(true, Ordering::Release);
        STACK_OVERFLOW.store(stack_pointer(context).is_some_and(|top| address.abs_diff(top) < NEAR), Ordering::Release);
    }
    #[cfg(target_os = "linux")]
    {
        let mut name = [0u8; NAME_BYTES];
        // SAFETY: the system writes at most 16 bytes.
        unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
        for (part, bytes) in NAME.iter().zip(name.chunks_exact(8)) {
            part.store(u64::from_ne_bytes(std::array::from_fn(|index| bytes[index])), Ordering::Release);
        }
    }
    let mut count = 0usize;
    // SAFETY: `visit` gets what it expects.
    unsafe { _Unwind_Backtrace(visit, (&raw mut count).cast()) };
}

/// Where the stack of the thread that got the signal ended.
#[allow(unused_variables, reason = "not known everywhere")]
fn stack_pointer(context: *mut c_void) -> Option<usize> {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    // SAFETY: the system hands the handler a `ucontext_t`.
    return Some(unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[libc::REG_RSP as usize] } as usize);
    #[cfg(all(target_os = "linux", target_arch = "aarch64"))]
    // SAFETY: as above.
    return Some(unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.sp } as usize);
    #[allow(unreachable_code, reason = "where neither is known")]
    None
}
