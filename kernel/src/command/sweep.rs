//! `threadbook sweep`: a notebook run with all combinations of several values.

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use serde_json::Value;

use super::running::{self, Limits, Values};
use super::{CommandResult, report};
use crate::engine::Engine;
use crate::notebook::parameters::{self, Alternatives, Given};
use crate::notebook::sweep::{self, MOST_RUNS, Row, Table, plot::plot, table::exact};
use crate::notebook::{self, Destination, Ending, Notebook, Options, papermill, results};
use crate::session::Session;

const AFTER_HELP: &str = "\
Several values for a parameter stand in one -p with commas between them: -p workers=1,2,4,8; commas
within brackets and quotes belong to a value. In a YAML file they are a list.

Writes into the folder a notebook for each run (run-1.ipynb, …), and the values that cells record
with `%result NAME` as results.csv, results.md and results.svg.

Exit codes: as those of `threadbook run`; a run that fails does not keep the others from being run.";

#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    /// The notebook, an .ipynb file
    notebook: PathBuf,
    /// Where to write the notebooks and tables [default: NOTEBOOK.sweep]
    #[arg(long, short, value_name = "FOLDER")]
    output: Option<PathBuf>,
    #[command(flatten)]
    values: Values,
    #[command(flatten)]
    limits: Limits,
}

#[derive(Debug, thiserror::Error)]
enum SweepError {
    #[error("there is nothing to change from run to run; give a parameter several values: -p workers=1,2,4,8")]
    NoParameters,
    #[error("these are more than {MOST_RUNS} runs; give the parameters fewer values")]
    TooMany,
    #[error("cannot write to the folder {}: {source}; choose another with `--output FOLDER`", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
}

/// A run that is prepared.
struct Planned {
    notebook: Notebook,
    /// `workers=2, mode=fast`
    name: String,
    parameters: Vec<Value>,
    destination: Destination,
    /// The file's name.
    file: String,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let engine = arguments.limits.engine.get()?;
    let notebook = Notebook::read(&arguments.notebook)?;
    let name = running::name_of(&arguments.notebook);
    let known = parameters::of_notebook(&notebook)?;
    if arguments.values.help_notebook {
        running::print(&known.list(&name));
        return Ok(running::exit(0));
    }
    let from_files = arguments.values.in_files()?.into_iter().map(|(parameter, value)| {
        let values = parameters::alternatives_in_yaml(&known, &parameter, value);
        (parameter, values)
    });
    let from_arguments = arguments.values.in_arguments()?.into_iter().map(|(parameter, value)| {
        let values = parameters::alternatives_in_text(&exact(&value));
        (parameter, values)
    });
    let alternatives: Alternatives = parameters::merged(from_files.collect(), from_arguments.collect());
    if alternatives.is_empty() {
        return Err(SweepError::NoParameters.into());
    }
    let combinations = sweep::combinations(&alternatives).ok_or(SweepError::TooMany)?;
    let folder = arguments.output.clone().unwrap_or_else(|| arguments.notebook.with_extension("sweep"));
    let unwritable = |source| SweepError::Unwritable { path: folder.clone(), source };
    let plan = Plan { input: &arguments.notebook, name: &name, folder: &folder, notebook: &notebook };
    // Nothing is made when a value is wrong.
    plan.check(&combinations)?;
    fs::create_dir_all(&folder).map_err(unwritable)?;
    let folder = fs::canonicalize(&folder).map_err(unwritable)?;
    let planned = combinations.iter().enumerate().map(|(index, given)| plan.run(index + 1, given));
    let planned = planned.collect::<Result<Vec<_>, _>>()?;
    running::enter_folder(&arguments.notebook)?;

    let names = alternatives.into_iter().map(|(name, _)| name).collect();
    let mut table = Table { parameters: names, rows: Vec::new() };
    let options = arguments.limits.options();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let code = runtime.block_on(all(engine, planned, &options, &folder, &mut table))?;
    running::print(&format!("\n{}", table.to_markdown().trim_end()));
    if table.results().is_empty() {
        report("no cell has recorded a result; a line `%result NAME` or `%result NAME EXPRESSION` does");
    }
    report(&format!("the notebooks, results.csv, results.md and results.svg are in {}", folder.display()));
    Ok(running::exit(code))
}

struct Plan<'a> {
    input: &'a Path,
    name: &'a str,
    folder: &'a Path,
    notebook: &'a Notebook,
}

impl Plan<'_> {
    fn check(&self, combinations: &[Given]) -> Result<(), parameters::Error> {
        let mut tried = self.notebook.clone();
        combinations.iter().try_for_each(|given| parameters::inject(&mut tried, given, self.name).map(drop))
    }

    fn run(&self, number: usize, given: &Given) -> Result<Planned, Box<dyn Error>> {
        let mut notebook = self.notebook.clone();
        let recorded = parameters::inject(&mut notebook, given, self.name)?;
        let value = |name: &String| recorded.get(name).cloned().unwrap_or_default();
        let parameters: Vec<Value> = given.iter().map(|(name, _)| value(name)).collect();
        let pairs = given.iter().zip(&parameters).map(|((name, _), value)| format!("{name}={}", exact(value)));
        let name = pairs.collect::<Vec<_>>().join(", ");
        let file = format!("run-{number}.ipynb");
        let output = self.folder.join(&file);
        papermill::describe(&mut notebook, self.input, &output, recorded);
        Ok(Planned { notebook, name, parameters, destination: Destination::open(&output)?, file })
    }
}

/// Runs one after the other, and writes the table anew after each. Returns the exit code.
async fn all(
    engine: Engine,
    planned: Vec<Planned>,
    options: &Options,
    folder: &Path,
    table: &mut Table,
) -> Result<u8, Box<dyn Error>> {
    let stop = running::stop_on_signals()?;
    let total = planned.len();
    let mut code = 0;
    for (index, mut run) in planned.into_iter().enumerate() {
        let title = format!("run {} of {total}: {}", index + 1, run.name);
        let began = Instant::now();
        let rust_version = Arc::new(OnceLock::new());
        let interpreter = Session::start(engine, rust_version.clone());
        let terminal = running::terminal_of_progress(format!("{title}  "));
        let ending = notebook::run(&interpreter, &mut run.notebook, options, terminal, &stop).await;
        let seconds = began.elapsed().as_secs_f64();
        run.notebook.add_language_info(rust_version.get().map_or("", String::as_str));
        let (message, ended_with) = running::told(&ending);
        let error = (ending != Ending::Completed).then_some(message);
        let results = results::of_notebook(&run.notebook);
        running::print(&format!("{title}: {}", summary(&results, seconds, error.as_deref())));
        if let Err(error) = run.destination.write(&run.notebook) {
            report(&error.to_string());
            code = running::NOT_WRITTEN;
        }
        table.rows.push(Row { parameters: run.parameters, results, seconds, notebook: run.file, error });
        if let Err(error) = write(table, folder) {
            report(&SweepError::Unwritable { path: folder.to_owned(), source: error }.to_string());
            code = running::NOT_WRITTEN;
        }
        // The first failure tells more than those that may follow from it.
        if code == 0 || ended_with == running::STOPPED {
            code = ended_with;
        }
        if ended_with == running::STOPPED {
            break;
        }
    }
    Ok(code)
}

fn summary(results: &[results::Recorded], seconds: f64, error: Option<&str>) -> String {
    let unit = |result: &results::Recorded| result.unit.map(|unit| format!(" {unit}")).unwrap_or_default();
    let mut parts: Vec<String> =
        results.iter().map(|result| format!("{}={}{}", result.name, exact(&result.value), unit(result))).collect();
    parts.extend(error.map(str::to_owned));
    parts.push(format!("took {seconds:.2} s"));
    parts.join(", ")
}

fn write(table: &Table, folder: &Path) -> io::Result<()> {
    fs::write(folder.join("results.csv"), table.to_csv()?)?;
    fs::write(folder.join("results.md"), table.to_markdown())?;
    match plot(table) {
        Some(svg) => fs::write(folder.join("results.svg"), svg),
        None => Ok(()),
    }
}
