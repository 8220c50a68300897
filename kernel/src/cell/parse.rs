//! A cell's text taken apart: items, statements, the last expression.

use std::ops::Range;
use std::sync::Arc;

use proc_macro2::{Span, TokenStream};
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{Attribute, Block, Expr, Local, Pat, Stmt};

use super::item::{Item, ItemSite};
use super::macros::{begins_like_item, makes_items};
use super::names::{self, Names};
use super::source::CellSource;
use super::statics::is_static_macro;
use crate::language::depth;

/// A variable that a top-level `let` of the cell makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetBinding {
    pub name: String,
    pub mutable: bool,
    /// The initialiser ends in a closure, with that many arguments.
    pub closure: Option<usize>,
}

/// One cell, taken apart. All ranges are bytes of the cell's text.
#[derive(Debug, Clone)]
pub struct Cell {
    pub source: Arc<CellSource>,
    /// Where the Rust code is: magics before it are not part of it.
    pub code: Range<usize>,
    /// `#![…]` lines.
    pub inner_attributes: Vec<Range<usize>>,
    pub items: Vec<Item>,
    /// Where macro calls stand that were read as statements; they could be items.
    pub macro_calls: Vec<usize>,
    /// The last expression, when the cell ends with one.
    pub tail: Option<Range<usize>>,
    pub bindings: Vec<LetBinding>,
    /// Names that the statements mention (not those that only items mention).
    pub mentions: Names,
    /// Names that get a new value by `name = …`.
    pub assigned: Names,
    /// `.await` stands outside of functions, closures and async blocks.
    pub awaits: bool,
    /// There is anything to run, and not only items.
    pub has_statements: bool,
}

/// How a macro call at the top level is read.
pub struct MacroReading<'a> {
    /// Macros that are known to make items, by name.
    pub item_macros: &'a (dyn Fn(&str) -> bool + Sync),
    /// Calls (by their range's start) that the compiler wanted to be read the other way.
    pub flipped: &'a [usize],
}

impl MacroReading<'_> {
    /// `own`: those that the cell itself defines.
    fn makes_items(&self, path: &str, own: &Names) -> bool {
        own.contains(path) || (self.item_macros)(path)
    }
}

/// The name of a macro that the statement defines, if its calls stand for items.
fn own_item_macro(statement: &Stmt) -> Option<String> {
    match statement {
        Stmt::Item(syn::Item::Macro(definition)) if makes_items(&definition.mac) => {
            Some(definition.ident.as_ref()?.to_string())
        }
        _ => None,
    }
}

/// Takes the bytes `code` of a cell apart.
///
/// # Errors
/// What syn says, with its place; the compiler says it better, so callers let it. Also
/// when the text nests too deeply for a parser.
pub fn parse(source: &Arc<CellSource>, code: Range<usize>, macros: &MacroReading) -> Result<Cell, syn::Error> {
    // Spans are kept for every text ever parsed on a thread unless they are let go: names
    // and types are parsed on this one, and the other one ends.
    proc_macro2::extra::invalidate_current_thread_spans();
    depth::with_room(&source.text[code.clone()], || parse_here(source, code, macros))
        .unwrap_or_else(|| Err(syn::Error::new(Span::call_site(), "it nests too deeply")))
}

fn parse_here(source: &Arc<CellSource>, code: Range<usize>, macros: &MacroReading) -> Result<Cell, syn::Error> {
    let start = code.start;
    let at = |span: Span| {
        let range = span.byte_range();
        range.start + start..range.end + start
    };
    let text = &source.text[code.clone()];
    let parser = |input: ParseStream| Ok((Attribute::parse_inner(input)?, Block::parse_within(input)?));
    let (attributes, statements) = parser.parse_str(text)?;

    let mut cell = Cell {
        source: source.clone(),
        code,
        inner_attributes: attributes.iter().map(|attribute| at(attribute.span())).collect(),
        items: Vec::new(),
        macro_calls: Vec::new(),
        tail: None,
        bindings: Vec::new(),
        mentions: Names::new(),
        assigned: Names::new(),
        awaits: false,
        has_statements: false,
    };
    let last = statements.len().wrapping_sub(1);
    let own_item_macros: Names = statements.iter().filter_map(own_item_macro).collect();
    for (index, statement) in statements.iter().enumerate() {
        if let Stmt::Item(item) = statement {
            let site = ItemSite { source, range: at(item.span()), offset: start };
            cell.items.push(Item::new(item, site));
            continue;
        }
        if let Some((call, whole)) = macro_call(statement) {
            let range = at(whole);
            let path = path_text(&call.path);
            let stands_for_items =
                is_static_macro(&path) || macros.makes_items(&path, &own_item_macros) || begins_like_item(&call.tokens);
            if stands_for_items != macros.flipped.contains(&range.start) {
                let site = ItemSite { source, range, offset: start };
                cell.items.push(Item::from_macro_call(call, site));
                continue;
            }
            cell.macro_calls.push(range.start);
        }
        cell.has_statements = true;
        cell.mentions.append(&mut names::mentioned(quote::ToTokens::to_token_stream(statement)));
        let mut assigned = FindAssigned(Names::new());
        assigned.visit_stmt(statement);
        cell.assigned.append(&mut assigned.0);
        let mut awaits = FindAwait(false);
        awaits.visit_stmt(statement);
        cell.awaits |= awaits.0;
        match statement {
            Stmt::Local(local) => cell.bindings.extend(bindings_of(local)),
            Stmt::Macro(call) if call.semi_token.is_none() && index == last => cell.tail = Some(at(call.span())),
            Stmt::Expr(expression, None) if index == last => cell.tail = Some(at(expression.span())),
            _ => {}
        }
    }
    // A name bound twice is kept once, as it was bound last.
    let mut seen = Names::new();
    cell.bindings.reverse();
    cell.bindings.retain(|binding| seen.insert(binding.name.clone()));
    cell.bindings.reverse();
    Ok(cell)
}

/// The statement as a macro call, with the bytes that go with it.
fn macro_call(statement: &Stmt) -> Option<(&syn::Macro, Span)> {
    match statement {
        Stmt::Macro(call) => Some((&call.mac, call.span())),
        Stmt::Expr(Expr::Macro(call), _) => Some((&call.mac, statement.span())),
        _ => None,
    }
}

fn path_text(path: &syn::Path) -> String {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>().join("::")
}

pub(super) fn bindings_of(local: &Local) -> Vec<LetBinding> {
    struct Bindings(Vec<LetBinding>);
    impl<'a> Visit<'a> for Bindings {
        fn visit_pat_ident(&mut self, pat: &'a syn::PatIdent) {
            let name = pat.ident.to_string();
            let name = name.strip_prefix("r#").unwrap_or(&name);
            // `None` and `MAX` in a pattern are constants, not new names.
            if !name.starts_with(char::is_uppercase) || pat.mutability.is_some() {
                self.0.push(LetBinding { name: name.to_owned(), mutable: pat.mutability.is_some(), closure: None });
            }
            syn::visit::visit_pat_ident(self, pat);
        }
        fn visit_expr(&mut self, _: &'a Expr) {}
        fn visit_type(&mut self, _: &'a syn::Type) {}
    }
    let mut bindings = Bindings(Vec::new());
    bindings.visit_pat(&local.pat);
    let simple = matches!(&local.pat, Pat::Ident(_));
    let closure = local.init.as_ref().filter(|_| simple).and_then(|init| closure_arguments(&init.expr));
    for binding in &mut bindings.0 {
        binding.closure = closure;
    }
    bindings.0
}

/// How many arguments the closure takes that an expression ends in.
fn closure_arguments(expression: &Expr) -> Option<usize> {
    match expression {
        Expr::Closure(closure) => Some(closure.inputs.len()),
        Expr::Paren(inner) => closure_arguments(&inner.expr),
        Expr::Block(block) => match block.block.stmts.last()? {
            Stmt::Expr(last, None) => closure_arguments(last),
            _ => None,
        },
        _ => None,
    }
}

/// Finds the names on the left of `=`.
pub(super) struct FindAssigned(pub(super) Names);

impl<'a> Visit<'a> for FindAssigned {
    fn visit_expr_assign(&mut self, assign: &'a syn::ExprAssign) {
        self.0.append(&mut names::mentioned(quote::ToTokens::to_token_stream(&assign.left)));
        syn::visit::visit_expr_assign(self, assign);
    }
}

/// Finds `.await` that belongs to the cell itself. In a macro's tokens any counts.
pub(super) struct FindAwait(pub(super) bool);

impl<'a> Visit<'a> for FindAwait {
    fn visit_expr_await(&mut self, _: &'a syn::ExprAwait) {
        self.0 = true;
    }
    fn visit_expr_closure(&mut self, _: &'a syn::ExprClosure) {}
    fn visit_expr_async(&mut self, _: &'a syn::ExprAsync) {}
    fn visit_item(&mut self, _: &'a syn::Item) {}
    fn visit_macro(&mut self, call: &'a syn::Macro) {
        let awaiting = ["join", "try_join", "select"];
        let name = call.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
        self.0 |= awaiting.contains(&name.as_str()) || has_await(call.tokens.clone());
    }
}

fn has_await(tokens: TokenStream) -> bool {
    // `async { … .await }` inside a macro is its own business.
    let mut after_async = false;
    for token in tokens {
        match token {
            proc_macro2::TokenTree::Ident(ident) if ident == "await" => return true,
            proc_macro2::TokenTree::Ident(ident) => after_async |= ident == "async",
            proc_macro2::TokenTree::Group(group) => {
                if !after_async && has_await(group.stream()) {
                    return true;
                }
                after_async = false;
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str) -> Cell {
        let source = CellSource::new(1, text);
        parse(&source, 0..text.len(), &MacroReading { item_macros: &|name| name == "items", flipped: &[] })
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn names(cell: &Cell) -> Vec<&str> {
        cell.bindings.iter().map(|binding| binding.name.as_str()).collect()
    }

    #[test]
    fn items_statements_and_the_last_expression_are_told_apart() {
        let text = "// first\nfn f() {}\nlet x = f();\n/// doc\nstruct S;\nx";
        let cell = cell(text);
        assert_eq!(cell.items.len(), 2);
        assert_eq!(&text[cell.items[1].range.clone()], "/// doc\nstruct S;");
        assert_eq!(cell.tail.map(|tail| &text[tail]), Some("x"));
    }

    #[test]
    fn patterns_bind_their_names() {
        assert_eq!(names(&cell("let (a, mut b) = (1, 2); let S { c, d: [e, ..], .. } = s;")), ["a", "b", "c", "e"]);
        assert_eq!(names(&cell("let Some(x) = y else { return; };")), ["x"]);
        assert_eq!(names(&cell("let 名前 = 1; let ä = 2;")), ["名前", "ä"]);
        assert_eq!(names(&cell("let None = y else { panic!() };")), [""; 0]);
        assert_eq!(names(&cell("let a = 1; let b = 2; let a = 3;")), ["b", "a"]);
        assert_eq!(cell("let add = |a: i32| a;").bindings[0].closure, Some(1));
        assert_eq!(cell("let add = { let n = m.clone(); move |a, b| n };").bindings[0].closure, Some(2));
    }

    #[test]
    fn a_semicolon_silences_the_last_expression() {
        assert_eq!(cell("1 + 1").tail, Some(0..5));
        assert_eq!(cell("1 + 1;").tail, None);
        assert_eq!(cell("vec![1]").tail, Some(0..7));
        assert_eq!(cell("if true { 1 } else { 2 }").tail, Some(0..24));
    }

    #[test]
    fn await_counts_only_at_the_top_level() {
        assert!(cell("f().await").awaits);
        assert!(cell("tokio::join!(a, b);").awaits);
        assert!(cell("println!(\"{}\", f().await);").awaits);
        assert!(!cell("async fn g() { f().await; }").awaits);
        assert!(!cell("spawn(async { f().await });").awaits);
    }

    #[test]
    fn macro_calls_are_items_or_statements() {
        let mixed = cell("items!(A);\nthread_local! { static X: u8 = 1; }\nprintln!();");
        assert_eq!(mixed.items.len(), 2);
        assert!(mixed.items[0].always && !mixed.items[1].always);
        assert_eq!(mixed.macro_calls.len(), 1);
        assert!(mixed.has_statements);
    }

    #[test]
    fn a_text_that_nests_without_end_is_an_error() {
        for text in ["(".repeat(100_000), "a = ".repeat(100_000), format!("1{}", " + 1".repeat(100_000))] {
            let source = CellSource::new(1, text.as_str());
            let reading = MacroReading { item_macros: &|_| false, flipped: &[] };
            assert!(parse(&source, 0..text.len(), &reading).is_err(), "{}", &text[..9]);
        }
        assert!(cell(&format!("let a = 1{};", " + 1".repeat(5_000))).has_statements);
    }

    #[test]
    fn only_comments_is_an_empty_cell() {
        let cell = cell("// nothing\n/* at all */");
        assert!(!cell.has_statements && cell.items.is_empty());
    }
}
