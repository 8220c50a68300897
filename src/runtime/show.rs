//! How the last expression of a cell is shown, chosen while the cell compiles.
//!
//! `(&&&Show(value)).bundle()` finds the first of these traits that fits the value's
//! type, because method lookup takes off one reference after the other: its rich form,
//! its `Debug` text, its type's name.

use std::fmt::Debug;

use crate::display::{MimeBundle, Rich};
use crate::message::FromCell;

use super::bounded::{SHOWN, debug_text, fitting};
use super::host;

pub struct Show<'a, T: ?Sized>(pub &'a T);

pub trait ByRich {
    fn bundle(&self) -> Option<MimeBundle>;
}

impl<T: Rich + ?Sized> ByRich for &&Show<'_, T> {
    fn bundle(&self) -> Option<MimeBundle> {
        Some(self.0.rich())
    }
}

pub trait ByDebug {
    fn bundle(&self) -> Option<MimeBundle>;
}

impl<T: Debug + ?Sized> ByDebug for &Show<'_, T> {
    fn bundle(&self) -> Option<MimeBundle> {
        debug_bundle(&self.0, std::any::type_name::<T>())
    }
}

pub trait ByName {
    fn bundle(&self) -> Option<MimeBundle>;
}

impl<T: ?Sized> ByName for Show<'_, T> {
    fn bundle(&self) -> Option<MimeBundle> {
        Some(name_bundle(std::any::type_name::<T>()))
    }
}

/// The longest text that is shown on one line whatever its structure.
const ONE_LINE: usize = 100;

/// `()` shows nothing. Short values and plain lists stay on one line, nested ones are
/// laid out.
fn debug_bundle(value: &dyn Debug, type_name: &str) -> Option<MimeBundle> {
    if type_name == "()" {
        return None;
    }
    let mut text = debug_text(value, false, SHOWN);
    if text.chars().count() > ONE_LINE && text.contains(['{', '(']) {
        text = debug_text(value, true, SHOWN);
    }
    Some(MimeBundle::new().with("text/plain", text))
}

fn name_bundle(type_name: &str) -> MimeBundle {
    // The names of generated code say nothing.
    let type_name = type_name.replace("notebook::__tb_body::{{closure}}::", "").replace("notebook::", "");
    MimeBundle::new().with("text/plain", format!("a value of type {type_name} (no Debug, so only its type is shown)"))
}

/// Sends the value of the last expression.
pub fn result(bundle: Option<MimeBundle>) {
    let Some(bundle) = bundle else { return };
    host::flush_text();
    host::send(&FromCell::Result { run: host::current_run(), data: fitting(bundle.into_map()) });
}

/// What the inherent method `evcxr_display` returns when a type has none: existing
/// crates show themselves by that method, which prints to stdout.
pub struct NoEvcxrDisplay;

/// Found only where a type has no method `evcxr_display` of its own.
pub trait EvcxrFallback {
    fn evcxr_display(&self) -> NoEvcxrDisplay {
        NoEvcxrDisplay
    }
}

impl<T: ?Sized> EvcxrFallback for T {}

/// Whether `evcxr_display` has shown the value.
pub trait Displayed {
    fn displayed(&self) -> bool;
}

impl Displayed for NoEvcxrDisplay {
    fn displayed(&self) -> bool {
        false
    }
}

impl Displayed for () {
    fn displayed(&self) -> bool {
        true
    }
}

#[cfg(test)]
#[allow(clippy::needless_borrow, clippy::unit_arg, reason = "written as in a cell, whatever the value")]
mod tests {
    use super::*;
    use crate::display::Html;

    fn plain(bundle: Option<MimeBundle>) -> String {
        bundle.and_then(|bundle| Some(bundle.get("text/plain")?.as_str()?.to_owned())).unwrap_or_default()
    }

    struct Opaque;

    #[test]
    fn the_richest_form_wins() {
        assert_eq!(plain((&&&Show(&Html("<b>"))).bundle()), "<b>");
        assert_eq!(plain((&&&Show(&vec![1, 2])).bundle()), "[1, 2]");
        assert_eq!(plain((&&&Show("text")).bundle()), "\"text\"");
        assert!(plain((&&&Show(&Opaque)).bundle()).contains("Opaque"));
        assert!((&&&Show(&())).bundle().is_none());
    }

    #[test]
    fn long_plain_lists_stay_on_one_line_and_nested_values_do_not() {
        assert!(!plain((&&&Show(&vec![1; 200])).bundle()).contains('\n'));
        assert!(plain((&&&Show(&vec![Some("abc"); 200])).bundle()).contains('\n'));
    }

    #[test]
    fn a_huge_value_is_shown_in_part() {
        let text = plain((&&&Show(&vec![Some(1u64); 200_000])).bundle());
        assert!(text.starts_with("[\n    Some(\n        1,\n    ),\n"), "{}", &text[..100]);
        assert!(text.len() < SHOWN + 100 && text.ends_with(" of this text left out]"));
    }

    struct OldStyle;

    impl OldStyle {
        fn evcxr_display(&self) {}
    }

    #[test]
    fn a_method_of_the_type_itself_is_preferred() {
        assert!(OldStyle.evcxr_display().displayed());
        assert!(!Opaque.evcxr_display().displayed());
    }
}
