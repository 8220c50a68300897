//! `threadbook run`: a notebook run in the terminal.

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use super::{CommandResult, report};
use crate::notebook::{self, Destination, Ending, Notebook, Options, Terminal};
use crate::session::Session;

#[derive(clap::Args)]
#[command(after_help = "Exit code: 0 when all cells ran, 1 when a cell failed, 2 when the run could not start.")]
pub struct Arguments {
    /// The notebook, an .ipynb file
    notebook: PathBuf,
    /// Where to write the notebook with its outputs [default: NOTEBOOK.out.ipynb]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Go on after a cell that failed
    #[arg(long)]
    allow_errors: bool,
    /// Interrupt a cell that runs longer than this
    #[arg(long, value_name = "SECONDS", value_parser = positive_seconds)]
    cell_timeout: Option<Duration>,
}

fn positive_seconds(text: &str) -> Result<Duration, String> {
    let duration = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.filter(|duration| !duration.is_zero()).ok_or_else(|| "give a number of seconds above 0".to_owned())
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let mut notebook = Notebook::read(&arguments.notebook)?;
    let output = arguments.output.clone().unwrap_or_else(|| Destination::beside(&arguments.notebook));
    let destination = Destination::open(&output)?;
    // Cells find files beside their notebook, as they do in Jupyter.
    if let Some(folder) = std::path::absolute(&arguments.notebook)?.parent() {
        env::set_current_dir(folder)?;
    }
    let options = Options { allow_errors: arguments.allow_errors, cell_timeout: arguments.cell_timeout };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ending = runtime.block_on(async {
        let interpreter = Session::start(Arc::default());
        let stop = stop_on_signals()?;
        let terminal = Terminal::new(Box::new(anstream::AutoStream::auto(std::io::stdout())));
        Ok::<_, Box<dyn Error>>(notebook::run(&interpreter, &mut notebook, &options, terminal, &stop).await)
    })?;
    let written = destination.path().display().to_string();
    let saved = destination.write(&notebook);
    let (message, code) = match ending {
        Ending::Completed => ("all cells ran".to_owned(), ExitCode::SUCCESS),
        Ending::Failed { number, error } => {
            (format!("In[{number}] failed: {}: {}", error.name, error.value), ExitCode::FAILURE)
        }
        Ending::Stopped { number } => (format!("stopped in In[{number}]"), ExitCode::FAILURE),
        Ending::Stuck { number } => {
            (format!("gave up, for In[{number}] did not stop when it was interrupted"), ExitCode::FAILURE)
        }
    };
    match saved {
        Ok(()) => report(&format!("{message}; the outputs are in {written}")),
        Err(error) => {
            report(&message);
            report(&error.to_string());
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(code)
}

/// Ctrl-C or a request to terminate stops the run, and a second one at once.
fn stop_on_signals() -> std::io::Result<Arc<Notify>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stop = Arc::new(Notify::new());
    let notify = stop.clone();
    tokio::spawn(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        notify.notify_one();
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        std::process::exit(1);
    });
    Ok(stop)
}
