//! A type as the compiler prints it, made into a type that source code can name.

use syn::visit_mut::{self, VisitMut};

/// The type as source for a variable that lives as long as the notebook: lifetimes
/// that the compiler has erased are `'static`, since only such values are kept. `None`
/// for types that have no name: closures, `impl Trait`, async blocks.
pub fn nameable(printed: &str) -> Option<String> {
    if printed.contains('{') || printed.contains("impl ") {
        return None;
    }
    let mut parsed: syn::Type = syn::parse_str(printed).ok()?;
    MakeStatic.visit_type_mut(&mut parsed);
    Some(quote::ToTokens::to_token_stream(&parsed).to_string().replace(" :: ", "::").replace(" < ", "<").replace(" >", ">"))
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

struct MakeStatic;

fn static_lifetime() -> syn::Lifetime {
    syn::Lifetime::new("'static", proc_macro2::Span::call_site())
}

impl VisitMut for MakeStatic {
    fn visit_type_reference_mut(&mut self, reference: &mut syn::TypeReference) {
        if reference.lifetime.is_none() {
            reference.lifetime = Some(static_lifetime());
        }
        visit_mut::visit_type_reference_mut(self, reference);
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut syn::Lifetime) {
        if lifetime.ident == "_" {
            *lifetime = static_lifetime();
        }
    }

    // Inside of these a reference without a lifetime means "for any".
    fn visit_type_fn_ptr_mut(&mut self, _: &mut syn::TypeFnPtr) {}
    fn visit_parenthesized_generic_arguments_mut(&mut self, _: &mut syn::ParenthesizedGenericArguments) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erased_lifetimes_become_static() {
        let cases = [
            ("&str", "& 'static str"),
            ("std::borrow::Cow<'_, str>", "std::borrow::Cow<'static , str>"),
            ("std::vec::Vec<(i32, &[u8; 3])>", "std::vec::Vec<(i32 , & 'static [u8 ; 3])>"),
            ("for<'a> fn(&'a str) -> &'a str", "for<'a> fn (& 'a str) -> & 'a str"),
            ("fn(&str)", "fn (& str)"),
        ];
        for (printed, expected) in cases {
            let strip = |text: &str| text.replace(' ', "");
            assert_eq!(nameable(printed).as_deref().map(strip), Some(strip(expected)), "{printed}");
        }
    }

    #[test]
    fn what_has_no_name_is_refused() {
        assert_eq!(nameable("std::iter::Map<std::ops::Range<i32>, {closure@cell.rs:12:29: 12:32}>"), None);
        assert_eq!(function_pointer("fn(i32) {std::mem::drop::<i32>}").map(|text| text.replace(' ', "")), Some("fn(i32)".to_owned()));
        assert_eq!(function_pointer("{closure@a}"), None);
    }
}
