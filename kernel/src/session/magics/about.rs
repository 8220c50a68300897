//! What the kernel says about itself: `:version`, `:show_deps`, `:last_compile_dir`.

use crate::cell::magic::Call;
use crate::session::notebook::Notebook;

pub fn version(notebook: &Notebook) -> String {
    let toolchain = &notebook.setup.toolchain;
    format!("Threadbook {}, Rust {} ({})", env!("CARGO_PKG_VERSION"), toolchain.release, toolchain.host)
}

/// The crates of `:dep`, as `Cargo.toml` would have them.
pub fn added_crates(notebook: &Notebook) -> String {
    let added = notebook.setup.added();
    if added.is_empty() {
        return "no crates added yet; `:dep rand = \"0.9\"` adds one".to_owned();
    }
    added.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

pub fn last_compile_dir(notebook: &Notebook) -> String {
    notebook.directory().display().to_string()
}

/// The answer to a command of evcxr that has nothing to do here.
pub fn does_nothing(call: &Call) -> String {
    let name = call.magic.name();
    format!("`:{name}` does nothing here: {}", call.magic.help)
}
