"""Daemons, sharing and locks: what its cells show."""

import re

import pytest
from lessons import Lesson

lesson = Lesson(
    "05-daemons-sharing-locks.ipynb",
    # The pauses in seconds: short, but for the one in which another cell has to be compiled
    # and run while a thread sleeps.
    parameters={"time_scale": 0.5, "thread_pause": 4.0},
    prefix="daemons-sharing-locks",
    code=[5, 6, 8, 9, 11, 12, 14, 15],
)
WORK_PAUSE = 0.2 * 0.5
THREAD_PAUSE = 4.0 * 0.5

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


@lesson.check(5)
def one_after_the_other(run, cell):
    assert cell.lines == SQUARE_LINES + CUBE_LINES


@lesson.check(6)
def takes_all_eight_pauses(run, cell):
    assert len(cell.lines) == 1
    assert done_in(run, 6) >= 8 * WORK_PAUSE


@lesson.check(8)
def does_not_wait_for_its_thread(run, cell):
    places = {line: place for line, place in demo_2(run)}
    assert cell.place("idle") < places["square: 4"]
    assert [line for line, _ in demo_2(run) if line in SQUARE_LINES] == SQUARE_LINES


@lesson.check(9)
def prints_while_the_thread_sleeps(run, cell):
    main = "Main Thread - Print this line while 'calc_square' is being executed ..."
    lines = [line for line, _ in demo_2(run)]
    assert lines == ["calculate square numbers", main, *SQUARES, "the thread of demo 2 has ended"]
    assert main in cell.lines


@lesson.check("wait-for-the-thread")
def waits_for_the_end(run, cell):
    assert cell.lines[-1] == "the thread of demo 2 has ended"


@lesson.check(11)
def join_waits(run, cell):
    assert cell.lines == SQUARE_LINES
    # The join has seen every pause, and the cell ended after the last line.
    assert seconds_in(run["daemons-sharing-locks-12"], "the thread was waited for :  ") >= 4 * THREAD_PAUSE
    assert max(place for place, kind, _ in cell.messages if kind == "stream") < cell.place("idle")


@lesson.check(12)
def prints_after_the_thread(run, cell):
    main = "Main Thread - Print this line after 'calc_square' was executed ..."
    lines = [line for line, _ in run.printed("daemons-sharing-locks-11", "daemons-sharing-locks-12")]
    assert lines[: len(SQUARE_LINES) + 1] == [*SQUARE_LINES, main]
    assert cell.lines[0] == main


@lesson.check(14)
def squares_and_cubes_take_turns(run, cell):
    lines = cell.lines
    assert sorted(lines) == sorted(SQUARE_LINES + CUBE_LINES)
    assert [line for line in lines if line in SQUARE_LINES] == SQUARE_LINES
    assert [line for line in lines if line in CUBE_LINES] == CUBE_LINES
    assert lines.index("cube: 8") < lines.index("square: 81")
    assert lines.index("square: 4") < lines.index("cube: 729")


@lesson.check(15)
def takes_clearly_less_than_one_after_the_other(run, cell):
    assert len(cell.lines) == 1
    assert done_in(run, 15) >= 4 * WORK_PAUSE
    # Half, were there nothing but the pauses.
    assert done_in(run, 15) < 0.75 * done_in(run, 6)


@lesson.check("compare-the-times")
def compares_the_measured_times(run, cell):
    assert cell.lines[0] == f"one after the other: {done_in(run, 6):.3f} s"
    assert cell.lines[1] == f"at the same time:    {done_in(run, 15):.3f} s"
    times = float(re.fullmatch(r"that is (\d+\.\d) times as fast", cell.lines[2])[1])
    assert times == pytest.approx(done_in(run, 6) / done_in(run, 15), abs=0.06)


@lesson.check("move-into-two-threads")
def the_second_move_is_refused(run, cell):
    assert cell.lines == []
    assert "E0382" in cell.error["evalue"] and "`numbers`" in cell.error["evalue"]
    assert "let t2 = thread::spawn(move || calc_cube(&numbers, pause));" in cell.traceback


@lesson.check("borrow-in-a-scope")
def a_scope_lends(run, cell):
    assert cell.lines == ["numbers: [2, 3, 8, 9]", "squares: [4, 9, 64, 81]", "cubes:   [8, 27, 512, 729]"]


test_cell, test_is_complete = lesson.tests()
