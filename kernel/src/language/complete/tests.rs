//! Tests of completion.

use super::*;
use crate::language::scope::{Item, Variable};

const MAGICS: &[Magic] = &[
    Magic { name: "%time", help: "Times a statement.", page: "Times a statement.", options: &[] },
    Magic {
        name: "%timeit",
        help: "Times a statement, often.",
        page: "",
        options: &[("-n N", "loops"), ("-q", "quiet")],
    },
    Magic { name: "%%time", help: "Times the cell.", page: "", options: &[] },
    Magic { name: ":dep", help: "Adds a crate.", page: "", options: &[] },
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
            item("Area", "trait", "trait Area { fn area(&self) -> f64; fn double(&self) -> f64 { 2. * self.area() } }"),
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
        ..Scope::default()
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
    assert_eq!(signature("hits.fetch_ad§", "fetch_add"), "fn fetch_add(&self, value: usize, order: Ordering) -> usize");
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
        ("let m: std::collections::BTreeMap<String, Vec<u8>> = Default::default(); for (k, v) in &m { v.§", "first"),
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
    has("thread_local! { static SEEN: RefCell<Vec<u8>> = RefCell::default(); }\nSEEN.§", &["with", "with_borrow_mut"]);
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
    assert_eq!(signature("sleep§", "sleep"), "fn sleep(seconds: f64)");
    assert_eq!(signature("use std::thread::*;\nsleep§", "sleep"), "std::thread::sleep");
    assert_eq!(texts("use std::sync::*;\nBarr§").iter().filter(|name| *name == "Barrier").count(), 1);
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
    assert_eq!(texts("%timeit -§"), ["-n", "-q"]);
    assert_eq!(texts("%timeit -q -n 5 -§"), ["-n", "-q"]);
    assert_eq!(signature("%timeit -§", "-n"), "-n N: loops");
    assert_eq!(texts("%timeit 7 -§").first().map(String::as_str), texts("7 -§").first().map(String::as_str));
    assert_eq!(texts("%time -§"), [""; 0]);
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
