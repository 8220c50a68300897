//! A cell cut into tokens, however unfinished it is.
//!
//! rustc's own lexer does the cutting. This module adds what a cell has beside Rust,
//! lines that are magics, and joins operators (`::`, `=>`).

use ra_ap_rustc_lexer::{DocStyle, FrontmatterAllowed, LiteralKind, TokenKind};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Ident,
    Lifetime,
    Number,
    Char {
        terminated: bool,
    },
    String {
        terminated: bool,
        raw: bool,
    },
    Comment {
        terminated: bool,
        doc: bool,
    },
    Open,
    Close,
    Punct,
    /// A line for the kernel: `%who`, `!ls`, `:dep rand`.
    Magic,
    /// Nothing that Rust knows.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    pub kind: Kind,
    pub start: usize,
    pub text: &'a str,
}

impl Token<'_> {
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    pub fn is(&self, text: &str) -> bool {
        self.text == text && !matches!(self.kind, Kind::String { .. } | Kind::Comment { .. } | Kind::Magic)
    }
}

/// The name and the number of marks in `name?`, `name??`, `?name`, `%magic?`, when the line
/// is nothing else.
pub fn question(line: &str) -> Option<(&str, usize)> {
    let before = line.trim_start_matches('?');
    let name = before.trim_end_matches('?').trim();
    let marks = (line.len() - before.len()) + (before.len() - before.trim_end_matches('?').len());
    let is_one_name = !name.is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '.' | '!' | '%' | '#'))
        && name.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '%' | ':'))
        && name.trim_start_matches(['%', ':']).starts_with(|c: char| c.is_alphabetic() || c == '_');
    ((1..=2).contains(&marks) && is_one_name).then_some((name, marks))
}

/// All tokens, comments included, white space left out.
pub fn tokenize(code: &str) -> Vec<Token<'_>> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut at = 0;
    let mut depth = 0_usize;
    let mut new_line = true;
    'lines: while at < code.len() {
        for token in ra_ap_rustc_lexer::tokenize(&code[at..], FrontmatterAllowed::No) {
            let start = at;
            let text = &code[start..start + token.len as usize];
            if new_line
                && depth == 0
                && !matches!(token.kind, TokenKind::Whitespace)
                && is_magic(&code[start..], &tokens)
            {
                let end = code[start..].find('\n').map_or(code.len(), |length| start + length);
                tokens.push(Token { kind: Kind::Magic, start, text: &code[start..end] });
                at = end;
                continue 'lines;
            }
            at += text.len();
            let Some(kind) = kind(token.kind) else {
                new_line |= text.contains('\n');
                continue;
            };
            new_line = false;
            match kind {
                Kind::Open => depth += 1,
                Kind::Close => depth = depth.saturating_sub(1),
                _ => {}
            }
            add(&mut tokens, Token { kind, start, text });
        }
    }
    tokens
}

/// The tokens without comments.
pub fn without_comments(code: &str) -> Vec<Token<'_>> {
    let mut tokens = tokenize(code);
    tokens.retain(|token| !matches!(token.kind, Kind::Comment { .. }));
    tokens
}

fn kind(kind: TokenKind) -> Option<Kind> {
    use TokenKind::*;
    Some(match kind {
        Whitespace => return None,
        LineComment { doc_style } => Kind::Comment { terminated: true, doc: doc_style == Some(DocStyle::Outer) },
        BlockComment { doc_style, terminated } => Kind::Comment { terminated, doc: doc_style == Some(DocStyle::Outer) },
        Ident | RawIdent => Kind::Ident,
        Lifetime { .. } | RawLifetime | UnknownPrefixLifetime => Kind::Lifetime,
        Literal { kind, .. } => match kind {
            LiteralKind::Int { .. } | LiteralKind::Float { .. } => Kind::Number,
            LiteralKind::Char { terminated } | LiteralKind::Byte { terminated } => Kind::Char { terminated },
            LiteralKind::Str { terminated }
            | LiteralKind::ByteStr { terminated }
            | LiteralKind::CStr { terminated } => Kind::String { terminated, raw: false },
            LiteralKind::RawStr { n_hashes }
            | LiteralKind::RawByteStr { n_hashes }
            | LiteralKind::RawCStr { n_hashes } => Kind::String { terminated: n_hashes.is_some(), raw: true },
        },
        OpenParen | OpenBrace | OpenBracket => Kind::Open,
        CloseParen | CloseBrace | CloseBracket => Kind::Close,
        Semi | Comma | Dot | At | Pound | Tilde | Question | Colon | Dollar | Eq | Bang | Lt | Gt | Minus | And
        | Or | Plus | Star | Slash | Caret | Percent => Kind::Punct,
        _ => Kind::Unknown,
    })
}

fn add<'a>(tokens: &mut Vec<Token<'a>>, token: Token<'a>) {
    /// `<<` and `>>` stay apart: they are brackets of generics more often.
    const JOINED: &[&str] = &[
        "::", "->", "=>", "==", "!=", "<=", ">=", "&&", "||", "..", "..=", "...", "+=", "-=", "*=", "/=", "%=", "^=",
        "&=", "|=",
    ];
    if let Some(last) = tokens.last_mut()
        && last.kind == Kind::Punct
        && token.kind == Kind::Punct
        && last.end() == token.start
        // `*(a)` never follows from slices of different texts: both lie in one code.
        && let joined = [last.text, token.text].concat()
        && let Some(joined) = JOINED.iter().find(|known| **known == joined)
    {
        last.text = joined;
        return;
    }
    tokens.push(token);
}

/// Whether a line that begins with `rest`, outside of all delimiters, is for the kernel
/// and not Rust.
fn is_magic(rest: &str, before: &[Token]) -> bool {
    let line = rest.lines().next().unwrap_or_default();
    let mut characters = line.chars();
    let sigil = characters.next();
    let next = characters.next();
    let names = |character: Option<char>| character.is_none_or(|c| c.is_alphabetic() || c == '_');
    let looks_like = match sigil {
        Some('%') => names(next) || next == Some('%') && names(characters.next()),
        Some('!') => next != Some('='),
        Some(':') => names(next),
        Some('?') => next.is_some_and(|c| c.is_alphabetic() || c == '?'),
        _ => false,
    };
    if !looks_like {
        return false;
    }
    // Inside an unfinished statement these are operators.
    let Some(last) = before.iter().rev().find(|token| !matches!(token.kind, Kind::Comment { .. })) else { return true };
    match last.kind {
        Kind::Magic => true,
        Kind::Punct => matches!(last.text, ";" | "?"),
        Kind::Ident => !matches!(last.text, "return" | "break" | "in" | "if" | "while" | "match" | "else" | "as"),
        Kind::Unknown => false,
        _ => true,
    }
}

/// The index of the token that closes the delimiter at `open`, or the number of tokens.
pub fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return index;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// The index of the delimiter that the token at `close` closes, if there is one.
pub fn opening(tokens: &[Token], close: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().take(close + 1).rev() {
        match token.kind {
            Kind::Close => depth += 1,
            Kind::Open => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(index);
                }
            }
            _ => {}
        }
    }
    None
}

/// What closes an opening delimiter.
pub fn counterpart(open: &str) -> &'static str {
    match open {
        "(" => ")",
        "[" => "]",
        _ => "}",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(code: &str) -> Vec<&str> {
        tokenize(code).iter().map(|token| token.text).collect()
    }

    #[test]
    fn tokens_carry_their_places() {
        for code in ["let ä = a::b(1.0, \"x\")?;\n// end", "%who\nfn f<T>() -> T {}", "'a' 'b r#\"x\"# /* "] {
            for token in tokenize(code) {
                assert_eq!(&code[token.start..token.end()], token.text);
            }
        }
    }

    #[test]
    fn operators_are_joined_when_they_touch() {
        assert_eq!(texts("a::b => c..=d"), ["a", "::", "b", "=>", "c", "..=", "d"]);
        assert_eq!(texts("Vec<Vec<u8>>"), ["Vec", "<", "Vec", "<", "u8", ">", ">"]);
        assert_eq!(texts("a: : b"), ["a", ":", ":", "b"]);
    }

    #[test]
    fn magics_are_lines() {
        let kinds = |code| tokenize(code).iter().map(|token| token.kind == Kind::Magic).collect::<Vec<_>>();
        assert_eq!(kinds("%who"), [true]);
        assert_eq!(kinds(":dep rand = \"0.9\""), [true]);
        assert_eq!(kinds("!echo it's"), [true]);
        assert_eq!(kinds("let x = 1;\n!ls | wc\nx"), [false, false, false, false, false, true, false]);
        assert_eq!(texts("x\n%time f()\n"), ["x", "%time f()"]);
    }

    #[test]
    fn operators_of_unfinished_statements_are_no_magics() {
        for code in ["let x = a\n    % b;", "let y =\n    !a;", "f(\n!a)", "if a\n    != b {}", "x =\n::std::f()"] {
            assert!(tokenize(code).iter().all(|token| token.kind != Kind::Magic), "{code}");
        }
    }

    #[test]
    fn delimiters_find_each_other() {
        let tokens = tokenize("f(a[1], {b})");
        assert_eq!(closing(&tokens, 1), tokens.len() - 1);
        assert_eq!(opening(&tokens, tokens.len() - 1), Some(1));
        assert_eq!(closing(&tokenize("f(a"), 1), 3);
        assert_eq!(opening(&tokenize("a)"), 1), None);
    }
}
