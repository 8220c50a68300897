"""Threads and processes, measured: what its cells show.

Most of the lesson is a comparison of times. Those of cells that sleep can be trusted on any
machine. Those of cells that compute are at the mercy of whatever else runs: what they have
to show may show in any of several measurements of the same thing, and on a machine that is
too busy to show it the check is skipped.
"""

import os
import random
import re
import struct
from dataclasses import dataclass

import pytest
from kernel_client import picture
from lessons import Lesson

PARAMETERS = {
    "loop_steps": 6_000_000,
    "countdown_delay": 0.01,
    "unjoined_delay": 0.06,
    "file_count": 200,
    "numbers_per_file": 10,
    "line_pause": 0.01,
    "tiny_pause": 0.0001,
    "repeats": 3,
    "speedup_steps": 2_000_000,
    "task_count": 300,
    "pool_workers": 4,
}
COUNTDOWN = 5 * PARAMETERS["countdown_delay"]
FILES = PARAMETERS["file_count"]
LINES = PARAMETERS["numbers_per_file"]
ONE_FILE = LINES * PARAMETERS["line_pause"]
TINY_PAUSE = PARAMETERS["tiny_pause"]
TASKS = PARAMETERS["task_count"]
WORKERS = PARAMETERS["pool_workers"]

lesson = Lesson(
    "01-threads-vs-processes.ipynb",
    parameters=PARAMETERS,
    prefix="threads-vs-processes",
    code=[1, 3, 5, 6, 8, *range(10, 14), 16, *range(18, 25), 26, 27, 28, *range(30, 39), 40, *range(42, 48), 49, 50],
)


def drawn(start, end, count):
    """What Python draws."""
    source = random.Random(0)
    return [source.randrange(start, end) for _ in range(count)]


def sum_of_squares(below):
    return (below - 1) * below * (2 * below - 1) // 6


RANDOM_NUMBERS = drawn(5_000_000, 10_000_000, 4)
SUMS = [sum_of_squares(number) for number in RANDOM_NUMBERS]
SMALL_NUMBERS = drawn(5000, 10_000, TASKS)
FIRST_TEN = [sum_of_squares(number) for number in SMALL_NUMBERS[:10]]


# Times.

UNITS = {"ns": 1e-9, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0}
TIMEIT = re.compile(r"(.+) ± .+ per loop \(mean ± std\. dev\. of (\d+) runs?, ([\d,]+) loops? each\)")


def seconds(text):
    """`12.3 ms` or `1min 2s` as a number."""
    parts = re.findall(r"([\d.]+) ?(min|ns|μs|ms|s)", text)
    assert parts, f"no time: {text}"
    return sum(float(number) * UNITS[unit] for number, unit in parts)


@dataclass
class Measured:
    text: str
    runs: int
    loops: int

    @property
    def mean(self):
        return seconds(self.text)


def measured(cell):
    """What `%%timeit` said at the end of the cell."""
    found = []
    for place, kind, content in cell.messages:
        if kind == "display_data":
            lines = content["data"]["text/plain"].splitlines()
            found += [(place, match) for match in map(TIMEIT.fullmatch, lines) if match]
    assert len(found) == 1, f"not one timing line: {cell.messages}"
    ((_, match),) = found
    return Measured(match[1], int(match[2]), int(match[3].replace(",", "")))


def measured_once(cell):
    result = measured(cell)
    assert (result.runs, result.loops) == (1, 1), result
    return result.mean


def only_measured_once(cell):
    """As `measured_once`, of a cell that prints nothing else."""
    assert cell.lines == []
    return measured_once(cell)


def time_of(run, cell):
    return measured(run[lesson.name(cell)]).mean


def rows(cell):
    """The cells of the table's rows."""
    lines = cell.result["text/markdown"].splitlines()
    return [[part.strip() for part in line.strip("|").split("|")] for line in lines[2:]]


# Countdowns.

EVENT = re.compile(
    r"(Starting) thread (\w)\.|Thread (\w) counting down: (\d)\.\.\.|(Finished) thread (\w)\.|Finished\."
)
OF_A_THREAD = ["Starting", "5", "4", "3", "2", "1", "Finished"]


def events(text):
    """(thread, what) in the order in which they were printed, also where two of them share a
    line; ("", "end") for the cell's own last line."""
    found = []
    for match in EVENT.finditer(text):
        starting, started, counting, number, finished, ended = match.groups()
        found.append((started or counting or ended or "", starting or number or finished or "end"))
    assert re.sub(r"\s", "", EVENT.sub("", text)) == "", f"something else was printed: {text}"
    assert text.count("\n") == len(found), f"lines and ends of lines: {text}"
    return found


def assert_countdowns_overlap(found, threads, of_each):
    assert found[-1] == ("", "end"), found
    for thread in threads:
        assert [what for name, what in found if name == thread] == of_each, f"{thread} in {found}"
    assert len(found) == len(threads) * len(of_each) + 1, found
    # All began before the first one was done.
    first_done = min(place for place, (_, what) in enumerate(found) if what == "Finished")
    assert all(found.index((thread, "Starting")) < first_done for thread in threads), found


def bars(cell):
    """From where to where the lanes of a chart in letters are filled."""
    lanes = re.findall(r"^ *(\w[\w ]+) │([^│]*)│", cell.result["text/plain"], re.MULTILINE)
    filled = {name: [at for at, letter in enumerate(lane) if letter in "▓█"] for name, lane in lanes}
    return {name: (min(places), max(places)) for name, places in filled.items()}


# The preparations.


@lesson.check(1)
@lesson.check(3)
@lesson.check(8)
@lesson.check(19)
@lesson.check(33)
@lesson.check(44)
@lesson.check(49)
@lesson.check("exercise-sum-all")
@lesson.check("exercise-in-a-pool")
def only_defines(run, cell):
    shown = [kind for _, kind, _ in cell.messages if kind not in ("status", "execute_input")]
    assert shown == []


def true_sums(run):
    """Those that awk has found in the first four files."""
    lines = run["look-at-the-files"].lines[-4:]
    found = [re.fullmatch(r"file_(\d)\.txt (\d+)", line) for line in lines]
    assert all(found), lines
    assert [int(match[1]) for match in found] == [0, 1, 2, 3]
    return [int(match[2]) for match in found]


@lesson.check("look-at-the-files")
def the_files_are_there(run, cell):
    assert cell.lines[:-4] == ["file_0.txt", f"file_{FILES - 1}.txt", str(FILES), str(FILES * LINES)]
    for total in true_sums(run):
        assert LINES * 1_000_000 <= total < LINES * 10_000_000


@lesson.check(5)
def a_loop_is_measured(run, cell):
    assert cell.lines == []
    assert measured(cell).runs == 7


@lesson.check(6)
def ten_times_the_steps(run, cell):
    assert cell.lines == []
    assert (measured(cell).runs, measured(cell).loops) == (7, 1)
    times = time_of(run, 6) / time_of(run, 5)
    with lesson.comparing():
        assert 4 < times < 25, f"{times} times as long"


@lesson.check("loops-compared")
def take_ten_times_as_long(run, cell):
    times = re.fullmatch(r"ten times the steps take (\d+\.\d) times as long", cell.text().strip())[1]
    with lesson.comparing():
        assert 4 < float(times) < 25, cell.text()


# Countdowns.


@lesson.check(10)
def one_after_the_other(run, cell):
    expected = [(thread, what) for thread in "ABCD" for what in OF_A_THREAD]
    assert events(cell.text()) == [*expected, ("", "end")]
    assert len(cell.lines) == 29
    assert measured_once(cell) >= 4 * COUNTDOWN


@lesson.check(11)
def at_the_same_time(run, cell):
    assert_countdowns_overlap(events(cell.text()), "ABCD", OF_A_THREAD)
    assert measured_once(cell) >= COUNTDOWN
    assert time_of(run, 11) < 0.6 * time_of(run, 10)


@lesson.check("countdown-timeline")
def bars_in_turn_and_together(run, cell):
    assert "<svg" in picture(cell.result)
    assert cell.result["text/plain"].startswith("8 tasks on 8 workers")
    lanes = bars(cell)
    assert list(lanes) == [f"{how} {name}" for how in ("in turn", "together") for name in "ABCD"]
    in_turn, together = list(lanes.values())[:4], list(lanes.values())[4:]
    for before, after in zip(in_turn, in_turn[1:]):
        assert before[1] <= after[0] + 1, lanes
    assert max(begin for begin, _ in together) < min(end for _, end in together), lanes
    assert min(begin for begin, _ in together) >= in_turn[3][1] - 1, lanes


@lesson.check(12)
def run_is_no_thread(run, cell):
    assert cell.lines == [f"{what} thread {i}." for i in range(10) for what in ("Starting", "Finished")]
    assert measured_once(cell) >= 10 * COUNTDOWN


@lesson.check(13)
def ten_at_the_same_time(run, cell):
    assert_countdowns_overlap(events(cell.text()), "0123456789", ["Starting", "Finished"])
    assert measured_once(cell) >= COUNTDOWN
    assert time_of(run, 13) < 0.4 * time_of(run, 12)


LATE_LINES = [*[f"Thread A counting down: {n}..." for n in (5, 4, 3, 2, 1)], "Finished thread A."]


@lesson.check(16)
def does_not_wait(run, cell):
    # All that the thread prints belongs to the cell that has started it, whenever it comes.
    text = cell.text()
    expected = ["**** Finished. ****", *LATE_LINES]
    assert [text.count(line) for line in [*expected, "Starting thread A."]] == [1] * 8, text
    places = [text.index(line) for line in expected]
    assert places == sorted(places), text
    # Less than the thread that it did not wait for.
    assert measured_once(cell) < 5 * PARAMETERS["unjoined_delay"]


def place_of(cell, text):
    """The message in which the cell has printed it."""
    return next(place for place, kind, content in cell.messages if kind == "stream" and text in content["text"])


@lesson.check("wait-for-thread-a")
def the_lines_come_late(run, cell):
    assert cell.lines == ["now thread A has finished, too"]
    start = run[lesson.name(16)]
    # Far enough apart for their order to be certain.
    assert start.place("idle") < place_of(start, LATE_LINES[4])
    assert place_of(start, LATE_LINES[0]) < place_of(cell, "now thread A")


@lesson.check(18)
def lines_are_whole(run, cell):
    assert len(cell.lines) == 29
    assert [line for line in cell.lines if not EVENT.fullmatch(line)] == []
    assert_countdowns_overlap(events(cell.text()), "ABCD", OF_A_THREAD)
    assert measured_once(cell) >= COUNTDOWN
    assert time_of(run, 18) < 0.6 * time_of(run, 10)


@lesson.check("countdowns-compared")
def a_table_of_the_countdowns(run, cell):
    expected = [measured(run[lesson.name(number)]) for number in (10, 11, 18, 12, 13)]
    assert [row[1] for row in rows(cell)] == ["4", "4", "4", "0", "10"]
    assert [row[2] for row in rows(cell)] == [time.text for time in expected]
    for row, time in zip(rows(cell), expected):
        assert float(row[3]) == pytest.approx(time.mean / COUNTDOWN, rel=0.02, abs=0.06)


# Files.


def sum_lines(run):
    return [f"{i} {total}" for i, total in enumerate(true_sums(run))]


@lesson.check(20)
def one_file(run, cell):
    assert cell.lines == sum_lines(run)[:1]
    assert measured_once(cell) >= ONE_FILE


@lesson.check(21)
def four_files(run, cell):
    assert cell.lines == sum_lines(run)
    assert measured_once(cell) >= 4 * ONE_FILE
    assert 2 < time_of(run, 21) / time_of(run, 20) < 8


@lesson.check(22)
def one_thread_is_no_faster(run, cell):
    assert only_measured_once(cell) >= ONE_FILE
    assert time_of(run, 22) < 2 * time_of(run, 20)


@lesson.check(23)
def four_files_as_fast_as_one(run, cell):
    assert only_measured_once(cell) >= ONE_FILE
    assert time_of(run, 23) < 0.6 * time_of(run, 21)


@lesson.check(24)
def all_files_hardly_slower_than_one(run, cell):
    assert only_measured_once(cell) >= ONE_FILE
    assert time_of(run, 24) < 2.5 * time_of(run, 22)


@lesson.check("threads-give-results")
def threads_give_results(run, cell):
    assert cell.lines == sum_lines(run)


@lesson.check(26)
def one_file_with_tiny_pauses(run, cell):
    assert cell.lines == []
    result = measured(cell)
    assert result.runs == 7 and result.loops > 1, result
    assert result.mean >= LINES * TINY_PAUSE


@lesson.check(27)
def all_files_take_as_often_as_long(run, cell):
    assert only_measured_once(cell) >= FILES * LINES * TINY_PAUSE
    assert 0.3 < time_of(run, 27) / (FILES * time_of(run, 26)) < 3


@lesson.check(28)
def threads_gain_less(run, cell):
    assert cell.lines == []
    assert measured(cell).runs == 7
    assert 2 * time_of(run, 26) < time_of(run, 28) < 0.5 * time_of(run, 27)


@lesson.check(30)
def all_files_without_pauses(run, cell):
    assert cell.lines == []
    # Nothing sleeps.
    assert time_of(run, 30) < 0.5 * time_of(run, 27)


@lesson.check(31)
def too_many_threads_are_slower(run, cell):
    assert cell.lines == []
    assert time_of(run, 31) > time_of(run, 30)


@lesson.check("no-pause-under-one-lock")
def under_a_lock_too(run, cell):
    assert cell.lines == []
    assert measured(cell).mean > time_of(run, 30)


@lesson.check("pauses-compared")
def the_gain_shrinks_with_the_pause(run, cell):
    assert [row[0] for row in rows(cell)] == ["10 ms", "100 μs", "none", "none, under one lock"]
    long, tiny, none, none_locked = [float(row[4].removeprefix("× ")) for row in rows(cell)]
    assert long > tiny > max(none, none_locked)
    # As many times as there are files, were there nothing but waiting.
    assert long > FILES / 3 and tiny > 2 and none < 1 and none_locked < 1
    for row in rows(cell):
        in_turn, threads = seconds(row[2]), seconds(row[3])
        assert float(row[4].removeprefix("× ")) == pytest.approx(in_turn / threads, rel=0.03, abs=0.01)


# Computing.


@lesson.check(32)
def the_numbers_that_python_draws(run, cell):
    assert cell.result["text/plain"] == str(RANDOM_NUMBERS)


@lesson.check(34)
def their_average(run, cell):
    assert cell.result["text/plain"] == str(sum(RANDOM_NUMBERS) // 4)


@lesson.check(35)
def a_sum(run, cell):
    only_measured_once(cell)


@lesson.check(36)
def four_sums(run, cell):
    only_measured_once(cell)
    times = time_of(run, 36) / time_of(run, 35)
    with lesson.comparing():
        assert 2 < times < 8, f"{times} times as long"


def speedups(run):
    """{series: {workers: (seconds, speed-up)}}"""
    found = {}
    for line in run["speedup-of-computing"].result["text/plain"].splitlines():
        if row := re.fullmatch(r" *(\d+) +(\S+ \S+) +([\d.]+) +\d+ %", line):
            found[series][int(row[1])] = (seconds(row[2]), float(row[3]))
        elif line in ("threads", "processes", "threads under one lock"):
            series = line
            found[series] = {}
    return found


def assert_faster_than_under_one_lock(run, cell, series):
    """In the cell itself or in the plot, with as many workers as there are cores or more."""
    computed = speedups(run)
    pairs = [(time_of(run, cell), time_of(run, 37))]
    pairs += [(computed[series][workers][0], computed["threads under one lock"][workers][0]) for workers in (2, 4)]
    is_faster = any(fast < 0.85 * slow for fast, slow in pairs)
    with lesson.comparing():
        assert is_faster, f"{series} were not faster: {pairs}"


def assert_four_threads_spoke(cell):
    assert sorted(cell.lines) == sorted(
        line for i in range(4) for line in (f"Thread starts {i}", f"Thread is finished {i}")
    )
    for i in range(4):
        assert cell.lines.index(f"Thread starts {i}") < cell.lines.index(f"Thread is finished {i}")


@lesson.check(37)
def under_one_lock_nothing_is_gained(run, cell):
    assert_four_threads_spoke(cell)
    measured_once(cell)
    gains = [time_of(run, 36) / time_of(run, 37)]
    gains += [gain for workers, (_, gain) in speedups(run)["threads under one lock"].items() if workers > 1]
    is_equal = any(0.65 < gain < 1.25 for gain in gains)
    with lesson.comparing():
        assert is_equal, f"the threads gained or lost something: {gains}"


@lesson.check("computing-threads-in-rust")
def threads_compute_at_the_same_time(run, cell):
    assert_four_threads_spoke(cell)
    measured_once(cell)
    assert_faster_than_under_one_lock(run, "computing-threads-in-rust", "threads")


@lesson.check(38)
def processes_compute_at_the_same_time(run, cell):
    only_measured_once(cell)
    assert_faster_than_under_one_lock(run, 38, "processes")


@lesson.check("four-ways-compared")
def a_table_of_the_four_ways(run, cell):
    assert cell.lines == [f"{len(os.sched_getaffinity(0))} processor cores"]
    names = [36, 37, "computing-threads-in-rust", 38]
    expected = [measured(run[lesson.name(name)]) for name in names]
    assert [row[1] for row in rows(cell)] == [time.text for time in expected]
    for row, time in zip(rows(cell), expected):
        assert float(row[2]) == pytest.approx(time.mean / expected[0].mean, rel=0.02, abs=0.01)


@lesson.check("speedup-of-computing")
def three_curves(run, cell):
    assert "<svg" in picture(cell.result)
    assert list(speedups(run)) == ["threads", "processes", "threads under one lock"]
    for series, points in speedups(run).items():
        assert list(points) == [1, 2, 4], series
        assert points[1][1] == 1.0


# Results.


@lesson.check("unguarded-results")
def is_refused(run, cell):
    (shown,) = cell.displays
    assert "error[E0499]" in shown["text/plain"] and "`results`" in shown["text/plain"]


def lists(cell, prefix):
    """The lists that the threads or processes have printed, and the last line's."""
    assert len(cell.lines) == 5, cell.lines
    assert all(line.startswith(prefix) for line in cell.lines[:4]), cell.lines
    texts = [line.removeprefix(prefix) for line in cell.lines]
    return [[int(number) for number in text.strip("[]").split(", ")] for text in texts]


def filled(numbers):
    return [place for place, number in enumerate(numbers) if number]


@lesson.check(40)
def threads_fill_one_list(run, cell):
    *seen, last = lists(cell, "each thread result: ")
    assert last == SUMS
    assert [len(filled(numbers)) for numbers in seen] == [1, 2, 3, 4]
    assert all(number in (0, total) for numbers in seen for number, total in zip(numbers, SUMS)), seen
    measured_once(cell)


@lesson.check(42)
def processes_fill_copies(run, cell):
    *seen, last = lists(cell, "each process result: ")
    assert last == [0, 0, 0, 0]
    assert sorted(filled(numbers) for numbers in seen) == [[0], [1], [2], [3]]
    assert [sum(numbers) for numbers in seen] == [SUMS[filled(numbers)[0]] for numbers in seen]


@lesson.check(43)
def a_shared_array_overflows(run, cell):
    *seen, last = lists(cell, "each process result: ")
    wrapped = [(total + 2**31) % 2**32 - 2**31 for total in SUMS]
    assert last == wrapped
    assert sum(number < 0 for number in wrapped) == 3
    assert all(number in (0, total) for numbers in seen for number, total in zip(numbers, wrapped)), seen
    assert all(1 <= len(filled(numbers)) <= 4 for numbers in seen), seen
    measured_once(cell)


@lesson.check("other-number-types")
def only_the_halves_are_exact(run, cell):
    found = [re.fullmatch(r"f32: (\S+) +f64: (\S+) +two halves: (\d+)", line) for line in cell.lines]
    assert all(found) and len(found) == 4, cell.lines
    as_f32 = lambda number: struct.unpack("f", struct.pack("f", number))[0]
    assert [as_f32(float(match[1])) for match in found] == [as_f32(total) for total in SUMS]
    assert [float(match[2]) for match in found] == [float(total) for total in SUMS]
    assert [int(match[3]) for match in found] == SUMS
    assert all(int(float(total)) != total for total in SUMS)


# Small tasks.


@lesson.check(45)
def the_average_of_many(run, cell):
    assert cell.result["text/plain"] == str(sum(SMALL_NUMBERS) // TASKS)


@lesson.check(46)
def small_sums_in_turn(run, cell):
    assert cell.lines == []
    assert measured(cell).loops == 1


@lesson.check(47)
def many_processes_are_slower(run, cell):
    assert only_measured_once(cell) > 1.5 * time_of(run, 46)


@lesson.check(50)
def a_pool_is_faster(run, cell):
    assert cell.lines == [f"{TASKS} ten result: {FIRST_TEN}"]
    assert measured_once(cell) < time_of(run, 47) / 2
    # Half, were there nothing but the sums and two cores for them.
    pool, in_turn = measured_once(cell), time_of(run, 46)
    with lesson.comparing():
        assert pool < 0.9 * in_turn, f"a pool took {pool} s, without one it took {in_turn} s"


@lesson.check("a-pool-of-threads")
def threads_make_a_pool(run, cell):
    assert cell.lines == [f"{TASKS} results, the first is {FIRST_TEN[0]}"]
    assert "<svg" in picture(cell.result)
    workers = re.match(rf"{TASKS} tasks on (\d) workers? in ", cell.result["text/plain"])[1]
    assert 2 <= int(workers) <= WORKERS


@lesson.check("small-tasks-compared")
def a_table_of_the_small_tasks(run, cell):
    assert [row[1] for row in rows(cell)] == ["1", str(TASKS), str(WORKERS), str(WORKERS)]
    in_turn, processes, pool, threads = [seconds(row[2]) for row in rows(cell)]
    assert [rows(cell)[i][2] for i in (1, 2)] == [measured(run[lesson.name(number)]).text for number in (47, 50)]
    assert in_turn < processes and max(pool, threads) < processes
    for row in rows(cell):
        assert float(row[3]) == pytest.approx(seconds(row[2]) / in_turn, rel=0.02, abs=0.01)


# Exercises.


@lesson.check("exercise-sum-all-check")
@lesson.check("exercise-in-a-pool-check")
def nobody_has_done_it_yet(run, cell):
    assert len(cell.lines) >= 2
    assert all(line.startswith("✘ ") for line in cell.lines), cell.lines
    assert cell.lines[0].endswith(": not yet implemented")


@lesson.check("exercise-sum-all-solution")
@lesson.check("exercise-in-a-pool-solution")
def the_solution_passes_the_same_checks(run, cell):
    (name,) = [name for name, heard in run.cells.items() if heard is cell]
    unsolved = run[name.replace("-solution", "-check")].lines
    assert cell.lines == [re.sub("^✘ (.*?): .*", r"✔ \1", line) for line in unsolved]


test_cell, test_is_complete = lesson.tests()
