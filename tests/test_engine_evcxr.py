"""The engine evcxr: what a notebook can do with it, and what `%engine` says that it cannot.

`./install.sh test --engine evcxr` builds it and runs this file and the conformance suite.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager

from kernel_client import descendants, is_running, picture, plain, wait_until

pytestmark = pytest.mark.skipif(
    os.environ.get("THREADBOOK_TEST_ENGINE") != "evcxr", reason="./install.sh test --engine evcxr runs it"
)


@pytest.fixture
def clean(kernel):
    """The shared kernel, with an empty notebook."""
    kernel.good("%reset -f")
    return kernel


def test_it_has_a_kernelspec_of_its_own(kernel_name):
    spec = KernelSpecManager().get_kernel_spec(kernel_name)
    assert (kernel_name, spec.display_name) == ("threadbook-evcxr", "Rust (Threadbook, evcxr)")
    assert spec.argv[-2:] == ["--engine", "evcxr"]


class TestCapabilities:
    """`%engine` says what holds, line by line."""

    def told(self, kernel):
        lines = kernel.good("%engine").notes.splitlines()
        assert lines[0].startswith("Engine: evcxr"), lines
        return {line[7:].split(": ")[0]: line[2:5].strip() for line in lines[1:]}

    def test_all_are_told(self, clean):
        told = self.told(clean)
        assert len(told) == 9 and set(told.values()) == {"yes", "no"}, told

    def test_output_appears_while_the_cell_runs(self, clean, tmp_path):
        go = tmp_path / "go"
        cell = clean.begin(f'println!("it waits"); while !std::path::Path::new("{go}").exists() {{ sleep(0.01); }} 5')
        # The line is here, and the cell waits for this file.
        go.touch()
        clean.finish(cell).good()
        assert cell.result == "5"

    def test_what_a_thread_prints_later_is_under_its_own_cell(self, clean, tmp_path):
        go = tmp_path / "go"
        first = clean.good(
            f'std::thread::spawn(|| {{ while !std::path::Path::new("{go}").exists() {{ '
            'std::thread::sleep(std::time::Duration::from_millis(5)); } println!("late"); });'
        )
        second = clean.good('println!("second");')
        go.touch()
        late = clean.wait_late("the thread's line", lambda m: m["content"].get("text") == "late\n")
        assert late["parent_header"]["msg_id"] == first.id
        assert second.stdout == "second\n"
        assert self.told(clean)["output appears while the cell runs, under the cell whose thread wrote it"] == "yes"

    def test_a_cell_that_waits_is_stopped_and_variables_stay(self, clean):
        clean.good("let kept = vec![1, 2];")
        cell = clean.begin('println!("it waits"); sleep(3600.0);')
        clean.stop(cell)
        cell.failed("KeyboardInterrupt", "the cell was stopped", "In[")
        assert clean.good("kept").result == "[1, 2]"
        assert self.told(clean)["variables stay when a cell that waits is interrupted"] == "yes"

    def test_a_cell_that_computes_loses_them(self, clean):
        clean.good("fn kept() -> i32 { 7 }\nlet lost = 1;")
        cell = clean.begin('println!("it waits"); loop { std::hint::black_box(1); }')
        clean.interrupt()
        while "a second interrupt ends its process" not in cell.notes:
            clean.receive(cell)
        clean.interrupt()
        clean.finish(cell)
        cell.failed("KeyboardInterrupt", "Lost: `lost`", "this engine makes none")
        clean.run("lost").failed("CompileError", "E0425")
        assert clean.good("kept()").result == "7"

    def test_a_crash_loses_them_and_says_so(self, clean):
        clean.good("fn kept() -> i32 { 7 }\nlet lost = 1;")
        clean.run("std::process::abort()").failed("Crash", "SIGABRT", "Lost: `lost`")
        clean.run("lost").failed("CompileError", "E0425")
        assert clean.good("let again = kept(); again").result == "7"

    def test_statics_begin_anew(self, clean):
        clean.good("use std::sync::atomic::{AtomicU32, Ordering::SeqCst}; static N: AtomicU32 = AtomicU32::new(0);")
        assert clean.good("N.fetch_add(1, SeqCst); N.load(SeqCst)").result == "1"
        assert clean.good("N.fetch_add(1, SeqCst); N.load(SeqCst)").result == "1"
        assert self.told(clean)["a static is one place for all cells"] == "no"

    def test_closures_are_kept_only_boxed(self, clean):
        clean.run("let add = |x: i32| x + 1;").failed("CompileError", "closure", "Box")
        clean.good("let add: Box<dyn Fn(i32) -> i32> = Box::new(|x| x + 1);")
        assert clean.good("add(4)").result == "5"

    @pytest.mark.parametrize(
        "code, name, words",
        [
            (":type 1 + 1", "EngineError", "variables only"),
            (":opt 3", "UsageError", "level 2"),
            ("%checkpoint on", "UsageError", "no checkpoints"),
        ],
    )
    def test_what_it_cannot_do_says_so(self, clean, code, name, words):
        clean.run(code).failed(name, words)

    def test_types_of_variables_are_known(self, clean):
        clean.good("let list = vec![1u8, 2];")
        assert clean.good(":type list").notes == "list: Vec<u8>"


class TestCells:
    def test_a_panic_keeps_what_was_there_and_points_at_its_line(self, clean):
        clean.good("let kept = 5;")
        clean.run('let new = 1;\npanic!("boom");').failed("Panic", "boom", ":2:1")
        assert clean.good("kept").result == "5"
        clean.run("new").failed("CompileError", "E0425")

    def test_a_caught_panic_is_none(self, clean):
        cell = clean.run("std::panic::catch_unwind(|| if true { panic!() }).is_err()")
        assert cell.error is None and cell.result == "true", cell

    def test_an_error_of_the_compiler_has_the_cells_own_lines(self, clean):
        clean.good("let text = String::new();")
        error = clean.run("let a = 1;\nlet b: i32 = text;\na").failed("CompileError", "E0308")
        assert ":2:14" in error.text and "let b: i32 = text;" in error.text, error

    def test_an_error_in_an_earlier_item_has_that_cells_lines(self, clean):
        cell = clean.good("fn double(x: i32) -> i32 {\n    x * 2\n}")
        error = clean.run('double("x")').failed("CompileError", "E0308")
        assert f"In[{cell.count}]:1:4" in error.text, error

    def test_a_moved_variable_is_explained(self, clean):
        clean.good("let text = String::from(\"a\");")
        mover = clean.good("let other = text;")
        clean.run("text").failed("CompileError", f"`text` was moved in In[{mover.count}]")

    def test_a_type_that_is_defined_anew_takes_its_values_along(self, clean):
        clean.good("struct P { x: i32 }\nlet p = P { x: 1 }; let other = 3;")
        assert "`p` was dropped: `P` is defined anew" in clean.good("struct P { y: i32 }").notes
        clean.run("p.x").failed("CompileError", "`p` was dropped")
        assert clean.good("let p = P { y: 2 }; p.y + other").result == "5"

    def test_a_question_mark_ends_the_cell_with_its_error(self, clean):
        cell = clean.run('let n: i32 = "x".parse()?;\nprintln!("not here");')
        cell.failed("Error", "ParseIntError")
        assert cell.stdout == ""

    def test_displays_are_those_of_every_cell(self, clean):
        cell = clean.good('display(&Html("<b>bold</b>")); 1')
        assert cell.displays[0]["text/html"] == "<b>bold</b>" and cell.result == "1"
        assert clean.good('Html("<i>value</i>")').bundle["text/html"] == "<i>value</i>"

    def test_text_and_displays_keep_their_order(self, clean):
        cell = clean.run('print!("a"); display(&Html("1")); println!("b"); display(&Html("2")); eprintln!("c"); 3')
        assert [kind for kind, _ in cell.outputs] == [
            "stdout", "display_data", "stdout", "display_data", "stderr", "execute_result",
        ], cell.outputs

    def test_evcxrs_own_words_are_not_shown(self, clean):
        for code in ["panic!()", 'Err::<(), _>("x")?;', "let n = 1;"]:
            assert "EVCXR" not in str(clean.run(code).outputs)

    def test_input(self, clean):
        cell = clean.send('let name = input("Name? ").unwrap();', allow_stdin=True)
        assert clean.client.get_stdin_msg(timeout=60)["content"]["prompt"] == "Name? "
        clean.client.input("Ada")
        clean.finish(cell).good()
        assert clean.good("name").result == '"Ada"'

    def test_await(self, clean):
        assert clean.good("async fn seven() -> i32 { 7 }\nseven().await").result == "7"

    def test_reset_forgets_and_restart_keeps_items(self, clean):
        clean.good("fn f() -> i32 { 1 }\nlet x = 2;")
        clean.good("%restart")
        assert clean.good("f()").result == "1"
        clean.run("x").failed("CompileError", "E0425")
        clean.good("%reset -f")
        clean.run("f()").failed("CompileError", "E0425")

    def test_what_no_engine_compiles_is_an_error_and_the_notebook_goes_on(self, clean):
        for code in ["let = ;", "fn (", "}", '"open']:
            clean.run(code).failed("CompileError")
        assert clean.good("1 + 1").result == "2"


class TestMagics:
    def test_measuring(self, clean):
        assert " per loop (mean ± std. dev. of 2 runs, 10 loops each)" in clean.good("%timeit -n 10 -r 2 1 + 1").notes
        assert "Wall time: " in clean.good("%time let timed = 5;").stdout
        assert clean.good("timed").result == "5"
        clean.good("%timeit -q -n 10 -r 2 -v best (0..9).sum::<i32>()")
        assert clean.good("best.best > 0.0").result == "true"
        cell = clean.good("%%timeline -v chart\nlet sums = ThreadPool::new(2).map(|x: u32| x + 1, 0..4);")
        assert "4 tasks" in cell.notes and "<svg" in picture(cell.displays[0])
        assert clean.good("chart.tasks().len()").result == "4"

    def test_a_measured_panic_tells_its_time(self, clean):
        cell = clean.run("%%time\npanic!()")
        cell.failed("Panic")
        assert "Wall time: " in cell.stdout

    def test_shell(self, clean):
        assert clean.good("!echo hi").stdout == "hi\n"
        clean.good("let lines = !printf 'a\\nb\\n'")
        assert clean.good("lines.len()").result == "2"

    def test_names(self, clean):
        clean.good("fn f() {}\nlet x = 1;")
        assert clean.good("%who").notes.split() == ["x", "f"]

    def test_capture_and_expectations(self, clean):
        clean.good('%%capture seen\nprintln!("x");')
        assert clean.good("seen.stdout").result == '"x\\n"'
        clean.good("%%should_panic boom\npanic!(\"boom\")")
        assert "E0382" in clean.good("%%compile_fail E0382\nlet s = String::new(); let t = s; s.len()").notes
        clean.run("%%compile_fail\n1").failed("CompileFailError", "compiles")

    def test_error_format(self, clean):
        clean.good(":efmt {}")
        clean.run('"x".parse::<i32>()?;').failed("Error", "invalid digit")
        clean.good(":efmt {:?}")
        clean.run('"x".parse::<i32>()?;').failed("Error", "ParseIntError")

    def test_a_crate_is_added(self, clean, tmp_path):
        (tmp_path / "src").mkdir()
        (tmp_path / "Cargo.toml").write_text('[package]\nname = "mine"\nversion = "1.2.3"\nedition = "2021"\n')
        (tmp_path / "src/lib.rs").write_text("pub fn answer() -> i32 { 42 }\n")
        assert "added: mine" in clean.good(f':dep mine = {{ path = "{tmp_path}" }}').notes
        assert clean.good("mine::answer()").result == "42"
        assert "mine" in clean.good(":show_deps").notes
        clean.run(f':dep none = {{ path = "{tmp_path}/none" }}').failed("DependencyError")
        assert clean.good("mine::answer() + 1").result == "43"


class TestPrelude:
    """Real threads and processes, of the one prelude that all cells share."""

    def test_threads(self, clean):
        clean.good('let t = Thread::new(|| println!("in a thread")); t.start();')
        cell = clean.good("t.join(); t.is_alive()")
        assert cell.result == "false"

    def test_pools_live_on(self, clean):
        clean.good("let pool = ThreadPool::new(2);")
        assert clean.good("pool.map(|x: i32| x * x, 1..4)?").result == "[1, 4, 9]"
        clean.good("let executor = ThreadPoolExecutor::new(2); let future = executor.submit(|| 6 * 7);")
        assert clean.good("future.result()?").result == "42"

    def test_processes(self, clean):
        clean.good('let p = Process::new(|| println!("in a process")); p.start(); p.join();')
        assert clean.good("p.exitcode()").result == "Some(0)"
        clean.good("let shared = SharedValue::new(1); ")
        assert clean.good("let q = Process::new(move || shared.set(5)); q.start(); q.join(); q.exitcode()").result == "Some(0)"

    def test_rayon_and_serde_without_dep(self, clean):
        clean.good("use rayon::prelude::*;")
        assert clean.good("(0..10).into_par_iter().map(|x| x * x).sum::<i32>()").result == "285"
        clean.good("#[derive(serde::Serialize)] struct Q { a: i32 }")
        assert clean.good("serde_json::to_string(&Q { a: 1 })?").result == r'"{\"a\":1}"'

    def test_a_panicking_task_is_an_error_of_its_future(self, clean):
        clean.good("let executor = ThreadPoolExecutor::new(1);")
        assert "boom" in clean.good('executor.submit(|| -> i32 { panic!("boom") }).result()').result


def test_a_notebook_runs_in_the_terminal(program, tmp_path):
    cells = ["let x = 20;", 'println!("x is {x}"); x + 22']
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
        "cells": [
            {"cell_type": "code", "id": f"c{i}", "source": cell, "metadata": {}, "outputs": [], "execution_count": None}
            for i, cell in enumerate(cells)
        ],
    }
    (tmp_path / "n.ipynb").write_text(json.dumps(notebook))
    ran = subprocess.run(
        [program, "run", "n.ipynb", "--engine", "evcxr"], cwd=tmp_path, capture_output=True, text=True, timeout=600
    )
    assert ran.returncode == 0, ran
    outputs = json.loads((tmp_path / "n.out.ipynb").read_text())["cells"][1]["outputs"]
    assert plain("".join(outputs[0]["text"])) == "x is 20\n"
    assert outputs[1]["data"]["text/plain"] in ("42", ["42"])


def test_its_processes_end_with_the_kernel(start):
    kernel = start()
    kernel.good("let x = 1;")
    own = descendants(kernel.pid)
    assert len(own) >= 3, "evcxr, its relay and the worker"
    kernel.close()
    wait_until("all processes end", lambda: not any(is_running(pid) for pid in own))


NOTEBOOKS = Path(__file__).parent.parent / "notebooks"

KEEPS_CLOSURES = {
    # By the lesson's number: the cells that fail with evcxr since they keep a closure, or use what such a cell
    # was to define.
    "00": [],
    "01": [10, 40],
    "02": [],
    "03": [24, 28, 30, 32, 35],
}


@pytest.mark.parametrize("number", KEEPS_CLOSURES)
def test_lessons_run_but_for_cells_that_keep_closures(program, tmp_path, number):
    (notebook,) = NOTEBOOKS.glob(f"{number}-*.ipynb")
    out = tmp_path / "out.ipynb"
    command = [program, "run", str(notebook), "--engine", "evcxr", "--allow-errors", "-o", str(out)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=1200)
    assert out.exists(), ran
    cells = [cell for cell in json.loads(out.read_text())["cells"] if cell["cell_type"] == "code"]
    fails = {
        place: [output["evalue"] for output in cell["outputs"] if output["output_type"] == "error"]
        for place, cell in enumerate(cells)
        if "raises-exception" not in cell["metadata"].get("tags", [])
    }
    failed = {place: errors for place, errors in fails.items() if errors}
    assert list(failed) == KEEPS_CLOSURES[number], failed
