//! What the code at an address is, from the debug information of the loaded libraries.

use std::collections::HashMap;
use std::ffi::{CStr, OsStr, c_void};
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use addr2line::{Loader, demangle_auto};

/// A line `name`, or `name at file:line:column` where known, for each function at each
/// address, inlined ones too.
pub fn describe(addresses: &[usize]) -> String {
    let mut libraries: HashMap<PathBuf, Option<Loader>> = HashMap::new();
    let mut text = String::new();
    for &address in addresses {
        let Some((path, base)) = library_of(address) else { continue };
        let loader = libraries.entry(path).or_insert_with_key(|path| Loader::new(path).ok());
        if let Some(loader) = loader {
            describe_in(loader, (address - base) as u64 + loader.relative_address_base(), &mut text);
        }
    }
    text
}

fn describe_in(loader: &Loader, address: u64, text: &mut String) {
    let symbol = || loader.find_symbol(address).map(|symbol| demangle_auto(symbol.into(), None).into_owned());
    let mut found = false;
    if let Ok(mut frames) = loader.find_frames(address) {
        while let Ok(Some(frame)) = frames.next() {
            let function = frame.function.and_then(|function| Some(function.demangle().ok()?.into_owned()));
            // A function that is not inlined may be known by its symbol only.
            let Some(name) = function.or_else(symbol) else { continue };
            found = true;
            let _ = write!(text, "{}", without_hash(&name));
            if let Some(place) = frame.location
                && let (Some(file), Some(line)) = (place.file, place.line)
            {
                let _ = write!(text, " at {file}:{line}:{}", place.column.unwrap_or(1));
            }
            text.push('\n');
        }
    }
    if !found && let Some(name) = symbol() {
        let _ = writeln!(text, "{}", without_hash(&name));
    }
}

/// The hash at the end of a mangled name says nothing to people.
fn without_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((plain, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => plain,
        _ => name,
    }
}

/// The file that was loaded around an address, and where it begins in memory.
fn library_of(address: usize) -> Option<(PathBuf, usize)> {
    let mut info = std::mem::MaybeUninit::<nix::libc::Dl_info>::uninit();
    // SAFETY: `dladdr` fills `info` when it returns something else than 0; the names in
    // it belong to libraries that are never unloaded.
    unsafe {
        if nix::libc::dladdr(address as *const c_void, info.as_mut_ptr()) == 0 {
            return None;
        }
        let info = info.assume_init();
        if info.dli_fname.is_null() {
            return None;
        }
        let path = OsStr::from_bytes(CStr::from_ptr(info.dli_fname).to_bytes());
        Some((PathBuf::from(path), info.dli_fbase as usize))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_function_of_this_program_has_a_name() {
        let text = super::describe(&[super::describe as *const () as usize + 1]);
        assert!(text.contains("symbols::describe"), "{text}");
    }
}
