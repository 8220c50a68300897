//! `%%compile_fail` and `%%should_panic`: cells that show what goes wrong, and pass by it.

use std::ops::Range;

use super::{Cell, usage_error};
use crate::cell::magic::Call;
use crate::engine::native::resolve::Refused;
use crate::output::CellError;
use crate::session::notebook::Notebook;
use crate::session::notices::show_text;
use crate::session::report::{self, PANIC};

/// Compiles the bytes `body` of the cell, which the compiler must refuse, and shows what it
/// says. Nothing is run.
pub async fn compile_fail(
    notebook: &mut Notebook,
    cell: &mut Cell,
    call: &Call,
    body: Range<usize>,
) -> Result<(), CellError> {
    let wanted = cell.words(call).to_owned();
    let is_code = |text: &str| text.strip_prefix('E').is_some_and(|digits| digits.chars().all(|c| c.is_ascii_digit()));
    if !wanted.is_empty() && !is_code(&wanted) {
        return Err(usage_error(format!("`%%compile_fail` takes an error code such as E0382, not `{wanted}`.")));
    }
    let source = cell.source.clone();
    let Some(refused) = notebook.check(&source, body, &mut cell.stop).await? else {
        return Err(report::plain(
            "CompileFailError",
            "This cell compiles, though `%%compile_fail` says that it must not.",
        ));
    };
    let codes: Vec<String> = match &refused {
        Refused::Rejected(rejection) => {
            rejection.errors.iter().filter_map(|error| error.code.as_ref().map(|code| code.code.clone())).collect()
        }
        Refused::Failed(_) => return Err(notebook.refused(refused)),
    };
    let error = notebook.refused(refused);
    if !wanted.is_empty() && !codes.contains(&wanted) {
        let had = if codes.is_empty() { "an error without a code".to_owned() } else { codes.join(", ") };
        let text = format!("`%%compile_fail` asks for {wanted}, and the compiler says {had}:");
        let mut other = report::plain("CompileFailError", &text);
        other.traceback.extend(error.traceback);
        return Err(other);
    }
    show_text(error.traceback.join("\n"), &cell.output).await;
    Ok(())
}

/// Runs the bytes `body` of the cell, which must panic, and shows the panic.
pub async fn should_panic(
    notebook: &mut Notebook,
    cell: &mut Cell,
    call: &Call,
    body: Range<usize>,
) -> Result<(), CellError> {
    let wanted = cell.words(call).trim_matches('"').to_owned();
    match super::run(notebook, cell, body).await {
        // It was not run.
        Ok(()) if notebook.is_imagined() => Ok(()),
        Err(error) if error.name == PANIC && error.value.contains(&wanted) => {
            show_text(error.traceback.join("\n"), &cell.output).await;
            Ok(())
        }
        Err(error) if error.name == PANIC => {
            let text = format!("`%%should_panic` asks for a message with `{wanted}`, and the panic says:");
            let mut other = report::plain("ShouldPanicError", &text);
            other.traceback.extend(error.traceback);
            Err(other)
        }
        Err(error) => Err(error),
        Ok(()) => Err(report::plain(
            "ShouldPanicError",
            "This cell did not panic, though `%%should_panic` says that it must.",
        )),
    }
}
