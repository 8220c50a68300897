"""Closures live on in later cells, and what they capture with them."""

import pytest

NOTEBOOKS = {
    "fn": """
        let add = |a: i32, b: i32| a + b;
        let offset = 10;
        let shift = move |x: i32| x + offset;
        ---
        (add(1, 2), shift(5))
        //=> (3, 15)
        ---
        (add(3, 4), shift(6), offset)
        //=> (7, 16, 10)
        """,
    "fn_mut": """
        let mut n = 0;
        let mut next = move || { n += 1; n };
        next();
        ---
        next();
        ---
        next()
        //=> 3
        """,
    "fn_once": """
        let text = String::from("only once");
        let give = move || text;
        ---
        give()
        //=> "only once"
        ---
        give()
        //! `give` was moved in In[2]
        """,
    "capturing_an_arc": """
        use std::sync::{Arc, Mutex};
        let total = Arc::new(Mutex::new(0));
        let add = { let total = Arc::clone(&total); move |n: i32| *total.lock().unwrap() += n };
        ---
        add(3);
        add(4);
        ---
        *total.lock().unwrap()
        //=> 7
        """,
    "capturing_an_rc": """
        use std::{cell::Cell, rc::Rc};
        let seen = Rc::new(Cell::new(0));
        let note = { let seen = seen.clone(); move || seen.set(seen.get() + 1) };
        ---
        note(); note();
        seen.get()
        //=> 2
        """,
    "kept_closures_go_to_threads": """
        let square = |x: u64| x * x;
        ---
        let h = std::thread::spawn(move || square(12));
        ---
        h.join().unwrap()
        //=> 144
        """,
    "inferred_arguments": """
        let longest = |words: &[&str]| words.iter().map(|w| w.len()).max();
        let twice = |x| x * 2;
        println!("{}", twice(2u8));
        //> 4
        ---
        (longest(&["a", "abc"]), twice(4))
        //=> (Some(3), 8)
        """,
    "passed_to_generic_functions": """
        fn apply<F: Fn(i32) -> i32>(f: F, x: i32) -> i32 { f(x) }
        fn dynamic(f: &dyn Fn(i32) -> i32) -> i32 { f(1) }
        let triple = |x: i32| x * 3;
        ---
        (apply(&triple, 2), dynamic(&triple), vec![1, 2].into_iter().map(&triple).collect::<Vec<_>>())
        //=> (6, 3, [3, 6])
        """,
    "that_return_closures": """
        let adder = |n: i32| -> Box<dyn Fn(i32) -> i32> { Box::new(move |x: i32| x + n) };
        let five = adder(5);
        five(1)
        //=> 6
        ---
        five(2) + adder(1)(1)
        //=> 9
        """,
    "that_borrow_a_variable_are_told": """
        let data = vec![1, 2, 3];
        let has = |n: i32| data.contains(&n);
        has(2)
        //=> true
        //~ `has` is not kept for later cells
        ---
        has(1)
        //! `has` was not kept after In[1]
        ---
        data
        //=> [1, 2, 3]
        """,
    "used_after_a_mutation_of_a_copy": """
        let mut base = 1;
        let f = move || base + 1;
        base = 100;
        (f(), base)
        //=> (2, 100)
        ---
        f()
        //=> 2
        """,
    "calling_functions_and_items_of_the_notebook": """
        fn helper(x: u8) -> u8 { x + 1 }
        let call = |x: u8| helper(x);
        ---
        fn helper(x: u8) -> u8 { x + 100 }
        ---
        (call(1), helper(1))
        //=> (2, 101)
        """,
    "boxed_by_hand": """
        use std::collections::HashMap;
        let mut table: HashMap<&str, Box<dyn Fn(f64, f64) -> f64>> = HashMap::new();
        table.insert("+", Box::new(|a, b| a + b));
        ---
        table.insert("*", Box::new(|a, b| a * b));
        ---
        (table["+"](2.0, 3.0), table["*"](2.0, 3.0))
        //=> (5.0, 6.0)
        """,
    "of_own_types_and_results": """
        #[derive(Debug, Clone, PartialEq)] struct P { x: i32 }
        let make = |x: i32| -> Result<P, String> { if x < 0 { Err("negative".into()) } else { Ok(P { x }) } };
        ---
        (make(1), make(-1))
        //=> (Ok(P { x: 1 }), Err("negative"))
        """,
}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook(fresh, name):
    fresh.notebook(NOTEBOOKS[name])


def test_a_closure_as_a_value_shows_no_generated_name(kernel):
    shown = kernel.good("|x: i32| x + 1").result
    assert "closure" in shown and "__" not in shown, shown
