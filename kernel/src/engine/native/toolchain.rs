//! The Rust compiler that cells are compiled with.
//!
//! `rustc` on the PATH is mostly rustup's proxy, which costs more than some cells do:
//! it is asked once where the real compiler lies, and never called again.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use semver::Version;
use thiserror::Error;
use tokio::process::Command;

use super::linker;
use crate::digest::short_hash;

/// A compiler and its cargo, found once and asked what they are.
#[derive(Debug, Clone)]
pub struct Toolchain {
    /// The compiler itself, past rustup's proxy.
    pub rustc: PathBuf,
    pub cargo: PathBuf,
    /// `1.95.0`, `1.97.0-nightly`.
    pub release: Version,
    /// The platform the compiler runs on, and for which it compiles cells.
    pub host: String,
    /// The release and a short hash: another one when the compiler has changed.
    pub id: String,
    /// Where the target's own libraries lie.
    pub libdir: PathBuf,
    /// The shared standard library, which every cell is linked against.
    pub std_library: PathBuf,
    /// The compiler arguments for linking a cell.
    pub linker: Vec<OsString>,
}

#[derive(Debug, Error)]
pub enum ToolchainError {
    #[error(
        "There is no Rust compiler here: install Rust from https://rustup.rs, or set RUSTC to the compiler's path."
    )]
    NoCompiler,
    #[error("There is no cargo beside the Rust compiler in {}: install Rust from https://rustup.rs.", .sysroot.display())]
    NoCargo { sysroot: PathBuf },
    #[error("Rust {found} is too old, Threadbook needs {needed} or later: run `rustup update stable`.")]
    TooOld { found: Version, needed: Version },
    #[error("There is no C linker (`cc`), which Rust needs: {}.", install_linker())]
    NoLinker,
    #[error("The Rust compiler in {} has no shared standard library (libstd): install Rust from https://rustup.rs.", .libdir.display())]
    NoSharedStd { libdir: PathBuf },
    #[error("{} does not start: {source}", .rustc.display())]
    NotStarted { rustc: PathBuf, source: io::Error },
    #[error("{} does not work: run `rustc -vV` in a terminal to see why.\n\n{text}", .rustc.display())]
    Broken { rustc: PathBuf, text: String },
}

fn install_linker() -> &'static str {
    if cfg!(target_os = "macos") {
        "run `xcode-select --install`"
    } else {
        "run `sudo apt install gcc libc6-dev`, or your system's like"
    }
}

impl Toolchain {
    /// Finds the compiler that `RUSTC` names, or else `rustc` on the PATH or where
    /// rustup puts it, and asks it what it is.
    ///
    /// # Errors
    /// When there is none, it is older than this crate's `rust-version`, or parts that
    /// compiling a cell needs are missing.
    pub async fn find() -> Result<Toolchain, ToolchainError> {
        Places::from_environment().find().await
    }
}

/// Where to look: what `Toolchain::find` takes from the environment.
#[derive(Debug, Default)]
struct Places {
    rustc: Option<OsString>,
    path: Vec<PathBuf>,
}

impl Places {
    fn from_environment() -> Places {
        let mut path: Vec<PathBuf> = env::var_os("PATH").iter().flat_map(env::split_paths).collect();
        // Jupyter started from a desktop has a PATH without it.
        let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
        path.extend(cargo_home.or_else(|| Some(dirs::home_dir()?.join(".cargo"))).map(|home| home.join("bin")));
        Places { rustc: env::var_os("RUSTC").filter(|rustc| !rustc.is_empty()), path }
    }

    async fn find(&self) -> Result<Toolchain, ToolchainError> {
        let name = self.rustc.clone().unwrap_or_else(|| "rustc".into());
        let asked = self.program(Path::new(&name)).ok_or(ToolchainError::NoCompiler)?;
        // At once, not one after the other: the kernel's start waits for this.
        let (version, sysroot) = tokio::try_join!(ask(&asked, &["-vV"]), ask(&asked, &["--print", "sysroot"]))?;

        let broken = || ToolchainError::Broken { rustc: asked.clone(), text: version.clone() };
        let field = |key: &str| {
            let value = version.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
            value.map(str::trim).filter(|value| *value != "unknown")
        };
        let release: Version = field("release").and_then(|text| text.parse().ok()).ok_or_else(broken)?;
        let host = field("host").ok_or_else(broken)?.to_owned();
        let needed = needed_release();
        if (release.major, release.minor, release.patch) < (needed.major, needed.minor, needed.patch) {
            return Err(ToolchainError::TooOld { found: release, needed });
        }

        let sysroot = PathBuf::from(sysroot.trim());
        let beside = |program: &str| Some(sysroot.join("bin").join(program)).filter(|path| path.is_file());
        let rustc = beside("rustc").unwrap_or_else(|| asked.clone());
        let cargo = beside("cargo").or_else(|| self.program(Path::new("cargo")));
        let cargo = cargo.ok_or_else(|| ToolchainError::NoCargo { sysroot: sysroot.clone() })?;
        let cc = self.program(Path::new("cc")).ok_or(ToolchainError::NoLinker)?;
        let linker = linker::arguments(&sysroot, &host, &cc).await;
        let libdir = sysroot.join("lib/rustlib").join(&host).join("lib");
        let std_library = shared_std(&libdir).or_else(|| shared_std(&sysroot.join("lib")));
        let std_library = std_library.ok_or_else(|| ToolchainError::NoSharedStd { libdir: libdir.clone() })?;

        let hash = short_hash([version.as_bytes(), std_library.as_os_str().as_encoded_bytes()]);
        let id = format!("{release}-{hash}");
        Ok(Toolchain { rustc, cargo, release, host, id, libdir, std_library, linker })
    }

    /// A program by its path, or by its name from the PATH.
    fn program(&self, name: &Path) -> Option<PathBuf> {
        if name.components().count() > 1 {
            return Some(name.to_owned());
        }
        self.path.iter().map(|directory| directory.join(name)).find(|file| file.is_file())
    }
}

/// The `rust-version` of this workspace.
fn needed_release() -> Version {
    let mut parts = env!("CARGO_PKG_RUST_VERSION").split('.').map(|part| part.parse().unwrap_or(0));
    let mut part = || parts.next().unwrap_or(0);
    Version::new(part(), part(), part())
}

async fn ask(rustc: &Path, arguments: &[&str]) -> Result<String, ToolchainError> {
    let output = Command::new(rustc).args(arguments).kill_on_drop(true).output().await;
    let output = output.map_err(|source| ToolchainError::NotStarted { rustc: rustc.to_owned(), source })?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(ToolchainError::Broken { rustc: rustc.to_owned(), text })
    }
}

fn shared_std(directory: &Path) -> Option<PathBuf> {
    let (start, end) = (format!("{}std-", env::consts::DLL_PREFIX), env::consts::DLL_SUFFIX);
    directory.read_dir().ok()?.filter_map(|entry| entry.ok()).find_map(|entry| {
        let name = entry.file_name();
        let name = name.to_str()?;
        (name.starts_with(&start) && name.ends_with(end)).then(|| entry.path())
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn places(directory: &Path) -> Places {
        Places { rustc: None, path: vec![directory.to_owned()] }
    }

    fn script(directory: &Path, name: &str, body: &str) {
        let path = directory.join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).expect("a temporary directory can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("as above");
    }

    #[tokio::test]
    async fn the_compiler_of_this_build_is_found_past_any_proxy() {
        let toolchain = Toolchain::find().await.expect("this test was compiled by one");
        let version = ask(&toolchain.rustc, &["-vV"]).await.expect("it runs");
        assert!(version.contains(&format!("release: {}", toolchain.release)), "{version}");
        assert!(version.contains(&format!("host: {}", toolchain.host)), "{version}");
        assert!(toolchain.libdir.is_dir() && toolchain.std_library.is_file());
        assert_eq!(Toolchain::find().await.expect("as before").id, toolchain.id);
    }

    #[tokio::test]
    async fn no_compiler() {
        let empty = tempfile::tempdir().expect("a temporary directory");
        let error = places(empty.path()).find().await.expect_err("nothing is there");
        assert!(matches!(error, ToolchainError::NoCompiler), "{error}");
        assert!(error.to_string().contains("rustup.rs"));
    }

    #[tokio::test]
    async fn an_old_compiler_is_told_what_to_do() {
        let bin = tempfile::tempdir().expect("a temporary directory");
        script(bin.path(), "rustc", "echo 'release: 1.70.0'; echo 'host: x86_64-unknown-linux-gnu'");
        let error = places(bin.path()).find().await.expect_err("it is old").to_string();
        assert!(error.starts_with("Rust 1.70.0 is too old"), "{error}");
        assert!(error.contains(env!("CARGO_PKG_RUST_VERSION")) && error.contains("rustup update"), "{error}");
    }

    #[tokio::test]
    async fn a_broken_compiler_speaks_for_itself() {
        let bin = tempfile::tempdir().expect("a temporary directory");
        script(bin.path(), "rustc", "echo 'no default toolchain configured' >&2; exit 1");
        let error = places(bin.path()).find().await.expect_err("it fails").to_string();
        assert!(error.contains("no default toolchain configured"), "{error}");
    }

    #[tokio::test]
    async fn no_linker() {
        let real = Toolchain::find().await.expect("this test was compiled by one");
        let bin = tempfile::tempdir().expect("a temporary directory");
        script(bin.path(), "rustc", &format!("exec '{}' \"$@\"", real.rustc.display()));
        let error = places(bin.path()).find().await.expect_err("there is no cc");
        assert!(matches!(error, ToolchainError::NoLinker), "{error}");
    }
}
