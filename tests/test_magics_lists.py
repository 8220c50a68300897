"""Magics that list, explain and set: each does what it says, and a slip is answered by what is
allowed."""

import re

import nbformat
import pytest
from nbclient import NotebookClient

from kernel_client import Kernel, plain

STATE = """
/// Twice as much.
fn double(n: i32) -> i32 { n * 2 }
struct Point { x: f64 }
static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
let mut numbers = vec![1, 2];
let text = "abc";
let größe = 1.5;
"""


def note(cell):
    """The one display of a cell that ended well."""
    cell.good()
    assert len(cell.displays) == 1, str(cell)
    return plain(cell.displays[0]["text/plain"])


def pages(cell):
    return [item["data"] for item in cell.reply["content"]["payload"] if item["source"] == "page"]


def page(cell):
    cell.good()
    assert not cell.displays and cell.result is None, f"a page is for the pager alone: {cell}"
    (found,) = pages(cell)
    assert found["text/markdown"], str(found)
    return found["text/plain"]


@pytest.fixture
def state(fresh):
    fresh.good(STATE)
    return fresh


class TestQuestions:
    @pytest.mark.parametrize(
        "question, words",
        [
            ("numbers?", ["let mut numbers: Vec<i32>", "In[1]"]),
            ("?numbers", ["let mut numbers: Vec<i32>"]),
            ("double?", ["fn double(n: i32) -> i32", "Twice as much."]),
            ("double??", ["fn double(n: i32) -> i32", "n * 2"]),
            ("Vec?", ["struct Vec", "doc.rust-lang.org"]),
            ("std::thread::spawn?", ["spawn"]),
            ("numbers.push?", ["fn push"]),
            ("println!?", ["println!"]),
            ("match?", ["keyword"]),
            ("display?", ["display"]),
            ("%%timeit?", ["%timeit [-n N]", "loops in a run"]),
            ("%who?", ["%who [KIND …]"]),
            (":dep?", [":dep CRATE"]),
            (":sccache?", ["does nothing here"]),
            (":doc Vec", ["struct Vec"]),
            ("%doc double", ["Twice as much."]),
        ],
    )
    def test_a_name_has_a_page(self, state_kernel, question, words):
        text = page(state_kernel.run(question))
        for word in words:
            assert word in text, text

    def test_only_two_marks_show_the_source(self, state_kernel):
        assert "n * 2" not in page(state_kernel.run("double?"))

    def test_several_questions_are_one_page(self, state_kernel):
        text = page(state_kernel.run("double?\nVec?"))
        assert "Twice as much." in text and "struct Vec" in text

    @pytest.mark.parametrize(
        "slip, near",
        [("numbres?", "numbers"), ("HasMap?", "HashMap"), ("numbers.psuh?", "numbers.push"), ("%tiemit?", "%timeit")],
    )
    def test_a_slip_is_answered_by_the_nearest_name(self, state_kernel, slip, near):
        text = note(state_kernel.run(slip))
        assert f"did you mean `{near}`?" in text and "\n" not in text

    def test_what_nobody_knows(self, state_kernel):
        assert note(state_kernel.run("qqqqqqqq?")) == "Nothing is known of `qqqqqqqq`."

    def test_a_question_mark_of_rust_is_none(self, fresh):
        assert fresh.good('let parsed: Result<i32, String> = Ok(5);').result is None
        assert fresh.good("parsed?").result == "5"

    def test_without_a_person_the_page_is_a_display(self, kernel):
        cell = kernel.run("Vec?", allow_stdin=False).good()
        assert "struct Vec" in cell.notes and not pages(cell)

    def test_a_saved_notebook_has_the_page(self, kernel_name):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("Vec?")])
        NotebookClient(notebook, kernel_name=kernel_name).execute()
        (output,) = notebook.cells[0].outputs
        assert output.output_type == "display_data" and "struct Vec" in output.data["text/plain"]


@pytest.fixture(scope="module")
def state_kernel(kernel_name):
    kernel = Kernel(kernel_name)
    kernel.good(STATE)
    yield kernel
    kernel.close()


class TestWho:
    def test_names(self, state_kernel):
        assert note(state_kernel.run("%who")).split() == ["größe", "numbers", "text", "COUNT", "Point", "double"]

    @pytest.mark.parametrize(
        "kinds, names",
        [
            ("Vec", ["numbers"]),
            ("Vec<i32>", ["numbers"]),
            ("str f64", ["größe", "text"]),
            ("fn struct", ["Point", "double"]),
            ("mut", ["numbers"]),
        ],
    )
    def test_names_of_kinds(self, state_kernel, kinds, names):
        assert note(state_kernel.run(f"%who {kinds}")).split() == names

    def test_no_such_kind(self, state_kernel):
        assert "nothing is of the kind `HashMap`" in note(state_kernel.run("%who HashMap"))

    def test_nothing_yet(self, fresh):
        for magic in ("%who", "%whos"):
            assert "no variables and no items yet" in note(fresh.run(magic))
        assert "no variables yet" in note(fresh.run(":vars"))

    def test_a_table(self, state_kernel):
        cell = state_kernel.run("%whos")
        lines = note(cell).splitlines()
        assert lines[0].split() == ["Name", "Kind", "Type", "Cell"]
        columns = [re.split(r"  +", line) for line in lines[2:]]
        assert ["numbers", "let mut", "Vec<i32>", "In[1]"] in columns
        assert ["text", "let", "&str", "In[1]"] in columns
        assert ["double", "fn", "(n: i32) -> i32", "In[1]"] in columns
        assert ["COUNT", "static", "AtomicU64", "In[1]"] in columns
        assert ["Point", "struct", "In[1]"] in columns
        # Aligned: every cell of the last column begins at one place.
        assert len({line.index("In[") for line in lines[2:]}) == 1, "\n".join(lines)
        html = cell.displays[0]["text/html"]
        assert html.startswith("<table>") and "<code>Vec&lt;i32&gt;</code>" in html

    def test_variables_only(self, state_kernel):
        cell = state_kernel.run("%vars")
        assert "numbers" in note(cell) and "double" not in note(cell)
        assert "<table>" in cell.displays[0]["text/html"]


class TestHistory:
    def test_cells_in_order(self, fresh):
        fresh.good("let a = 1;")
        fresh.good("let b = 2;\nlet c = 3;")
        fresh.run("missing").failed("CompileError")
        assert note(fresh.run("%history")) == "let a = 1;\nlet b = 2;\nlet c = 3;\nmissing\n%history"
        assert note(fresh.run("%history -n 1-2")) == "1: let a = 1;\n2: let b = 2;\n   let c = 3;"
        assert note(fresh.run("%history -l 2")) == "%history\n%history -n 1-2"
        assert note(fresh.run("%hist 3 1")) == "missing\nlet a = 1;"
        assert note(fresh.run("%history -n 7-")) == "7: %hist 3 1\n8: %history -n 7-"

    def test_what_is_not_stored_is_not_there(self, fresh):
        fresh.run("1;", silent=True)
        fresh.run("2;", store_history=False)
        fresh.good("3;")
        assert note(fresh.run("%history")) == "3;\n%history"

    def test_mistakes(self, kernel):
        kernel.run("%history a").failed("UsageError", "`3` or `2-4` or `5-`", "`a`")
        kernel.run("%history -x").failed("UsageError", "option -x not recognized (allowed: -n, -l LAST)")
        kernel.run("%history -l x").failed("UsageError", "not `x`")
        assert note(kernel.run("%history 99999")) == "no such cell in this session"


def answer(kernel, text):
    request = kernel.client.get_stdin_msg(timeout=60)
    kernel.client.input(text)
    return request["content"]["prompt"]


class TestForgetting:
    def test_reset_asks(self, state):
        cell = state.send("%reset", allow_stdin=True)
        assert answer(state, "n") == "Once deleted, variables cannot be recovered. Proceed (y/[n])? "
        assert note(state.finish(cell)) == "Nothing done."
        assert state.good("text").result == '"abc"'
        cell = state.send("%reset", allow_stdin=True)
        answer(state, "y")
        state.finish(cell).good()
        assert "no variables and no items yet" in note(state.run("%who"))
        state.run("double(2)").failed("CompileError", "E0425")

    def test_reset_can_be_stopped_at_its_question(self, state):
        cell = state.send("%reset", allow_stdin=True)
        state.client.get_stdin_msg(timeout=60)
        state.stop(cell)
        cell.failed("KeyboardInterrupt", "nothing is forgotten")
        assert state.good("text").result == '"abc"'

    def test_reset_without_a_person_says_what_to_do(self, state):
        state.run("%reset", allow_stdin=False).failed("UsageError", "%reset -f")
        assert state.good("text").result == '"abc"'

    def test_reset_by_force_in_the_middle_of_a_cell(self, state):
        worker = state.worker()
        cell = state.good("%reset -f\nlet text = 5;\ntext")
        assert cell.result == "5" and not cell.displays
        assert state.worker() != worker
        assert note(state.run("%who")) == "text"

    def test_a_crash_after_a_reset_brings_nothing_back(self, state):
        state.good("%reset -f")
        state.good("let new = 1;")
        state.run("std::process::abort()").failed("Crash")
        assert note(state.run("%who")) == "new"
        state.run("text").failed("CompileError")

    def test_clear(self, state):
        cell = state.good(":clear")
        assert not cell.outputs
        assert "no variables and no items yet" in note(state.run("%who"))

    def test_clear_forgets_crates(self, fresh, tmp_path):
        (tmp_path / "src").mkdir()
        (tmp_path / "Cargo.toml").write_text('[package]\nname = "tiny"\nversion = "0.1.0"\nedition = "2021"\n')
        (tmp_path / "src/lib.rs").write_text("pub fn one() -> u8 { 1 }")
        line = f'tiny = {{ path = "{tmp_path}" }}'
        assert fresh.good(f":dep {line}\ntiny::one()").result == "1"
        assert note(fresh.run(":show_deps")) == line
        fresh.good("%reset -f")
        assert fresh.good("tiny::one()").result == "1", "a reset keeps crates"
        fresh.good(":clear")
        assert "no crates" in note(fresh.run(":show_deps"))
        fresh.run("tiny::one()").failed("CompileError")
        assert fresh.good(f":dep {line}\ntiny::one()").result == "1"

    def test_restart_keeps_items(self, state):
        state.good("COUNT.fetch_add(5, std::sync::atomic::Ordering::SeqCst);")
        note(state.run(":restart"))
        assert state.good("double(4)").result == "8"
        assert state.good("COUNT.load(std::sync::atomic::Ordering::SeqCst)").result == "0"
        state.run("text").failed("CompileError", "lost")


class TestTypes:
    @pytest.mark.parametrize(
        "expression, type_name",
        [
            ("numbers", "Vec<i32>"),
            ("numbers.iter().map(|n| n + 1).collect::<Vec<_>>()", "Vec<i32>"),
            ("*text", "str"),
            ("double", "fn(i32) -> i32"),
            ("Point { x: 1.0 }", "Point"),
            ('"5".parse::<u8>()?', "u8"),
            ("panic!()", "! (it never has a value)"),
            ("numbers.push(3)", "()"),
            ("numbers", "Vec<i32>"),
            ("std::mem::take(&mut numbers)", "Vec<i32>"),
        ],
    )
    def test_of_an_expression(self, state_kernel, expression, type_name):
        assert note(state_kernel.run(f":type {expression}")) == f"{expression}: {type_name}"
        assert note(state_kernel.run(f"%t {expression};")) == f"{expression}: {type_name}"

    def test_nothing_is_run(self, state_kernel):
        state_kernel.good(':type { println!("it runs"); numbers.clear(); numbers }')
        assert state_kernel.good("numbers.len()").result == "2"
        state_kernel.good(":type numbers.into_iter()")
        assert state_kernel.good("numbers.len()").result == "2"

    def test_an_error_stands_in_the_cell(self, state_kernel):
        error = state_kernel.run("let a = 1;\n:type a.missing()").failed("CompileError", "E0599")
        assert ":2:9" in error.text, str(error)

    def test_without_an_expression(self, kernel):
        kernel.run(":t").failed("UsageError", "takes an expression")


class TestSettings:
    def test_formats_of_values(self, fresh):
        fresh.good('let value = Some("a"); let text = "b";')
        assert fresh.good(":fmt {:#?}\nvalue").result == 'Some(\n    "a",\n)'
        assert fresh.good(":fmt {}\ntext").result == "b"
        assert fresh.good("value").result == 'Some("a")', "it has no Display"
        assert fresh.good('Html("<b>")').bundle["text/html"] == "<b>"
        assert fresh.good("()").result is None
        fresh.good(":fmt {:?}")
        assert fresh.good("text").result == '"b"'
        assert "\n" not in fresh.good("vec![value; 60]").result
        fresh.good(":fmt")
        assert "\n" in fresh.good("vec![value; 60]").result
        fresh.run(":fmt {:x}").failed("UsageError", "{:?}, {:#?} or {}")

    def test_formats_of_errors(self, fresh):
        fresh.run('"x".parse::<i32>()?').failed("Error", "InvalidDigit")
        fresh.good(":efmt {}")
        error = fresh.run('"x".parse::<i32>()?').failed("Error", "ParseIntError")
        assert error.value == "invalid digit found in string"
        fresh.run("Err(Some(1))?;").failed("CompileError", "Display")
        fresh.good(":efmt {:#?}")
        assert fresh.run("Err(Some(1))?;").failed("Error").value == "Some(\n    1,\n)"
        fresh.run(":efmt no").failed("UsageError", "{:?}, {:#?} or {}")

    def test_types_beside_values(self, fresh):
        cell = fresh.good(":types\nvec![Some(\"a\".to_string())]")
        assert cell.result == ': Vec<Option<String>> = [Some("a")]'
        fresh.good(":types")
        assert fresh.good("1").result == "1"
        assert note(fresh.run(":types on")) == note(fresh.run("%types on")) == "Types: on"
        fresh.run(":types maybe").failed("UsageError", "`on` or `off`")

    def test_timing(self, fresh):
        fresh.good(":timing")
        cell = fresh.good("sleep(0.05); 3 // timing")
        assert cell.result == "3"
        compiling, running = re.fullmatch(r"(.+) to compile, (\d+) ms to run", cell.notes).groups()
        assert compiling and int(running) >= 50
        assert "to compile" in fresh.run("panic!()").notes
        fresh.good("%timing off")
        assert not fresh.good("3").displays

    def test_optimisation(self, state):
        assert note(state.run(":opt")) == "Optimization: 0"
        for level in ("0", "1", "2", "3"):
            cell = state.good(
                f":opt {level}\nCOUNT.fetch_add(1, std::sync::atomic::Ordering::SeqCst);\n"
                f"numbers.push({level}); let point_{level} = Point {{ x: {level} as f64 }};"
            )
            assert note(cell) == f"Optimization: {level}"
        # Types and statics are the same at every level.
        sum_of_all = "numbers.len() as f64 + [point_0, point_1, point_2, point_3].iter().map(|p| p.x).sum::<f64>()"
        assert state.good(sum_of_all).result == "12.0"
        assert state.good("COUNT.load(std::sync::atomic::Ordering::SeqCst)").result == "4"
        state.run(":opt 4").failed("UsageError", "0, 1, 2 or 3")

    def test_the_level_is_the_compilers(self, fresh):
        # It sets these by the level.
        assert fresh.good(":opt 0\ncfg!(debug_assertions)").result == "true"
        assert fresh.good(":opt 2\ncfg!(debug_assertions)").result == "false"


class TestEvcxr:
    OTHERS = [
        "allow_static_linking 1", "build_env A=b", "cache 500", "clear_cache", "codegen_backend cranelift",
        "internal_debug", "last_error_json", "linker mold", "load_config --quiet", "offline 1",
        "preserve_vars_on_panic 1", "sccache 1", "time_passes", "toolchain nightly",
    ]  # fmt: skip

    @pytest.mark.parametrize("command", OTHERS)
    def test_what_does_nothing_says_so_and_goes_on(self, kernel, command):
        cell = kernel.good(f":{command}\n40 + 2")
        assert cell.result == "42"
        text = plain(cell.displays[0]["text/plain"])
        assert text.startswith(f"`:{command.split()[0]}` does nothing here: ") and "\n" not in text

    def test_version(self, kernel):
        assert re.fullmatch(r"Threadbook \d+\.\d+\.\d+, Rust 1\.\d+\.\d+\S* \(\S+\)", note(kernel.run(":version")))

    def test_the_engine_says_what_it_can_do(self, kernel):
        engine, *told = note(kernel.run("%engine")).splitlines()
        assert engine.startswith("Engine: native (one rustc call a cell)")
        assert len(told) == 9 and all(line.startswith("  yes  ") for line in told)

    def test_where_cells_lie(self, kernel):
        kernel.good("let somewhere = 1;")
        directory = note(kernel.run(":last_compile_dir"))
        assert kernel.good(f'std::path::Path::new("{directory}").is_dir()').result == "true"

    def test_no_crates_yet(self, fresh):
        assert ":dep rand" in note(fresh.run(":show_deps"))

    def test_explain_the_last_error(self, fresh):
        fresh.run(":explain").failed("UsageError", "no compile error yet")
        fresh.run("let s = String::new(); drop(s); s.len()").failed("CompileError", "E0382")
        cell = fresh.run(":explain")
        assert "moved" in note(cell) and "```rust" in cell.displays[0]["text/markdown"]
        fresh.run('let n: i32 = "a"; missing();').failed("CompileError")
        text = note(fresh.run("%explain"))
        assert "E0308" in text or "E0425" in text
        fresh.run("let = 3;").failed("CompileError")
        fresh.run(":explain").failed("UsageError", "has no code")
        assert "moved" in note(fresh.run(":explain E0382"))
        fresh.run(":explain E9999").failed("UsageError", "no error code `E9999`")

    def test_quit(self, fresh):
        cell = fresh.send(":quit\nunreachable!()")
        shutdown = []

        def seen(message):
            shutdown.append(message["msg_type"] == "shutdown_reply")
            return shutdown[-1]

        fresh.finish(cell)
        cell.good()
        assert {"source": "ask_exit", "keepkernel": False} in cell.reply["content"]["payload"]
        fresh.wait_late("the shutdown", seen)
        fresh.manager.provisioner.process.wait(timeout=60)
        assert not fresh.manager.is_alive()


class TestLists:
    def test_lsmagic(self, kernel):
        text = note(kernel.run("%lsmagic"))
        for name in ("%timeit", "%%timeit", "%who", "%reset", "%%bash", "%type", "%t"):
            assert name in text.split(), text
        assert "sccache" not in text
        assert all(len(line) <= 90 for line in text.splitlines())

    def test_help_is_in_groups(self, kernel):
        text = note(kernel.run("%help"))
        for title in ("How long it takes", "Crates", "Files and programs"):
            assert f"\n\n{title}\n  " in text, text
        assert "NAME?" in text and "!COMMAND" in text and len(text.splitlines()) < 90

    def test_lines_in_the_middle_of_a_cell(self, fresh):
        cell = fresh.good("let a = 1;\n%who\nlet b = a + 1;\n%who\nb")
        assert cell.result == "2"
        assert [plain(shown["text/plain"]).split() for shown in cell.displays] == [["a"], ["a", "b"]]
        fresh.run("println!(\"first\");\n%vars\nmissing()").failed("CompileError", ":3:1")

    def test_completion(self, kernel):
        def complete(code):
            request = kernel.client.complete(code, len(code))
            return kernel.reply(request)["content"]["matches"]

        assert {"%time", "%timeit", "%timeout"} & set(complete("%ti")) >= {"%time", "%timeit"}
        assert {":type", ":types"} <= set(complete(":ty"))
        assert {"-n", "-r", "-o"} <= set(complete("%timeit -"))
        assert complete("%history -n -") == ["-l", "-n"]
        assert "push" in complete(":type Vec::<u8>::new().")
        assert not complete(":scca")

    def test_inspection(self, kernel):
        request = kernel.client.inspect("%history -n", 4)
        found = kernel.reply(request)["content"]
        assert found["found"] and "-l LAST" in found["data"]["text/plain"]


class TestCellsWithAnOutcome:
    def test_timeout(self, fresh):
        fresh.good("let mut n = 0;")
        cell = fresh.good("%%timeout 0.3\nn = 7;\nloop { sleep(0.01) }")
        assert "stopped after 300 ms" in cell.notes
        assert fresh.good("n").result == "7"
        assert fresh.good("%%timeout 60\nn + 1").result == "8"
        fresh.run("%%timeout soon\n1").failed("UsageError", "number of seconds")

    def test_a_timeout_that_a_variable_holds(self, fresh):
        fresh.good("let limits = [0.2, 60.0]; let name = \"soon\"; let mut n = 0;")
        assert "stopped after 200 ms" in fresh.good("%%timeout {limits[0]}\nn = 7;\nloop { sleep(0.01) }").notes
        assert fresh.good("%%timeout {limits[1]}\nn + 1").result == "8"
        fresh.run("%%timeout {name}\n1").failed("UsageError", "not `soon`")
        fresh.run("%%timeout {missing}\n1").failed("UsageError", "not `{missing}`")

    def test_compile_fail(self, fresh):
        cell = fresh.good("%%compile_fail E0382\nlet s = String::new(); drop(s); s.len()")
        assert "E0382" in cell.notes and "moved" in cell.notes
        assert fresh.good("%%compile_fail\nmissing()").displays
        fresh.run("%%compile_fail\n1 + 1").failed("CompileFailError", "compiles")
        fresh.run("%%compile_fail E0382\nmissing()").failed("CompileFailError", "E0425")
        fresh.run("%%compile_fail x\nmissing()").failed("UsageError", "E0382")

    def test_should_panic(self, fresh):
        cell = fresh.good("%%should_panic bounds\nlet v = vec![1]; let i = v.len() + 1; v[i]")
        assert "index out of bounds" in cell.notes
        fresh.run("%%should_panic\n1").failed("ShouldPanicError", "did not panic")
        fresh.run('%%should_panic other\npanic!("this")').failed("ShouldPanicError", "other", "this")
        fresh.run("%%should_panic\nmissing()").failed("CompileError")

    def test_a_cell_magic_in_the_wrong_place(self, kernel):
        kernel.run("let a = 1;\n%%timeout 5\na").failed("UsageError", "first line")


class TestSlips:
    @pytest.mark.parametrize(
        "line, words",
        [
            ("%whoo", "did you mean `%who`?"),
            (":tpye 1", "did you mean `:type`?"),
            ("%%tiemit\n1", "did you mean `%%timeit`?"),
            ("%zzzzzzzz", "%lsmagic"),
            ("%reset -g", "option -g not recognized (allowed: -f)"),
            ("%%who\n1", "write `%who`"),
            ("%timeout 5", "`%%timeout` into its first line"),
        ],
    )
    def test_nothing_is_run(self, fresh, line, words):
        cell = fresh.run(line if line.startswith("%%") else f"let before = 1;\n{line}")
        cell.failed("UsageError", words)
        fresh.run("before").failed("CompileError")
