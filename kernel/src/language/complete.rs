//! Completion.

use std::collections::HashSet;

use super::context::{self, At, Context};
use super::guess::Guess;
use super::known::{Definition, Known};
use super::members::{self, Member};
use super::scope::{self, Scope};
use super::std_names::{self, Declared, keywords, macros, modules};
use super::types::{Ty, shorten_type};
use super::{Magic, files, locals, on_own_thread};
use crate::interpreter::{CompletionItem, Completions};

/// What can stand at the cursor, the likeliest first. `cursor` is a byte offset into the
/// code; one that is not on a character boundary counts as the boundary before it.
pub fn complete(scope: &Scope, magics: &[Magic], code: &str, cursor: usize) -> Completions {
    let cursor = boundary(code, cursor);
    on_own_thread(|| here(scope, magics, code, cursor))
}

/// The nearest character boundary at or before an offset.
pub(super) fn boundary(code: &str, cursor: usize) -> usize {
    let mut cursor = cursor.min(code.len());
    while !code.is_char_boundary(cursor) {
        cursor -= 1;
    }
    cursor
}

/// What stands nearer to the person comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Local,
    Variable,
    Item,
    Prelude,
    Std,
    Keyword,
    /// Members, by how many layers lie above them, fields first.
    Member(usize, bool),
}

struct Candidates<'c> {
    typed: &'c str,
    found: Vec<(bool, Rank, CompletionItem)>,
}

impl Candidates<'_> {
    fn add(&mut self, rank: Rank, text: impl Into<String>, kind: &'static str, signature: impl Into<String>) {
        let text = text.into();
        let other_case = !text.starts_with(self.typed);
        if other_case && !starts_with_ignoring_case(&text, self.typed) {
            return;
        }
        self.found.push((other_case, rank, CompletionItem { text, kind, signature: signature.into() }));
    }

    fn member(&mut self, member: &Member) {
        let kind = match member.kind {
            "variant" => "enum-member",
            other => other,
        };
        self.add(Rank::Member(member.depth, member.kind != "field"), &member.name, kind, &member.signature);
    }

    fn definition(&mut self, rank: Rank, definition: &Definition) {
        let text = if definition.kind == "macro" { format!("{}!", definition.name) } else { definition.name.clone() };
        self.add(rank, text, kind_of(definition.kind), definition.signature());
    }

    /// Best first, every text once.
    fn finish(mut self, start: usize, end: usize) -> Completions {
        self.found.sort_by(|a, b| (a.0, a.1, &a.2.text).cmp(&(b.0, b.1, &b.2.text)));
        let mut seen = HashSet::new();
        let matches = self.found.into_iter().map(|(_, _, item)| item).filter(|item| seen.insert(item.text.clone()));
        Completions { start, end, matches: matches.collect() }
    }
}

fn starts_with_ignoring_case(text: &str, start: &str) -> bool {
    let mut characters = text.chars().flat_map(char::to_lowercase);
    start.chars().flat_map(char::to_lowercase).all(|wanted| characters.next() == Some(wanted))
}

/// An item's kind in the words of front ends.
pub(super) fn kind_of(keyword: &'static str) -> &'static str {
    match keyword {
        "fn" => "function",
        "mod" => "module",
        other => other,
    }
}

/// [`complete`] on the calling thread.
pub(super) fn here(scope: &Scope, magics: &[Magic], code: &str, cursor: usize) -> Completions {
    let At { context, typed } = context::at(code, cursor);
    let mut candidates = Candidates { typed: &code[typed.clone()], found: Vec::new() };
    match context {
        Context::Nothing => {}
        Context::File => {
            let (replaced, entries) = files::entries(&code[typed.clone()], &scope.directory);
            candidates.typed = "";
            for entry in entries {
                candidates.add(Rank::Local, entry.name, if entry.is_folder { "folder" } else { "file" }, "");
            }
            return candidates.finish(typed.end - replaced, typed.end);
        }
        Context::Magic { first_line } => {
            for magic in magics.iter().filter(|magic| first_line || !magic.name.starts_with("%%")) {
                candidates.add(Rank::Item, magic.name, "magic", magic.help);
            }
        }
        Context::Option { magic } => {
            for (usage, help) in magics.iter().filter(|known| known.name == magic).flat_map(|known| known.options) {
                // The word for its value is not to be typed.
                candidates.add(
                    Rank::Item,
                    usage.split(' ').next().unwrap_or(usage),
                    "option",
                    format!("{usage}: {help}"),
                );
            }
        }
        Context::Derive => derives(&mut candidates, scope),
        Context::Attribute => {
            for (name, about) in macros::ATTRIBUTES {
                candidates.add(Rank::Std, *name, "attribute", *about);
            }
        }
        Context::Member { receiver } => {
            let known = Known::new(scope, code);
            let mut guess = Guess::new(&known, scope);
            locals::find(&mut guess, code, receiver.start);
            let ty = guess.text(&code[receiver]);
            members::of_value(&known, &ty).iter().for_each(|member| candidates.member(member));
            if ty.peeled().to_string().starts_with("impl Future") {
                candidates.add(Rank::Member(0, false), "await", "keyword", "waits for the value");
            }
        }
        Context::Path { qualifier, in_use } => path(&mut candidates, scope, code, typed.start, &qualifier, in_use),
        Context::Fields { path, given } => {
            let known = Known::new(scope, code);
            let mut guess = Guess::new(&known, scope);
            locals::find(&mut guess, code, typed.start);
            let fields = guess.literal_fields(&path, &Ty::Unknown);
            fields.iter().filter(|field| !given.contains(&field.name)).for_each(|field| candidates.member(field));
        }
        Context::Name { in_use: true } => {
            candidates.add(Rank::Std, "std", "module", "the standard library");
            crates(&mut candidates, scope);
            for word in ["crate", "self", "super"] {
                candidates.add(Rank::Keyword, word, "keyword", keywords::about(word).unwrap_or_default());
            }
            Known::new(scope, code)
                .in_module(&[])
                .filter(|definition| definition.kind == "mod" || definition.kind == "enum")
                .for_each(|definition| candidates.definition(Rank::Item, definition));
        }
        Context::Name { in_use: false } => names(&mut candidates, scope, code, typed.start),
    }
    candidates.finish(typed.start, typed.end)
}

fn crates(candidates: &mut Candidates, scope: &Scope) {
    for name in &scope.crates {
        candidates.add(Rank::Prelude, name.replace('-', "_"), "module", "crate");
    }
}

fn derives(candidates: &mut Candidates, scope: &Scope) {
    for (name, about) in macros::DERIVES {
        candidates.add(Rank::Std, *name, "trait", *about);
    }
    for (of, name, about) in macros::CRATE_DERIVES {
        if scope.crates.iter().any(|known| known == of) {
            candidates.add(Rank::Prelude, *name, "trait", *about);
        }
    }
}

/// Every name that can begin an expression, a type or a statement.
fn names(candidates: &mut Candidates, scope: &Scope, code: &str, at: usize) {
    let known = Known::new(scope, code);
    let mut guess = Guess::new(&known, scope);
    locals::find(&mut guess, code, at);
    for (name, ty) in guess.locals.iter().rev() {
        candidates.add(Rank::Local, name, "variable", if ty.is_known() { ty.to_string() } else { String::new() });
    }
    for variable in &scope.variables {
        candidates.add(Rank::Variable, &variable.name, "variable", shorten_type(&variable.type_name));
    }
    for definition in known.in_module(&[]).filter(|definition| !known.is_hidden(definition)) {
        let rank = if definition.place == super::known::Place::Cell(0) { Rank::Prelude } else { Rank::Item };
        candidates.definition(rank, definition);
    }
    // What a macro made has no text to be read.
    let made = |item: &&scope::Item| !matches!(item.kind, "impl" | "use") && known.named(&item.name, &[]).is_none();
    for item in known.items(scope).filter(made) {
        if item.name.chars().all(|c| c.is_alphanumeric() || c == '_') {
            let rank = if item.cell == 0 { Rank::Prelude } else { Rank::Item };
            candidates.add(rank, &item.name, kind_of(item.kind), item.kind);
        }
    }
    for (name, path) in &known.imports {
        imported(candidates, name, path);
    }
    for glob in &known.globs {
        for (declaration, _) in modules::module(glob).iter().flat_map(|module| module.members) {
            let name = Declared::read(declaration).name;
            imported(candidates, name, &format!("{glob}::{name}"));
        }
    }
    crates(candidates, scope);
    if guess.self_type.is_some() {
        candidates.add(Rank::Local, "Self", "keyword", guess.self_type.as_ref().map(Ty::to_string).unwrap_or_default());
    }
    for name in std_names::PRELUDE {
        match *name {
            "std" => candidates.add(Rank::Std, "std", "module", "the standard library"),
            "Some" => candidates.add(Rank::Std, "Some", "enum-member", "Some(T) -> Option<T>"),
            "None" => candidates.add(Rank::Std, "None", "enum-member", "Option<T>"),
            "Ok" => candidates.add(Rank::Std, "Ok", "enum-member", "Ok(T) -> Result<T, E>"),
            "Err" => candidates.add(Rank::Std, "Err", "enum-member", "Err(E) -> Result<T, E>"),
            "drop" => candidates.add(Rank::Std, "drop", "function", "fn drop<T>(value: T)"),
            name => std_name(candidates, name, ""),
        }
    }
    for name in std_names::COMMON.iter().filter(|name| !known.imports.iter().any(|(imported, _)| imported == *name)) {
        std_name(candidates, name, "use ");
    }
    for (declaration, _) in macros::MACROS {
        candidates.add(Rank::Std, format!("{}!", macros::name(declaration)), "macro", *declaration);
    }
    for (word, about) in keywords::KEYWORDS {
        candidates.add(Rank::Keyword, *word, "keyword", *about);
    }
}

/// A type or trait of the tables, with its path (after `use ` when it needs one).
fn std_name(candidates: &mut Candidates, name: &str, before: &str) {
    let Some(row) = std_names::type_named(name) else { return };
    let signature = match before {
        "" => format!("{} {}", row.kind(), row.head),
        _ => format!("{before}{}", row.path()),
    };
    candidates.add(Rank::Std, name, row.kind(), signature);
}

fn imported(candidates: &mut Candidates, name: &str, path: &str) {
    let kind = match (modules::module(path), path.rsplit_once("::")) {
        (Some(_), _) => "module",
        (_, Some((module, last))) => match modules::module(module).and_then(|module| module.member(last)) {
            Some((declaration, _)) => Declared::read(declaration).kind,
            None => "import",
        },
        _ => "import",
    };
    candidates.add(Rank::Item, name, kind, path);
}

/// What stands behind `qualifier::`.
fn path(candidates: &mut Candidates, scope: &Scope, code: &str, at: usize, qualifier: &str, in_use: bool) {
    let known = Known::new(scope, code);
    let first = qualifier.split("::").next().unwrap_or_default();
    if qualifier.is_empty() {
        candidates.add(Rank::Std, "std", "module", "the standard library");
        crates(candidates, scope);
        return;
    }
    let inside: Vec<String> =
        qualifier.split("::").filter(|part| !matches!(*part, "crate" | "self" | "super")).map(str::to_owned).collect();
    if known.definitions.iter().any(|definition| definition.module == inside)
        || matches!(first, "crate" | "self" | "super")
    {
        for definition in known.in_module(&inside) {
            candidates.definition(Rank::Item, definition);
        }
    }
    let resolved = known.resolve(qualifier);
    if let Some(module) = modules::module(&resolved) {
        for (declaration, _) in module.members {
            let Declared { name, kind } = Declared::read(declaration);
            let signature =
                if kind == "function" { shorten_type(declaration) } else { format!("{}::{name}", module.path) };
            candidates.add(Rank::Std, name, kind, signature);
        }
        if in_use {
            candidates.add(Rank::Keyword, "self", "keyword", "the module itself");
        }
        return;
    }
    let mut guess = Guess::new(&known, scope);
    locals::find(&mut guess, code, at);
    // `Vec::<u8>::` is a type in an expression only.
    let ty = match guess.named_type(qualifier) {
        Ty::Named { path, .. } if path == qualifier => Ty::parse(&qualifier.replace("::<", "<")),
        own => own,
    };
    for member in members::of_type(&known, &ty) {
        // In a `use` only an enum has something to give.
        if !in_use || member.kind == "variant" {
            candidates.member(&member);
        }
    }
}

#[cfg(test)]
mod tests;
