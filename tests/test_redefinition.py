"""What happens when a cell defines anew what is there."""

import pytest

NOTEBOOKS = {
    "a_function": """
        fn f() -> u8 { 1 }
        fn g() -> u8 { f() + 10 }
        ---
        fn f() -> u8 { 2 }
        ---
        (f(), g())
        //=> (2, 12)
        """,
    "a_function_with_another_signature": """
        fn f() -> u8 { 1 }
        fn g() -> u8 { f() }
        ---
        fn f(n: u8) -> String { format!("{n}") }
        ---
        f(3)
        //=> "3"
        ---
        g()
        //! E0061
        //! In[1]:2
        """,
    "the_same_type_once_more_changes_nothing": """
        #[derive(Debug)] struct P { x: i32 }
        let p = P { x: 1 };
        ---
        #[derive(Debug)]
        struct P {
            x: i32, // a comment
        }
        ---
        p
        //=> P { x: 1 }
        """,
    "a_type_drops_its_variables": """
        #[derive(Debug)] struct P { x: i32 }
        let p = P { x: 1 };
        let list = vec![P { x: 2 }];
        let number = 3;
        ---
        #[derive(Debug)] struct P { x: i32, y: i32 }
        //~ `p` was dropped
        //~ `list` was dropped
        //? `number`
        ---
        p
        //! `p` was dropped when In[2] defined `P` anew
        ---
        let p = P { x: number, y: 2 };
        p
        //=> P { x: 3, y: 2 }
        """,
    "a_type_drops_variables_of_types_that_contain_it": """
        #[derive(Debug, Clone)] struct Inner(u8);
        #[derive(Debug, Clone)] struct Outer { inner: Inner }
        #[derive(Debug)] enum Most { One(Box<Outer>) }
        let o = Outer { inner: Inner(1) };
        let m = Most::One(Box::new(o.clone()));
        ---
        #[derive(Debug, Clone)] struct Inner(u8, u8);
        //~ `o` was dropped
        //~ `m` was dropped
        ---
        Outer { inner: Inner(1, 2) }
        //=> Outer { inner: Inner(1, 2) }
        """,
    "a_type_made_and_used_in_the_redefining_cell": """
        #[derive(Debug)] struct T(u8);
        let t = T(1);
        ---
        #[derive(Debug)] struct T(&'static str);
        let t = T("new");
        ---
        t
        //=> T("new")
        """,
    "an_enum_by_a_struct": """
        #[derive(Debug)] enum Thing { A }
        let t = Thing::A;
        ---
        #[derive(Debug)] struct Thing;
        //~ `t` was dropped
        ---
        Thing
        //=> Thing
        """,
    "a_trait_impl": """
        struct S;
        trait Speak { fn speak(&self) -> &'static str; }
        impl Speak for S { fn speak(&self) -> &'static str { "first" } }
        let s = S;
        ---
        impl Speak for S { fn speak(&self) -> &'static str { "second" } }
        ---
        s.speak()
        //=> "second"
        """,
    "an_inherent_method": """
        struct S;
        impl S { fn a(&self) -> u8 { 1 } fn b(&self) -> u8 { 2 } }
        let s = S;
        ---
        impl S { fn a(&self) -> u8 { 10 } }
        ---
        (s.a(), s.b())
        //=> (10, 2)
        """,
    "a_derive_by_an_impl": """
        #[derive(Debug, Clone)] struct S(u8);
        ---
        #[derive(Clone)] struct S(u8);
        impl std::fmt::Debug for S { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { write!(f, "mine {}", self.0) } }
        ---
        S(1).clone()
        //=> mine 1
        """,
    "an_import": """
        use std::collections::HashMap as Map;
        let m: Map<u8, u8> = Map::new();
        ---
        use std::collections::BTreeMap as Map;
        ---
        let n = Map::from([(2, 1), (1, 2)]);
        (n, m.len())
        //=> ({1: 2, 2: 1}, 0)
        """,
    "an_import_by_an_own_type": """
        use std::collections::HashMap;
        ---
        #[derive(Debug)] struct HashMap(u8);
        ---
        HashMap(1)
        //=> HashMap(1)
        """,
    "a_macro": """
        macro_rules! answer { () => { 1 } }
        ---
        macro_rules! answer { () => { 42 } }
        ---
        answer!()
        //=> 42
        """,
    "a_module": """
        mod m { pub fn f() -> u8 { 1 } pub fn g() -> u8 { 1 } }
        ---
        mod m { pub fn f() -> u8 { 2 } }
        ---
        m::f()
        //=> 2
        ---
        m::g()
        //! E0425
        """,
    "a_const_by_a_static_and_a_function_by_a_struct": """
        const N: u8 = 1;
        fn S() {}
        ---
        static N: u8 = 2;
        #[derive(Debug)] struct S(u8);
        ---
        (N, S(N))
        //=> (2, S(2))
        """,
    "a_failed_redefinition_changes_nothing": """
        #[derive(Debug)] struct P(u8);
        fn f() -> u8 { 1 }
        let p = P(1);
        ---
        #[derive(Debug)] struct P(Missing);
        fn f() -> u8 { 2 }
        //! cannot find type `Missing`
        ---
        (p, f())
        //=> (P(1), 1)
        """,
    "a_generic_parameter_is_added": """
        struct W(u8);
        impl W { fn get(&self) -> u8 { self.0 } }
        ---
        struct W<T>(T);
        impl<T: Copy> W<T> { fn get(&self) -> T { self.0 } }
        //~ `impl W` of In[1] was dropped
        ---
        W("x").get()
        //=> "x"
        """,
    "a_cell_run_again": """
        #[derive(Debug, Clone, PartialEq)] enum Op { Push(i32), Pop }
        impl Op { fn size(&self) -> i32 { if let Op::Push(_) = self { 1 } else { -1 } } }
        trait Cost { fn cost(&self) -> i32; }
        impl Cost for Op { fn cost(&self) -> i32 { self.size() * 2 } }
        macro_rules! ops { ($($e:expr),*) => { vec![$($e),*] } }
        const BASE: i32 = 1;
        mod deep { pub const X: i32 = 2; }
        use deep::X as DEEP;
        let all = ops![Op::Push(1), Op::Pop];
        all.iter().map(Cost::cost).sum::<i32>() + BASE + DEEP
        //=> 3
        ---
        #[derive(Debug, Clone, PartialEq)] enum Op { Push(i32), Pop }
        impl Op { fn size(&self) -> i32 { if let Op::Push(_) = self { 1 } else { -1 } } }
        trait Cost { fn cost(&self) -> i32; }
        impl Cost for Op { fn cost(&self) -> i32 { self.size() * 2 } }
        macro_rules! ops { ($($e:expr),*) => { vec![$($e),*] } }
        const BASE: i32 = 1;
        mod deep { pub const X: i32 = 2; }
        use deep::X as DEEP;
        let all = ops![Op::Push(1), Op::Pop];
        all.iter().map(Cost::cost).sum::<i32>() + BASE + DEEP
        //=> 3
        ---
        all
        //=> [Push(1), Pop]
        """,
}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook(fresh, name):
    fresh.notebook(NOTEBOOKS[name])
