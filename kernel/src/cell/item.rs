//! One item of a cell (fn, struct, impl, use, …): what it defines, what it replaces,
//! what it needs.

use std::ops::Range;
use std::sync::Arc;

use proc_macro2::Span;
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::visit::Visit;

use super::macros::makes_items;
use super::names::{self, Names};
use super::source::CellSource;
use super::statics::{self, StaticSite};
use super::use_tree::leaves;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    Function,
    Struct,
    Enum,
    Union,
    TypeAlias,
    Trait,
    Impl,
    MacroRules,
    /// A call of a macro that stands for items.
    MacroCall,
    Static,
    Const,
    Module,
    Use,
    ExternCrate,
    Other,
}

impl ItemKind {
    /// As people write it.
    pub fn keyword(self) -> &'static str {
        match self {
            ItemKind::Function => "fn",
            ItemKind::Struct => "struct",
            ItemKind::Enum => "enum",
            ItemKind::Union => "union",
            ItemKind::TypeAlias => "type",
            ItemKind::Trait => "trait",
            ItemKind::Impl => "impl",
            ItemKind::MacroRules | ItemKind::MacroCall => "macro",
            ItemKind::Static => "static",
            ItemKind::Const => "const",
            ItemKind::Module => "mod",
            ItemKind::Use | ItemKind::ExternCrate => "use",
            ItemKind::Other => "item",
        }
    }

    /// A change of it changes what values of its type look like.
    pub fn is_type(self) -> bool {
        use ItemKind::*;
        matches!(self, Struct | Enum | Union | TypeAlias | Trait | Module)
    }
}

/// A method, constant or type inside an inherent `impl`.
#[derive(Debug, Clone)]
pub struct Member {
    pub name: String,
    pub range: Range<usize>,
}

#[derive(Debug, Clone)]
pub struct Item {
    pub source: Arc<CellSource>,
    /// With its attributes and doc comments.
    pub range: Range<usize>,
    pub kind: ItemKind,
    /// The names it defines at the top level.
    pub names: Vec<String>,
    /// A newer item with one of these keys takes this one's place.
    pub keys: Vec<String>,
    /// A cell that mentions one of these needs this item.
    pub provides: Names,
    /// What this item mentions itself.
    pub mentions: Names,
    /// For an `impl`: the names in its header, any of which brings it along. For a
    /// `use`: the first segment of its path.
    pub anchors: Names,
    /// Of an inherent `impl`.
    pub members: Vec<Member>,
    /// Bytes of members that a later `impl` block has replaced.
    pub left_out: Vec<Range<usize>>,
    /// `#[derive(…)]`s, by their last segment.
    pub derives: Vec<String>,
    pub statics: Vec<StaticSite>,
    /// Of a `macro_rules!`: its calls stand for items.
    pub makes_items: bool,
    /// Needed whatever a cell mentions (`use std::io::Write` brings methods).
    pub always: bool,
    /// The tokens as text: equal when only the layout differs.
    pub normalized: String,
    /// In place of the cell's bytes: a `use` with several leaves is kept leaf by leaf.
    pub rewritten: Option<String>,
}

/// Where an item stands while it is parsed.
pub struct ItemSite<'a> {
    pub source: &'a Arc<CellSource>,
    pub range: Range<usize>,
    /// What to add to a span's bytes to get the cell's.
    pub offset: usize,
}

impl ItemSite<'_> {
    pub fn at(&self, span: Span) -> Range<usize> {
        let range = span.byte_range();
        range.start + self.offset..range.end + self.offset
    }
}

impl Item {
    /// Whether a value of it belongs to a thread.
    pub fn has_thread_local(&self) -> bool {
        self.statics.iter().any(|site| site.form == statics::Form::ThreadLocal)
    }

    fn blank(site: &ItemSite, kind: ItemKind, tokens: proc_macro2::TokenStream) -> Item {
        Item {
            source: site.source.clone(),
            range: site.range.clone(),
            kind,
            names: Vec::new(),
            keys: Vec::new(),
            provides: Names::new(),
            normalized: normalized(&tokens),
            mentions: names::mentioned(tokens),
            anchors: Names::new(),
            members: Vec::new(),
            left_out: Vec::new(),
            derives: Vec::new(),
            statics: Vec::new(),
            makes_items: false,
            always: false,
            rewritten: None,
        }
    }

    pub fn new(item: &syn::Item, site: ItemSite) -> Item {
        let mut new = Item::blank(&site, ItemKind::Other, item.to_token_stream());
        new.statics = statics::find(item, &site);
        new.describe(item, &site);
        new.provides.extend(new.names.iter().cloned());
        new
    }

    /// A macro call at the top level that stands for items.
    pub fn from_macro_call(call: &syn::Macro, site: ItemSite) -> Item {
        let mut new = Item::blank(&site, ItemKind::MacroCall, call.to_token_stream());
        new.statics = statics::find_in_macro(call, &site);
        for name in new.statics.iter().flat_map(StaticSite::names) {
            new.keys.push(format!("value {name}"));
            new.provides.insert(name.to_owned());
            new.names.push(name.to_owned());
        }
        if new.names.is_empty() {
            // Nobody knows what it defines.
            new.keys.push(format!("call {}", new.normalized));
            new.always = true;
        }
        new
    }

    fn describe(&mut self, item: &syn::Item, site: &ItemSite) {
        use syn::Item::*;
        match item {
            Fn(item) => self.named(ItemKind::Function, &item.sig.ident, &["value"]),
            Const(item) => self.named(ItemKind::Const, &item.ident, &["value"]),
            Static(item) => self.named(ItemKind::Static, &item.ident, &["value"]),
            Struct(item) => {
                let constructor = !matches!(item.fields, syn::Fields::Named(_));
                let spaces: &[&str] = if constructor { &["type", "value"] } else { &["type"] };
                self.named(ItemKind::Struct, &item.ident, spaces);
                self.derives = derives(&item.attrs);
            }
            Enum(item) => {
                self.named(ItemKind::Enum, &item.ident, &["type"]);
                self.derives = derives(&item.attrs);
            }
            Union(item) => {
                self.named(ItemKind::Union, &item.ident, &["type"]);
                self.derives = derives(&item.attrs);
            }
            Type(item) => self.named(ItemKind::TypeAlias, &item.ident, &["type"]),
            Trait(item) => {
                self.named(ItemKind::Trait, &item.ident, &["type"]);
                // A method call needs the trait without naming it.
                for member in &item.items {
                    if let syn::TraitItem::Fn(function) = member {
                        self.provides.insert(plain(&function.sig.ident));
                    }
                }
            }
            TraitAlias(item) => self.named(ItemKind::Trait, &item.ident, &["type"]),
            Mod(item) => {
                self.named(ItemKind::Module, &item.ident, &["type"]);
                // Its traits' methods, `use` of its names.
                self.provides.extend(self.mentions.iter().cloned());
            }
            Macro(item) => {
                if let Some(ident) = &item.ident {
                    self.named(ItemKind::MacroRules, ident, &["macro"]);
                    self.makes_items = makes_items(&item.mac);
                } else {
                    self.kind = ItemKind::MacroCall;
                    self.keys.push(format!("call {}", self.normalized));
                    self.always = true;
                }
            }
            ExternCrate(item) => {
                let name = item.rename.as_ref().map_or(&item.ident, |(_, rename)| rename);
                self.named(ItemKind::ExternCrate, name, &["type"]);
                self.always = true;
            }
            Impl(item) => self.describe_impl(item, site),
            Use(item) => {
                self.kind = ItemKind::Use;
                for leaf in leaves(&item.tree) {
                    self.anchors.insert(leaf.root());
                    self.keys.extend(leaf.keys());
                    self.names.extend(leaf.name);
                }
            }
            _ => self.keys.push(format!("item {}", self.normalized)),
        }
    }

    fn named(&mut self, kind: ItemKind, ident: &syn::Ident, spaces: &[&str]) {
        let name = plain(ident);
        self.kind = kind;
        self.keys.extend(spaces.iter().map(|space| format!("{space} {name}")));
        self.names.push(name);
    }

    fn describe_impl(&mut self, item: &syn::ItemImpl, site: &ItemSite) {
        self.kind = ItemKind::Impl;
        let generics = item.generics.to_token_stream().to_string();
        let self_type = item.self_ty.to_token_stream();
        self.anchors = names::mentioned(self_type.clone());
        match &item.trait_ {
            Some((path, _)) => {
                self.anchors.append(&mut names::mentioned(path.to_token_stream()));
                self.keys.push(format!("impl{generics} {} for {self_type}", path.to_token_stream()));
                if let Some(last) = path.segments.last() {
                    self.keys.push(derived_key(&plain(&last.ident), &self_type.to_string()));
                }
            }
            None => {
                let header = format!("impl{generics} {self_type}");
                for member in &item.items {
                    let name = match member {
                        syn::ImplItem::Fn(function) => plain(&function.sig.ident),
                        syn::ImplItem::Const(constant) => plain(&constant.ident),
                        syn::ImplItem::Type(alias) => plain(&alias.ident),
                        other => other.to_token_stream().to_string(),
                    };
                    self.keys.push(format!("{header} :: {name}"));
                    self.members.push(Member { name, range: site.at(member.span()) });
                }
            }
        }
        if self.anchors.is_empty() {
            self.always = true;
        }
    }

    /// The item's text, without the members that were replaced.
    pub fn text(&self) -> String {
        if let Some(text) = &self.rewritten {
            return text.clone();
        }
        let mut text = String::new();
        let mut at = self.range.start;
        for gap in &self.left_out {
            text.push_str(&self.source.text[at..gap.start.max(at)]);
            at = gap.end.max(at);
        }
        text + &self.source.text[at..self.range.end]
    }

    /// What other items it pushes out beside those with its own keys: a derive takes the
    /// place of an `impl` written by hand.
    pub fn derived_keys(&self) -> Vec<String> {
        self.names.iter().flat_map(|name| self.derives.iter().map(|derive| derived_key(derive, name))).collect()
    }

    /// The item as later cells keep it: a `use` of several names becomes several items.
    pub fn split(self) -> Vec<Item> {
        if self.kind != ItemKind::Use || self.names.len() < 2 {
            return vec![self];
        }
        let Ok(syn::Item::Use(item)) = syn::parse_str::<syn::Item>(&self.source.text[self.range.clone()]) else {
            return vec![self];
        };
        let all = leaves(&item.tree);
        all.into_iter()
            .map(|leaf| {
                let mut part = self.clone();
                let text = format!("use {};", leaf.text);
                part.anchors = Names::from([leaf.root()]);
                part.keys = leaf.keys();
                part.names = leaf.name.into_iter().collect();
                part.provides = part.names.iter().cloned().collect();
                part.mentions = names::mentioned_in(&text);
                part.normalized = text.clone();
                part.rewritten = Some(text);
                part
            })
            .collect()
    }

    /// The glob and trait imports (`use x::*`, `use T as _`) that no mention would show.
    pub fn is_blind_use(&self) -> bool {
        self.kind == ItemKind::Use && self.names.is_empty()
    }
}

/// The tokens as text, without commas that only end a list.
fn normalized(tokens: &proc_macro2::TokenStream) -> String {
    use proc_macro2::{Delimiter, TokenTree};

    fn write(tokens: proc_macro2::TokenStream, text: &mut String) {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(sign) if sign.as_char() == ',' && tokens.peek().is_none() => {}
                TokenTree::Group(group) => {
                    let (open, close) = match group.delimiter() {
                        Delimiter::Parenthesis => ("(", ")"),
                        Delimiter::Brace => ("{", "}"),
                        Delimiter::Bracket => ("[", "]"),
                        Delimiter::None => ("", ""),
                    };
                    text.push_str(open);
                    write(group.stream(), text);
                    text.push_str(close);
                }
                token => {
                    text.push_str(&token.to_string());
                    text.push(' ');
                }
            }
        }
    }
    let mut text = String::new();
    write(tokens.clone(), &mut text);
    text
}

pub(super) fn plain(ident: &syn::Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").unwrap_or(&name).to_owned()
}

/// The key that an `impl Trait for Type` shares with `#[derive(Trait)]` on the type.
fn derived_key(derive: &str, type_name: &str) -> String {
    format!("derive {derive} for {type_name}")
}

fn derives(attributes: &[syn::Attribute]) -> Vec<String> {
    let mut derives = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("derive")) {
        // A malformed derive is the compiler's to report.
        let _ = attribute.parse_nested_meta(|meta| {
            derives.extend(meta.path.segments.last().map(|last| plain(&last.ident)));
            Ok(())
        });
    }
    derives
}

/// Collects what `find` needs while it walks an item.
pub(super) fn walk_item<'a>(item: &'a syn::Item, visitor: &mut impl Visit<'a>) {
    visitor.visit_item(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(text: &str) -> Item {
        let source = CellSource::new(1, text);
        let parsed: syn::Item = syn::parse_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        Item::new(&parsed, ItemSite { source: &source, range: 0..text.len(), offset: 0 })
    }

    #[test]
    fn keys_say_what_an_item_replaces() {
        assert_eq!(item("fn f() {}").keys, ["value f"]);
        assert_eq!(item("struct S { a: i32 }").keys, ["type S"]);
        assert_eq!(item("struct S(i32);").keys, ["type S", "value S"]);
        assert_eq!(item("macro_rules! m { () => {} }").keys, ["macro m"]);
        let shown = item("impl std::fmt::Debug for S { }");
        assert_eq!(shown.keys[1..], item("#[derive(Clone, Debug)] struct S;").derived_keys()[1..]);
        assert_eq!(item("impl S { fn a(&self) {} const B: i32 = 1; }").keys, ["impl S :: a", "impl S :: B"]);
    }

    #[test]
    fn a_use_is_kept_name_by_name() {
        let parts = item("use std::{collections::{HashMap as Map, *}, fmt::{self, Write as _}, io};").split();
        let texts: Vec<_> = parts.iter().map(|part| part.normalized.as_str()).collect();
        assert_eq!(
            texts,
            [
                "use std::collections::HashMap as Map;",
                "use std::collections::*;",
                "use std::fmt;",
                "use std::fmt::Write as _;",
                "use std::io;"
            ]
        );
        assert_eq!(parts[0].names, ["Map"]);
        assert!(parts[1].is_blind_use() && parts[3].is_blind_use());
        assert!(parts.iter().all(|part| part.anchors.contains("std")));
    }

    #[test]
    fn layout_does_not_make_another_item() {
        assert_eq!(item("struct P { x: i32 }").normalized, item("struct P {\n    x: i32, // why\n}").normalized);
        assert_ne!(item("struct P { x: i32 }").normalized, item("struct P { x: i64 }").normalized);
    }

    #[test]
    fn a_trait_is_needed_by_its_methods() {
        let item = item("trait Area { fn area(&self) -> f64; }");
        assert!(item.provides.contains("area") && item.provides.contains("Area"));
    }
}
