//! Libraries that the worker loads: the prelude, crates, and cells.
//!
//! The prelude is loaded at run time and may come from another compiler than this
//! binary, so only C functions and bytes cross between the two.

use std::ffi::c_void;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

pub type TakeText = extern "C" fn(*const u8, usize, *mut c_void);

/// What the prelude gets from here: its own `Host`.
#[repr(C)]
pub struct Host {
    pub send: extern "C" fn(*const u8, usize),
    pub describe: extern "C" fn(*const usize, usize, TakeText, *mut c_void),
    pub current_run: extern "C" fn() -> u64,
    pub enter_run: extern "C" fn(u64),
    pub work_for: extern "C" fn(u64),
}

/// The entry point of a cell.
pub type Entry = extern "C" fn();
/// That of a cell which evcxr has compiled.
pub type ForeignEntry = extern "C" fn(*mut c_void) -> *mut c_void;

/// The prelude's entry points.
#[derive(Clone, Copy)]
pub struct Prelude {
    pub start: unsafe extern "C" fn(Host) -> bool,
    pub start_again: extern "C" fn() -> bool,
    pub run: unsafe extern "C" fn(run: u64, entry: Entry, rayon: bool, compile_seconds: f64),
    pub run_foreign: unsafe extern "C" fn(run: u64, entry: ForeignEntry, rayon: bool, compile_seconds: f64),
    pub deliver: unsafe extern "C" fn(*const u8, usize),
    pub fork: extern "C" fn(extern "C" fn(*mut c_void), *mut c_void),
}

impl Prelude {
    /// The entry points, if `library` is the prelude.
    fn find(library: &Library) -> Option<Prelude> {
        // SAFETY: these are the types the prelude declares; the library stays loaded.
        unsafe {
            Some(Prelude {
                start: *library.get(b"threadbook_start\0").ok()?,
                start_again: *library.get(b"threadbook_start_again\0").ok()?,
                run: *library.get(b"threadbook_run\0").ok()?,
                run_foreign: *library.get(b"threadbook_run_foreign\0").ok()?,
                deliver: *library.get(b"threadbook_deliver\0").ok()?,
                fork: *library.get(b"threadbook_fork\0").ok()?,
            })
        }
    }
}

/// Loads a library for good. Returns the prelude's entry points if it is that.
pub fn load(path: &str) -> Result<Option<Prelude>, libloading::Error> {
    let library = open(path)?;
    let prelude = Prelude::find(&library);
    std::mem::forget(library);
    Ok(prelude)
}

/// Loads a compiled cell for good: threads and variables may point into it. Returns its
/// entry point.
///
/// # Safety
/// The symbol is a function of the type `E`.
pub unsafe fn load_cell<E: Copy>(path: &str, symbol: &str) -> Result<E, libloading::Error> {
    let library = open(path)?;
    // SAFETY: the caller's promise; the library stays loaded.
    let entry = unsafe { *library.get(symbol.as_bytes())? };
    std::mem::forget(library);
    Ok(entry)
}

fn open(path: &str) -> Result<Library, libloading::Error> {
    // SAFETY: loading runs the library's constructors; what is loaded here was compiled
    // for this purpose from the person's own code. Statics are shared with later cells,
    // hence RTLD_GLOBAL.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) }
}
