//! Which names a piece of Rust mentions, read off its tokens.
//!
//! Names decide which variables a cell takes out of the store and which items of
//! earlier cells it needs. Tokens are enough: a name too many costs a little compile
//! time, and none is missed inside macros, where no parser can look.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};

pub type Names = BTreeSet<String>;

/// All identifiers in the tokens, those in format strings (`"{name:?}"`) too. Raw
/// identifiers come without their `r#`.
pub fn mentioned(tokens: TokenStream) -> Names {
    let mut names = Names::new();
    collect(tokens, &mut names);
    names
}

/// [`mentioned`] for text; empty if it is not even tokens.
pub fn mentioned_in(text: &str) -> Names {
    text.parse::<TokenStream>().map(mentioned).unwrap_or_default()
}

fn collect(tokens: TokenStream, names: &mut Names) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                let name = ident.to_string();
                names.insert(name.strip_prefix("r#").unwrap_or(&name).to_owned());
            }
            TokenTree::Group(group) => collect(group.stream(), names),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if text.starts_with('"') || text.starts_with('r') {
                    collect_format_arguments(&text, names);
                }
            }
            TokenTree::Punct(_) => {}
        }
    }
}

/// The names in `{name}`, `{name:?}` and `{:width$}`.
fn collect_format_arguments(text: &str, names: &mut Names) {
    for part in text.split('{').skip(1) {
        let inside = part.split('}').next().unwrap_or(part);
        for word in inside.split(|c: char| !(c.is_alphanumeric() || c == '_')) {
            if word.starts_with(|c: char| c.is_alphabetic() || c == '_') {
                names.insert(word.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_macros_and_format_strings_count() {
        let names = mentioned_in(r##"println!("{total:>width$} {{}} {0:?}", list.len(), other = r#type);"##);
        for name in ["total", "width", "list", "len", "type"] {
            assert!(names.contains(name), "{name} in {names:?}");
        }
        assert!(!names.contains("0"));
    }
}
