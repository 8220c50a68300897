//! Forking the process without harm to the copy.
//!
//! Only the thread that forks exists in the copy. A lock that another thread held at
//! that moment is held for ever there, so the locks that the copy will need are taken
//! first: by the thread that forks, which lets go of them on both sides.

use std::ffi::c_void;
use std::io;

use crate::{interact, process, timeline};

use super::{caught, guarded, host, interrupt, store, text, wait};

/// Calls `fork` while no other thread holds a lock of this library, of stdout or of
/// stderr. (The system's allocator does the same for its own.)
#[unsafe(no_mangle)]
pub extern "C" fn threadbook_fork(fork: extern "C" fn(*mut c_void), context: *mut c_void) {
    // Standard streams first: whoever prints may hold them for long. And while one is
    // waited for, the other must not be held.
    drop(io::stdout().lock());
    drop(io::stderr().lock());
    let _stdout = io::stdout().lock();
    let _stderr = io::stderr().lock();
    let _variables = store::lock_variables();
    let _running = text::lock_running();
    let _host = host::lock_all();
    let _runtime = wait::lock_runtime();
    let _waits = interrupt::lock_waits();
    let _timeline = timeline::lock_all();
    let _processes = process::lock_all();
    let _controls = interact::lock_all();
    // Last: whoever is inside waits for none of the others.
    let _gates = guarded::close_gates();
    host::flush_text();
    fork(context);
}

/// Where a process finds itself after [`fork`].
pub(crate) enum Forked {
    Parent { child: libc::pid_t },
    Child,
}

/// Forks the process. The copy has the calling thread only, and no kernel: see
/// [`host::leave`].
///
/// # Errors
/// What the system says: there are too many processes, or there is too little memory.
pub(crate) fn fork() -> io::Result<Forked> {
    extern "C" fn call(outcome: *mut c_void) {
        // SAFETY: it is the `outcome` below, which nobody else uses meanwhile.
        let outcome = unsafe { &mut *outcome.cast::<io::Result<libc::pid_t>>() };
        // SAFETY: the copy uses nothing that another thread could have left locked: this
        // library's locks and the standard streams are held by the calling thread, the
        // allocator's are the C library's care. What else people have locked in other
        // threads stays locked, which the documentation of processes says.
        let child = unsafe { libc::fork() };
        *outcome = if child < 0 { Err(io::Error::last_os_error()) } else { Ok(child) };
    }
    // In the child it would wait for a lock that a panicking thread may have held.
    caught::prepare_hook();
    let mut outcome: io::Result<libc::pid_t> = Err(io::ErrorKind::Other.into());
    threadbook_fork(call, (&raw mut outcome).cast());
    match outcome? {
        0 => {
            host::leave();
            host::forget_waiting();
            interrupt::forget_waits();
            wait::forget_runtime();
            Ok(Forked::Child)
        }
        child => Ok(Forked::Parent { child }),
    }
}
