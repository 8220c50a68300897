//! Completion.

use std::collections::HashSet;

use super::context::{self, At, Context};
use super::guess::Guess;
use super::known::{Definition, Known};
use super::members::{self, Member};
use super::scope::{self, Scope};
use super::std_names::{self, Declared, keywords, macros, modules};
use super::types::{Ty, shorten_type};
use super::{Magic, files, locals, on_own_thread, prelude};
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
            let (replaced, entries) = files::entries(&code[typed.clone()]);
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
    for definition in known.in_module(&[]) {
        let rank = if definition.place == super::known::Place::Cell(0) { Rank::Prelude } else { Rank::Item };
        candidates.definition(rank, definition);
    }
    // What a macro made has no text to be read.
    let made = |item: &&scope::Item| !matches!(item.kind, "impl" | "use") && known.named(&item.name, &[]).is_none();
    for item in prelude::items().iter().chain(&scope.items).filter(made) {
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
mod tests {
    use super::super::scope::{Item, Variable};
    use super::*;

    const MAGICS: &[Magic] = &[
        Magic { name: "%time", help: "Times a statement." },
        Magic { name: "%timeit", help: "Times a statement, often." },
        Magic { name: "%%time", help: "Times the cell." },
        Magic { name: ":dep", help: "Adds a crate." },
    ];

    fn scope() -> Scope {
        let variable = |name: &str, type_name: &str| Variable {
            name: name.into(),
            type_name: type_name.into(),
            mutable: false,
            cell: 1,
        };
        let item = |name: &str, kind, source: &str| Item { name: name.into(), kind, source: source.into(), cell: 2 };
        Scope {
            variables: vec![
                variable("numbers", "std::vec::Vec<u64>"),
                variable("counter", "std::sync::Arc<std::sync::Mutex<i32>>"),
                variable("text", "&'static str"),
                variable("origin", "Point"),
                variable("call", "std::boxed::Box<dyn std::ops::Fn(u8) -> std::string::String>"),
                variable("hits", "std::sync::atomic::AtomicUsize"),
                variable("pair", "(u8, std::string::String)"),
            ],
            items: vec![
                item("Point", "struct", "/// A place.\n#[derive(Debug, Clone)]\nstruct Point { x: f64, y: f64 }"),
                item(
                    "Point",
                    "impl",
                    "impl Point { const ZERO: Point = Point { x: 0., y: 0. };\n fn new(x: f64, y: f64) -> Self { Point { x, y } }\n fn len(&self) -> f64 { 0. } }",
                ),
                item(
                    "Area",
                    "trait",
                    "trait Area { fn area(&self) -> f64; fn double(&self) -> f64 { 2. * self.area() } }",
                ),
                item("Area for Point", "impl", "impl Area for Point { fn area(&self) -> f64 { 0. } }"),
                item("Shape", "enum", "enum Shape { Dot, Circle(f64), Box { side: f64 } }"),
                item("numbering", "fn", "fn numbering(from: usize) -> Vec<usize> { vec![] }"),
                item("shout", "macro", "macro_rules! shout { () => {} }"),
                item("Stack", "struct", "struct Stack<T> { items: Vec<T> }"),
                item(
                    "Stack",
                    "impl",
                    "impl<T> Stack<T> { fn new() -> Stack<T> { todo!() } fn top(&self) -> Option<&T> { None } }",
                ),
            ],
            crates: vec!["rayon".into(), "serde".into()],
        }
    }

    /// The completions at `§`.
    fn at(code: &str) -> Completions {
        let cursor = code.find('§').expect("a cursor");
        here(&scope(), MAGICS, &code.replacen('§', "", 1), cursor)
    }

    fn texts(code: &str) -> Vec<String> {
        at(code).matches.into_iter().map(|item| item.text).collect()
    }

    fn signature(code: &str, text: &str) -> String {
        let found = at(code);
        let item = found.matches.iter().find(|item| item.text == text);
        item.unwrap_or_else(|| {
            panic!("{code} has no {text}: {:?}", found.matches.iter().map(|item| &item.text).collect::<Vec<_>>())
        })
        .signature
        .clone()
    }

    fn has(code: &str, expected: &[&str]) {
        let texts = texts(code);
        for text in expected {
            assert!(texts.iter().any(|found| found == text), "{code}: no {text} in {texts:?}");
        }
    }

    #[test]
    fn names_come_in_the_order_of_nearness() {
        assert_eq!(texts("let number = 1; numb§"), ["number", "numbers", "numbering"]);
        assert_eq!(signature("numb§", "numbers"), "Vec<u64>");
        assert_eq!(signature("numb§", "numbering"), "fn numbering(from: usize) -> Vec<usize>");
        assert_eq!(texts("point§"), ["Point"]);
        assert_eq!(texts("prin§"), ["print!", "println!"]);
        assert_eq!(texts("shou§"), ["shout!"]);
        has("Ve§", &["Vec", "VecDeque"]);
        has("ray§", &["rayon"]);
        has("wh§", &["where", "while"]);
        has("§", &["numbers", "Point", "let", "println!", "Vec"]);
        let found = at("let a = numb§ers;");
        assert_eq!((found.start, found.end), (8, 12));
    }

    #[test]
    fn the_cells_own_names() {
        has("fn local_one(a: u8) {}\nlocal§", &["local_one"]);
        has("fn f(parameter: u8) { para§", &["parameter"]);
        has("numbers.iter().map(|closured| clos§", &["closured"]);
        has("struct Own { field: u8 }\nlet own = Own { field: 1 };\nown.§", &["field"]);
        assert_eq!(texts("{ let inner = 1; }\ninne§"), Vec::<String>::new());
        has("impl Point { fn g(&self) { Sel§", &["Self"]);
    }

    #[test]
    fn members_of_variables() {
        has("numbers.§", &["push", "iter", "len", "sort_unstable", "clone"]);
        assert_eq!(signature("numbers.pus§", "push"), "fn push(&mut self, value: u64)");
        assert_eq!(signature("numbers.fir§", "first"), "fn first(&self) -> Option<&u64>");
        has("counter.§", &["lock", "clone", "try_lock"]);
        has("counter.lock().unwrap().§", &["pow", "abs"]);
        has("text.§", &["trim", "lines", "to_string"]);
        has("hits.§", &["fetch_add", "load"]);
        assert_eq!(
            signature("hits.fetch_ad§", "fetch_add"),
            "fn fetch_add(&self, value: usize, order: Ordering) -> usize"
        );
        assert_eq!(texts("pair.§")[..2], ["0", "1"]);
        has("pair.1.§", &["push_str", "len"]);
    }

    #[test]
    fn members_of_the_notebooks_types() {
        let texts = texts("origin.§");
        assert_eq!(texts[..4], ["x", "y", "area", "len"]);
        assert!(
            texts.contains(&"double".to_owned())
                && texts.contains(&"clone".to_owned())
                && !texts.contains(&"new".to_owned())
        );
        has("Point::new(1., 2.).§", &["x", "len"]);
        has("let p = Point { x: 1., y: 2. };\np.§", &["x", "area"]);
        has("Stack::<u8>::new().§", &["top", "items"]);
        has("let s: Stack<String> = Stack::new();\ns.top().unwrap().§", &["push_str"]);
        has(
            "struct P { v: Vec<u8> }\nimpl P {\n    fn a(&self) -> &str { \"\" }\n    fn b(&mut self) {\n        self.§\n    }\n}",
            &["v", "a", "b"],
        );
        has("fn f(a: &dyn Area) { a.§", &["area", "double"]);
        has("fn f(a: impl Area + Clone) { a.§", &["area", "clone"]);
    }

    #[test]
    fn members_of_expressions() {
        has("let v = vec![1, 2];\nv.iter().map(|x| x * 2).filter(|x| *x > 1).§", &["collect", "sum", "rev"]);
        has("numbers.iter().filter(|n| n.§", &["pow"]);
        has("\"a\".§", &["len"]);
        has("String::from(\"a\").§", &["push"]);
        has("vec![String::new()][0].§", &["push_str"]);
        has("std::time::Instant::now().elapsed().§", &["as_millis"]);
        has("let h = std::thread::spawn(|| 1u8);\nh.join().unwrap().§", &["pow"]);
        has("call(1).§", &["push_str"]);
        has("(1.5_f32).§", &["sqrt"]);
        has("text.parse::<i64>()?.§", &["pow"]);
        has("std::fs::read_to_string(\"x\")?.§", &["lines"]);
        has("let (tx, rx) = std::sync::mpsc::channel::<u8>();\nrx.§", &["recv", "try_recv"]);
    }

    #[test]
    fn lesson_cells() {
        let uses = "use std::{thread, sync::{Arc, Mutex, RwLock, LazyLock, mpsc, atomic::{AtomicUsize, Ordering}}, time::*, process::{Command, Stdio}};\n";
        for (code, expected) in [
            (
                "let data = Arc::new(Mutex::new(0)); let h = thread::spawn({ let data = Arc::clone(&data); move || { let mut d = data.lock().unwrap(); d.§",
                "pow",
            ),
            (
                "let handles: Vec<_> = (0..4).map(|i| thread::spawn(move || i * 2)).collect();\nfor h in handles { h.§ }",
                "join",
            ),
            (
                "let handles: Vec<_> = (0..4).map(|i| thread::spawn(move || \"a\".to_string())).collect();\nlet r: Vec<_> = handles.into_iter().map(|h| h.join().unwrap()).collect(); r[0].§",
                "push_str",
            ),
            ("thread::scope(|s| { s.§ });", "spawn"),
            ("thread::scope(|s| { let h = s.spawn(|| 1); h.§ });", "join"),
            ("let t = Instant::now(); f(); let d = t.elapsed(); d.§", "as_secs_f64"),
            ("let mut child = Command::new(\"ls\").stdout(Stdio::piped()).spawn()?; child.§", "wait"),
            ("std::env::args().skip(1).§", "collect"),
            ("let v: Vec<String> = \"a b\".split(' ').map(String::from).collect(); v[0].§", "push_str"),
            ("let x = if a { vec![1] } else { vec![] }; x.§", "push"),
            ("for line in text.lines() { line.§", "trim"),
            ("static N: AtomicUsize = AtomicUsize::new(0);\nN.§", "fetch_add"),
            (
                "static CACHE: LazyLock<Mutex<Vec<String>>> = LazyLock::new(|| Mutex::new(vec![]));\nCACHE.lock().unwrap().§",
                "push",
            ),
            ("let mut it = numbers.iter().peekable(); it.§", "peek"),
            ("let mut it = numbers.iter().peekable(); it.peek().unwrap().§", "pow"),
            ("numbers.clone().§", "push"),
            ("println!(\"{}\", numbers.§)", "len"),
            ("(&numbers[1..]).§", "first"),
            ("let s = &mut String::new(); s.§", "push_str"),
            ("let (tx, rx) = mpsc::channel::<String>(); match rx.recv() { Ok(v) => v.§", "push_str"),
            ("let (tx, rx) = mpsc::channel::<String>(); while let Ok(v) = rx.recv() { v.§", "push_str"),
            ("let (tx, rx) = mpsc::channel::<String>(); for v in rx { v.§", "push_str"),
            ("numbers.iter().map(|n| n.to_string()).collect::<Vec<_>>().join(\", \").§", "push_str"),
            ("let (a, b) = numbers.split_at(2); a.§", "first"),
            ("let total: u64 = numbers.iter().sum(); total.§", "pow"),
            ("let best = numbers.iter().max_by_key(|n| n.count_ones()); best.unwrap().§", "pow"),
            ("let l = RwLock::new(vec![1u8]); l.read().unwrap().§", "iter"),
            ("let g = counter.lock().unwrap_or_else(|e| e.into_inner()); g.§", "abs"),
            ("if let Ok(mut g) = counter.lock() { g.§", "abs"),
            ("let parts: Vec<&str> = text.split(',').collect(); parts.§", "join"),
            (
                "let m: std::collections::BTreeMap<String, Vec<u8>> = Default::default(); for (k, v) in &m { v.§",
                "first",
            ),
            (
                "let mut m = std::collections::HashMap::<String, Vec<u8>>::new(); m.entry(\"a\".into()).or_default().§",
                "push",
            ),
            ("let b: Box<dyn Area> = make(); b.§", "double"),
            ("fn area_of(shapes: &[Box<dyn Area>]) -> f64 { shapes.iter().map(|s| s.§", "area"),
            (
                "struct Counter { n: u32 }\nimpl Iterator for Counter { type Item = u32; fn next(&mut self) -> Option<u32> { None } }\nlet c = Counter { n: 0 };\nc.take(3).map(|x| x.§",
                "pow",
            ),
            (
                "struct Counter { n: u32 }\nimpl Iterator for Counter { type Item = u32; fn next(&mut self) -> Option<u32> { None } }\nfor x in (Counter { n: 0 }) { x.§",
                "pow",
            ),
            ("async fn get() -> String { String::new() }\nget().await.§", "push_str"),
            ("async fn get() -> String { String::new() }\nget().§", "await"),
            ("let f = |a: u8| a.to_string(); f(1).§", "push_str"),
            ("origin.clone().§", "x"),
            ("Some(origin).map(|p| p.§", "x"),
            ("let Point { x, y } = origin; x.§", "sqrt"),
            ("match Shape::Dot { Shape::Circle(r) => r.§", "sqrt"),
            ("match Shape::Dot { Shape::Box { side } => side.§", "sqrt"),
            ("let x = numbers\n    .iter()\n    .copied()\n    .§\nlet y = 2;", "sum"),
            ("let path = std::env::current_dir()?.join(\"a\"); path.§", "exists"),
            ("for entry in std::fs::read_dir(\".\")? { let entry = entry?; entry.path().§", "file_name"),
            ("let out = Command::new(\"ls\").output()?; String::from_utf8_lossy(&out.stdout).§", "trim"),
            ("let array = [1.5, 2.5]; array.iter().§", "enumerate"),
            ("[[0u8; 3]; 3][0].§", "len"),
            ("'a'.§", "is_alphabetic"),
            ("let n = text.len() as f64; n.§", "sqrt"),
            ("let c = text.chars().next().unwrap(); c.§", "is_digit"),
            ("let r = 1..10; r.§", "contains"),
            ("let o: Option<&str> = None; o.§", "unwrap_or"),
            ("let w = Arc::downgrade(&counter); w.§", "upgrade"),
        ] {
            has(&format!("{uses}{code}"), &[expected]);
        }
    }

    #[test]
    fn items_without_readable_text_complete_by_name() {
        let made = Item { name: "made_by_macro".into(), kind: "fn", source: "make!(made_by_macro);".into(), cell: 3 };
        let scope = Scope { items: vec![made], ..Scope::default() };
        let found = here(&scope, &[], "made", 4).matches;
        assert_eq!(found.iter().map(|item| item.text.as_str()).collect::<Vec<_>>(), ["made_by_macro"]);
    }

    #[test]
    fn thread_locals_have_their_methods() {
        has(
            "thread_local! { static SEEN: RefCell<Vec<u8>> = RefCell::default(); }\nSEEN.§",
            &["with", "with_borrow_mut"],
        );
        has(
            "thread_local! { static SEEN: RefCell<Vec<u8>> = RefCell::default(); }\nSEEN.with_borrow_mut(|seen| seen.§",
            &["push"],
        );
    }

    #[test]
    fn the_preludes_names() {
        has("disp§", &["display"]);
        assert_eq!(signature("Html§", "Html"), "struct");
        assert_eq!(signature("seconds§", "seconds"), "fn seconds() -> f64");
        has("MimeBundle::new().§", &["with"]);
    }

    #[test]
    fn paths() {
        has("Point::§", &["new", "ZERO", "len"]);
        has("Shape::§", &["Dot", "Circle", "Box"]);
        has("String::§", &["new", "from_utf8", "with_capacity"]);
        has("std::§", &["thread", "sync", "collections"]);
        has("std::thread::§", &["spawn", "sleep", "JoinHandle"]);
        has("use std::sync::{Arc, §", &["Mutex", "mpsc", "self"]);
        has("use std::thread;\nthread::sp§", &["spawn"]);
        has("use std::sync::atomic::Ordering;\nOrdering::§", &["Relaxed", "SeqCst"]);
        has("std::sync::atomic::Ordering::§", &["Acquire"]);
        has("Duration::from_§", &["from_secs", "from_millis"]);
        has("u8::§", &["MAX", "from_str_radix"]);
        has("Vec::<u8>::§", &["with_capacity"]);
        has("use ray§", &["rayon"]);
        has("mod shapes { pub fn area() {} }\nshapes::§", &["area"]);
        has("crate::§", &["Point", "numbering"]);
        has("impl Point { fn f() { Self::§", &["new"]);
        assert_eq!(signature("Vec::<u8>::with§", "with_capacity"), "fn with_capacity(capacity: usize) -> Vec<u8>");
    }

    #[test]
    fn fields_derives_attributes_and_magics() {
        assert_eq!(texts("Point { §"), ["x", "y"]);
        assert_eq!(texts("Point { x: 1., §"), ["y"]);
        assert_eq!(texts("Shape::Box { §"), ["side"]);
        assert_eq!(texts("impl Point { fn a() { Self { §"), ["x", "y"]);
        has("#[derive(§", &["Debug", "Clone", "Serialize"]);
        assert_eq!(texts("#[derive(Has§"), ["Hash"]);
        has("#[al§", &["allow"]);
        assert_eq!(texts("%§"), ["%%time", "%time", "%timeit"]);
        assert_eq!(texts("let x = 1;\n%§"), ["%time", "%timeit"]);
        assert_eq!(texts(":§"), [":dep"]);
        has("%time numbers.§", &["push"]);
    }

    #[test]
    fn nothing_in_strings_and_comments() {
        for code in ["\"numb§", "// numb§", "/* numb§", "let x = 1§", "fn numb§"] {
            assert_eq!(at(code).matches, [], "{code}");
        }
    }

    #[test]
    fn no_text_stands_twice() {
        for code in ["§", "numbers.§", "counter.§", "String::§", "use std::sync::Arc;\nA§"] {
            let texts = texts(code);
            let unique: HashSet<_> = texts.iter().collect();
            assert_eq!(unique.len(), texts.len(), "{code}");
        }
    }

    #[test]
    fn a_cursor_off_the_text_or_inside_a_character_does_no_harm() {
        assert_eq!(complete(&scope(), MAGICS, "ä", 1).matches, complete(&scope(), MAGICS, "ä", 0).matches);
        assert_eq!(complete(&scope(), MAGICS, "numb", 99).end, 4);
    }
}
