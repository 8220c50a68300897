//! The generated cargo project whose dependencies are the crates wanted.

use std::fs;
use std::path::Path;

use toml::{Table, Value};

use super::failure::BuildError;

/// The name of the project's own, empty package; cargo's messages mention it.
pub const NAME: &str = "threadbook-cells";

/// Writes the project: its dependencies beside `threadbook`, and the lock file that
/// pins what it knows.
///
/// The profile is the same for all of them: cargo builds a crate anew for another one.
pub fn write(directory: &Path, threadbook: &Path, dependencies: &Table, lock: &str) -> Result<(), BuildError> {
    let text = |text: &str| Value::String(text.to_owned());
    let path =
        threadbook.to_str().ok_or_else(|| BuildError::Unexpected(format!("{} is not UTF-8", threadbook.display())))?;
    let mut all = dependencies.clone();
    all.insert("threadbook".into(), table([("path", text(path))]).into());
    let release = table([
        ("opt-level", Value::Integer(2)),
        ("debug", Value::Integer(0)),
        ("panic", text("unwind")),
        ("overflow-checks", Value::Boolean(false)),
    ]);
    let package = table([
        ("name", text(NAME)),
        ("version", text("0.0.0")),
        ("edition", text("2024")),
        ("publish", Value::Boolean(false)),
    ]);
    let manifest = table([
        ("package", package.into()),
        ("lib", table([("path", text("lib.rs"))]).into()),
        ("dependencies", all.into()),
        ("workspace", Table::new().into()),
        ("profile", table([("release", release.into())]).into()),
    ]);
    fs::create_dir_all(directory).map_err(BuildError::storage(directory))?;
    for (name, content) in [("Cargo.toml", manifest.to_string().as_str()), ("Cargo.lock", lock), ("lib.rs", "")] {
        let path = directory.join(name);
        fs::write(&path, content).map_err(BuildError::storage(&path))?;
    }
    Ok(())
}

fn table<const N: usize>(entries: [(&str, Value); N]) -> Table {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
