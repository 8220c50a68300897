"""The notebooks show what their lessons promise, on a fresh kernel.

Every cell that a lesson is about carries a name in its metadata; here each name has one
check, which reads the cell's outputs. Times are compared with each other and never with
a clock, but for the pauses that the cells themselves make.
"""

import re

import pytest
from notebook_run import cell_name, read, run

START = "00-start-here.ipynb"
THREADS = "05-daemons-sharing-locks.ipynb"

# The pauses in seconds: short, but for the one in which another cell has to be compiled
# and run while a thread sleeps.
PARAMETERS = {
    START: {"time_scale": 0.5},
    THREADS: {"time_scale": 0.5, "thread_pause": 4.0},
}
WORK_PAUSE = 0.2 * 0.5
THREAD_PAUSE = 4.0 * 0.5

CHECKS = {START: {}, THREADS: {}}


def check(notebook, name):
    """Registers the check of a cell."""

    def register(function):
        assert name not in CHECKS[notebook], f"{name} has two checks"
        CHECKS[notebook][name] = function
        return function

    return register


def demo(number):
    return check(THREADS, f"daemons-sharing-locks-{number:02}")


# ---------------------------------------------------------------- 05: threads

SQUARES = ["square: 4", "square: 9", "square: 64", "square: 81"]
CUBES = ["cube: 8", "cube: 27", "cube: 512", "cube: 729"]
SQUARE_LINES = ["calculate square numbers", *SQUARES]
CUBE_LINES = ["calculate cube of numbers", *CUBES]


def seconds_in(cell, prefix):
    """The number that a line of the cell ends with."""
    found = [re.fullmatch(re.escape(prefix) + r"(\d+\.\d+)", line) for line in cell.lines]
    (match,) = filter(None, found)
    return float(match[1])


def done_in(run, number):
    return seconds_in(run[f"daemons-sharing-locks-{number:02}"], "done in :  ")


def demo_2(run):
    """The lines of demo 2 with their places, whichever cell they stand under."""
    return run.printed("daemons-sharing-locks-08", "wait-for-the-thread")


@demo(5)
def one_after_the_other(run, cell):
    assert cell.lines == SQUARE_LINES + CUBE_LINES


@demo(6)
def takes_all_eight_pauses(run, cell):
    assert len(cell.lines) == 1
    assert done_in(run, 6) >= 8 * WORK_PAUSE


@demo(8)
def does_not_wait_for_its_thread(run, cell):
    places = {line: place for line, place in demo_2(run)}
    assert cell.place("idle") < places["square: 4"]
    assert [line for line, _ in demo_2(run) if line in SQUARE_LINES] == SQUARE_LINES


@demo(9)
def prints_while_the_thread_sleeps(run, cell):
    main = "Main Thread - Print this line while 'calc_square' is being executed ..."
    lines = [line for line, _ in demo_2(run)]
    assert lines == ["calculate square numbers", main, *SQUARES, "the thread of demo 2 has ended"]
    assert main in cell.lines


@check(THREADS, "wait-for-the-thread")
def waits_for_the_end(run, cell):
    assert cell.lines[-1] == "the thread of demo 2 has ended"


@demo(11)
def join_waits(run, cell):
    assert cell.lines == SQUARE_LINES
    # The join has seen every pause, and the cell ended after the last line.
    assert seconds_in(run["daemons-sharing-locks-12"], "the thread was waited for :  ") >= 4 * THREAD_PAUSE
    assert max(place for place, kind, _ in cell.messages if kind == "stream") < cell.place("idle")


@demo(12)
def prints_after_the_thread(run, cell):
    main = "Main Thread - Print this line after 'calc_square' was executed ..."
    lines = [line for line, _ in run.printed("daemons-sharing-locks-11", "daemons-sharing-locks-12")]
    assert lines[: len(SQUARE_LINES) + 1] == [*SQUARE_LINES, main]
    assert cell.lines[0] == main


@demo(14)
def squares_and_cubes_take_turns(run, cell):
    lines = cell.lines
    assert sorted(lines) == sorted(SQUARE_LINES + CUBE_LINES)
    assert [line for line in lines if line in SQUARE_LINES] == SQUARE_LINES
    assert [line for line in lines if line in CUBE_LINES] == CUBE_LINES
    assert lines.index("cube: 8") < lines.index("square: 81")
    assert lines.index("square: 4") < lines.index("cube: 729")


@demo(15)
def takes_clearly_less_than_one_after_the_other(run, cell):
    assert len(cell.lines) == 1
    assert done_in(run, 15) >= 4 * WORK_PAUSE
    # Half, were there nothing but the pauses.
    assert done_in(run, 15) < 0.75 * done_in(run, 6)


@check(THREADS, "compare-the-times")
def compares_the_measured_times(run, cell):
    assert cell.lines[0] == f"one after the other: {done_in(run, 6):.3f} s"
    assert cell.lines[1] == f"at the same time:    {done_in(run, 15):.3f} s"
    times = float(re.fullmatch(r"that is (\d+\.\d) times as fast", cell.lines[2])[1])
    assert times == pytest.approx(done_in(run, 6) / done_in(run, 15), abs=0.06)


@check(THREADS, "move-into-two-threads")
def the_second_move_is_refused(run, cell):
    assert cell.lines == []
    assert "E0382" in cell.error["evalue"] and "`numbers`" in cell.error["evalue"]
    assert "let t2 = thread::spawn(move || calc_cube(&numbers, pause));" in cell.traceback


@check(THREADS, "borrow-in-a-scope")
def a_scope_lends(run, cell):
    assert cell.lines == ["numbers: [2, 3, 8, 9]", "squares: [4, 9, 64, 81]", "cubes:   [8, 27, 512, 729]"]


# ---------------------------------------------------------------- 00: the tour


def tour(name):
    return check(START, name)


@tour("hello")
def hello(run, cell):
    assert cell.lines == ["Hello from Rust"]


@tour("variables")
def a_let_shows_nothing(run, cell):
    assert not cell.contents("stream", "execute_result", "display_data")


@tour("last-expression")
def a_value_of_an_earlier_cell(run, cell):
    assert float(cell.result["text/plain"]) == pytest.approx((18.5 + 21.0 + 19.3 + 23.2) / 4)


@tour("mutation")
def counts_the_warm_days(run, cell):
    assert cell.result["text/plain"] == "2"


@tour("vars")
def types_found_by_the_compiler(run, cell):
    (shown,) = cell.displays
    rows = [line.split() for line in shown["text/plain"].splitlines()]
    (temperatures,) = [row for row in rows if "temperatures" in row]
    assert temperatures[:3] == ["temperatures", "let", "Vec<f64>"]
    (warm_days,) = [row for row in rows if "warm_days" in row]
    assert warm_days[:4] == ["warm_days", "let", "mut", "i32"]


@tour("struct")
def shown_by_debug(run, cell):
    assert cell.result["text/plain"] == 'City { name: "Turin", inhabitants: 851000 }'


@tour("impl-in-a-later-cell")
def the_value_has_the_new_method(run, cell):
    assert cell.result["text/plain"] == '"Turin has 851 thousand inhabitants"'


@tour("static")
def a_static_begins(run, cell):
    assert cell.result["text/plain"] == "1"


@tour("static-again")
def a_static_goes_on(run, cell):
    assert cell.result["text/plain"] == "2"


@tour("rich-display")
def three_formats_in_order(run, cell):
    markdown, html, latex = cell.displays
    assert markdown["text/markdown"] == "**Degrees** on *four* days"
    assert html["text/html"].count("<tr>") == 4 and "<td>23.2</td>" in html["text/html"]
    assert latex["text/latex"].startswith(r"$\bar{t}")


@tour("svg")
def a_bar_for_each_day(run, cell):
    assert cell.result["image/svg+xml"].count("<rect") == 4


@tour("rich-of-your-own")
def a_form_of_its_own(run, cell):
    assert cell.result["text/html"] == "<b>Turin</b> <i>(851000 inhabitants)</i>"
    assert cell.result["text/plain"] == "Turin has 851 thousand inhabitants"


@tour("update-display")
def one_output_that_changes(run, cell):
    (first,) = cell.contents("display_data")
    updates = cell.contents("update_display_data")
    assert len(updates) == 10
    assert {update["transient"]["display_id"] for update in updates} == {first["transient"]["display_id"]}
    assert "100 %" in updates[-1]["data"]["text/html"]


@tour("thread-after-its-cell")
def the_cell_is_first(run, cell):
    lines = run.printed("thread-after-its-cell", "join-in-a-later-cell")
    assert [line for line, _ in lines] == [
        "from the cell: the thread is started",
        "from the thread: my cell ended long ago",
    ]
    assert cell.place("idle") < lines[1][1]


@tour("join-in-a-later-cell")
def joined_after_the_thread_has_printed(run, cell):
    lines = run.printed("thread-after-its-cell")
    (place,) = [place for line, place in lines if line.startswith("from the thread")]
    assert place < cell.place("idle")


@tour("rayon")
def counts_primes(run, cell):
    assert cell.result["text/plain"] == "9592"


@tour("await")
def both_wait_at_once(run, cell):
    assert cell.lines[0] == "one and two"
    assert cell.lines[1].endswith(": true")


@tour("type-error")
def names_both_types(run, cell):
    assert "E0308" in cell.error["evalue"]
    assert "expected `i32`, found `&str`" in cell.traceback
    assert 'let days: i32 = "four";' in cell.traceback


@tour("moved-value")
def points_at_the_use_after_the_move(run, cell):
    assert cell.lines == []
    assert "E0382" in cell.error["evalue"] and "`temperatures`" in cell.error["evalue"]


@tour("lend")
def still_there_after_the_refusal(run, cell):
    assert cell.lines == ["23.2 of [18.5, 21.0, 19.3, 23.2]"]


@tour("panic")
def names_the_index_and_the_place(run, cell):
    assert cell.error["ename"] == "Panic"
    assert cell.error["evalue"] == "index out of bounds: the len is 4 but the index is 7"
    assert "temperatures[day]" in cell.traceback


@tour("question-mark")
def takes_the_value_out(run, cell):
    assert cell.result["text/plain"] == "43"


@tour("question-mark-error")
def ends_with_the_error(run, cell):
    assert "InvalidDigit" in cell.error["evalue"]


@tour("kept-after-errors")
def nothing_was_lost(run, cell):
    assert cell.lines == ["42 apples, 4 temperatures, Turin"]


UNITS = {"ns": 1e-9, "μs": 1e-6, "ms": 1e-3, "s": 1.0}


def time_per_loop(cell):
    """What `%timeit` says, in seconds."""
    (shown,) = cell.displays
    assert "<svg" in shown["text/html"]
    number, unit = re.match(r"([\d.]+) (ns|μs|ms|s) ± .* per loop \(mean", shown["text/plain"]).groups()
    return float(number) * UNITS[unit]


@tour("timeit")
def a_statement_is_measured(run, cell):
    assert 0 < time_per_loop(cell) < 1e-3
    assert "of 7 runs" in cell.displays[0]["text/plain"]


@tour("timeit-cell")
def a_cell_is_measured(run, cell):
    assert time_per_loop(cell) > 0
    assert "of 3 runs" in cell.displays[0]["text/plain"]


@tour("removed")
def removed_work_is_told(run, cell):
    assert "black_box" in cell.displays[0]["text/plain"]


@tour("black-box")
def hidden_work_is_done(run, cell):
    assert "black_box" not in cell.displays[0]["text/plain"]
    assert time_per_loop(cell) > 100 * time_per_loop(run["removed"])


@tour("time")
def sleeping_takes_no_processor(run, cell):
    times = [re.fullmatch(r"(?:CPU times: .*total|Wall time): ([\d.]+) (ns|μs|ms|s)", line) for line in cell.lines]
    cpu, wall = (float(match[1]) * UNITS[match[2]] for match in times)
    assert wall >= 0.3 * 0.5 and wall > cpu
    assert cell.result["text/plain"] == "true"


@tour("shell")
def the_shell_knows_the_variable(run, cell):
    assert cell.lines == ["hello from the shell"]


@tour("shell-lines")
def lines_of_the_shell_are_a_value(run, cell):
    assert cell.result["text/plain"] == "3"


@tour("timeout")
def it_is_stopped_and_the_cell_is_good(run, cell):
    assert cell.lines[:2] == ["round 1", "round 2"]
    (note,) = cell.displays
    assert "stopped after 400 ms" in note["text/plain"]


@tour("compile-fail")
def the_error_is_shown_and_the_cell_is_good(run, cell):
    (shown,) = cell.displays
    assert "E0384" in shown["text/plain"]


@tour("question")
def the_type_is_explained(run, cell):
    (shown,) = cell.displays
    assert "inhabitants" in shown["text/plain"]


@tour("help")
def lists_the_commands(run, cell):
    (shown,) = cell.displays
    for command in [":dep", "%vars", "%help"]:
        assert command in shown["text/plain"]


# ---------------------------------------------------------------- running the checks


@pytest.fixture(scope="module")
def runs(kernel_name):
    """Each notebook is run once, when its first check asks for it."""
    done = {}

    def get(notebook):
        if notebook not in done:
            done[notebook] = run(notebook, kernel_name, PARAMETERS[notebook])
        return done[notebook]

    return get


@pytest.mark.parametrize(
    ("notebook", "name"),
    [pytest.param(notebook, name, id=name) for notebook in CHECKS for name in CHECKS[notebook]],
)
def test_cell(runs, notebook, name):
    this_run = runs(notebook)
    CHECKS[notebook][name](this_run, this_run[name])


@pytest.mark.parametrize("notebook", CHECKS)
def test_every_cell_has_a_check_and_every_check_a_cell(notebook):
    code_cells = [cell for cell in read(notebook).cells if cell.cell_type == "code"]
    nameless = [
        cell.id for cell in code_cells if not cell_name(cell) and "parameters" not in cell.metadata.get("tags", [])
    ]
    assert nameless == []
    names = [cell_name(cell) for cell in code_cells if cell_name(cell)]
    assert len(names) == len(set(names)), "two cells have one name"
    assert set(names) == set(CHECKS[notebook])


def test_the_demos_are_complete():
    cells = {cell_name(cell): cell.cell_type for cell in read(THREADS).cells}
    code = [5, 6, 8, 9, 11, 12, 14, 15]
    for number in range(1, 16):
        kind = "code" if number in code else "markdown"
        assert cells.get(f"daemons-sharing-locks-{number:02}") == kind
