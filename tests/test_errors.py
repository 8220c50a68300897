"""Errors and warnings as rustc prints them, with the cell's own lines; `?` at the top level."""

import pytest

from kernel_client import plain

NOTEBOOKS = {
    "place_help_and_code": """
        let count = 5;
        println!("{}", cuont);
        //! CompileError: E0425
        //! cannot find value `cuont`
        //! --> In[1]:2:16
        //! println!("{}", cuont);
        //! ^^^^^
        //! count
        //! :explain E0425
        //? fn main
        //? __tb
        //? cell_
        """,
    "several_errors": """
        let a: u8 = "x";
        let b: u8 = "y";
        missing();
        //! In[1]:1:13
        //! In[1]:2:13
        //! In[1]:3:1
        //! E0308
        //! E0425
        """,
    "an_error_with_a_second_place": """
        let s = String::from("x");
        let t = s;
        println!("{s} {t}");
        //! E0382
        //! In[1]:3
        //! value moved here
        //! value borrowed here after move
        //! s.clone()
        """,
    "an_item_of_an_earlier_cell": """
        struct Thing { size: u8 }
        fn measure(thing: &Thing) -> u8 { thing.size }
        ---
        measure(5)
        //! E0308
        //! In[2]:1
        //! In[1]:2
        //! expected `&Thing`
        ---
        let t = Thing { siez: 1 };
        //! E0560
        //! In[3]:1:17
        """,
    "a_wrong_generic_bound_names_the_items_cell": """
        trait Fly { fn fly(&self) {} }
        struct Duck;
        fn launch<T: Fly>(t: T) { t.fly() }
        ---
        launch(Duck)
        //! E0277
        //! `Duck: Fly`
        //! In[2]:1
        //! In[1]:3
        """,
    "unclosed_and_stray_brackets": """
        let v = vec![1, 2;
        //! In[1]
        ---
        fn f() { if true { 1 }
        //! unclosed delimiter
        //! In[2]:1
        ---
        let x = 3 }
        //! unexpected closing delimiter
        //! In[3]:1:11
        ---
        let s = "open
        //! unterminated double quote string
        //! In[4]:1
        """,
    "syntax_errors": """
        let = 5;
        //! In[1]:1:5
        ---
        let x = 5
        let y = 6;
        //! expected
        //! In[2]
        ---
        fn () {}
        //! In[3]:1
        ---
        for i in 0..3 println!("{i}");
        //! In[4]:1
        ---
        let x == 5;
        //! In[5]:1:7
        ---
        x +
        //! the end of the cell
        """,
    "python_by_habit": """
        import os
        //! In[1]:1
        ---
        x = 5
        //! E0425
        //! let x
        ---
        print("hello")
        //! E0423
        //! print!
        """,
    "after_an_error_all_is_as_before": """
        let x = 1;
        fn f() -> u8 { 1 }
        ---
        let x = 2;
        fn f() -> u8 { 2 }
        let y: String = 5;
        //! E0308
        ---
        (x, f())
        //=> (1, 1)
        """,
    "borrow_errors": """
        let mut v = vec![1, 2, 3];
        for x in &v { v.push(*x); }
        //! E0502
        //! In[1]:2:15
        ---
        fn longest(a: &str, b: &str) -> &str { a }
        //! E0106
        //! In[2]:1:33
        //! 'a
        """,
    "a_type_that_cannot_be_inferred": """
        let v = Vec::new();
        //! E0282
        //! In[1]:1
        //! Vec<T>
        ---
        let n = "5".parse().unwrap();
        //! E0284
        //! In[2]:1
        """,
    "overflow_in_constants_is_refused": """
        let x: u8 = 256;
        //! out of range for `u8`
        //! In[1]:1:13
        """,
    "explain": """
        :explain E0382
        //~ moved
        ---
        %explain E9999
        //! no error code `E9999`
        """,
    "unknown_commands": """
        %hlep
        //! did you mean `%help`
        ---
        :dpe rand
        //! did you mean `:dep`
        ---
        %abrakadabra
        //! %lsmagic
        ---
        %help
        //~ :dep
        """,
    "question_mark": """
        let n: i32 = "12".parse()?;
        ---
        let m: i32 = "zwölf".parse()?;
        println!("not reached");
        //! Error
        //! InvalidDigit
        ---
        n
        //=> 12
        ---
        m
        //! E0425
        """,
    "question_mark_with_many_error_types": """
        let a: u8 = "1".parse()?;
        let b: f64 = "2.5".parse()?;
        let c = String::from_utf8(vec![65])?;
        let d = std::char::from_u32(66).ok_or("no char")?;
        let e = Err::<u8, _>(std::fmt::Error).or(Ok::<u8, Box<dyn std::error::Error>>(3))?;
        (a, b, c, d, e)
        //=> (1, 2.5, "A", 'B', 3)
        ---
        std::fs::read_to_string("/no/such/file")?;
        //! NotFound
        //! std::io
        ---
        Err("just text")?;
        //! Error: just text
        ---
        Err(format!("owned {}", 1))?;
        //! Error: owned 1
        ---
        Err(Box::<dyn std::error::Error>::from("boxed"))?;
        //! boxed
        ---
        #[derive(Debug)] enum MyError { Bad { code: u8 } }
        Err::<(), _>(MyError::Bad { code: 7 })?;
        //! Bad { code: 7 }
        ---
        Err::<(), _>(std::sync::mpsc::RecvError)?;
        //! RecvError
        """,
    "question_mark_on_an_option": """
        let first = Vec::<u8>::new().first().copied()?;
        //! E0277
        //! In[1]:1:46
        //! `Option`s
        //? closure
        ---
        let first = vec![1].first().copied().ok_or("empty")?;
        first
        //=> 1
        """,
    "question_mark_in_functions_and_closures": """
        fn half(s: &str) -> Result<i32, std::num::ParseIntError> { Ok(s.parse::<i32>()? / 2) }
        let both = |a: &str, b: &str| -> Option<usize> { Some(a.find('x')? + b.find('y')?) };
        ---
        (half("8")?, both("x", "y"), both("", ""))
        //=> (4, Some(0), None)
        """,
    "results_shown_and_variables_before_a_failed_question_mark": """
        let mut log = vec!["before"];
        ---
        log.push("during");
        Err("stop")?;
        log.push("after");
        //! stop
        ---
        log
        //=> ["before", "during"]
        """,
}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook(fresh, name):
    fresh.notebook(NOTEBOOKS[name])


def test_break_outside_of_a_loop(kernel):
    cell = kernel.run("break;")
    error = cell.failed("CompileError", "`break`", f"In[{cell.count}]:1:1")
    assert "closure" not in error.text, str(cell)


def test_evalue_is_one_line_with_code_and_place(kernel):
    error = kernel.run("let a = 1;\nno_such_thing(a);").failed("CompileError")
    assert "\n" not in error.value
    assert "E0425" in error.value and "no_such_thing" in error.value
    assert error.value.endswith(":2:1)"), error.value


def test_errors_are_coloured(kernel):
    error = kernel.run("no_such_thing()").failed("CompileError")
    assert "\x1b[" in error.coloured and plain(error.coloured) == error.text


def test_an_error_is_the_only_output(kernel):
    for code in ("no_such_thing()", "panic!(\"x\")", "Err(\"x\")?", "%no_such", "let x = ("):
        kinds = [kind for kind, _ in kernel.run(code).outputs]
        assert kinds == ["error"], code


def test_the_reply_says_what_the_message_says(kernel):
    cell = kernel.run("no_such_thing()")
    (message,) = cell.contents("error")
    for key in ("ename", "evalue", "traceback"):
        assert cell.reply["content"][key] == message[key]
    assert cell.reply["content"]["execution_count"] == cell.contents("execute_input")[0]["execution_count"]


WORTH_SHOWING = {
    "std::fs::remove_file(\"/no/such/file\");": "Result` that must be used",
    "[3, 1, 2].iter().map(|x| x + 1);": "Map` that must be used",
    "fn f(n: u8) -> u8 { n + 1; 2 }": "unused arithmetic operation",
    "let x = 5u8; x == 5;": "unused comparison",
    "fn forever() -> u8 { forever() }": "cannot return without recursing",
    "async fn g() {} g();": "Future` that must be used",
}


@pytest.mark.parametrize("code", WORTH_SHOWING)
def test_a_warning_worth_reading_is_shown(kernel, code):
    cell = kernel.run(code)
    assert cell.error is None, str(cell)
    assert WORTH_SHOWING[code] in cell.notes + cell.stderr, str(cell)
    assert f"In[{cell.count}]:1:" in cell.notes + cell.stderr, str(cell)


def test_a_warning_of_an_item_is_shown_once(fresh):
    fresh.run("fn careless() { std::fs::remove_file(\"/no/such/file\"); }")
    again = fresh.good("careless();")
    assert again.outputs == [], str(again)


NO_NOISE = [
    "let unused = 5;",
    "let mut never_changed = 5;",
    "fn unused_function() {}",
    "struct Unused { field: u8 }",
    "use std::collections::HashMap;",
    "#[allow(dead_code)] const N: u8 = 1;",
    "let CamelCase = 1;",
    "let ε = 1; let ρ = 2;",
    "let Δx = 1;",
    "let x = 1; let x = 2;",
    "let mut a = 1; a = 2;",
    "macro_rules! unused_macro { () => {} }",
    "enum Never { Built(u8) }",
    "trait Unused2 { fn f(&self); }",
    "static mut RAW: u8 = 1;",
    "let (p, q) = (1, 2);",
    "let v: Vec<u8> = vec![];",
    "mod unused_module { fn f() {} }",
    "let _ = std::fs::remove_file(\"/no/such/file\");",
    "let (a, b);\n(a, b) = (1, 2);",
    "let f = |x: u8| x;",
    "fn shadowed(x: u8) -> u8 { let x = x; x }",
    "((1 + 2))",
    "match 1 { 1 => {}, _ => () }",
    "if (1 < 2) { }",
    "use std::fmt::Write as _; use std::io::Write as _;",
]


@pytest.mark.parametrize("code", NO_NOISE)
def test_nothing_is_said_about(kernel, code):
    cell = kernel.good(code)
    assert not cell.displays, str(cell)
