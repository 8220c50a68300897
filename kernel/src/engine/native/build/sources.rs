//! The package `threadbook`, as it lies in this program.
//!
//! The workspace's root manifest is that of the package too: the part that is the
//! package's is taken out of it, with what it inherits from the workspace filled in.

use std::fs;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use toml::{Table, Value};

use super::failure::BuildError;
use crate::digest::short_hash;

pub static SOURCES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../src");
static WORKSPACE_MANIFEST: &str = include_str!("../../../../../Cargo.toml");
/// The workspace's lock file: what the prelude's crates are pinned to.
pub static LOCK: &str = include_str!("../../../../../Cargo.lock");

/// The package's manifest.
pub fn manifest() -> String {
    package_manifest(WORKSPACE_MANIFEST)
}

/// The package's files as paths in it and their bytes, in order.
fn files() -> Vec<(PathBuf, Vec<u8>)> {
    fn visit(directory: &Dir<'_>, files: &mut Vec<(PathBuf, Vec<u8>)>) {
        for file in directory.files() {
            files.push((Path::new("src").join(file.path()), file.contents().to_vec()));
        }
        directory.dirs().for_each(|below| visit(below, files));
    }
    let mut files = vec![("Cargo.toml".into(), manifest().into_bytes())];
    visit(&SOURCES, &mut files);
    files.sort();
    files
}

/// A hash of the package's files and of the lock file.
pub fn content_hash() -> String {
    let files = files();
    let parts = files.iter().flat_map(|(path, bytes)| [path.as_os_str().as_encoded_bytes(), bytes]);
    short_hash(parts.chain([LOCK.as_bytes()]))
}

/// Writes the package into `directory`. A file that is already right is left alone, so
/// that cargo does not see it as changed.
pub fn write(directory: &Path) -> Result<(), BuildError> {
    for (path, bytes) in files() {
        let path = directory.join(path);
        if fs::read(&path).is_ok_and(|there| there == bytes) {
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(BuildError::storage(parent))?;
        }
        fs::write(&path, bytes).map_err(BuildError::storage(&path))?;
    }
    Ok(())
}

/// The package's own manifest out of a manifest that is the workspace's as well.
fn package_manifest(manifest: &str) -> String {
    let mut manifest: Table = manifest.parse().expect("cargo has read this manifest to build this program");
    let workspace = match manifest.remove("workspace") {
        Some(Value::Table(workspace)) => workspace,
        _ => Table::new(),
    };
    let shared = |part: &str| workspace.get(part).and_then(Value::as_table).cloned().unwrap_or_default();

    let mut package = Table::new();
    if let Some(Value::Table(mut own)) = manifest.remove("package") {
        own.remove("include");
        inherit(&mut own, &shared("package"));
        package.insert("package".into(), Value::Table(own));
    }
    for part in ["lib", "features", "lints", "build-dependencies", "dependencies", "target"] {
        if let Some(value) = manifest.remove(part) {
            package.insert(part.into(), value);
        }
    }
    let wanted = shared("dependencies");
    for part in ["dependencies", "build-dependencies"] {
        if let Some(Value::Table(dependencies)) = package.get_mut(part) {
            inherit(dependencies, &wanted);
        }
    }
    package.to_string()
}

/// Replaces each `key = { workspace = true, … }` by what the workspace has under that key.
fn inherit(table: &mut Table, workspace: &Table) {
    for (key, value) in table.iter_mut() {
        let Some(own) = value.as_table_mut().filter(|own| own.get("workspace") == Some(&Value::Boolean(true))) else {
            continue;
        };
        own.remove("workspace");
        let Some(shared) = workspace.get(key) else { continue };
        if own.is_empty() {
            *value = shared.clone();
            continue;
        }
        let mut whole = match shared {
            Value::Table(shared) => shared.clone(),
            version => Table::from_iter([("version".to_owned(), version.clone())]),
        };
        for (key, addition) in std::mem::take(own) {
            match (whole.get_mut(&key).and_then(Value::as_array_mut), addition) {
                (Some(features), Value::Array(more)) => features.extend(more),
                (_, addition) => drop(whole.insert(key, addition)),
            }
        }
        *value = Value::Table(whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_package_inherits_is_filled_in() {
        let manifest = package_manifest(
            r#"
            [workspace]
            members = ["kernel"]
            package = { version = "1.2.3", edition = "2024" }
            dependencies = { a = "1", b = { version = "2", features = ["x"] } }
            [package]
            name = "p"
            version.workspace = true
            edition.workspace = true
            include = ["/src"]
            [dependencies]
            a.workspace = true
            b = { workspace = true, features = ["y"] }
            c = "3"
            [dev-dependencies]
            d = "4"
            [profile.release]
            debug = 0
            "#,
        );
        let expected = r#"
            package = { name = "p", version = "1.2.3", edition = "2024" }
            dependencies = { a = "1", b = { version = "2", features = ["x", "y"] }, c = "3" }
        "#;
        let (manifest, expected): (Table, Table) = (manifest.parse().expect("TOML"), expected.parse().expect("TOML"));
        assert_eq!(manifest, expected);
    }

    #[test]
    fn the_package_carried_here_is_whole() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        write(directory.path()).expect("it can be written");
        assert!(directory.path().join("src/lib.rs").is_file());
        let manifest = fs::read_to_string(directory.path().join("Cargo.toml")).expect("just written");
        let manifest: Table = manifest.parse().expect("TOML");
        assert_eq!(manifest["package"]["name"].as_str(), Some("threadbook"));
        assert_eq!(manifest["package"]["version"].as_str(), Some(env!("CARGO_PKG_VERSION")));
        assert!(!manifest.contains_key("workspace"));
    }
}
