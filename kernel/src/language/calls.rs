//! What is called, and what it gives.

use syn::Expr;

use super::guess::Guess;
use super::layers::{item_of, std_row};
use super::members::{self, Member};
use super::std_names::modules;
use super::types::{Bindings, Ty, plain_name};

impl Guess<'_> {
    /// What a path names that can be called or has a value: a function, an associated
    /// function, a variant, a constructor.
    pub fn callee(&self, path: &syn::ExprPath) -> Option<Member> {
        let segments = &path.path.segments;
        let name = plain_name(&segments.last()?.ident);
        if path.qself.is_none() && segments.len() == 1 {
            if self.locals.iter().any(|(local, _)| *local == name) {
                return None;
            }
            if let Some(definition) = self.known.named(&name, &["fn", "struct"]) {
                return members::function(definition).or_else(|| members::constructor(definition));
            }
            return match name.as_str() {
                "Some" | "None" => members::type_member(self.known, &Ty::plain("std::option::Option"), &name),
                "Ok" | "Err" => members::type_member(self.known, &Ty::plain("std::result::Result"), &name),
                "drop" => members::module_function(modules::module("std::mem")?, "drop"),
                _ => {
                    let full = self.known.resolve(&name);
                    let (module, name) = full.rsplit_once("::")?;
                    self.function_of(module, name)
                }
            };
        }
        let owner = match &path.qself {
            Some(qself) => self.written(&qself.ty),
            None => self.owner(&path.path)?,
        };
        if let Ty::Named { path: owner, args } = &owner
            && args.is_empty()
            && let Some(function) = self.function_of(&self.known.resolve(owner), &name)
        {
            return Some(function);
        }
        let mut member = members::type_member(self.known, &owner, &name)?;
        if member.kind == "method" {
            // Called by its path, `self` is the first argument.
            let own = std_row(&owner).filter(|_| matches!(&owner, Ty::Named { args, .. } if args.is_empty()));
            member.params.insert(0, own.map_or(owner.clone(), |row| Ty::parse(row.head)));
        }
        Some(member)
    }

    /// `Vec<u8>` of the path `Vec::<u8>::new`.
    pub fn owner(&self, path: &syn::Path) -> Option<Ty> {
        let mut path = path.clone();
        path.segments.pop();
        path.segments.pop_punct();
        (!path.segments.is_empty())
            .then(|| self.written(&syn::Type::Path(syn::TypePath { attrs: Vec::new(), qself: None, path })))
    }

    /// A function of a module: of std, or of the notebook.
    fn function_of(&self, module: &str, name: &str) -> Option<Member> {
        if let Some(module) = modules::module(module) {
            return members::module_function(module, name);
        }
        let inside: Vec<String> =
            module.split("::").filter(|part| !matches!(*part, "crate" | "self" | "super")).map(str::to_owned).collect();
        let definition = self.known.in_module(&inside).find(|definition| definition.name == name)?;
        members::function(definition).or_else(|| members::constructor(definition))
    }

    /// The result of a call, its type parameters learned from the arguments.
    pub fn call<'e>(&mut self, callee: &Member, args: impl Iterator<Item = &'e Expr>, given: &[Ty]) -> Ty {
        let mut bindings: Bindings =
            callee.generics.iter().cloned().zip(given.iter().filter(|ty| ty.is_known()).cloned()).collect();
        for (arg, param) in args.zip(&callee.params) {
            let expected = param.substitute(&bindings);
            let actual = match arg {
                Expr::Closure(closure) => {
                    let inputs = function_params(&expected).unwrap_or_default();
                    self.closure(closure, &inputs)
                }
                other => self.expression(other),
            };
            param.unify(&actual, &callee.generics, &mut bindings);
        }
        // What is still open is nothing that anyone could use.
        for open in &callee.generics {
            bindings.entry(open.clone()).or_insert(Ty::Unknown);
        }
        callee.result.substitute(&bindings)
    }

    /// What calling a value behind a box or reference gives.
    pub fn function_behind(&self, ty: &Ty) -> Option<Ty> {
        match ty.peeled() {
            Ty::Function { result, .. } => Some((**result).clone()),
            Ty::Bounds { bounds, .. } => bounds.iter().find_map(|bound| self.function_behind(bound)),
            boxed => matches!(boxed.name(), Some("Box" | "Arc" | "Rc"))
                .then(|| boxed.arg(0))
                .flatten()
                .and_then(|inner| self.function_behind(inner)),
        }
    }

    pub fn collected(&self, collection: &Ty, iterator: &Ty) -> Ty {
        let Some(item) = item_of(iterator) else { return collection.clone() };
        let (Ty::Named { path, args }, Some(name)) = (collection, collection.name()) else { return collection.clone() };
        let parts = match (name, &item) {
            ("HashMap" | "BTreeMap", Ty::Tuple(parts)) => parts.clone(),
            ("Result" | "Option", _) => return collection.clone(),
            _ => vec![item],
        };
        let args = args.iter().enumerate().map(|(index, arg)| {
            if arg.is_known() { arg.clone() } else { parts.get(index).cloned().unwrap_or(Ty::Unknown) }
        });
        Ty::named(path.clone(), args.collect())
    }
}

/// The parameters of the closure that a parameter of this type takes.
pub fn function_params(expected: &Ty) -> Option<Vec<Ty>> {
    match expected.peeled() {
        Ty::Function { params, .. } => Some(params.clone()),
        Ty::Bounds { bounds, .. } => bounds.iter().find_map(function_params),
        Ty::Named { args, .. } if expected.name() == Some("Box") => args.first().and_then(function_params),
        _ => None,
    }
}
