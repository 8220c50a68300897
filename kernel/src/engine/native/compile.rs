//! One call of the compiler.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::diagnostics::CompilerOutput;
use super::generate::Generated;
use super::style::Style;

/// What every cell is compiled with: the compiler, the crates a cell may name.
#[derive(Debug, Clone)]
pub struct Environment {
    pub rustc: PathBuf,
    /// `--extern …`, `-L …`
    pub arguments: Vec<OsString>,
    /// Lines of Rust that link the shared libraries which hold those crates.
    pub extern_crates: String,
    /// Crates that a cell can name in a path.
    pub crates: Vec<String>,
    /// Crates of `:dep` are among them.
    pub has_dependencies: bool,
    /// How far cells are optimised, as `-C opt-level` takes it.
    pub opt_level: u8,
    /// For backtraces: libraries know the lines of their code, and keep every call.
    pub debug_lines: bool,
    pub style: Style,
}

/// How much the compiler does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// Only the types (`--emit=mir`): two thirds of the time of the whole.
    Types,
    /// A library to load, and the types.
    Library,
}

#[derive(Debug, Clone)]
pub struct Compiled {
    pub library: PathBuf,
    /// The text of the `.mir` file.
    pub mir: String,
    pub output: CompilerOutput,
}

#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    #[error("the compiler could not be started ({0}): is Rust still installed?")]
    Start(io::Error),
    #[error("a file for the compiler could not be written or read ({0}): is the disk full?")]
    File(io::Error),
    /// The code has errors.
    #[error("{} errors", .0.errors().count())]
    Rejected(CompilerOutput),
}

/// Compiles generated text to `directory/stem.rs`, `.so` and `.mir`.
///
/// Dropping the future stops the compiler.
pub async fn compile(
    environment: &Environment,
    directory: &Path,
    stem: &str,
    generated: &Generated,
    goal: Goal,
) -> Result<Compiled, CompileError> {
    let source_file = format!("{stem}.rs");
    tokio::fs::write(directory.join(&source_file), generated.source.as_str()).await.map_err(CompileError::File)?;
    let library = directory.join(format!("lib{stem}{}", std::env::consts::DLL_SUFFIX));
    let mir = directory.join(format!("{stem}.mir"));
    let mut emit = OsString::from("--emit=");
    if goal == Goal::Library {
        emit.push("link=");
        emit.push(&library);
        emit.push(",");
    }
    emit.push("mir=");
    emit.push(&mir);

    let mut command = Command::new(&environment.rustc);
    command
        .current_dir(directory)
        .args(FLAGS)
        .args(level(environment, goal, stem))
        .arg(emit)
        .args(&environment.arguments)
        .arg(&source_file);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    end_with_caller(&mut command);
    log(command.as_std());
    let finished = command.output().await.map_err(CompileError::Start)?;
    let output = CompilerOutput::parse(&String::from_utf8_lossy(&finished.stderr), &source_file);
    if !finished.status.success() {
        return Err(CompileError::Rejected(output));
    }
    let mir = tokio::fs::read(&mir).await.map_err(CompileError::File)?;
    Ok(Compiled { library, mir: String::from_utf8_lossy(&mir).into_owned(), output })
}

/// Compiles `directory/stem.rs` again as it was, but with the lines of its code, and
/// returns that library. The code in it is the same.
pub async fn compile_with_lines(environment: &Environment, directory: &Path, stem: &str) -> Option<PathBuf> {
    let library = directory.join(format!("lib{stem}_lines{}", std::env::consts::DLL_SUFFIX));
    let mut emit = OsString::from("--emit=link=");
    emit.push(&library);
    let mut command = Command::new(&environment.rustc);
    command
        .current_dir(directory)
        .args(FLAGS)
        .args(level(environment, Goal::Library, stem))
        .arg("-Cdebuginfo=line-tables-only")
        .arg(emit)
        .args(&environment.arguments)
        .arg(format!("{stem}.rs"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    end_with_caller(&mut command);
    command.status().await.is_ok_and(|status| status.success()).then_some(library)
}

/// A compiler must not go on when the kernel has been killed. (The system looks at the
/// thread that starts it: the one that the kernel's runtime lives on.)
fn end_with_caller(command: &mut Command) {
    #[cfg(target_os = "linux")]
    // SAFETY: runs between fork and exec, where this system call is allowed.
    unsafe {
        command.pre_exec(|| Ok(nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?));
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

/// Says, at level debug, how the compiler is called: a JSON list of the directory, the
/// program and its arguments, for whoever wants to repeat the call by hand.
fn log(command: &std::process::Command) {
    if !tracing::enabled!(target: "threadbook::rustc", tracing::Level::DEBUG) {
        return;
    }
    let directory = command.get_current_dir().map(Path::as_os_str);
    let words = directory.into_iter().chain([command.get_program()]).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    tracing::debug!(target: "threadbook::rustc", "{}", serde_json::json!(words));
}

/// The flags that do not depend on the cell. The same crate name and metadata for every
/// cell give a type the same identity in all of them.
const FLAGS: &[&str] = &[
    "--edition=2024",
    "--crate-name=notebook",
    "--crate-type=cdylib",
    "--error-format=json",
    "-Cmetadata=threadbook",
    "-Cprefer-dynamic",
    "-Ccodegen-units=1",
    "-Coverflow-checks=on",
    // A page less for every cell; who could write there can do anything anyway.
    "-Crelro-level=off",
    // C's start files hold nothing that Rust needs, but names that the loader looks for in
    // vain, in all cells there are: they would all stay in memory for that.
    #[cfg(target_os = "linux")]
    "-Clink-arg=-nostartfiles",
    // Statics of earlier cells are found when the library is loaded.
    #[cfg(target_os = "macos")]
    "-Clink-args=-undefined dynamic_lookup",
];

/// How the stem of a cell ends that is compiled as `cargo build --release` would. (The
/// name tells it, so that the same cell can be compiled in the same way later.)
pub const RELEASE: &str = "_release";

/// What cells are optimised to, unless it is asked for something else.
pub const USUAL_LEVEL: u8 = 2;

fn level(environment: &Environment, goal: Goal, stem: &str) -> Vec<String> {
    // Types are the same at every level.
    if goal == Goal::Types {
        return vec!["-Copt-level=0".to_owned()];
    }
    // What is measured is the release code, also when backtraces are wanted.
    if stem.ends_with(RELEASE) {
        let mut flags = vec!["-Copt-level=3".to_owned(), "-Coverflow-checks=off".to_owned()];
        flags.extend(environment.debug_lines.then(|| "-Cdebuginfo=line-tables-only".to_owned()));
        return flags;
    }
    // An optimised program has lost the calls that a backtrace is to show.
    if environment.debug_lines {
        return vec!["-Copt-level=0".to_owned(), "-Cdebuginfo=line-tables-only".to_owned()];
    }
    vec![format!("-Copt-level={}", environment.opt_level)]
}
