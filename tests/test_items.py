"""Items: functions, types, traits, impls, modules, imports, in any order and any cell."""

import pytest

NOTEBOOKS = {
    "functions_in_any_order": """
        fn a() -> i32 { b() + 1 }
        fn b() -> i32 { 41 }
        ---
        println!("{}", a());
        fn unused_helper() {}
        //> 42
        """,
    "statements_before_the_items_they_use": """
        let p = Point { x: later() };
        struct Point { x: i32 }
        fn later() -> i32 { 3 }
        p.x
        //=> 3
        """,
    "mutual_recursion_across_a_redefinition": """
        fn even(n: u32) -> bool { n == 0 || odd(n - 1) }
        fn odd(n: u32) -> bool { n != 0 && even(n - 1) }
        ---
        (even(10), odd(7), even(3))
        //=> (true, true, false)
        """,
    "impl_in_a_later_cell": """
        #[derive(Debug, Clone, PartialEq)]
        struct Account { balance: i64 }
        let mut a = Account { balance: 10 };
        ---
        impl Account { fn deposit(&mut self, amount: i64) { self.balance += amount; } }
        ---
        a.deposit(5);
        a
        //=> Account { balance: 15 }
        ---
        impl std::fmt::Display for Account {
            fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result { write!(f, "{} €", self.balance) }
        }
        ---
        impl std::ops::Add for Account { type Output = Account; fn add(self, o: Account) -> Account { Account { balance: self.balance + o.balance } } }
        ---
        println!("{}", a.clone() + a.clone());
        //> 30 €
        """,
    "traits_and_their_objects": """
        trait Shape { fn area(&self) -> f64; fn name(&self) -> String { "shape".into() } }
        struct Square(f64);
        struct Circle { r: f64 }
        ---
        impl Shape for Square { fn area(&self) -> f64 { self.0 * self.0 } fn name(&self) -> String { "square".into() } }
        impl Shape for Circle { fn area(&self) -> f64 { 3.0 * self.r * self.r } }
        ---
        let shapes: Vec<Box<dyn Shape>> = vec![Box::new(Square(2.0)), Box::new(Circle { r: 1.0 })];
        ---
        shapes.iter().map(|s| format!("{} {}", s.name(), s.area())).collect::<Vec<_>>()
        //=> ["square 4", "shape 3"]
        """,
    "an_own_trait_for_foreign_types": """
        trait Double { fn double(&self) -> Self; }
        ---
        impl Double for i32 { fn double(&self) -> i32 { self * 2 } }
        impl Double for String { fn double(&self) -> String { self.repeat(2) } }
        impl<T: Clone> Double for Vec<T> { fn double(&self) -> Vec<T> { [&self[..], &self[..]].concat() } }
        ---
        (4.double(), "ab".to_string().double(), vec![1, 2].double())
        //=> (8, "abab", [1, 2, 1, 2])
        """,
    "blanket_impls_and_supertraits": """
        use std::fmt::Debug;
        trait Shout: Debug { fn shout(&self) -> String { format!("{self:?}!").to_uppercase() } }
        impl<T: Debug> Shout for T {}
        ---
        ("a".shout(), Some(1).shout())
        //=> ("\\"A\\"!", "SOME(1)!")
        """,
    "associated_types_and_consts": """
        trait Animal { const LEGS: u32; type Food: Default + std::fmt::Debug; fn eat(&self) -> Self::Food { Default::default() } }
        struct Dog;
        impl Animal for Dog { const LEGS: u32 = 4; type Food = String; }
        ---
        (Dog::LEGS, Dog.eat(), <Dog as Animal>::LEGS * 2)
        //=> (4, "", 8)
        """,
    "generics_with_where": """
        fn largest<T>(items: &[T]) -> Option<&T> where T: PartialOrd {
            let mut best = items.first()?;
            for item in items { if item > best { best = item } }
            Some(best)
        }
        fn apply<F, A, B>(f: F, a: A) -> B where F: FnOnce(A) -> B { f(a) }
        ---
        (largest(&[1.5, 9.0, 3.0]), largest::<u8>(&[]), apply(|s: &str| s.len(), "four"))
        //=> (Some(9.0), None, 4)
        """,
    "const_generics": """
        #[derive(Debug)]
        struct Matrix<const R: usize, const C: usize>([[f64; C]; R]);
        impl<const R: usize, const C: usize> Matrix<R, C> {
            fn transpose(&self) -> Matrix<C, R> { let mut m = Matrix([[0.0; R]; C]); for r in 0..R { for c in 0..C { m.0[c][r] = self.0[r][c]; } } m }
        }
        let m = Matrix([[1.0, 2.0, 3.0]]);
        ---
        m.transpose()
        //=> Matrix([[1.0], [2.0], [3.0]])
        """,
    "consts_and_const_fns": """
        const SIZE: usize = square(4);
        const fn square(n: usize) -> usize { n * n }
        const NAMES: [&str; 2] = ["a", "b"];
        ---
        let table = [0u8; SIZE];
        (table.len(), NAMES)
        //=> (16, ["a", "b"])
        ---
        const SIZE: usize = 3;
        ---
        ([0u8; SIZE], table.len())
        //=> ([0, 0, 0], 16)
        """,
    "derives": """
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        enum Suit { #[default] Clubs, Hearts }
        ---
        use std::collections::BTreeMap;
        let mut m = BTreeMap::new();
        m.insert(Suit::Hearts, 2);
        m.insert(Suit::default(), 1);
        m
        //=> {Clubs: 1, Hearts: 2}
        """,
    "serde_derives": """
        use serde::{Deserialize, Serialize};
        #[derive(Debug, Serialize, Deserialize, PartialEq)]
        struct Config { name: String, #[serde(default)] tags: Vec<String> }
        ---
        let c: Config = serde_json::from_str(r#"{"name": "x"}"#)?;
        ---
        serde_json::to_string(&c)?
        //=> "{\\"name\\":\\"x\\",\\"tags\\":[]}"
        """,
    "enums_and_matching": """
        #[derive(Debug)]
        enum Expr { Num(f64), Add(Box<Expr>, Box<Expr>), Neg { inner: Box<Expr> } }
        use Expr::*;
        ---
        fn eval(e: &Expr) -> f64 { match e { Num(n) => *n, Add(a, b) => eval(a) + eval(b), Neg { inner } => -eval(inner) } }
        ---
        eval(&Add(Box::new(Num(2.0)), Box::new(Neg { inner: Box::new(Num(5.0)) })))
        //=> -3.0
        ---
        match 42u8 { 0 => "zero", n @ 1..=9 if n % 2 == 1 => "odd digit", 10 | 20 | 30 => "tens", _ => "other" }
        //=> "other"
        """,
    "modules": """
        pub mod bank {
            pub mod inner { pub fn secret() -> u8 { super::helper() + 1 } }
            fn helper() -> u8 { 41 }
            #[derive(Debug, Default)]
            pub struct Vault { pub gold: u32 }
            pub const OPEN: bool = true;
        }
        mod private { pub fn f() -> &'static str { "private module" } }
        let v = bank::Vault { gold: 3 };
        ---
        (bank::inner::secret(), private::f(), bank::OPEN, &v)
        //=> (42, "private module", true, Vault { gold: 3 })
        ---
        use bank::{inner::secret as whisper, *};
        ---
        (whisper(), Vault::default(), v.gold)
        //=> (42, Vault { gold: 0 }, 3)
        """,
    "paths_from_the_crate_root": """
        fn top() -> u8 { 1 }
        mod m { pub fn f() -> u8 { crate::top() + super::top() + self::g() } fn g() -> u8 { 1 } }
        ---
        m::f() + crate::top()
        //=> 4
        """,
    "use_of_all_forms": """
        use std::collections::HashMap as Map;
        use std::fmt::{self, Write as _, Display};
        use std::{cmp::{max, min}, mem};
        use ::std::rc::Rc;
        use std::sync::atomic::{AtomicUsize, Ordering::*};
        ---
        let mut s = String::new();
        write!(s, "{}", max(1, 2)).unwrap();
        let mut m: Map<u8, Rc<str>> = Map::new();
        m.insert(min(3, 4), "x".into());
        fn show(d: impl Display) -> Result<String, fmt::Error> { Ok(d.to_string()) }
        let mut a = 1; let old = mem::replace(&mut a, 2);
        (s, m, show(5), old, a, AtomicUsize::new(3).load(SeqCst))
        //=> ("2", {3: "x"}, Ok("5"), 1, 2, 3)
        """,
    "use_inside_a_block": """
        let n = { use std::f64::consts::PI; PI.floor() };
        ---
        n
        //=> 3.0
        ---
        PI
        //! E0425
        """,
    "main_is_defined_and_called": """
        fn main() { println!("in main"); }
        ---
        main()
        //> in main
        ---
        fn main() -> Result<(), String> { Err("sorry".into()) }
        ---
        main()
        //=> Err("sorry")
        ---
        main()?
        //! sorry
        """,
    "names_that_generated_code_could_use": """
        fn run() -> u8 { 1 }
        fn keep() -> u8 { 2 }
        fn result() -> u8 { 3 }
        fn catch() -> u8 { 4 }
        fn body() -> u8 { 5 }
        fn enter() -> u8 { 6 }
        ---
        let store = 7; let entry = 8; let value = 9; let ending = 10;
        ---
        (run(), keep(), result(), catch(), body(), enter(), store, entry, value, ending)
        //=> (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
        """,
    "own_types_with_the_preludes_names": """
        #[derive(Debug)] struct Thread { id: u8 }
        #[derive(Debug)] struct Html(u8);
        #[derive(Debug)] struct Rich;
        fn sleep() -> &'static str { "my own" }
        fn input() -> u8 { 1 }
        ---
        (Thread { id: 1 }, Html(2), Rich, sleep(), input())
        //=> (Thread { id: 1 }, Html(2), Rich, "my own", 1)
        """,
    "own_types_with_the_names_of_std": """
        #[derive(Debug, PartialEq)] enum Option<T> { Some(T), None }
        #[derive(Debug)] struct Vec(u8);
        #[derive(Debug)] struct String;
        #[derive(Debug)] struct Result;
        ---
        let v = Vec(1); let s = String;
        ---
        (v, s, Result, Option::Some(2), Option::<u8>::None)
        //=> (Vec(1), String, Result, Some(2), None)
        """,
    "unions_externs_and_unsafe": """
        #[repr(C)] union Bits { float: f32, int: u32 }
        unsafe extern "C" { fn abs(n: i32) -> i32; safe fn labs(n: i64) -> i64; }
        extern "C" fn callback(n: i32) -> i32 { n + 1 }
        static mut COUNTER: u32 = 0;
        ---
        unsafe { COUNTER += 1; COUNTER += 1; }
        ---
        let b = Bits { float: 1.0 };
        unsafe { (format!("{:x}", b.int), abs(-4), labs(-5), callback(1), COUNTER) }
        //=> ("3f800000", 4, 5, 2, 2)
        """,
    "type_aliases_and_newtypes": """
        type Grid = Vec<Vec<char>>;
        type Res<T> = std::result::Result<T, Box<dyn std::error::Error>>;
        struct Meters(f64);
        impl std::ops::Deref for Meters { type Target = f64; fn deref(&self) -> &f64 { &self.0 } }
        impl From<f64> for Meters { fn from(x: f64) -> Self { Meters(x) } }
        ---
        let g: Grid = vec![vec!['x'; 2]];
        let parse = |s: &str| -> Res<u8> { Ok(s.parse()?) };
        let m: Meters = 3.25.into();
        (g, parse("7")?, m.fract())
        //=> ([['x', 'x']], 7, 0.25)
        """,
    "iterators_of_ones_own": """
        struct Fib { a: u64, b: u64 }
        impl Iterator for Fib { type Item = u64; fn next(&mut self) -> Option<u64> { let r = self.a; self.a = self.b; self.b += r; Some(r) } }
        let mut fib = Fib { a: 0, b: 1 };
        ---
        fib.by_ref().take(5).collect::<Vec<_>>()
        //=> [0, 1, 1, 2, 3]
        ---
        fib.next()
        //=> Some(5)
        """,
    "operators_index_and_closures_in_structs": """
        struct Poly(Vec<f64>);
        impl std::ops::Index<usize> for Poly { type Output = f64; fn index(&self, i: usize) -> &f64 { &self.0[i] } }
        impl std::ops::IndexMut<usize> for Poly { fn index_mut(&mut self, i: usize) -> &mut f64 { &mut self.0[i] } }
        struct Button<F: Fn(u8) -> u8> { action: F }
        struct Dynamic { action: Box<dyn FnMut() -> u8> }
        ---
        let mut p = Poly(vec![1.0, 2.0]);
        let mut n = 0;
        let mut d = Dynamic { action: Box::new(move || { n += 1; n }) };
        ---
        p[0] = 5.0;
        ((d.action)(), (d.action)(), p[0], (Button { action: |x| x * 2 }.action)(4))
        //=> (1, 2, 5.0, 8)
        """,
    "items_within_functions": """
        fn outer() -> u8 { struct Inner(u8); impl Inner { fn get(&self) -> u8 { self.0 } } const N: u8 = 2; fn nested() -> u8 { 3 } Inner(N + nested()).get() }
        ---
        outer()
        //=> 5
        """,
    "attributes_on_the_cell": """
        #![allow(unused_must_use)]
        #![allow(non_snake_case)]
        let BadName = 1;
        Err::<u8, u8>(1);
        BadName
        //=> 1
        """,
    "generic_trait_objects_and_dyn_any": """
        use std::any::Any;
        let things: Vec<Box<dyn Any + Send>> = vec![Box::new(1i32), Box::new("str")];
        ---
        (things[0].downcast_ref::<i32>(), things[1].is::<&str>())
        //=> (Some(1), true)
        """,
    "a_builder_and_method_chains": """
        #[derive(Default, Debug, Clone)] struct Request { url: String, tries: u8 }
        impl Request { fn url(mut self, u: impl Into<String>) -> Self { self.url = u.into(); self } fn tries(mut self, n: u8) -> Self { self.tries = n; self } }
        ---
        let r = Request::default()
            .url("http://x")
            .tries(3);
        ---
        r
        //=> Request { url: "http://x", tries: 3 }
        """,
    "an_item_and_its_error_is_not_kept": """
        fn broken() -> u8 { "no number" }
        //! E0308
        ---
        broken()
        //! E0425
        ---
        fn broken() -> u8 { 1 }
        ---
        broken()
        //=> 1
        """,
    "items_of_a_cell_that_panics_are_kept": """
        fn helper() -> u8 { 9 }
        panic!("after the items");
        //! after the items
        ---
        helper()
        //=> 9
        """,
}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook(fresh, name):
    fresh.notebook(NOTEBOOKS[name])
