//! The members that the notebook's own types and traits have.

use syn::{Fields, ImplItem, Item, Signature, TraitItem};

use super::known::{Definition, Known, docs_of, one_line};
use super::layers::impl_bindings;
use super::members::{Member, Origin};
use super::types::{Bindings, Ty, plain_name};

/// What a type's definition and its `impl` blocks give, or a trait's definition.
pub fn user_members(known: &Known, definition: &Definition, ty: &Ty) -> Vec<Member> {
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
                let mut found = member(
                    plain_name(&variant.ident),
                    "variant",
                    definition.text_of(variant),
                    docs_of(&variant.attrs),
                    ty.clone(),
                );
                // Doc comments are told apart from the declaration.
                found.signature = match &variant.fields {
                    Fields::Unit => variant.ident.to_string(),
                    Fields::Named(fields) => format!("{} {}", variant.ident, definition.text_of(fields)),
                    Fields::Unnamed(fields) => format!("{}{}", variant.ident, definition.text_of(fields)),
                };
                if let Fields::Unnamed(fields) = &variant.fields {
                    found.params =
                        fields.unnamed.iter().map(|field| Ty::from_syn(&field.ty).substitute(&bindings)).collect();
                }
                found.generics = item
                    .generics
                    .type_params()
                    .map(|parameter| plain_name(&parameter.ident))
                    .filter(|name| !bindings.contains_key(name))
                    .collect();
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
                    TraitItem::Fn(function) => {
                        members.push(user_function(definition, &function.sig, &function.attrs, &own, &[]))
                    }
                    TraitItem::Const(item) => {
                        members.push(member(
                            plain_name(&item.ident),
                            "const",
                            definition.text_of(&item.ty),
                            docs_of(&item.attrs),
                            Ty::from_syn(&item.ty),
                        ));
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
            let open: Vec<String> = block
                .generics
                .type_params()
                .map(|parameter| plain_name(&parameter.ident))
                .filter(|name| !bindings.contains_key(name))
                .collect();
            let own = if open.is_empty() { ty.clone() } else { Ty::from_syn(&block.self_ty) };
            bindings.insert("Self".into(), own);
            for inner in &block.items {
                match inner {
                    ImplItem::Fn(function) => {
                        members.push(user_function(implementation, &function.sig, &function.attrs, &bindings, &open))
                    }
                    ImplItem::Const(item) => {
                        let mut found = member(
                            plain_name(&item.ident),
                            "const",
                            implementation.text_of(&item.ty),
                            docs_of(&item.attrs),
                            Ty::from_syn(&item.ty).substitute(&bindings),
                        );
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

/// The named fields of an enum's variant.
pub fn variant_fields(definition: &Definition, variant: &str, ty: &Ty) -> Vec<Member> {
    let Item::Enum(item) = &definition.item else { return Vec::new() };
    let Some(variant) = item.variants.iter().find(|found| found.ident == variant) else { return Vec::new() };
    let bindings = definition_bindings(definition, ty);
    let member = |field: &syn::Field| {
        let result = Ty::from_syn(&field.ty).substitute(&bindings);
        Some(Member {
            name: plain_name(field.ident.as_ref()?),
            kind: "field",
            signature: result.to_string(),
            about: docs_of(&field.attrs),
            owner: format!("{}::{}", definition.name, variant.ident),
            origin: Origin::Notebook(definition.place),
            result,
            params: Vec::new(),
            generics: Vec::new(),
            depth: 0,
        })
    };
    variant.fields.iter().filter_map(member).collect()
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

pub fn user_function(
    definition: &Definition,
    signature: &Signature,
    attributes: &[syn::Attribute],
    bindings: &Bindings,
    open: &[String],
) -> Member {
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
