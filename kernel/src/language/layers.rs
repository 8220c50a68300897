//! What gives members to a value: its own type, what it dereferences to, the traits it
//! implements. [`layers`] lists them, nearest first.

use std::collections::VecDeque;

use syn::{ImplItem, Item};

use super::known::{Definition, Known};
use super::std_names;
use super::types::{Bindings, Ty, plain_name};

/// A source of members for a type.
pub enum Layer<'a> {
    /// A type or trait of the notebook.
    User(&'a Definition, Ty),
    /// A row, the type with its arguments, and who `Self` is.
    Std(&'static std_names::Type, Ty, Ty),
    Tuple(Vec<Ty>),
}

/// The row of the tables for a type.
pub fn std_row(ty: &Ty) -> Option<&'static std_names::Type> {
    match ty {
        Ty::Named { path, .. } => std_names::type_named(path),
        Ty::Slice(_) => std_names::type_named("slice"),
        Ty::Array(..) => std_names::type_named("array"),
        _ => None,
    }
}

/// What the parameters in a row's head stand for.
pub fn row_bindings(row: &std_names::Type, ty: &Ty) -> Bindings {
    let mut bindings = Bindings::new();
    match (Ty::parse(row.head), ty) {
        (Ty::Slice(inner), Ty::Slice(actual)) => {
            bindings.insert(inner.to_string(), (**actual).clone());
        }
        (Ty::Named { args, .. }, Ty::Array(actual, _)) => {
            bindings.extend(args.first().map(|parameter| (parameter.to_string(), (**actual).clone())));
        }
        (Ty::Named { args, .. }, Ty::Named { args: actual, .. }) => {
            bindings.extend(args.iter().zip(actual).map(|(parameter, actual)| (parameter.to_string(), actual.clone())));
        }
        _ => {}
    }
    if row.page.contains("struct.Atomic") {
        let value = row.name().trim_start_matches("Atomic").to_lowercase();
        bindings.insert("Value".into(), Ty::plain(value));
    }
    bindings
}

/// The types and traits behind a row, with the parameters replaced.
fn also(row: &'static std_names::Type, ty: &Ty) -> Vec<Ty> {
    let bindings = row_bindings(row, ty);
    row.also.iter().map(|other| Ty::parse(other).substitute(&bindings)).collect()
}

/// `std::io::Result<T>` and its like spelled out.
pub fn normalize(ty: Ty) -> Ty {
    let Ty::Named { path, args } = &ty else { return ty };
    let first = || args.first().cloned().unwrap_or_else(Ty::unit);
    let error = match path.as_str() {
        "std::io::Result" | "io::Result" => Ty::plain("std::io::Error"),
        "std::fmt::Result" | "fmt::Result" => Ty::plain("std::fmt::Error"),
        "std::thread::Result" | "thread::Result" => Ty::parse("Box<dyn Any + Send>"),
        "std::sync::LockResult" | "LockResult" => Ty::named("PoisonError", vec![first()]),
        _ => return ty,
    };
    Ty::named("std::result::Result", vec![first(), error])
}

/// What an iterator of the standard library gives.
pub fn item_of(ty: &Ty) -> Option<Ty> {
    fn search(ty: &Ty, rest: usize) -> Option<Ty> {
        if rest == 0 {
            return None;
        }
        match ty {
            Ty::Bounds { bounds, .. } => bounds.iter().find_map(|bound| search(bound, rest - 1)),
            Ty::Ref { inner, .. } => {
                let mutable = matches!(ty, Ty::Ref { mutable: true, .. });
                let element = element_of(inner)?;
                Some(Ty::Ref { mutable, inner: Box::new(element) })
            }
            _ if ty.name().is_some_and(|name| name.ends_with("Iterator")) => ty.arg(0).cloned(),
            _ => {
                let row = std_row(ty)?;
                let behind = also(row, ty);
                behind
                    .iter()
                    .filter(|other| !matches!(other, Ty::Slice(_)))
                    .find_map(|other| search(other, rest - 1))
                    .or_else(|| element_of(ty))
            }
        }
    }
    search(ty, 8)
}

/// What a collection holds, as `for` gives it.
fn element_of(ty: &Ty) -> Option<Ty> {
    match ty {
        Ty::Slice(inner) | Ty::Array(inner, _) => Some((**inner).clone()),
        Ty::Named { args, .. } => match (ty.name()?, args.as_slice()) {
            ("Vec" | "VecDeque" | "HashSet" | "BTreeSet" | "BinaryHeap" | "Option" | "Receiver", [item]) => {
                Some(item.clone())
            }
            ("HashMap" | "BTreeMap", [key, value]) => Some(Ty::Tuple(vec![key.clone(), value.clone()])),
            _ => None,
        },
        _ => None,
    }
}

/// An associated type that a signature of the tables names: `I::Item`.
pub fn associated(ty: &Ty, name: &str) -> Ty {
    match name {
        "Item" => item_of(ty).unwrap_or(Ty::Unknown),
        "Referent" => match ty {
            Ty::Ref { inner, .. } => (**inner).clone(),
            other => other.clone(),
        },
        "Target" => std_row(ty).map_or(Ty::Unknown, |row| {
            also(row, ty)
                .into_iter()
                .find(|other| std_row(other).is_none_or(|row| row.kind() != "trait"))
                .unwrap_or(Ty::Unknown)
        }),
        "Owned" => match ty {
            Ty::Slice(inner) => Ty::named("Vec", vec![(**inner).clone()]),
            _ if ty.name() == Some("str") => Ty::plain("String"),
            _ if ty.name() == Some("Path") => Ty::plain("PathBuf"),
            other => other.clone(),
        },
        // `RefCell<T>` holds a `T`.
        "Inside" => ty.arg(0).cloned().unwrap_or(Ty::Unknown),
        "Output" => match ty {
            Ty::Function { result, .. } => (**result).clone(),
            _ => Ty::Unknown,
        },
        _ => Ty::Unknown,
    }
}

/// Everything that gives members to a value of a type, nearest first.
pub fn layers<'a>(known: &'a Known, ty: &Ty) -> Vec<Layer<'a>> {
    const ENOUGH: usize = 40;
    let mut layers: Vec<Layer> = Vec::new();
    // What a trait calls `Self` is the type that implements it.
    let mut waiting: VecDeque<(Ty, Option<Ty>)> = [(ty.clone(), None)].into();
    let mut seen: Vec<Ty> = Vec::new();
    while let Some((ty, implementer)) = waiting.pop_front() {
        if layers.len() > ENOUGH || seen.contains(&ty) {
            continue;
        }
        seen.push(ty.clone());
        match normalize(ty) {
            Ty::Ref { inner, .. } => waiting.push_front((*inner, None)),
            Ty::Bounds { keyword, bounds } => {
                let own = Ty::Bounds { keyword, bounds: bounds.clone() };
                waiting.extend(bounds.into_iter().map(|bound| (bound, Some(own.clone()))));
            }
            Ty::Tuple(parts) => layers.push(Layer::Tuple(parts)),
            ty @ Ty::Named { .. } => {
                let path = match &ty {
                    Ty::Named { path, .. } => path.clone(),
                    _ => String::new(),
                };
                let own = implementer.clone().unwrap_or_else(|| ty.clone());
                if let Some(definition) = known.type_named(&path) {
                    if let Item::Type(alias) = &definition.item {
                        waiting.push_front((Ty::from_syn(&alias.ty), None));
                        continue;
                    }
                    waiting.extend(
                        behind_user_type(known, definition, &ty).into_iter().map(|other| (other, Some(own.clone()))),
                    );
                    layers.push(Layer::User(definition, ty));
                } else if let Some(definition) = known.named(ty.name().unwrap_or_default(), &["trait"]) {
                    layers.push(Layer::User(definition, own));
                } else {
                    let resolved = match &ty {
                        Ty::Named { path, args } => Ty::named(known.resolve(path), args.clone()),
                        _ => ty.clone(),
                    };
                    if let Some(row) = std_row(&resolved) {
                        // A trait's methods are about whoever implements it.
                        let own = if row.kind() == "trait" { own } else { resolved.clone() };
                        waiting.extend(also(row, &resolved).into_iter().map(|other| (other, Some(own.clone()))));
                        layers.push(Layer::Std(row, resolved, own));
                    }
                }
            }
            ty @ (Ty::Slice(_) | Ty::Array(..)) => {
                if let Some(row) = std_row(&ty) {
                    waiting.extend(also(row, &ty).into_iter().map(|other| (other, Some(ty.clone()))));
                    layers.push(Layer::Std(row, ty.clone(), ty));
                }
            }
            Ty::Function { .. } | Ty::Unknown => {}
        }
    }
    layers
}

/// The traits that a type of the notebook implements or derives, and what it
/// dereferences to.
fn behind_user_type(known: &Known, definition: &Definition, ty: &Ty) -> Vec<Ty> {
    let mut behind: Vec<Ty> = definition.derives().into_iter().map(Ty::plain).collect();
    for implementation in known.impls_of(&definition.name) {
        let Item::Impl(block) = &implementation.item else { continue };
        let Some((path, _)) = &block.trait_ else { continue };
        let bindings = impl_bindings(block, ty);
        let associated_type = |name: &str| {
            block.items.iter().find_map(|item| match item {
                ImplItem::Type(item) if item.ident == name => Some(Ty::from_syn(&item.ty).substitute(&bindings)),
                _ => None,
            })
        };
        let mut implemented =
            Ty::from_syn(&syn::Type::Path(syn::TypePath { attrs: Vec::new(), qself: None, path: path.clone() }));
        match implemented.name() {
            Some("Deref") => {
                behind.extend(associated_type("Target"));
                continue;
            }
            Some("Iterator" | "IntoIterator") => {
                implemented =
                    Ty::named(implemented.name().unwrap_or_default(), associated_type("Item").into_iter().collect())
            }
            Some("Future") => implemented = Ty::named("Future", associated_type("Output").into_iter().collect()),
            _ => {}
        }
        behind.push(implemented.substitute(&bindings));
    }
    behind
}

/// What an `impl` block's parameters stand for on a type.
pub fn impl_bindings(block: &syn::ItemImpl, ty: &Ty) -> Bindings {
    let parameters: Vec<String> = block.generics.type_params().map(|parameter| plain_name(&parameter.ident)).collect();
    let mut bindings = Bindings::new();
    Ty::from_syn(&block.self_ty).unify(ty, &parameters, &mut bindings);
    bindings
}
