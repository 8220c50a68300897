//! Tests of the variables in sight.

use super::*;
use crate::language::known::Known;
use crate::language::scope::{Scope, Variable};

/// The locals at the end of the code, the newest first, as `name: type`.
fn locals(code: &str) -> Vec<String> {
    let variable = |name: &str, type_name: &str| Variable {
        name: name.into(),
        type_name: type_name.into(),
        mutable: false,
        cell: 1,
    };
    let scope = Scope {
        variables: vec![
            variable("words", "std::vec::Vec<std::string::String>"),
            variable("ages", "std::collections::HashMap<std::string::String, u32>"),
        ],
        ..Scope::default()
    };
    let known = Known::new(&scope, code);
    let mut guess = Guess::new(&known, &scope);
    find(&mut guess, code, code.len());
    guess.locals.iter().rev().map(|(name, ty)| format!("{name}: {ty}")).collect()
}

#[test]
fn lets_of_all_kinds() {
    assert_eq!(locals("let v = vec![1u8]; let s = String::new();"), ["s: String", "v: Vec<u8>"]);
    assert_eq!(locals("let (a, mut b): (u8, &str) = x;"), ["b: &str", "a: u8"]);
    assert_eq!(locals("let n: Vec<_> = words.iter().map(|w| w.len()).collect(); "), ["n: Vec<usize>"]);
    assert_eq!(locals("let Some(w) = words.first() else { return };"), ["w: &String"]);
    assert_eq!(locals("let x = 1; let x = \"a\";"), ["x: &str", "x: i32"]);
    assert_eq!(locals("let later; let open = 1"), ["later: _"]);
}

#[test]
fn blocks_end_their_variables() {
    assert_eq!(locals("let a = 1; { let b = 2; }"), ["a: i32"]);
    assert_eq!(locals("{ let b = 2; "), ["b: i32"]);
    assert_eq!(locals("for w in &words { "), ["w: &String"]);
    assert_eq!(locals("for (i, w) in words.iter().enumerate() { "), ["w: &String", "i: usize"]);
    assert_eq!(locals("for (name, age) in &ages { "), ["age: &u32", "name: &String"]);
    assert_eq!(locals("for i in 0..words.len() { "), ["i: usize"]);
    assert_eq!(locals("if let Some(age) = ages.get(\"x\") { "), ["age: &u32"]);
    assert_eq!(locals("if let Some(age) = ages.get(\"x\") { } "), Vec::<String>::new());
    assert_eq!(
        locals("while let Some(w) = words.pop() && let Some(c) = w.chars().next() { "),
        ["c: char", "w: String"]
    );
}

#[test]
fn arms_have_their_own_variables() {
    assert_eq!(locals("match words.first() { Some(w) => "), ["w: &String"]);
    assert_eq!(locals("match ages.get(\"a\") { Some(age) if *age > 1 => 1, None => "), Vec::<String>::new());
    assert_eq!(locals("match \"1\".parse::<u8>() { Ok(n) => { f(n) } Err(e) => { "), ["e: _"]);
    assert_eq!(locals("enum S { C { r: f64 }, Q(u8) } match S::Q(1) { S::Q(side) => side, S::C { r } => "), ["r: f64"]);
}

#[test]
fn functions_and_methods() {
    assert_eq!(locals("fn f(a: u8, (b, c): (i8, char)) -> u8 { "), ["c: char", "b: i8", "a: u8"]);
    assert_eq!(locals("struct P; impl P { fn f(&self, o: Self) { "), ["o: P", "self: P"]);
    assert_eq!(
        locals("fn f<T: Iterator<Item = u8>>(it: T) { for x in it { "),
        ["x: u8", "it: impl Iterator<Item = u8>"]
    );
    assert_eq!(locals("fn f(a: u8) {} "), Vec::<String>::new());
}

#[test]
fn closures_know_their_parameters() {
    assert_eq!(locals("words.iter().map(|w| "), ["w: &String"]);
    assert_eq!(locals("words.iter().fold(0, |n, w| "), ["w: &String", "n: i32"]);
    assert_eq!(locals("std::thread::scope(|s| { "), ["s: &Scope"]);
    assert_eq!(locals("let f = |x: u8| x; "), ["f: Fn(u8) -> u8"]);
    assert_eq!(locals("words.iter().map(|w| w.len()); "), Vec::<String>::new());
    assert_eq!(locals("words.sort_by(|a, b| "), ["b: &String", "a: &String"]);
}
