//! Tests of inspection.

use super::*;
use crate::language::scope::{Item, Variable};

fn scope() -> Scope {
    Scope {
        variables: vec![Variable {
            name: "numbers".into(),
            type_name: "std::vec::Vec<u64>".into(),
            mutable: true,
            cell: 3,
        }],
        items: vec![
            Item {
                name: "area".into(),
                kind: "fn",
                source: "/// The area.\n///\n/// In square metres.\nfn area(w: f64, h: f64) -> f64 {\n    w * h\n}"
                    .into(),
                cell: 4,
            },
            Item {
                name: "Point".into(),
                kind: "struct",
                source: "/// A place.\nstruct Point {\n    /// To the right.\n    x: f64,\n}".into(),
                cell: 5,
            },
            Item {
                name: "Point".into(),
                kind: "impl",
                source: "impl Point { /// A new one.\n fn new() -> Self { todo!() } }".into(),
                cell: 6,
            },
            Item { name: "shout".into(), kind: "macro", source: "macro_rules! shout { () => {} }".into(), cell: 7 },
            Item { name: "given".into(), kind: "fn", source: "pub fn given() {}".into(), cell: 0 },
        ],
        crates: vec!["rayon".into()],
        ..Scope::default()
    }
}

const MAGICS: &[Magic] =
    &[Magic { name: "%time", help: "Times a statement.", page: "Times a statement.", options: &[] }];

/// The page at `|`.
fn at(code: &str, detail: u8) -> Option<Page> {
    let cursor = code.find('|').expect("a cursor");
    page(&scope(), MAGICS, &code.replacen('|', "", 1), cursor, detail)
}

fn head(code: &str) -> String {
    at(code, 0).unwrap_or_else(|| panic!("nothing about {code}")).head
}

#[test]
fn variables_tell_their_type_and_cell() {
    let page = at("numb|ers", 0).expect("a page");
    assert_eq!(page.head, "let mut numbers: Vec<u64>");
    assert_eq!(page.origin, "variable from In[3]");
    assert_eq!(head("let x = vec![1u8]; x|"), "x: Vec<u8>");
    assert_eq!(head("let x| = vec![1u8];"), "x: Vec<u8>");
    assert_eq!(head("numbers |"), "let mut numbers: Vec<u64>");
}

#[test]
fn a_path_may_begin_with_colons() {
    assert_eq!(head("::st|d::mem::swap(&mut a, &mut b)"), "mod std");
    assert_eq!(head("let x = ) ::numb|ers"), "let mut numbers: Vec<u64>");
}

#[test]
fn what_a_use_brings_comes_before_the_prelude() {
    assert_eq!(at("Barrier|", 0).map(|page| page.origin).as_deref(), Some("struct from the prelude"));
    for code in ["use std::sync::*; Barrier|", "use std::sync::Barrier; Barrier|"] {
        assert_eq!(at(code, 0).map(|page| page.origin).as_deref(), Some("struct std::sync::Barrier"), "{code}");
    }
    assert!(head("use std::thread::*; sle|ep").contains("Duration"));
    assert!(head("use std::thread::*; sec|onds").contains("f64"));
}

#[test]
fn items_tell_their_signature_docs_and_cell() {
    let page = at("area|", 0).expect("a page");
    assert_eq!(page.head, "fn area(w: f64, h: f64) -> f64");
    assert_eq!(page.origin, "function from In[4]");
    assert_eq!(page.docs, "The area.\n\nIn square metres.");
    assert_eq!(page.source, None);
    assert!(at("area|", 1).and_then(|page| page.source).is_some_and(|source| source.contains("w * h")));
    assert_eq!(at("given|", 0).map(|page| page.origin).as_deref(), Some("function from the prelude"));
    assert_eq!(head("shout|!()"), "macro_rules! shout");
}

#[test]
fn inside_a_call_it_is_about_the_call() {
    for code in ["area(|", "area(1.0, |", "area(1.0|, 2.0)", "area(\"a|\")"] {
        assert_eq!(head(code), "fn area(w: f64, h: f64) -> f64", "{code}");
    }
    assert_eq!(head("println!(|)"), "println!(format, …)");
    assert_eq!(head("numbers.push(|"), "fn push(&mut self, value: u64)");
    assert_eq!(head("Point::new(|"), "fn new() -> Self");
    assert_eq!(head("\"1\".parse::<u8>(|"), "fn parse<F>(&self) -> Result<F, F::Err>");
}

#[test]
fn members_are_found_on_their_types() {
    assert_eq!(head("numbers.iter().ma|p(f)"), "fn map<B>(self, f: impl FnMut(&u64) -> B) -> impl Iterator<Item = B>");
    assert_eq!(head("Point::new().x|"), "x: f64");
    assert_eq!(at("Point::new().x|", 0).map(|page| page.docs).as_deref(), Some("To the right."));
    assert_eq!(at("Point::ne|w()", 0).map(|page| page.origin).as_deref(), Some("function of Point, from In[6]"));
}

#[test]
fn std_names_tell_their_page() {
    for (code, address) in [
        ("Ve|c", "https://doc.rust-lang.org/std/vec/struct.Vec.html"),
        ("std::thread::spa|wn", "https://doc.rust-lang.org/std/thread/fn.spawn.html"),
        ("use std::sync::{Arc|, Mutex};", "https://doc.rust-lang.org/std/sync/struct.Arc.html"),
        ("std::sy|nc::Arc", "https://doc.rust-lang.org/std/sync/index.html"),
        ("numbers.pu|sh(1)", "https://doc.rust-lang.org/std/vec/struct.Vec.html#method.push"),
        ("whi|le", "https://doc.rust-lang.org/std/keyword.while.html"),
        ("Som|e(1)", "https://doc.rust-lang.org/std/option/enum.Option.html#variant.Some"),
        (
            "use std::sync::atomic::Ordering;\nOrdering::Rel|axed",
            "https://doc.rust-lang.org/std/sync/atomic/enum.Ordering.html#variant.Relaxed",
        ),
        ("f6|4", "https://doc.rust-lang.org/std/primitive.f64.html"),
        ("use std::collections::HashMap;\nHash|Map", "https://doc.rust-lang.org/std/collections/struct.HashMap.html"),
    ] {
        let page = at(code, 0).unwrap_or_else(|| panic!("nothing about {code}"));
        assert_eq!(page.address.as_deref(), Some(address), "{code}");
        assert!(!page.docs.is_empty(), "{code}");
    }
}

#[test]
fn the_preludes_names_are_explained() {
    assert_eq!(head("display|(x)"), "fn display(value: &(impl Rich + ?Sized))");
    let page = at("Htm|l(x)", 0).expect("a page");
    assert_eq!(page.origin, "struct from the prelude, made by a macro");
    assert!(!page.docs.is_empty());
    // Neither what only the prelude sees nor what rustdoc hides.
    let page = at("ThreadPool|::new(2)", 0).expect("a page");
    assert_eq!(page.head, "struct ThreadPool");
    let shown = page.bundle()["text/markdown"].to_string();
    assert!(shown.contains("ThreadPool::new(2)") && !shown.contains("# use"), "{shown}");
}

#[test]
fn magics_tell_their_help() {
    assert_eq!(at("%ti|me f()", 0).map(|page| page.docs).as_deref(), Some("Times a statement."));
    assert_eq!(head("%time area(|"), "fn area(w: f64, h: f64) -> f64");
}

#[test]
fn nothing_is_known_about_comments_and_strange_names() {
    for code in ["// area|", "\"area|\"", "unheard_of|", "|", "1 + |"] {
        assert_eq!(at(code, 0), None, "{code}");
    }
}

#[test]
fn both_formats_are_there() {
    let bundle = inspect(&scope(), MAGICS, "Point", 2, 0).expect("a page");
    let text = |format: &str| bundle.get(format).and_then(Value::as_str).unwrap_or_default().to_owned();
    assert_eq!(text("text/plain"), "struct Point {\n    x: f64,\n}\n\nstruct from In[5]\n\nA place.");
    assert!(text("text/markdown").starts_with("```rust\nstruct Point {"));
}
