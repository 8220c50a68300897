//! What stands at the cursor.

use std::ops::Range;

use super::files;
use super::tokens::{self, Kind, Token};

/// What kind of name the cursor asks for. Ranges are bytes of the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Context {
    /// A comment, a string, a number, the name of something new.
    Nothing,
    /// A path of a file in a string.
    File,
    /// A magic or command at the start of a line; `%%` ones only in the first.
    Magic { first_line: bool },
    /// An option of a magic: `%timeit -`.
    Option { magic: String },
    /// After `receiver.`
    Member { receiver: Range<usize> },
    /// After `a::b::`. In a `use` the braces around are part of the path.
    Path { qualifier: String, in_use: bool },
    /// Inside `#[derive(…)]`.
    Derive,
    /// The name of an attribute.
    Attribute,
    /// A field's name inside `Point { … }`.
    Fields { path: String, given: Vec<String> },
    /// Any name.
    Name { in_use: bool },
}

/// The cursor's surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    pub context: Context,
    /// What has been typed of the name.
    pub typed: Range<usize>,
}

/// Reads what stands before the cursor, a byte offset on a character boundary.
pub fn at(code: &str, cursor: usize) -> At {
    let before = &code[..cursor];
    let all = tokens::tokenize(before);
    let nothing = At { context: Context::Nothing, typed: cursor..cursor };
    let touching = all.last().filter(|token| token.end() == cursor).copied();
    if let Some(token) = touching {
        match token.kind {
            Kind::Magic => return in_magic(before, token),
            Kind::String { terminated: false, .. } => return in_string(before, token),
            Kind::Comment { terminated: false, .. } | Kind::Char { .. } | Kind::Lifetime | Kind::Unknown => {
                return nothing;
            }
            Kind::Comment { .. } if token.text.starts_with("//") => return nothing,
            Kind::String { .. } => return nothing,
            _ => {}
        }
    }
    let mut tokens: Vec<Token> = all.into_iter().filter(|token| !matches!(token.kind, Kind::Comment { .. })).collect();
    let mut typed = cursor..cursor;
    match touching {
        Some(token) if token.kind == Kind::Ident => {
            typed = token.start..cursor;
            tokens.pop();
        }
        // `t.0.` and `1.` come as numbers that end with a dot.
        Some(token) if token.kind == Kind::Number => {
            let Some(number) = token.text.strip_suffix('.') else { return nothing };
            tokens.pop();
            tokens.push(Token { text: number, ..token });
            let dot = Token { kind: Kind::Punct, start: token.end() - 1, text: "." };
            tokens.push(dot);
        }
        _ => {}
    }
    At { context: around(before, &tokens), typed }
}

/// The context behind the given tokens.
fn around(code: &str, tokens: &[Token]) -> Context {
    let in_use = use_prefix(tokens);
    let Some(last) = tokens.last() else { return Context::Name { in_use: false } };
    match last.text {
        "." if last.kind == Kind::Punct => match expression_start(tokens, tokens.len() - 1) {
            Some(start) => Context::Member { receiver: tokens[start].start..tokens[tokens.len() - 2].end() },
            None => Context::Nothing,
        },
        "::" => {
            let start = path_start(tokens, tokens.len() - 1);
            let written = code[tokens.get(start).map_or(last.start, |first| first.start)..last.start].to_owned();
            let qualifier = match &in_use {
                Some(prefix) if !prefix.is_empty() => format!("{prefix}::{written}"),
                _ => written,
            };
            Context::Path { qualifier, in_use: in_use.is_some() }
        }
        // The name of something new.
        "fn" | "struct" | "enum" | "union" | "trait" | "mod" | "type" | "static" | "const" | "macro_rules"
            if last.kind == Kind::Ident =>
        {
            Context::Nothing
        }
        _ => {
            if let Some(prefix) = in_use {
                return match prefix.is_empty() {
                    true => Context::Name { in_use: true },
                    false => Context::Path { qualifier: prefix, in_use: true },
                };
            }
            match enclosing(tokens) {
                Some(open) => inside(code, tokens, open),
                None => Context::Name { in_use: false },
            }
        }
    }
}

/// The context inside the delimiter that opens at `open`.
fn inside(code: &str, tokens: &[Token], open: usize) -> Context {
    let name = Context::Name { in_use: false };
    let token_at = |back: usize| open.checked_sub(back).map(|index| tokens[index]);
    let text_at = |back: usize| token_at(back).map_or("", |token| token.text);
    match tokens[open].text {
        "[" if text_at(1) == "#" || (text_at(1) == "!" && text_at(2) == "#") => {
            if tokens.len() == open + 1 {
                Context::Attribute
            } else {
                name
            }
        }
        "(" if text_at(1) == "derive" && text_at(2) == "[" => Context::Derive,
        "{" if matches!(tokens[tokens.len() - 1].text, "{" | ",") => {
            let Some(before) =
                token_at(1).filter(|token| token.kind == Kind::Ident && token.text.starts_with(char::is_uppercase))
            else {
                return name;
            };
            let start = path_start(tokens, open);
            let word = start.checked_sub(1).map_or("", |index| tokens[index].text);
            // A body, not a literal.
            if matches!(
                word,
                "struct"
                    | "enum"
                    | "union"
                    | "trait"
                    | "impl"
                    | "for"
                    | "mod"
                    | "->"
                    | ":"
                    | "+"
                    | ">"
                    | "where"
                    | "match"
                    | "in"
                    | "=="
                    | "!="
            ) {
                return name;
            }
            Context::Fields {
                path: code[tokens[start].start..before.end()].to_owned(),
                given: given_fields(tokens, open),
            }
        }
        _ => name,
    }
}

/// The fields that a literal names already.
fn given_fields(tokens: &[Token], open: usize) -> Vec<String> {
    let mut fields = Vec::new();
    let mut index = open + 1;
    while index < tokens.len() {
        let token = tokens[index];
        let begins = index == open + 1 || tokens[index - 1].is(",");
        if token.kind == Kind::Ident && begins {
            fields.push(token.text.to_owned());
        }
        index = if token.kind == Kind::Open { tokens::closing(tokens, index) + 1 } else { index + 1 };
    }
    fields
}

/// The index of the innermost delimiter that is still open.
pub fn enclosing(tokens: &[Token]) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().rev() {
        match token.kind {
            Kind::Close => depth += 1,
            Kind::Open if depth == 0 => return Some(index),
            Kind::Open => depth -= 1,
            _ => {}
        }
    }
    None
}

/// In a `use`: the path that the open braces stand behind. `None` outside of a `use`.
fn use_prefix(tokens: &[Token]) -> Option<String> {
    let mut end = tokens.len();
    let mut parts: Vec<String> = Vec::new();
    loop {
        match enclosing(&tokens[..end]) {
            Some(open) if tokens[open].is("{") && open > 0 && tokens[open - 1].is("::") => {
                let start = path_start(tokens, open - 1);
                parts.push(tokens[start..open - 1].iter().map(|token| token.text).collect());
                if start > 0 && tokens[start - 1].is("use") {
                    break;
                }
                end = start;
            }
            _ => {
                // No brace around: the statement itself begins with `use`.
                let start = tokens[..end]
                    .iter()
                    .rposition(|token| token.is(";") || matches!(token.kind, Kind::Open | Kind::Magic));
                let statement = &tokens[start.map_or(0, |index| index + 1)..end];
                let starts = statement.iter().position(|token| token.is("use"))?;
                let path = &statement[starts + 1..];
                let only_path = path
                    .iter()
                    .all(|token| token.kind == Kind::Ident || token.is("::") || token.is("{") || token.is(","));
                let before = &statement[..starts];
                let at_start = before.last().is_none_or(|token| token.is("pub") || matches!(token.kind, Kind::Close));
                if !only_path || !at_start {
                    return None;
                }
                break;
            }
        }
    }
    parts.reverse();
    Some(parts.join("::"))
}

/// The index of the first token of the path whose last name stands before `end`.
pub fn path_start(tokens: &[Token], end: usize) -> usize {
    let mut start = end;
    loop {
        match start.checked_sub(1).map(|index| tokens[index]) {
            Some(token) if token.kind == Kind::Ident => start -= 1,
            Some(token) if token.is(">") => match generics_start(tokens, start - 1) {
                Some(open) => {
                    start = open;
                    // `Vec::<u8>` and `Vec<u8>`.
                    if start > 0 && tokens[start - 1].is("::") {
                        start -= 1;
                    }
                    continue;
                }
                None => return start,
            },
            _ => return start,
        }
        match start.checked_sub(1).map(|index| tokens[index]) {
            Some(token)
                if token.is("::")
                    && start >= 2
                    && (tokens[start - 2].kind == Kind::Ident || tokens[start - 2].is(">")) =>
            {
                start -= 1
            }
            _ => return start,
        }
    }
}

/// The index of the `<` that the `>` at `close` belongs to.
fn generics_start(tokens: &[Token], close: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut index = close;
    loop {
        let token = tokens[index];
        match token.text {
            ">" => depth += 1,
            "<" => {
                depth -= 1;
                if depth == 0 {
                    return Some(index);
                }
            }
            ";" | "{" | "}" => return None,
            _ if token.kind == Kind::Close => index = tokens::opening(tokens, index)?,
            _ => {}
        }
        index = index.checked_sub(1)?;
    }
}

/// The index of the first token of the expression that ends before `end` and binds
/// closer than any operator: `a.b(c)[1]?` of `x + a.b(c)[1]?.`.
pub fn expression_start(tokens: &[Token], end: usize) -> Option<usize> {
    let mut index = end.checked_sub(1)?;
    loop {
        let token = tokens[index];
        match token.kind {
            Kind::Punct if token.text == "?" => index = index.checked_sub(1)?,
            Kind::Punct if token.text == ">" => {
                let open = generics_start(tokens, index)?;
                index = open.checked_sub(1).filter(|before| tokens[*before].is("::"))?.checked_sub(1)?;
            }
            Kind::Close => {
                let open = tokens::opening(tokens, index)?;
                let Some(before) = open.checked_sub(1) else { return Some(open) };
                let callee = tokens[before];
                let called = match callee.kind {
                    Kind::Ident => !is_keyword(callee.text) || matches!(callee.text, "self" | "Self"),
                    Kind::Close => tokens[open].text != "{",
                    Kind::String { .. } => tokens[open].is("["),
                    _ => {
                        callee.is("?")
                            || callee.is(">")
                                && generics_start(tokens, before)
                                    .is_some_and(|start| start > 0 && tokens[start - 1].is("::"))
                    }
                };
                if callee.is("!") && before > 0 && tokens[before - 1].kind == Kind::Ident {
                    return Some(path_start(tokens, before));
                }
                // A block stands for itself, unless it is a literal's.
                let literal =
                    tokens[open].is("{") && callee.kind == Kind::Ident && callee.text.starts_with(char::is_uppercase);
                if !called || (tokens[open].is("{") && !literal) {
                    return Some(open);
                }
                index = before;
            }
            Kind::Ident | Kind::Number | Kind::String { .. } | Kind::Char { .. } => {
                if token.kind == Kind::Ident
                    && is_keyword(token.text)
                    && !matches!(token.text, "self" | "Self" | "super" | "crate" | "await" | "true" | "false")
                {
                    return None;
                }
                let start = if token.kind == Kind::Ident { path_start(tokens, index + 1) } else { index };
                match start.checked_sub(1) {
                    Some(dot) if tokens[dot].is(".") => index = dot.checked_sub(1)?,
                    _ => return Some(start),
                }
            }
            _ => return None,
        }
    }
}

fn is_keyword(word: &str) -> bool {
    super::std_names::keywords::is_keyword(word)
}

fn in_string(before: &str, token: Token) -> At {
    let cursor = before.len();
    let content = token.text.find('"').map_or("", |quote| &token.text[quote + 1..]);
    file(content, cursor).unwrap_or(At { context: Context::Nothing, typed: cursor..cursor })
}

/// The cursor behind a path of a file.
fn file(path: &str, cursor: usize) -> Option<At> {
    let begins = ["./", "../", "/", "~/"].iter().any(|start| path.starts_with(start));
    (begins && !path.contains('\n')).then(|| At { context: Context::File, typed: cursor - path.len()..cursor })
}

fn in_magic(before: &str, line: Token) -> At {
    let cursor = before.len();
    let Some((name, rest)) = line.text.split_once(char::is_whitespace) else {
        let first_line = before[..line.start].trim().is_empty();
        return At { context: Context::Magic { first_line }, typed: line.start..cursor };
    };
    let last_word = rest.rsplit(char::is_whitespace).next().unwrap_or(rest);
    let is_command = name.starts_with('!');
    if is_command || files::MAGICS.contains(&name.trim_start_matches(['%', ':'])) {
        let typed = cursor - last_word.trim_start_matches(['"', '\'']).len()..cursor;
        return At { context: Context::File, typed };
    }
    if let Some(at) = file(last_word.trim_start_matches(['"', '\'']), cursor) {
        return at;
    }
    let words: Vec<&str> = rest[..rest.len() - last_word.len()].split_whitespace().collect();
    // A word behind an option may be its value; behind other words `-` is Rust's.
    let follows_option = words.iter().zip([&""].into_iter().chain(&words));
    let only_options =
        follows_option.into_iter().all(|(word, before)| word.starts_with('-') || before.starts_with('-'));
    if last_word.starts_with('-') && only_options {
        let magic = name.to_owned();
        return At { context: Context::Option { magic }, typed: cursor - last_word.len()..cursor };
    }
    if !takes_rust(name) {
        return At { context: Context::Nothing, typed: cursor..cursor };
    }
    // What follows a magic's name may be Rust.
    let offset = cursor - rest.len();
    let mut at = at(rest, rest.len());
    at.typed = at.typed.start + offset..at.typed.end + offset;
    if let Context::Member { receiver } = &mut at.context {
        *receiver = receiver.start + offset..receiver.end + offset;
    }
    if matches!(at.context, Context::Magic { .. }) {
        at.context = Context::Nothing;
    }
    at
}

/// Whether what follows the name of a magic may be Rust.
pub(super) fn takes_rust(name: &str) -> bool {
    name.starts_with('%') || matches!(name, ":type" | ":t" | ":doc")
}

#[cfg(test)]
mod tests;
