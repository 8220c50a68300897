//! What `run` and `sweep` have in common: their options, exit codes, screen and stop.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use super::EngineChoice;
use crate::notebook::parameters::{self, Given};
use crate::notebook::{Ending, Options, Terminal, Width};

/// Exit codes; 2, for a run that could not start, is `command::main`'s.
pub const FAILED: u8 = 1;
pub const TOO_LONG: u8 = 3;
pub const NOT_WRITTEN: u8 = 4;
/// As a shell tells of a program that Ctrl-C has ended.
pub const STOPPED: u8 = 130;

pub const EXIT_CODES: &str = "\
Exit codes:
    0  all cells ran
    1  a cell failed
    2  nothing was run: the arguments, a parameter or the notebook is wrong
    3  a cell ran longer than --cell-timeout, or did not stop when it was interrupted
    4  a result could not be written
  130  stopped by Ctrl-C or a request to terminate (a second one does not wait for the cell)";

/// Values for parameters.
#[derive(clap::Args)]
pub struct Values {
    /// Give a parameter another value, of the type that it has (-p workers=8)
    #[arg(short = 'p', long = "parameter", value_name = "NAME=VALUE")]
    pub parameters: Vec<String>,
    /// Take values from a YAML file, a line `name: value` for each parameter; those of -p count more
    #[arg(short = 'y', long = "parameters-file", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// List the parameters with their types, defaults and comments, and run nothing
    #[arg(long)]
    pub help_notebook: bool,
}

impl Values {
    /// # Errors
    /// When a file cannot be read or an argument has no value.
    pub fn in_files(&self) -> Result<Given, parameters::Error> {
        let files = self.files.iter().map(|file| parameters::from_yaml_file(file));
        files.collect::<Result<Vec<_>, _>>().map(|files| files.into_iter().fold(Given::new(), parameters::merged))
    }

    /// # Errors
    /// When an argument has no value.
    pub fn in_arguments(&self) -> Result<Given, parameters::Error> {
        let given = self.parameters.iter().map(|argument| parameters::from_command_line(argument));
        Ok(parameters::merged(Given::new(), given.collect::<Result<_, _>>()?))
    }
}

/// How cells are run.
#[derive(clap::Args)]
pub struct Limits {
    /// Go on after a cell that failed
    #[arg(long)]
    allow_errors: bool,
    /// Interrupt a cell that runs longer than this
    #[arg(long, value_name = "SECONDS", value_parser = positive_seconds)]
    cell_timeout: Option<Duration>,
    #[command(flatten)]
    pub engine: EngineChoice,
}

impl Limits {
    pub fn options(&self) -> Options {
        Options { allow_errors: self.allow_errors, cell_timeout: self.cell_timeout }
    }
}

fn positive_seconds(text: &str) -> Result<Duration, String> {
    let duration = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.filter(|duration| !duration.is_zero()).ok_or_else(|| "give a number of seconds above 0".to_owned())
}

/// What a list of the notebook's parameters calls it.
pub fn name_of(notebook: &Path) -> String {
    notebook.file_name().unwrap_or(notebook.as_os_str()).to_string_lossy().into_owned()
}

/// Makes the notebook's folder the working directory: cells find files beside their
/// notebook, as they do in Jupyter.
///
/// # Errors
/// When the folder cannot be entered.
pub fn enter_folder(notebook: &Path) -> std::io::Result<()> {
    match std::path::absolute(notebook)?.parent() {
        Some(folder) => std::env::set_current_dir(folder),
        None => Ok(()),
    }
}

/// How a run ended, in words and as an exit code.
pub fn told(ending: &Ending) -> (String, u8) {
    match ending {
        Ending::Completed => ("all cells ran".to_owned(), 0),
        Ending::Failed { number, error } => (format!("In[{number}] failed: {}: {}", error.name, error.value), FAILED),
        Ending::TimedOut { number, limit } => {
            (format!("In[{number}] ran longer than {} s and was interrupted", limit.as_secs_f64()), TOO_LONG)
        }
        Ending::Stopped { number } => (format!("stopped in In[{number}]"), STOPPED),
        Ending::Stuck { number } => {
            (format!("gave up, for In[{number}] did not stop when it was interrupted"), TOO_LONG)
        }
    }
}

/// A terminal on stdout: with a bar where somebody can see it.
pub fn terminal() -> Terminal {
    let (to, bar) = screen();
    Terminal::new(to, bar)
}

/// One that shows only how far the run is.
pub fn terminal_of_progress(title: String) -> Terminal {
    let (to, bar) = screen();
    Terminal::of_progress(to, bar, title)
}

fn screen() -> (Box<dyn Write + Send>, Option<Width>) {
    let stdout = AutoStream::auto(std::io::stdout());
    // What erases a line is an ANSI sequence, too.
    let can_erase = stdout.current_choice() != ColorChoice::Never && std::io::stdout().is_terminal();
    (Box::new(stdout), can_erase.then_some(columns as Width))
}

fn columns() -> usize {
    terminal_size::terminal_size().map_or(80, |(width, _)| width.0.into())
}

/// Ctrl-C or a request to terminate stops the running cell, a second one gives it up, a third
/// ends the program at once.
pub fn stop_on_signals() -> std::io::Result<Arc<Notify>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stop = Arc::new(Notify::new());
    let notify = stop.clone();
    tokio::spawn(async move {
        for _ in 0..2 {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            notify.notify_one();
        }
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        std::process::exit(STOPPED.into());
    });
    Ok(stop)
}

/// Writes to stdout, whether somebody reads it or not.
pub fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

pub fn exit(code: u8) -> ExitCode {
    ExitCode::from(code)
}
