//! The engine `evcxr`: cells are compiled by the crate evcxr.
//!
//! evcxr lives in a program of its own (the package `evcxr/` beside this one), which the
//! kernel starts and sends code ([`message`]). It makes a library of each cell and would run
//! it in a process of its own; that process is a bridge here, and the library is run by the
//! worker, like every cell. [`project`] is where evcxr works, [`text`] what it gets of a cell.

mod message;
mod project;
pub mod text;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixListener;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};

use self::message::Dependency;
pub use self::message::{FromEvcxr, Outcome, Ran, Rejection, ToEvcxr, Variable};
use self::project::Project;
use super::native::dependency_spec::DependencySpec;
use super::native::diagnostics::CompilerOutput;
use super::native::toolchain::Toolchain;

/// The program that holds evcxr lies beside this one.
const PROGRAM: &str = "threadbook-evcxr";

/// rust-analyzer reads the standard library at the start.
const START: Duration = Duration::from_secs(120);

#[derive(Debug, thiserror::Error)]
pub enum EvcxrError {
    #[error("{path} cannot be started: {source}; run `./install.sh install --engine evcxr` again")]
    NoProgram { path: PathBuf, source: std::io::Error },
    #[error("{0}")]
    Project(#[from] project::ProjectError),
    #[error("no socket for evcxr could be made: {0}")]
    Socket(std::io::Error),
    #[error("evcxr did not start: {0}")]
    Start(String),
    #[error("the prelude could not be built for evcxr: {0}")]
    Prelude(String),
    #[error("evcxr has ended; restart the kernel")]
    Ended,
}

/// evcxr, ready for code.
pub struct Evcxr {
    // Killed when dropped.
    _program: Child,
    to: OwnedWriteHalf,
    from: Lines<BufReader<OwnedReadHalf>>,
    project: Project,
    host: String,
    /// The process with the values was replaced, and evcxr does not know.
    pub values_lost: bool,
    /// The crates that were added, as `Cargo.toml` would have them.
    pub added: Vec<String>,
    /// The file of the prelude that the process with the values has loaded.
    loaded: Option<SystemTime>,
}

impl Evcxr {
    /// Starts evcxr, and builds the prelude for it unless that was done before. `progress`
    /// gets a line for each step.
    ///
    /// # Errors
    /// When evcxr is not installed, or cannot compile.
    pub async fn start(toolchain: &Toolchain, mut progress: impl FnMut(&str)) -> Result<Evcxr, EvcxrError> {
        let project = Project::take(toolchain)?;
        progress("Starting evcxr");
        let path = program();
        let directory = tempfile::Builder::new().prefix("tb-").tempdir().map_err(EvcxrError::Socket)?;
        let socket = directory.path().join("kernel");
        let listener = UnixListener::bind(&socket).map_err(EvcxrError::Socket)?;
        let mut command = Command::new(&path);
        command.arg("serve").arg(&socket).env("EVCXR_TMPDIR", project.directory());
        // A person's own start-up code would run before the prelude is there.
        command.env("EVCXR_CONFIG_DIR", project.directory());
        command.env("RUSTC", &toolchain.rustc).env_remove("RUSTC_WRAPPER");
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true).process_group(0);
        let mut program = command.spawn().map_err(|source| EvcxrError::NoProgram { path, source })?;
        let connected = tokio::select! {
            connected = listener.accept() => connected.map_err(EvcxrError::Socket)?,
            status = program.wait() => {
                return Err(EvcxrError::Start(status.map_or_else(|error| error.to_string(), |status| status.to_string())));
            }
        };
        let (from, to) = connected.0.into_split();
        let from = BufReader::new(from).lines();
        let host = toolchain.host.clone();
        let mut evcxr =
            Evcxr { _program: program, to, from, project, host, values_lost: false, added: Vec::new(), loaded: None };
        match tokio::time::timeout(START, evcxr.next()).await {
            Ok(Ok(FromEvcxr::Ready { error: None })) => {}
            Ok(Ok(FromEvcxr::Ready { error: Some(text) })) => return Err(EvcxrError::Start(text)),
            Ok(Ok(_)) => return Err(EvcxrError::Start("it said something else".to_owned())),
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(EvcxrError::Start(format!("it said nothing for {} s", START.as_secs()))),
        }
        progress(match evcxr.project.is_built(&evcxr.host) {
            true => "Looking for the prelude",
            false => "Building the prelude for evcxr (once, about a minute)",
        });
        evcxr.begin().await?;
        Ok(evcxr)
    }

    /// Makes the prelude known, and sets what is usual in a notebook.
    async fn begin(&mut self) -> Result<(), EvcxrError> {
        // Whether all crates are here is asked of each of them: a second for each with the network.
        for offline in [true, false] {
            let dependencies = self.project.dependencies();
            let code = project::NAMES.to_owned();
            match self.change(ToEvcxr::Begin { dependencies, code, offline }).await? {
                Outcome::Good => return Ok(()),
                _ if offline => {}
                other => return Err(EvcxrError::Prelude(other.words())),
            }
        }
        Ok(())
    }

    /// Forgets all that cells have made, and the added crates.
    ///
    /// # Errors
    /// When evcxr is gone.
    pub async fn clear(&mut self) -> Result<(), EvcxrError> {
        self.change(ToEvcxr::Clear).await?;
        (self.values_lost, self.added) = (false, Vec::new());
        Ok(())
    }

    /// Tells evcxr that all values are gone.
    ///
    /// # Errors
    /// When evcxr is gone.
    pub async fn lose_values(&mut self) -> Result<(), EvcxrError> {
        self.values_lost = false;
        self.send(&ToEvcxr::Execute { code: "0;".to_owned() }).await?;
        loop {
            match self.next().await? {
                FromEvcxr::Run { .. } => self.send(&ToEvcxr::Ran { ending: Ran::Lost }).await?,
                FromEvcxr::Done { .. } => return Ok(()),
                FromEvcxr::Ready { .. } => {}
            }
        }
    }

    /// Adds crates.
    ///
    /// # Errors
    /// When evcxr is gone; what it says against the crates is in the outcome.
    pub async fn add(&mut self, specs: &[DependencySpec]) -> Result<Outcome, EvcxrError> {
        let dependencies = specs.iter().map(|spec| {
            let text = spec.to_string();
            let config = text.split_once('=').map_or(text.as_str(), |(_, config)| config.trim());
            Dependency { name: spec.name().to_owned(), config: config.to_owned() }
        });
        let outcome = self.change(ToEvcxr::Add { dependencies: dependencies.collect() }).await?;
        if matches!(outcome, Outcome::Good) {
            self.added.extend(specs.iter().map(ToString::to_string));
        }
        Ok(outcome)
    }

    /// Whether evcxr accepts this code. Nothing is run.
    ///
    /// # Errors
    /// When evcxr is gone.
    pub async fn check(&mut self, code: String) -> Result<Outcome, EvcxrError> {
        self.change(ToEvcxr::Check { code }).await
    }

    /// Lets errors that a `?` meets be printed in this format.
    ///
    /// # Errors
    /// When evcxr is gone.
    pub async fn format_errors(&mut self, format: &str) -> Result<(), EvcxrError> {
        self.change(ToEvcxr::FormatErrors { format: format.to_owned() }).await.map(drop)
    }

    /// Does something for which nothing need be run.
    ///
    /// # Errors
    /// When evcxr is gone.
    async fn change(&mut self, order: ToEvcxr) -> Result<Outcome, EvcxrError> {
        self.send(&order).await?;
        loop {
            match self.next().await? {
                FromEvcxr::Run { .. } => self.send(&ToEvcxr::Ran { ending: Ran::Finished }).await?,
                FromEvcxr::Done { outcome, .. } => return Ok(outcome),
                FromEvcxr::Ready { .. } => {}
            }
        }
    }

    /// # Errors
    /// When evcxr is gone.
    pub async fn send(&mut self, message: &ToEvcxr) -> Result<(), EvcxrError> {
        let mut line = serde_json::to_vec(message).map_err(|_| EvcxrError::Ended)?;
        line.push(b'\n');
        self.to.write_all(&line).await.map_err(|_| EvcxrError::Ended)
    }

    /// The next message. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// When evcxr is gone.
    pub async fn next(&mut self) -> Result<FromEvcxr, EvcxrError> {
        let line = self.from.next_line().await.ok().flatten().ok_or(EvcxrError::Ended)?;
        serde_json::from_str(&line).map_err(|_| EvcxrError::Ended)
    }

    /// The text of the crate that was compiled last.
    pub fn crate_text(&self) -> String {
        self.project.crate_text()
    }

    /// The shared library with the prelude, which a worker loads before any cell.
    pub fn prelude(&mut self) -> PathBuf {
        let path = self.project.prelude(&self.host);
        self.loaded = modified(&path);
        path
    }

    /// The prelude was built again, for crates that were added since a worker has loaded it.
    pub fn has_new_prelude(&self) -> bool {
        self.loaded.is_some() && modified(&self.project.prelude(&self.host)) != self.loaded
    }

    /// Where evcxr works.
    pub fn directory(&self) -> &Path {
        self.project.directory()
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}

fn program() -> PathBuf {
    let beside = env::current_exe().ok().and_then(|own| Some(own.parent()?.join(PROGRAM)));
    beside.unwrap_or_else(|| PROGRAM.into())
}

/// How evcxr's crate is called where rustc names it.
pub const CRATE_FILE: &str = "src/lib.rs";

impl Outcome {
    /// What went wrong, in evcxr's words.
    pub fn words(self) -> String {
        match self {
            Outcome::Good => String::new(),
            Outcome::Failed { text } => text,
            Outcome::Rejected { errors, .. } => {
                errors.into_iter().map(|error| error.text).collect::<Vec<_>>().join("\n")
            }
        }
    }
}

/// What rustc has said, of errors that it has found; and what evcxr has found itself.
pub fn compiler_output(rejections: &[Rejection]) -> CompilerOutput {
    let mut lines = String::new();
    for rejection in rejections {
        match &rejection.rustc {
            // evcxr hands on warnings as well.
            serde_json::Value::Object(message) if message.get("level").is_some_and(|level| level == "warning") => {}
            serde_json::Value::Object(message) => {
                // A note that takes its error's place has no type.
                let mut message = message.clone();
                message.insert("$message_type".to_owned(), "diagnostic".into());
                message.insert("level".to_owned(), "error".into());
                lines.push_str(&serde_json::Value::Object(message).to_string());
            }
            _ => lines.push_str(&rejection.text),
        }
        lines.push('\n');
    }
    CompilerOutput::parse(&lines, CRATE_FILE)
}
