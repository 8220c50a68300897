//! A body that is to be measured, as text: what it mentions, and what work it promises
//! ([`promise`]).

pub mod promise;

use std::ops::Range;
use std::sync::Arc;

use proc_macro2::Span;
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{Attribute, Block, Expr, Stmt};

use self::promise::Promises;
use super::names::{self, Names};
use super::parse::{Cell, FindAssigned, FindAwait, bindings_of};
use super::source::CellSource;
use crate::language::depth;

/// A body with its setup, taken apart.
#[derive(Debug, Clone)]
pub struct Measured {
    /// All that is mentioned, and nothing that is to be kept.
    pub cell: Cell,
    /// The body is complete only with a semicolon behind it.
    pub body_needs_semicolon: bool,
    /// Variables that the setup makes.
    pub setup_variables: Vec<String>,
    pub promises: Promises,
    /// Bytes of the cell that are loops of the body itself.
    pub loops: Vec<Range<usize>>,
}

/// Takes a body and its setup apart: bytes of a cell.
///
/// # Errors
/// The range that does not parse.
pub fn parse(
    source: &Arc<CellSource>,
    setup: Option<Range<usize>>,
    body: Range<usize>,
) -> Result<Measured, Range<usize>> {
    let (before, whole) = (setup.clone().unwrap_or(body.start..body.start), body.clone());
    let both = format!("{}\n{}", &source.text[before], &source.text[whole]);
    depth::with_room(&both, || parse_here(source, setup, body.clone())).unwrap_or(Err(body))
}

struct Parsed {
    attributes: Vec<Range<usize>>,
    statements: Vec<Stmt>,
    needs_semicolon: bool,
}

fn statements(source: &CellSource, code: Range<usize>) -> Option<Parsed> {
    let parser = |input: ParseStream| Ok((Attribute::parse_inner(input)?, Block::parse_within(input)?));
    let text = &source.text[code.clone()];
    // `%timeit let x = f()` is a statement too, whatever its end.
    let parsed = parser.parse_str(text).map(|parsed| (parsed, false));
    let parsed = parsed.or_else(|_| parser.parse_str(&format!("{text}\n;")).map(|parsed| (parsed, true)));
    let ((attributes, statements), needs_semicolon) = parsed.ok()?;
    let at = |span: Span| span.byte_range().start + code.start..span.byte_range().end + code.start;
    let attributes = attributes.iter().map(|attribute| at(attribute.span())).collect();
    Some(Parsed { attributes, statements, needs_semicolon })
}

fn parse_here(
    source: &Arc<CellSource>,
    setup: Option<Range<usize>>,
    body: Range<usize>,
) -> Result<Measured, Range<usize>> {
    let before = match setup.clone() {
        Some(setup) => Some(statements(source, setup.clone()).ok_or(setup)?),
        None => None,
    };
    let parsed = statements(source, body.clone()).ok_or(body.clone())?;
    let setup_statements = before.as_ref().map_or(&[][..], |before| &before.statements);
    let all = || setup_statements.iter().chain(&parsed.statements);

    let (mut assigned, mut awaits, mut mentions) = (FindAssigned(Names::new()), FindAwait(false), Names::new());
    for statement in all() {
        assigned.visit_stmt(statement);
        awaits.visit_stmt(statement);
        mentions.append(&mut names::mentioned(statement.to_token_stream()));
    }
    let setup_variables = setup_statements.iter().flat_map(|statement| match statement {
        Stmt::Local(local) => bindings_of(local),
        _ => Vec::new(),
    });
    let setup_variables: Vec<String> = setup_variables.map(|binding| binding.name).collect();
    let promises = promise::of(setup_statements, &parsed.statements, &assigned.0);
    let mut loops = FindLoops(Vec::new());
    parsed.statements.iter().for_each(|statement| loops.visit_stmt(statement));
    let loops = loops.0.into_iter().map(|range| range.start + body.start..range.end + body.start).collect();

    let cell = Cell {
        source: source.clone(),
        code: body,
        inner_attributes: before.into_iter().flat_map(|before| before.attributes).chain(parsed.attributes).collect(),
        items: Vec::new(),
        macro_calls: Vec::new(),
        tail: None,
        bindings: Vec::new(),
        mentions,
        assigned: assigned.0,
        awaits: awaits.0,
        has_statements: true,
    };
    Ok(Measured { cell, body_needs_semicolon: parsed.needs_semicolon, setup_variables, promises, loops })
}

struct FindLoops(Vec<Range<usize>>);

impl<'a> Visit<'a> for FindLoops {
    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::ForLoop(_) | Expr::While(_) | Expr::Loop(_) => self.0.push(expression.span().byte_range()),
            _ => syn::visit::visit_expr(self, expression),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(setup: &str, body: &str) -> Measured {
        let text = format!("{setup}\n{body}");
        let source = CellSource::new(1, text);
        let setup_range = (!setup.is_empty()).then_some(0..setup.len());
        parse(&source, setup_range, setup.len() + 1..source.text.len())
            .unwrap_or_else(|range| panic!("{:?} does not parse", &source.text[range]))
    }

    #[test]
    fn setup_and_body_are_one_cell() {
        let both = measured("let mut v = w.clone(); let (a, b) = (1, f().await)", "v.sort(); x = a");
        assert_eq!(both.setup_variables, ["v", "a", "b"]);
        assert!(both.cell.awaits && both.cell.mentions.contains("w") && both.cell.mentions.contains("sort"));
        assert!(both.cell.assigned.contains("x") && both.cell.bindings.is_empty() && !both.body_needs_semicolon);
        assert!(measured("", "let x = f()").body_needs_semicolon);
    }

    #[test]
    fn loops_of_the_body_itself_are_found() {
        let found = measured("x", "y; if z { loop {} }").loops;
        assert_eq!((found.len(), found[0].clone()), (1, 12..19));
        assert!(measured("for i in 0..3 {}", "y").loops.is_empty());
    }

    #[test]
    fn what_does_not_parse_is_told() {
        let source = CellSource::new(1, "let = 1\nx +");
        assert_eq!(parse(&source, Some(0..7), 8..11).err(), Some(0..7));
        assert_eq!(parse(&source, None, 8..11).err(), Some(8..11));
    }
}
