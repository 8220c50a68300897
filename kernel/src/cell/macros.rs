//! Which macros stand for items: told by how their text begins.

use proc_macro2::TokenStream;

/// Whether a `macro_rules!` makes items: every arm's text begins like one.
pub fn makes_items(definition: &syn::Macro) -> bool {
    use proc_macro2::{TokenStream, TokenTree};

    const ITEM_WORDS: [&str; 14] = [
        "pub",
        "struct",
        "enum",
        "fn",
        "impl",
        "trait",
        "mod",
        "type",
        "static",
        "const",
        "use",
        "extern",
        "union",
        "thread_local",
    ];
    fn starts_like_item(body: TokenStream) -> bool {
        let mut tokens = body.into_iter().peekable();
        match tokens.next() {
            Some(TokenTree::Ident(word)) => ITEM_WORDS.contains(&word.to_string().as_str()),
            Some(TokenTree::Punct(sign)) if sign.as_char() == '#' => true,
            Some(TokenTree::Punct(sign)) if sign.as_char() == '$' => match tokens.next() {
                Some(TokenTree::Group(repeated)) => starts_like_item(repeated.stream()),
                Some(TokenTree::Ident(name)) => ["vis", "item", "attr", "meta"].contains(&name.to_string().as_str()),
                _ => false,
            },
            _ => false,
        }
    }
    let mut tokens = definition.tokens.clone().into_iter();
    let mut arms = 0;
    while let Some(token) = tokens.next() {
        // `(pattern) => {body};`: the body is the group after the arrow.
        if let TokenTree::Punct(sign) = &token
            && sign.as_char() == '>'
            && let Some(TokenTree::Group(body)) = tokens.next()
        {
            arms += 1;
            if !starts_like_item(body.stream()) {
                return false;
            }
        }
    }
    arms > 0
}

/// Whether a macro is called with an item: `bitflags! { pub struct Flags: u8 { … } }`.
pub fn begins_like_item(tokens: &TokenStream) -> bool {
    let words = ["pub", "struct", "enum", "fn", "impl", "trait", "mod", "type", "static", "union", "extern"];
    let mut tokens = tokens.clone().into_iter().peekable();
    // Attributes and doc comments.
    while matches!(tokens.peek(), Some(proc_macro2::TokenTree::Punct(sign)) if sign.as_char() == '#') {
        tokens.nth(1);
    }
    matches!(tokens.next(), Some(proc_macro2::TokenTree::Ident(word)) if words.contains(&word.to_string().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_that_make_items_are_told_by_their_arms() {
        let makes = |text: &str| match syn::parse_str::<syn::Item>(text) {
            Ok(syn::Item::Macro(item)) => makes_items(&item.mac),
            other => panic!("{other:?}"),
        };
        assert!(makes("macro_rules! m { ($n:ident) => { struct $n; impl $n {} } }"));
        assert!(makes(
            "macro_rules! m { ($($n:ident),*) => { $(fn $n() {})* }; () => { #[derive(Debug)] struct X; } }"
        ));
        assert!(!makes("macro_rules! m { ($x:expr) => { $x * 2 } }"));
        assert!(!makes("macro_rules! m { ($x:expr) => { println!(\"{}\", $x) } }"));
    }
}
