//! The cell tagged `parameters`, read.

use std::ops::Range;

use proc_macro2::Span;
use syn::parse::Parser;
use syn::spanned::Spanned;
use syn::{Block, Expr, Item, Pat, Stmt, Type};

use super::Error;
use super::kind::Kind;
use crate::cell::magic::{self, Known, Step};
use crate::language::depth;
use crate::language::tokens::{self, Kind as TokenKind};

/// A variable that a notebook can be run with another value of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    pub name: String,
    /// As it is written, or else as the compiler takes it. `None` when that cannot be told.
    pub type_text: Option<String>,
    /// The value as it is written.
    pub default: String,
    /// The comment behind it, or the one above.
    pub help: String,
    /// `let`, `let mut`, `const`.
    pub keyword: &'static str,
    /// `None` when no other value can be written for the type.
    pub kind: Option<Kind>,
}

impl Parameter {
    /// As in a list: `workers: usize = 4`.
    pub fn definition(&self) -> String {
        match &self.type_text {
            Some(type_text) => format!("{}: {type_text} = {}", self.name, self.default),
            None => format!("{} = {}", self.name, self.default),
        }
    }
}

/// In the order in which they are defined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters(pub Vec<Parameter>);

impl Parameters {
    pub fn find(&self, name: &str) -> Option<&Parameter> {
        self.0.iter().find(|parameter| parameter.name == name)
    }
}

/// Of a cell that runs first, no name is known.
struct NothingKnown;

impl Known for NothingKnown {
    fn is_rust(&self, _: &str) -> bool {
        false
    }

    fn is_fallible(&self, _: &str) -> bool {
        false
    }
}

/// The parameters that a cell's source defines.
///
/// # Errors
/// When it is not Rust.
pub fn read(source: &str) -> Result<Parameters, Error> {
    let unreadable = |why: String| Error::UnreadableCell(why);
    let steps = magic::steps(source, 0..source.len(), &NothingKnown).map_err(unreadable)?;
    let mut found: Vec<Parameter> = Vec::new();
    for step in steps {
        let Step::Code(code) = step else { continue };
        let text = &source[code];
        let parsed = depth::with_room(text, || {
            let statements = Block::parse_within.parse_str(text).map_err(|error| error.to_string())?;
            Ok(statements.iter().filter_map(|statement| parameter(statement, text)).collect::<Vec<_>>())
        });
        let parsed = parsed.unwrap_or_else(|| Err("it nests too deeply".to_owned())).map_err(unreadable)?;
        // The last definition of a name counts.
        for parameter in parsed {
            found.retain(|earlier| earlier.name != parameter.name);
            found.push(parameter);
        }
    }
    Ok(Parameters(found))
}

fn parameter(statement: &Stmt, text: &str) -> Option<Parameter> {
    let (name, keyword, written, value) = match statement {
        Stmt::Local(local) => {
            let (pattern, written) = match &local.pat {
                Pat::Type(typed) => (&*typed.pat, Some(&*typed.ty)),
                pattern => (pattern, None),
            };
            let Pat::Ident(binding) = pattern else { return None };
            let init = local.init.as_ref().filter(|init| init.diverge.is_none())?;
            let keyword = if binding.mutability.is_some() { "let mut" } else { "let" };
            (&binding.ident, keyword, written.filter(|written| !matches!(written, Type::Infer(_))), &*init.expr)
        }
        Stmt::Item(Item::Const(constant)) => (&constant.ident, "const", Some(&*constant.ty), &*constant.expr),
        _ => return None,
    };
    let at = |span: Span| &text[span.byte_range()];
    let (kind, type_text) = match written {
        Some(written) => (Kind::of_type(written), Some(at(written.span()).to_owned())),
        None => {
            let kind = Kind::of_value(value);
            let type_text = kind.as_ref().map(Kind::to_string);
            (kind, type_text)
        }
    };
    let mut help = comment(text, statement.span().byte_range());
    if kind.is_none() && help.is_empty() {
        help = match written {
            Some(_) => "no value for this type can be given".to_owned(),
            None => "its type is not written, so it takes no other value".to_owned(),
        };
    }
    let default = at(value.span()).to_owned();
    Some(Parameter { name: name.to_string(), type_text, default: on_one_line(value, default), help, keyword, kind })
}

/// A value over several lines, for a list.
fn on_one_line(value: &Expr, text: String) -> String {
    match value {
        Expr::Lit(_) => text,
        _ => text.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

/// The comment behind a statement on its last line, or else the lines of comment right above.
fn comment(text: &str, statement: Range<usize>) -> String {
    let comments: Vec<_> = tokens::tokenize(text)
        .into_iter()
        .filter(|token| matches!(token.kind, TokenKind::Comment { .. }))
        .map(|token| (token.start..token.end(), token.text))
        .collect();
    let is_blank = |range: Range<usize>| text[range].trim().is_empty();
    let behind = comments.iter().find(|(range, _)| {
        range.start >= statement.end && text[statement.end..range.start].trim_matches([' ', '\t', ';']).is_empty()
    });
    if let Some((_, comment)) = behind {
        return without_signs(comment);
    }
    let mut above = Vec::new();
    let mut below = statement.start;
    for (range, comment) in comments.iter().rev().filter(|(range, _)| range.end <= statement.start) {
        let line_start = text[..range.start].rfind('\n').map_or(0, |newline| newline + 1);
        let is_next = is_blank(range.end..below) && text[range.end..below].matches('\n').count() == 1;
        if !is_next || !is_blank(line_start..range.start) {
            break;
        }
        above.push(without_signs(comment));
        below = range.start;
    }
    above.reverse();
    above.join(" ")
}

fn without_signs(comment: &str) -> String {
    let inner = comment.strip_prefix("/*").and_then(|rest| rest.strip_suffix("*/"));
    let inner = inner.unwrap_or_else(|| comment.trim_start_matches('/'));
    inner.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(source: &str) -> Vec<(String, String)> {
        let parameters = read(source).unwrap_or_else(|error| panic!("{source}: {error}"));
        parameters.0.iter().map(|parameter| (parameter.definition(), parameter.help.clone())).collect()
    }

    fn pairs<const N: usize>(expected: [(&str, &str); N]) -> Vec<(String, String)> {
        expected.map(|(definition, help)| (definition.to_owned(), help.to_owned())).to_vec()
    }

    #[test]
    fn definitions_are_found_with_types_and_comments() {
        let source = "%timing\n// How many threads\n// there are\nlet workers: usize = 4;\n\n// of nothing\n\n\
                      let mut scale = 1.5; /* stretches */\nconst N: u64 = 5_000_000; // steps // in all\n\
                      let sizes = vec![1,\n  2];\nlet (a, b) = (1, 2);\nprintln!();\nlet at: &'static str = \"a  // b\";";
        assert_eq!(
            told(source),
            pairs([
                ("workers: usize = 4", "How many threads there are"),
                ("scale: f64 = 1.5", "stretches"),
                ("N: u64 = 5_000_000", "steps // in all"),
                ("sizes: Vec<i32> = vec![1, 2]", ""),
                ("at: &'static str = \"a  // b\"", ""),
            ])
        );
        let keywords: Vec<&str> = read(source).expect("Rust").0.iter().map(|parameter| parameter.keyword).collect();
        assert_eq!(keywords, ["let", "let mut", "const", "let", "let"]);
    }

    #[test]
    fn a_name_defined_again_counts_once() {
        assert_eq!(told("let a = 1; let b = 2;\nlet a: u8 = 3;"), pairs([("b: i32 = 2", ""), ("a: u8 = 3", "")]));
    }

    #[test]
    fn what_takes_no_value_says_so() {
        let told = told("let pause: Duration = Duration::from_secs(1);\nlet x = f();");
        assert!(told[0].1.contains("no value for this type") && told[1].1.contains("not written"), "{told:?}");
    }

    #[test]
    fn a_cell_that_is_no_rust_is_refused() {
        let error = read("let a = ;").expect_err("no value").to_string();
        assert!(error.contains("cannot be read") && error.contains("let workers"), "{error}");
        read(&"(".repeat(200_000)).expect_err("too deep");
        assert_eq!(read("").expect("nothing"), Parameters(Vec::new()));
    }
}
