//! The command line: what `threadbook …` was asked to do, handed to the part that does it.
//!
//! Each subcommand has a file of its own with its arguments and a `run` function.
//! An error ends the program with a message on stderr, `threadbook: …`, and exit
//! code 1, or 2 where the command could not even start (wrong arguments, `run`
//! without a notebook that it can read). `running` lists the codes of what was run.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::engine::{self, Engine};

mod cache;
mod install;
mod kernel;
mod parameters;
mod prelude;
mod run;
mod running;
mod sweep;
mod worker;

#[derive(Parser)]
#[command(name = "threadbook", version, about = "A Jupyter kernel for Rust")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Be a kernel: Jupyter calls this
    Kernel(kernel::Arguments),
    /// Tell Jupyter about this kernel
    Install(install::Arguments),
    /// Take back what `install` wrote
    Uninstall(install::Arguments),
    /// Run a notebook in the terminal, without Jupyter
    Run(run::Arguments),
    /// Run a notebook with all combinations of several values, and make a table of its results
    Sweep(sweep::Arguments),
    /// Read a cell of parameters: papermill's translator calls this
    #[command(hide = true)]
    Parameters,
    /// Build the prelude library for the present Rust compiler
    Prelude,
    /// Say what is kept of compiled cells, or clear it (THREADBOOK_CACHE_SIZE: at most so many MiB, 0 for nothing)
    Cache(cache::Arguments),
    /// Run compiled cells: the kernel calls this
    #[command(hide = true)]
    Worker(worker::Arguments),
}

/// What is to compile cells.
#[derive(clap::Args)]
struct EngineChoice {
    /// What compiles the cells
    #[arg(long, value_enum, value_name = "ENGINE", default_value_t)]
    engine: Engine,
}

impl EngineChoice {
    /// # Errors
    /// When this build does not have it.
    fn get(&self) -> Result<Engine, &'static str> {
        if self.engine.is_there() { Ok(self.engine) } else { Err(engine::NOT_THERE) }
    }
}

type CommandResult = Result<ExitCode, Box<dyn Error>>;

/// Parses the command line, does what it says and returns the exit code.
pub fn main() -> ExitCode {
    let command = Cli::parse().command;
    // The worker runs user code and has a hook of its own: a panic there is no bug of ours.
    if !matches!(command, Command::Worker(_)) {
        report_panics_in_one_line();
    }
    let runs = matches!(command, Command::Run(_) | Command::Sweep(_) | Command::Parameters);
    let could_not_start = if runs { 2 } else { 1 };
    let result = match command {
        Command::Kernel(arguments) => kernel::run(&arguments),
        Command::Install(arguments) => install::install(&arguments),
        Command::Uninstall(arguments) => install::uninstall(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Sweep(arguments) => sweep::run(&arguments),
        Command::Parameters => parameters::run(),
        Command::Prelude => prelude::run(),
        Command::Cache(arguments) => cache::run(&arguments),
        Command::Worker(arguments) => worker::run(&arguments),
    };
    result.unwrap_or_else(|error| {
        report(&error.to_string());
        ExitCode::from(could_not_start)
    })
}

/// Says it on stderr. A stderr that is closed must not end the program.
fn report(message: &str) {
    let _ = writeln!(std::io::stderr(), "threadbook: {message}");
}

fn report_panics_in_one_line() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let text = text.unwrap_or("no message").replace('\n', " ");
        let version = env!("CARGO_PKG_VERSION");
        report(&format!(
            "internal error in version {version} at {place}: {text}; \
             please report this as a bug, with this line and the cell that you ran"
        ));
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn only_one_place_to_install_to_is_accepted() {
        assert!(Cli::try_parse_from(["threadbook", "install", "--user"]).is_ok());
        assert!(Cli::try_parse_from(["threadbook", "install"]).is_ok());
        assert!(Cli::try_parse_from(["threadbook", "install", "--user", "--sys-prefix"]).is_err());
        assert!(Cli::try_parse_from(["threadbook", "uninstall", "--prefix", "/p", "--user"]).is_err());
    }

    #[test]
    fn a_cell_timeout_is_a_positive_number_of_seconds() {
        assert!(Cli::try_parse_from(["threadbook", "run", "n.ipynb", "--cell-timeout", "0.5"]).is_ok());
        for bad in ["0", "-1", "soon", "NaN", "inf"] {
            assert!(Cli::try_parse_from(["threadbook", "run", "n.ipynb", "--cell-timeout", bad]).is_err(), "{bad}");
        }
    }
}
