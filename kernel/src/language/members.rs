//! What a type has: fields, methods, associated functions, variants.
//!
//! They come in layers ([`layers`](super::layers)): the type's own, those of what it
//! dereferences to, those of the traits that it implements.

use syn::{Fields, FnArg, Item, Signature};

use super::known::{Definition, Known, Place};
use super::layers::{Layer, associated, layers, row_bindings};
use super::std_names::{self, Declared};
use super::types::{Bindings, Ty, from_return, plain_name};
use super::user_members::{user_function, user_members};

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
    /// A field's or constant's type, a variant's enum, what a call gives. For calls into
    /// std only when the member was asked for by name.
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

/// The members of a value of a type: `value.…`. A name that a nearer layer has hides
/// those behind it.
pub fn of_value(known: &Known, ty: &Ty) -> Vec<Member> {
    collect(known, ty, None, |member| matches!(member.kind, "field" | "method"))
}

/// The members of the type itself: `Type::…`.
pub fn of_type(known: &Known, ty: &Ty) -> Vec<Member> {
    collect(known, ty, None, |member| member.kind != "field")
}

/// One member of a value, with the types of its call.
pub fn value_member(known: &Known, ty: &Ty, name: &str) -> Option<Member> {
    collect(known, ty, Some(name), |member| matches!(member.kind, "field" | "method")).into_iter().next()
}

/// One field of a value.
pub fn field(known: &Known, ty: &Ty, name: &str) -> Option<Member> {
    collect(known, ty, Some(name), |member| member.kind == "field").into_iter().next()
}

/// One member of a type, with the types of its call.
pub fn type_member(known: &Known, ty: &Ty, name: &str) -> Option<Member> {
    collect(known, ty, Some(name), |member| member.kind != "field").into_iter().next()
}

/// All members, or those with a name. Types of std's calls are read for a name only: to
/// list members their texts are enough.
fn collect(known: &Known, ty: &Ty, name: Option<&str>, wanted: impl Fn(&Member) -> bool) -> Vec<Member> {
    let mut members: Vec<Member> = Vec::new();
    for (depth, layer) in layers(known, ty).into_iter().enumerate() {
        let mut found = match layer {
            Layer::Std(row, ty, own) => std_members(row, &ty, own, name),
            Layer::User(definition, ty) => user_members(known, definition, &ty),
            Layer::Tuple(parts) => parts.into_iter().enumerate().map(|(index, ty)| tuple_field(index, ty)).collect(),
        };
        found.retain(|member| {
            name.is_none_or(|name| member.name == name)
                && wanted(member)
                && !members.iter().any(|nearer| nearer.name == member.name)
        });
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

fn std_members(row: &'static std_names::Type, ty: &Ty, own: Ty, only: Option<&str>) -> Vec<Member> {
    let mut bindings = row_bindings(row, ty);
    bindings.insert("Self".into(), own.clone());
    row.members
        .iter()
        .map(|member| (member, Declared::read(member.0)))
        .filter(|(_, declared)| only.is_none_or(|name| declared.name == name))
        .map(|((declaration, about), Declared { name, kind })| {
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
                "method" | "function" if only.is_some() => {
                    if let Ok(signature) = syn::parse_str::<Signature>(declaration.trim_end_matches(';')) {
                        member.set_call(&signature, &bindings);
                    }
                    // What the head leaves open is learned from the arguments.
                    if let Ty::Named { args, .. } = Ty::parse(row.head) {
                        member
                            .generics
                            .extend(args.iter().map(Ty::to_string).filter(|name| !bindings.contains_key(name)));
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
                        member
                            .generics
                            .extend(args.iter().map(Ty::to_string).filter(|name| !bindings.contains_key(name)));
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
    pub fn set_call(&mut self, signature: &Signature, bindings: &Bindings) {
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
                Some(bound @ Ty::Bounds { bounds: list, .. })
                    if list.iter().any(|bound| matches!(bound, Ty::Function { .. })) =>
                {
                    bound.substitute(bindings)
                }
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
            let known = bounds.entry(name).or_insert_with(|| Ty::Bounds { keyword: "impl", bounds: Vec::new() });
            if let Ty::Bounds { bounds, .. } = known {
                bounds.extend(more);
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
