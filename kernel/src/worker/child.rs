//! The worker's own side: loads libraries, calls cells, passes messages through.
//!
//! The prelude is loaded at run time and may come from another compiler than this
//! binary, so only C functions and bytes cross between the two.

use std::ffi::c_void;
use std::io;
use std::os::fd::{FromRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, OnceLock, PoisonError};

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use threadbook::message::{Ending, FromCell, ToCell};

use super::{frame, symbols};

type TakeText = extern "C" fn(*const u8, usize, *mut c_void);
type Start = unsafe extern "C" fn(Host) -> bool;
type Run = unsafe extern "C" fn(run: u64, entry: extern "C" fn());
type Deliver = unsafe extern "C" fn(*const u8, usize);

/// What the prelude gets from here: its own `Host`.
#[repr(C)]
struct Host {
    send: extern "C" fn(*const u8, usize),
    describe: extern "C" fn(*const usize, usize, TakeText, *mut c_void),
}

/// The prelude's entry points, once it is loaded.
struct Prelude {
    run: Run,
    deliver: Deliver,
}

static TO_KERNEL: OnceLock<Mutex<UnixStream>> = OnceLock::new();

/// Serves the kernel behind the socket `fd` until it goes away, then ends the process.
///
/// # Safety
/// `fd` is an open socket that nothing else in the process uses.
pub unsafe fn serve(fd: RawFd) -> io::Error {
    // SAFETY: the caller's promise.
    let mut from_kernel = unsafe { UnixStream::from_raw_fd(fd) };
    // Programs that a cell starts must not hold the socket open.
    if let Err(error) = fcntl(&from_kernel, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)) {
        return error.into();
    }
    match from_kernel.try_clone() {
        Ok(writer) => drop(TO_KERNEL.set(Mutex::new(writer))),
        Err(error) => return error,
    }
    let mut prelude = None;
    loop {
        let json = match frame::read(&mut from_kernel) {
            Ok(Some(json)) => json,
            // The kernel is gone: so are all who could see what the cell still does.
            Ok(None) => exit(0),
            Err(error) => return error,
        };
        match serde_json::from_slice::<ToCell>(&json) {
            Ok(ToCell::Load { libraries }) => {
                for library in libraries {
                    if let Err(error) = load(&library, &mut prelude) {
                        return io::Error::other(error);
                    }
                }
            }
            Ok(ToCell::Run { run, library, symbol }) => {
                if let Err(error) = run_cell(prelude.as_ref(), run, &library, &symbol) {
                    let ended =
                        FromCell::Ended { run, ending: Ending::NotLoaded(error.to_string()), variables: Vec::new() };
                    send_message(&ended);
                }
            }
            Ok(ToCell::Environment { name, value }) => set_environment(&name, value.as_deref()),
            _ => {
                if let Some(prelude) = &prelude {
                    // SAFETY: the bytes live until the call returns.
                    unsafe { (prelude.deliver)(json.as_ptr(), json.len()) }
                }
            }
        }
    }
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

/// Loads a library for good. The prelude is started when its functions are found.
fn load(path: &str, prelude: &mut Option<Prelude>) -> Result<(), libloading::Error> {
    let library = open(path)?;
    if prelude.is_none() {
        // SAFETY: these are the types the prelude declares; the library stays loaded.
        unsafe {
            if let Ok(start) = library.get::<Start>(b"threadbook_start\0") {
                let run = *library.get::<Run>(b"threadbook_run\0")?;
                let deliver = *library.get::<Deliver>(b"threadbook_deliver\0")?;
                *prelude = Some(Prelude { run, deliver });
                start(Host { send, describe });
            }
        }
    }
    std::mem::forget(library);
    Ok(())
}

fn run_cell(prelude: Option<&Prelude>, run: u64, path: &str, symbol: &str) -> Result<(), libloading::Error> {
    let library = open(path)?;
    // SAFETY: generated code exports the entry point with this type. The library is
    // never unloaded: threads and variables may point into it.
    let entry: extern "C" fn() = unsafe { *library.get(symbol.as_bytes())? };
    std::mem::forget(library);
    if let Some(prelude) = prelude {
        // SAFETY: the prelude is loaded for good.
        unsafe { (prelude.run)(run, entry) }
    }
    Ok(())
}

fn open(path: &str) -> Result<Library, libloading::Error> {
    // SAFETY: loading runs the library's constructors; what is loaded here was compiled
    // for this purpose from the person's own code. Statics are shared with later cells,
    // hence RTLD_GLOBAL.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) }
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
    if let Some(stream) = TO_KERNEL.get() {
        let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
        // A kernel that is gone shows on the reading side.
        let _ = frame::write(&mut *stream, json);
    }
}
