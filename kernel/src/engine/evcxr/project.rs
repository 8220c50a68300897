//! Where evcxr's cargo project lies, and the packages in it that make the prelude.
//!
//! ```text
//! <cache>/evcxr/<compiler>-<sources>/
//!     threadbook/         the prelude's package
//!     prelude/            a package that makes one shared library of it
//!     0/, 1/, …           evcxr's project of each kernel that runs, with what cargo has built
//!     0.lock, …           held by it
//! ```
//!
//! A kernel takes the first project that nobody holds, so that the prelude is built once for
//! each, which takes a minute, and not at every start.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::message::Dependency;
use crate::digest::short_hash;
use crate::engine::native::build::{sources, store};
use crate::engine::native::toolchain::Toolchain;

/// To be counted up when the packages are made in another way than before.
const FORMAT: &str = "1";
/// More kernels at once than that have no project to work in.
const MOST: usize = 64;
/// Crates that a cell can use without asking, beside the prelude itself.
const CRATES: [&str; 5] = ["crossbeam", "rayon", "serde", "serde_json", "tokio"];

#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    #[error("{path} cannot be written: {source}; is the disk full?")]
    Storage { path: PathBuf, source: io::Error },
    #[error(transparent)]
    NoPlace(#[from] crate::engine::native::build::failure::BuildError),
    #[error("{MOST} kernels with the engine evcxr run already: end one of them")]
    Full,
}

fn storage(path: &Path) -> impl FnOnce(io::Error) -> ProjectError {
    move |source| ProjectError::Storage { path: path.to_owned(), source }
}

/// What makes the prelude's names known to all cells.
///
/// Without the first line a cell would link copies of its own of all that is in it. The macros
/// take the place of std's, which a glob import could not. evcxr writes types of variables down
/// with the bare name `Any`: what `join` returns. And it takes warnings for errors, where it
/// looks for the cause of an error of its own.
pub const NAMES: &str = "#![allow(warnings)]\nextern crate threadbook_prelude;\nextern crate threadbook;\nuse threadbook::prelude::*;\n\
                         use threadbook::__rt::foreign::{print, println, eprint, eprintln};\nuse std::any::Any;\n";

/// A cargo project for evcxr, held until it is dropped.
#[derive(Debug)]
pub struct Project {
    directory: PathBuf,
    packages: PathBuf,
    _lock: File,
}

impl Project {
    /// Takes a project that no other kernel uses.
    ///
    /// # Errors
    /// When files cannot be written, or there are too many kernels.
    pub fn take(toolchain: &Toolchain) -> Result<Project, ProjectError> {
        let version = short_hash([FORMAT.as_bytes(), sources::content_hash().as_bytes()]);
        let all = store::cache_directory()?.join("evcxr");
        let packages = all.join(format!("{}-{version}", toolchain.id));
        fs::create_dir_all(&packages).map_err(storage(&packages))?;
        tidy(&all, &packages);
        write_packages(&packages)?;
        for number in 0..MOST {
            let path = packages.join(format!("{number}.lock"));
            let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(storage(&path))?;
            match lock.try_lock() {
                Ok(()) => {
                    let directory = packages.join(number.to_string());
                    fs::create_dir_all(&directory).map_err(storage(&directory))?;
                    let pinned = directory.join("Cargo.lock");
                    if !pinned.exists() {
                        fs::write(&pinned, sources::LOCK).map_err(storage(&pinned))?;
                    }
                    return Ok(Project { directory, packages, _lock: lock });
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(ProjectError::Storage { path, source }),
            }
        }
        Err(ProjectError::Full)
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The text of the crate that was compiled last.
    pub fn crate_text(&self) -> String {
        fs::read_to_string(self.directory.join("src/lib.rs")).unwrap_or_default()
    }

    /// Whether the prelude was built here before.
    pub fn is_built(&self, host: &str) -> bool {
        self.prelude(host).is_file()
    }

    /// The prelude's shared library, once it is built.
    pub fn prelude(&self, host: &str) -> PathBuf {
        let name = format!("{}threadbook_prelude{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
        self.directory.join("target").join(host).join("debug/deps").join(name)
    }

    /// The crates that every cell can use.
    pub fn dependencies(&self) -> Vec<Dependency> {
        let dependency = |name: &str, config: Value| Dependency { name: name.to_owned(), config: config.to_string() };
        let own = |name, folder: &str| {
            let path = self.packages.join(folder).to_string_lossy().into_owned();
            dependency(name, Table::from_iter([("path".to_owned(), path.into())]).into())
        };
        let others = CRATES.iter().filter_map(|name| Some(dependency(name, dependencies().remove(*name)?)));
        [own("threadbook_prelude", "prelude"), own("threadbook", "threadbook")].into_iter().chain(others).collect()
    }
}

/// Removes what was built for other compilers and other versions of Threadbook, unless a
/// kernel works there.
fn tidy(all: &Path, own: &Path) {
    let entries = |directory: &Path| -> Vec<PathBuf> {
        directory.read_dir().into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect()
    };
    for other in entries(all).into_iter().filter(|other| other != own) {
        let locks = entries(&other).into_iter().filter(|path| path.extension().is_some_and(|end| end == "lock"));
        // Held until the directory is gone.
        let held: Vec<_> =
            locks.map(|path| File::open(path).and_then(|lock| Ok(lock.try_lock().map(|()| lock)?))).collect();
        if held.iter().all(Result::is_ok) {
            let _ = fs::remove_dir_all(&other);
        }
    }
}

/// The prelude's own dependencies, as its manifest has them.
fn dependencies() -> Table {
    let manifest: Table = sources::manifest().parse().unwrap_or_default();
    let mut dependencies = manifest.get("dependencies").and_then(Value::as_table).cloned().unwrap_or_default();
    for (_, dependency) in &mut dependencies {
        if let Some(table) = dependency.as_table_mut() {
            table.remove("optional");
        }
    }
    dependencies
}

fn write_packages(directory: &Path) -> Result<(), ProjectError> {
    sources::write(&directory.join("threadbook"))?;
    let package = directory.join("prelude");
    fs::create_dir_all(&package).map_err(storage(&package))?;
    // A cell's library names it so, and the loader finds the one that is loaded.
    let name = match cfg!(target_os = "macos") {
        true => "-install_name,libthreadbook_prelude.dylib",
        false => "-soname,libthreadbook_prelude.so",
    };
    let files = [
        (
            "Cargo.toml",
            "[package]\nname = \"threadbook_prelude\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [lib]\npath = \"lib.rs\"\ncrate-type = [\"dylib\"]\n\n\
             [dependencies]\nthreadbook = { path = \"../threadbook\" }\n"
                .to_owned(),
        ),
        ("lib.rs", "pub extern crate threadbook;\n".to_owned()),
        ("build.rs", format!("fn main() {{\n    println!(\"cargo::rustc-link-arg=-Wl,{name}\");\n}}\n")),
    ];
    for (file, text) in files {
        let path = package.join(file);
        // One that is right is left alone: cargo builds what has changed.
        if fs::read_to_string(&path).is_ok_and(|there| there == text) {
            continue;
        }
        fs::write(&path, text).map_err(storage(&path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_older_versions_have_left_is_removed_unless_it_is_used() {
        let all = tempfile::tempdir().expect("a temporary directory");
        let [own, free, used] = ["own", "free", "used"].map(|name| {
            let directory = all.path().join(name);
            fs::create_dir_all(directory.join("0")).expect("made");
            fs::write(directory.join("0.lock"), "").expect("written");
            directory
        });
        let lock = File::open(used.join("0.lock")).expect("it is there");
        lock.try_lock().expect("nobody else holds it");
        tidy(all.path(), &own);
        assert!(own.exists() && used.exists() && !free.exists());
        drop(lock);
        tidy(all.path(), &own);
        assert!(!used.exists());
    }

    #[test]
    fn cells_get_the_crates_of_the_prelude_with_its_features() {
        let dependencies = dependencies();
        for name in CRATES {
            let text = dependencies[name].to_string();
            assert!(!text.contains("optional") && !text.contains('\n'), "{name} = {text}");
        }
    }
}
