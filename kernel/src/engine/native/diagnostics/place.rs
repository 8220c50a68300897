//! Where in the cells a message's spans lie.

use super::json::{Diagnostic, Span};
use crate::cell::source::{CellRange, SourceText};

/// Whether a text names something that only generated code uses.
pub(super) fn names_generated(text: &str) -> bool {
    text.contains("__tb") || text.contains("__rt::") || text.contains("::__rt")
}

/// Rewrites places in the compiled file that stand inside a text, such as
/// `{closure@cell.rs:40:5: 40:12}`, as places in a cell, or as `…` where nobody wrote
/// the code.
pub(super) struct Retelling<'a> {
    main_file: Option<&'a str>,
    source: &'a SourceText,
}

impl<'a> Retelling<'a> {
    pub(super) fn new(diagnostic: &'a Diagnostic, source: &'a SourceText) -> Retelling<'a> {
        let all = std::iter::once(diagnostic).chain(&diagnostic.children);
        let main_file = all
            .flat_map(|message| message.spans.iter().flat_map(Span::with_callers))
            .find(|span| span.in_main_file)
            .map(|span| span.file_name.as_str());
        Retelling { main_file, source }
    }

    pub(super) fn tell(&self, text: &str) -> String {
        let Some(main_file) = self.main_file else { return text.to_owned() };
        let mut told = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(main_file) {
            told.push_str(before);
            rest = after;
            match line_and_column(after, ":") {
                Some((from, mut length)) => {
                    let (end, end_length) = line_and_column(&after[length..], ": ").unzip();
                    length += end_length.unwrap_or(0);
                    told.push_str(&self.place(from, end).unwrap_or_else(|| "…".to_owned()));
                    rest = &after[length..];
                }
                None => told.push_str(main_file),
            }
        }
        told + rest
    }

    fn place(&self, from: (usize, usize), end: Option<(usize, usize)>) -> Option<String> {
        let start = self.source.locate_line(from.0, from.1)?;
        let Some(end) = end else { return Some(start.place()) };
        // The end is behind the last character, where the cell may be over.
        let lines = end.0.checked_sub(from.0)?;
        let (line, column) = start.cell.line_column(start.range.start);
        let end_column = if lines == 0 { column + end.1.checked_sub(from.1)? } else { end.1 };
        Some(format!("{}: {}:{end_column}", start.place(), line + lines))
    }
}

/// Reads `:40:5` with the given text before the first number; also gives its length.
fn line_and_column(text: &str, before: &str) -> Option<((usize, usize), usize)> {
    let numbers = text.strip_prefix(before)?;
    let (line, column) = numbers.split_once(':')?;
    let digits = column.bytes().take_while(u8::is_ascii_digit).count();
    let parsed = (line.parse().ok()?, column[..digits].parse().ok()?);
    Some((parsed, before.len() + line.len() + 1 + digits))
}

/// A place to underline.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    pub(super) place: CellRange,
    pub(super) label: Option<String>,
    pub(super) is_primary: bool,
}

/// The bytes of a cell that a span stands for, if there are any.
pub(super) fn locate(span: &Span, source: &SourceText) -> Option<CellRange> {
    if !span.in_main_file {
        // As rustc does: code of another crate's macro is shown as the call of it.
        let call = span.outermost();
        if let Some(place) = locate_exactly(call, source) {
            return Some(place);
        }
    }
    span.with_callers().find_map(|span| locate_exactly(span, source))
}

/// [`locate`] without a look at macro calls.
pub(super) fn locate_exactly(span: &Span, source: &SourceText) -> Option<CellRange> {
    if !span.in_main_file {
        return None;
    }
    let place = source.locate(span.range())?;
    let is_text = |offset| place.cell.text.is_char_boundary(offset);
    (is_text(place.range.start) && is_text(place.range.end)).then_some(place)
}

/// Labels at code of other crates, as far as they say something without that code.
pub(super) fn foreign_labels(spans: &[Span]) -> impl Iterator<Item = &str> {
    spans
        .iter()
        .filter(|span| span.with_callers().all(|span| !span.in_main_file))
        .filter_map(|span| span.label.as_deref())
        .filter(|label| !label.is_empty() && !names_generated(label) && !needs_place(label))
}

/// "defined here" and "required by this bound in" say nothing without the code.
pub(super) fn needs_place(text: &str) -> bool {
    text.ends_with(" here") || text.starts_with("required by this bound in")
}

/// The place of the whole message: where its primary span lies, else any other.
pub(super) fn place(diagnostic: &Diagnostic, source: &SourceText) -> Option<CellRange> {
    let marks = marks(&diagnostic.spans, Vec::new(), source);
    marks.into_iter().find(|mark| mark.is_primary).map(|mark| mark.place)
}

/// What of a message's spans can be underlined in a cell, with `extra` labels. The
/// first span decides which cell is shown first. There is always a primary one among
/// the marks unless there are none at all.
pub(super) fn marks(spans: &[Span], extra: Vec<(CellRange, String)>, source: &SourceText) -> Vec<Mark> {
    let located: Vec<(&Span, CellRange)> =
        spans.iter().filter_map(|span| Some((span, locate(span, source)?))).collect();
    let primary: Vec<&CellRange> = located.iter().filter(|(span, _)| span.is_primary).map(|(_, place)| place).collect();

    let labelled = located.iter().filter_map(|(span, place)| {
        let label = span.label.as_ref().filter(|label| !names_generated(label))?;
        Some((place.clone(), label.clone()))
    });
    let mut labels: Vec<(CellRange, String)> = Vec::new();
    for label in labelled.chain(extra).chain(macro_calls(spans, source)) {
        if !labels.contains(&label) {
            labels.push(label);
        }
    }

    let mut marks: Vec<Mark> = labels
        .into_iter()
        .map(|(place, label)| Mark { is_primary: primary.contains(&&place), place, label: Some(label) })
        .collect();
    for place in primary {
        if !marks.iter().any(|mark| mark.place == *place) {
            marks.push(Mark { place: place.clone(), label: None, is_primary: true });
        }
    }
    if !marks.iter().any(|mark| mark.is_primary) {
        // The message is about generated text: what of the cell led there comes last
        // ("value moved here" after "move occurs because").
        let last =
            marks.iter_mut().max_by_key(|mark| (mark.place.cell.number, mark.place.range.start, mark.place.range.end));
        if let Some(mark) = last {
            mark.is_primary = true;
        }
    }
    marks
}

/// Labels at the calls of macros that are written in a cell, as rustc adds them.
fn macro_calls(spans: &[Span], source: &SourceText) -> Vec<(CellRange, String)> {
    let mut labels = Vec::new();
    for span in spans.iter().filter(|span| span.is_primary) {
        if locate_exactly(span, source).is_none() {
            continue;
        }
        let expansions =
            std::iter::successors(span.expansion.as_deref(), |expansion| expansion.span.expansion.as_deref());
        // rustc's dummy place reads as an empty range at the start of a file.
        let is_real = |site: &Option<Span>| site.as_ref().is_some_and(|site| site.byte_end > 0);
        let Some(outermost) = expansions.filter(|expansion| is_real(&expansion.def_site_span)).last() else {
            continue;
        };
        let call = &outermost.span;
        if call.file_name == span.file_name && call.byte_start <= span.byte_start && span.byte_end <= call.byte_end {
            continue;
        }
        if let Some(place) = locate_exactly(call, source) {
            labels.push((place, call_label(&outermost.macro_decl_name)));
        }
    }
    labels
}

fn call_label(name: &str) -> String {
    if name.starts_with("#[derive") {
        "in this derive macro expansion".to_owned()
    } else if name.starts_with("#[") {
        "in this attribute macro expansion".to_owned()
    } else if let Some(construct) = name.strip_prefix("desugaring of ") {
        format!("in this {construct} desugaring")
    } else {
        "in this macro invocation".to_owned()
    }
}
