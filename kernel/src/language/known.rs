//! The items that a cell can use: the notebook's and its own, finished or not.

use std::rc::Rc;

use syn::spanned::Spanned;
use syn::{Fields, Item, UseTree, Visibility};

use super::prelude;
use super::scope::Scope;
use super::std_names::modules;
use super::tokens::{self, Kind, Token};
use super::types::plain_name;

/// Where an item was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `In[n]`; 0 stands for the prelude.
    Cell(u32),
    /// The cell that is being written.
    Here,
}

#[derive(Debug, Clone)]
pub struct Definition {
    pub name: String,
    /// `fn`, `struct`, … as in [`scope::Item`](super::scope::Item).
    pub kind: &'static str,
    pub place: Place,
    /// The modules around it.
    pub module: Vec<String>,
    pub item: Item,
    /// As the person wrote it.
    pub source: Rc<str>,
    /// What `item` was parsed from: the source without the functions' bodies.
    text: Rc<str>,
}

/// All definitions, the newest last.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub definitions: Vec<Definition>,
    /// Names that `use` brings in, with the paths they stand for.
    pub imports: Vec<(String, String)>,
    /// `std::collections` for `use std::collections::*`.
    pub globs: Vec<String>,
    pub crates: Vec<String>,
}

impl Known {
    pub fn new(scope: &Scope, code: &str) -> Known {
        let mut known = Known { crates: scope.crates.clone(), ..Known::default() };
        for item in prelude::items().iter().chain(&scope.items) {
            known.read(&item.source, Place::Cell(item.cell));
        }
        known.read(code, Place::Here);
        known
    }

    fn read(&mut self, code: &str, place: Place) {
        for found in item_texts(code).into_iter().chain(thread_locals(code)) {
            let text: Rc<str> = found.text.into();
            if let Ok(item) = syn::parse_str::<Item>(&text) {
                self.add(item, place, Vec::new(), found.source.into(), text);
            }
        }
    }

    fn add(&mut self, item: Item, place: Place, module: Vec<String>, source: Rc<str>, text: Rc<str>) {
        if let Item::Use(item_use) = &item {
            if module.is_empty() {
                self.import(&item_use.tree, String::new());
            }
            return;
        }
        let Some((name, kind)) = name_and_kind(&item) else { return };
        if let Item::Mod(item_mod) = &item {
            let inside: Vec<String> = module.iter().cloned().chain([name.clone()]).collect();
            for inner in item_mod.content.iter().flat_map(|(_, items)| items) {
                self.add(inner.clone(), place, inside.clone(), source.clone(), text.clone());
            }
        }
        self.definitions.push(Definition { name, kind, place, module, item, source, text });
    }

    fn import(&mut self, tree: &UseTree, prefix: String) {
        let join = |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}::{name}") };
        match tree {
            UseTree::Path(path) => self.import(&path.tree, join(&plain_name(&path.ident))),
            UseTree::Name(name) if name.ident == "self" => {
                let last = prefix.rsplit("::").next().unwrap_or(&prefix).to_owned();
                self.imports.push((last, prefix));
            }
            UseTree::Name(name) => self.imports.push((plain_name(&name.ident), join(&plain_name(&name.ident)))),
            UseTree::Rename(rename) => {
                self.imports.push((plain_name(&rename.rename), join(&plain_name(&rename.ident))))
            }
            UseTree::Glob(_) => self.globs.push(prefix),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(tree, prefix.clone())),
        }
    }

    /// The path with its first name replaced by what a `use` says that it is.
    pub fn resolve(&self, path: &str) -> String {
        let path = path.strip_prefix("::").unwrap_or(path);
        let (first, rest) = path.split_once("::").unwrap_or((path, ""));
        let join = |start: &str| if rest.is_empty() { start.to_owned() } else { format!("{start}::{rest}") };
        if let Some((_, full)) = self.imports.iter().rev().find(|(name, _)| name == first) {
            return join(full);
        }
        for glob in &self.globs {
            if modules::module(glob).is_some_and(|module| module.member(first).is_some()) {
                return join(&format!("{glob}::{first}"));
            }
        }
        path.to_owned()
    }

    /// The newest definition of a name of one of these kinds (of any, if there are none),
    /// wherever it stands.
    pub fn named(&self, name: &str, kinds: &[&str]) -> Option<&Definition> {
        self.newest(name, kinds).filter(|definition| !self.is_hidden(definition))
    }

    /// Whether its name means something else here: what a `use` brings comes before the prelude.
    pub fn is_hidden(&self, definition: &Definition) -> bool {
        definition.place == Place::Cell(0) && self.is_imported(&definition.name)
    }

    /// The items of the prelude and of the notebook, but for those whose name means something
    /// else here.
    pub fn items<'a>(&'a self, scope: &'a Scope) -> impl DoubleEndedIterator<Item = &'a super::scope::Item> {
        prelude::items().iter().filter(|item| !self.is_imported(&item.name)).chain(&scope.items)
    }

    fn is_imported(&self, name: &str) -> bool {
        self.resolve(name) != name
    }

    fn newest(&self, name: &str, kinds: &[&str]) -> Option<&Definition> {
        self.definitions.iter().rev().find(|definition| {
            definition.name == name
                && definition.kind != "impl"
                && (kinds.is_empty() || kinds.contains(&definition.kind))
        })
    }

    /// A struct, enum, union or alias. A type of another crate has the name of its crate
    /// in its path, and is none of these.
    pub fn type_named(&self, path: &str) -> Option<&Definition> {
        let path = self.resolve(path);
        let first = path.split("::").next().unwrap_or(&path);
        if path.contains("::")
            && (["std", "core", "alloc"].contains(&first) || self.crates.iter().any(|name| name == first))
        {
            return None;
        }
        let name = path.rsplit("::").next().unwrap_or(&path);
        self.newest(name, &["struct", "enum", "union", "type"])
    }

    /// The `impl` blocks for a type.
    pub fn impls_of<'a>(&'a self, type_name: &'a str) -> impl Iterator<Item = &'a Definition> {
        self.definitions
            .iter()
            .rev()
            .filter(move |definition| definition.kind == "impl" && definition.name == type_name)
    }

    /// What stands directly in a module; in no module for an empty path.
    pub fn in_module<'a>(&'a self, path: &'a [String]) -> impl Iterator<Item = &'a Definition> {
        self.definitions.iter().rev().filter(move |definition| definition.module == path && definition.kind != "impl")
    }
}

impl Definition {
    /// The text of a part of the item, on one line.
    pub fn text_of(&self, part: &impl Spanned) -> String {
        one_line(self.text.get(part.span().byte_range()).unwrap_or_default())
    }

    /// The item's head: `fn area(&self) -> f64`, `struct Point`, `static N: u8`.
    pub fn signature(&self) -> String {
        match &self.item {
            Item::Fn(function) => self.text_of(&function.sig),
            Item::Struct(item) => match &item.fields {
                Fields::Unnamed(fields) => {
                    format!("struct {}{}{}", item.ident, self.text_of(&item.generics), self.text_of(fields))
                }
                _ => format!("struct {}{}", item.ident, self.text_of(&item.generics)),
            },
            Item::Enum(item) => format!("enum {}{}", item.ident, self.text_of(&item.generics)),
            Item::Union(item) => format!("union {}{}", item.ident, self.text_of(&item.generics)),
            Item::Trait(item) => format!("trait {}{}", item.ident, self.text_of(&item.generics)),
            Item::Static(item) => format!("static {}: {}", item.ident, self.text_of(&item.ty)),
            Item::Const(item) => format!("const {}: {}", item.ident, self.text_of(&item.ty)),
            Item::Type(item) => format!("type {} = {}", item.ident, self.text_of(&item.ty)),
            Item::Macro(_) => format!("macro_rules! {}", self.name),
            Item::Mod(_) => format!("mod {}", self.name),
            _ => String::new(),
        }
    }

    /// Whether it is a struct with fields that only its own module sees.
    pub fn hides_fields(&self) -> bool {
        let Item::Struct(item) = &self.item else { return false };
        item.fields.iter().any(|field| !matches!(field.vis, Visibility::Public(_)))
    }

    /// `struct Point<T>`
    pub fn name_and_generics(&self) -> String {
        match &self.item {
            Item::Struct(item) => format!("struct {}{}", item.ident, self.text_of(&item.generics)),
            _ => self.signature(),
        }
    }

    /// The doc comments.
    pub fn docs(&self) -> String {
        docs_of(attributes(&self.item))
    }

    /// The names in its `#[derive(…)]`.
    pub fn derives(&self) -> Vec<String> {
        let mut names = Vec::new();
        for attribute in attributes(&self.item).iter().filter(|attribute| attribute.path().is_ident("derive")) {
            // A half-written list derives what could be read of it.
            let _ = attribute.parse_nested_meta(|meta| {
                names.extend(meta.path.segments.last().map(|segment| segment.ident.to_string()));
                Ok(())
            });
        }
        names
    }
}

/// The text of `///` and `#[doc = "…"]`.
pub fn docs_of(attributes: &[syn::Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        if let syn::Meta::NameValue(value) = &attribute.meta
            && let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &value.value
        {
            let text = text.value();
            lines.extend(text.split('\n').map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned()));
        }
    }
    lines.join("\n").trim().to_owned()
}

fn attributes(item: &Item) -> &[syn::Attribute] {
    match item {
        Item::Fn(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Const(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        _ => &[],
    }
}

pub fn name_and_kind(item: &Item) -> Option<(String, &'static str)> {
    Some(match item {
        Item::Fn(item) => (plain_name(&item.sig.ident), "fn"),
        Item::Struct(item) => (plain_name(&item.ident), "struct"),
        Item::Enum(item) => (plain_name(&item.ident), "enum"),
        Item::Union(item) => (plain_name(&item.ident), "union"),
        Item::Trait(item) => (plain_name(&item.ident), "trait"),
        Item::Static(item) => (plain_name(&item.ident), "static"),
        Item::Const(item) => (plain_name(&item.ident), "const"),
        Item::Type(item) => (plain_name(&item.ident), "type"),
        Item::Mod(item) => (plain_name(&item.ident), "mod"),
        Item::Macro(item) => (plain_name(item.ident.as_ref()?), "macro"),
        Item::Impl(item) => (super::types::Ty::from_syn(&item.self_ty).name()?.to_owned(), "impl"),
        _ => return None,
    })
}

/// Text on one line, as rustfmt would put it there.
pub fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace("( ", "(").replace(" )", ")").replace(",)", ")")
}

/// An item found in a text.
pub struct ItemText {
    pub source: String,
    /// The source with empty functions, every delimiter closed.
    pub text: String,
}

/// The statics of `thread_local!` calls, with the type that they have outside of it.
fn thread_locals(code: &str) -> Vec<ItemText> {
    let tokens = tokens::tokenize(code);
    let mut found = Vec::new();
    for index in 0..tokens.len() {
        let is_call = tokens[index].is("thread_local") && tokens.get(index + 1).is_some_and(|next| next.is("!"));
        let Some(open) = tokens.get(index + 2).filter(|open| is_call && open.kind == Kind::Open) else { continue };
        let end = tokens.get(tokens::closing(&tokens, index + 2)).map_or(code.len(), |close| close.start);
        // The last static may go without its `;`.
        let inside = format!("{};", &code[open.end()..end]);
        for mut item in item_texts(&inside) {
            let parts = tokens::tokenize(&item.text);
            let mut signs = parts.iter().filter(|token| token.is(":") || token.is("="));
            // Another order is that of a text which is not finished.
            if let (Some(colon), Some(equals)) = (signs.next(), signs.next())
                && (colon.text, equals.text) == (":", "=")
            {
                let declared = item.text[colon.end()..equals.start].trim();
                item.text = format!(
                    "{} std::thread::LocalKey<{declared}> {}",
                    &item.text[..colon.end()],
                    &item.text[equals.start..]
                );
                found.push(item);
            }
        }
    }
    found
}

const ITEM_WORDS: &[&str] =
    &["fn", "struct", "enum", "union", "trait", "impl", "mod", "type", "static", "const", "use", "macro_rules"];

/// The items that stand in no delimiters.
pub fn item_texts(code: &str) -> Vec<ItemText> {
    let tokens = tokens::tokenize(code);
    if super::too_deep(&tokens) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        // A comment before an item says nothing, and `//!` would make it unreadable.
        if matches!(tokens[index].kind, Kind::Comment { doc: false, .. }) {
            index += 1;
            continue;
        }
        let start = index;
        if let Some(word) = item_word(&tokens, index) {
            let end = item_end(&tokens, word);
            let last = tokens[end.min(tokens.len() - 1)].end();
            found.push(ItemText {
                source: code[tokens[start].start..last].to_owned(),
                text: without_bodies(code, &tokens[start..(end + 1).min(tokens.len())]),
            });
            index = end + 1;
        } else {
            // The next statement begins after `;`, a block, or a magic.
            while let Some(token) = tokens.get(index) {
                let ends = token.is(";") || token.kind == Kind::Magic || token.is("{");
                index = if token.kind == Kind::Open { tokens::closing(&tokens, index) + 1 } else { index + 1 };
                if ends
                    || tokens
                        .get(index)
                        .is_some_and(|next| matches!(next.kind, Kind::Comment { doc: true, .. }) || next.is("#"))
                {
                    break;
                }
            }
        }
    }
    found
}

/// The index of the keyword of the item that begins at `index`, if one does.
fn item_word(tokens: &[Token], mut index: usize) -> Option<usize> {
    loop {
        let token = tokens.get(index)?;
        let next = tokens.get(index + 1);
        match token.text {
            _ if matches!(token.kind, Kind::Comment { .. }) => index += 1,
            "#" => {
                index = tokens::closing(tokens, index + if next.is_some_and(|next| next.is("!")) { 2 } else { 1 }) + 1
            }
            "pub" if next.is_some_and(|next| next.is("(")) => index = tokens::closing(tokens, index + 1) + 1,
            "const" if next.is_some_and(|next| matches!(next.text, "fn" | "unsafe" | "async" | "extern")) => index += 1,
            "pub" | "unsafe" | "async" | "extern" | "default" | "safe" => index += 1,
            _ if matches!(token.kind, Kind::String { .. }) => index += 1,
            "macro_rules" => return next.is_some_and(|next| next.is("!")).then_some(index),
            "union" => return next.is_some_and(|next| next.kind == Kind::Ident).then_some(index),
            "static" if next.is_some_and(|next| next.is("move") || next.is("|")) => return None,
            "const" if next.is_some_and(|next| next.is("{")) => return None,
            word if token.kind == Kind::Ident && ITEM_WORDS.contains(&word) => return Some(index),
            _ => return None,
        }
    }
}

/// The index of the item's last token, or the number of tokens when it is unfinished.
fn item_end(tokens: &[Token], word: usize) -> usize {
    let to_semicolon = matches!(tokens[word].text, "type" | "static" | "const" | "use");
    let mut index = word;
    while let Some(token) = tokens.get(index) {
        if token.is(";") {
            return index;
        }
        if token.kind == Kind::Open {
            let close = tokens::closing(tokens, index);
            if token.is("{") && !to_semicolon {
                return close;
            }
            index = close;
        }
        index += 1;
    }
    tokens.len()
}

/// The text of the tokens with the bodies of functions and macros emptied and what is
/// open closed.
fn without_bodies(code: &str, item: &[Token]) -> String {
    let (Some(first), Some(last)) = (item.first(), item.last()) else { return String::new() };
    let mut text = String::new();
    let mut copied = first.start;
    let mut open: Vec<&str> = Vec::new();
    let mut index = 0;
    while index < item.len() {
        let token = &item[index];
        match token.kind {
            Kind::Open => open.push(token.text),
            Kind::Close => drop(open.pop()),
            Kind::Ident => {
                if let Some(body) = body_of(item, index) {
                    let close = tokens::closing(item, body);
                    text.push_str(&code[copied..item[body].end()]);
                    match item.get(close) {
                        Some(close_token) => {
                            copied = close_token.start;
                            index = close;
                        }
                        None => {
                            // The function goes on behind the text: it ends here.
                            text.push_str(tokens::counterpart(item[body].text));
                            copied = last.end();
                            index = item.len();
                        }
                    }
                    if let Some(token) = item.get(index) {
                        text.push_str(&code[copied..token.end()]);
                        copied = token.end();
                    }
                }
            }
            _ => {}
        }
        index += 1;
    }
    text.push_str(&code[copied..last.end()]);
    if !open.is_empty() {
        // What stands unfinished at the end would spoil the whole.
        text.push('\n');
    }
    text.extend(open.iter().rev().map(|open| tokens::counterpart(open)));
    text
}

/// The index of the delimiter that opens the body of the function or macro whose keyword
/// stands at `index`, if one does.
fn body_of(item: &[Token], index: usize) -> Option<usize> {
    let next_is_name = |at: usize| item.get(at).is_some_and(|next| next.kind == Kind::Ident);
    match item[index].text {
        "fn" if next_is_name(index + 1) => {}
        "macro_rules" if next_is_name(index + 2) => {
            return item.get(index + 3).is_some_and(|next| next.kind == Kind::Open).then_some(index + 3);
        }
        _ => return None,
    }
    let mut at = index;
    while let Some(token) = item.get(at) {
        match token.text {
            "{" if token.kind == Kind::Open => return Some(at),
            ";" => return None,
            _ if token.kind == Kind::Close => return None,
            _ if token.kind == Kind::Open => at = tokens::closing(item, at),
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests;
