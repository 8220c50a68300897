"""Macros: of the person's own, and those whose calls define items for later cells."""

import pytest

NOTEBOOKS = {
    "expressions_and_repetitions": """
        macro_rules! maxi { ($x:expr) => { $x }; ($x:expr, $($rest:expr),+) => {{ let a = $x; let b = maxi!($($rest),+); if a > b { a } else { b } }} }
        ---
        maxi!(3, 9, 4)
        //=> 9
        """,
    "functions": """
        macro_rules! getter { ($name:ident, $value:expr) => { fn $name() -> i32 { $value } } }
        getter!(one, 1);
        getter! { two, 2 }
        ---
        one() + two()
        //=> 3
        ---
        getter!(three, 3);
        ---
        three()
        //=> 3
        """,
    "types_and_impls": """
        macro_rules! newtype { ($name:ident($inner:ty)) => {
            #[derive(Debug, Clone, PartialEq)] struct $name($inner);
            impl From<$inner> for $name { fn from(x: $inner) -> Self { $name(x) } }
        } }
        newtype!(Meters(f64));
        let m: Meters = 2.5.into();
        ---
        newtype!(Name(String));
        let n = Name::from(String::from("x"));
        ---
        (m, n)
        //=> (Meters(2.5), Name("x"))
        """,
    "enums_with_text": """
        macro_rules! colours { ($($name:ident = $text:literal),* $(,)?) => {
            #[derive(Debug, Clone, Copy)] enum Colour { $($name),* }
            impl Colour { const ALL: &'static [Colour] = &[$(Colour::$name),*]; fn text(self) -> &'static str { match self { $(Colour::$name => $text),* } } }
        } }
        ---
        colours! { Red = "rot", Blue = "blau", }
        ---
        Colour::ALL.iter().map(|c| c.text()).collect::<Vec<_>>()
        //=> ["rot", "blau"]
        """,
    "variables": """
        macro_rules! set { ($name:ident, $value:expr) => { let $name = $value; } }
        set!(made, 5);
        made
        //=> 5
        """,
    "modules_constants_and_macros": """
        macro_rules! make { ($m:ident) => { mod $m { pub const N: u8 = 1; } macro_rules! made_by { () => { $m::N + 1 } } } }
        make!(inside);
        ---
        (inside::N, made_by!())
        //=> (1, 2)
        """,
    "a_value_of_a_macro_with_braces": """
        macro_rules! sum { { $($x:expr);* } => { 0 $(+ $x)* } }
        ---
        sum! { 1; 2; 3 }
        //=> 6
        ---
        let s = sum! { 1; 2 };
        s
        //=> 3
        """,
    "hygiene": """
        macro_rules! double { ($x:expr) => {{ let t = $x; t * 2 }} }
        let t = 4;
        ---
        (double!(t + 1), t)
        //=> (10, 4)
        """,
    "standard_macros": """
        let v = vec![1; 3];
        assert_eq!(v.len(), 3);
        assert!(matches!(v[..], [1, ..]), "no");
        format!("{} {}", 1)
        //! 2 positional arguments in format string, but there is 1 argument
        //! In[1]:4:10
        ---
        let v = vec![1; 3];
        let name = stringify!(a + b); let text = concat!("x", 1);
        let s = format!("{v:?} {:>6.1} {:#x} {n:03}", 2.55, 255, n = 7);
        (s, name, text, line!() > 0)
        //=> ("[1, 1, 1]    2.5 0xff 007", "a + b", "x1", true)
        ---
        write!(std::io::stdout(), "no trait")
        //! E0599
        """,
    "thread_local_and_todo": """
        fn later() -> u8 { todo!("in the next lesson") }
        ---
        later()
        //! not yet implemented: in the next lesson
        //! In[1]:1
        """,
    "a_macro_that_implements_a_trait_for_many_types": """
        trait Bits { fn bits(&self) -> u32; }
        macro_rules! bits { ($($t:ty),*) => { $(impl Bits for $t { fn bits(&self) -> u32 { <$t>::BITS } })* } }
        bits!(u8, u16, i64);
        ---
        (1u8.bits(), 1u16.bits(), 1i64.bits())
        //=> (8, 16, 64)
        """,
    "errors_in_a_macro_of_an_earlier_cell": """
        macro_rules! broken { ($x:expr) => { $x.no_such_method() } }
        ---
        broken!(5)
        //! E0599
        //! no_such_method
        //! In[2]
        """,
}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook(fresh, name):
    fresh.notebook(NOTEBOOKS[name])
