//! The names that the prelude gives to every cell, read from its own sources.
//!
//! `src/prelude.rs` re-exports them; the items behind, with their `impl` blocks, are
//! looked up in the modules that it names.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::LazyLock;

use include_dir::Dir;
use syn::{ItemUse, UseTree};

use super::known::{ItemText, item_texts, name_and_kind};
use super::scope::Item;
use super::tokens::{self, Kind};
use super::types::plain_name;
use crate::engine::native::build::sources::SOURCES;

/// The prelude's items, as if a cell 0 had defined them.
pub fn items() -> &'static [Item] {
    static ITEMS: LazyLock<Vec<Item>> = LazyLock::new(|| {
        // Made once; the texts parsed for it are let go with the thread.
        super::on_own_thread(|| read(&SOURCES))
    });
    &ITEMS
}

/// A name that a `use` brings in: where from and what it is called here.
#[derive(Clone)]
struct Import {
    path: Vec<String>,
    name: String,
}

/// The prelude's files, each read once: a file has many of the names.
struct Files<'a> {
    sources: &'a Dir<'a>,
    read: RefCell<HashMap<&'a str, Rc<Vec<Read>>>>,
}

/// What stands in a file.
enum Read {
    Use(Vec<Import>),
    Item { name: String, kind: &'static str, source: String, public: bool },
}

impl<'a> Files<'a> {
    fn of(&self, text: &'a str) -> Rc<Vec<Read>> {
        let read = || {
            let items = item_texts(text).into_iter().filter_map(read_item);
            Rc::new(items.collect())
        };
        self.read.borrow_mut().entry(text).or_insert_with(read).clone()
    }

    fn module(&self, modules: &[String]) -> Option<&'a str> {
        module_file(self.sources, modules)
    }
}

fn read_item(ItemText { source, text }: ItemText) -> Option<Read> {
    let item = syn::parse_str::<syn::Item>(&text).ok()?;
    if let syn::Item::Use(ItemUse { tree, vis: syn::Visibility::Public(_), .. }) = &item {
        let mut imports = Vec::new();
        collect(tree, &mut Vec::new(), &mut imports);
        return Some(Read::Use(imports));
    }
    let (name, kind) = name_and_kind(&item)?;
    let public = match kind {
        "impl" => true,
        "macro" => source.contains("#[macro_export]"),
        _ => source.contains("pub "),
    };
    Some(Read::Item { name, kind, source, public })
}

fn read(sources: &Dir<'_>) -> Vec<Item> {
    let files = Files { sources, read: RefCell::default() };
    let mut items = Vec::new();
    for import in file(sources, Path::new("prelude.rs")).iter().flat_map(|text| public_uses(&files, text)) {
        let path = defined_at(&files, import.path.clone());
        let Some((name, modules)) = path.split_last() else { continue };
        // What `macro_export` puts at the crate's root stands in some file.
        let texts: Vec<&str> = match files.module(modules) {
            Some(text) if !modules.is_empty() => vec![text],
            _ => all_files(sources),
        };
        texts.iter().for_each(|text| add(&mut items, &files, text, name, &import.name));
    }
    items
}

/// The path under which an item is defined that is brought in from `path`: a module can
/// have it from one of its own.
fn defined_at(files: &Files<'_>, path: Vec<String>) -> Vec<String> {
    let further = || {
        let (name, modules) = path.split_last()?;
        let text = files.module(modules).filter(|_| !modules.is_empty())?;
        let import = public_uses(files, text).into_iter().find(|import| import.name == *name)?;
        let below: Vec<String> = modules.iter().cloned().chain(import.path.clone()).collect();
        let is_below = files.module(&below[..below.len() - 1]).is_some();
        Some(if is_below { below } else { import.path }).filter(|found| *found != path)
    };
    match further() {
        Some(found) => defined_at(files, found),
        None => path,
    }
}

/// Adds what a file says about a name: the item, its `impl` blocks, or the macro call
/// that makes it.
fn add<'a>(items: &mut Vec<Item>, files: &Files<'a>, file: &'a str, name: &str, shown: &str) {
    let before = items.len();
    for read in files.of(file).iter() {
        if let Read::Item { name: found, kind, source, public: true } = read
            && found == name
        {
            let source = if name == shown { source.clone() } else { renamed(source, name, shown) };
            items.push(Item { name: shown.to_owned(), kind, source, cell: 0 });
        }
    }
    let defined = items[before..].iter().any(|item| item.kind != "impl");
    if !defined
        && file.contains(name)
        && let Some(call) = macro_call(file, name)
    {
        let kind = if name.starts_with(char::is_uppercase) { "struct" } else { "fn" };
        items.push(Item { name: shown.to_owned(), kind, source: call.to_owned(), cell: 0 });
    }
}

/// The call of a macro, outside of everything else, that mentions a name.
fn macro_call<'a>(file: &'a str, name: &str) -> Option<&'a str> {
    let tokens = tokens::tokenize(file);
    let mut index = 0;
    while let Some(token) = tokens.get(index) {
        if token.kind != Kind::Open {
            index += 1;
            continue;
        }
        let close = tokens::closing(&tokens, index).min(tokens.len() - 1);
        let is_call = index >= 2 && tokens[index - 1].is("!") && !tokens[index - 2].is("macro_rules");
        if is_call && tokens[index..close].iter().any(|token| token.is(name)) {
            return Some(&file[tokens[index - 2].start..tokens[close].end()]);
        }
        index = close + 1;
    }
    None
}

fn renamed(source: &str, from: &str, to: &str) -> String {
    let named = tokens::tokenize(source).into_iter().find(|token| token.is(from));
    named.map_or(source.to_owned(), |token| format!("{}{to}{}", &source[..token.start], &source[token.end()..]))
}

fn public_uses<'a>(files: &Files<'a>, text: &'a str) -> Vec<Import> {
    let read = files.of(text);
    let uses = read.iter().filter_map(|read| match read {
        Read::Use(imports) => Some(imports.iter().cloned()),
        Read::Item { .. } => None,
    });
    uses.flatten().collect()
}

fn collect(tree: &UseTree, path: &mut Vec<String>, imports: &mut Vec<Import>) {
    let mut add = |name: &syn::Ident, shown: &syn::Ident| {
        let path = path.iter().filter(|part| *part != "crate").cloned().chain([plain_name(name)]).collect();
        imports.push(Import { path, name: plain_name(shown) });
    };
    match tree {
        UseTree::Name(name) => add(&name.ident, &name.ident),
        UseTree::Rename(rename) => add(&rename.ident, &rename.rename),
        UseTree::Path(inner) => {
            path.push(plain_name(&inner.ident));
            collect(&inner.tree, path, imports);
            path.pop();
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| collect(tree, path, imports)),
        UseTree::Glob(_) => {}
    }
}

/// The text of `a/b.rs` or `a/b/mod.rs` for the module `a::b`.
fn module_file<'a>(sources: &Dir<'a>, modules: &[String]) -> Option<&'a str> {
    let path: PathBuf = modules.iter().collect();
    file(sources, &path.with_extension("rs")).or_else(|| file(sources, &path.join("mod.rs")))
}

fn file<'a>(sources: &Dir<'a>, path: &Path) -> Option<&'a str> {
    sources.get_file(path)?.contents_utf8()
}

fn all_files<'a>(sources: &Dir<'a>) -> Vec<&'a str> {
    let here = sources.files().filter_map(|file| file.contents_utf8());
    here.chain(sources.dirs().flat_map(all_files)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_prelude_is_found() {
        let items = items();
        let text = file(&SOURCES, Path::new("prelude.rs")).expect("the prelude has its file");
        let files = Files { sources: &SOURCES, read: RefCell::default() };
        let imports = public_uses(&files, text);
        assert!(imports.iter().any(|import| import.name == "seconds"));
        for import in imports.iter().filter(|import| import.path.len() > 1) {
            assert!(items.iter().any(|item| item.name == import.name && item.kind != "impl"), "{}", import.name);
        }
    }

    #[test]
    fn a_renamed_macro_has_its_new_name() {
        let source = "/// Shows.\n#[macro_export]\nmacro_rules! show_any { () => { show_any!() } }";
        assert!(renamed(source, "show_any", "show").contains("macro_rules! show {"));
    }

    #[test]
    fn a_name_made_by_a_macro_has_its_call() {
        let file = "macro_rules! make { ($n:ident) => { pub struct $n; } }\nfn f() { make!(A) }\nmake!(\n    /// The first.\n    A\n);";
        assert_eq!(macro_call(file, "A"), Some("make!(\n    /// The first.\n    A\n)"));
        assert_eq!(macro_call(file, "B"), None);
    }
}
