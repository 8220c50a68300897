//! What the lines of a cell do that are for the kernel.
//!
//! [`run`] takes a cell through its steps in order: stretches of Rust go to the notebook,
//! each magic to the function for it, in the module for its kind. A cell magic runs the lines
//! below it by [`run`] again, so that they nest: `%%timeout 5` above `%%capture`.

mod about;
mod capture;
mod crates;
mod environment;
mod errors;
mod expect;
mod files;
mod forget;
mod generated;
mod history;
mod imagined;
mod interpolate;
mod listing;
mod names;
mod question;
mod result;
mod run_file;
mod settings;
mod shell;
mod timeout;
mod timing;
mod types;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Notify;

use super::notebook::{Notebook, ResultSender, Stop};
use super::notices::{show_data, show_text};
use super::report;
use crate::cell::magic::table::Id;
use crate::cell::magic::{self, Call, Known, Step};
use crate::cell::source::CellSource;
use crate::definitions::Definitions;
use crate::engine::native::measure::Measure;
use crate::interpreter::NextInput;
use crate::output::{CellError, MimeBundle, Output};
use crate::worker::router::RunOutput;

pub use history::History;

/// A cell that is being run, and what it may use.
pub struct Cell {
    pub source: Arc<CellSource>,
    pub output: Output,
    /// Where the value of its last expression goes, instead of `output`.
    pub result: ResultSender,
    pub allow_stdin: bool,
    pub stop: Stop,
    /// How its code is measured.
    pub measure: Measure,
    /// Told when compiled code of it begins to run.
    pub begun: Arc<Notify>,
    /// The files that are being run by `%run`, the innermost last.
    pub files: Vec<PathBuf>,
    /// Text for the front end's pager.
    pub page: Option<MimeBundle>,
    /// Text for the next input, or for this one.
    pub next_input: Option<NextInput>,
    /// The kernel is to end after this cell.
    pub quit: bool,
}

impl Cell {
    /// A cell that has not begun.
    pub fn new(source: Arc<CellSource>, output: Output, result: ResultSender, allow_stdin: bool, stop: Stop) -> Cell {
        Cell {
            source,
            output,
            result,
            allow_stdin,
            stop,
            measure: Measure::No,
            begun: Arc::default(),
            files: Vec::new(),
            page: None,
            next_input: None,
            quit: false,
        }
    }

    /// Where what its code shows goes.
    pub fn outputs(&self) -> RunOutput {
        RunOutput { output: self.output.clone(), allow_stdin: self.allow_stdin, result: self.result.clone() }
    }

    /// The same for a part of the cell: only the last value of a cell is shown.
    fn outputs_of_part(&self, is_last: bool) -> RunOutput {
        let mut outputs = self.outputs();
        if !is_last {
            outputs.result.get_or_insert_with(|| tokio::sync::mpsc::unbounded_channel().0);
        }
        outputs
    }

    /// What was given to a magic after its options.
    fn words(&self, call: &Call) -> &str {
        &self.source.text[call.given.rest.clone()]
    }
}

impl Known for Definitions {
    fn is_rust(&self, name: &str) -> bool {
        self.variables.contains_key(name)
            || self.items.iter().any(|stored| stored.item.names.iter().any(|known| known == name))
    }

    fn is_fallible(&self, name: &str) -> bool {
        let mut parts = name.split('.');
        let variable = self.variables.get(parts.next().unwrap_or_default());
        let type_name = variable.map(|variable| variable.type_name.as_str());
        let members: Vec<&str> = parts.collect();
        if members.is_empty() {
            let fallible =
                ["std::result::Result<", "std::option::Option<", "std::task::Poll<", "std::ops::ControlFlow<"];
            return type_name.is_some_and(|type_name| fallible.iter().any(|path| type_name.starts_with(path)));
        }
        // Types of the notebook and tuples have fields that can be asked so; for others it is a
        // method's name.
        let has_fields = |type_name: &str| {
            let is_path = type_name.contains("::") || type_name.starts_with(char::is_uppercase);
            type_name.starts_with('(') || is_path && !type_name.starts_with("std::")
        };
        members.contains(&"await") || type_name.is_some_and(has_fields)
    }
}

fn usage_error(text: impl AsRef<str>) -> CellError {
    report::plain("UsageError", text.as_ref())
}

/// Runs the bytes `range` of a cell.
///
/// # Errors
/// What the front end is to show as the cell's error. Nothing was run when a magic cannot be
/// read.
pub async fn run(notebook: &mut Notebook, cell: &mut Cell, range: Range<usize>) -> Result<(), CellError> {
    let source = cell.source.clone();
    let steps = magic::steps(&source.text, range, &notebook.definitions).map_err(usage_error)?;
    let mut rest = steps.as_slice();
    while let Some((step, after)) = rest.split_first() {
        rest = after;
        if notebook.is_imagined() {
            match imagined::effect(step) {
                imagined::Effect::AsUsual => {}
                imagined::Effect::None => continue,
                imagined::Effect::Unknown => return Err(imagined::stop()),
            }
        }
        match step {
            Step::Code(code) => {
                let outputs = cell.outputs_of_part(rest.is_empty());
                notebook.run_code(&source, code.clone(), outputs, cell).await?;
            }
            Step::Line(call) if call.magic.id == Id::Dep => {
                let dep = |step: &Step| match step {
                    Step::Line(call) if call.magic.id == Id::Dep => Some(call.given.rest.clone()),
                    _ => None,
                };
                let together: Vec<&str> =
                    std::iter::once(step).chain(after).map_while(dep).map(|rest| &source.text[rest]).collect();
                rest = &after[together.len() - 1..];
                crates::add(notebook, cell, &together).await?;
            }
            Step::Line(call) => line(notebook, cell, call, rest.is_empty()).await?,
            Step::Cell(call, body) => Box::pin(whole(notebook, cell, call, body.clone())).await?,
            Step::Shell(command) => shell::run(notebook, cell, command).await?,
            Step::ShellInto { name, mutable, command } => {
                shell::run_into(notebook, cell, (name, *mutable), command).await?;
            }
            Step::Question { name, more } => question::answer(notebook, cell, name, *more).await,
        }
        if cell.quit {
            break;
        }
    }
    Ok(())
}

/// Carries out a line.
async fn line(notebook: &mut Notebook, cell: &mut Cell, call: &Call, is_last: bool) -> Result<(), CellError> {
    let words = cell.words(call).to_owned();
    match call.magic.id {
        Id::Time => timing::time_line(notebook, cell, call, is_last).await?,
        Id::Timeit => timing::timeit_line(notebook, cell, call, is_last).await?,
        Id::Timeline => timing::timeline_line(notebook, cell, call, is_last).await?,
        Id::Help => show_text(listing::help(), &cell.output).await,
        Id::Lsmagic => show_text(listing::magics(), &cell.output).await,
        Id::Vars => show_data(names::vars(notebook), &cell.output).await,
        Id::Who => show_text(names::who(notebook, &words), &cell.output).await,
        Id::Whos => show_data(names::whos(notebook, &words), &cell.output).await,
        Id::History => history::show(notebook, cell, call).await?,
        Id::Type => types::show(notebook, cell, call).await?,
        Id::Doc => question::doc(notebook, cell, &words).await?,
        Id::Explain => show_data(errors::explain(notebook, &words).await?, &cell.output).await,
        Id::Reset => forget::reset(notebook, cell, call).await?,
        Id::Clear => forget::clear(notebook).await?,
        Id::Restart => forget::restart(notebook, cell).await?,
        Id::Opt => settings::opt(notebook, cell, &words).await?,
        Id::Fmt => settings::fmt(notebook, cell, &words).await?,
        Id::Efmt => settings::efmt(notebook, cell, &words).await?,
        Id::Types => settings::types(notebook, cell, &words).await?,
        Id::Timing => settings::timing(notebook, cell, &words).await?,
        Id::Version => show_text(about::version(notebook), &cell.output).await,
        Id::Engine => show_text(about::engine(notebook), &cell.output).await,
        Id::ShowDeps => show_text(about::added_crates(notebook), &cell.output).await,
        Id::LastCompileDir => show_text(about::last_compile_dir(notebook), &cell.output).await,
        Id::Evcxr => show_text(about::does_nothing(call), &cell.output).await,
        Id::Quit => cell.quit = true,
        Id::Checkpoint => settings::checkpoint(notebook, cell, &words).await?,
        Id::Cd => files::change_directory(notebook, cell, &words).await?,
        Id::Pwd => show_text(notebook.working_directory().display().to_string(), &cell.output).await,
        Id::Load => files::load(notebook, cell, &words).await?,
        Id::Result => result::line(notebook, cell, call).await?,
        Id::Run => Box::pin(run_file::run(notebook, cell, &words)).await?,
        Id::Env => environment::run(notebook, cell, &words).await?,
        Id::Backtrace => settings::backtrace(notebook, &words).await?,
        Id::Dep => crates::add(notebook, cell, &[&words]).await?,
        Id::Bash
        | Id::Capture
        | Id::CompileFail
        | Id::Script
        | Id::Sh
        | Id::ShouldPanic
        | Id::Timeout
        | Id::Writefile => return Err(usage_error(format!("`{}` takes a whole cell.", call.text))),
    }
    Ok(())
}

/// Carries out a cell magic, whose lines are the bytes `body`.
async fn whole(notebook: &mut Notebook, cell: &mut Cell, call: &Call, body: Range<usize>) -> Result<(), CellError> {
    match call.magic.id {
        Id::Time => timing::time_cell(notebook, cell, call, body).await,
        Id::Timeit => timing::timeit_cell(notebook, cell, call, body).await,
        Id::Timeline => timing::timeline_cell(notebook, cell, call, body).await,
        Id::Timeout => timeout::run(notebook, cell, call, body).await,
        Id::CompileFail => expect::compile_fail(notebook, cell, call, body).await,
        Id::Bash | Id::Sh | Id::Script => shell::script(notebook, cell, call, body).await,
        Id::Writefile => files::write(notebook, cell, call, body).await,
        Id::Capture => capture::run(notebook, cell, call, body).await,
        Id::ShouldPanic => expect::should_panic(notebook, cell, call, body).await,
        Id::Result => result::whole(notebook, cell, call, body).await,
        // The table has no other cell magics.
        _ => Err(usage_error(format!("`{}` cannot take a whole cell.", call.text))),
    }
}
