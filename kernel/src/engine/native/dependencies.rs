//! Crates that a session adds to the prelude's (`:dep`).
//!
//! What is asked for together is built together with cargo, and linked into one more
//! shared library, a [`Bundle`], which takes from the prelude and from the bundles
//! before it all that they hold already. The outcome is remembered under a hash of the
//! question, so that a later kernel finds it without starting cargo.
//!
//! Cargo gives one build of a crate to everything that needs it, with all the features
//! that anybody wants. So a new crate may need another build of one that is already
//! loaded. Types of the two builds are different types: then only a fresh worker helps,
//! and the session decides ([`Added::NeedsFreshWorker`]).

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::PackageId;
use semver::Version;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use toml::Table;

use super::build::Progress;
use super::build::bundle::{Bundle, BundledCrate, Found, Recipe, assignment, file_name};
use super::build::cargo::Build;
use super::build::failure::BuildError;
#[cfg(test)]
use super::build::failure::FailureKind;
use super::build::store::{Lock, Store};
use super::dependency_spec::{DependencySpec, SpecError};
use super::prelude::{self, Prelude};
use super::toolchain::Toolchain;
use crate::digest::short_hash;

/// The crates that one session has added.
#[derive(Debug, Clone)]
pub struct Dependencies {
    /// What relative paths are taken from.
    directory: PathBuf,
    specs: Vec<DependencySpec>,
    bundles: Vec<Bundle>,
    externs: BTreeMap<String, PathBuf>,
    /// The lock file of the last build: what was chosen stays chosen.
    lock: Option<String>,
}

/// How the crates came in.
#[derive(Debug)]
pub enum Added {
    /// The prelude, or what was added before, has them.
    AlreadyHere(Vec<AddedCrate>),
    /// They were built, now or for an earlier kernel. The worker loads `libraries` in
    /// this order before the next cell.
    New { crates: Vec<AddedCrate>, libraries: Vec<PathBuf> },
    /// They are built, but do not go together with what is loaded. Nothing has changed;
    /// a session that can start a fresh worker uses this prelude and these dependencies
    /// from then on.
    NeedsFreshWorker { prelude: Box<Prelude>, dependencies: Dependencies, because: String },
}

/// A crate that cells can name now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedCrate {
    /// As cells name it.
    pub name: String,
    pub version: Version,
}

impl fmt::Display for AddedCrate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.name, self.version)
    }
}

#[derive(Debug, Error)]
pub enum DependencyError {
    #[error("{0}")]
    Spec(#[from] SpecError),
    #[error(
        "The name `threadbook` is the prelude's: give your crate another one, `name = {{ package = \"threadbook\", … }}`."
    )]
    Reserved,
    #[error("{0}")]
    Build(#[from] BuildError),
}

impl DependencyError {
    /// What cargo failed at, when it did.
    #[cfg(test)]
    pub fn failure(&self) -> Option<FailureKind> {
        match self {
            DependencyError::Build(BuildError::Cargo(failure)) => Some(failure.kind),
            _ => None,
        }
    }
}

/// An answer of earlier, by the names of its bundles.
#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    prelude: String,
    bundles: Vec<String>,
    externs: BTreeMap<String, PathBuf>,
    lock: String,
    because: Option<String>,
}

/// What a build comes to.
struct Outcome {
    prelude: Prelude,
    bundles: Vec<Bundle>,
    externs: BTreeMap<String, PathBuf>,
    lock: String,
    /// Why a fresh worker is needed, if it is.
    because: Option<String>,
}

impl Dependencies {
    /// None yet. Relative paths in what is added are taken from `directory`.
    pub fn new(directory: impl Into<PathBuf>) -> Dependencies {
        Dependencies {
            directory: directory.into(),
            specs: Vec::new(),
            bundles: Vec::new(),
            externs: BTreeMap::new(),
            lock: None,
        }
    }

    /// None, with relative paths taken from the same directory.
    pub fn none_in_the_same_place(&self) -> Dependencies {
        Dependencies::new(&self.directory)
    }

    pub fn specs(&self) -> &[DependencySpec] {
        &self.specs
    }

    /// The shared libraries for a worker to load, in this order, after the prelude's.
    pub fn libraries(&self) -> Vec<PathBuf> {
        self.bundles.iter().filter_map(Bundle::library).collect()
    }

    /// The crates that a cell may name, besides those of the prelude, and their files.
    pub fn externs(&self) -> &BTreeMap<String, PathBuf> {
        &self.externs
    }

    /// The compiler arguments by which a cell can use them, to be given after the
    /// prelude's own.
    pub fn rustc_args(&self) -> Vec<OsString> {
        let bundles = self.bundles.iter().flat_map(|bundle| bundle.rustc_args());
        let externs = self.externs.iter().flat_map(|(name, file)| ["--extern".into(), assignment(name, file)]);
        bundles.chain(externs).collect()
    }

    /// The lines of Rust without which a cell would link its own copies of the crates.
    pub fn extern_crates(&self) -> String {
        self.bundles.iter().map(|bundle| bundle.extern_crate()).collect()
    }

    /// Adds one crate, see [`add_all`](Self::add_all).
    #[cfg(test)]
    pub async fn add(
        &mut self,
        spec: DependencySpec,
        toolchain: &Toolchain,
        prelude: &Prelude,
        progress: impl FnMut(&str) + Send,
    ) -> Result<Added, DependencyError> {
        self.add_all(vec![spec], toolchain, prelude, progress).await
    }

    /// Adds crates, built together; one of a name that was added before takes its place.
    /// `progress` gets a line for each step. Dropping the future stops the build.
    ///
    /// # Errors
    /// When there is no such crate, version or feature, a crate does not compile, or the
    /// machine is at its limits. The first line of the text says what; cargo's own words
    /// follow. Nothing has changed then.
    pub async fn add_all(
        &mut self,
        specs: Vec<DependencySpec>,
        toolchain: &Toolchain,
        prelude: &Prelude,
        mut progress: impl FnMut(&str) + Send,
    ) -> Result<Added, DependencyError> {
        let mut wanted = self.clone();
        let mut new = Vec::new();
        for mut spec in specs {
            spec.resolve_path(&self.directory);
            if spec.name() == "threadbook" && !spec.is_from_crates_io() {
                return Err(DependencyError::Reserved);
            }
            wanted.specs.retain(|other| other.name() != spec.name());
            if spec.name() != "threadbook" {
                wanted.specs.push(spec.clone());
            }
            new.push(spec);
        }
        wanted.specs.sort_by(|one, other| one.name().cmp(other.name()));

        let here: Option<Vec<_>> = new.iter().map(|spec| self.find_here(spec, prelude)).collect();
        if let Some(here) = here {
            for (added, file) in &here {
                wanted.externs.insert(added.name.clone(), file.clone());
            }
            *self = wanted;
            return Ok(Added::AlreadyHere(here.into_iter().map(|(added, _)| added).collect()));
        }

        let outcome = wanted.outcome(&new, toolchain, prelude, &mut progress).await?;
        let known = self.bundles.len();
        wanted.bundles = outcome.bundles;
        wanted.externs = outcome.externs;
        wanted.lock = Some(outcome.lock);
        if let Some(because) = outcome.because {
            return Ok(Added::NeedsFreshWorker { prelude: Box::new(outcome.prelude), dependencies: wanted, because });
        }
        let all = || [&prelude.bundle].into_iter().chain(&wanted.bundles);
        let asked = |name: &str| {
            new.iter().any(|spec| spec.name().replace('-', "_") == name) || !self.externs.contains_key(name)
        };
        let crates = wanted.externs.iter().filter(|(name, _)| asked(name)).filter_map(|(name, file)| {
            let bundled =
                all().find_map(|bundle| bundle.crates.iter().find(|bundled| bundle.file(bundled) == *file))?;
            Some(AddedCrate { name: name.clone(), version: bundled.version.clone() })
        });
        let crates = crates.collect();
        let libraries = wanted.bundles.iter().skip(known).filter_map(Bundle::library).collect();
        *self = wanted;
        Ok(Added::New { crates, libraries })
    }

    /// The crate, if one that is loaded will do: the right version, with all features.
    fn find_here(&self, spec: &DependencySpec, prelude: &Prelude) -> Option<(AddedCrate, PathBuf)> {
        let bundles = || [&prelude.bundle].into_iter().chain(&self.bundles);
        let mut fitting: Vec<(&Bundle, &BundledCrate)> = bundles()
            .flat_map(|bundle| bundle.crates.iter().map(move |bundled| (bundle, bundled)))
            .filter(|(_, bundled)| bundled.package == spec.package() && covers(bundled, spec))
            .collect();
        fitting.sort_by(|(_, one), (_, other)| one.version.cmp(&other.version));
        let (bundle, bundled) = fitting.pop()?;
        let name = if spec.is_renamed() { spec.name().replace('-', "_") } else { bundled.crate_name.clone() };
        let file = bundle.file(bundled);
        // Under this name, variables may hold values of another version.
        let taken = self
            .externs
            .get(&name)
            .or_else(|| prelude.externs.iter().find(|(taken, _)| *taken == name).map(|(_, file)| file));
        if taken.is_some_and(|taken| *taken != file) {
            return None;
        }
        Some((AddedCrate { name, version: bundled.version.clone() }, file))
    }

    /// What adding the new specs to `self`, which has them among its specs already,
    /// comes to: remembered, or built.
    async fn outcome(
        &self,
        new: &[DependencySpec],
        toolchain: &Toolchain,
        prelude: &Prelude,
        progress: Progress<'_>,
    ) -> Result<Outcome, BuildError> {
        let store = &prelude.store;
        let entries: Table = self.specs.iter().map(DependencySpec::entry).collect();
        let loaded = [&prelude.bundle].into_iter().chain(&self.bundles).map(|bundle| bundle.name.as_bytes());
        let question =
            format!("question-{}.json", short_hash([entries.to_string().as_bytes()].into_iter().chain(loaded)));
        // What lies in a directory of the user's may have changed since.
        let lasting = !self.specs.iter().any(DependencySpec::is_path);
        if let Some(outcome) = lasting.then(|| recall(store, &question)).flatten() {
            return Ok(outcome);
        }
        let lock = store.lock(progress).await?;
        if let Some(outcome) = lasting.then(|| recall(store, &question)).flatten() {
            return Ok(outcome);
        }
        let lock_file = self.lock.as_ref().unwrap_or(&prelude.bundle.lock);
        let any_version =
            |spec: &DependencySpec| spec.is_from_crates_io() && spec.requirement() == semver::VersionReq::STAR;
        let network_first = new.iter().any(any_version);
        let build = prelude::build(store, &lock, toolchain, &entries, lock_file, network_first, progress).await?;
        for spec in new {
            self.check_library(spec, &build)?;
        }
        progress("Linking");
        let outcome = self.settle(build, toolchain, prelude, &lock).await?;
        if lasting {
            remember(store, &question, &outcome)?;
        }
        store.tidy(&lock);
        Ok(outcome)
    }

    /// Cargo only warns of a dependency without a library.
    fn check_library(&self, spec: &DependencySpec, build: &Build) -> Result<(), BuildError> {
        let package = spec.package();
        let is_library =
            build.direct.iter().filter_map(|(_, id)| build.crates.get(id)).any(|built| built.package == package);
        if is_library || package == "threadbook" {
            return Ok(());
        }
        Err(BuildError::NotALibrary { package: package.to_owned() })
    }

    /// Decides what of a build is loaded already, and links the rest.
    async fn settle(
        &self,
        build: Build,
        toolchain: &Toolchain,
        prelude: &Prelude,
        lock: &Lock,
    ) -> Result<Outcome, BuildError> {
        let store = &prelude.store;
        let everything = build.reachable(build.direct.iter().map(|(_, id)| id.clone()));
        let (base, because) = if prelude.is_of(&build)? {
            (prelude.clone(), self.conflict(prelude, &build, &everything))
        } else {
            let other = Prelude::from_build(&build, toolchain, store, lock).await?;
            (other, Some(self.why_other_prelude(prelude, &build)))
        };
        let mut bundles = if because.is_some() { Vec::new() } else { self.bundles.clone() };

        let is_loaded = |id: &PackageId| {
            let built = build.crates.get(id);
            let mut below = [&base.bundle].into_iter().chain(&bundles);
            built.is_some_and(|built| below.any(|bundle| matches!(bundle.find(built), Found::Same(_))))
        };
        let missing: BTreeSet<PackageId> = everything.into_iter().filter(|id| !is_loaded(id)).collect();
        if !missing.is_empty() {
            let below: Vec<&Bundle> = [&base.bundle].into_iter().chain(&bundles).collect();
            let hash = bundle_hash(&build, &missing, &below)?;
            let name = format!("crates-{hash}");
            let bundle = match Bundle::load(store, &name) {
                Some(bundle) => bundle,
                None => {
                    let crate_name = format!("threadbook_crates_{hash}");
                    let recipe =
                        Recipe { name, crate_name, build: &build, crates: &missing, externs: &build.direct, below };
                    Bundle::make(recipe, toolchain, store, lock).await?
                }
            };
            bundles.push(bundle);
        }

        let mut externs = BTreeMap::new();
        for (name, id) in build.direct.iter().filter(|(name, _)| name != "threadbook") {
            let Some(built) = build.crates.get(id) else { continue };
            let place = [&base.bundle].into_iter().chain(&bundles).find_map(|bundle| match bundle.find(built) {
                Found::Same(bundled) => Some(bundle.file(bundled)),
                _ => None,
            });
            externs.insert(
                name.clone(),
                place.ok_or_else(|| BuildError::Unexpected(format!("no file for the crate `{name}`")))?,
            );
        }
        Ok(Outcome { prelude: base, bundles, externs, lock: build.lock, because })
    }

    /// What in a build made the prelude's crates other ones.
    fn why_other_prelude(&self, prelude: &Prelude, build: &Build) -> String {
        // A crate that the session names itself tells most.
        let asked = |old: &&BundledCrate| self.specs.iter().any(|spec| spec.package() == old.package);
        let (asked, others): (Vec<_>, Vec<_>) = prelude.bundle.crates.iter().partition(asked);
        let changed = asked.into_iter().chain(others).find_map(|old| changed_crate(old, build));
        changed.unwrap_or_else(|| "The prelude's crates are needed in another build.".to_owned())
    }

    /// Why the build does not go together with what is loaded, if it does not.
    fn conflict(&self, prelude: &Prelude, build: &Build, everything: &BTreeSet<PackageId>) -> Option<String> {
        let loaded = || [&prelude.bundle].into_iter().chain(&self.bundles);
        for built in everything.iter().filter_map(|id| build.crates.get(id)) {
            if loaded().any(|bundle| matches!(bundle.find(built), Found::Changed)) {
                return Some(format!("The code of `{}` has changed since it was loaded.", built.package));
            }
        }
        for (name, id) in &build.direct {
            let built = build.crates.get(id)?;
            let prelude_extern = || prelude.externs.iter().find(|(taken, _)| taken == name).map(|(_, file)| file);
            let Some(taken) = self.externs.get(name).or_else(prelude_extern) else { continue };
            if taken.file_name() != built.file.file_name() {
                let old = loaded().find_map(|bundle| bundle.crates.iter().find(|old| bundle.file(old) == *taken));
                let changed = old.and_then(|old| difference(old, built));
                return Some(changed.unwrap_or_else(|| format!("`{name}` is loaded in another build.")));
            }
        }
        None
    }
}

/// Whether a crate that is loaded meets a spec.
fn covers(bundled: &BundledCrate, spec: &DependencySpec) -> bool {
    let has = |feature: &str| bundled.features.iter().any(|enabled| enabled == feature);
    let own = bundled.package == "threadbook";
    spec.is_from_crates_io()
        && (bundled.from_crates_io || own)
        && spec.requirement().matches(&bundled.version)
        && spec.features().all(has)
        && (!spec.default_features() || !bundled.has_default || has("default"))
}

/// How the crate that takes the place of a loaded one differs from it.
fn changed_crate(old: &BundledCrate, build: &Build) -> Option<String> {
    let mut named = build.crates.values().filter(|built| built.package == old.package && !built.proc_macro);
    let built = named.next().filter(|_| named.next().is_none())?;
    difference(old, built)
}

fn difference(old: &BundledCrate, built: &super::build::cargo::BuiltCrate) -> Option<String> {
    let (name, version) = (&old.package, &old.version);
    if *version != built.version {
        return Some(format!("`{name}` {} is needed, and {version} is loaded.", built.version));
    }
    let more: Vec<&str> =
        built.features.iter().filter(|feature| !old.features.contains(feature)).map(String::as_str).collect();
    (!more.is_empty()).then(|| format!("`{name}` is loaded without the feature {} that is needed.", more.join(", ")))
}

/// Names the content of a bundle.
fn bundle_hash(build: &Build, crates: &BTreeSet<PackageId>, below: &[&Bundle]) -> Result<String, BuildError> {
    let mut parts: Vec<Vec<u8>> = below.iter().map(|bundle| bundle.name.clone().into_bytes()).collect();
    for built in crates.iter().filter_map(|id| build.crates.get(id)) {
        parts.push(file_name(&built.file)?.into_bytes());
        if !built.fixed {
            parts.push(fs::read(&built.file).map_err(BuildError::storage(&built.file))?);
        }
    }
    Ok(short_hash(parts.iter().map(Vec::as_slice)))
}

fn recall(store: &Store, question: &str) -> Option<Outcome> {
    let remembered: Remembered = serde_json::from_slice(&fs::read(store.bundle(question)).ok()?).ok()?;
    let prelude = Prelude::load(store, &remembered.prelude)?;
    let bundles: Option<Vec<Bundle>> = remembered.bundles.iter().map(|name| Bundle::load(store, name)).collect();
    remembered.bundles.iter().for_each(|name| store.touch(name));
    Some(Outcome {
        prelude,
        bundles: bundles?,
        externs: remembered.externs,
        lock: remembered.lock,
        because: remembered.because,
    })
}

fn remember(store: &Store, question: &str, outcome: &Outcome) -> Result<(), BuildError> {
    let remembered = Remembered {
        prelude: outcome.prelude.bundle.name.clone(),
        bundles: outcome.bundles.iter().map(|bundle| bundle.name.clone()).collect(),
        externs: outcome.externs.clone(),
        lock: outcome.lock.clone(),
        because: outcome.because.clone(),
    };
    let text = serde_json::to_vec_pretty(&remembered).map_err(|error| BuildError::Unexpected(error.to_string()))?;
    let path = store.bundle(question);
    write_whole(&path, &text).map_err(BuildError::storage(&path))
}

/// Writes a file so that nobody ever sees a part of it.
fn write_whole(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    std::io::Write::write_all(&mut file, content)?;
    file.persist(path)?;
    Ok(())
}
