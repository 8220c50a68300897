//! Suggested changes: how rustc chose to show them, and as patches to a cell.

use annotate_snippets::{Patch, Snippet};

use super::json::{Diagnostic, Span};
use super::place::{locate_exactly, names_generated};
use super::render::Lines;
use crate::cell::source::{CellRange, SourceText};

/// rustc shows this many alternatives of one suggestion and counts the others.
pub(super) const MAX_ALTERNATIVES: usize = 4;

/// How rustc shows a suggestion. JSON does not tell, the rendered text does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Under a heading of its own, with the changed lines. Holds the heading, which
    /// may say more than the message ("(notice the capitalization)").
    Block(String),
    /// A label in the main snippet.
    Label(String),
    /// A `= help:` line without code.
    Line,
    /// For tools only.
    Hidden,
}

pub(super) fn style(suggestion: &Diagnostic, rendered: Option<&str>) -> Style {
    let message = &suggestion.message;
    let Some(rendered) = rendered else { return Style::Block(message.clone()) };
    let first_line = message.lines().next().unwrap_or_default();
    let heading = format!("help: {first_line}");
    let mut style = Style::Hidden;
    for line in rendered.lines() {
        let Some((before, after)) = line.split_once(&heading) else { continue };
        if before.is_empty() {
            let whole = message.lines().count() > 1;
            return Style::Block(if whole { message.clone() } else { format!("{first_line}{after}") });
        }
        if before.trim() == "=" {
            return Style::Line;
        }
        // The code that the label begins with may be the same as another label's end.
        style = Style::Label(format!("{heading}{after}"));
    }
    style
}

/// The alternatives of a suggestion, each with its parts. JSON lists the parts of all
/// of them in a row, in no special order, but the parts of one are apart from each
/// other, and alternatives change the same place.
pub(super) fn alternatives(spans: &[Span]) -> Vec<Vec<&Span>> {
    let mut alternatives: Vec<Vec<&Span>> = Vec::new();
    for span in spans {
        let clashes = |part: &&Span| {
            part.range() == span.range() || (part.byte_start < span.byte_end && span.byte_start < part.byte_end)
        };
        match alternatives.last_mut() {
            Some(parts) if !parts.iter().any(clashes) => parts.push(span),
            _ => alternatives.push(vec![span]),
        }
    }
    alternatives
}

/// One alternative as a snippet with patches, `None` when it does not change a cell
/// or names generated text. `home` is the place of the message.
pub(super) fn snippet(
    parts: &[&Span],
    home: Option<&CellRange>,
    source: &SourceText,
) -> Option<Snippet<'static, Patch<'static>>> {
    let mut edits: Vec<(CellRange, String)> = Vec::new();
    for part in parts {
        let replacement = part.suggested_replacement.clone()?;
        if names_generated(&replacement) {
            return None;
        }
        if let (true, Some(home)) = (is_import(part), home) {
            edits.push((import_place(part, home, source), replacement));
            continue;
        }
        let place = locate_exactly(part, source)?;
        // A part that reaches into generated text cannot be shown.
        if place.range.len() != part.byte_end.checked_sub(part.byte_start)? {
            return None;
        }
        if place.cell.text[place.range.clone()] != replacement {
            edits.push((place, replacement));
        }
    }
    edits.sort_by_key(|(place, _)| place.range.start);
    let cell = edits.first()?.0.cell.clone();
    if edits.iter().any(|(place, _)| place.cell != cell) {
        return None;
    }

    let spread = edits.first()?.0.range.start..edits.iter().map(|(place, _)| place.range.end).max()?;
    let lines = Lines::around(&cell, spread);
    let mut whole_lines = false;
    if let [(place, replacement)] = edits.as_mut_slice()
        && place.range.is_empty()
        && is_attribute_line(replacement)
    {
        let indent = &cell.text[lines.start..place.range.start];
        if indent.trim().is_empty() {
            // rustc shows the line below an added attribute, and both indented alike.
            whole_lines = true;
            if !indent.is_empty() && !replacement.ends_with(indent) {
                replacement.insert_str(0, indent);
                place.range = lines.start..lines.start;
            }
        }
    }
    let patches = edits.into_iter().map(|(place, replacement)| {
        let range = place.range.start - lines.start..place.range.end - lines.start;
        Patch::new(range, replacement)
    });
    Some(
        Snippet::source(lines.text.to_owned())
            .line_start(lines.first)
            .path(cell.name())
            .fold(!whole_lines)
            .patches(patches),
    )
}

fn is_attribute_line(replacement: &str) -> bool {
    let text = replacement.trim();
    text.starts_with("#[") && text.ends_with(']') && replacement.ends_with('\n')
}

/// A line `use …;` to add at the top of a module.
fn is_import(part: &Span) -> bool {
    let replacement = part.suggested_replacement.as_deref().unwrap_or_default();
    part.byte_start == part.byte_end
        && replacement.trim_start().starts_with("use ")
        && replacement.trim_end().ends_with(';')
        && replacement.ends_with('\n')
}

/// rustc wants an import above the first item of the generated file. A learner adds
/// it to the cell that needs it, below its magics.
fn import_place(part: &Span, home: &CellRange, source: &SourceText) -> CellRange {
    if let Some(place) = locate_exactly(part, source)
        && place.cell == home.cell
    {
        return place;
    }
    let mut start = 0;
    for line in home.cell.text.split_inclusive('\n') {
        if !line.starts_with(['%', ':']) || start + line.len() == home.cell.text.len() {
            break;
        }
        start += line.len();
    }
    CellRange { cell: home.cell.clone(), range: start..start }
}
