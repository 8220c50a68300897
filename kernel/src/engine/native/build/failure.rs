//! Why a build did not come about, in one line that says what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

#[derive(Debug, Error)]
pub enum BuildError {
    #[error("{0}")]
    Cargo(#[from] CargoFailure),
    #[error("{} does not start: {source}", .program.display())]
    NotStarted { program: PathBuf, source: io::Error },
    #[error("{}", storage_line(.path, .source))]
    Storage { path: PathBuf, source: io::Error },
    #[error("The crates cannot be linked into one shared library.\n\n{text}")]
    Link { text: String },
    #[error("The crate `{package}` is a program and not a library, so that a cell cannot use it.")]
    NotALibrary { package: String },
    #[error("Cargo wrote something unexpected: {0}")]
    Unexpected(String),
}

impl BuildError {
    pub fn storage(path: &Path) -> impl FnOnce(io::Error) -> BuildError {
        let path = path.to_owned();
        move |source| BuildError::Storage { path, source }
    }
}

fn storage_line(path: &Path, source: &io::Error) -> String {
    let path = path.display();
    let elsewhere = "set THREADBOOK_DATA_DIR and THREADBOOK_CACHE_DIR to directories";
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("There is no disk space left for {path}: free some, or {elsewhere} on another disk.")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            format!("{path} cannot be written: {elsewhere} that can.")
        }
        _ => format!("{path} cannot be used ({source}): mend it, or {elsewhere} elsewhere."),
    }
}

/// What cargo failed at, as far as its text tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    NoSuchCrate,
    NoSuchVersion,
    NoSuchFeature,
    NoSuchPath,
    /// The crate itself, or a build script of it.
    DoesNotCompile,
    CompilerTooOld,
    NoNetwork,
    NoDiskSpace,
    Other,
}

/// A failed run of cargo: one clear line, and cargo's own text.
#[derive(Debug, Clone, Error)]
pub struct CargoFailure {
    pub kind: FailureKind,
    pub line: String,
    pub text: String,
}

impl fmt::Display for CargoFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}\n\n{}", self.line, self.text)
    }
}

impl CargoFailure {
    /// Reads what cargo wrote to stderr.
    pub fn read(text: &str) -> CargoFailure {
        let text = text.trim().to_owned();
        let (kind, line) = explain(&text);
        CargoFailure { kind, line, text }
    }
}

fn explain(text: &str) -> (FailureKind, String) {
    use FailureKind::*;
    let has = |part: &str| text.contains(part);
    if has("No space left on device") || has("os error 28") {
        let line =
            "There is no disk space left: free some, or set THREADBOOK_CACHE_DIR to a directory on another disk.";
        return (NoDiskSpace, line.to_owned());
    }
    if let Some(name) = quoted_after(text, "no matching package named ") {
        let place = match text.lines().find_map(|line| line.trim().strip_prefix("location searched: ")) {
            Some("crates.io index") | None => "on crates.io".to_owned(),
            Some(other) => format!("in {other}"),
        };
        let meant = after(text, "perhaps you meant:").map(str::trim).filter(|meant| !meant.is_empty());
        let meant = meant.map(|meant| format!(" Did you mean `{meant}`?")).unwrap_or_default();
        return (NoSuchCrate, format!("There is no crate `{name}` {place}.{meant}"));
    }
    if let Some(requirement) = quoted_after(text, "failed to select a version for the requirement ") {
        let requirement = requirement.replace('"', "");
        let there = after(text, "candidate versions found which didn't match:");
        let there = there
            .map(|versions| format!("; there are {}", versions.trim().trim_end_matches(", ...")))
            .unwrap_or_default();
        return (NoSuchVersion, format!("No version fits `{requirement}`{there}."));
    }
    if let Some(feature) = quoted_after(text, " with feature ").filter(|_| has("does not have ")) {
        let name = quoted_after(text, "depends on ").unwrap_or_default();
        let there = after(text, "available features:").map(str::trim).filter(|there| !there.is_empty());
        let there = there.map(|there| format!("; it has {there}")).unwrap_or_default();
        return (NoSuchFeature, format!("The crate `{name}` has no feature `{feature}`{there}."));
    }
    if has("is not supported by the following package") || has("cannot be built because it requires rustc") {
        return (CompilerTooOld, "The crate needs a newer Rust compiler: run `rustup update stable`.".to_owned());
    }
    if let Some(name) = quoted_after(text, "error: could not compile ") {
        return (DoesNotCompile, format!("The crate `{name}` does not compile."));
    }
    if let Some(name) = quoted_after(text, "failed to run custom build command for ") {
        return (DoesNotCompile, format!("The build script of the crate `{name}` failed."));
    }
    let network =
        ["spurious network error", "failed to download", "failed to connect", "Could not resolve host", "--offline"];
    if network.into_iter().any(has) {
        let line = "This crate has not been downloaded before, and the network cannot be reached: connect and run the cell again.";
        return (NoNetwork, line.to_owned());
    }
    if has("failed to read `") && has("No such file or directory") {
        let path = quoted_after(text, "failed to read ").unwrap_or_default();
        return (NoSuchPath, format!("There is no crate at this path: `{path}` does not exist."));
    }
    let first = text.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or("Cargo failed without a message.");
    (Other, first.to_owned())
}

/// The rest of the line behind `marker`.
fn after<'a>(text: &'a str, marker: &str) -> Option<&'a str> {
    let start = text.find(marker)? + marker.len();
    text[start..].lines().next()
}

/// What stands between backticks right behind `marker`.
fn quoted_after<'a>(text: &'a str, marker: &str) -> Option<&'a str> {
    let quoted = text.match_indices(marker).find_map(|(at, _)| text[at + marker.len()..].strip_prefix('`'))?;
    quoted.split('`').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Texts of cargo 1.95, but for the spelling hint, which is its source's.
    #[test]
    fn a_name_that_nobody_has() {
        let failure = CargoFailure::read(
            "    Updating crates.io index\nerror: no matching package named `rnad` found\nlocation searched: crates.io index\nrequired by package `e v0.0.0 (/tmp/e)`\n",
        );
        assert_eq!(failure.kind, FailureKind::NoSuchCrate);
        assert_eq!(failure.line, "There is no crate `rnad` on crates.io.");
        assert!(failure.to_string().contains("location searched"));
        let failure = CargoFailure::read(
            "error: no matching package named `rayon_core` found\nperhaps you meant:      rayon-core",
        );
        assert_eq!(failure.line, "There is no crate `rayon_core` on crates.io. Did you mean `rayon-core`?");
    }

    #[test]
    fn a_version_that_does_not_exist() {
        let failure = CargoFailure::read(
            "error: failed to select a version for the requirement `semver = \"^77\"`\ncandidate versions found which didn't match: 1.0.28, 1.0.27, ...\n",
        );
        assert_eq!(failure.kind, FailureKind::NoSuchVersion);
        assert_eq!(failure.line, "No version fits `semver = ^77`; there are 1.0.28, 1.0.27.");
    }

    #[test]
    fn a_feature_that_does_not_exist() {
        let failure = CargoFailure::read(
            "error: failed to select a version for `semver`.\n\npackage `e` depends on `semver` with feature `nope` but `semver` does not have that feature.\n available features: default, serde, std\n",
        );
        assert_eq!(failure.kind, FailureKind::NoSuchFeature);
        assert_eq!(failure.line, "The crate `semver` has no feature `nope`; it has default, serde, std.");
    }

    #[test]
    fn no_network() {
        let failure = CargoFailure::read(
            "warning: spurious network error (3 tries remaining): [7] Could not connect to server\nerror: failed to get `heck` as a dependency of package `e v0.0.0`\n\nCaused by:\n  failed to download from `https://index.crates.io/config.json`\n",
        );
        assert_eq!(failure.kind, FailureKind::NoNetwork);
    }

    #[test]
    fn a_crate_with_an_error() {
        let failure = CargoFailure::read(
            "error[E0308]: mismatched types\nerror: could not compile `mine` (lib) due to 1 previous error",
        );
        assert_eq!(
            (failure.kind, failure.line.as_str()),
            (FailureKind::DoesNotCompile, "The crate `mine` does not compile.")
        );
    }

    #[test]
    fn a_missing_path() {
        let failure = CargoFailure::read(
            "error: failed to load manifest for dependency `semver`\n\nCaused by:\n  failed to read `/tmp/nope/Cargo.toml`\n\nCaused by:\n  No such file or directory (os error 2)",
        );
        assert_eq!(failure.kind, FailureKind::NoSuchPath);
        assert!(failure.line.contains("/tmp/nope/Cargo.toml"));
    }

    #[test]
    fn anything_else_is_told_by_its_first_error() {
        assert_eq!(CargoFailure::read("warning: a\nerror: b\nerror: c").line, "b");
        assert_eq!(CargoFailure::read("").kind, FailureKind::Other);
    }

    #[test]
    fn a_full_disk_and_a_closed_directory() {
        let line = |kind: io::ErrorKind| BuildError::storage(Path::new("/d"))(kind.into()).to_string();
        assert!(line(io::ErrorKind::StorageFull).contains("no disk space left for /d"));
        assert!(line(io::ErrorKind::PermissionDenied).contains("THREADBOOK_DATA_DIR"));
    }
}
