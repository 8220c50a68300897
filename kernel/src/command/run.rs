//! `threadbook run`: a notebook run in the terminal.

use std::error::Error;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::running::{self, Limits, Values};
use super::{CommandResult, report};
use crate::notebook::html::Converter;
use crate::notebook::{self, Destination, Notebook, papermill, parameters};
use crate::session::Session;

#[derive(clap::Args)]
#[command(after_help = running::EXIT_CODES)]
pub struct Arguments {
    /// The notebook, an .ipynb file
    notebook: PathBuf,
    /// Where to write the notebook with its outputs [default: NOTEBOOK.out.ipynb]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    values: Values,
    #[command(flatten)]
    limits: Limits,
    /// Write it as a web page, too (with Jupyter's nbconvert)
    #[arg(long)]
    html: bool,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let engine = arguments.limits.engine.get()?;
    let mut notebook = Notebook::read(&arguments.notebook)?;
    let name = running::name_of(&arguments.notebook);
    if arguments.values.help_notebook {
        running::print(&parameters::of_notebook(&notebook)?.list(&name));
        return Ok(running::exit(0));
    }
    let given = parameters::merged(arguments.values.in_files()?, arguments.values.in_arguments()?);
    let given = parameters::inject(&mut notebook, &given, &name)?;
    let converter = arguments.html.then(Converter::find).transpose()?;
    let output = arguments.output.clone().unwrap_or_else(|| Destination::beside(&arguments.notebook));
    let destination = Destination::open(&output)?;
    papermill::describe(&mut notebook, &arguments.notebook, &output, given);
    running::enter_folder(&arguments.notebook)?;
    let options = arguments.limits.options();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let rust_version = Arc::new(OnceLock::new());
    let ending = runtime.block_on(async {
        let interpreter = Session::start(engine, rust_version.clone());
        let stop = running::stop_on_signals()?;
        Ok::<_, Box<dyn Error>>(notebook::run(&interpreter, &mut notebook, &options, running::terminal(), &stop).await)
    })?;
    notebook.add_language_info(rust_version.get().map_or("", String::as_str));
    let (message, code) = running::told(&ending);
    let written = destination.path().to_owned();
    if let Err(error) = destination.write(&notebook) {
        report(&message);
        report(&error.to_string());
        return Ok(running::exit(running::NOT_WRITTEN));
    }
    let outputs = written.display();
    match converter.map(|converter| converter.convert(&written)).transpose() {
        Ok(None) => report(&format!("{message}; the outputs are in {outputs}")),
        Ok(Some(page)) => report(&format!("{message}; the outputs are in {outputs} and {}", page.display())),
        Err(error) => {
            report(&format!("{message}; the outputs are in {outputs}"));
            report(&error.to_string());
            return Ok(running::exit(if code == 0 { running::NOT_WRITTEN } else { code }));
        }
    }
    Ok(running::exit(code))
}
