//! Forking the process without harm to the copy.
//!
//! Only the thread that forks exists in the copy. A lock that another thread held at
//! that moment is held for ever there, so the locks that the copy will need are taken
//! first: by the thread that forks, which lets go of them on both sides.

use std::ffi::c_void;
use std::io;

use crate::timeline;

use super::{guarded, host, interrupt, store, text, wait};

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
    // Last: whoever is inside waits for none of the others.
    let _gates = guarded::close_gates();
    host::flush_text();
    fork(context);
}
