//! What the kernel itself says under a cell.

use std::sync::Arc;

use serde_json::Map;

use crate::cell::source::CellSource;
use crate::engine::effects::Effects;
use crate::engine::native::diagnostics;
use crate::engine::native::resolve::Resolved;
use crate::output::{Event, MimeBundle, Output};

/// What the compiler warned of, as far as it is worth a learner's time.
pub async fn show_warnings(resolved: &Resolved, source: &Arc<CellSource>, output: &Output) {
    let worth: Vec<_> = resolved
        .output
        .diagnostics
        .iter()
        .filter(|warning| diagnostics::worth_showing(warning, &resolved.source, source))
        .cloned()
        .collect();
    if !worth.is_empty() {
        show_text(diagnostics::render(&worth, &resolved.source, true), output).await;
    }
}

/// What the learner should know of what became of names.
pub fn of_names(effects: &Effects, reset: &[String], misfits: &[String], finished: bool) -> Vec<String> {
    let mut notices = misfits.to_vec();
    for (name, type_name) in &effects.changes.variables {
        if !effects.made.contains_key(name) {
            notices.push(format!(
                "`{name}` was dropped: `{type_name}` is defined anew, and its old values do not fit the new type"
            ));
        }
    }
    for name in reset {
        notices.push(format!("the static `{name}` starts again: its type is defined anew"));
    }
    if finished {
        let named = effects.not_kept.iter().chain(&effects.unusable).filter(|(name, _)| !name.starts_with('_'));
        notices.extend(named.map(|(name, reason)| format!("`{name}` is not kept for later cells: {reason}")));
    }
    notices
}

/// Lines that begin with `note:`.
pub async fn show_notices(notices: &[String], output: &Output) {
    if !notices.is_empty() {
        let lines: Vec<String> = notices.iter().map(|notice| format!("\x1b[1;36mnote\x1b[0m: {notice}")).collect();
        show_text(lines.join("\n"), output).await;
    }
}

/// A line that begins with `note:`.
pub async fn show_notice(notice: &str, output: &Output) {
    show_notices(&[notice.to_owned()], output).await;
}

/// Text of the kernel itself: a display, since text on stderr would count as the
/// cell's own complaint.
pub async fn show_text(text: String, output: &Output) {
    show_data(MimeBundle::from_iter([("text/plain".to_owned(), text.into())]), output).await;
}

/// The same in several formats.
pub async fn show_data(data: MimeBundle, output: &Output) {
    output.send(Event::Display { data, metadata: Map::new(), display_id: None, update: false }).await;
}
