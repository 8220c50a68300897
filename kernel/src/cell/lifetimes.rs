//! Lifetimes that a type leaves out, made explicit where only `'static` can be meant.

use std::ops::Range;

use syn::visit::{self, Visit};

/// The type with `'static` where it leaves a lifetime out (`&str`) or erases it
/// (`Cow<'_, str>`). `None` when the text is no type.
pub fn with_static(type_text: &str) -> Option<String> {
    let parsed: syn::Type = syn::parse_str(type_text).ok()?;
    let mut left_out = LeftOut(Vec::new());
    left_out.visit_type(&parsed);
    let mut text = type_text.to_owned();
    // From the end, so that the places stay right.
    left_out.0.sort_by_key(|(place, _)| std::cmp::Reverse(place.start));
    for (place, lifetime) in left_out.0 {
        text.replace_range(place, lifetime);
    }
    Some(text)
}

/// Where a lifetime is left out or erased, with what to write there.
struct LeftOut(Vec<(Range<usize>, &'static str)>);

impl<'a> Visit<'a> for LeftOut {
    fn visit_type_reference(&mut self, reference: &'a syn::TypeReference) {
        if reference.lifetime.is_none() {
            let after = reference.and_token.span.byte_range().end;
            self.0.push((after..after, "'static "));
        }
        visit::visit_type_reference(self, reference);
    }

    fn visit_lifetime(&mut self, lifetime: &'a syn::Lifetime) {
        if lifetime.ident == "_" {
            self.0.push((lifetime.apostrophe.byte_range().start..lifetime.ident.span().byte_range().end, "'static"));
        }
    }

    // Inside of these a reference without a lifetime means "for any".
    fn visit_type_fn_ptr(&mut self, _: &'a syn::TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments(&mut self, _: &'a syn::ParenthesizedGenericArguments) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_become_static() {
        let cases = [
            ("&str", "&'static str"),
            ("&mut &str", "&'static mut &'static str"),
            ("std::borrow::Cow<'_, str>", "std::borrow::Cow<'static, str>"),
            ("std::vec::Vec<(i32, &[u8; 3])>", "std::vec::Vec<(i32, &'static [u8; 3])>"),
            ("for<'a> fn(&'a str) -> &'a str", "for<'a> fn(&'a str) -> &'a str"),
            ("fn(&str)", "fn(&str)"),
        ];
        for (printed, expected) in cases {
            assert_eq!(with_static(printed).as_deref(), Some(expected), "{printed}");
        }
    }
}
