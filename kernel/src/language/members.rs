//! What a type has: fields, methods, associated functions, variants.
//!
//! A value's methods come in layers: those of its own type, of what it dereferences to,
//! of the traits that it implements. [`layers`] lists them, nearest first.

use syn::{Fields, FnArg, ImplItem, Item, Signature, TraitItem};

use super::known::{Definition, Known, Place, docs_of, one_line};
use super::std_names::{self, Declared};
use super::types::{Bindings, Ty, from_return, plain_name};

/// One field, method, function, constant or variant.
#[derive(Debug, Clone)]
pub struct Member {
    pub name: String,
    /// `field`, `method`, `function`, `const`, `variant`.
    pub kind: &'static str,
    /// The declaration, the type's parameters replaced.
    pub signature: String,
    pub about: String,
    /// The type or trait that it belongs to.
    pub owner: String,
    /// Where a person wrote it, or the address of its documentation.
    pub origin: Origin,
    /// A field's or constant's type, a variant's enum, what a call gives.
    pub result: Ty,
    /// For calls: the parameters without `self`, and the names still to be learned.
    pub params: Vec<Ty>,
    pub generics: Vec<String>,
    /// How many layers lie above it.
    pub depth: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Notebook(Place),
    Std(String),
}

/// A source of members for a type.
enum Layer<'a> {
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
fn row_bindings(row: &std_names::Type, ty: &Ty) -> Bindings {
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
                behind.iter().filter(|other| !matches!(other, Ty::Slice(_))).find_map(|other| search(other, rest - 1)).or_else(|| element_of(ty))
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
            ("Vec" | "VecDeque" | "HashSet" | "BTreeSet" | "BinaryHeap" | "Option" | "Receiver", [item]) => Some(item.clone()),
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
            also(row, ty).into_iter().find(|other| std_row(other).is_none_or(|row| row.kind() != "trait")).unwrap_or(Ty::Unknown)
        }),
        "Owned" => match ty {
            Ty::Slice(inner) => Ty::named("Vec", vec![(**inner).clone()]),
            _ if ty.name() == Some("str") => Ty::plain("String"),
            _ if ty.name() == Some("Path") => Ty::plain("PathBuf"),
            other => other.clone(),
        },
        "Output" => match ty {
            Ty::Function { result, .. } => (**result).clone(),
            _ => Ty::Unknown,
        },
        _ => Ty::Unknown,
    }
}

/// Everything that gives members to a value of a type, nearest first.
fn layers<'a>(known: &'a Known, ty: &Ty) -> Vec<Layer<'a>> {
    const ENOUGH: usize = 40;
    let mut layers: Vec<Layer> = Vec::new();
    // What a trait calls `Self` is the type that implements it.
    let mut waiting: std::collections::VecDeque<(Ty, Option<Ty>)> = [(ty.clone(), None)].into();
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
                    waiting.extend(behind_user_type(known, definition, &ty).into_iter().map(|other| (other, Some(own.clone()))));
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
        let mut implemented = Ty::from_syn(&syn::Type::Path(syn::TypePath { attrs: Vec::new(), qself: None, path: path.clone() }));
        match implemented.name() {
            Some("Deref") => {
                behind.extend(associated_type("Target"));
                continue;
            }
            Some("Iterator" | "IntoIterator") => implemented = Ty::named(implemented.name().unwrap_or_default(), associated_type("Item").into_iter().collect()),
            Some("Future") => implemented = Ty::named("Future", associated_type("Output").into_iter().collect()),
            _ => {}
        }
        behind.push(implemented.substitute(&bindings));
    }
    behind
}

/// What an `impl` block's parameters stand for on a type.
fn impl_bindings(block: &syn::ItemImpl, ty: &Ty) -> Bindings {
    let parameters: Vec<String> = block.generics.type_params().map(|parameter| plain_name(&parameter.ident)).collect();
    let mut bindings = Bindings::new();
    Ty::from_syn(&block.self_ty).unify(ty, &parameters, &mut bindings);
    bindings
}

/// The members of a value of a type: `value.…`. A name that a nearer layer has hides
/// those behind it.
pub fn of_value(known: &Known, ty: &Ty) -> Vec<Member> {
    collect(known, ty, |member| matches!(member.kind, "field" | "method"))
}

/// The members of the type itself: `Type::…`.
pub fn of_type(known: &Known, ty: &Ty) -> Vec<Member> {
    collect(known, ty, |member| member.kind != "field")
}

/// One member of a value.
pub fn value_member(known: &Known, ty: &Ty, name: &str) -> Option<Member> {
    of_value(known, ty).into_iter().find(|member| member.name == name)
}

/// One member of a type.
pub fn type_member(known: &Known, ty: &Ty, name: &str) -> Option<Member> {
    of_type(known, ty).into_iter().find(|member| member.name == name)
}

fn collect(known: &Known, ty: &Ty, wanted: impl Fn(&Member) -> bool) -> Vec<Member> {
    let mut members: Vec<Member> = Vec::new();
    for (depth, layer) in layers(known, ty).into_iter().enumerate() {
        let mut found = match layer {
            Layer::Std(row, ty, own) => std_members(row, &ty, own),
            Layer::User(definition, ty) => user_members(known, definition, &ty),
            Layer::Tuple(parts) => parts.into_iter().enumerate().map(|(index, ty)| tuple_field(index, ty)).collect(),
        };
        found.retain(|member| wanted(member) && !members.iter().any(|nearer| nearer.name == member.name));
        for member in &mut found {
            member.depth = depth;
        }
        members.append(&mut found);
    }
    members
}

fn tuple_field(index: usize, ty: Ty) -> Member {
    Member {
        name: index.to_string(),
        kind: "field",
        signature: ty.to_string(),
        about: String::new(),
        owner: "tuple".into(),
        origin: Origin::Std("https://doc.rust-lang.org/std/primitive.tuple.html".into()),
        result: ty,
        params: Vec::new(),
        generics: Vec::new(),
        depth: 0,
    }
}

fn std_members(row: &'static std_names::Type, ty: &Ty, own: Ty) -> Vec<Member> {
    let mut bindings = row_bindings(row, ty);
    bindings.insert("Self".into(), own.clone());
    row.members
        .iter()
        .map(|(declaration, about)| {
            let Declared { name, kind } = Declared::read(declaration);
            let mut member = Member {
                name: name.into(),
                kind,
                signature: super::types::shorten_type(&replace_names(declaration.trim_end_matches(';'), &bindings)),
                about: (*about).into(),
                owner: row.name().into(),
                origin: Origin::Std(row.member_address(declaration)),
                result: own.clone(),
                params: Vec::new(),
                generics: Vec::new(),
                depth: 0,
            };
            match kind {
                "method" | "function" => {
                    if let Ok(signature) = syn::parse_str::<Signature>(declaration.trim_end_matches(';')) {
                        member.set_call(&signature, &bindings);
                    }
                    // What the head leaves open is learned from the arguments.
                    if let Ty::Named { args, .. } = Ty::parse(row.head) {
                        member.generics.extend(args.iter().map(Ty::to_string).filter(|name| !bindings.contains_key(name)));
                    }
                }
                "const" => {
                    let written = declaration.split_once(": ").map_or("_", |(_, ty)| ty);
                    member.result = Ty::parse(written).substitute(&bindings);
                }
                "variant" => {
                    let inside = declaration.split_once('(').map(|(_, rest)| rest.trim_end_matches(')'));
                    member.params = inside.map(|part| Ty::parse(part).substitute(&bindings)).into_iter().collect();
                    member.result = Ty::parse(row.head).substitute(&bindings);
                    if let Ty::Named { args, .. } = Ty::parse(row.head) {
                        member.generics.extend(args.iter().map(Ty::to_string).filter(|name| !bindings.contains_key(name)));
                    }
                }
                _ => {}
            }
            member
        })
        .collect()
}

impl Member {
    /// Fills in a call's parameters and result.
    fn set_call(&mut self, signature: &Signature, bindings: &Bindings) {
        self.generics = signature.generics.type_params().map(|parameter| plain_name(&parameter.ident)).collect();
        let bounds = bounds_of(&signature.generics);
        let read = |ty: &syn::Type| Ty::from_syn(ty).substitute(bindings);
        self.params = signature
            .inputs
            .iter()
            .filter_map(|input| match input {
                FnArg::Typed(input) => Some(read(&input.ty)),
                FnArg::Receiver(_) => None,
            })
            .map(|ty| match ty.name().and_then(|name| bounds.get(name)) {
                // `f: F` where `F: Fn(u8) -> T`.
                Some(bound @ Ty::Bounds { bounds: list, .. }) if list.iter().any(|bound| matches!(bound, Ty::Function { .. })) => bound.substitute(bindings),
                _ => ty,
            })
            .collect();
        let result = from_return(&signature.output).substitute(bindings);
        self.result = if signature.asyncness.is_some() {
            Ty::Bounds { keyword: "impl", bounds: vec![Ty::named("Future", vec![result])] }
        } else {
            result
        };
    }
}

/// The bounds of type parameters, inline or by `where`.
pub fn bounds_of(generics: &syn::Generics) -> Bindings {
    let mut bounds = Bindings::new();
    let mut add = |name: String, more: &syn::punctuated::Punctuated<syn::TypeParamBound, syn::Token![+]>| {
        let text = quote::ToTokens::to_token_stream(more).to_string();
        if text.is_empty() {
            return;
        }
        if let Ty::Bounds { bounds: more, .. } = Ty::parse(&format!("impl {text}")) {
            match bounds.entry(name).or_insert_with(|| Ty::Bounds { keyword: "impl", bounds: Vec::new() }) {
                Ty::Bounds { bounds, .. } => bounds.extend(more),
                _ => {}
            }
        }
    };
    for parameter in generics.type_params() {
        add(plain_name(&parameter.ident), &parameter.bounds);
    }
    for predicate in generics.where_clause.iter().flat_map(|clause| &clause.predicates) {
        if let syn::WherePredicate::Type(predicate) = predicate
            && let Some(name) = Ty::from_syn(&predicate.bounded_ty).name()
        {
            add(name.to_owned(), &predicate.bounds);
        }
    }
    bounds
}

/// A declaration with type parameters replaced by what they stand for.
fn replace_names(declaration: &str, bindings: &Bindings) -> String {
    let tokens = super::tokens::tokenize(declaration);
    let own = Declared::read_name(declaration);
    let mut text = String::new();
    let mut copied = 0;
    for (index, token) in tokens.iter().enumerate() {
        // `Item = B` names the item, not its type.
        let names = tokens.get(index + 1).is_some_and(|next| next.is("="));
        if token.kind != super::tokens::Kind::Ident || token.text == own || names {
            continue;
        }
        let Some(bound) = bindings.get(token.text).filter(|bound| bound.is_known()) else { continue };
        // `Item::Referent`: the associated type, where it is known.
        let path = tokens.get(index + 1).is_some_and(|next| next.is("::")).then(|| tokens.get(index + 2)).flatten();
        let (replaced, end) = match path {
            Some(name) => (associated(bound, name.text), name.end()),
            None => (bound.clone(), token.end()),
        };
        if replaced.is_known() {
            text.push_str(&declaration[copied..token.start]);
            text.push_str(&replaced.to_string());
            copied = end;
        }
    }
    text.push_str(&declaration[copied..]);
    text
}

fn user_members(known: &Known, definition: &Definition, ty: &Ty) -> Vec<Member> {
    let mut members = Vec::new();
    let origin = Origin::Notebook(definition.place);
    let member = |name: String, kind, signature: String, about: String, result: Ty| Member {
        name,
        kind,
        signature,
        about,
        owner: definition.name.clone(),
        origin: origin.clone(),
        result,
        params: Vec::new(),
        generics: Vec::new(),
        depth: 0,
    };
    let bindings = definition_bindings(definition, ty);
    match &definition.item {
        Item::Struct(item) => {
            for (index, field) in item.fields.iter().enumerate() {
                let name = field.ident.as_ref().map_or_else(|| index.to_string(), plain_name);
                let result = Ty::from_syn(&field.ty).substitute(&bindings);
                members.push(member(name, "field", result.to_string(), docs_of(&field.attrs), result));
            }
        }
        Item::Union(item) => {
            for field in &item.fields.named {
                let name = field.ident.as_ref().map(plain_name).unwrap_or_default();
                let result = Ty::from_syn(&field.ty).substitute(&bindings);
                members.push(member(name, "field", result.to_string(), docs_of(&field.attrs), result));
            }
        }
        Item::Enum(item) => {
            for variant in &item.variants {
                let mut found = member(plain_name(&variant.ident), "variant", definition.text_of(variant), docs_of(&variant.attrs), ty.clone());
                // Doc comments are told apart from the declaration.
                found.signature = match &variant.fields {
                    Fields::Unit => variant.ident.to_string(),
                    Fields::Named(fields) => format!("{} {}", variant.ident, definition.text_of(fields)),
                    Fields::Unnamed(fields) => format!("{}{}", variant.ident, definition.text_of(fields)),
                };
                if let Fields::Unnamed(fields) = &variant.fields {
                    found.params = fields.unnamed.iter().map(|field| Ty::from_syn(&field.ty).substitute(&bindings)).collect();
                }
                found.generics = item.generics.type_params().map(|parameter| plain_name(&parameter.ident)).filter(|name| !bindings.contains_key(name)).collect();
                if !found.generics.is_empty() {
                    found.result = Ty::named(definition.name.clone(), found.generics.iter().map(Ty::plain).collect());
                }
                members.push(found);
            }
        }
        Item::Trait(item) => {
            let mut own = Bindings::new();
            own.insert("Self".into(), ty.clone());
            for inner in &item.items {
                match inner {
                    TraitItem::Fn(function) => members.push(user_function(definition, &function.sig, &function.attrs, &own, &[])),
                    TraitItem::Const(item) => {
                        members.push(member(plain_name(&item.ident), "const", definition.text_of(&item.ty), docs_of(&item.attrs), Ty::from_syn(&item.ty)));
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
    if matches!(definition.kind, "struct" | "enum" | "union") {
        for implementation in known.impls_of(&definition.name) {
            let Item::Impl(block) = &implementation.item else { continue };
            let mut bindings = impl_bindings(block, ty);
            let open: Vec<String> = block.generics.type_params().map(|parameter| plain_name(&parameter.ident)).filter(|name| !bindings.contains_key(name)).collect();
            let own = if open.is_empty() { ty.clone() } else { Ty::from_syn(&block.self_ty) };
            bindings.insert("Self".into(), own);
            for inner in &block.items {
                match inner {
                    ImplItem::Fn(function) => members.push(user_function(implementation, &function.sig, &function.attrs, &bindings, &open)),
                    ImplItem::Const(item) => {
                        let mut found = member(plain_name(&item.ident), "const", implementation.text_of(&item.ty), docs_of(&item.attrs), Ty::from_syn(&item.ty).substitute(&bindings));
                        found.origin = Origin::Notebook(implementation.place);
                        members.push(found);
                    }
                    _ => {}
                }
            }
        }
        // A method of the type hides one of a trait.
        let mut seen = std::collections::HashSet::new();
        members.retain(|member| seen.insert(member.name.clone()));
    }
    members
}

/// The parameters of a type's own definition.
fn definition_bindings(definition: &Definition, ty: &Ty) -> Bindings {
    let generics = match &definition.item {
        Item::Struct(item) => &item.generics,
        Item::Enum(item) => &item.generics,
        Item::Union(item) => &item.generics,
        _ => return Bindings::new(),
    };
    let Ty::Named { args, .. } = ty else { return Bindings::new() };
    generics.type_params().map(|parameter| plain_name(&parameter.ident)).zip(args.iter().cloned()).collect()
}

fn user_function(definition: &Definition, signature: &Signature, attributes: &[syn::Attribute], bindings: &Bindings, open: &[String]) -> Member {
    let mut member = Member {
        name: plain_name(&signature.ident),
        kind: if signature.receiver().is_some() { "method" } else { "function" },
        signature: one_line(&definition.text_of(signature)),
        about: docs_of(attributes),
        owner: definition.name.clone(),
        origin: Origin::Notebook(definition.place),
        result: Ty::Unknown,
        params: Vec::new(),
        generics: Vec::new(),
        depth: 0,
    };
    member.set_call(signature, bindings);
    member.generics.extend(open.iter().cloned());
    member
}

/// A free function of the notebook as something to call.
pub fn function(definition: &Definition) -> Option<Member> {
    let Item::Fn(item) = &definition.item else { return None };
    let mut member = user_function(definition, &item.sig, &item.attrs, &Bindings::new(), &[]);
    member.kind = "function";
    Some(member)
}

/// A tuple struct as something to call.
pub fn constructor(definition: &Definition) -> Option<Member> {
    let Item::Struct(item) = &definition.item else { return None };
    let Fields::Unnamed(fields) = &item.fields else { return None };
    let generics: Vec<String> = item.generics.type_params().map(|parameter| plain_name(&parameter.ident)).collect();
    Some(Member {
        name: definition.name.clone(),
        kind: "struct",
        signature: definition.signature(),
        about: definition.docs(),
        owner: definition.name.clone(),
        origin: Origin::Notebook(definition.place),
        result: Ty::named(definition.name.clone(), generics.iter().map(Ty::plain).collect()),
        params: fields.unnamed.iter().map(|field| Ty::from_syn(&field.ty)).collect(),
        generics,
        depth: 0,
    })
}

/// A function of a std module as something to call.
pub fn module_function(module: &'static std_names::Module, name: &str) -> Option<Member> {
    let (declaration, about) = module.member(name)?;
    let signature = syn::parse_str::<Signature>(declaration).ok()?;
    let mut member = Member {
        name: name.to_owned(),
        kind: "function",
        signature: super::types::shorten_type(declaration),
        about: (*about).to_owned(),
        owner: module.path.to_owned(),
        origin: Origin::Std(module.member_address(declaration)),
        result: Ty::Unknown,
        params: Vec::new(),
        generics: Vec::new(),
        depth: 0,
    };
    member.set_call(&signature, &Bindings::new());
    Some(member)
}
