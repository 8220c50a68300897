//! Whether a cell is complete, for front ends that run it at Enter.

use proc_macro2::{LineColumn, Span};
use syn::spanned::Spanned;

use super::tokens::{self, Kind, Token};
use super::{on_own_thread, too_deep};
use crate::interpreter::Completeness;

const INDENT: &str = "    ";

/// Whether the code can run, wants more lines, or cannot be mended by any.
pub fn completeness(code: &str) -> Completeness {
    if code.trim().is_empty() {
        return Completeness::Complete;
    }
    if code.lines().all(|line| line.trim().is_empty() || tokens::question(line.trim()).is_some()) {
        return Completeness::Complete;
    }
    if code.trim_start().starts_with("%%") {
        return cell_magic(code);
    }
    let tokens = tokens::tokenize(code);
    by_tokens(code, &tokens).unwrap_or_else(|| {
        if too_deep(&tokens) {
            return Completeness::Complete;
        }
        on_own_thread(|| Some(by_syntax(code, &tokens))).unwrap_or(Completeness::Complete)
    })
}

/// A cell magic takes every line up to an empty one.
fn cell_magic(code: &str) -> Completeness {
    let last_line = code.rsplit('\n').next().unwrap_or(code);
    if last_line.trim().is_empty() {
        Completeness::Complete
    } else {
        Completeness::Incomplete { indent: indent_of(code, code.len()).to_owned() }
    }
}

/// What the tokens alone decide: open strings and comments, delimiters, no code at all.
fn by_tokens(code: &str, tokens: &[Token]) -> Option<Completeness> {
    if let Some(last) = tokens.last() {
        match last.kind {
            Kind::String { terminated: false, .. } => return Some(Completeness::Incomplete { indent: String::new() }),
            Kind::Comment { terminated: false, .. } => {
                return Some(Completeness::Incomplete { indent: indent_of(code, code.len()).to_owned() });
            }
            Kind::Magic if last.text.ends_with('\\') => {
                return Some(Completeness::Incomplete { indent: indent_of(code, code.len()).to_owned() });
            }
            _ => {}
        }
    }
    if tokens.iter().any(|token| matches!(token.kind, Kind::Unknown | Kind::Char { terminated: false })) {
        return Some(Completeness::Invalid);
    }
    let mut open: Vec<&Token> = Vec::new();
    for token in tokens {
        match token.kind {
            Kind::Open => open.push(token),
            Kind::Close => match open.pop() {
                Some(opened) if tokens::counterpart(opened.text) == token.text => {}
                _ => return Some(Completeness::Invalid),
            },
            _ => {}
        }
    }
    let nothing = |token: &Token| matches!(token.kind, Kind::Magic | Kind::Comment { doc: false, .. });
    tokens.iter().all(nothing).then_some(Completeness::Complete)
}

/// Parses the code with every delimiter closed: an error behind its end means that more
/// is wanted.
fn by_syntax(code: &str, tokens: &[Token]) -> Completeness {
    let mut open: Vec<&Token> = Vec::new();
    for token in tokens {
        match token.kind {
            Kind::Open => open.push(token),
            Kind::Close => drop(open.pop()),
            _ => {}
        }
    }
    let mut text = String::from("{\n");
    text.push_str(&without_magics(code, tokens));
    text.push('\n');
    // An error at a line behind this one is an error at the end.
    let last_line = text.matches('\n').count();
    text.extend(open.iter().rev().map(|opened| tokens::counterpart(opened.text)));
    text.push('}');

    let incomplete = || Completeness::Incomplete { indent: indent(code, tokens, &open) };
    match syn::parse_str::<syn::ExprBlock>(&text) {
        Ok(block) if open.is_empty() => match unfinished(&block) {
            true => incomplete(),
            false => Completeness::Complete,
        },
        Ok(_) => incomplete(),
        Err(error) => {
            let at_end = |span: Span| {
                let LineColumn { line, .. } = span.start();
                line > last_line
            };
            // syn blames the word itself for what is missing behind it.
            let begins_more = tokens.last().is_some_and(|last| {
                matches!(last.text, "async" | "const" | "extern" | "move" | "pub" | "static" | "unsafe")
            });
            if at_end(error.span()) || begins_more { incomplete() } else { Completeness::Invalid }
        }
    }
}

/// The code with its magics blanked out, every other byte in its place.
fn without_magics(code: &str, tokens: &[Token]) -> String {
    let mut text = code.to_owned();
    for magic in tokens.iter().filter(|token| token.kind == Kind::Magic) {
        text.replace_range(magic.start..magic.end(), &" ".repeat(magic.text.len()));
    }
    text
}

/// What syn takes for a whole that Rust does not.
fn unfinished(block: &syn::ExprBlock) -> bool {
    match block.block.stmts.last() {
        // A function without body, which only a trait may have.
        Some(syn::Stmt::Item(syn::Item::Verbatim(tokens))) => {
            let text = tokens.to_string();
            text.contains("fn ") && !text.ends_with('}') && !text.ends_with(';')
        }
        Some(syn::Stmt::Expr(expression, None)) => {
            // `a.` and `f::` at the end come back as tokens that syn did not understand.
            matches!(expression, syn::Expr::Verbatim(tokens) if tokens.span().byte_range().is_empty())
        }
        _ => false,
    }
}

/// The white space at the start of the line in which the byte `at` lies.
fn indent_of(code: &str, at: usize) -> &str {
    let line_start = code[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = &code[line_start..];
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// The indent of the line that goes on: one step inside the innermost open delimiter,
/// one more within an unfinished statement.
fn indent(code: &str, tokens: &[Token], open: &[&Token]) -> String {
    let mut indent = open.last().map_or(String::new(), |opened| format!("{}{INDENT}", indent_of(code, opened.start)));
    let Some(last) = tokens.iter().rev().find(|token| !matches!(token.kind, Kind::Comment { .. })) else {
        return indent;
    };
    let ends_statement = matches!(last.kind, Kind::Close | Kind::Open | Kind::Magic) || matches!(last.text, ";" | ",");
    // Behind these a brace or an item follows, which stands where the line began.
    let first = tokens.iter().find(|token| code[..token.start].rfind('\n') == code[..last.start].rfind('\n'));
    let before_brace = matches!(last.text, "else" | "loop" | "unsafe")
        || first.is_some_and(|first| {
            matches!(
                first.text,
                "fn" | "pub"
                    | "struct"
                    | "enum"
                    | "impl"
                    | "trait"
                    | "mod"
                    | "if"
                    | "while"
                    | "for"
                    | "match"
                    | "unsafe"
                    | "async"
            )
        });
    if !ends_statement && !before_brace {
        // A statement that has gone on for a line has its step already.
        let here = indent_of(code, last.start);
        indent = if here.len() > indent.len() { here.to_owned() } else { indent + INDENT };
    }
    indent
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incomplete(code: &str) -> Option<String> {
        match completeness(code) {
            Completeness::Incomplete { indent } => Some(indent),
            _ => None,
        }
    }

    #[test]
    fn complete_cells() {
        for code in [
            "",
            "  \n",
            "// only a comment",
            "/* a */\n// b",
            "1 + 1",
            "let x = 1;",
            "println!(\"hi\")",
            "fn f() {}",
            "fn f() {\n    1\n}\n",
            "struct P;",
            "struct P { x: u8 }",
            "use std::sync::{Arc, Mutex};",
            "x",
            "x?",
            "f().await",
            "if a { 1 } else { 2 }",
            "for i in 0..3 { f(i); }",
            "#[derive(Debug)]\nstruct P;",
            "vec![1, 2]",
            "return",
            "1..",
            "macro_rules! m { () => {} }",
            "let s = \"a\nb\";",
            "let c = '\\'';",
            "let f = |x: u8| x + 1;",
            "'a: loop { break 'a; }",
            "#![allow(unused)]\nlet x = 1;",
            "async { 1 }.await",
            "let Some(x) = y else { return };",
            "impl P { fn f(&self) {} }",
            "let r = r#\"a \"quoted\" b\"#;",
            "mod m { pub fn f() {} }",
            "unsafe { f() }",
            "x = 3",
            "static N: u8 = 1;",
            "P { x: 1 }",
        ] {
            assert_eq!(completeness(code), Completeness::Complete, "{code}");
        }
    }

    #[test]
    fn magics_are_complete() {
        for code in [
            "%who",
            "%time f(",
            "!echo it's",
            ":dep rand = \"0.9\"",
            "let x = 1;\n%who",
            ":dep rand\nlet y = 2;",
            "%%time\nf();\n",
            "?Vec",
            "match?",
            "println!?",
            "std::thread::spawn??",
            "%%time?",
        ] {
            assert_eq!(completeness(code), Completeness::Complete, "{code}");
        }
    }

    #[test]
    fn incomplete_cells() {
        for code in [
            "fn f() {",
            "let x =",
            "let x = 1",
            "let x",
            "f(1,",
            "vec![",
            "\"open",
            "r#\"open",
            "/* open",
            "x +",
            "x.",
            "x.f().",
            "#[derive(Debug)]",
            "/// what it does",
            "if a {} else",
            "fn f()",
            "fn f() -> u8",
            "struct P",
            "impl P",
            "use std::",
            "match x",
            "match x {",
            "let f = |x|",
            "a = ",
            "&",
            "pub",
            "for i in",
            "while x",
            "if x",
            "println!",
            "impl A for",
            "static N: u8",
            "let x: Vec<",
            "enum E {\n    A,",
            "trait T {",
            "%%time",
            "%%time\nf();",
            "!echo a \\",
            "unsafe",
            "else_if &&",
            "x as",
            "loop",
            "let Some(x) = y else",
            "const A: u8 =",
            "fn f() {\n    let s = \"}",
            "type A =",
            "f(if x",
            "async",
            "return f(",
        ] {
            assert!(incomplete(code).is_some(), "{code}: {:?}", completeness(code));
        }
    }

    #[test]
    fn invalid_cells() {
        for code in [
            "fn f( {]",
            "}",
            "(]",
            "let = 5;",
            "1 2",
            "let 5 x = 1;",
            "fn (",
            "a b c",
            "€",
            "let x = ;",
            "struct { x }",
            "if { } else = 3",
            "fn f() { let = 1; ",
        ] {
            assert_eq!(completeness(code), Completeness::Invalid, "{code}");
        }
    }

    #[test]
    fn the_next_line_is_indented() {
        assert_eq!(incomplete("fn f() {").as_deref(), Some("    "));
        assert_eq!(incomplete("fn f() {\n    if a {").as_deref(), Some("        "));
        assert_eq!(incomplete("fn f() {\n    if a {\n        b();\n    }").as_deref(), Some("    "));
        assert_eq!(incomplete("f(\n    a,").as_deref(), Some("    "));
        assert_eq!(incomplete("let x =").as_deref(), Some("    "));
        assert_eq!(incomplete("fn f() {\n    let x =").as_deref(), Some("        "));
        assert_eq!(incomplete("let x = a\n    .b().").as_deref(), Some("    "));
        assert_eq!(incomplete("#[derive(Debug)]").as_deref(), Some(""));
        assert_eq!(incomplete("fn f()").as_deref(), Some(""));
        assert_eq!(incomplete("fn f() { // note").as_deref(), Some("    "));
        assert_eq!(incomplete("let s = \"a").as_deref(), Some(""));
        assert_eq!(incomplete("%%time").as_deref(), Some(""));
    }

    #[test]
    fn deep_nesting_does_no_harm() {
        for part in ["(", "[", "{", "!", "&", "-", "|", "a.b(", "if a {", "Vec<"] {
            let _ = completeness(&part.repeat(20_000));
        }
        let closed = format!("{}{}", "(".repeat(5_000), ")".repeat(5_000));
        assert_eq!(completeness(&closed), Completeness::Complete);
    }
}
