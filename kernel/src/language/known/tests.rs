//! Tests of what is known by name.

use super::*;
use crate::language::scope;

fn names(code: &str) -> Vec<(String, &'static str)> {
    Known::new(&Scope::default(), code)
        .definitions
        .into_iter()
        .filter(|definition| definition.place == Place::Here)
        .map(|definition| (definition.name, definition.kind))
        .collect()
}

#[test]
fn items_are_found_between_statements() {
    let code = "let x = 1;\n/// A point.\n#[derive(Clone)]\npub struct P { x: u8 }\nimpl P { fn f(&self) {} }\n%who\nx.f();\nfn g() {} const N: u8 = 1;\nstatic S: [u8; 2] = { [1, 2] }; x";
    assert_eq!(
        names(code),
        [
            ("P".into(), "struct"),
            ("P".into(), "impl"),
            ("g".into(), "fn"),
            ("N".into(), "const"),
            ("S".into(), "static")
        ]
    );
}

#[test]
fn an_unfinished_body_does_not_hide_its_impl() {
    let code = "struct P;\nimpl P {\n    fn a(&self) -> u8 { 1 }\n    fn b(&self) { self. }\n}\nfn c() -> u8 { let";
    assert_eq!(names(code), [("P".into(), "struct"), ("P".into(), "impl"), ("c".into(), "fn")]);
    assert_eq!(
        names("struct P;\nimpl P {\n    fn a(&self) -> u8 { 1 }\n    fn b(&self) { self."),
        [("P".into(), "struct"), ("P".into(), "impl")]
    );
}

#[test]
fn docs_derives_and_signatures_are_read() {
    let known = Known::new(
        &Scope::default(),
        "/// Adds.\n/// Twice.\npub fn add<T>(\n    a: T,\n    b: T,\n) -> T { a }\n#[derive(Debug, Clone)] struct P(u8, u8);",
    );
    let add = known.named("add", &["fn"]).expect("add is known");
    assert_eq!(add.docs(), "Adds.\nTwice.");
    assert_eq!(add.signature(), "fn add<T>(a: T, b: T) -> T");
    let point = known.named("P", &[]).expect("P is known");
    assert_eq!(point.derives(), ["Debug", "Clone"]);
    assert_eq!(point.signature(), "struct P(u8, u8)");
}

#[test]
fn thread_locals_are_statics() {
    let known = Known::new(
        &Scope::default(),
        "thread_local! {\n    static A: Cell<u8> = const { Cell::new(1) };\n    pub static B: RefCell<Vec<u8>> = RefCell::default()\n}",
    );
    let signature = |name: &str| known.named(name, &["static"]).map(Definition::signature);
    assert_eq!(signature("A").as_deref(), Some("static A: std::thread::LocalKey<Cell<u8>>"));
    assert_eq!(signature("B").as_deref(), Some("static B: std::thread::LocalKey<RefCell<Vec<u8>>>"));
}

#[test]
fn imports_are_resolved() {
    let scope = Scope {
        items: vec![scope::Item {
            name: "use".into(),
            kind: "use",
            source: "use std::sync::{self, mpsc as channel, Arc};".into(),
            cell: 1,
        }],
        ..Scope::default()
    };
    let known = Known::new(&scope, "use std::collections::*;");
    assert_eq!(known.resolve("Arc"), "std::sync::Arc");
    assert_eq!(known.resolve("channel::Sender"), "std::sync::mpsc::Sender");
    assert_eq!(known.resolve("sync::Mutex"), "std::sync::Mutex");
    assert_eq!(known.resolve("HashMap"), "std::collections::HashMap");
    assert_eq!(known.resolve("Mine"), "Mine");
}

#[test]
fn an_unfinished_thread_local_is_passed_over() {
    let known = Known::new(&Scope::default(), "thread_local! { static A = 1: u8; static B: u8 = 2; }");
    assert!(known.named("A", &[]).is_none());
    assert!(known.named("B", &["static"]).is_some());
}

#[test]
fn what_stands_in_a_module_is_known_there() {
    let known = Known::new(
        &Scope::default(),
        "mod shapes { pub struct Circle; pub fn area() -> f64 { 1. } pub mod deep { pub fn f() {} } }",
    );
    let inside = |path: &[&str]| {
        let path: Vec<String> = path.iter().map(|name| name.to_string()).collect();
        let mut names: Vec<String> = known
            .in_module(&path)
            .filter(|definition| definition.place == Place::Here)
            .map(|definition| definition.name.clone())
            .collect();
        names.sort();
        names
    };
    assert_eq!(inside(&[]), ["shapes"]);
    assert_eq!(inside(&["shapes"]), ["Circle", "area", "deep"]);
    assert_eq!(inside(&["shapes", "deep"]), ["f"]);
}
