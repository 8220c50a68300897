//! Where in the cells a message's spans lie.

use super::json::{Diagnostic, Span};
use crate::cell::source::{CellRange, SourceText};

/// Whether a text names something that only generated code uses.
pub(super) fn names_generated(text: &str) -> bool {
    text.contains("__tb") || text.contains("__rt::") || text.contains("::__rt")
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
    if span.in_main_file { source.locate(span.range()) } else { None }
}

/// The place of the whole message: where its primary span lies, else any other.
pub(super) fn place(diagnostic: &Diagnostic, source: &SourceText) -> Option<CellRange> {
    let marks = marks(&diagnostic.spans, Vec::new(), source);
    marks.into_iter().find(|mark| mark.is_primary).map(|mark| mark.place)
}

/// What of a message's spans can be underlined in a cell, with `extra` labels. The
/// first span decides which cell is shown first. There is always a primary one among
/// the marks unless there are none at all.
pub(super) fn marks(
    spans: &[Span],
    extra: Vec<(CellRange, String)>,
    source: &SourceText,
) -> Vec<Mark> {
    let located: Vec<(&Span, CellRange)> =
        spans.iter().filter_map(|span| Some((span, locate(span, source)?))).collect();
    let primary: Vec<&CellRange> =
        located.iter().filter(|(span, _)| span.is_primary).map(|(_, place)| place).collect();

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
        .map(|(place, label)| Mark {
            is_primary: primary.contains(&&place),
            place,
            label: Some(label),
        })
        .collect();
    for place in primary {
        if !marks.iter().any(|mark| mark.place == *place) {
            marks.push(Mark { place: place.clone(), label: None, is_primary: true });
        }
    }
    if !marks.iter().any(|mark| mark.is_primary) {
        // The message is about generated text: what of the cell led there comes last
        // ("value moved here" after "move occurs because").
        let last = marks.iter_mut().max_by_key(|mark| {
            (mark.place.cell.number, mark.place.range.start, mark.place.range.end)
        });
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
        let expansions = std::iter::successors(span.expansion.as_deref(), |expansion| {
            expansion.span.expansion.as_deref()
        });
        // rustc's dummy place reads as an empty range at the start of a file.
        let is_real = |site: &Option<Span>| site.as_ref().is_some_and(|site| site.byte_end > 0);
        let Some(outermost) =
            expansions.filter(|expansion| is_real(&expansion.def_site_span)).last()
        else {
            continue;
        };
        let call = &outermost.span;
        if call.file_name == span.file_name
            && call.byte_start <= span.byte_start
            && span.byte_end <= call.byte_end
        {
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
