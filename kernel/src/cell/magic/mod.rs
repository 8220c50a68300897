//! What in a cell is for the kernel and not Rust: `%time f()`, `:dep rand = "0.9"`, `!ls`,
//! `Vec?`, `%%bash`.
//!
//! [`steps`] takes a cell apart into stretches of Rust and lines for the kernel.
//! [`table`] defines every magic, [`group`] says what it is for, [`options`] reads what it was
//! given.

pub mod group;
pub mod options;
pub mod table;

use std::ops::Range;

use self::options::Given;
use self::table::Magic;
use crate::language::tokens::{self, Kind, Token};

/// A part of a cell. All ranges are bytes of the cell's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Rust.
    Code(Range<usize>),
    /// `%name …`, `:name …`.
    Line(Call),
    /// `%%name …`, with the lines below it.
    Cell(Call, Range<usize>),
    /// `!command`.
    Shell(String),
    /// `let name = !command`.
    ShellInto { name: String, mutable: bool, command: String },
    /// `name?`, and whether more is wanted (`name??`).
    Question { name: String, more: bool },
}

/// A magic that is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub magic: &'static Magic,
    pub given: Given,
    /// The first line as it is written.
    pub text: String,
}

/// What the notebook knows of names.
pub trait Known {
    /// It is a name of the notebook's Rust: a variable, an item.
    fn is_rust(&self, name: &str) -> bool;
    /// `name?` is Rust: it is a variable, or a field of one, that can be asked for its value so.
    fn is_fallible(&self, name: &str) -> bool;
}

/// Takes the bytes `range` of a cell apart.
///
/// # Errors
/// A line for the person: there is no such magic, or it cannot be called so. Then nothing
/// of the cell is to be run.
pub fn steps(text: &str, range: Range<usize>, known: &impl Known) -> Result<Vec<Step>, String> {
    // A byte order mark, as some editors put it before a text.
    let start = range.start + if text[range.clone()].starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let text = &text[..range.end];
    if let Some(questions) = questions(&text[start..], known) {
        return Ok(questions);
    }
    let mut steps = Vec::new();
    let mut code_start = start;
    let tokens = tokens::tokenize(&text[start..]);
    for (index, token) in tokens.iter().enumerate() {
        let at = start + token.start;
        // It may be inside a line that was continued.
        if at < code_start {
            continue;
        }
        let earlier = &tokens[..index];
        let found = match token.kind {
            Kind::Magic if is_taken(token.text, earlier, known) => Some((at, magic(text, at, known)?)),
            _ => assignment(&tokens, index, text, start, known).map(|(end, step)| (at, (end, step))),
        };
        let Some((line_start, (end, step))) = found else { continue };
        let code = code_start..line_start;
        if has_code(&text[code.clone()]) {
            if let Step::Cell(call, _) = &step {
                return Err(format!("`{}` has to be the first line of its cell.", call.text));
            }
            steps.push(Step::Code(code));
        }
        code_start = end;
        steps.push(step);
    }
    let code = code_start..text.len();
    if has_code(&text[code.clone()]) {
        steps.push(Step::Code(code));
    }
    Ok(steps)
}

/// Whether there is anything for the compiler: a comment is nothing, but for one that
/// documents nothing or does not end.
fn has_code(text: &str) -> bool {
    let is_nothing = |token: &Token| matches!(token.kind, Kind::Comment { doc: false, terminated: true });
    !tokens::tokenize(text).iter().all(is_nothing)
}

/// Whether a line that looks like a magic is one.
fn is_taken(line: &str, earlier: &[Token], known: &impl Known) -> bool {
    let last = earlier.iter().rev().find(|token| !matches!(token.kind, Kind::Comment { .. }));
    let is_finished =
        last.is_none_or(|last| matches!(last.kind, Kind::Magic | Kind::Close) || matches!(last.text, ";"));
    if let Some(command) = line.strip_prefix('!') {
        return is_finished && !is_negation(command, earlier, known);
    }
    // After an unfinished statement the sign can be an operator: `let x = a` and below it `%b`.
    is_finished || call_parts(line).is_some_and(|(name, _)| table::find(name, line.starts_with("%%")).is_some())
}

/// Whether `!rest` is Rust.
fn is_negation(rest: &str, earlier: &[Token], known: &impl Known) -> bool {
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
    let (word, after) = rest.split_at(end);
    if word.is_empty() {
        return rest.starts_with(['(', '{', '!', '*', '&', '"', '[']) || rest.starts_with(char::is_whitespace);
    }
    let is_bound_here = earlier
        .windows(2)
        .any(|pair| matches!(pair[0].text, "let" | "mut" | "fn" | "const" | "static") && pair[1].text == word);
    word.starts_with(|c: char| c.is_numeric())
        || matches!(word, "true" | "false" | "self" | "crate")
        || after.starts_with(['(', '!', '['])
        || after.starts_with("::")
        || after.strip_prefix('.').is_some_and(|member| member.starts_with(|c: char| c.is_alphabetic() || c == '_'))
            && known.is_rust(word)
        || is_bound_here
        || known.is_rust(word)
}

/// Reads the line at `at`. Returns where it ends, and what it is.
fn magic(text: &str, at: usize, known: &impl Known) -> Result<(usize, Step), String> {
    let line_end = |from: usize| text[from..].find('\n').map_or(text.len(), |length| from + length);
    let mut end = line_end(at);
    // A line that ends with `\` goes on in the next one.
    while text[at..end].ends_with('\\') && end < text.len() {
        end = line_end(end + 1);
    }
    let line = text[at..end].trim_end();
    let next = (end + 1).min(text.len());
    if let Some(command) = line.strip_prefix('!') {
        return Ok((next, Step::Shell(joined(command))));
    }
    if let Some(question) = question(line, known) {
        return Ok((next, question));
    }
    let is_cell = line.starts_with("%%");
    let Some((name, argument_start)) = call_parts(line) else {
        return Err(format!("`{line}` cannot be read: `%lsmagic` lists the magics."));
    };
    let Some(magic) = table::find(name, is_cell) else { return Err(unknown(line, name, is_cell)) };
    let given = options::parse(magic.options, &line[argument_start..], at + argument_start)
        .map_err(|error| format!("`{}`: {error}", line[..argument_start].trim_end()))?;
    let call = Call { magic, given, text: line.to_owned() };
    match is_cell {
        true => Ok((text.len(), Step::Cell(call, next..text.len()))),
        false => Ok((next, Step::Line(call))),
    }
}

/// The name in `%name …`, and where the rest begins.
fn call_parts(line: &str) -> Option<(&str, usize)> {
    let sign = ["%%", "%", ":"].into_iter().find(|sign| line.starts_with(sign))?;
    let rest = &line[sign.len()..];
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
    rest.starts_with(char::is_alphabetic).then_some((&rest[..end], sign.len() + end))
}

fn unknown(line: &str, name: &str, is_cell: bool) -> String {
    let sign = if is_cell { "%%" } else { &line[..1] };
    let kind = if is_cell { "cell magic" } else { "magic" };
    if table::find(name, !is_cell).is_some() {
        return match is_cell {
            true => format!("`%%{name}` cannot take a whole cell: write `%{name}` in a line of its own."),
            false => format!("`{sign}{name}` takes a whole cell: write `%%{name}` into its first line."),
        };
    }
    let hint = match table::nearest(name, is_cell) {
        // With the sign that was typed.
        Some(near) if sign == ":" && !near.starts_with("%%") => format!("did you mean `:{}`?", &near[1..]),
        Some(near) => format!("did you mean `{near}`?"),
        None => "`%lsmagic` lists those there are.".to_owned(),
    };
    format!("There is no {kind} `{sign}{name}`: {hint}")
}

/// The lines of a cell that has nothing but questions.
fn questions(text: &str, known: &impl Known) -> Option<Vec<Step>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    let questions: Vec<Step> = lines.map(|line| question(line, known)).collect::<Option<_>>()?;
    (!questions.is_empty()).then_some(questions)
}

/// `name?`, `name??`, `?name`, `%magic?`.
fn question(line: &str, known: &impl Known) -> Option<Step> {
    let (name, marks) = tokens::question(line)?;
    (!known.is_fallible(name)).then(|| Step::Question { name: name.to_owned(), more: marks == 2 })
}

/// `let name = !command` at the token `index`, the beginning of a statement. Returns where
/// it ends.
fn assignment(tokens: &[Token], index: usize, text: &str, start: usize, known: &impl Known) -> Option<(usize, Step)> {
    let begins_line =
        text[..start + tokens[index].start].trim_end_matches([' ', '\t']).ends_with('\n') || tokens[index].start == 0;
    if tokens[index].text != "let" || !begins_line {
        return None;
    }
    let mut rest = tokens[index + 1..].iter();
    let mut name = rest.next()?;
    let mutable = name.text == "mut";
    if mutable {
        name = rest.next()?;
    }
    if name.kind != Kind::Ident || rest.next()?.text != "=" {
        return None;
    }
    let sign = rest.next()?;
    if !sign.text.starts_with('!') {
        return None;
    }
    let command_start = start + sign.start + 1;
    let end = text[command_start..].find('\n').map_or(text.len(), |length| command_start + length);
    let command = text[command_start..end].trim().trim_end_matches(';').trim_end();
    if command.is_empty() || is_negation(command, &tokens[..index], known) {
        return None;
    }
    let step = Step::ShellInto { name: name.text.to_owned(), mutable, command: command.to_owned() };
    Some(((end + 1).min(text.len()), step))
}

/// The command without the breaks of its lines.
fn joined(command: &str) -> String {
    command.trim().replace("\\\n", "")
}

#[cfg(test)]
mod tests;
