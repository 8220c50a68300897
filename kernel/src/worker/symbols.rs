//! What the code at an address is, from the debug information of the loaded libraries.

use std::collections::HashMap;
use std::ffi::{CStr, c_void};
use std::fmt::Write;

use addr2line::{Loader, demangle_auto};
use threadbook::message::CodeAddress;

/// A line `name`, or `name at file:line:column` where known, for each function at each
/// address of this process, inlined ones too.
pub fn describe(addresses: &[usize]) -> String {
    let mut libraries = Libraries::default();
    addresses.iter().filter_map(|&address| locate(address)).map(|call| libraries.describe(&call)).collect()
}

/// Libraries whose symbols have been read.
#[derive(Default)]
pub struct Libraries(HashMap<String, Option<Loader>>);

impl Libraries {
    fn load(&mut self, library: &str) -> Option<&Loader> {
        self.0.entry(library.to_owned()).or_insert_with(|| Loader::new(library).ok()).as_ref()
    }

    /// As [`describe`], for one place.
    pub fn describe(&mut self, call: &CodeAddress) -> String {
        let mut text = String::new();
        if let Some(loader) = self.load(&call.library) {
            describe_in(loader, call.offset + loader.relative_address_base(), &mut text);
        }
        text
    }

    /// The linker's name for the function at a place.
    pub fn symbol(&mut self, call: &CodeAddress) -> Option<&str> {
        let loader = self.load(&call.library)?;
        loader.find_symbol(call.offset + loader.relative_address_base())
    }
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

/// Which library of this process an address lies in.
pub fn locate(address: usize) -> Option<CodeAddress> {
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
        let library = CStr::from_ptr(info.dli_fname).to_string_lossy().into_owned();
        Some(CodeAddress { library, offset: (address - info.dli_fbase as usize) as u64 })
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
