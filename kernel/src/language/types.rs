//! Types as completion thinks of them: good enough to find fields and methods.

use std::collections::HashMap;
use std::fmt;

use syn::{GenericArgument, PathArguments, ReturnType, TypeParamBound};

use super::tokens::{self, Kind};

/// The short form of a type for people: paths without the modules.
///
/// `std::sync::Arc<std::sync::Mutex<std::vec::Vec<u8>>>` becomes `Arc<Mutex<Vec<u8>>>`;
/// a closure becomes `{closure}`.
pub fn shorten_type(full: &str) -> String {
    let full = without_closure_places(full);
    let tokens = tokens::tokenize(&full);
    let mut short = String::with_capacity(full.len());
    let mut copied = 0;
    let mut index = 0;
    while let Some(token) = tokens.get(index) {
        let next_is = |text: &str| tokens.get(index + 1).is_some_and(|next| next.is(text));
        // `Self::Item` and `Vec::<u8>` keep what stands before the `::`.
        let module = token.kind == Kind::Ident
            && token.text.starts_with(|c: char| c.is_lowercase() || c == '_')
            && next_is("::");
        let root = token.is("::")
            && (index == 0 || !matches!(tokens[index - 1].kind, Kind::Ident) && !tokens[index - 1].is(">"));
        if module || root {
            short.push_str(&full[copied..token.start]);
            let last = if module { tokens[index + 1] } else { *token };
            copied = last.end();
            index += if module { 2 } else { 1 };
        } else {
            index += 1;
        }
    }
    short.push_str(&full[copied..]);
    short
}

/// `{closure@src/lib.rs:3:4: 3:9}` as `{closure}`.
fn without_closure_places(text: &str) -> String {
    let mut parts = text.split("{closure@");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.find('}').map_or("", |end| &part[end + 1..]);
        result.push_str("{closure}");
        result.push_str(rest);
    }
    result
}

/// A type, without its lifetimes.
#[derive(Debug, Clone, PartialEq)]
pub enum Ty {
    /// `Vec<u8>`, `i32`, `T`. An `Iterator<Item = u8>` has its item as argument.
    Named {
        path: String,
        args: Vec<Ty>,
    },
    Ref {
        mutable: bool,
        inner: Box<Ty>,
    },
    Slice(Box<Ty>),
    Array(Box<Ty>, String),
    Tuple(Vec<Ty>),
    /// A closure, an `Fn` trait or a `fn` pointer.
    Function {
        kind: &'static str,
        params: Vec<Ty>,
        result: Box<Ty>,
    },
    /// `dyn A + B` or `impl A + B`.
    Bounds {
        keyword: &'static str,
        bounds: Vec<Ty>,
    },
    Unknown,
}

/// What type parameters stand for.
pub type Bindings = HashMap<String, Ty>;

impl Ty {
    pub fn named(path: impl Into<String>, args: Vec<Ty>) -> Ty {
        Ty::Named { path: path.into(), args }
    }

    pub fn plain(path: impl Into<String>) -> Ty {
        Ty::named(path, Vec::new())
    }

    pub fn reference(inner: Ty) -> Ty {
        Ty::Ref { mutable: false, inner: Box::new(inner) }
    }

    pub fn unit() -> Ty {
        Ty::Tuple(Vec::new())
    }

    /// Reads a type; what is none is [`Unknown`](Ty::Unknown).
    pub fn parse(text: &str) -> Ty {
        let text = without_closure_places(text).replace("{closure}", "_");
        if super::too_deep(&tokens::tokenize(&text)) {
            return Ty::Unknown;
        }
        syn::parse_str::<syn::Type>(&text).map_or(Ty::Unknown, |parsed| Ty::from_syn(&parsed))
    }

    pub fn from_syn(parsed: &syn::Type) -> Ty {
        match parsed {
            syn::Type::Path(path) => from_path(path),
            syn::Type::Reference(reference) => {
                Ty::Ref { mutable: reference.mutability.is_some(), inner: Box::new(Ty::from_syn(&reference.elem)) }
            }
            syn::Type::Ptr(pointer) => Ty::named("pointer", vec![Ty::from_syn(&pointer.elem)]),
            syn::Type::Slice(slice) => Ty::Slice(Box::new(Ty::from_syn(&slice.elem))),
            syn::Type::Array(array) => {
                let length = quote::ToTokens::to_token_stream(&array.len).to_string();
                Ty::Array(Box::new(Ty::from_syn(&array.elem)), length)
            }
            syn::Type::Tuple(tuple) => Ty::Tuple(tuple.elems.iter().map(Ty::from_syn).collect()),
            syn::Type::Paren(inner) => Ty::from_syn(&inner.elem),
            syn::Type::Group(inner) => Ty::from_syn(&inner.elem),
            syn::Type::FnPtr(function) => Ty::Function {
                kind: "fn",
                params: function.inputs.iter().map(|input| Ty::from_syn(&input.ty)).collect(),
                result: Box::new(from_return(&function.output)),
            },
            syn::Type::TraitObject(object) => from_bounds("dyn", object.bounds.iter()),
            syn::Type::ImplTrait(object) => from_bounds("impl", object.bounds.iter()),
            syn::Type::Never(_) => Ty::plain("!"),
            _ => Ty::Unknown,
        }
    }

    /// The last name of the path: `Arc` for `std::sync::Arc<u8>`.
    pub fn name(&self) -> Option<&str> {
        match self {
            Ty::Named { path, .. } => path.rsplit("::").next(),
            _ => None,
        }
    }

    pub fn arg(&self, index: usize) -> Option<&Ty> {
        match self {
            Ty::Named { args, .. } => args.get(index),
            _ => None,
        }
    }

    /// Without any references around it.
    pub fn peeled(&self) -> &Ty {
        match self {
            Ty::Ref { inner, .. } => inner.peeled(),
            other => other,
        }
    }

    pub fn is_known(&self) -> bool {
        !matches!(self, Ty::Unknown) && self.name() != Some("_")
    }

    /// The type with its parameters replaced.
    pub fn substitute(&self, bindings: &Bindings) -> Ty {
        let all = |types: &[Ty]| types.iter().map(|ty| ty.substitute(bindings)).collect::<Vec<_>>();
        match self {
            Ty::Named { path, args } => {
                if let Some(bound) = bindings.get(path).filter(|_| args.is_empty()) {
                    return bound.clone();
                }
                // `I::Item`: the parameter's own associated type.
                if let Some((parameter, rest)) = path.split_once("::")
                    && let Some(bound) = bindings.get(parameter)
                {
                    return rest.split("::").fold(bound.clone(), |ty, name| super::layers::associated(&ty, name));
                }
                Ty::Named { path: path.clone(), args: all(args) }
            }
            Ty::Ref { mutable, inner } => Ty::Ref { mutable: *mutable, inner: Box::new(inner.substitute(bindings)) },
            Ty::Slice(inner) => Ty::Slice(Box::new(inner.substitute(bindings))),
            Ty::Array(inner, length) => Ty::Array(Box::new(inner.substitute(bindings)), length.clone()),
            Ty::Tuple(parts) => Ty::Tuple(all(parts)),
            Ty::Function { kind, params, result } => {
                Ty::Function { kind, params: all(params), result: Box::new(result.substitute(bindings)) }
            }
            Ty::Bounds { keyword, bounds } => Ty::Bounds { keyword, bounds: all(bounds) },
            Ty::Unknown => Ty::Unknown,
        }
    }

    /// Learns what the `parameters` in this type stand for from an actual type. What was
    /// learned first stays.
    pub fn unify(&self, actual: &Ty, parameters: &[String], bindings: &mut Bindings) {
        match (self, actual) {
            (_, Ty::Unknown) => {}
            (Ty::Named { path, args }, _) if args.is_empty() && parameters.contains(path) && actual.is_known() => {
                bindings.entry(path.clone()).or_insert_with(|| actual.clone());
            }
            (Ty::Named { args, .. }, Ty::Named { args: actual_args, .. }) if self.name() == actual.name() => {
                for (part, actual) in args.iter().zip(actual_args) {
                    part.unify(actual, parameters, bindings);
                }
            }
            (Ty::Ref { inner, .. }, Ty::Ref { inner: actual, .. }) => inner.unify(actual, parameters, bindings),
            (Ty::Slice(inner), Ty::Slice(actual) | Ty::Array(actual, _))
            | (Ty::Array(inner, _), Ty::Array(actual, _)) => {
                inner.unify(actual, parameters, bindings);
            }
            (Ty::Tuple(parts), Ty::Tuple(actual)) => {
                for (part, actual) in parts.iter().zip(actual) {
                    part.unify(actual, parameters, bindings);
                }
            }
            (Ty::Function { params, result, .. }, Ty::Function { params: actual_params, result: actual, .. }) => {
                for (part, actual) in params.iter().zip(actual_params) {
                    part.unify(actual, parameters, bindings);
                }
                result.unify(actual, parameters, bindings);
            }
            (Ty::Bounds { bounds, .. }, _) => {
                for bound in bounds {
                    if bound.name().is_some_and(|name| name.ends_with("Iterator")) {
                        if let (Some(part), Some(item)) = (bound.arg(0), super::layers::item_of(actual)) {
                            part.unify(&item, parameters, bindings);
                        }
                    } else if let Ty::Bounds { bounds: actual, .. } = actual {
                        actual.iter().for_each(|actual| bound.unify(actual, parameters, bindings));
                    } else {
                        bound.unify(actual, parameters, bindings);
                    }
                }
            }
            // `f(&x)` where the method takes `self`.
            (_, Ty::Ref { inner, .. }) => self.unify(inner, parameters, bindings),
            _ => {}
        }
    }
}

fn from_path(path: &syn::TypePath) -> Ty {
    if let Some(qself) = &path.qself {
        // `<T as Trait>::Name` is as good as `T::Name`.
        let own = Ty::from_syn(&qself.ty).to_string();
        let last = path.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
        return Ty::plain(format!("{own}::{last}"));
    }
    let names: Vec<String> = path.path.segments.iter().map(|segment| plain_name(&segment.ident)).collect();
    let Some(last) = path.path.segments.last() else { return Ty::Unknown };
    let name = names.join("::");
    match &last.arguments {
        PathArguments::None => Ty::plain(name),
        PathArguments::AngleBracketed(arguments) => {
            let args = arguments.args.iter().filter_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(Ty::from_syn(ty)),
                GenericArgument::AssocType(assoc) => Some(Ty::from_syn(&assoc.ty)),
                _ => None,
            });
            Ty::named(name, args.collect())
        }
        PathArguments::Parenthesized(arguments) => Ty::Function {
            kind: match last.ident.to_string().as_str() {
                "FnMut" => "FnMut",
                "FnOnce" => "FnOnce",
                _ => "Fn",
            },
            params: arguments.inputs.iter().map(|input| Ty::from_syn(&input.ty)).collect(),
            result: Box::new(from_return(&arguments.output)),
        },
    }
}

fn from_bounds<'a>(keyword: &'static str, bounds: impl Iterator<Item = &'a TypeParamBound>) -> Ty {
    let bounds = bounds.filter_map(|bound| match bound {
        TypeParamBound::Trait(bound) => {
            Some(from_path(&syn::TypePath { attrs: Vec::new(), qself: None, path: bound.path.clone() }))
        }
        _ => None,
    });
    Ty::Bounds { keyword, bounds: bounds.collect() }
}

pub fn from_return(output: &ReturnType) -> Ty {
    match output {
        ReturnType::Default => Ty::unit(),
        ReturnType::Type(_, ty) => Ty::from_syn(ty),
    }
}

/// A name without the `r#` of a raw identifier.
pub fn plain_name(ident: &syn::Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map_or(name.clone(), str::to_owned)
}

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, types: &[Ty]| {
            types.iter().enumerate().try_for_each(|(index, ty)| {
                if index > 0 {
                    f.write_str(", ")?;
                }
                write!(f, "{ty}")
            })
        };
        match self {
            Ty::Named { path, args } => {
                let name = path.rsplit("::").next().unwrap_or(path);
                match (name, args.as_slice()) {
                    ("pointer", [inner]) => return write!(f, "*const {inner}"),
                    ("Future", [output]) => return write!(f, "Future<Output = {output}>"),
                    (_, [item]) if name.ends_with("Iterator") => return write!(f, "{name}<Item = {item}>"),
                    _ => {}
                }
                match path.split_once("::") {
                    // An associated type of a parameter.
                    Some((parameter, _)) if parameter.starts_with(char::is_uppercase) => f.write_str(path)?,
                    _ => f.write_str(name)?,
                }
                if !args.is_empty() {
                    f.write_str("<")?;
                    list(f, args)?;
                    f.write_str(">")?;
                }
                Ok(())
            }
            Ty::Ref { mutable: true, inner } => write!(f, "&mut {inner}"),
            Ty::Ref { mutable: false, inner } => write!(f, "&{inner}"),
            Ty::Slice(inner) => write!(f, "[{inner}]"),
            Ty::Array(inner, length) => write!(f, "[{inner}; {length}]"),
            Ty::Tuple(parts) => {
                f.write_str("(")?;
                list(f, parts)?;
                f.write_str(if parts.len() == 1 { ",)" } else { ")" })
            }
            Ty::Function { kind, params, result } => {
                write!(f, "{kind}(")?;
                list(f, params)?;
                f.write_str(")")?;
                if **result != Ty::unit() {
                    write!(f, " -> {result}")?;
                }
                Ok(())
            }
            Ty::Bounds { keyword, bounds } => {
                let bounds: Vec<String> = bounds.iter().map(Ty::to_string).collect();
                write!(f, "{keyword} {}", bounds.join(" + "))
            }
            Ty::Unknown => f.write_str("_"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_shortened_for_people() {
        for (full, short) in [
            ("std::sync::Arc<std::sync::Mutex<std::vec::Vec<u8>>>", "Arc<Mutex<Vec<u8>>>"),
            ("&'static str", "&'static str"),
            ("::std::string::String", "String"),
            (
                "std::collections::HashMap<std::string::String, (u8, std::time::Duration)>",
                "HashMap<String, (u8, Duration)>",
            ),
            (
                "std::boxed::Box<dyn std::ops::Fn(u8) -> std::string::String + std::marker::Send>",
                "Box<dyn Fn(u8) -> String + Send>",
            ),
            ("std::iter::Map<std::slice::Iter<'_, u8>, {closure@src/lib.rs:3:4: 3:9}>", "Map<Iter<'_, u8>, {closure}>"),
            ("<T as std::iter::Iterator>::Item", "<T as Iterator>::Item"),
            ("Self::Item", "Self::Item"),
            ("[u8; 4]", "[u8; 4]"),
            ("cell::shapes::Point", "Point"),
            ("", ""),
            ("{closure@", "{closure}"),
        ] {
            assert_eq!(shorten_type(full), short);
        }
    }

    #[test]
    fn types_are_read_and_shown() {
        for text in [
            "Vec<u8>",
            "&mut [u8]",
            "[u8; 4]",
            "(u8, String)",
            "(u8,)",
            "()",
            "Box<dyn Fn(u8) -> u8>",
            "impl Iterator<Item = char>",
            "fn(u8, u8) -> u8",
            "Box<dyn FnOnce() + Send>",
            "&str",
            "impl Future<Output = u8>",
            "!",
        ] {
            assert_eq!(Ty::parse(text).to_string(), text);
        }
        assert_eq!(Ty::parse("std::slice::Iter<'_, u8>").to_string(), "Iter<u8>");
        assert_eq!(Ty::parse("no type ("), Ty::Unknown);
    }

    #[test]
    fn parameters_are_learned_and_replaced() {
        let parameters = ["K".to_owned(), "V".to_owned()];
        let mut bindings = Bindings::new();
        Ty::parse("HashMap<K, V>").unify(
            &Ty::parse("std::collections::HashMap<String, Vec<u8>>"),
            &parameters,
            &mut bindings,
        );
        assert_eq!(Ty::parse("Option<(&K, &V)>").substitute(&bindings).to_string(), "Option<(&String, &Vec<u8>)>");
    }

    #[test]
    fn a_closure_tells_its_result() {
        let mut bindings = Bindings::new();
        let closure = Ty::Function { kind: "Fn", params: Vec::new(), result: Box::new(Ty::plain("u64")) };
        Ty::parse("impl FnOnce() -> T + Send").unify(&closure, &["T".to_owned()], &mut bindings);
        assert_eq!(bindings.get("T"), Some(&Ty::plain("u64")));
    }
}
