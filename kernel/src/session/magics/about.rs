//! What the kernel says about itself: `:version`, `:show_deps`, `:last_compile_dir`.

use crate::cell::magic::Call;
use crate::engine::Told;
use crate::session::notebook::Notebook;

pub fn version(notebook: &Notebook) -> String {
    let toolchain = &notebook.setup.toolchain;
    format!("Threadbook {}, Rust {} ({})", env!("CARGO_PKG_VERSION"), toolchain.release, toolchain.host)
}

/// The engine, and what it can do.
pub fn engine(notebook: &Notebook) -> String {
    let engine = notebook.engine();
    let mut lines = vec![format!("Engine: {} ({})", engine.name(), engine.how())];
    for Told { what, has, without } in engine.capabilities().told() {
        lines.push(match has {
            true => format!("  yes  {what}"),
            false => format!("  no   {what}: {without}"),
        });
    }
    lines.join("\n")
}

/// The crates of `:dep`, as `Cargo.toml` would have them.
pub fn added_crates(notebook: &Notebook) -> String {
    #[cfg(feature = "evcxr")]
    if let Some(evcxr) = notebook.evcxr.as_ref().filter(|evcxr| !evcxr.added.is_empty()) {
        return evcxr.added.join("\n");
    }
    let added = notebook.setup.added();
    if added.is_empty() {
        return "no crates added yet; `:dep rand = \"0.9\"` adds one".to_owned();
    }
    added.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

pub fn last_compile_dir(notebook: &Notebook) -> String {
    #[cfg(feature = "evcxr")]
    if let Some(evcxr) = &notebook.evcxr {
        return evcxr.directory().display().to_string();
    }
    notebook.directory().display().to_string()
}

/// The answer to a command of evcxr that has nothing to do here.
pub fn does_nothing(call: &Call) -> String {
    let name = call.magic.name();
    format!("`:{name}` does nothing here: {}", call.magic.help)
}
