//! The prelude and its crates as one shared library, built with the compiler at hand.
//!
//! Rust has no stable binary interface, so the library cannot come with the kernel: it
//! is built at the first use, from sources that the kernel carries, and again whenever
//! the compiler or the sources have changed, which gives it another place in the
//! [`Store`].

use std::ffi::OsString;
use std::path::PathBuf;

use cargo_metadata::PackageId;
use thiserror::Error;
use toml::Table;

use super::build::bundle::{Bundle, BundledCrate, Recipe, assignment};
use super::build::cargo::{Build, Cargo};
use super::build::failure::BuildError;
use super::build::store::{Lock, Store};
use super::build::{Progress, project, sources};
use super::toolchain::Toolchain;
use crate::digest::short_hash;

/// To be counted up when bundles are made in another way than before.
const FORMAT: &str = "3";
const PACKAGE: &str = "threadbook";
const CRATE_NAME: &str = "threadbook_prelude";
const USUAL: &str = "prelude";

/// What cells are compiled with, whole and ready.
#[derive(Debug, Clone)]
pub struct Prelude {
    /// The shared library with all of the prelude's crates: the crate
    /// `threadbook_prelude`. A worker loads it before any cell.
    pub dylib: PathBuf,
    /// The crates that a cell may name, and their files.
    pub externs: Vec<(String, PathBuf)>,
    pub(super) bundle: Bundle,
    pub(super) store: Store,
}

#[derive(Debug, Error)]
#[error("Threadbook's prelude could not be built. {0}")]
pub struct PreludeError(#[from] BuildError);

impl Prelude {
    /// The prelude for this compiler. It is built unless it is there and intact, which
    /// takes half a minute on two cores; `progress` gets a line for each step.
    ///
    /// # Errors
    /// When cargo or the linker fails or the directories cannot be written. The text
    /// says what to do, and what cargo said.
    pub async fn load_or_build(
        toolchain: &Toolchain,
        mut progress: impl FnMut(&str) + Send,
    ) -> Result<Prelude, PreludeError> {
        let version = short_hash([FORMAT.as_bytes(), sources::content_hash().as_bytes()]);
        let store = Store::open(format!("{}-{version}", toolchain.id))?;
        Ok(Prelude::in_store(store, toolchain, &mut progress).await?)
    }

    pub(super) async fn in_store(
        store: Store,
        toolchain: &Toolchain,
        progress: Progress<'_>,
    ) -> Result<Prelude, BuildError> {
        if let Some(prelude) = Prelude::load(&store, USUAL) {
            return Ok(prelude);
        }
        let lock = store.lock(progress).await?;
        // Another kernel may have built it meanwhile.
        if let Some(prelude) = Prelude::load(&store, USUAL) {
            return Ok(prelude);
        }
        let build = build(&store, &lock, toolchain, &Table::new(), sources::LOCK, false, progress).await?;
        progress("Linking the prelude");
        let prelude = Prelude::make(USUAL, &build, toolchain, &store, &lock).await?;
        store.tidy(&lock);
        Ok(prelude)
    }

    /// A prelude that was made before, if it is whole.
    pub(super) fn load(store: &Store, name: &str) -> Option<Prelude> {
        let prelude = Prelude::new(Bundle::load(store, name)?, store)?;
        store.touch(name);
        Some(prelude)
    }

    fn new(bundle: Bundle, store: &Store) -> Option<Prelude> {
        Some(Prelude {
            dylib: bundle.library()?,
            externs: bundle.externs().into_iter().collect(),
            bundle,
            store: store.clone(),
        })
    }

    /// The prelude as a build has it that may be for added crates: the usual one, or
    /// one with other features or versions.
    pub(super) async fn from_build(
        build: &Build,
        toolchain: &Toolchain,
        store: &Store,
        lock: &Lock,
    ) -> Result<Prelude, BuildError> {
        let files = crates(build)?.1.into_iter().filter_map(|id| build.crates.get(&id)?.file.file_name());
        let name = format!("{USUAL}-{}", short_hash(files.map(|name| name.as_encoded_bytes())));
        match Prelude::load(store, &name) {
            Some(prelude) => Ok(prelude),
            None => Prelude::make(&name, build, toolchain, store, lock).await,
        }
    }

    async fn make(
        name: &str,
        build: &Build,
        toolchain: &Toolchain,
        store: &Store,
        lock: &Lock,
    ) -> Result<Prelude, BuildError> {
        let (own, crates) = crates(build)?;
        let mut externs = build.crates[&own].dependencies.clone();
        externs.push((PACKAGE.to_owned(), own));
        let recipe = Recipe {
            name: name.to_owned(),
            crate_name: CRATE_NAME.to_owned(),
            build,
            crates: &crates,
            externs: &externs,
            below: Vec::new(),
        };
        let bundle = Bundle::make(recipe, toolchain, store, lock).await?;
        Prelude::new(bundle, store).ok_or_else(|| BuildError::Unexpected("a prelude without a library".to_owned()))
    }

    /// Whether this is the prelude that the crates of a build were compiled against.
    pub(super) fn is_of(&self, build: &Build) -> Result<bool, BuildError> {
        let own = &build.crates[&crates(build)?.0];
        Ok(self.bundle.has_file_of(own))
    }

    /// The compiler arguments by which a crate can use the prelude.
    ///
    /// The compiler may print a type under the name of a crate that the prelude's crates
    /// use themselves (`crossbeam_channel::Sender`), so these can be named as well.
    pub fn rustc_args(&self) -> Vec<OsString> {
        let names = |bundled: &BundledCrate| {
            self.bundle.crates.iter().filter(|other| other.crate_name == bundled.crate_name).count()
        };
        let inner = self.bundle.crates.iter().filter(|bundled| {
            !bundled.proc_macro
                && names(bundled) == 1
                && !self.externs.iter().any(|(name, _)| *name == bundled.crate_name)
        });
        let inner = inner.map(|bundled| (bundled.crate_name.clone(), self.bundle.file(bundled)));
        let externs = self.externs.iter().cloned().chain(inner);
        let externs = externs.flat_map(|(name, file)| ["--extern".into(), assignment(&name, &file)]);
        self.bundle.rustc_args().into_iter().chain(externs).collect()
    }

    /// The line of Rust without which a crate would link its own copies of the prelude.
    pub fn extern_crate(&self) -> String {
        self.bundle.extern_crate()
    }
}

/// Builds the prelude and `dependencies` with cargo.
pub(super) async fn build(
    store: &Store,
    _lock: &Lock,
    toolchain: &Toolchain,
    dependencies: &Table,
    lock_file: &str,
    network_first: bool,
    progress: Progress<'_>,
) -> Result<Build, BuildError> {
    sources::write(&store.sources())?;
    let project = store.project("project");
    project::write(&project, &store.sources(), dependencies, lock_file)?;
    let target_dir = store.target_dir();
    Cargo { toolchain, project: &project, target_dir: &target_dir, network_first }.build(progress).await
}

/// The package `threadbook` in a build, and with it everything it needs.
fn crates(build: &Build) -> Result<(PackageId, std::collections::BTreeSet<PackageId>), BuildError> {
    let own = build.direct.iter().find(|(name, id)| name == PACKAGE && build.crates.contains_key(id));
    let (_, own) = own.ok_or_else(|| BuildError::Unexpected("no crate `threadbook`".to_owned()))?;
    Ok((own.clone(), build.reachable([own.clone()])))
}
