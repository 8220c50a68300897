//! The variables that a pattern makes.

use syn::{FieldPat, Member as FieldName, Pat};

use super::guess::{Guess, path_text};
use super::layers::{item_of, normalize};
use super::members::{self, Member};
use super::types::{Ty, plain_name};
use super::user_members::variant_fields;

impl Guess<'_> {
    /// Makes the variables of a pattern for a value of a type.
    pub fn bind(&mut self, pattern: &Pat, ty: &Ty) {
        match pattern {
            Pat::Ident(ident) => {
                let name = plain_name(&ident.ident);
                // `None` and constants are no variables.
                let is_constant = name.starts_with(char::is_uppercase);
                if !is_constant {
                    let ty = if ident.by_ref.is_some() { Ty::reference(ty.clone()) } else { ty.clone() };
                    self.locals.push((name, ty));
                }
                if let Some((_, inner)) = &ident.subpat {
                    self.bind(inner, ty);
                }
            }
            Pat::Type(typed) => {
                let ty = self.written(&typed.ty);
                self.bind(&typed.pat, &ty);
            }
            Pat::Paren(inner) => self.bind(&inner.pat, ty),
            Pat::Reference(inner) => {
                let ty = match ty {
                    Ty::Ref { inner, .. } => (**inner).clone(),
                    other => other.clone(),
                };
                self.bind(&inner.pat, &ty);
            }
            Pat::Tuple(tuple) => {
                let parts = match ty.peeled() {
                    Ty::Tuple(parts) => parts.clone(),
                    _ => Vec::new(),
                };
                self.bind_list(tuple.elems.iter(), &parts, ty);
            }
            Pat::Slice(slice) => {
                let item =
                    item_of(&Ty::reference(ty.peeled().clone())).map_or(Ty::Unknown, |item| item.peeled().clone());
                let parts = vec![item; slice.elems.len()];
                self.bind_list(slice.elems.iter(), &parts, ty);
            }
            Pat::TupleStruct(variant) => {
                let parts = self.parts_of(&variant.path, ty);
                self.bind_list(variant.elems.iter(), &parts, ty);
            }
            Pat::Struct(structure) => {
                let fields = self.literal_fields(&path_text(&structure.path), ty.peeled());
                for FieldPat { member, pat, .. } in &structure.fields {
                    let name = match member {
                        FieldName::Named(name) => plain_name(name),
                        FieldName::Unnamed(index) => index.index.to_string(),
                    };
                    let field = fields
                        .iter()
                        .find(|field| field.name == name)
                        .map_or(Ty::Unknown, |field| field.result.clone());
                    self.bind(pat, &through_reference(ty, field));
                }
            }
            Pat::Or(or) => {
                if let Some(first) = or.cases.first() {
                    self.bind(first, ty);
                }
            }
            _ => {}
        }
    }

    /// The fields of `Point { … }` or `Shape::Circle { … }`; of the type `ty`, when it is
    /// known.
    pub fn literal_fields(&self, path: &str, ty: &Ty) -> Vec<Member> {
        let own = self.self_type.as_ref().and_then(Ty::name).unwrap_or("Self");
        let path = path.strip_prefix("Self").map_or(path.to_owned(), |rest| format!("{own}{rest}"));
        let (owner, name) = path.rsplit_once("::").unwrap_or(("", &path));
        let owner_name = owner.rsplit("::").next().unwrap_or(owner);
        if let Some(definition) = self.known.named(owner_name, &["enum"]) {
            return variant_fields(definition, name, ty);
        }
        let struct_type = if ty.is_known() { ty.clone() } else { Ty::plain(path) };
        let mut fields = members::of_value(self.known, &struct_type);
        fields.retain(|member| member.kind == "field" && member.depth == 0);
        fields
    }

    fn bind_list<'p>(&mut self, patterns: impl ExactSizeIterator<Item = &'p Pat>, parts: &[Ty], whole: &Ty) {
        let count = patterns.len();
        let mut shift = 0;
        for (index, pattern) in patterns.enumerate() {
            if matches!(pattern, Pat::Rest(_)) {
                shift = (parts.len() + 1).saturating_sub(count);
                continue;
            }
            let at = if shift > 0 { index + shift - 1 } else { index };
            let part = parts.get(at).cloned().unwrap_or(Ty::Unknown);
            self.bind(pattern, &through_reference(whole, part));
        }
    }

    /// What the parts of `Some(…)` or `Shape::Circle(…)` are, matched on a type.
    fn parts_of(&self, path: &syn::Path, ty: &Ty) -> Vec<Ty> {
        let Some(last) = path.segments.last() else { return Vec::new() };
        let name = plain_name(&last.ident);
        let normal = normalize(ty.peeled().clone());
        let variant = members::type_member(self.known, &normal, &name).filter(|member| member.kind == "variant");
        if let Some(variant) = variant {
            return variant.params;
        }
        if let Some(owner) = self.owner(path)
            && let Some(variant) = members::type_member(self.known, &owner, &name)
        {
            return variant.params;
        }
        self.known
            .named(&name, &["struct"])
            .and_then(members::constructor)
            .map(|constructor| constructor.params)
            .unwrap_or_default()
    }
}

/// Matching through a reference gives references.
fn through_reference(whole: &Ty, part: Ty) -> Ty {
    match whole {
        Ty::Ref { mutable, .. } if part.is_known() => Ty::Ref { mutable: *mutable, inner: Box::new(part) },
        _ => part,
    }
}
