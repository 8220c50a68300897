//! Statics that keep their value from cell to cell.
//!
//! Every cell's crate contains the text of the items it needs, so each would get
//! statics of its own. Instead the cell that defines a static exports it under a unique
//! symbol, and later cells name that symbol in place of the definition. This holds for
//! statics inside functions too. `thread_local!` and `lazy_static!` are rewritten to
//! plain statics (`LocalKey`, `LazyLock`) and go the same way.

use std::ops::Range;

use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::visit::Visit;

use super::item::{ItemSite, walk_item};
use super::lifetimes;
use super::source::{CellSource, SourceText};
use std::sync::Arc;

/// A `static` item, or a macro call that stands for some, inside an item's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticSite {
    /// The bytes that the rewriting replaces.
    pub range: Range<usize>,
    pub form: Form,
    pub statics: Vec<StaticPart>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Plain,
    ThreadLocal,
    LazyStatic,
}

/// One static, all ranges in bytes of the cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticPart {
    pub name: String,
    pub attributes: Vec<Range<usize>>,
    /// `pub`, or an empty range.
    pub visibility: Range<usize>,
    pub mutable: bool,
    pub type_: Range<usize>,
    pub initial: Range<usize>,
}

impl StaticSite {
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.statics.iter().map(|part| part.name.as_str())
    }
}

/// All statics of an item, wherever they stand in it.
pub fn find(item: &syn::Item, site: &ItemSite) -> Vec<StaticSite> {
    let mut finder = Finder { site, found: Vec::new() };
    walk_item(item, &mut finder);
    finder.found
}

/// The statics of a macro call at the top level.
pub fn find_in_macro(call: &syn::Macro, site: &ItemSite) -> Vec<StaticSite> {
    let mut finder = Finder { site, found: Vec::new() };
    finder.visit_macro_at(call, site.range.clone());
    finder.found
}

/// Whether a macro of this name defines statics in a form known here.
pub fn is_static_macro(path: &str) -> bool {
    form_of(path).is_some()
}

fn form_of(path: &str) -> Option<Form> {
    match path.rsplit("::").next() {
        Some("thread_local") => Some(Form::ThreadLocal),
        Some("lazy_static") => Some(Form::LazyStatic),
        _ => None,
    }
}

struct Finder<'a> {
    site: &'a ItemSite<'a>,
    found: Vec<StaticSite>,
}

impl Finder<'_> {
    fn visit_macro_at(&mut self, call: &syn::Macro, range: Range<usize>) {
        let Some(form) = call.path.segments.last().and_then(|last| form_of(&last.ident.to_string())) else { return };
        // What does not parse is the compiler's to report.
        let Ok(list) = call.parse_body::<StaticList>() else { return };
        let site = self.site;
        let statics = list.0.iter().map(|declared| declared.part(site)).collect();
        self.found.push(StaticSite { range, form, statics });
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        let site = self.site;
        let part = StaticPart {
            name: item.ident.to_string(),
            attributes: item.attrs.iter().map(|attribute| site.at(attribute.span())).collect(),
            visibility: visibility_range(&item.vis, site),
            mutable: matches!(item.mutability, syn::StaticMutability::Mut(_)),
            type_: site.at(item.ty.span()),
            initial: site.at(item.expr.span()),
        };
        self.found.push(StaticSite { range: site.at(item.span()), form: Form::Plain, statics: vec![part] });
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        if item.ident.is_none() {
            self.visit_macro_at(&item.mac, self.site.at(item.span()));
        }
    }

    fn visit_stmt_macro(&mut self, statement: &'ast syn::StmtMacro) {
        self.visit_macro_at(&statement.mac, self.site.at(statement.span()));
    }
}

fn visibility_range(visibility: &syn::Visibility, site: &ItemSite) -> Range<usize> {
    match visibility {
        syn::Visibility::Inherited => 0..0,
        shown => site.at(shown.span()),
    }
}

/// `static [ref] NAME: Type = initial;` as `thread_local!` and `lazy_static!` take it.
struct Declared {
    attributes: Vec<syn::Attribute>,
    visibility: syn::Visibility,
    name: syn::Ident,
    type_: syn::Type,
    initial: proc_macro2::TokenStream,
}

impl Declared {
    fn part(&self, site: &ItemSite) -> StaticPart {
        StaticPart {
            name: self.name.to_string(),
            attributes: self.attributes.iter().map(|attribute| site.at(attribute.span())).collect(),
            visibility: visibility_range(&self.visibility, site),
            mutable: false,
            type_: site.at(self.type_.span()),
            initial: site.at(self.initial.span()),
        }
    }
}

struct StaticList(Vec<Declared>);

impl Parse for StaticList {
    fn parse(input: ParseStream) -> syn::Result<StaticList> {
        let mut list = Vec::new();
        while !input.is_empty() {
            let attributes = syn::Attribute::parse_outer(input)?;
            let visibility = input.parse()?;
            input.parse::<syn::Token![static]>()?;
            input.parse::<Option<syn::Token![ref]>>()?;
            let name = input.parse()?;
            input.parse::<syn::Token![:]>()?;
            let type_ = input.parse()?;
            input.parse::<syn::Token![=]>()?;
            let initial = if input.peek(syn::Token![const]) && input.peek2(syn::token::Brace) {
                let keyword: syn::Token![const] = input.parse()?;
                let block: syn::Block = input.parse()?;
                let mut tokens = keyword.to_token_stream();
                block.to_tokens(&mut tokens);
                tokens
            } else {
                input.parse::<syn::Expr>()?.to_token_stream()
            };
            input.parse::<Option<syn::Token![;]>>()?;
            list.push(Declared { attributes, visibility, name, type_, initial });
        }
        Ok(StaticList(list))
    }
}

/// How a cell's crate refers to an item's statics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaticUse {
    /// This crate makes them and exports them.
    Define,
    /// An earlier crate exports them.
    Refer,
}

/// Writes one site in place of its bytes. `symbols` begins the exported names.
pub fn write(site: &StaticSite, cell: &Arc<CellSource>, usage: StaticUse, symbols: &str, out: &mut SourceText) {
    for part in &site.statics {
        let symbol = format!("{symbols}_{}_{}", part.type_.start, part.name);
        match usage {
            StaticUse::Define => define(site.form, part, cell, &symbol, out),
            StaticUse::Refer => refer(site.form, part, cell, &symbol, out),
        }
    }
}

fn define(form: Form, part: &StaticPart, cell: &Arc<CellSource>, symbol: &str, out: &mut SourceText) {
    for attribute in &part.attributes {
        out.push_cell(cell, attribute.clone());
        out.push("\n");
    }
    out.push(&format!("#[unsafe(export_name = \"{symbol}\")] "));
    push_head(form, part, cell, out);
    match form {
        Form::Plain => {
            out.push(" = ");
            out.push_cell(cell, part.initial.clone());
        }
        Form::ThreadLocal => {
            // The macro makes a constant whose function knows the thread's storage.
            out.push(&format!(" = {{ ::std::thread_local! {{ static {}: ", part.name));
            out.push_cell(cell, part.type_.clone());
            out.push(" = ");
            out.push_cell(cell, part.initial.clone());
            out.push(&format!("; }} {} }}", part.name));
        }
        Form::LazyStatic => {
            out.push(" = ::std::sync::LazyLock::new(|| ");
            out.push_cell(cell, part.initial.clone());
            out.push(")");
        }
    }
    out.push(";\n");
}

fn refer(form: Form, part: &StaticPart, cell: &Arc<CellSource>, symbol: &str, out: &mut SourceText) {
    // A `static mut` stays unsafe to touch, as where it was defined.
    let safe = if part.mutable { "unsafe" } else { "safe" };
    out.push(&format!("unsafe extern \"C\" {{ #[link_name = \"{symbol}\"] "));
    out.push_cell(cell, part.visibility.clone());
    out.push(&format!(" {safe} "));
    // Only a definition may leave `'static` out.
    match lifetimes::with_static(&cell.text[part.type_.clone()]) {
        Some(type_text) => push_name_and_type(form, part, out, |out| out.push(&type_text)),
        None => push_name_and_type(form, part, out, |out| out.push_cell(cell, part.type_.clone())),
    }
    out.push("; }\n");
}

fn push_head(form: Form, part: &StaticPart, cell: &Arc<CellSource>, out: &mut SourceText) {
    out.push_cell(cell, part.visibility.clone());
    out.push(" ");
    push_name_and_type(form, part, out, |out| out.push_cell(cell, part.type_.clone()));
}

fn push_name_and_type(form: Form, part: &StaticPart, out: &mut SourceText, push_type: impl FnOnce(&mut SourceText)) {
    let mutable = if part.mutable { "mut " } else { "" };
    out.push(&format!("static {mutable}{}: ", part.name));
    let (before, after) = match form {
        Form::Plain => ("", ""),
        Form::ThreadLocal => ("::std::thread::LocalKey<", ">"),
        Form::LazyStatic => ("::std::sync::LazyLock<", ">"),
    };
    out.push(before);
    push_type(out);
    out.push(after);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::item::Item;

    fn sites(text: &str) -> Vec<StaticSite> {
        let source = CellSource::new(1, text);
        let item: syn::Item = syn::parse_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        Item::new(&item, ItemSite { source: &source, range: 0..text.len(), offset: 0 }).statics
    }

    fn written(text: &str, usage: StaticUse) -> String {
        let cell = CellSource::new(1, text);
        let mut out = SourceText::default();
        for site in sites(text) {
            write(&site, &cell, usage, "s", &mut out);
        }
        out.as_str().to_owned()
    }

    #[test]
    fn the_first_cell_exports_and_later_ones_refer() {
        let text = "pub static N: AtomicUsize = AtomicUsize::new(0);";
        assert_eq!(
            written(text, StaticUse::Define),
            "#[unsafe(export_name = \"s_14_N\")] pub static N: AtomicUsize = AtomicUsize::new(0);\n"
        );
        assert_eq!(
            written(text, StaticUse::Refer),
            "unsafe extern \"C\" { #[link_name = \"s_14_N\"] pub safe static N: AtomicUsize; }\n"
        );
    }

    #[test]
    fn statics_inside_functions_and_thread_locals_are_found() {
        assert_eq!(sites("fn next() -> u32 { static N: AtomicU32 = AtomicU32::new(0); 1 }").len(), 1);
        let text = "thread_local! { static A: Cell<u8> = Cell::new(1); pub static B: u8 = const { 2 } }";
        let found = sites(text);
        assert_eq!(found[0].names().collect::<Vec<_>>(), ["A", "B"]);
        assert_eq!(&text[found[0].statics[1].initial.clone()], "const { 2 }");
        assert!(written(text, StaticUse::Refer).contains("static A: ::std::thread::LocalKey<Cell<u8>>;"));
    }

    #[test]
    fn lazy_statics_become_lazy_locks() {
        let text = "lazy_static::lazy_static! { static ref M: Mutex<u8> = Mutex::new(1); }";
        assert!(
            written(text, StaticUse::Define)
                .contains("LazyLock<Mutex<u8>> = ::std::sync::LazyLock::new(|| Mutex::new(1));")
        );
    }
}
