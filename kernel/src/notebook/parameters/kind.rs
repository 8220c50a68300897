//! The types that a parameter can have, as far as values for it can be written.

use std::fmt;

use syn::{Expr, GenericArgument, Lit, PathArguments, Type, UnOp};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Char,
    /// By its name: `usize`.
    Integer(&'static str),
    Float(&'static str),
    /// `&str`
    Str,
    String,
    Path,
    Optional(Box<Kind>),
    /// `Vec<T>`
    Vec(Box<Kind>),
    /// `[T; N]`; `None` when the length is not a number.
    Array(Box<Kind>, Option<usize>),
    /// `&[T]`, `&[T; N]`
    Reference(Box<Kind>),
    Slice(Box<Kind>),
    Tuple(Vec<Kind>),
    /// `HashSet<T>` and others that are made of an array, by their names.
    Set(&'static str, Box<Kind>),
    Map(&'static str, Box<Kind>, Box<Kind>),
}

const INTEGERS: [&str; 12] = ["u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize"];
const FLOATS: [&str; 2] = ["f32", "f64"];
const SETS: [&str; 5] = ["HashSet", "BTreeSet", "VecDeque", "BinaryHeap", "LinkedList"];
const MAPS: [&str; 2] = ["HashMap", "BTreeMap"];

fn one_of(names: &'static [&'static str], name: &str) -> Option<&'static str> {
    names.iter().copied().find(|known| *known == name)
}

impl Kind {
    /// The kind of a type that a person wrote.
    pub fn of_type(written: &Type) -> Option<Kind> {
        match written {
            Type::Paren(inner) => Kind::of_type(&inner.elem),
            Type::Group(inner) => Kind::of_type(&inner.elem),
            Type::Path(path) => {
                let last = path.path.segments.last()?;
                Kind::of_path(&last.ident.to_string(), &type_arguments(&last.arguments)?)
            }
            Type::Reference(reference) if reference.mutability.is_none() => match &*reference.elem {
                Type::Path(path) if path.path.is_ident("str") => Some(Kind::Str),
                Type::Slice(slice) => Some(reference_to(Kind::Slice(Box::new(Kind::of_type(&slice.elem)?)))),
                Type::Array(_) => Some(reference_to(Kind::of_type(&reference.elem)?)),
                _ => None,
            },
            Type::Array(array) => Some(Kind::Array(Box::new(Kind::of_type(&array.elem)?), length(&array.len))),
            Type::Tuple(tuple) if !tuple.elems.is_empty() => {
                tuple.elems.iter().map(Kind::of_type).collect::<Option<_>>().map(Kind::Tuple)
            }
            _ => None,
        }
    }

    fn of_path(name: &str, arguments: &[&Type]) -> Option<Kind> {
        if let Some(name) = one_of(&INTEGERS, name) {
            return Some(Kind::Integer(name));
        }
        if let Some(name) = one_of(&FLOATS, name) {
            return Some(Kind::Float(name));
        }
        let argument = |index: usize| Some(Box::new(Kind::of_type(arguments.get(index)?)?));
        match name {
            "bool" => Some(Kind::Bool),
            "char" => Some(Kind::Char),
            "String" => Some(Kind::String),
            "PathBuf" => Some(Kind::Path),
            "Option" => argument(0).map(Kind::Optional),
            "Vec" => argument(0).map(Kind::Vec),
            name => match (one_of(&SETS, name), one_of(&MAPS, name)) {
                (Some(name), _) => argument(0).map(|element| Kind::Set(name, element)),
                (_, Some(name)) => Some(Kind::Map(name, argument(0)?, argument(1)?)),
                _ => None,
            },
        }
    }

    /// The kind of a value whose type nobody wrote, as the compiler would take it when
    /// nothing else is known.
    pub fn of_value(value: &Expr) -> Option<Kind> {
        match value {
            Expr::Lit(literal) => Kind::of_literal(&literal.lit),
            Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_) | UnOp::Not(_)) => Kind::of_value(&unary.expr),
            Expr::Paren(inner) => Kind::of_value(&inner.expr),
            Expr::Group(inner) => Kind::of_value(&inner.expr),
            Expr::Cast(cast) => Kind::of_type(&cast.ty),
            Expr::Array(array) => {
                let element = Kind::of_value(array.elems.first()?)?;
                Some(Kind::Array(Box::new(element), Some(array.elems.len())))
            }
            Expr::Repeat(repeat) => {
                Some(Kind::Array(Box::new(Kind::of_value(&repeat.expr)?), Some(length(&repeat.len)?)))
            }
            Expr::Reference(reference) => match Kind::of_value(&reference.expr)? {
                array @ Kind::Array(..) => Some(reference_to(array)),
                _ => None,
            },
            Expr::Tuple(tuple) if !tuple.elems.is_empty() => {
                tuple.elems.iter().map(Kind::of_value).collect::<Option<_>>().map(Kind::Tuple)
            }
            Expr::Macro(call) if call.mac.path.is_ident("vec") => {
                // Between brackets it reads as an array does.
                let tokens = &call.mac.tokens;
                let element = match syn::parse2(quote::quote! { [#tokens] }).ok()? {
                    Expr::Array(array) => Kind::of_value(array.elems.first()?)?,
                    Expr::Repeat(repeat) => Kind::of_value(&repeat.expr)?,
                    _ => return None,
                };
                Some(Kind::Vec(Box::new(element)))
            }
            Expr::Call(call) => {
                let Expr::Path(function) = &*call.func else { return None };
                let names: Vec<String> = function.path.segments.iter().map(|part| part.ident.to_string()).collect();
                match names.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                    ["Some"] => Some(Kind::Optional(Box::new(Kind::of_value(call.args.first()?)?))),
                    ["String", "from" | "new"] => Some(Kind::String),
                    [.., "PathBuf", "from" | "new"] => Some(Kind::Path),
                    _ => None,
                }
            }
            Expr::MethodCall(call) if call.method == "to_string" || call.method == "to_owned" => {
                (Kind::of_value(&call.receiver)? == Kind::Str).then_some(Kind::String)
            }
            // `f64::MAX`, `u32::MAX`.
            Expr::Path(path) => match path.path.segments.iter().collect::<Vec<_>>()[..] {
                [class, constant] if constant.ident.to_string().chars().all(|c| c.is_uppercase() || c == '_') => {
                    Kind::of_path(&class.ident.to_string(), &[])
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn of_literal(literal: &Lit) -> Option<Kind> {
        match literal {
            Lit::Bool(_) => Some(Kind::Bool),
            Lit::Char(_) => Some(Kind::Char),
            Lit::Str(_) => Some(Kind::Str),
            Lit::Byte(_) => Some(Kind::Integer("u8")),
            Lit::Int(number) => Kind::of_path(if number.suffix().is_empty() { "i32" } else { number.suffix() }, &[]),
            Lit::Float(number) => Kind::of_path(if number.suffix().is_empty() { "f64" } else { number.suffix() }, &[]),
            _ => None,
        }
    }
}

fn reference_to(kind: Kind) -> Kind {
    Kind::Reference(Box::new(kind))
}

fn length(written: &Expr) -> Option<usize> {
    match written {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(number) => number.base10_parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

fn type_arguments(arguments: &PathArguments) -> Option<Vec<&Type>> {
    match arguments {
        PathArguments::None => Some(Vec::new()),
        PathArguments::AngleBracketed(arguments) => {
            let types = arguments.args.iter().filter_map(|argument| match argument {
                GenericArgument::Type(argument) => Some(argument),
                _ => None,
            });
            Some(types.collect())
        }
        PathArguments::Parenthesized(_) => None,
    }
}

/// As Rust writes the type.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Bool => f.write_str("bool"),
            Kind::Char => f.write_str("char"),
            Kind::Integer(name) | Kind::Float(name) => f.write_str(name),
            Kind::Str => f.write_str("&str"),
            Kind::String => f.write_str("String"),
            Kind::Path => f.write_str("std::path::PathBuf"),
            Kind::Optional(kind) => write!(f, "Option<{kind}>"),
            Kind::Vec(kind) => write!(f, "Vec<{kind}>"),
            Kind::Array(kind, Some(length)) => write!(f, "[{kind}; {length}]"),
            Kind::Array(kind, None) => write!(f, "[{kind}; _]"),
            Kind::Slice(kind) => write!(f, "[{kind}]"),
            Kind::Reference(kind) => write!(f, "&{kind}"),
            Kind::Tuple(kinds) => {
                let kinds: Vec<String> = kinds.iter().map(Kind::to_string).collect();
                write!(f, "({}{})", kinds.join(", "), if kinds.len() == 1 { "," } else { "" })
            }
            Kind::Set(name, kind) => write!(f, "std::collections::{name}<{kind}>"),
            Kind::Map(name, key, value) => write!(f, "std::collections::{name}<{key}, {value}>"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_they_are_written() {
        for (written, shown) in [
            ("usize", "usize"),
            ("&'static str", "&str"),
            ("std::string::String", "String"),
            ("Vec<(u32, &str)>", "Vec<(u32, &str)>"),
            ("&[f64]", "&[f64]"),
            ("[u8; 4]", "[u8; 4]"),
            ("Option<Vec<bool>>", "Option<Vec<bool>>"),
            ("HashMap<String, f32>", "std::collections::HashMap<String, f32>"),
        ] {
            let kind = Kind::of_type(&syn::parse_str(written).expect(written)).expect(written);
            assert_eq!(kind.to_string(), shown);
        }
        for other in ["Duration", "&mut u8", "()", "Box<dyn Fn()>", "Vec<Duration>", "Arc<u8>"] {
            assert_eq!(Kind::of_type(&syn::parse_str(other).expect(other)), None, "{other}");
        }
    }

    #[test]
    fn values_without_a_type_have_the_usual_one() {
        for (value, shown) in [
            ("4", "i32"),
            ("-4i64", "i64"),
            ("4 as usize", "usize"),
            ("1e3", "f64"),
            ("!true", "bool"),
            ("\"a\"", "&str"),
            ("\"a\".to_string()", "String"),
            ("String::from(\"a\")", "String"),
            ("vec![1u8, 2]", "Vec<u8>"),
            ("vec![0.5; n]", "Vec<f64>"),
            ("[1, 2, 3]", "[i32; 3]"),
            ("&[1, 2]", "&[i32; 2]"),
            ("(1, 'a')", "(i32, char)"),
            ("Some(2.5)", "Option<f64>"),
            ("u64::MAX", "u64"),
        ] {
            let kind = Kind::of_value(&syn::parse_str(value).expect(value)).expect(value);
            assert_eq!(kind.to_string(), shown, "{value}");
        }
        for other in ["f()", "vec![]", "Duration::from_secs(1)", "\"a\".into()", "a + b"] {
            assert_eq!(Kind::of_value(&syn::parse_str(other).expect(other)), None, "{other}");
        }
    }
}
