//! How the last expression of a cell is shown, chosen while the cell compiles.
//!
//! `(&&&&Show(value)).bundle()` finds the first of these traits that fits the value's
//! type, because method lookup takes off one reference after the other: the library's own text of
//! the commonest types, its rich form, its `Debug` text, its type's name. After `%fmt` it is
//! `(&&&&ShowAs { … }).bundle()`, which looks for `Display` before `Debug` where [`ByDisplay`] is
//! imported: for `%fmt {}`.

use std::any::type_name;
use std::fmt::{Debug, Display};

use crate::display::{MimeBundle, Rich};
use crate::message::FromCell;

use super::bounded::{SHOWN, debug_text, display_text, fitting};
use super::host;

pub struct Show<'a, T: ?Sized>(pub &'a T);

/// A value to be shown as `%fmt` says.
pub struct ShowAs<'a, T: ?Sized> {
    pub value: &'a T,
    /// `{:#?}`, else `{:?}`; for a value that has no `Display` too.
    pub pretty: bool,
}

/// The commonest types. The `Debug` text of other types makes the compiler read through all
/// implementations of `Debug` in all crates there are, to find the one: about 10 ms of
/// each cell.
pub trait ByLibrary {
    fn bundle(&self) -> Option<MimeBundle>;
}

macro_rules! by_library {
    ($($type:ty),*) => {
        $(
            impl ByLibrary for &&&Show<'_, $type> {
                #[inline(never)]
                fn bundle(&self) -> Option<MimeBundle> {
                    debug_bundle(&self.0, type_name::<$type>())
                }
            }
        )*
    };
}

macro_rules! by_library_with_lists {
    ($($type:ty),*) => {
        by_library!($($type),*);
        by_library!($(Vec<$type>, Option<$type>),*);
    };
}

// All numbers there are: what `1` is may be open while this is chosen.
by_library_with_lists!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize, f32, f64);
by_library_with_lists!(bool, char, &str, String);
by_library!((), str);

pub trait ByRich {
    fn bundle(&self) -> Option<MimeBundle>;
}

impl<T: Rich + ?Sized> ByRich for &&Show<'_, T> {
    fn bundle(&self) -> Option<MimeBundle> {
        Some(self.0.rich())
    }
}

impl<T: Rich + ?Sized> ByRich for &&&ShowAs<'_, T> {
    fn bundle(&self) -> Option<MimeBundle> {
        Some(self.value.rich())
    }
}

pub trait ByDisplay {
    fn bundle(&self) -> Option<MimeBundle>;
}

impl<T: Display + ?Sized> ByDisplay for &&ShowAs<'_, T> {
    fn bundle(&self) -> Option<MimeBundle> {
        Some(display_bundle(&self.value))
    }
}

pub trait ByDebug {
    fn bundle(&self) -> Option<MimeBundle>;
}

impl<T: Debug + ?Sized> ByDebug for &Show<'_, T> {
    fn bundle(&self) -> Option<MimeBundle> {
        debug_bundle(&self.0, type_name::<T>())
    }
}

impl<T: Debug + ?Sized> ByDebug for &ShowAs<'_, T> {
    fn bundle(&self) -> Option<MimeBundle> {
        formatted_bundle(&self.value, self.pretty, type_name::<T>())
    }
}

pub trait ByName {
    fn bundle(&self) -> Option<MimeBundle>;
}

impl<T: ?Sized> ByName for Show<'_, T> {
    fn bundle(&self) -> Option<MimeBundle> {
        Some(name_bundle(type_name::<T>()))
    }
}

impl<T: ?Sized> ByName for ShowAs<'_, T> {
    fn bundle(&self) -> Option<MimeBundle> {
        Some(name_bundle(type_name::<T>()))
    }
}

/// The longest text that is shown on one line whatever its structure.
const ONE_LINE: usize = 100;

/// `()` shows nothing. Short values and plain lists stay on one line, nested ones are
/// laid out.
pub(crate) fn debug_bundle(value: &dyn Debug, type_name: &str) -> Option<MimeBundle> {
    if type_name == "()" {
        return None;
    }
    let mut text = debug_text(value, false, SHOWN);
    if text.chars().count() > ONE_LINE && text.contains(['{', '(']) {
        text = debug_text(value, true, SHOWN);
    }
    Some(MimeBundle::new().with("text/plain", text))
}

fn formatted_bundle(value: &dyn Debug, pretty: bool, type_name: &str) -> Option<MimeBundle> {
    (type_name != "()").then(|| MimeBundle::new().with("text/plain", debug_text(value, pretty, SHOWN)))
}

fn display_bundle(value: &dyn Display) -> MimeBundle {
    MimeBundle::new().with("text/plain", display_text(value, SHOWN))
}

fn name_bundle(type_name: &str) -> MimeBundle {
    // The names of generated code say nothing.
    let type_name = type_name.replace("notebook::__tb_body::{{closure}}::", "").replace("notebook::", "");
    MimeBundle::new().with("text/plain", format!("a value of type {type_name} (no Debug, so only its type is shown)"))
}

/// The bundle with the value's type before its text, as `%types` wants it: `: i32 = 5`.
pub fn typed<T: ?Sized>(bundle: Option<MimeBundle>, _value: &T) -> Option<MimeBundle> {
    with_type(bundle?, type_name::<T>())
}

fn with_type(bundle: MimeBundle, type_name: &str) -> Option<MimeBundle> {
    let text = bundle.get("text/plain").and_then(|text| text.as_str());
    let typed = text.map(|text| format!(": {} = {text}", short_type_name(type_name)));
    Some(match typed {
        Some(typed) => bundle.with("text/plain", typed),
        None => bundle,
    })
}

/// `Vec<String>` of `alloc::vec::Vec<alloc::string::String>`.
fn short_type_name(full: &str) -> String {
    let mut short = String::with_capacity(full.len());
    let mut word_start = 0;
    let mut rest = full;
    while let Some(character) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("::").filter(|_| !short.ends_with('>')) {
            short.truncate(word_start);
            rest = after;
            continue;
        }
        short.push(character);
        if !(character.is_alphanumeric() || matches!(character, '_' | '{' | '}' | '#')) {
            word_start = short.len();
        }
        rest = &rest[character.len_utf8()..];
    }
    short
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
        assert_eq!(plain((&&&&Show(&Html("<b>"))).bundle()), "<b>");
        assert_eq!(plain((&&&&Show(&vec![1, 2])).bundle()), "[1, 2]");
        assert_eq!(plain((&&&&Show("text")).bundle()), "\"text\"");
        assert!(plain((&&&&Show(&Opaque)).bundle()).contains("Opaque"));
        assert!((&&&&Show(&())).bundle().is_none());
    }

    #[test]
    fn a_number_need_not_be_of_a_known_type() {
        assert_eq!(plain((&&&&Show(&1)).bundle()), "1");
        assert_eq!(plain((&&&&Show(&1.5)).bundle()), "1.5");
        assert_eq!(plain((&&&&Show(&vec![1; 3])).bundle()), "[1, 1, 1]");
        assert_eq!(plain((&&&&Show(&Some(1))).bundle()), "Some(1)");
    }

    #[test]
    fn a_format_is_used_where_it_fits() {
        let value = Some(vec![1, 2]);
        assert_eq!(plain((&&&&ShowAs { value: &value, pretty: false }).bundle()), "Some([1, 2])");
        assert!(plain((&&&&ShowAs { value: &value, pretty: true }).bundle()).contains('\n'));
        assert_eq!(plain((&&&&ShowAs { value: "text", pretty: false }).bundle()), "text");
        assert_eq!(plain((&&&&ShowAs { value: &Html("<b>"), pretty: false }).bundle()), "<b>");
        assert!(plain((&&&&ShowAs { value: &Opaque, pretty: false }).bundle()).contains("Opaque"));
        assert!((&&&&ShowAs { value: &(), pretty: true }).bundle().is_none());
    }

    #[test]
    fn a_type_stands_before_its_value() {
        let value = vec![Some("a".to_owned())];
        assert_eq!(plain(typed((&&&&Show(&value)).bundle(), &value)), ": Vec<Option<String>> = [Some(\"a\")]");
        assert!(typed((&&&&Show(&())).bundle(), &()).is_none());
        assert_eq!(short_type_name("&[(alloc::vec::Vec<u8>, a::{{closure}}::B); 2]"), "&[(Vec<u8>, B); 2]");
        assert_eq!(short_type_name("<a::B as c::D>::E"), "<B as D>::E");
        assert_eq!(short_type_name("dyn core::ops::Fn(a::B) -> c::D + core::marker::Send"), "dyn Fn(B) -> D + Send");
    }

    #[test]
    fn long_plain_lists_stay_on_one_line_and_nested_values_do_not() {
        assert!(!plain((&&&&Show(&vec![1; 200])).bundle()).contains('\n'));
        assert!(plain((&&&&Show(&vec![Some("abc"); 200])).bundle()).contains('\n'));
    }

    #[test]
    fn a_huge_value_is_shown_in_part() {
        let text = plain((&&&&Show(&vec![Some(1u64); 200_000])).bundle());
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
