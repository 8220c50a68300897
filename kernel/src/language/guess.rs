//! The type of an expression, as far as it can be told without a compiler.

use syn::{BinOp, Block, Expr, Lit, Member as FieldName, Pat, Stmt, UnOp};

use super::known::Known;
use super::layers::{associated, item_of, normalize};
use super::members::{self, bounds_of};
use super::scope::Scope;
use super::types::{Bindings, Ty, plain_name};

/// Guesses types with the help of what is known by name.
pub struct Guess<'a> {
    pub known: &'a Known,
    pub scope: &'a Scope,
    /// Variables of the cell itself, the innermost last.
    pub locals: Vec<(String, Ty)>,
    /// The type whose `impl` block this is.
    pub self_type: Option<Ty>,
}

impl<'a> Guess<'a> {
    pub fn new(known: &'a Known, scope: &'a Scope) -> Guess<'a> {
        Guess { known, scope, locals: Vec::new(), self_type: None }
    }

    /// The type of an expression given as text.
    pub fn text(&mut self, text: &str) -> Ty {
        if super::too_deep(&super::tokens::tokenize(text)) {
            return Ty::Unknown;
        }
        syn::parse_str::<Expr>(text).map_or(Ty::Unknown, |expression| self.expression(&expression))
    }

    /// The type of an expression given as text, where a type with holes (`Vec<_>`) is
    /// written beside it.
    pub fn text_as(&mut self, text: &str, written: &Ty) -> Ty {
        if let Ok(Expr::MethodCall(call)) = syn::parse_str::<Expr>(text)
            && call.method == "collect"
            && call.turbofish.is_none()
        {
            let iterator = self.expression(&call.receiver);
            return self.collected(written, &iterator);
        }
        let value = self.text(text);
        if value.name().is_some() && value.name() == written.name() { value } else { written.clone() }
    }

    /// A type as it stands in the cell, `Self` replaced.
    pub fn written(&self, ty: &syn::Type) -> Ty {
        let mut bindings = Bindings::new();
        if let Some(own) = &self.self_type {
            bindings.insert("Self".into(), own.clone());
        }
        Ty::from_syn(ty).substitute(&bindings)
    }

    /// The type of a variable, static or constant.
    pub fn variable(&self, name: &str) -> Option<Ty> {
        if let Some((_, ty)) = self.locals.iter().rev().find(|(local, _)| local == name) {
            return Some(ty.clone());
        }
        if let Some(variable) = self.scope.variables.iter().rev().find(|variable| variable.name == name) {
            return Some(Ty::parse(&variable.type_name));
        }
        match &self.known.named(name, &["static", "const"])?.item {
            syn::Item::Static(item) => Some(Ty::from_syn(&item.ty)),
            syn::Item::Const(item) => Some(Ty::from_syn(&item.ty)),
            _ => None,
        }
    }

    pub fn expression(&mut self, expression: &Expr) -> Ty {
        match expression {
            Expr::Lit(literal) => literal_type(&literal.lit),
            Expr::Path(path) => self.path(path),
            Expr::Paren(inner) => self.expression(&inner.expr),
            Expr::Group(inner) => self.expression(&inner.expr),
            Expr::Reference(reference) => {
                Ty::Ref { mutable: reference.mutability.is_some(), inner: Box::new(self.expression(&reference.expr)) }
            }
            Expr::Cast(cast) => self.written(&cast.ty),
            Expr::Unary(unary) => {
                let inner = self.expression(&unary.expr);
                match unary.op {
                    UnOp::Deref(_) => self.dereferenced(&inner),
                    _ => inner,
                }
            }
            Expr::Binary(binary) => self.binary(binary),
            Expr::Tuple(tuple) => Ty::Tuple(tuple.elems.iter().map(|part| self.expression(part)).collect()),
            Expr::Array(array) => {
                let inner = array.elems.iter().map(|part| self.expression(part)).find(Ty::is_known);
                Ty::Array(Box::new(inner.unwrap_or(Ty::Unknown)), array.elems.len().to_string())
            }
            Expr::Repeat(repeat) => {
                let length = quote::ToTokens::to_token_stream(&repeat.len).to_string();
                Ty::Array(Box::new(self.expression(&repeat.expr)), length)
            }
            Expr::Range(range) => self.range(range),
            Expr::Struct(literal) => {
                let path = path_text(&literal.path);
                // `Enum::Variant { … }` is of the enum's type.
                let owner = path
                    .rsplit_once("::")
                    .map(|(owner, _)| owner)
                    .filter(|owner| self.known.named(owner, &["enum"]).is_some());
                self.named_type(owner.unwrap_or(&path))
            }
            Expr::Field(field) => {
                let base = self.expression(&field.base);
                let name = match &field.member {
                    FieldName::Named(name) => plain_name(name),
                    FieldName::Unnamed(index) => index.index.to_string(),
                };
                let member = members::field(self.known, &base, &name);
                member.map_or(Ty::Unknown, |member| member.result)
            }
            Expr::Index(index) => self.index(index),
            Expr::Call(call) => {
                if let Expr::Path(path) = &*call.func
                    && let Some(callee) = self.callee(path)
                {
                    return self.call(&callee, call.args.iter(), &turbofish(&path.path));
                }
                match self.expression(&call.func) {
                    Ty::Function { result, .. } => *result,
                    other => self.function_behind(&other).map_or(Ty::Unknown, |result| result),
                }
            }
            Expr::MethodCall(call) => {
                let receiver = self.expression(&call.receiver);
                let name = plain_name(&call.method);
                let Some(method) = members::value_member(self.known, &receiver, &name) else { return Ty::Unknown };
                let given: Vec<Ty> =
                    call.turbofish.iter().flat_map(|fish| &fish.args).filter_map(type_argument).collect();
                let result = self.call(&method, call.args.iter(), &given);
                match (name.as_str(), given.first()) {
                    // `collect::<Vec<_>>()`: the iterator knows what `_` is.
                    ("collect", Some(collection)) => self.collected(collection, &receiver),
                    ("sum" | "product" | "min" | "max", None) if !result.is_known() => {
                        item_of(&receiver).map_or(Ty::Unknown, |item| item.peeled().clone())
                    }
                    _ => result,
                }
            }
            Expr::Macro(call) => self.macro_call(&call.mac),
            Expr::Try(inner) => {
                let inner = normalize(self.expression(&inner.expr));
                inner.arg(0).cloned().unwrap_or(Ty::Unknown)
            }
            Expr::Await(inner) => match self.expression(&inner.base) {
                Ty::Bounds { bounds, .. } => bounds
                    .into_iter()
                    .find(|bound| bound.name() == Some("Future"))
                    .and_then(|bound| bound.arg(0).cloned())
                    .unwrap_or(Ty::Unknown),
                _ => Ty::Unknown,
            },
            Expr::Block(block) => self.block(&block.block),
            Expr::Unsafe(block) => self.block(&block.block),
            Expr::Async(block) => {
                let output = self.block(&block.block);
                Ty::Bounds { keyword: "impl", bounds: vec![Ty::named("Future", vec![output])] }
            }
            Expr::If(branch) => self.block(&branch.then_branch),
            Expr::Match(choice) => {
                let subject = self.expression(&choice.expr);
                for arm in &choice.arms {
                    let before = self.locals.len();
                    self.bind(&arm.pat, &subject);
                    let ty = self.expression(&arm.body);
                    self.locals.truncate(before);
                    if ty.is_known() && ty != Ty::plain("!") {
                        return ty;
                    }
                }
                Ty::Unknown
            }
            Expr::Closure(closure) => self.closure(closure, &[]),
            Expr::Return(_) | Expr::Break(_) | Expr::Continue(_) => Ty::plain("!"),
            Expr::Assign(_) | Expr::While(_) | Expr::ForLoop(_) => Ty::unit(),
            _ => Ty::Unknown,
        }
    }

    pub fn closure(&mut self, closure: &syn::ExprClosure, expected: &[Ty]) -> Ty {
        let before = self.locals.len();
        let mut params = Vec::new();
        for (index, input) in closure.inputs.iter().enumerate() {
            let ty = match input {
                Pat::Type(typed) => self.written(&typed.ty),
                _ => expected.get(index).cloned().unwrap_or(Ty::Unknown),
            };
            self.bind(input, &ty);
            params.push(ty);
        }
        let result = match &closure.output {
            syn::ReturnType::Type(_, ty) => self.written(ty),
            syn::ReturnType::Default => self.expression(&closure.body),
        };
        self.locals.truncate(before);
        Ty::Function { kind: "Fn", params, result: Box::new(result) }
    }

    fn block(&mut self, block: &Block) -> Ty {
        let before = self.locals.len();
        let mut ty = Ty::unit();
        for statement in &block.stmts {
            ty = Ty::unit();
            match statement {
                Stmt::Local(local) => {
                    let init = match (&local.pat, &local.init) {
                        (Pat::Type(_), _) | (_, None) => Ty::Unknown,
                        (_, Some(init)) => self.expression(&init.expr),
                    };
                    self.bind(&local.pat, &init);
                }
                Stmt::Expr(expression, None) => ty = self.expression(expression),
                Stmt::Macro(call) if call.semi_token.is_none() => ty = self.macro_call(&call.mac),
                _ => {}
            }
        }
        self.locals.truncate(before);
        ty
    }

    fn path(&mut self, path: &syn::ExprPath) -> Ty {
        if let Some(ident) = path.path.get_ident() {
            let name = plain_name(ident);
            if name == "self"
                && let Some(own) = self.locals.iter().rev().find(|(local, _)| local == "self")
            {
                return own.1.clone();
            }
            if let Some(ty) = self.variable(&name) {
                return ty;
            }
            if let Some(definition) = self.known.named(&name, &["struct"]) {
                return Ty::plain(definition.name.clone());
            }
        }
        let Some(callee) = self.callee(path) else { return Ty::Unknown };
        match callee.kind {
            "const" => callee.result,
            "variant" if callee.params.is_empty() => callee.result,
            _ => Ty::Function { kind: "fn", params: callee.params, result: Box::new(callee.result) },
        }
    }

    fn dereferenced(&self, ty: &Ty) -> Ty {
        match ty {
            Ty::Ref { inner, .. } => (**inner).clone(),
            other => associated(other, "Target"),
        }
    }

    fn binary(&mut self, binary: &syn::ExprBinary) -> Ty {
        use BinOp::*;
        match binary.op {
            Eq(_) | Ne(_) | Lt(_) | Le(_) | Gt(_) | Ge(_) | And(_) | Or(_) => Ty::plain("bool"),
            Add(_) | Sub(_) | Mul(_) | Div(_) | Rem(_) | BitXor(_) | BitAnd(_) | BitOr(_) | Shl(_) | Shr(_) => {
                let left = self.expression(&binary.left);
                let right = self.expression(&binary.right);
                // A bare literal takes the other side's type.
                match (&*binary.left, right.is_known()) {
                    (Expr::Lit(_), true) => right.peeled().clone(),
                    _ if left.is_known() => left.peeled().clone(),
                    _ => right.peeled().clone(),
                }
            }
            _ => Ty::unit(),
        }
    }

    fn range(&mut self, range: &syn::ExprRange) -> Ty {
        let mut bound = |end: &Option<Box<Expr>>| end.as_ref().map(|end| self.expression(end));
        let (start, end) = (bound(&range.start), bound(&range.end));
        let name = match (&start, &end, &range.limits) {
            (Some(_), Some(_), syn::RangeLimits::HalfOpen(_)) => "std::ops::Range",
            (Some(_), Some(_), syn::RangeLimits::Closed(_)) => "std::ops::RangeInclusive",
            (Some(_), None, _) => "std::ops::RangeFrom",
            _ => return Ty::Unknown,
        };
        // `0..n`: the side that is no literal decides.
        let bare = range.start.as_deref().is_some_and(|start| matches!(start, Expr::Lit(_)));
        let item = match (start, end) {
            (_, Some(end)) if bare && end.is_known() => end,
            (Some(start), _) => start,
            _ => Ty::Unknown,
        };
        Ty::named(name, vec![item])
    }

    fn index(&mut self, index: &syn::ExprIndex) -> Ty {
        let base = self.expression(&index.expr).peeled().clone();
        if matches!(&*index.index, Expr::Range(_)) {
            return match (&base, base.name()) {
                (_, Some("String" | "str")) => Ty::plain("str"),
                (_, Some("Vec")) => base.arg(0).map_or(Ty::Unknown, |item| Ty::Slice(Box::new(item.clone()))),
                (Ty::Slice(inner) | Ty::Array(inner, _), _) => Ty::Slice(inner.clone()),
                _ => Ty::Unknown,
            };
        }
        match (&base, base.name()) {
            (Ty::Slice(inner) | Ty::Array(inner, _), _) => (**inner).clone(),
            (_, Some("Vec" | "VecDeque")) => base.arg(0).cloned().unwrap_or(Ty::Unknown),
            (_, Some("HashMap" | "BTreeMap")) => base.arg(1).cloned().unwrap_or(Ty::Unknown),
            _ => Ty::Unknown,
        }
    }

    fn macro_call(&mut self, call: &syn::Macro) -> Ty {
        let name = call.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
        match name.as_str() {
            "vec" => {
                let tokens = &call.tokens;
                let inner = match syn::parse2::<Expr>(quote::quote!([#tokens])) {
                    Ok(array) => self.expression(&array),
                    Err(_) => Ty::Unknown,
                };
                let item = match inner {
                    Ty::Array(item, _) => *item,
                    _ => Ty::Unknown,
                };
                Ty::named("std::vec::Vec", vec![item])
            }
            "format" | "stringify" | "concat" => Ty::plain(if name == "format" { "String" } else { "str" }),
            "matches" | "cfg" => Ty::plain("bool"),
            "dbg" => call.parse_body::<Expr>().map_or(Ty::Unknown, |inner| self.expression(&inner)),
            "println" | "print" | "eprintln" | "eprint" | "assert" | "assert_eq" | "assert_ne" => Ty::unit(),
            "panic" | "todo" | "unimplemented" | "unreachable" => Ty::plain("!"),
            _ => Ty::Unknown,
        }
    }

    /// A type by its path, `Self` replaced.
    pub fn named_type(&self, path: &str) -> Ty {
        match &self.self_type {
            Some(own) if path == "Self" => own.clone(),
            _ => Ty::plain(path),
        }
    }

    /// Makes the variables of a function's parameters.
    pub fn bind_signature(&mut self, signature: &syn::Signature) {
        let bounds = bounds_of(&signature.generics);
        for input in &signature.inputs {
            match input {
                syn::FnArg::Receiver(_) => {
                    let own = self.self_type.clone().unwrap_or(Ty::Unknown);
                    self.locals.push(("self".into(), own));
                }
                syn::FnArg::Typed(typed) => {
                    let ty = self.written(&typed.ty).substitute(&bounds);
                    self.bind(&typed.pat, &ty);
                }
            }
        }
    }

    /// What `for x in iterable` gives to `x`.
    pub fn item_of(&self, iterable: &Ty) -> Ty {
        if let Some(item) = item_of(iterable) {
            return item;
        }
        members::value_member(self.known, iterable, "next")
            .and_then(|next| next.result.arg(0).cloned())
            .unwrap_or(Ty::Unknown)
    }
}

fn literal_type(literal: &Lit) -> Ty {
    match literal {
        Lit::Str(_) => Ty::reference(Ty::plain("str")),
        Lit::ByteStr(_) => Ty::reference(Ty::Slice(Box::new(Ty::plain("u8")))),
        Lit::CStr(_) => Ty::reference(Ty::plain("std::ffi::CStr")),
        Lit::Byte(_) => Ty::plain("u8"),
        Lit::Char(_) => Ty::plain("char"),
        Lit::Int(number) => Ty::plain(if number.suffix().is_empty() { "i32" } else { number.suffix() }),
        Lit::Float(number) => Ty::plain(if number.suffix().is_empty() { "f64" } else { number.suffix() }),
        Lit::Bool(_) => Ty::plain("bool"),
        _ => Ty::Unknown,
    }
}

pub fn path_text(path: &syn::Path) -> String {
    path.segments.iter().map(|segment| plain_name(&segment.ident)).collect::<Vec<_>>().join("::")
}

fn turbofish(path: &syn::Path) -> Vec<Ty> {
    match path.segments.last().map(|segment| &segment.arguments) {
        Some(syn::PathArguments::AngleBracketed(arguments)) => {
            arguments.args.iter().filter_map(type_argument).collect()
        }
        _ => Vec::new(),
    }
}

fn type_argument(argument: &syn::GenericArgument) -> Option<Ty> {
    match argument {
        syn::GenericArgument::Type(ty) => Some(Ty::from_syn(ty)),
        _ => None,
    }
}
