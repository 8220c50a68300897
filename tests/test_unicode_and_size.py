"""Cells of unusual text: unicode, very long ones, none at all, other line ends."""

import pytest

NOTEBOOKS = {
    "unicode_identifiers_and_strings": """
        let größe = 1; let 名前 = "太郎"; let émoji = "👩‍🚀 🦀";
        fn добро(é: i32) -> i32 { é + 1 }
        struct Straße { länge: f64 }
        ---
        let s = Straße { länge: 2.5 };
        (größe, добро(1), 名前, émoji, s.länge)
        //=> (1, 2, "太郎", "👩\\u{200d}🚀 🦀", 2.5)
        ---
        println!("{名前} {émoji}");
        //> 太郎 👩‍🚀 🦀
        """,
    "places_after_wide_characters": """
        let a = "äöü👩‍🚀"; missing(a);
        //! In[1]:1:19
        ---
        let ß = "🦀🦀"; panic!("{ß}");
        //! Panic: 🦀🦀
        //! In[2]:1:15
        ---
        let 名 = 1; let x: String = 名;
        //! E0308
        //! In[3]:1:28
        """,
    "only_comments": """
        // nothing but a comment
        ---
        /* and a block */ /* /* nested */ */
        ---
        /// a doc comment for nothing
        //! E0585
        //! In[3]:1:1
        ---
        1 // still alive
        //=> 1
        """,
    "a_doc_comment_on_an_item": """
        /// Says hello.
        ///
        /// ```
        /// hello();
        /// ```
        fn hello() { println!("hello"); }
        ---
        hello();
        //> hello
        """,
    "strings_that_look_like_code": """
        let s = "fn f() { let x = 1; } // no comment /* none */";
        let t = r##"#"}{"# :dep x"##;
        let u = "a
        b";
        let c = '"'; let d = b'\\''; let l = 'x'; let e = "{}";
        ---
        (s.len(), t, u.lines().count(), c, d, e)
        //=> (46, "#\\"}{\\"# :dep x", 2, '"', 39, "{}")
        """,
    "semicolons_and_empty_statements": """
        ;;
        ---
        let x = 1;; ;
        x;;
        ---
        x
        //=> 1
        """,
    "lifetimes_and_characters": """
        fn first<'a>(s: &'a str) -> &'a str { 'outer: loop { break 'outer &s[..1]; } }
        first("abc")
        //=> "a"
        """,
    "right_to_left_and_combining": """
        let שלום = "שלום"; let e = "e\u0301";
        ---
        (שלום.chars().count(), e.chars().count())
        //=> (4, 2)
        """,
}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook(fresh, name):
    fresh.notebook(NOTEBOOKS[name])


@pytest.mark.parametrize("code", ["", " ", "\n\n", "\t", "\r\n", "// c", "\n// c\n\n", "/**/", "\ufeff"])
def test_a_cell_with_nothing_in_it(kernel, code):
    cell = kernel.good(code)
    assert cell.outputs == []


def test_crlf_tabs_and_no_break_spaces(fresh):
    assert fresh.good("let x = 1;\r\nlet y =\t2;\r\n\r\nx + y\r\n").result == "3"
    assert fresh.good('let s = "a\r\nb"; s').result == '"a\\nb"'
    error = fresh.run("let a = 1;\r\n\tmissing();\r\n").failed("CompileError")
    assert "In[3]:2:2" in str(error) and "missing();" in error.text
    panic = fresh.run('\tlet a = 1;\r\n\t\tpanic!("{a}");\r\n').failed("Panic")
    assert "In[4]:2:3" in panic.text
    assert fresh.good("\ufefflet bom = 4;\nbom").result == "4"


def test_a_cell_of_five_thousand_lines(fresh):
    lines = [f"total += {i};" for i in range(4998)]
    cell = fresh.good("\n".join(["let mut total = 0u64;", *lines, "total"]))
    assert cell.result == str(sum(range(4998)))
    error = fresh.run("\n".join(["let mut total = 0u64;", *lines, "missing"])).failed("CompileError")
    assert "In[2]:5000:1" in str(error)


def test_a_cell_with_five_hundred_functions(fresh):
    fresh.good("\n".join(f"fn f{i}() -> u32 {{ {i} }}" for i in range(500)))
    assert fresh.good("f0() + f250() + f499()").result == "749"
    assert fresh.good("fn f250() -> u32 { 0 }\nf250()").result == "0"


def test_a_cell_with_three_hundred_variables(fresh):
    fresh.good("\n".join(f"let v{i} = {i};" for i in range(300)))
    assert fresh.good("v0 + v150 + v299").result == "449"
    assert fresh.good(" + ".join(f"v{i}" for i in range(300))).result == str(sum(range(300)))


def test_a_very_long_line(fresh):
    assert fresh.good("let s = \"" + "x" * 300_000 + "\";\ns.len()").result == "300000"
    assert fresh.good("[" + "1, " * 5_000 + "].len()").result == "5000"


def test_deep_nesting(fresh):
    assert fresh.good("(" * 60 + "1" + ")" * 60).result == "1"
    assert fresh.good("{" * 60 + "2" + "}" * 60).result == "2"


def test_deep_recursion(fresh):
    fresh.good("fn depth(n: u64) -> u64 { if n == 0 { 0 } else { std::hint::black_box([n; 8])[0].min(1) + depth(n - 1) } }")
    assert fresh.good("depth(100_000)").result == "100000"


def test_many_cells(fresh):
    fresh.good("let mut n = 0;")
    for _ in range(30):
        fresh.good("n += 1;")
    last = fresh.good("n")
    assert (last.result, last.count) == ("30", 32)
