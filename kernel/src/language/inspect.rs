//! Inspection: what is known about the name at the cursor.

use std::cell::OnceCell;

use serde_json::Value;

use super::complete::boundary;
use super::context::{enclosing, expression_start, path_start};
use super::guess::Guess;
use super::known::{Definition, Known, Place};
use super::members::{self, Member, Origin};
use super::scope::{self, Scope};
use super::std_names::{self, Declared, keywords, macros, modules};
use super::tokens::{self, Kind, Token};
use super::types::{Ty, shorten_type};
use super::{Magic, locals, on_own_thread, rustdoc};
use crate::output::MimeBundle;

/// What is known about the name at the cursor (a byte offset), about the one before it,
/// or about the function whose arguments the cursor stands in. With `detail` above 0 an
/// item's whole source.
pub fn inspect(scope: &Scope, magics: &[Magic], code: &str, cursor: usize, detail: u8) -> Option<MimeBundle> {
    let cursor = boundary(code, cursor);
    on_own_thread(|| page(scope, magics, code, cursor, detail)).map(|page| page.bundle())
}

/// What is shown, before it is plain text or Markdown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// The declaration, as Rust.
    head: String,
    /// What kind of thing it is and where it comes from.
    origin: String,
    docs: String,
    source: Option<String>,
    address: Option<String>,
}

impl Page {
    fn new(head: impl Into<String>, origin: impl Into<String>) -> Page {
        Page { head: head.into(), origin: origin.into(), ..Page::default() }
    }

    fn docs(mut self, docs: impl Into<String>) -> Page {
        self.docs = docs.into();
        self
    }

    fn address(mut self, address: impl Into<String>) -> Page {
        self.address = Some(address.into());
        self
    }

    fn bundle(&self) -> MimeBundle {
        let parts = |head: String, docs: String, source: Option<String>| {
            [Some(head), Some(self.origin.clone()), Some(docs.trim_end().to_owned()), source, self.address.clone()]
                .into_iter()
                .flatten()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("\n\n")
        };
        let fenced = |code: &str| format!("```rust\n{code}\n```");
        let plain = parts(self.head.clone(), rustdoc::as_text(&self.docs), self.source.clone());
        let markdown = parts(fenced(&self.head), rustdoc::as_markdown(&self.docs), self.source.as_deref().map(fenced));
        MimeBundle::from_iter([
            ("text/plain".to_owned(), Value::String(plain)),
            ("text/markdown".to_owned(), Value::String(markdown)),
        ])
    }
}

pub(super) fn page(scope: &Scope, magics: &[Magic], code: &str, cursor: usize, detail: u8) -> Option<Page> {
    let all = tokens::tokenize(code);
    if let Some(line) =
        all.iter().find(|token| token.kind == Kind::Magic && (token.start..=token.end()).contains(&cursor))
    {
        return in_magic(scope, magics, line, cursor, detail);
    }
    let inside_text = |token: &&Token| {
        matches!(token.kind, Kind::Comment { .. } | Kind::String { .. }) && token.start < cursor && cursor < token.end()
    };
    let in_text = all.iter().find(inside_text).copied();
    if in_text.is_some_and(|token| matches!(token.kind, Kind::Comment { .. })) {
        return None;
    }
    let tokens: Vec<Token> = all.into_iter().filter(|token| !matches!(token.kind, Kind::Comment { .. })).collect();
    let name = match in_text {
        Some(_) => None,
        None => {
            tokens.iter().position(|token| token.kind == Kind::Ident && (token.start..=token.end()).contains(&cursor))
        }
    };
    let ask = Question { scope, code, tokens: &tokens, detail, known: OnceCell::new() };
    name.and_then(|name| ask.about(name)).or_else(|| {
        // Inside a call's arguments: the call.
        let before = tokens.iter().take_while(|token| token.start < cursor).count();
        let open = enclosing(&tokens[..before]);
        let called = open.and_then(|open| {
            let last = open.checked_sub(1)?;
            let is_macro = tokens[last].is("!") && last > 0;
            let name = if is_macro { last - 1 } else { path_end(&tokens, last)? };
            (tokens[name].kind == Kind::Ident).then_some(name)
        });
        called.and_then(|called| ask.about(called)).or_else(|| {
            let just_before = before
                .checked_sub(1)
                .filter(|last| tokens[*last].kind == Kind::Ident && tokens[*last].end() <= cursor)?;
            ask.about(just_before)
        })
    })
}

/// The name before a turbofish: `parse` of `parse::<u8>`.
fn path_end(tokens: &[Token], last: usize) -> Option<usize> {
    if !tokens[last].is(">") {
        return Some(last);
    }
    let open = (0..last).rev().find(|index| tokens[*index].is("<"))?;
    open.checked_sub(2).filter(|_| tokens[open - 1].is("::"))
}

fn in_magic(scope: &Scope, magics: &[Magic], line: &Token, cursor: usize, detail: u8) -> Option<Page> {
    let name = line.text.split_whitespace().next()?;
    let in_name = cursor <= line.start + name.len();
    let rest_start = line.start + name.len();
    if !in_name && super::context::takes_rust(name) {
        let rest = &line.text[name.len()..];
        if let Some(page) = page(scope, magics, rest, cursor - rest_start, detail) {
            return Some(page);
        }
    }
    let magic = magics.iter().find(|magic| magic.name == name)?;
    Some(Page::new(magic.name, if name.starts_with('%') { "magic" } else { "command" }).docs(magic.page))
}

struct Question<'q> {
    scope: &'q Scope,
    code: &'q str,
    tokens: &'q [Token<'q>],
    detail: u8,
    /// Gathered when there is a name to ask about.
    known: OnceCell<Known>,
}

impl Question<'_> {
    fn about(&self, index: usize) -> Option<Page> {
        let token = self.tokens[index];
        let name = token.text.strip_prefix("r#").unwrap_or(token.text);
        let known = self.known.get_or_init(|| Known::new(self.scope, self.code));
        let mut guess = Guess::new(known, self.scope);
        let before = index.checked_sub(1).map(|before| self.tokens[before]);
        if before.is_some_and(|before| before.is(".")) {
            let start = expression_start(self.tokens, index - 1)?;
            locals::find(&mut guess, self.code, self.tokens[start].start);
            let receiver = guess.text(&self.code[self.tokens[start].start..self.tokens[index - 1].start]);
            return members::value_member(known, &receiver, name).map(|member| self.member(&member));
        }
        if self.tokens.get(index + 1).is_some_and(|next| next.is("!")) && !before.is_some_and(|before| before.is("::"))
        {
            return self.macro_named(known, name);
        }
        if before.is_some_and(|before| before.is("::")) {
            let start = path_start(self.tokens, index + 1);
            // Else nothing stands before the `::` that a path could begin with.
            if start < index - 1 {
                locals::find(&mut guess, self.code, self.tokens[start].start);
                let owner = &self.code[self.tokens[start].start..self.tokens[index - 1].start];
                return self.in_path(known, &guess, owner, name);
            }
        }
        locals::find(&mut guess, self.code, token.start);
        self.plain_name(known, &guess, name, index)
    }

    fn plain_name(&self, known: &Known, guess: &Guess, name: &str, index: usize) -> Option<Page> {
        // A name in a `use` has its path around it.
        let use_path = super::context::at(self.code, self.tokens[index].end());
        if let super::context::Context::Path { qualifier, in_use: true } = use_path.context {
            return self.in_path(known, guess, &qualifier, name);
        }
        if let Some((_, ty)) = guess.locals.iter().rev().find(|(local, _)| local == name) {
            return Some(Page::new(format!("{name}: {ty}"), "variable of this cell"));
        }
        // The variable whose `let` this is.
        let defined_here = index.checked_sub(1).is_some_and(|before| matches!(self.tokens[before].text, "let" | "mut"));
        if defined_here {
            let mut after = Guess::new(known, self.scope);
            let end = self.tokens[index..].iter().find(|token| token.is(";")).map_or(self.code.len(), Token::end);
            locals::find(&mut after, self.code, end);
            if let Some((_, ty)) = after.locals.iter().rev().find(|(local, _)| local == name) {
                return Some(Page::new(format!("{name}: {ty}"), "variable of this cell"));
            }
        }
        if let Some(variable) = self.scope.variables.iter().rev().find(|variable| variable.name == name) {
            let binding = if variable.mutable { "let mut" } else { "let" };
            let head = format!("{binding} {name}: {}", shorten_type(&variable.type_name));
            return Some(Page::new(head, format!("variable from In[{}]", variable.cell)));
        }
        if let Some(definition) = known.named(name, &[]).filter(|definition| definition.kind != "macro") {
            return Some(self.definition(definition));
        }
        let made = known.items(self.scope).rev().find(|item| item.name == name);
        if let Some(item) = made.filter(|item| !matches!(item.kind, "impl" | "use" | "macro")) {
            return Some(made_by_macro(item, self.detail));
        }
        if matches!(name, "self" | "Self")
            && let Some(own) = &guess.self_type
        {
            return Some(Page::new(format!("{name}: {own}"), "the type of this impl block"));
        }
        if let Some(about) = keywords::about(name) {
            return Some(Page::new(name, "keyword").docs(about).address(keywords::address(name)));
        }
        let full = known.resolve(name);
        if full != name
            && let Some((owner, last)) = full.rsplit_once("::")
        {
            if let Some(page) = self.in_path(known, guess, owner, last) {
                return Some(page);
            }
            return Some(Page::new(format!("use {full}"), "import"));
        }
        if let Some(page) = in_prelude(known, name) {
            return Some(page);
        }
        if let Some(module) = modules::module(&full) {
            return Some(module_page(module));
        }
        if let Some(row) = std_names::type_named(&full) {
            return Some(type_page(row));
        }
        if self.scope.crates.iter().any(|known| known.replace('-', "_") == name) {
            return Some(
                Page::new(format!("crate {name}"), "crate that cells can use")
                    .address(format!("https://docs.rs/{name}")),
            );
        }
        self.macro_named(known, name)
    }

    fn in_path(&self, known: &Known, guess: &Guess, owner: &str, name: &str) -> Option<Page> {
        let resolved = known.resolve(owner);
        if let Some(module) = modules::module(&format!("{resolved}::{name}")) {
            return Some(module_page(module));
        }
        if let Some(module) = modules::module(&resolved) {
            if let Some(row) = std_names::type_named(&format!("{resolved}::{name}"))
                .filter(|row| row.path() == format!("{resolved}::{name}"))
            {
                return Some(type_page(row));
            }
            let (declaration, about) = module.member(name)?;
            let kind = Declared::read(declaration).kind;
            return Some(
                Page::new(shorten_type(declaration), format!("{kind} of {}", module.path))
                    .docs(*about)
                    .address(module.member_address(declaration)),
            );
        }
        let inside: Vec<String> =
            owner.split("::").filter(|part| !matches!(*part, "crate" | "self" | "super")).map(str::to_owned).collect();
        if let Some(definition) = known.in_module(&inside).find(|definition| definition.name == name) {
            return Some(self.definition(definition));
        }
        let ty = match guess.named_type(owner) {
            Ty::Named { path, .. } if path == owner => Ty::parse(&owner.replace("::<", "<")),
            own => own,
        };
        members::type_member(known, &ty, name).map(|member| self.member(&member))
    }

    fn definition(&self, definition: &Definition) -> Page {
        let mut page = Page::new(
            definition.signature(),
            format!("{} {}", super::complete::kind_of(definition.kind), from(definition.place)),
        );
        page.docs = definition.docs();
        // A short type says most by itself.
        let short = matches!(definition.kind, "struct" | "enum" | "union") && definition.source.lines().count() <= 20;
        if self.detail > 0 {
            page.source = Some(definition.source.trim().to_owned());
        } else if definition.place == Place::Cell(0) && definition.hides_fields() {
            page.head = definition.name_and_generics();
        } else if short && definition.module.is_empty() {
            page.head = without_docs(&definition.source);
        }
        page
    }

    fn member(&self, member: &Member) -> Page {
        let head = match member.kind {
            "field" => format!("{}: {}", member.name, member.signature),
            _ => member.signature.clone(),
        };
        let page = Page::new(head, String::new()).docs(&member.about);
        match &member.origin {
            Origin::Notebook(place) => {
                Page { origin: format!("{} of {}, {}", member.kind, member.owner, from(*place)), ..page }
            }
            Origin::Std(address) => {
                Page { origin: format!("{} of {}", member.kind, member.owner), ..page }.address(address)
            }
        }
    }

    fn macro_named(&self, known: &Known, name: &str) -> Option<Page> {
        if let Some(definition) = known.named(name, &["macro"]) {
            return Some(self.definition(definition));
        }
        let (declaration, about) = macros::named(name)?;
        Some(Page::new(*declaration, "macro").docs(*about).address(macros::address(name)))
    }
}

/// `Some`, `Ok`, `drop` and their like.
fn in_prelude(known: &Known, name: &str) -> Option<Page> {
    let (owner, is_module) = match name {
        "Some" | "None" => ("std::option::Option", false),
        "Ok" | "Err" => ("std::result::Result", false),
        "drop" => ("std::mem", true),
        _ => return None,
    };
    let member = match is_module {
        true => members::module_function(modules::module(owner)?, name)?,
        false => members::type_member(known, &Ty::plain(owner), name)?,
    };
    let page = Page::new(member.signature, format!("{} of {}", member.kind, member.owner)).docs(member.about);
    Some(match member.origin {
        Origin::Std(address) => page.address(address),
        Origin::Notebook(_) => page,
    })
}

fn type_page(row: &'static std_names::Type) -> Page {
    let head = if row.kind() == "primitive" { row.head.to_owned() } else { format!("{} {}", row.kind(), row.head) };
    let origin =
        if row.kind() == "primitive" { "primitive type".to_owned() } else { format!("{} {}", row.kind(), row.path()) };
    Page::new(head, origin).docs(row.about).address(row.address())
}

fn module_page(module: &modules::Module) -> Page {
    Page::new(format!("mod {}", module.path), "module").docs(module.about).address(module.address())
}

/// An item whose text is the macro call that makes it: its comments are all there is.
fn made_by_macro(item: &scope::Item, detail: u8) -> Page {
    let origin = format!("{} {}, made by a macro", super::complete::kind_of(item.kind), from(Place::Cell(item.cell)));
    let docs = item.source.lines().filter_map(|line| line.trim_start().strip_prefix("///")).map(str::trim);
    let page = Page::new(format!("{} {}", item.kind, item.name), origin).docs(docs.collect::<Vec<_>>().join("\n"));
    Page { source: (detail > 0).then(|| item.source.clone()), ..page }
}

fn from(place: Place) -> String {
    match place {
        Place::Here => "of this cell".into(),
        Place::Cell(0) => "from the prelude".into(),
        Place::Cell(number) => format!("from In[{number}]"),
    }
}

/// The source without doc comments, which are shown as text.
fn without_docs(source: &str) -> String {
    let lines = source.lines().filter(|line| !line.trim_start().starts_with("///"));
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests;
