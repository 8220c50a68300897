//! Tests of what stands at the cursor.

use super::*;

/// The context at `|`.
fn context(code: &str) -> Context {
    let cursor = code.find('|').expect("a cursor");
    at(&code.replacen('|', "", 1), cursor).context
}

fn receiver(code: &str) -> String {
    match context(code) {
        Context::Member { receiver } => code.replacen('|', "", 1)[receiver].to_owned(),
        other => panic!("{code}: {other:?}"),
    }
}

#[test]
fn receivers_are_whole_expressions() {
    for (code, expected) in [
        ("let a = v.|", "v"),
        ("v.le|", "v"),
        ("f(a).b.|", "f(a).b"),
        ("x + a.b(c)[1]?.|", "a.b(c)[1]?"),
        ("Vec::<u8>::new().|", "Vec::<u8>::new()"),
        ("v.iter().collect::<Vec<_>>().|", "v.iter().collect::<Vec<_>>()"),
        ("vec![1, 2].|", "vec![1, 2]"),
        ("\"text\".|", "\"text\""),
        ("t.0.|", "t.0"),
        ("t.0.1.|", "t.0.1"),
        ("&mut v.|", "v"),
        ("(1 + 2).|", "(1 + 2)"),
        ("if x { self.|", "self"),
        ("v\n    .iter()\n    .|", "v\n    .iter()"),
        ("return a.|", "a"),
        ("P { x: 1 }.|", "P { x: 1 }"),
        ("f().await.|", "f().await"),
        ("std::env::args().|", "std::env::args()"),
        ("%time v.|", "v"),
        ("5.|", "5"),
        ("[1, 2].|", "[1, 2]"),
    ] {
        assert_eq!(receiver(code), expected, "{code}");
    }
}

#[test]
fn paths_are_read_through_braces() {
    let path = |code: &str| match context(code) {
        Context::Path { qualifier, in_use } => (qualifier, in_use),
        other => panic!("{code}: {other:?}"),
    };
    assert_eq!(path("std::sync::|"), ("std::sync".into(), false));
    assert_eq!(path("let x = Vec::<u8>::ne|"), ("Vec::<u8>".into(), false));
    assert_eq!(path("use std::thr|"), ("std".into(), true));
    assert_eq!(path("use std::sync::{Arc, Mu|"), ("std::sync".into(), true));
    assert_eq!(path("use std::{sync::{atomic::|"), ("std::sync::atomic".into(), true));
    assert_eq!(path("use std::{io, sync::{self, |"), ("std::sync".into(), true));
    assert_eq!(path("let a = 1;\nuse std::collections::|;"), ("std::collections".into(), true));
}

#[test]
fn names_fields_derives_and_magics() {
    assert_eq!(context("pri|"), Context::Name { in_use: false });
    assert_eq!(context("let x = |"), Context::Name { in_use: false });
    assert_eq!(context("use st|"), Context::Name { in_use: true });
    assert_eq!(context("#[derive(De|"), Context::Derive);
    assert_eq!(context("#[derive(Debug, |"), Context::Derive);
    assert_eq!(context("#[al|"), Context::Attribute);
    assert_eq!(context("Point { |"), Context::Fields { path: "Point".into(), given: vec![] });
    assert_eq!(
        context("let p = Point { x: f(1, 2), y|"),
        Context::Fields { path: "Point".into(), given: vec!["x".into()] }
    );
    assert_eq!(context("Point { x: |"), Context::Name { in_use: false });
    assert_eq!(context("impl Point { |"), Context::Name { in_use: false });
    assert_eq!(context("fn f() -> Point { |"), Context::Name { in_use: false });
    assert_eq!(context("%ti|"), Context::Magic { first_line: true });
    assert_eq!(context("let x = 1;\n:de|"), Context::Magic { first_line: false });
    assert_eq!(context("let n = a % b|"), Context::Name { in_use: false });
}

#[test]
fn nothing_in_strings_comments_numbers_and_new_names() {
    for code in ["\"pri|", "// v.|", "/* v.|", "'a|", "let x = 12|", "fn na|", "struct |", "r#\"a.|"] {
        assert_eq!(context(code), Context::Nothing, "{code}");
    }
}

#[test]
fn files_in_strings() {
    for code in ["fs::read(\"./da|\")", "\"../|", "\"~/x|", "\"/etc/ho|", "!cat ./da|"] {
        assert_eq!(context(code), Context::File, "{code}");
    }
    for code in ["!ls v|", "%run ex|", "%cd |", ":load a|", "%%writefile -a 'no|", "%%file sub/|"] {
        assert_eq!(context(code), Context::File, "{code}");
    }
    assert_eq!(context("\"a / b|"), Context::Nothing);
}
