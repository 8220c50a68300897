"""No cell is compiled twice: not when it is run again, not after a restart of the kernel; and
cells that wait are compiled while another one runs.

Whether the compiler was called is seen in the kernel's log (`THREADBOOK_LOG`), not in times.
"""

import os
import subprocess
from pathlib import Path

import pytest

from kernel_client import wait_until

COUNTER = """
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
static COUNT: AtomicU32 = AtomicU32::new(0);
COUNT.fetch_add(1, SeqCst)
"""


class Logged:
    """A kernel whose calls of the compiler can be counted."""

    def __init__(self, start, folder, name, **environment):
        self.log = folder / f"{name}.log"
        self.file = open(self.log, "w")
        environment = {"THREADBOOK_LOG": "warn,threadbook::rustc=debug", **environment}
        self.kernel = start(env=environment, stderr=self.file)

    def calls(self):
        return self.log.read_text(errors="replace").count("threadbook::rustc: [")

    def compiled(self, code, good=True):
        """Runs a cell; returns it and how often the compiler was called for that."""
        before = self.calls()
        cell = self.kernel.run(code)
        if good:
            cell.good()
        return cell, self.calls() - before


@pytest.fixture
def logged(start, tmp_path):
    """Kernels with a cache of cells of their own, shared with those that come later."""
    cache = tmp_path / "cache"
    cache.mkdir()
    # The prelude's build is the usual one: only `cells` is looked for elsewhere.
    usual = Path(os.environ.get("THREADBOOK_CACHE_DIR") or Path.home() / ".cache/threadbook")
    for folder in ("targets", "builds"):
        (usual / folder).mkdir(parents=True, exist_ok=True)
        (cache / folder).symlink_to(usual / folder)
    names = iter(range(100))
    kernels = []

    def start_logged(**environment):
        environment = {"THREADBOOK_CACHE_DIR": str(cache), **environment}
        kernels.append(Logged(start, tmp_path, f"kernel-{next(names)}", **environment))
        return kernels[-1]

    start_logged.cells = cache / "cells"
    yield start_logged
    for kernel in kernels:
        kernel.file.close()


SAME = {
    "a value": "let numbers = vec![1, 2, 3]; numbers.len()",
    "a variable it prints itself": 'let x = 5; println!("{x}"); x',
    "items": "struct Point { x: i32 } impl Point { fn double(&self) -> i32 { 2 * self.x } } Point { x: 4 }.double()",
    "a closure": "let add = |a: i32, b: i32| a + b; add(1, 2)",
    "a macro": "macro_rules! three { () => { 3 } } three!()",
    "a thread": "let handle = std::thread::spawn(|| 6 * 7); handle.join().unwrap()",
    "an await": "async fn f() -> i32 { 3 } f().await",
    "a measured loop": "%%timeit -q -n 10 -r 2\nlet mut sum = 0u64;\nfor n in 0..100 { sum += std::hint::black_box(n); }\nsum",
    "a timed cell": "%%time\nlet sum = (0..100).sum::<i32>();\nsum",
    "lines of the shell": "let lines = !echo one",
    "captured output": '%%capture out\nprintln!("captured");',
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_cell_again_is_not_compiled(logged, name):
    kernel = logged()
    first, calls = kernel.compiled(SAME[name])
    assert calls >= 1
    again, calls = kernel.compiled(SAME[name])
    assert calls == 0 and again.result == first.result, again
    # In a new kernel, too.
    kernel.kernel.close()
    other, calls = logged().compiled(SAME[name])
    assert calls == 0 and other.result == first.result, other


def test_a_cell_that_is_refused_again_says_the_same(logged):
    kernel = logged()
    first, _ = kernel.compiled("let a: i32 = \"text\";", good=False)
    again, calls = kernel.compiled("let a: i32 = \"text\";", good=False)
    assert calls == 0
    assert str(again.error).replace("In[2]", "In[1]") == str(first.error)


def test_a_panic_of_a_cell_that_was_not_compiled_is_told_in_its_lines(logged):
    kernel = logged()
    kernel.compiled('let n = 1;\npanic!("it was {n}");', good=False)
    again, calls = kernel.compiled('let n = 1;\npanic!("it was {n}");', good=False)
    assert calls == 0
    again.failed("Panic", "it was 1", "In[2]:2:1")


def test_a_static_keeps_its_value(logged):
    kernel = logged()
    assert [kernel.compiled(COUNTER)[0].result for _ in range(3)] == ["0", "1", "2"]
    assert kernel.compiled("COUNT.fetch_add(10, SeqCst)")[0].result == "3"
    cell, calls = kernel.compiled(COUNTER)
    assert (cell.result, calls) == ("13", 0)


def test_a_static_that_was_defined_anew_meanwhile_begins_again(logged):
    kernel = logged()
    kernel.compiled(COUNTER)
    kernel.compiled(COUNTER)
    assert kernel.compiled(COUNTER.replace("new(0)", "new(100)"))[0].result == "100"
    assert kernel.compiled(COUNTER)[0].result == "0"
    assert kernel.compiled(COUNTER)[0].result == "1"
    # Or forgotten.
    kernel.compiled("%reset -f")
    assert kernel.compiled(COUNTER)[0].result == "0"


def test_a_static_is_as_it_was_before_a_crash(logged):
    kernel = logged()
    kernel.compiled(COUNTER)
    kernel.compiled(COUNTER)
    kernel.compiled("COUNT.fetch_add(5, SeqCst); std::process::abort();", good=False)
    assert kernel.compiled(COUNTER)[0].result == "2"
    # Made in the cell that crashed, it is made again.
    late = "static LATE: AtomicU32 = AtomicU32::new(7); LATE.fetch_add(1, SeqCst); std::process::abort();"
    kernel.compiled(late, good=False)
    assert kernel.compiled("LATE.load(SeqCst)")[0].result == "7"
    assert kernel.compiled(COUNTER)[0].result == "3"


def test_only_the_cell_that_changed_is_compiled(logged):
    kernel = logged()
    cells = ["let workers = 4;", "fn double(n: i32) -> i32 { 2 * n }", "double(workers)", "let twice = double(workers);"]
    for code in cells:
        kernel.compiled(code)
    cells[0] = "let workers = 8;"
    assert [kernel.compiled(code)[1] > 0 for code in cells] == [True, False, False, False]
    assert kernel.compiled("twice")[0].result == "16"


def test_what_others_have_added_since_does_not_count(logged):
    kernel = logged()
    square = "fn square(x: u64) -> u64 { x * x }"
    cells = [square, "fn cube(x: u64) -> u64 { x * square(x) }", "let n = 4_u64;", "square(cube(n))"]
    for cell in cells:
        assert kernel.compiled(cell)[1] > 0
    for cell in ["use std::time::Instant;", "use rayon::prelude::*;", "use std::io::Write as _;", "fn other() {}"]:
        kernel.compiled(cell)
    # Also that they are defined in another order now.
    for cell in [cells[1], *cells]:
        assert kernel.compiled(cell)[1] == 0, cell
    assert kernel.kernel.good(cells[3]).result == "4096"


def test_what_a_cell_names_counts(logged):
    kernel = logged()
    kernel.compiled("trait Twice { fn twice(&self) -> u8; }")
    kernel.compiled("impl Twice for u8 { fn twice(&self) -> u8 { self * 2 } }\nfn f() -> u8 { 1 }")
    assert kernel.compiled("f() + 4u8.twice()")[0].result == "9"
    kernel.compiled("fn f() -> u8 { 2 }")
    kernel.compiled("impl Twice for u8 { fn twice(&self) -> u8 { self * 3 } }")
    cell, calls = kernel.compiled("f() + 4u8.twice()")
    assert cell.result == "14" and calls > 0
    kernel.compiled("mod one { pub fn g() -> u8 { 1 } } mod two { pub fn g() -> u8 { 2 } } use one::g;")
    assert kernel.compiled("g()")[0].result == "1"
    kernel.compiled("use two::g;")
    assert kernel.compiled("g()")[0].result == "2"


def test_another_type_is_another_cell(logged):
    kernel = logged()
    kernel.compiled("let value = 4_i32;")
    assert kernel.compiled("value / 3")[0].result == "1"
    kernel.compiled("let value = 4_f64;")
    cell, calls = kernel.compiled("value / 3.0")
    assert calls == 1 and cell.result.startswith("1.33")
    kernel.compiled("let value = 5_i32;")
    cell, calls = kernel.compiled("value / 3")
    assert (cell.result, calls) == ("1", 0)


def test_a_file_that_is_included_counts(logged, tmp_path):
    included = tmp_path / "included.txt"
    included.write_text("one")
    code = f'include_str!("{included}")'
    kernel = logged()
    assert kernel.compiled(code)[0].result == '"one"'
    assert kernel.compiled(code)[1] == 0
    included.write_text("three")
    cell, calls = kernel.compiled(code)
    assert (cell.result, calls) == ('"three"', 1)


def test_a_damaged_entry_is_made_again(logged):
    kernel = logged()
    kernel.compiled("let kept = 41; kept + 1")
    (entry,) = wait_until("the cell is written", lambda: list(logged.cells.glob("[0-9a-f]*")))
    kernel.kernel.close()
    damaged = bytearray(entry.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    entry.write_bytes(damaged)
    cell, calls = logged().compiled("let kept = 41; kept + 1")
    assert (cell.result, calls) == ("42", 1)


def test_two_kernels_share_what_they_compile(logged):
    one, two = logged(), logged()
    one.compiled("let shared = 41; shared + 1")
    wait_until("the cell is written", lambda: list(logged.cells.glob("[0-9a-f]*")))
    cell, calls = two.compiled("let shared = 41; shared + 1")
    assert (cell.result, calls) == ("42", 0)


def test_without_a_cache_nothing_is_written(logged):
    kernel = logged(THREADBOOK_CACHE_SIZE="0")
    kernel.compiled("1 + 1")
    assert kernel.compiled("1 + 1")[1] == 0, "it is in memory all the same"
    assert not logged.cells.exists()


def test_the_cache_can_be_looked_at_and_cleared(logged):
    kernel = logged()
    kernel.compiled("let looked_at = 1;")
    wait_until("the cell is written", lambda: list(logged.cells.glob("[0-9a-f]*")))
    program = Path(f"/proc/{kernel.kernel.pid}/exe").resolve()
    environment = {**os.environ, "THREADBOOK_CACHE_DIR": str(logged.cells.parent)}

    def cache(*words):
        return subprocess.run([program, "cache", *words], env=environment, capture_output=True, text=True, check=True).stdout

    assert cache().startswith("1 compiled cell, ") and str(logged.cells) in cache()
    assert cache("clear").startswith("Removed 1 compiled cell")
    assert cache("show").startswith("0 compiled cells, 0.0 of at most 512 MiB")


# ---------------------------------------------------------------- ahead


def announced(kernel, cells):
    """Sends all cells at once; waits for the last."""
    sent = [kernel.send(code, stop_on_error=False) for code in cells]
    return sent


def test_cells_that_wait_are_compiled_while_another_one_runs(logged, tmp_path):
    go = tmp_path / "go"
    kernel = logged()
    first = f'let a = vec![1]; println!("it waits"); while !std::path::Path::new("{go}").exists() {{ sleep(0.01); }}'
    rest = ["let b = a.len() + 1;", "fn triple(n: usize) -> usize { 3 * n }", "triple(b)", "%%timeit -q -n 1 -r 1\ntriple(b)"]
    before = kernel.calls()
    sent = announced(kernel.kernel, [first, *rest])
    kernel.kernel.see(sent[0], "it waits")
    wait_until("all are compiled", lambda: kernel.calls() >= before + 5)
    go.touch()
    for cell in sent:
        kernel.kernel.finish(cell).good()
    assert sent[3].result == "6"
    assert kernel.calls() == before + 5, "nothing was compiled a second time"


def test_a_wrong_guess_costs_nothing_but_the_work(logged, tmp_path):
    kernel = logged()
    kernel.compiled("fn maybe(fail: bool) -> Result<i32, String> { if fail { Err(\"no\".into()) } else { Ok(1) } }")
    # The first cell fails, so `value` never comes to be: the rest still says what is so.
    sent = announced(kernel.kernel, ["let value = { sleep(0.5); maybe(true)? };", "value + 1", "let value = 2_u8;", "value"])
    for cell in sent:
        kernel.kernel.finish(cell)
    sent[0].failed("Error", "no")
    sent[1].failed("CompileError", "E0425")
    assert sent[3].result == "2"


def test_what_was_prepared_is_dropped_at_an_interrupt(logged):
    kernel = logged()
    sent = [kernel.kernel.send('println!("it waits"); sleep(100.0);'), kernel.kernel.send("let never = 1;")]
    kernel.kernel.see(sent[0], "it waits")
    kernel.kernel.stop(sent[0])
    assert sent[0].error.name == "KeyboardInterrupt"
    kernel.kernel.finish(sent[1])
    assert sent[1].status == "aborted"
    assert kernel.compiled("let other = 2; other")[0].result == "2"
