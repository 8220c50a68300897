"""The tour of the kernel: what its cells show."""

import re

import pytest
from kernel_client import picture
from lessons import Lesson

lesson = Lesson("00-start-here.ipynb", parameters={"time_scale": 0.5})


@lesson.check("hello")
def hello(run, cell):
    assert cell.lines == ["Hello from Rust"]


@lesson.check("variables")
def a_let_shows_nothing(run, cell):
    assert not cell.contents("stream", "execute_result", "display_data")


@lesson.check("last-expression")
def a_value_of_an_earlier_cell(run, cell):
    assert float(cell.result["text/plain"]) == pytest.approx((18.5 + 21.0 + 19.3 + 23.2) / 4)


@lesson.check("mutation")
def counts_the_warm_days(run, cell):
    assert cell.result["text/plain"] == "2"


@lesson.check("vars")
def types_found_by_the_compiler(run, cell):
    (shown,) = cell.displays
    rows = [line.split() for line in shown["text/plain"].splitlines()]
    (temperatures,) = [row for row in rows if "temperatures" in row]
    assert temperatures[:3] == ["temperatures", "let", "Vec<f64>"]
    (warm_days,) = [row for row in rows if "warm_days" in row]
    assert warm_days[:4] == ["warm_days", "let", "mut", "i32"]


@lesson.check("struct")
def shown_by_debug(run, cell):
    assert cell.result["text/plain"] == 'City { name: "Turin", inhabitants: 851000 }'


@lesson.check("impl-in-a-later-cell")
def the_value_has_the_new_method(run, cell):
    assert cell.result["text/plain"] == '"Turin has 851 thousand inhabitants"'


@lesson.check("static")
def a_static_begins(run, cell):
    assert cell.result["text/plain"] == "1"


@lesson.check("static-again")
def a_static_goes_on(run, cell):
    assert cell.result["text/plain"] == "2"


@lesson.check("rich-display")
def three_formats_in_order(run, cell):
    markdown, html, latex = cell.displays
    assert markdown["text/markdown"] == "**Degrees** on *four* days"
    assert html["text/html"].count("<tr>") == 4 and "<td>23.2</td>" in html["text/html"]
    assert latex["text/latex"].startswith(r"$\bar{t}")


@lesson.check("svg")
def a_bar_for_each_day(run, cell):
    assert cell.result["image/svg+xml"].count("<rect") == 4


@lesson.check("rich-of-your-own")
def a_form_of_its_own(run, cell):
    assert cell.result["text/html"] == "<b>Turin</b> <i>(851000 inhabitants)</i>"
    assert cell.result["text/plain"] == "Turin has 851 thousand inhabitants"


@lesson.check("update-display")
def one_output_that_changes(run, cell):
    (first,) = cell.contents("display_data")
    updates = cell.contents("update_display_data")
    assert len(updates) == 10
    assert {update["transient"]["display_id"] for update in updates} == {first["transient"]["display_id"]}
    assert "100 %" in updates[-1]["data"]["text/html"]


@lesson.check("thread-after-its-cell")
def the_cell_is_first(run, cell):
    lines = run.printed("thread-after-its-cell", "join-in-a-later-cell")
    assert [line for line, _ in lines] == [
        "from the cell: the thread is started",
        "from the thread: my cell ended long ago",
    ]
    assert cell.place("idle") < lines[1][1]


@lesson.check("join-in-a-later-cell")
def joined_after_the_thread_has_printed(run, cell):
    lines = run.printed("thread-after-its-cell")
    (place,) = [place for line, place in lines if line.startswith("from the thread")]
    assert place < cell.place("idle")


@lesson.check("rayon")
def counts_primes(run, cell):
    assert cell.result["text/plain"] == "9592"


@lesson.check("await")
def both_wait_at_once(run, cell):
    assert cell.lines[0] == "one and two"
    assert cell.lines[1].endswith(": true")


@lesson.check("type-error")
def names_both_types(run, cell):
    assert "E0308" in cell.error["evalue"]
    assert "expected `i32`, found `&str`" in cell.traceback
    assert 'let days: i32 = "four";' in cell.traceback


@lesson.check("moved-value")
def points_at_the_use_after_the_move(run, cell):
    assert cell.lines == []
    assert "E0382" in cell.error["evalue"] and "`temperatures`" in cell.error["evalue"]


@lesson.check("lend")
def still_there_after_the_refusal(run, cell):
    assert cell.lines == ["23.2 of [18.5, 21.0, 19.3, 23.2]"]


@lesson.check("panic")
def names_the_index_and_the_place(run, cell):
    assert cell.error["ename"] == "Panic"
    assert cell.error["evalue"] == "index out of bounds: the len is 4 but the index is 7"
    assert "temperatures[day]" in cell.traceback


@lesson.check("question-mark")
def takes_the_value_out(run, cell):
    assert cell.result["text/plain"] == "43"


@lesson.check("question-mark-error")
def ends_with_the_error(run, cell):
    assert "InvalidDigit" in cell.error["evalue"]


@lesson.check("kept-after-errors")
def nothing_was_lost(run, cell):
    assert cell.lines == ["42 apples, 4 temperatures, Turin"]


UNITS = {"ns": 1e-9, "μs": 1e-6, "ms": 1e-3, "s": 1.0}


def time_per_loop(cell):
    """What `%timeit` says, in seconds."""
    (shown,) = cell.displays
    assert "<svg" in picture(shown)
    number, unit = re.match(r"([\d.]+) (ns|μs|ms|s) ± .* per loop \(mean", shown["text/plain"]).groups()
    return float(number) * UNITS[unit]


@lesson.check("timeit")
def a_statement_is_measured(run, cell):
    assert 0 < time_per_loop(cell) < 1e-3
    assert "of 7 runs" in cell.displays[0]["text/plain"]


@lesson.check("timeit-cell")
def a_cell_is_measured(run, cell):
    assert time_per_loop(cell) > 0
    assert "of 3 runs" in cell.displays[0]["text/plain"]


@lesson.check("removed")
def removed_work_is_told(run, cell):
    assert "black_box" in cell.displays[0]["text/plain"]


@lesson.check("black-box")
def hidden_work_is_done(run, cell):
    assert "black_box" not in cell.displays[0]["text/plain"]
    assert time_per_loop(cell) > 100 * time_per_loop(run["removed"])


@lesson.check("time")
def sleeping_takes_no_processor(run, cell):
    times = [re.fullmatch(r"(?:CPU times: .*total|Wall time): ([\d.]+) (ns|μs|ms|s)", line) for line in cell.lines]
    cpu, wall = (float(match[1]) * UNITS[match[2]] for match in times)
    assert wall >= 0.3 * 0.5 and wall > cpu
    assert cell.result["text/plain"] == "true"


@lesson.check("timeline")
def three_workers_share_six_tasks(run, cell):
    (chart,) = cell.displays
    assert chart["text/plain"].startswith("6 tasks on 3 workers in ")
    assert picture(chart).count("<title>") >= 6
    assert cell.result["text/plain"] == "[0, 1, 2, 3, 4, 5]"


@lesson.check("shell")
def the_shell_knows_the_variable(run, cell):
    assert cell.lines == ["hello from the shell"]


@lesson.check("shell-lines")
def lines_of_the_shell_are_a_value(run, cell):
    assert cell.result["text/plain"] == "3"


@lesson.check("timeout")
def it_is_stopped_and_the_cell_is_good(run, cell):
    assert cell.lines[:2] == ["round 1", "round 2"]
    (note,) = cell.displays
    assert "stopped after 400 ms" in note["text/plain"]


@lesson.check("compile-fail")
def the_error_is_shown_and_the_cell_is_good(run, cell):
    (shown,) = cell.displays
    assert "E0384" in shown["text/plain"]


@lesson.check("question")
def the_type_is_explained(run, cell):
    (shown,) = cell.displays
    assert "inhabitants" in shown["text/plain"]


@lesson.check("help")
def lists_the_commands(run, cell):
    (shown,) = cell.displays
    for command in [":dep", "%vars", "%help"]:
        assert command in shown["text/plain"]


test_cell, test_is_complete = lesson.tests()
