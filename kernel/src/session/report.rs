//! Errors and notices as the learner reads them.

use std::collections::BTreeMap;

use threadbook::message::{PanicReport, Place};

use crate::cell::source::{CellRange, SourceText};
use crate::definitions::{Definitions, Gone};
use crate::engine::native::diagnostics::json::Span;
use crate::engine::native::diagnostics::{self, Diagnostic};
use crate::engine::native::resolve::Rejection;
use crate::output::CellError;

pub const RED: &str = "\x1b[1;31m";
pub const DIM: &str = "\x1b[2m";
const CYAN: &str = "\x1b[1;36m";
pub const RESET: &str = "\x1b[0m";

/// The sources of all compiled cells, by the file name the compiler was given.
pub type Sources = BTreeMap<String, SourceText>;

/// The name of the error of a cell that panicked, and of one that was stopped (as front ends
/// know it).
pub const PANIC: &str = "Panic";
pub const INTERRUPTED: &str = "KeyboardInterrupt";

pub fn error(name: &str, value: impl Into<String>, traceback: impl Into<String>) -> CellError {
    let traceback: String = traceback.into();
    CellError { name: name.to_owned(), value: value.into(), traceback: traceback.lines().map(str::to_owned).collect() }
}

/// An error with nothing more to say than one line, which says what to do.
pub fn plain(name: &str, text: &str) -> CellError {
    let mut lines = text.splitn(2, '\n');
    let first = lines.next().unwrap_or_default();
    let rest = lines.next().map(|rest| format!("\n{rest}")).unwrap_or_default();
    error(name, first, format!("{RED}{name}{RESET}: {first}{rest}"))
}

/// What the compiler refused.
pub fn compile_error(rejection: &Rejection, definitions: &Definitions) -> CellError {
    let Rejection { errors, text, source, .. } = rejection;
    let summary = match errors.first() {
        Some(first) => diagnostics::summary(&without_closure(first.clone(), source), source),
        None => text.lines().next().unwrap_or("the compiler failed").to_owned(),
    };
    let told: Vec<Diagnostic> = errors.iter().map(|error| without_closure(error.clone(), source)).collect();
    let mut traceback = diagnostics::render(&told, source, true);
    if errors.is_empty() || !text.trim().is_empty() {
        traceback.push_str(text);
    }
    for note in notes(rejection, definitions) {
        traceback.push_str(&format!("\n{CYAN}note{RESET}: {note}"));
    }
    error("CompileError", summary, traceback)
}

/// What the notebook knows of names that the compiler did not find.
fn notes(rejection: &Rejection, definitions: &Definitions) -> Vec<String> {
    let Rejection { errors, source, unusable, .. } = rejection;
    let mut notes = Vec::new();
    for error in errors {
        if let Some(note) = immutable_note(error, definitions)
            && !notes.contains(&note)
        {
            notes.push(note);
        }
        if error.has_code("E0277") && error.message.contains("not `Option`s, in a closure") {
            notes.push("`.ok_or(\"what is missing\")?` makes an error of `None`".to_owned());
        }
        if !["E0425", "E0423", "E0434"].iter().any(|code| error.has_code(code)) {
            continue;
        }
        let Some(name) = error.message.split('`').nth(1) else { continue };
        let note = match (definitions.gone.get(name), definitions.variables.get(name)) {
            (Some(gone), None) => gone_note(name, gone),
            (_, Some(variable)) if unusable.contains_key(name) => format!(
                "the type of `{name}` (In[{}]) has no name that another cell can use ({}): make it public, \
                 or finish with `{name}` in the cell that makes it",
                variable.cell, unusable[name]
            ),
            (_, Some(variable)) => format!(
                "`{name}` is a variable of the notebook (In[{}]), and a `fn` or other item cannot use variables: \
                 pass it as an argument, or make the function a closure, `let f = |…| …;`",
                variable.cell
            ),
            _ if is_assigned(error, source) => format!("a new variable needs `let`: `let {name} = …`"),
            _ => continue,
        };
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}

/// Whether what the error points at is followed by `=`.
fn is_assigned(error: &Diagnostic, source: &SourceText) -> bool {
    let after = error.primary().and_then(|primary| source.as_str().get(primary.byte_end..));
    after.is_some_and(|after| after.trim_start().starts_with('=') && !after.trim_start().starts_with("=="))
}

/// A cell's statements stand in a generated closure, of which its author knows nothing.
fn without_closure(mut error: Diagnostic, source: &SourceText) -> Diagnostic {
    let is_ours = |span: &Span| {
        span.label.as_deref().is_some_and(|label| label.contains("closure") || label.contains("this function"))
            && source.locate(span.range()).is_none()
    };
    if error.spans.iter().any(is_ours) {
        error.message =
            error.message.replace("inside of a closure", "outside of a loop").replace("a closure", "a cell");
        for span in &mut error.spans {
            span.label = span
                .label
                .take()
                .map(|label| label.replace("inside of a closure", "outside of a loop").replace("a closure", "a cell"));
        }
    }
    error
}

/// A variable of an earlier cell is to be changed that was made without `mut`.
fn immutable_note(error: &Diagnostic, definitions: &Definitions) -> Option<String> {
    if !["E0384", "E0594", "E0596"].iter().any(|code| error.has_code(code)) {
        return None;
    }
    let name = error.message.split('`').nth(1)?;
    let variable = definitions.variables.get(name).filter(|variable| !variable.mutable)?;
    Some(format!(
        "`{name}` was made without `mut` in In[{}]: write `let mut {name}` there, or `let mut {name} = {name};` here",
        variable.cell
    ))
}

/// Why a name has no value any more.
fn gone_note(name: &str, gone: &Gone) -> String {
    match gone {
        Gone::Moved { cell } => {
            format!(
                "`{name}` was moved in In[{cell}]: run the cell that makes it again, or use `{name}.clone()` or `&{name}` there"
            )
        }
        Gone::Retyped { cell, type_name } => {
            format!("`{name}` was dropped when In[{cell}] defined `{type_name}` anew: run the cell that makes it again")
        }
        Gone::NotKept { cell, reason } => format!("`{name}` was not kept after In[{cell}]: {reason}"),
        Gone::Failed { cell } => {
            format!("`{name}` was taken by value in In[{cell}], which failed: run the cell that makes it again")
        }
        Gone::Lost => {
            format!("`{name}` was lost when the process that ran the cells was lost: run the cell that makes it again")
        }
    }
}

/// Where something happened, in the notebook's lines if it was in a cell.
fn locate(place: &Place, sources: &Sources) -> (String, Option<CellRange>) {
    let found =
        sources.get(&place.file).and_then(|source| source.locate_line(place.line as usize, place.column as usize));
    match found {
        Some(found) => (found.place(), Some(found)),
        // A place in the generated part says nothing to anybody.
        None if sources.contains_key(&place.file) || place.file.is_empty() => (String::new(), None),
        None => (format!("{}:{}:{}", place.file, place.line, place.column), None),
    }
}

fn place_of(panic: &PanicReport) -> Place {
    Place { file: panic.file.clone(), line: panic.line, column: panic.column }
}

/// The line where something happened, as compilers show it; empty if that is nowhere in
/// particular.
pub fn shown_place(place: &Place, sources: &Sources) -> String {
    let (place, found) = locate(place, sources);
    if place.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{DIM} --> {RESET}{place}");
    if let Some(found) = found {
        let (line, column) = found.cell.line_column(found.range.start);
        let source_line = found.cell.text.lines().nth(line - 1).unwrap_or_default();
        let gutter = line.to_string().len();
        let pad: String = source_line.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        text.push_str(&format!(
            "\n{DIM}{:gutter$} |{RESET}\n{DIM}{line} |{RESET} {source_line}\n{DIM}{:gutter$} |{RESET} {pad}{RED}^{RESET}",
            "", ""
        ));
    }
    text
}

/// The panic that ended a cell.
pub fn panic_error(panic: &PanicReport, sources: &Sources) -> CellError {
    let mut text = format!("{RED}Panic{RESET}: {}{}", panic.text, shown_place(&place_of(panic), sources));
    if let Some(backtrace) = &panic.backtrace {
        text.push_str(&format!("\n\n{}", trim_backtrace(backtrace, sources)));
    } else {
        text.push_str(&format!("\n{DIM}%backtrace on shows the calls that led here{RESET}"));
    }
    error(PANIC, panic.text.clone(), text)
}

/// A panic on another thread, or one that the cell caught: a line of stderr.
pub fn panic_line(panic: &PanicReport, sources: &Sources) -> String {
    let thread = panic.thread.as_deref().unwrap_or("<unnamed>");
    let (place, _) = locate(&place_of(panic), sources);
    let at = if place.is_empty() { String::new() } else { format!(" at {place}") };
    let backtrace = panic.backtrace.as_ref().map(|text| trim_backtrace(text, sources)).unwrap_or_default();
    format!("thread '{thread}' panicked{at}:\n{}\n{backtrace}", panic.text)
}

/// The calls between the panic machinery and the code that calls cells, with places in
/// the notebook's lines.
fn trim_backtrace(backtrace: &str, sources: &Sources) -> String {
    tracing::debug!("all calls:\n{backtrace}");
    let lines = call_lines(backtrace, sources);
    if lines.is_empty() { String::new() } else { format!("calls, the latest first:\n{}\n", lines.join("\n")) }
}

/// See [`trim_backtrace`].
pub fn call_lines(backtrace: &str, sources: &Sources) -> Vec<String> {
    let calls: Vec<&str> = backtrace.lines().collect();
    let is = |call: &str, parts: &[&str]| parts.iter().any(|part| call.contains(part));
    let machinery = [
        "rust_begin_unwind",
        "core::panicking::",
        "core::option::",
        "core::result::",
        "std::panicking::panic",
        // What tells a crash, and how it comes about.
        "child::crash::",
        "std::process::abort",
        "abort_internal",
    ];
    let is_machinery = |call: &str| is(call, &machinery) || ["raise", "abort", "gsignal"].contains(&call);
    let first = calls.iter().position(|call| is_machinery(call)).unwrap_or(0);
    let start = first + calls[first..].iter().take_while(|call| is_machinery(call)).count();
    let callers = [
        "panic::unwind_safe",
        "__rust_try",
        "catch_unwind",
        "threadbook::__rt",
        "__rust_begin_short_backtrace",
        "do_call",
        "::thread_start",
    ];
    let end = calls[start..].iter().position(|call| is(call, &callers)).map_or(calls.len(), |at| start + at);
    let mut lines = Vec::new();
    let last = end.saturating_sub(start + 1);
    for (number, call) in calls[start..end].iter().enumerate() {
        let (name, place) = call.rsplit_once(" at ").unwrap_or((call, ""));
        // Inlined functions are known by the last part of their names only.
        let name = match name.contains("__tb_body") || (number == last && name.starts_with("{closure")) {
            true => "the cell",
            false => name.strip_prefix("notebook::").unwrap_or(name),
        };
        let generated = place
            .rsplit('/')
            .next()
            .and_then(|file| file.split(':').next())
            .is_some_and(|file| sources.contains_key(file));
        let place = cell_place(place, sources).unwrap_or_else(|| {
            if generated || place.starts_with("/rustc/") { String::new() } else { place.to_owned() }
        });
        let at = if place.is_empty() { String::new() } else { format!("  at {place}") };
        lines.push(format!("{:4}: {name}{at}", number + 1));
    }
    lines
}

/// `cell_7_0.rs:12:5` in the notebook's lines.
fn cell_place(place: &str, sources: &Sources) -> Option<String> {
    let mut parts = place.rsplitn(3, ':');
    let (column, line, file) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?);
    Some(sources.get(file.rsplit('/').next()?)?.locate_line(line, column)?.place())
}

/// A `?` at the top level met an error.
pub fn failure(type_name: &str, text: &str) -> CellError {
    // A string's own quotes say nothing.
    let text = match type_name {
        "&str" | "alloc::string::String" => text.trim_matches('"'),
        _ => text,
    };
    // (Not every engine knows the type.)
    let of_type = if type_name.is_empty() { String::new() } else { format!(" of type {type_name}") };
    error("Error", text, format!("{RED}Error{RESET}: {text}\n{DIM}a `?` of the cell met this error{of_type}{RESET}"))
}

/// The compiler was stopped; nothing ran.
pub fn interrupted_compile() -> CellError {
    error(
        INTERRUPTED,
        "the compiler was stopped",
        format!("{RED}KeyboardInterrupt{RESET}: the compiler was stopped, nothing has run"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::source::CellSource;

    #[test]
    fn a_panic_is_told_in_the_cells_lines() {
        let cell = CellSource::new(4, "let v = [1];\nv[i];");
        let mut source = SourceText::default();
        source.push("fn body() {\n");
        source.push_cell(&cell, 0..cell.text.len());
        let sources = Sources::from([("cell_9_0.rs".to_owned(), source)]);
        let panic = PanicReport {
            text: "out of range".into(),
            file: "cell_9_0.rs".into(),
            line: 3,
            column: 1,
            ..Default::default()
        };
        let error = panic_error(&panic, &sources);
        assert!(error.traceback.iter().any(|line| line.ends_with("In[4]:2:1")), "{error:?}");
        assert!(error.traceback.iter().any(|line| line.ends_with("v[i];")), "{error:?}");
        assert!(panic_line(&panic, &sources).contains("at In[4]:2:1:\nout of range"));
    }
}
