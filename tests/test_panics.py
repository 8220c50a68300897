"""Panics: the text, the place in the cell, and everything not taken by value kept."""

import pytest

NOTEBOOKS = {
    "text_and_place": """
        let x = 1;
        panic!("with {} and {x}", "text");
        //! Panic: with text and 1
        //! --> In[1]:2:1
        //! panic!("with {} and {x}", "text");
        """,
    "variables_are_kept": """
        let mut v = vec![1];
        let s = String::from("safe");
        ---
        v.push(2);
        let not_reached_by_the_store = 1;
        v[9];
        //! index out of bounds: the len is 2 but the index is 9
        //! In[2]:3:2
        ---
        (v, s)
        //=> ([1, 2], "safe")
        ---
        not_reached_by_the_store
        //! E0425
        """,
    "what_was_taken_by_value_is_told": """
        let taken = vec![1];
        let other = 2;
        ---
        let mine = taken;
        panic!("after taking {}", mine.len());
        //! after taking 1
        ---
        other
        //=> 2
        ---
        taken
        //! `taken`
        //! In[2]
        """,
    "in_a_function_of_an_earlier_cell": """
        // a comment first

        fn risky(n: i32) -> i32 {
            if n > 2 { panic!("too much: {n}") }
            n
        }
        ---
        risky(1)
        //=> 1
        ---
        risky(3)
        //! Panic: too much: 3
        //! --> In[1]:4:16
        """,
    "in_a_method_and_in_a_closure_of_an_earlier_cell": """
        struct S;
        impl S { fn boom(&self) { unreachable!("boom") } }
        let c = |x: Option<u8>| x.unwrap();
        ---
        S.boom()
        //! internal error: entered unreachable code: boom
        //! In[1]:2:27
        ---
        c(None)
        //! called `Option::unwrap()` on a `None` value
        //! In[1]:3:27
        """,
    "in_a_macro": """
        macro_rules! fail { ($t:expr) => { panic!("from a macro: {}", $t) } }
        ---
        fail!(1)
        //! from a macro: 1
        """,
    "of_every_kind": """
        let zero = std::hint::black_box(0);
        let q = 1 / zero;
        //! attempt to divide by zero
        //! In[1]:2:9
        ---
        None::<u8>.expect("a number")
        //! a number
        ---
        "x".parse::<u8>().unwrap()
        //! ParseIntError
        //! In[3]:1:19
        ---
        assert_eq!(1 + 1, 3, "arithmetic");
        //! arithmetic
        //! left: 2
        //! right: 3
        ---
        let s = "größe"; &s[0..3]
        //! char boundary
        ---
        std::cell::RefCell::new(1).try_borrow_mut().map(|_| ()).unwrap(); let c = std::cell::RefCell::new(1); let a = c.borrow_mut(); let b = c.borrow_mut();
        //! already
        ---
        unimplemented!()
        //! not implemented
        ---
        std::panic::panic_any(5);
        //! In[8]:1:1
        ---
        std::panic::resume_unwind(Box::new("resumed"));
        //! resumed
        """,
    "in_the_last_expression": """
        let zero = std::hint::black_box(0);
        ---
        1 / zero
        //! attempt to divide by zero
        //! In[2]:1:1
        ---
        let one = 1;
        zero - i32::MAX - one - one
        //! attempt to subtract with overflow
        //! In[3]:2:1
        ---
        if zero == 0 {
            [1, 2][9 + zero as usize]
        } else { 1 }
        //! index out of bounds
        //! In[4]:2:
        """,
    "overflow_checks_are_on": """
        let mut small = 255u8;
        small += std::hint::black_box(1);
        //! attempt to add with overflow
        //! In[1]:2:1
        ---
        fn factorial(n: u32) -> u32 { if n == 0 { 1 } else { n * factorial(n - 1) } }
        factorial(20)
        //! attempt to multiply with overflow
        //! In[2]:1
        ---
        let n = std::hint::black_box(0usize);
        n - 1
        //! attempt to subtract with overflow
        ---
        255u8.wrapping_add(std::hint::black_box(1))
        //=> 0
        """,
    "caught": """
        let r = std::panic::catch_unwind(|| { panic!("caught") });
        r.is_err()
        //=> true
        //2> thread 'main' panicked at In[1]:1:39:
        //2> caught
        ---
        1
        //=> 1
        """,
    "on_another_thread": """
        let h = std::thread::Builder::new().name("careless".into()).spawn(|| { if true { panic!("over there") } })?;
        let r = h.join();
        //2> thread 'careless' panicked at In[1]:1:82:
        //2> over there
        ---
        r.unwrap_err().downcast_ref::<&str>().copied()
        //=> Some("over there")
        ---
        std::thread::spawn(|| { [1, 2].iter().position(|x| *x == 3).expect("not there") }).join().is_err()
        //=> true
        //2> thread '<unnamed>' panicked at In[3]:1:61:
        //2> not there
        """,
    "output_before_it_is_kept": """
        print!("half a line");
        eprintln!("warned");
        panic!("now");
        //! now
        //> half a line
        //2> warned
        """,
    "drops_run": """
        struct Guard(u8);
        impl Drop for Guard { fn drop(&mut self) { println!("released {}", self.0); } }
        let kept = Guard(1);
        ---
        let _local = Guard(2);
        panic!("x");
        //! x
        //> released 2
        ---
        kept.0
        //=> 1
        """,
    "in_drop": """
        struct Bad;
        impl Drop for Bad { fn drop(&mut self) { panic!("in drop") } }
        let b = Bad;
        ---
        drop(b);
        //! in drop
        //! In[1]:2
        ---
        { let _b = Bad; }
        //! in drop
        ---
        1 + 1
        //=> 2
        """,
    "in_debug_of_the_value_shown": """
        struct Bad;
        impl std::fmt::Debug for Bad { fn fmt(&self, _: &mut std::fmt::Formatter) -> std::fmt::Result { panic!("in fmt") } }
        Bad
        //! in fmt
        ---
        2
        //=> 2
        """,
    "an_own_hook": """
        std::panic::set_hook(Box::new(|info| println!("hook: {}", info.payload_as_str().unwrap_or("?"))));
        ---
        panic!("mine");
        //! mine
        //> hook: mine
        """,
    "in_an_async_cell": """
        async fn fail() -> u8 { panic!("in a future") }
        ---
        fail().await
        //! in a future
        //! In[1]:1:25
        """,
    "in_a_loop_of_cells": """
        let mut n = 0;
        ---
        n += 1; panic!("{n}");
        //! Panic: 1
        ---
        n += 1; panic!("{n}");
        //! Panic: 2
        ---
        n
        //=> 2
        """,
}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook(fresh, name):
    fresh.notebook(NOTEBOOKS[name])


def test_no_word_of_the_machinery(kernel):
    cell = kernel.run("fn inner() { panic!(\"x\") }\ninner()")
    for word in ("__tb", "catch_unwind", "cell_", "threadbook::"):
        assert word not in str(cell.error), str(cell)
