//! Messages as rustc prints them, with cells in the place of files.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::renderer::Renderer;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level as Severity, Snippet};

use super::json::{Diagnostic, Level};
use super::place::{
    Mark, Retelling, foreign_labels, locate, locate_exactly, marks, names_generated, needs_place, place,
};
use super::suggestion::{self, Style};
use crate::cell::source::{CellRange, CellSource, SourceText};

/// The diagnostics as rustc prints them, an empty line between two of them and none
/// at the end, with ANSI colours if `color` is set. A last line tells how to read more
/// about error codes.
///
/// Only cells are shown: spans in generated text and in other crates are left out, and
/// so are notes and labels that name generated code.
pub fn render(diagnostics: &[Diagnostic], source: &SourceText, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut texts: Vec<String> =
        diagnostics.iter().map(|diagnostic| renderer.render(&report(diagnostic, source))).collect();
    texts.extend(explain_hint(diagnostics));
    texts.join("\n\n")
}

/// One line: `E0308: mismatched types (In[7]:2:5)`, without a place if there is none.
pub fn summary(diagnostic: &Diagnostic, source: &SourceText) -> String {
    let message = Retelling::new(diagnostic, source).tell(&diagnostic.message);
    let message = message.lines().next().unwrap_or_default();
    let kind = match (error_code(diagnostic), diagnostic.is_warning()) {
        (Some(code), _) => format!("{code}: "),
        (None, true) => "warning: ".to_owned(),
        (None, false) => String::new(),
    };
    match place(diagnostic, source) {
        Some(place) => format!("{kind}{message} ({})", place.place()),
        None => format!("{kind}{message}"),
    }
}

/// Lints about what a notebook does all the time: a definition or an import is for
/// later cells, and generated code carries attributes of its own.
const LINTS_OF_ONE_CELL: [&str; 4] = ["dead_code", "unused_imports", "unused_macros", "unused_attributes"];

/// Whether a warning tells the author of `current_cell` something: it is about code
/// of that cell, not of an earlier one that is compiled along.
pub fn worth_showing(diagnostic: &Diagnostic, source: &SourceText, current_cell: &CellSource) -> bool {
    let is_in_cell = || {
        let place = diagnostic.primary().and_then(|span| locate(span, source));
        place.is_some_and(|place| *place.cell == *current_cell)
    };
    diagnostic.is_warning()
        && !LINTS_OF_ONE_CELL.iter().any(|lint| diagnostic.has_code(lint))
        && !names_generated(&diagnostic.message)
        && is_in_cell()
}

fn error_code(diagnostic: &Diagnostic) -> Option<&str> {
    let code = diagnostic.code.as_ref()?.code.as_str();
    let is_explained = code.strip_prefix('E')?.bytes().all(|byte| byte.is_ascii_digit());
    is_explained.then_some(code)
}

fn explain_hint(diagnostics: &[Diagnostic]) -> Option<String> {
    let codes: BTreeSet<&str> = diagnostics.iter().filter_map(error_code).collect();
    let commands: Vec<String> = codes.iter().map(|code| format!("`:explain {code}`")).collect();
    match commands.len() {
        0 => None,
        1 => Some(format!("{} tells more", commands[0])),
        _ => Some(format!("{} tell more", commands.join(", "))),
    }
}

fn severity(level: Level) -> Severity<'static> {
    match level {
        Level::InternalError => Severity::ERROR.with_name("error: internal compiler error"),
        Level::Error => Severity::ERROR,
        Level::Warning => Severity::WARNING,
        Level::Help => Severity::HELP,
        Level::Note => Severity::NOTE,
        Level::Other => Severity::NOTE.no_name(),
    }
}

/// The groups in the order and with the headings that rustc's own emitter uses.
fn report(diagnostic: &Diagnostic, source: &SourceText) -> Vec<Group<'static>> {
    let rendered = diagnostic.rendered.as_deref();
    let retelling = Retelling::new(diagnostic, source);
    let snippets = |marks| snippets(marks, &retelling);
    let tell = |text: &str| visible(&retelling.tell(text));
    let (suggestions, notes): (Vec<&Diagnostic>, Vec<&Diagnostic>) =
        diagnostic.children.iter().partition(|child| child.is_suggestion());
    let suggestions: Vec<(&Diagnostic, Style)> = suggestions
        .into_iter()
        .filter(|suggestion| !names_generated(&suggestion.message))
        .map(|suggestion| (suggestion, suggestion::style(suggestion, rendered)))
        .collect();
    let inline = suggestions.iter().filter_map(|(suggestion, style)| match style {
        Style::Label(label) if !names_generated(label) => {
            Some((locate_exactly(suggestion.spans.first()?, source)?, label.clone()))
        }
        _ => None,
    });
    let marks = marks(&diagnostic.spans, inline.collect(), source);
    let home = marks.iter().find(|mark| mark.is_primary).map(|mark| mark.place.clone());

    let mut title = severity(diagnostic.level).primary_title(retelling.tell(&diagnostic.message));
    if let Some(code) = error_code(diagnostic) {
        title = title.id(code.to_owned());
    }
    let mut report = Vec::new();
    let mut group = Group::with_title(title).elements(snippets(marks));

    let about_generated =
        diagnostic.primary().is_some_and(|span| span.in_main_file && locate_exactly(span, source).is_none());
    if !about_generated {
        for label in foreign_labels(&diagnostic.spans) {
            group = group.element(Severity::NOTE.message(tell(label)));
        }
    }
    for note in notes.into_iter().filter(|note| is_worth_reading(note)) {
        let note_marks = self::marks(&note.spans, Vec::new(), source);
        let level = severity(note.level);
        if !note_marks.is_empty() {
            let next = Group::with_title(level.secondary_title(tell(&note.message)));
            report.push(std::mem::replace(&mut group, next));
            group = group.elements(snippets(note_marks));
        } else if note.spans.is_empty() {
            group = group.element(level.message(tell(&note.message)));
        } else if !about_generated
            && !needs_place(&note.message)
            && names_something_in(home.as_ref(), &note.message)
            && note.spans.iter().all(|span| !span.in_main_file)
        {
            group = group.element(level.message(tell(&without_places(note))));
        }
    }
    if let Some(note) = macro_note(rendered) {
        group = group.element(Severity::NOTE.message(note));
    }

    for (suggestion, style) in suggestions {
        let heading = match style {
            Style::Block(heading) => heading,
            Style::Line => {
                group = group.element(Severity::HELP.message(tell(&suggestion.message)));
                continue;
            }
            Style::Label(_) | Style::Hidden => continue,
        };
        let changes: Vec<_> = suggestion::alternatives(&suggestion.spans)
            .iter()
            .filter_map(|parts| suggestion::snippet(parts, home.as_ref(), source))
            .collect();
        if changes.is_empty() {
            continue;
        }
        let others = changes.len().saturating_sub(suggestion::MAX_ALTERNATIVES);
        let next = Group::with_title(Severity::HELP.secondary_title(tell(&heading)));
        report.push(std::mem::replace(&mut group, next));
        group = group.elements(changes.into_iter().take(suggestion::MAX_ALTERNATIVES));
        if others > 0 {
            let plural = if others == 1 { "" } else { "s" };
            let text = format!("and {others} other candidate{plural}");
            group = group.element(Severity::NOTE.no_name().message(text));
        }
    }
    report.push(group);
    report
}

/// Notes about which flags set a lint are for authors of crates, and the linker's
/// command line, a page of temporary files, is for authors of compilers.
fn is_worth_reading(note: &Diagnostic) -> bool {
    let text = &note.message;
    let about_lint_level = (text.starts_with("`#[") && text.ends_with("on by default"))
        || text.starts_with("requested on the command line with")
        || text.starts_with("to override `-");
    let linker_command = text.contains(".o\" \"") || text.starts_with("some arguments are omitted");
    !about_lint_level && !linker_command && !text.trim().is_empty() && !names_generated(text)
}

/// Whether the function in "required by a bound in `spawn`" is one that the cell calls:
/// else generated code calls it, or the inside of a macro, which nobody can look at.
fn names_something_in(home: Option<&CellRange>, note: &str) -> bool {
    let Some(function) = note.strip_prefix("required by a bound in `") else { return true };
    let function = function.split(['`', '<']).next().unwrap_or_default();
    let name = function.trim_end_matches("::").rsplit("::").next().unwrap_or_default();
    home.is_some_and(|home| home.cell.text.contains(name))
}

/// A note about places in other crates as text alone. Their paths lead nowhere unless
/// the source is installed, and what counts is named in the text ("required by a bound
/// in `spawn`") or listed in the labels ("`usize` implements …").
fn without_places(note: &Diagnostic) -> String {
    // (Where std's source is installed, labels say once more what the text says.)
    let labels = foreign_labels(&note.spans).filter(|label| !label.starts_with("required by "));
    let labels: String = labels.map(|label| format!("\n  {label}")).collect();
    let colon = if labels.is_empty() { "" } else { ":" };
    format!("{}{colon}{labels}", note.message)
}

/// rustc's last note, which is not among the JSON's children.
fn macro_note(rendered: Option<&str>) -> Option<String> {
    let mut lines = rendered?.lines().filter_map(|line| line.trim_start().strip_prefix("= note: this "));
    let note = lines.rfind(|line| line.contains(" originates in the "))?;
    (!names_generated(note)).then(|| format!("this {note}"))
}

/// One snippet a cell, the primary mark's cell first.
fn snippets(marks: Vec<Mark>, retelling: &Retelling) -> Vec<Snippet<'static, Annotation<'static>>> {
    let mut cells: Vec<(Arc<CellSource>, Vec<Mark>)> = Vec::new();
    for mark in marks {
        match cells.iter_mut().find(|(cell, _)| *cell == mark.place.cell) {
            Some((_, marks)) => marks.push(mark),
            None => cells.push((mark.place.cell.clone(), vec![mark])),
        }
    }
    cells.sort_by_key(|(_, marks)| !marks.iter().any(|mark| mark.is_primary));
    cells.into_iter().map(|(cell, marks)| snippet(&cell, marks, retelling)).collect()
}

fn snippet(cell: &CellSource, marks: Vec<Mark>, retelling: &Retelling) -> Snippet<'static, Annotation<'static>> {
    let places = || marks.iter().map(|mark: &Mark| &mark.place.range);
    let start = places().map(|range| range.start).min().unwrap_or_default();
    let end = places().map(|range| range.end).max().unwrap_or_default();
    let lines = Lines::around(cell, start..end);
    let snippet = Snippet::source(lines.text.to_owned()).line_start(lines.first).path(cell.name());
    snippet.annotations(marks.into_iter().map(|mark| {
        let CellRange { range, .. } = mark.place;
        let kind = if mark.is_primary { AnnotationKind::Primary } else { AnnotationKind::Context };
        kind.span(range.start - lines.start..range.end - lines.start)
            .label(mark.label.map(|label| retelling.tell(&label)))
    }))
}

/// Whole lines of a cell.
pub(super) struct Lines<'a> {
    pub(super) text: &'a str,
    /// The offset of the first byte.
    pub(super) start: usize,
    /// The number of the first line, from 1.
    pub(super) first: usize,
}

impl Lines<'_> {
    /// The lines that a range touches, the last with its newline.
    pub(super) fn around(cell: &CellSource, range: Range<usize>) -> Lines<'_> {
        let text = cell.text.as_str();
        let start = text[..range.start].rfind('\n').map_or(0, |newline| newline + 1);
        let end = text[range.end..].find('\n').map_or(text.len(), |newline| range.end + newline + 1);
        Lines { text: &text[start..end], start, first: cell.line_column(range.start).0 }
    }
}

/// Control characters made visible; the renderer does this for titles and code only.
fn visible(text: &str) -> String {
    annotate_snippets::normalize_untrusted_str(text)
}
