//! `%time`, `%timeline` and `%timeit`: code that is measured.

use std::ops::Range;

use super::{Cell, usage_error};
use crate::cell::magic::Call;
use crate::cell::magic::options::Given;
use crate::engine::native::measure::{Clock, Measure, Timeit, TimeitOptions};
use crate::language::tokens;
use crate::output::CellError;
use crate::session::notebook::Notebook;
use crate::session::notices::show_text;
use crate::session::report::INTERRUPTED;

/// Measures the statement behind `%time`.
pub async fn time_line(notebook: &mut Notebook, cell: &mut Cell, call: &Call, is_last: bool) -> Result<(), CellError> {
    if is_empty(cell, &call.given.rest) {
        return Err(usage_error("`%time` measures the statement behind it: `%time f()`."));
    }
    let result = statement(notebook, cell, call, is_last, Measure::Time).await;
    passed(result, &call.given, cell).await
}

/// Measures the bytes `body` of the cell, as they are run for the notebook.
pub async fn time_cell(
    notebook: &mut Notebook,
    cell: &mut Cell,
    call: &Call,
    body: Range<usize>,
) -> Result<(), CellError> {
    if !call.given.rest.is_empty() {
        return Err(usage_error("`%%time` measures the lines below it: write nothing behind it."));
    }
    let result = lines(notebook, cell, body, Measure::Time).await;
    passed(result, &call.given, cell).await
}

/// Records the tasks of the statement behind `%timeline`.
pub async fn timeline_line(
    notebook: &mut Notebook,
    cell: &mut Cell,
    call: &Call,
    is_last: bool,
) -> Result<(), CellError> {
    let measure = Measure::Timeline { variable: variable(&call.given).map_err(usage_error)? };
    if is_empty(cell, &call.given.rest) {
        return Err(usage_error("`%timeline` draws the tasks of the statement behind it: `%timeline f()`."));
    }
    statement(notebook, cell, call, is_last, measure).await
}

/// Records the tasks of the bytes `body` of the cell.
pub async fn timeline_cell(
    notebook: &mut Notebook,
    cell: &mut Cell,
    call: &Call,
    body: Range<usize>,
) -> Result<(), CellError> {
    let measure = Measure::Timeline { variable: variable(&call.given).map_err(usage_error)? };
    if !call.given.rest.is_empty() {
        return Err(usage_error("`%%timeline` draws the tasks of the lines below it: write nothing behind it."));
    }
    lines(notebook, cell, body, measure).await
}

/// Runs the statement behind a magic, measured.
async fn statement(
    notebook: &mut Notebook,
    cell: &mut Cell,
    call: &Call,
    is_last: bool,
    measure: Measure,
) -> Result<(), CellError> {
    let source = cell.source.clone();
    let outputs = cell.outputs_of_part(is_last);
    let outer = std::mem::replace(&mut cell.measure, measure);
    let result = notebook.run_code(&source, call.given.rest.clone(), outputs, cell).await;
    cell.measure = outer;
    result
}

/// Runs the lines below a magic, measured as they are run for the notebook.
async fn lines(
    notebook: &mut Notebook,
    cell: &mut Cell,
    body: Range<usize>,
    measure: Measure,
) -> Result<(), CellError> {
    let outer = std::mem::replace(&mut cell.measure, measure);
    let result = super::run(notebook, cell, body).await;
    cell.measure = outer;
    result
}

/// What `--no-raise-error` makes of an error.
async fn passed(result: Result<(), CellError>, given: &Given, cell: &Cell) -> Result<(), CellError> {
    match result {
        Err(error) if given.has("no-raise-error") && error.name != INTERRUPTED => {
            show_text(error.traceback.join("\n"), &cell.output).await;
            Ok(())
        }
        result => result,
    }
}

/// Measures the statement behind `%timeit`.
pub async fn timeit_line(
    notebook: &mut Notebook,
    cell: &mut Cell,
    call: &Call,
    is_last: bool,
) -> Result<(), CellError> {
    let body = call.given.rest.clone();
    if is_empty(cell, &body) {
        // As IPython does.
        return Ok(());
    }
    timeit(notebook, cell, &call.given, None, body, is_last).await
}

/// Measures the bytes `body` of the cell again and again; what stands behind `%%timeit` is
/// its setup.
pub async fn timeit_cell(
    notebook: &mut Notebook,
    cell: &mut Cell,
    call: &Call,
    body: Range<usize>,
) -> Result<(), CellError> {
    if is_empty(cell, &body) {
        return Err(usage_error("`%%timeit` measures the lines below it, and there are none."));
    }
    let setup = Some(call.given.rest.clone()).filter(|setup| !is_empty(cell, setup));
    timeit(notebook, cell, &call.given, setup, body, true).await
}

async fn timeit(
    notebook: &mut Notebook,
    cell: &mut Cell,
    given: &Given,
    setup: Option<Range<usize>>,
    body: Range<usize>,
    is_last: bool,
) -> Result<(), CellError> {
    let options = options(given).map_err(usage_error)?;
    let source = cell.source.clone();
    let whole = setup.as_ref().map_or(body.start, |setup| setup.start)..body.end;
    let outputs = cell.outputs_of_part(is_last);
    let outer = std::mem::replace(&mut cell.measure, Measure::Timeit(Timeit { setup, body, options }));
    let result = notebook.run_code(&source, whole, outputs, cell).await;
    cell.measure = outer;
    result
}

fn options(given: &Given) -> Result<TimeitOptions, String> {
    let usual = TimeitOptions::default();
    Ok(TimeitOptions {
        loops: given.number("n")?.unwrap_or(usual.loops),
        repeat: given.number("r")?.unwrap_or(usual.repeat),
        precision: given.number("p")?.unwrap_or(usual.precision),
        clock: match (given.has("c"), given.has("t")) {
            (true, _) => Clock::ProcessCpu,
            (_, true) => Clock::Wall,
            _ => usual.clock,
        },
        quiet: given.has("q"),
        show: given.has("o"),
        variable: variable(given)?,
    })
}

/// The variable that the result is to go into.
fn variable(given: &Given) -> Result<Option<String>, String> {
    match given.value("v") {
        Some(name) if syn::parse_str::<syn::Ident>(name).is_err() => {
            Err(format!("option -v takes the name of a variable, not `{name}`"))
        }
        name => Ok(name.map(str::to_owned)),
    }
}

/// Whether there is no code in these bytes of the cell.
fn is_empty(cell: &Cell, code: &Range<usize>) -> bool {
    tokens::without_comments(&cell.source.text[code.clone()]).is_empty()
}
