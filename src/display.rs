//! Rich output: HTML, pictures, formulas, and the trait that gives a type of your own
//! such a form.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::__rt::bounded::fitting;
use crate::__rt::host;
use crate::message::FromCell;
use crate::picture::image;

/// One value in several formats, from which a front end takes the best that it can show.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MimeBundle(Map<String, Value>);

impl MimeBundle {
    /// An empty bundle.
    pub fn new() -> MimeBundle {
        MimeBundle::default()
    }

    /// Adds a text format: `bundle.with("text/html", "<b>bold</b>")`.
    pub fn with(mut self, mime_type: impl Into<String>, content: impl Into<String>) -> MimeBundle {
        self.0.insert(mime_type.into(), Value::String(content.into()));
        self
    }

    /// Adds a binary format such as `image/png`.
    pub fn with_bytes(mut self, mime_type: impl Into<String>, content: &[u8]) -> MimeBundle {
        self.0.insert(mime_type.into(), Value::String(STANDARD.encode(content)));
        self
    }

    /// Adds a JSON format: `application/json` and every type that ends in `+json`.
    pub fn with_json(mut self, mime_type: impl Into<String>, content: Value) -> MimeBundle {
        self.0.insert(mime_type.into(), content);
        self
    }

    /// Adds all formats of another bundle, which win over those here.
    pub fn and(mut self, other: MimeBundle) -> MimeBundle {
        self.0.extend(other.0);
        self
    }

    /// The content in one format.
    pub fn get(&self, mime_type: &str) -> Option<&Value> {
        self.0.get(mime_type)
    }

    pub(crate) fn from_map(formats: Map<String, Value>) -> MimeBundle {
        MimeBundle(formats)
    }

    pub(crate) fn into_map(self) -> Map<String, Value> {
        self.0
    }

    /// What a program without a front end prints.
    fn plain(&self) -> String {
        match self.get("text/plain") {
            Some(Value::String(text)) => text.clone(),
            _ => match self.0.iter().next() {
                Some((_, Value::String(text))) if text.len() < 10_000 => text.clone(),
                Some((mime_type, _)) => format!("[{mime_type}]"),
                None => String::new(),
            },
        }
    }
}

/// A type with a rich form. The last expression of a cell, [`display`] and
/// [`update_display`] show it.
///
/// ```
/// # use threadbook::prelude::*;
/// struct Bar(usize);
///
/// impl Rich for Bar {
///     fn rich(&self) -> MimeBundle {
///         let width = self.0 * 10;
///         MimeBundle::new()
///             .with("text/html", format!("<hr style='width:{width}px'>"))
///             .with("text/plain", "=".repeat(self.0))
///     }
/// }
/// display(&Bar(4));
/// ```
pub trait Rich {
    /// The value in every format that makes sense. Add `text/plain` too, for terminals.
    fn rich(&self) -> MimeBundle;
}

impl Rich for MimeBundle {
    fn rich(&self) -> MimeBundle {
        self.clone()
    }
}

impl<T: Rich + ?Sized> Rich for &T {
    fn rich(&self) -> MimeBundle {
        (**self).rich()
    }
}

impl<T: Rich + ?Sized> Rich for Box<T> {
    fn rich(&self) -> MimeBundle {
        (**self).rich()
    }
}

// The formats below are generic shells over these two, so that a cell that uses one does
// not compile maps of its own.
fn text_bundle(mime_type: &str, text: &str) -> MimeBundle {
    MimeBundle::new().with(mime_type, text).with("text/plain", text)
}

fn binary_bundle(mime_type: &str, bytes: &[u8]) -> MimeBundle {
    let described = format!("[{mime_type} of {} bytes]", bytes.len());
    MimeBundle::new().with_bytes(mime_type, bytes).with("text/plain", described)
}

macro_rules! text_format {
    ($(#[$doc:meta])* $name:ident, $mime:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name<T: AsRef<str> = String>(pub T);

        impl<T: AsRef<str>> Rich for $name<T> {
            fn rich(&self) -> MimeBundle {
                text_bundle($mime, self.0.as_ref())
            }
        }
    };
}

macro_rules! binary_format {
    ($(#[$doc:meta])* $name:ident, $mime:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name<T: AsRef<[u8]> = Vec<u8>>(pub T);

        impl<T: AsRef<[u8]>> Rich for $name<T> {
            fn rich(&self) -> MimeBundle {
                binary_bundle($mime, self.0.as_ref())
            }
        }
    };
}

text_format!(
    /// HTML text: `Html("<b>bold</b>")`.
    Html, "text/html"
);
text_format!(
    /// Markdown text: `Markdown("**bold**")`.
    Markdown, "text/markdown"
);
text_format!(
    /// LaTeX text: `Latex("$\\frac{1}{2}$")`.
    Latex, "text/latex"
);

/// An SVG picture: `Svg("<svg xmlns='http://www.w3.org/2000/svg' …>")`. It is shown as an image:
/// without `xmlns`, front ends draw nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Svg<T: AsRef<str> = String>(pub T);

/// Of larger pictures there is no second form.
const MOST_BYTES_OF_AN_IMAGE: usize = 1 << 20;

impl<T: AsRef<str>> Rich for Svg<T> {
    fn rich(&self) -> MimeBundle {
        let svg = self.0.as_ref();
        let bundle = text_bundle("image/svg+xml", svg);
        // Front ends show no SVG of a notebook that has not been run yet, but images.
        if svg.len() > MOST_BYTES_OF_AN_IMAGE { bundle } else { bundle.with("text/html", image(svg)) }
    }
}

binary_format!(
    /// The bytes of a PNG file.
    Png, "image/png"
);
binary_format!(
    /// The bytes of a JPEG file.
    Jpeg, "image/jpeg"
);
binary_format!(
    /// The bytes of a GIF file.
    Gif, "image/gif"
);

/// A JSON value, shown as a tree that can be folded.
#[derive(Debug, Clone, PartialEq)]
pub struct Json(pub Value);

impl Rich for Json {
    fn rich(&self) -> MimeBundle {
        MimeBundle::new().with_json("application/json", self.0.clone()).with("text/plain", format!("{:#}", self.0))
    }
}

/// Shows a value now, from any thread. Without a kernel it prints the plain text.
///
/// For any `Debug` value use the macro `show!(value)`.
pub fn display(value: &(impl Rich + ?Sized)) {
    send(value.rich(), None, false);
}

/// Shows a value under a name, or replaces what was shown under that name before,
/// wherever it stands in the notebook.
pub fn update_display(id: &str, value: &(impl Rich + ?Sized)) {
    let update = !host::first_display(id);
    send(value.rich(), Some(id.to_owned()), update);
}

/// Clears what the cell has shown so far. With `wait` the old output stays until new
/// output comes, so that an animation does not flicker.
pub fn clear_output(wait: bool) {
    if host::is_connected() {
        host::flush_text();
        host::ask(|ticket| FromCell::ClearOutput { run: host::current_run(), wait, ticket });
    }
}

/// Sends a bundle to the front end and waits until it is on its way, so that it
/// stands in order with the text printed before and after.
pub(crate) fn send(bundle: MimeBundle, display_id: Option<String>, update: bool) {
    if !host::is_connected() {
        println!("{}", bundle.plain());
        return;
    }
    host::flush_text();
    host::ask(|ticket| FromCell::Display {
        run: host::current_run(),
        data: fitting(bundle.into_map()),
        metadata: Map::new(),
        display_id,
        update,
        ticket,
    });
}

/// Shows any value the way the last expression of a cell is shown: its rich form,
/// else its `Debug` text, else its type.
///
/// ```
/// # use threadbook::prelude::*;
/// show!(vec![1, 2, 3]);
/// ```
#[macro_export]
#[doc(hidden)]
macro_rules! display_any {
    ($value:expr) => {
        match &$value {
            value => {
                #[allow(unused_imports)]
                use $crate::__rt::show::{ByDebug as _, ByName as _, ByRich as _};
                if let Some(bundle) = (&&&$crate::__rt::show::Show(value)).bundle() {
                    $crate::display::display(&bundle);
                }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_hold_each_format_once() {
        let bundle = Html("<i>x</i>").rich().and(MimeBundle::new().with("text/plain", "x"));
        assert_eq!(bundle.get("text/html"), Some(&Value::from("<i>x</i>")));
        assert_eq!(bundle.get("text/plain"), Some(&Value::from("x")));
        assert_eq!(bundle.plain(), "x");
    }

    #[test]
    fn bytes_travel_as_base64() {
        assert_eq!(Png([1u8, 2, 3]).rich().get("image/png"), Some(&Value::from("AQID")));
    }
}
