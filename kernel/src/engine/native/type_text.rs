//! A type as the compiler prints it, made into a type that source code can name.

use std::ops::Range;

use syn::visit::{self, Visit};

/// The type as source for a variable that lives as long as the notebook: lifetimes
/// that the compiler has erased are `'static`, since only such values are kept. `None`
/// for types that have no name: closures, `impl Trait`, async blocks.
pub fn nameable(printed: &str) -> Option<String> {
    if printed.contains('{') || printed.contains("impl ") {
        return None;
    }
    let parsed: syn::Type = syn::parse_str(printed).ok()?;
    let mut erased = ErasedLifetimes(Vec::new());
    erased.visit_type(&parsed);
    let mut text = printed.to_owned();
    // From the end, so that the places stay right.
    erased.0.sort_by_key(|(place, _)| std::cmp::Reverse(place.start));
    for (place, lifetime) in erased.0 {
        text.replace_range(place, lifetime);
    }
    Some(text)
}

/// `fn(i32) -> i32` of a function item's type `fn(i32) -> i32 {name}`.
pub fn function_pointer(printed: &str) -> Option<String> {
    let (pointer, name) = printed.split_once(" {")?;
    let is_function = pointer.contains("fn(") && name.ends_with('}') && !pointer.contains('{') && !name.contains('@');
    is_function.then(|| nameable(pointer)).flatten()
}

/// Why a variable of this type cannot be kept and what to do instead.
pub fn why_unnameable(name: &str, printed: &str) -> String {
    if printed.starts_with("{closure@") {
        format!("its signature cannot be written as a type: define a `fn`, or box it: `let {name}: Box<dyn Fn(…) -> …> = Box::new(…);`")
    } else if printed.contains("{async") || printed.contains("{coroutine") {
        "it is a future without a name: `.await` it in this cell, or keep it as `Box::pin(…) as std::pin::Pin<Box<dyn Future<Output = …> + Send>>`".to_owned()
    } else if printed.contains("{closure@") {
        "its type contains a closure, which has no name: finish it in this cell (`.collect::<Vec<_>>()`), or box it".to_owned()
    } else {
        "its type has no name that another cell could write: convert it in this cell, or box it as `Box<dyn Trait>`".to_owned()
    }
}

/// Where a lifetime is left out or erased, with what to write there.
struct ErasedLifetimes(Vec<(Range<usize>, &'static str)>);

impl<'a> Visit<'a> for ErasedLifetimes {
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
    fn erased_lifetimes_become_static() {
        let cases = [
            ("&str", "&'static str"),
            ("&mut &str", "&'static mut &'static str"),
            ("std::borrow::Cow<'_, str>", "std::borrow::Cow<'static, str>"),
            ("std::vec::Vec<(i32, &[u8; 3])>", "std::vec::Vec<(i32, &'static [u8; 3])>"),
            ("for<'a> fn(&'a str) -> &'a str", "for<'a> fn(&'a str) -> &'a str"),
            ("fn(&str)", "fn(&str)"),
        ];
        for (printed, expected) in cases {
            assert_eq!(nameable(printed).as_deref(), Some(expected), "{printed}");
        }
    }

    #[test]
    fn what_has_no_name_is_refused() {
        assert_eq!(nameable("std::iter::Map<std::ops::Range<i32>, {closure@cell.rs:12:29: 12:32}>"), None);
        assert_eq!(function_pointer("fn(i32) {std::mem::drop::<i32>}"), Some("fn(i32)".to_owned()));
        assert_eq!(function_pointer("{closure@a}"), None);
    }
}
