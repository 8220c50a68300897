//! Runs cargo on a generated project and reads what it built.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Message, Metadata, MetadataCommand, PackageId, TargetKind};
use semver::Version;
use tokio::process::Command;

use super::Progress;
use super::failure::{BuildError, CargoFailure, FailureKind};
use super::process;
use crate::engine::native::toolchain::Toolchain;

/// A library crate as cargo built it.
#[derive(Debug, Clone)]
pub struct BuiltCrate {
    pub package: String,
    pub version: Version,
    /// Its own name, which the package's need not be.
    pub crate_name: String,
    pub from_crates_io: bool,
    /// Its text cannot change while its file's name stays: not a crate of the user's disk.
    pub fixed: bool,
    pub features: Vec<String>,
    /// Whether the package has a feature `default` at all.
    pub has_default: bool,
    /// The `.rlib`, or the shared library of a procedural macro.
    pub file: PathBuf,
    pub proc_macro: bool,
    /// The name that a crate gives each dependency, and the dependency.
    pub dependencies: Vec<(String, PackageId)>,
}

/// What a run of cargo built: every library that code of the project may reach.
#[derive(Debug)]
pub struct Build {
    pub crates: BTreeMap<PackageId, BuiltCrate>,
    /// The names that the project gives its own dependencies.
    pub direct: Vec<(String, PackageId)>,
    /// `-L` arguments that build scripts asked for.
    pub native_search: Vec<String>,
    /// The lock file afterwards.
    pub lock: String,
}

impl Build {
    /// The crate with this id and everything it needs, without the macros' own needs.
    pub fn reachable(&self, from: impl IntoIterator<Item = PackageId>) -> BTreeSet<PackageId> {
        let mut todo: Vec<PackageId> = from.into_iter().collect();
        let mut reached = BTreeSet::new();
        while let Some(id) = todo.pop() {
            let Some(built) = self.crates.get(&id) else { continue };
            if reached.insert(id) && !built.proc_macro {
                todo.extend(built.dependencies.iter().map(|(_, id)| id.clone()));
            }
        }
        reached
    }
}

/// A project to build, and where to.
pub struct Cargo<'a> {
    pub toolchain: &'a Toolchain,
    pub project: &'a Path,
    pub target_dir: &'a Path,
    /// Look at the network before what has been downloaded: a requirement that any
    /// version meets should find the newest.
    pub network_first: bool,
}

impl Cargo<'_> {
    /// Builds the project. Dropping the future kills cargo and its compilers.
    pub async fn build(&self, progress: Progress<'_>) -> Result<Build, BuildError> {
        let messages = match self.compile(!self.network_first, progress).await? {
            Ok(messages) => messages,
            Err(first) => {
                // Without the network, cargo fails for many reasons with many texts.
                let again = if self.network_first { first.kind == FailureKind::NoNetwork } else { !first.compiling };
                if !again {
                    return Err(first.failure.into());
                }
                match self.compile(self.network_first, progress).await? {
                    Ok(messages) => messages,
                    Err(second) if self.network_first && !second.compiling => return Err(first.failure.into()),
                    Err(second) => return Err(second.failure.into()),
                }
            }
        };
        self.read(messages).await
    }

    async fn compile(
        &self,
        offline: bool,
        progress: Progress<'_>,
    ) -> Result<Result<Vec<Message>, Stopped>, BuildError> {
        let mut command = self.command();
        command.args(["build", "--release", "--message-format=json-render-diagnostics", "--target"]);
        command.arg(&self.toolchain.host).arg("--target-dir").arg(self.target_dir);
        command.args(offline.then_some("--offline"));
        let mut reader = ProgressReader::default();
        let mut text = String::new();
        let finished = process::run(&mut command, |line| match reader.read(line) {
            Read::Progress(line) => progress(&line),
            Read::Text => {
                text.push_str(line);
                text.push('\n');
            }
            Read::Nothing => {}
        });
        let finished = finished.await.map_err(|source| self.not_started(source))?;
        let messages: Vec<Message> = Message::parse_stream(&finished.stdout[..]).filter_map(Result::ok).collect();
        if finished.status.success() {
            return Ok(Ok(messages));
        }
        let compiling = messages.iter().any(|message| matches!(message, Message::BuildFinished(_)));
        let failure = CargoFailure::read(&text);
        Ok(Err(Stopped { compiling, kind: failure.kind, failure }))
    }

    /// Puts the compiled files and the graph of packages together.
    async fn read(&self, messages: Vec<Message>) -> Result<Build, BuildError> {
        let metadata = self.metadata().await?;
        let mut files = BTreeMap::new();
        let mut native_search = BTreeSet::new();
        for message in messages {
            match message {
                Message::CompilerArtifact(artifact) => {
                    let proc_macro = artifact.target.is_kind(TargetKind::ProcMacro);
                    let wanted = if proc_macro { env::consts::DLL_EXTENSION } else { "rlib" };
                    let mut names = artifact.filenames.into_iter().map(PathBuf::from);
                    let Some(file) = names.find(|file| file.extension() == Some(OsStr::new(wanted))) else { continue };
                    // The same package may be built once more, for a build script.
                    if proc_macro || self.is_for_target(&file) {
                        let features = artifact.features;
                        let crate_name = artifact.target.name.replace('-', "_");
                        files.insert(artifact.package_id, (file, proc_macro, features, crate_name));
                    }
                }
                Message::BuildScriptExecuted(script) => {
                    native_search.extend(script.linked_paths.into_iter().map(|path| path.into_string()));
                }
                _ => {}
            }
        }

        let unexpected = |what: &str| BuildError::Unexpected(what.to_owned());
        let resolve = metadata.resolve.ok_or_else(|| unexpected("no graph of packages"))?;
        let root = resolve.root.ok_or_else(|| unexpected("no root package"))?;
        let mut needs: BTreeMap<PackageId, Vec<(String, PackageId)>> = BTreeMap::new();
        for node in resolve.nodes {
            let normal = node
                .deps
                .into_iter()
                .filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
            needs.insert(node.id, normal.map(|dep| (dep.name, dep.pkg)).collect());
        }
        let direct = needs.get(&root).cloned().unwrap_or_default();
        let mut crates = BTreeMap::new();
        for package in metadata.packages {
            if package.id == root {
                continue;
            }
            let Some((file, proc_macro, features, crate_name)) = files.remove(&package.id) else { continue };
            let built = BuiltCrate {
                package: package.name.to_string(),
                version: package.version,
                crate_name,
                from_crates_io: package.source.as_ref().is_some_and(|source| source.is_crates_io()),
                // The prelude's directory is named after its text.
                fixed: package.source.is_some() || package.name == "threadbook",
                features,
                has_default: package.features.contains_key("default"),
                file,
                proc_macro,
                dependencies: needs.remove(&package.id).unwrap_or_default(),
            };
            crates.insert(package.id, built);
        }
        let lock = self.project.join("Cargo.lock");
        let lock = fs::read_to_string(&lock).map_err(BuildError::storage(&lock))?;
        Ok(Build { crates, direct, native_search: native_search.into_iter().collect(), lock })
    }

    fn is_for_target(&self, file: &Path) -> bool {
        let inside = file.strip_prefix(self.target_dir).unwrap_or(file);
        inside.components().any(|part| part.as_os_str() == self.toolchain.host.as_str())
    }

    async fn metadata(&self) -> Result<Metadata, BuildError> {
        let mut command = self.command();
        command.args(["metadata", "--format-version=1", "--offline", "--filter-platform", &self.toolchain.host]);
        let mut text = String::new();
        let finished =
            process::run(&mut command, |line| text.push_str(line)).await.map_err(|source| self.not_started(source))?;
        if !finished.status.success() {
            return Err(CargoFailure::read(&text).into());
        }
        let json = String::from_utf8(finished.stdout).map_err(|error| BuildError::Unexpected(error.to_string()))?;
        MetadataCommand::parse(json).map_err(|error| BuildError::Unexpected(error.to_string()))
    }

    /// Cargo in the project, with what a person set up for reaching the registries and
    /// nothing that would make it build in another way.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.toolchain.cargo);
        command.current_dir(self.project);
        for (name, _) in env::vars_os() {
            let cargo = name.to_str().is_some_and(|name| name.starts_with("CARGO_") && !reaches_registries(name));
            let other = ["CARGO", "RUSTFLAGS", "MAKEFLAGS", "MFLAGS"].into_iter().any(|other| name == other);
            if cargo || other {
                command.env_remove(name);
            }
        }
        // Empty rather than absent: absent, cargo would take them from its config files.
        for off in ["CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"] {
            command.env(off, "");
        }
        command.env("RUSTC", &self.toolchain.rustc);
        command.env("CARGO_BUILD_BUILD_DIR", self.target_dir);
        command.env("CARGO_TERM_COLOR", "never").env("CARGO_TERM_QUIET", "false").env("CARGO_TERM_VERBOSE", "false");
        command.env("CARGO_TERM_PROGRESS_WHEN", "always").env("CARGO_TERM_PROGRESS_WIDTH", "120");
        command.env("CARGO_NET_RETRY", "1");
        command
    }

    fn not_started(&self, source: std::io::Error) -> BuildError {
        BuildError::NotStarted { program: self.toolchain.cargo.clone(), source }
    }
}

struct Stopped {
    /// The dependencies had been found and compiling had begun.
    compiling: bool,
    kind: FailureKind,
    failure: CargoFailure,
}

fn reaches_registries(name: &str) -> bool {
    let kept = ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRY_", "CARGO_REGISTRIES_", "CARGO_SOURCE_"];
    kept.into_iter().any(|kept| name.starts_with(kept))
}

/// Tells cargo's progress from its messages.
#[derive(Debug, Default)]
struct ProgressReader {
    /// `12/37`, once cargo has said so.
    count: String,
    last: String,
}

#[derive(Debug, PartialEq)]
enum Read {
    Progress(String),
    Text,
    Nothing,
}

impl ProgressReader {
    fn read(&mut self, line: &str) -> Read {
        // The bar is erased by an escape sequence before the next text.
        let line = line.trim_start_matches("\u{1b}[K").trim();
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if line.is_empty() {
            return Read::Nothing;
        }
        let shown = match word {
            "Building" if rest.starts_with('[') => {
                let Some((_, rest)) = rest.split_once("] ") else { return Read::Nothing };
                let (count, names) = rest.split_once(':').unwrap_or((rest, ""));
                self.count = count.trim().to_owned();
                let names = names.trim().replace("(build)", "").replace("(build.rs)", "");
                if names.is_empty() { return Read::Nothing } else { self.compiling(&names) }
            }
            "Compiling" => match rest.split(' ').next() {
                Some(super::project::NAME) | None => return Read::Nothing,
                Some(name) => self.compiling(name),
            },
            "Downloading" if rest.starts_with("0 ") => return Read::Nothing,
            // Without the changing number of bytes behind it.
            "Downloading" if !rest.starts_with('[') => line.split(',').next().unwrap_or(line).to_owned(),
            "Updating" => line.to_owned(),
            "Fetch" | "Downloading" => return Read::Nothing,
            "Fresh" | "Finished" | "Locking" | "Adding" | "Downloaded" | "Blocking" => return Read::Nothing,
            _ => return Read::Text,
        };
        if shown == self.last {
            return Read::Nothing;
        }
        self.last = shown.clone();
        Read::Progress(shown)
    }

    fn compiling(&self, names: &str) -> String {
        if self.count.is_empty() { format!("Compiling {names}") } else { format!("Compiling {names} ({})", self.count) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_and_messages_are_told_apart() {
        let mut reader = ProgressReader::default();
        let progress = |text: &str| Read::Progress(text.to_owned());
        assert_eq!(reader.read("    Updating crates.io index"), progress("Updating crates.io index"));
        assert_eq!(reader.read("   Compiling libc v0.2.191"), progress("Compiling libc"));
        assert_eq!(
            reader.read("    Building [=====>       ] 12/37: rayon-core, libc(build)"),
            progress("Compiling rayon-core, libc (12/37)"),
        );
        assert_eq!(reader.read("    Building [=====>       ] 12/37: rayon-core, libc(build)"), Read::Nothing);
        assert_eq!(reader.read("\u{1b}[K   Compiling serde v1.0.229"), progress("Compiling serde (12/37)"));
        assert_eq!(reader.read("   Compiling threadbook-cells v0.0.0 (/tmp/cells)"), Read::Nothing);
        assert_eq!(reader.read(" Downloading 4 crates, remaining bytes: 272.9KiB"), progress("Downloading 4 crates"));
        assert_eq!(reader.read(" Downloading 4 crates, remaining bytes: 11.0KiB"), Read::Nothing);
        assert_eq!(reader.read("error: no matching package named `rnad` found"), Read::Text);
        assert_eq!(reader.read("\u{1b}[K"), Read::Nothing);
    }
}
