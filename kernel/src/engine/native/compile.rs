//! One call of the compiler.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use tokio::process::Command;

use super::cache::{Cache, Entry, Inputs, Key};
use super::diagnostics::CompilerOutput;
use super::mir::{self, MirTypes};
use super::style::Style;

/// The compiler, and the crates a cell may name.
#[derive(Debug)]
pub struct Tools {
    pub rustc: PathBuf,
    /// `--extern …`, `-L …`
    pub arguments: Vec<OsString>,
    /// Of the two, and of the files that they name.
    pub digest: [u8; 32],
    /// Lines of Rust that link the shared libraries which hold those crates.
    pub extern_crates: String,
    /// Crates that a cell can name in a path.
    pub crates: Vec<String>,
    /// Crates of `:dep` are among them.
    pub has_dependencies: bool,
}

/// What a cell is compiled with.
#[derive(Debug, Clone)]
pub struct Environment {
    pub tools: Arc<Tools>,
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
    /// Only a library. Of a small cell, writing out the types is an eighth of the time, since the
    /// compiler then looks for short names of all types there are.
    Code,
}

impl Goal {
    fn has_types(self) -> bool {
        self != Goal::Code
    }

    fn has_library(self) -> bool {
        self != Goal::Types
    }

    /// A word for the key of what comes of it.
    fn word(self) -> &'static str {
        match self {
            Goal::Types => "types",
            Goal::Library => "library",
            Goal::Code => "code",
        }
    }
}

#[derive(Debug, Clone)]
pub struct Compiled {
    pub library: PathBuf,
    pub types: Arc<MirTypes>,
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

/// How texts are compiled for a notebook.
#[derive(Debug, Clone, Copy)]
pub struct Compiler<'a> {
    pub environment: &'a Environment,
    /// Where the compiled cells of this kernel lie.
    pub directory: &'a Path,
    pub cache: &'a Cache,
    /// As `cargo build --release` would.
    pub release: bool,
    /// Nobody waits for it: others have the processor first.
    pub ahead: bool,
}

impl Compiler<'_> {
    /// Compiles generated text, unless that was done before, to a library and the types, in
    /// files with the name `stem` of [`stem`](Compiler::stem).
    ///
    /// Dropping the future stops the compiler.
    ///
    /// # Errors
    /// When the text has errors, or when there is no compiler or no room for files.
    pub async fn compile(&self, text: &str, goal: Goal, key: &Key) -> Result<Compiled, CompileError> {
        // What is compiled ahead of time need not be compiled twice.
        let _alone = self.cache.alone_with(key).await;
        let stem = self.stem(key);
        let source_file = format!("{stem}.rs");
        let entry = match self.cache.get(key, |entry| self.library(&stem, entry).exists()) {
            Some(entry) => {
                self.write_files(text, &stem, &entry).await.map_err(CompileError::File)?;
                entry
            }
            None => {
                tokio::fs::write(self.directory.join(&source_file), text).await.map_err(CompileError::File)?;
                let entry = self.call(&stem, goal).await?;
                self.write_files(text, &stem, &entry).await.map_err(CompileError::File)?;
                let output = CompilerOutput::parse(&entry.messages, &source_file);
                // Not what a full disk or too little memory has done.
                if entry.success || output.is_about_the_text() {
                    self.cache.put(key.clone(), entry.clone());
                }
                Arc::new(entry)
            }
        };
        let output = CompilerOutput::parse(&entry.messages, &source_file);
        if !entry.success {
            return Err(CompileError::Rejected(output));
        }
        Ok(Compiled { library: self.library(&stem, &entry), types: entry.types.clone(), output })
    }

    /// The key of a text.
    pub fn key(&self, text: &str, goal: Goal) -> Key {
        let level = level(self.environment, goal, self.release);
        let words = [goal.word()].into_iter().chain(FLAGS.iter().copied()).chain(level.iter().map(String::as_str));
        Key::of(text, &self.environment.tools.digest, words)
    }

    /// How the files of a text are called. (The name tells how it is compiled, so that it
    /// can be compiled in the same way later.)
    fn stem(&self, key: &Key) -> String {
        format!("cell_{}{}", key.short(), if self.release { RELEASE } else { "" })
    }

    /// What was made from other files as well can become another library of the same text,
    /// which the process for cells must not take for the one that it has: it lies elsewhere.
    fn library(&self, stem: &str, entry: &Entry) -> PathBuf {
        let place = match entry.inputs.is_empty() {
            true => self.directory.to_owned(),
            false => self.directory.join(entry.inputs.short_hash()),
        };
        place.join(library_name(stem))
    }

    /// Puts the files of an entry where they are looked for.
    async fn write_files(&self, text: &str, stem: &str, entry: &Entry) -> io::Result<()> {
        let source = self.directory.join(format!("{stem}.rs"));
        if !source.exists() {
            tokio::fs::write(source, text).await?;
        }
        if let Some(bytes) = entry.library.as_ref().filter(|bytes| !bytes.is_empty()) {
            let library = self.library(stem, entry);
            if let Some(place) = library.parent() {
                tokio::fs::create_dir_all(place).await?;
            }
            // The process for cells may have a file of that name in its memory.
            let fresh = library.with_extension("new");
            tokio::fs::write(&fresh, bytes).await?;
            tokio::fs::rename(&fresh, library).await?;
        }
        Ok(())
    }

    async fn call(&self, stem: &str, goal: Goal) -> Result<Entry, CompileError> {
        // A place for this call alone: when a compiler is stopped, its linker may go on for a while.
        let place = tempfile::Builder::new().prefix("rustc-").tempdir_in(self.directory).map_err(CompileError::File)?;
        let library = place.path().join(library_name(stem));
        let (mir, rules) = (place.path().join("types.mir"), place.path().join("rules.d"));
        let mut emit = OsString::from("--emit=dep-info=");
        emit.push(&rules);
        for (kind, file) in
            [(",link=", goal.has_library().then_some(&library)), (",mir=", goal.has_types().then_some(&mir))]
        {
            if let Some(file) = file {
                emit.push(kind);
                emit.push(file);
            }
        }
        let source_file = format!("{stem}.rs");
        let mut command = Command::new(&self.environment.tools.rustc);
        command
            .current_dir(self.directory)
            .args(FLAGS)
            .args(level(self.environment, goal, self.release))
            .arg(emit)
            .args(files_between(place.path()))
            .args(&self.environment.tools.arguments)
            .arg(&source_file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        end_with_caller(&mut command);
        if self.ahead {
            behind_others(&mut command);
        }
        log(command.as_std());
        let finished = command.output().await.map_err(CompileError::Start)?;
        let success = finished.status.success();
        let read = |path: PathBuf| async move {
            let bytes = tokio::fs::read(path).await.map_err(CompileError::File)?;
            Ok::<_, CompileError>(String::from_utf8_lossy(&bytes).into_owned())
        };
        // Rules are written before errors are found, if it comes to that.
        let rules = read(rules).await.unwrap_or_default();
        Ok(Entry {
            success,
            library: match goal.has_library() && success {
                true => Some(tokio::fs::read(library).await.map_err(CompileError::File)?),
                false => None,
            },
            types: match goal.has_types() && success {
                true => Arc::new(mir::read(&read(mir).await?)),
                false => Arc::default(),
            },
            messages: String::from_utf8_lossy(&finished.stderr).into_owned(),
            inputs: Inputs::read(&rules, self.directory, &source_file),
        })
    }
}

fn library_name(stem: &str) -> String {
    format!("lib{stem}{}", std::env::consts::DLL_SUFFIX)
}

/// Compiles `directory/stem.rs` again as it was, but with the lines of its code, and
/// returns that library. The code in it is the same.
pub async fn compile_with_lines(environment: &Environment, directory: &Path, stem: &str) -> Option<PathBuf> {
    let library = directory.join(format!("lib{stem}_lines{}", std::env::consts::DLL_SUFFIX));
    let mut emit = OsString::from("--emit=link=");
    emit.push(&library);
    let place = tempfile::Builder::new().prefix("rustc-").tempdir_in(directory).ok()?;
    let mut command = Command::new(&environment.tools.rustc);
    command
        .current_dir(directory)
        .args(FLAGS)
        .args(level(environment, Goal::Library, stem.ends_with(RELEASE)))
        .arg("-Cdebuginfo=line-tables-only")
        .arg(emit)
        .args(files_between(place.path()))
        .args(&environment.tools.arguments)
        .arg(format!("{stem}.rs"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    end_with_caller(&mut command);
    command.status().await.is_ok_and(|status| status.success()).then_some(library)
}

/// Where the compiler puts what it hands to the linker. These files have the same names for all
/// cells: where two are compiled at the same time, one would be linked with the code of the other.
fn files_between(place: &Path) -> [OsString; 2] {
    ["--out-dir".into(), place.into()]
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

/// Gives it what processor time others leave.
fn behind_others(command: &mut Command) {
    const LAST: i32 = 19;
    // SAFETY: runs between fork and exec, where this system call is allowed. If it fails, it
    // is compiled like anything else.
    unsafe {
        command.pre_exec(|| {
            nix::libc::setpriority(nix::libc::PRIO_PROCESS, 0, LAST);
            Ok(())
        });
    }
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
    // Statics of earlier cells are found when the library is loaded.
    #[cfg(target_os = "macos")]
    "-Clink-args=-undefined dynamic_lookup",
];

/// How the name of a text ends that is compiled as `cargo build --release` would.
const RELEASE: &str = "_release";

/// What cells are optimised to, unless it is asked for something else.
pub const USUAL_LEVEL: u8 = 2;

fn level(environment: &Environment, goal: Goal, release: bool) -> Vec<String> {
    // Types are the same at every level.
    if goal == Goal::Types {
        return vec!["-Copt-level=0".to_owned()];
    }
    // What is measured is the release code, also when backtraces are wanted.
    if release {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::native::toolchain::Toolchain;

    #[tokio::test]
    async fn cells_that_are_compiled_at_the_same_time_keep_their_own_code() {
        let toolchain = Toolchain::find().await.expect("Rust is installed");
        let environment = Environment {
            tools: Arc::new(Tools {
                rustc: toolchain.rustc.clone(),
                arguments: Vec::new(),
                digest: [0; 32],
                extern_crates: String::new(),
                crates: Vec::new(),
                has_dependencies: false,
            }),
            opt_level: USUAL_LEVEL,
            debug_lines: false,
            style: Style::default(),
        };
        let directory = tempfile::tempdir().expect("a temporary directory");
        let cache = Cache::default();
        let compiler = Compiler {
            environment: &environment,
            directory: directory.path(),
            cache: &cache,
            release: false,
            ahead: false,
        };
        let marks: Vec<String> = (0..4).map(|number| format!("the code of cell number {number}")).collect();
        let compile = async |mark: &String| {
            let text = format!("#[unsafe(no_mangle)] pub fn told() -> &'static str {{ \"{mark}\" }}");
            let key = compiler.key(&text, Goal::Code);
            compiler.compile(&text, Goal::Code, &key).await.map(|compiled| compiled.library)
        };
        let (one, two, three, four) =
            tokio::join!(compile(&marks[0]), compile(&marks[1]), compile(&marks[2]), compile(&marks[3]));
        for (library, mark) in [one, two, three, four].into_iter().zip(&marks) {
            let library = library.unwrap_or_else(|error| panic!("{mark}: {error}"));
            let bytes = std::fs::read(library).expect("it was written");
            let found = memchr::memmem::find(&bytes, mark.as_bytes());
            assert!(found.is_some(), "{mark}: another cell's code is in its library");
        }
    }
}
