"""The interpreter lock, waiting and computing, and processes that talk: what its cells show."""

import ast
import os
import random
import re
import statistics
from functools import cache

import pytest
from kernel_client import picture, plain
from lessons import Lesson

TIME_SCALE, PAGE_DELAY, DISK_DELAY = 0.4, 0.2, 0.3
COMPARE_LIMIT = 450_000


lesson = Lesson(
    "03-gil-io-cpu-ipc.ipynb",
    parameters={
        "time_scale": TIME_SCALE,
        "page_delay": PAGE_DELAY,
        "disk_delay": DISK_DELAY,
        "part_steps": 6_000_000,
        "points": 300_000,
        "program_points": 2_000_000,
        "megabytes": 1,
        "compare_limit": COMPARE_LIMIT,
    },
    prefix="gil-io-cpu-ipc",
    code=[10, 12, 16, 18, 20, 21, 23, 24, 27, 28, 31, 34, 37, 40, 41, 44, 45],
)
# Seconds.
PAGE = PAGE_DELAY * TIME_SCALE
COPY = DISK_DELAY * TIME_SCALE

WORKERS = 4
MILLIONS = (1_000_000, 2_000_000, 3_000_000)


def rows(markdown):
    """The cells of a Markdown table's rows, without the heading."""
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def table(cell):
    return rows(cell.result["text/markdown"])


def number(text):
    """The number that a text begins with."""
    return float(re.match(r"-?\d+(\.\d+)?", text)[0])


def seconds_in(line, words):
    found = re.fullmatch(re.escape(words) + r"(\d+\.\d{5})", line)
    assert found, f"not {words!r} and seconds with five decimals: {line!r}"
    return float(found[1])


UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}


def spans(shown):
    """The bars of a timeline: (label, worker, begin, end), in seconds."""
    bar = re.compile(r"<title>([^<\n]*)\n[^<\n]* on ([^<\n]*), from ([\d.]+) (\S+) to ([\d.]+) (\S+?)</title>")
    found = bar.findall(picture(shown))
    assert found, f"a timeline without bars: {picture(shown)[:300]}"
    return [
        (label, worker, float(begin) * UNITS[begin_unit], float(end) * UNITS[end_unit])
        for label, worker, begin, begin_unit, end, end_unit in found
    ]


def overlap(one, other):
    """For how many seconds two bars lie above each other. Their times are rounded to three digits."""
    rounding = 0.006 * max(one[3], other[3])
    return min(one[3], other[3]) - max(one[2], other[2]) - rounding


def overlapping(bars):
    """Pairs of bars in different lanes that lie above each other."""
    pairs = ((one, other) for place, one in enumerate(bars) for other in bars[:place] if one[1] != other[1])
    return [pair for pair in pairs if overlap(*pair) > 0]


def estimates(lines, decimals):
    assert all(re.fullmatch(rf"\d\.\d{{{decimals}}}", line) for line in lines), lines
    return [float(line) for line in lines]


def ten_rounds(lines, decimals, total, processes, tolerance):
    """What a program for pi prints: ten estimates, the seconds, what was done."""
    assert len(lines) == 12, lines
    found = estimates(lines[:10], decimals)
    assert all(abs(pi - 3.14159) < tolerance for pi in found), found
    assert len(set(found)) > 1, f"all the same: {found}"
    assert lines[11] == f"{total} total iterations with {processes} processes"
    seconds = float(lines[10])
    assert seconds > 0
    return found, seconds


@cache
def sums_of_primes(*limits):
    is_prime = bytearray([1]) * (max(limits) + 1)
    is_prime[:2] = bytes(2)
    for n in range(2, int(max(limits) ** 0.5) + 1):
        if is_prime[n]:
            is_prime[n * n :: n] = bytes(len(is_prime[n * n :: n]))
    return [sum(n for n in range(limit + 1) if is_prime[n]) for limit in limits]


def nothing_shown(cell):
    return cell.contents("stream", "display_data", "execute_result", "error") == []


def only_note(cell):
    """The one text that a magic shows, in a cell that shows nothing else."""
    (display,) = cell.contents("stream", "display_data", "execute_result", "error")
    return plain(display["data"]["text/plain"])


# Four words, and what the lock does


@lesson.check("one-at-a-time")
def the_lock_lets_one_thread_compute(run, cell):
    under_the_lock, without_it = [display for display in cell.displays if "text/html" in display]
    locked, free = spans(under_the_lock), spans(without_it)
    assert len(locked) == len(free) == 12
    assert {bar[1] for bar in locked} == {bar[1] for bar in free} == {"thread 1", "thread 2"}
    assert overlapping(locked) == []
    assert overlapping(free) != [], f"two threads that never compute at once: {free}"
    (_, _, locked_busy), (_, _, free_busy) = table(cell)
    assert number(locked_busy) <= 51 < number(free_busy), table(cell)


@lesson.check("waiting-lets-go")
def waits_overlap_under_the_lock(run, cell):
    bars = spans(cell.result)
    assert sorted(label for label, *_ in bars) == ["compute"] * 8 + ["wait"] * 8
    pairs = {tuple(sorted([one[0], other[0]])) for one, other in overlapping(bars)}
    assert ("compute", "compute") not in pairs
    assert ("wait", "wait") in pairs or ("compute", "wait") in pairs, bars


@lesson.check("vectorised")
def lanes_are_faster(run, cell):
    one_by_one, in_lanes = table(cell)
    assert (one_by_one[0], in_lanes[0]) == ("one by one", "in 16 lanes")
    assert number(in_lanes[2]) > 2, table(cell)


@lesson.check("scratch-folder")
def two_files_in_a_folder(run, cell):
    assert cell.lines == ["file_0.bin", "file_1.bin"]


# Pages


@lesson.check("web-site")
def eight_pages(run, cell):
    assert cell.result["text/plain"] == "8"


@lesson.check(10)
def consumers_share_the_pages(run, cell):
    assert cell.lines[:-1] == ["Thanks!"] * WORKERS
    seconds = number(cell.lines[-1].removeprefix("Done! Time taken: "))
    # Two rounds of four pages; one after the other they would take eight.
    assert 2 * PAGE <= seconds < 6 * PAGE, cell.lines


@lesson.check("missing-comma")
def the_comma_is_missed(run, cell):
    note = only_note(cell)
    assert "help: missing `,`" in note and '"http://www.scala.org"' in note, note


@lesson.check(12)
def the_pool_says_nothing(run, cell):
    assert nothing_shown(cell)


@lesson.check("pool-map-results")
def results_in_the_order_of_the_addresses(run, cell):
    *pages, requests = cell.lines
    assert pages == [f"200 Page {page}" for page in range(1, 9)]
    # Each of the two ways has fetched each page once.
    most = re.fullmatch(r"requests for both ways: 16, at most (\d) at once", requests)
    assert most and 2 <= int(most[1]) <= WORKERS, requests
    bars = spans(cell.result)
    assert len(bars) == 8 and all(end - begin >= 0.98 * PAGE for _, _, begin, end in bars), bars
    assert 2 <= len({worker for _, worker, _, _ in bars}) <= WORKERS
    assert overlapping(bars) != []


# Pi


@lesson.check(16)
def defines_the_estimate(run, cell):
    assert nothing_shown(cell)


@lesson.check(18)
def a_rough_estimate(run, cell):
    pi = float(cell.result["text/plain"])
    assert abs(pi - 3.1416) < 0.12
    assert pi / 0.0008 == pytest.approx(round(pi / 0.0008), abs=1e-6), "no multiple of 4/5000"


@lesson.check("pi-picture-run")
def four_hundred_points(run, cell):
    dice = random.Random(3)
    inside = sum(dice.random() ** 2 + dice.random() ** 2 <= 1 for _ in range(400))
    assert cell.lines == [f"{inside} of 400 points are inside: pi is about {4 * inside / 400:g}"]
    picture = cell.result["image/svg+xml"]
    assert picture.count("<circle") == 400 and picture.count("#1a85c9") == inside


@lesson.check("split-run")
def equal_shares(run, cell):
    assert cell.lines == ["of 1003 points 1000 are drawn"]
    assert cell.result["text/plain"] == "[200, 200, 200, 200, 200]"


@lesson.check(20)
def writes_the_program(run, cell):
    assert only_note(cell) == "Writing pi.rs"


@lesson.check(21)
def ten_estimates_of_five_processes(run, cell):
    ten_rounds(cell.lines, 7, total=100_000, processes=5, tolerance=0.026)


@lesson.check(23)
def writes_it_again(run, cell):
    assert only_note(cell) == "Overwriting pi.rs"


@lesson.check(24)
def five_processes_are_faster_than_one(run, cell):
    by_one, one = ten_rounds(cell.lines[:12], 7, total=10_000_000, processes=1, tolerance=0.0026)
    by_five, five = ten_rounds(cell.lines[12:], 7, total=10_000_000, processes=5, tolerance=0.0026)
    # A hundred times the points: ten times closer.
    few, _ = ten_rounds(run["gil-io-cpu-ipc-21"].lines, 7, total=100_000, processes=5, tolerance=0.026)
    assert statistics.stdev(few) > 2.5 * statistics.stdev(by_one + by_five)
    with lesson.comparing():
        assert one > 1.3 * five, f"one process took {one} s, five took {five} s"


@lesson.check("same-numbers-run")
def copied_dice_fall_alike(run, cell):
    copied, own = [ast.literal_eval(line.split("dice:")[1].strip()) for line in cell.lines]
    dice = random.Random(1)
    inside = sum(dice.random() ** 2 + dice.random() ** 2 <= 1 for _ in range(10_000))
    assert copied == [4 * inside / 10_000] * 4
    assert len(own) == 4 and len(set(own)) > 1, own
    assert all(abs(pi - 3.1416) < 0.083 for pi in own), own


@lesson.check("amdahl-run")
def threads_and_processes_gain(run, cell):
    text = plain(cell.result["text/plain"])
    series = re.split(r"^(processes|locked threads|threads)$", text, flags=re.MULTILINE)
    gains = {}
    for name, lines in zip(series[1::2], series[2::2]):
        measured = re.findall(r"^ *(\d+) +\S+ \S+ +(\d+\.\d+) +\d+ %$", lines, re.MULTILINE)
        assert [int(workers) for workers, _ in measured] == [1, 2, 4, 8], lines
        gains[name] = max(float(gain) for workers, gain in measured if workers != "1")
    assert set(gains) == {"processes", "threads", "locked threads"}
    assert "<svg" in picture(cell.result)
    with lesson.comparing():
        assert gains["threads"] > 1.3 > gains["locked threads"], gains
        assert gains["processes"] > 1.3, gains


@lesson.check(27)
def writes_a_program_with_arguments(run, cell):
    assert only_note(cell) == "Writing pi_args.rs"


@lesson.check(28)
def runs_five_hundred_processes(run, cell):
    ten_rounds(cell.lines, 5, total=10_000_000, processes=500, tolerance=0.0026)
    assert cell.text("stderr") == ""


@lesson.check("program-compare-run")
def many_processes_gain_no_more_than_there_are_cores(run, cell):
    measured = {int(processes): (float(seconds), float(gain)) for processes, seconds, gain in table(cell)}
    assert list(measured) == [1, 2, 5, 50, 500]
    one = measured[1][0]
    for seconds, gain in measured.values():
        assert gain == pytest.approx(one / seconds, rel=0.05, abs=0.06)
    with lesson.comparing():
        assert max(gain for _, gain in measured.values()) > 1.25, measured
        assert measured[500][1] < 1.2 * os.cpu_count(), measured


# Files


def copies(lines):
    """The lines that workers print while they copy, as (word, name)."""
    found = [re.fullmatch(r"(Starting|Finished) thread : (\S+)", line) for line in lines]
    assert all(found), lines
    return [match.groups() for match in found]


@lesson.check(31)
def two_threads_copy(run, cell):
    *lines, took = cell.lines
    steps = copies(lines)
    names = {name for _, name in steps}
    assert len(steps) == 4 and len(names) == 2, steps
    for name in names:
        assert [word for word, of in steps if of == name] == ["Starting", "Finished"]
    assert COPY <= seconds_in(took, "Execution time = ")


@lesson.check("files-compare")
def two_threads_copy_faster_than_one(run, cell):
    equal, lines = cell.lines[:2], cell.lines[2:]
    assert equal == [f"copy_{file}.bin equals file_{file}.bin: true" for file in (0, 1)]
    by_one, by_two = copies(lines[:4]), copies(lines[4:])
    assert [word for word, _ in by_one] == ["Starting", "Finished"] * 2
    assert len({name for _, name in by_one}) == 1 and len({name for _, name in by_two}) == 2
    (name_1, one, _), (name_2, two, _) = table(cell)
    assert (name_1, name_2) == ("1 thread", "2 threads")
    assert float(one) >= 2 * COPY and float(two) < 0.85 * float(one), table(cell)


@lesson.check("forgotten-worker")
def a_job_goes_wrong(run, cell):
    lines = [line for line, _ in run.printed("forgotten-worker", "forgotten-join")]
    assert "no-such-file.bin: No such file or directory (os error 2)" in lines


@lesson.check("forgotten-join")
def the_queue_waits_for_ever(run, cell):
    assert "waiting for the queue ..." in cell.lines and "all jobs are done" not in cell.text()
    (note,) = cell.displays
    assert "stopped after 500 ms" in note["text/plain"], note


# Pages again


@lesson.check(34)
def five_threads_fetch_in_blocks(run, cell):
    lines = cell.lines
    starting = [line for line in lines if line.startswith("Starting thread ")]
    names = [line.removeprefix("Starting thread ") for line in starting]
    assert len(names) == 5
    begin = lines.index("[")
    end = lines.index("]")
    others = [line for line in lines[:begin] if line not in starting]
    blocks = [others[at : at + 4] for at in range(0, len(others), 4)]
    assert len(blocks) == 5
    for name, address, title, finished in blocks:
        assert name in names and re.fullmatch(r"http://127\.0\.0\.1:\d+/page/1", address)
        assert (title, finished) == ("Page 1", f"Finished fetching : {address}"), blocks
    living = re.findall(r"<Thread\(([^,]+), running( daemon)?", "\n".join(lines[begin:end]))
    assert ("main", "") in living
    # The workers wait for more.
    workers = [name for name, daemon in living if daemon]
    assert len(workers) >= 5 and set(names) <= set(workers), living
    assert PAGE <= seconds_in(lines[end + 1], "Execution time = ") < 4 * PAGE
    assert lines[end + 2 :] == []


@lesson.check("network-compare")
def more_threads_fetch_faster(run, cell):
    one, two, five = [float(seconds) for _, seconds, _ in table(cell)]
    assert one >= 5 * PAGE and two >= 3 * PAGE and five >= PAGE
    assert five < 0.9 * two and two < 0.9 * one, table(cell)


# Primes


@lesson.check(37)
def sums_of_primes_under_the_lock(run, cell):
    sums, took = cell.lines
    assert sums == "[37550402023, 142913828922, 312471072265]"
    assert ast.literal_eval(sums) == sums_of_primes(*MILLIONS)
    # That two threads are not faster than one shows the next cell, which measures both.
    assert seconds_in(took, "Execution time = ") > 0


@lesson.check("primes-compare-run")
def a_second_thread_helps_only_without_the_lock(run, cell):
    (lock, lock_1, lock_2, lock_gain), (free, free_1, free_2, free_gain) = table(cell)
    assert (lock, free) == ("under an interpreter lock", "without one")
    with lesson.comparing():
        assert number(lock_2) > 0.9 * number(lock_1), table(cell)
        assert number(free_2) < 0.85 * number(free_1), table(cell)
        assert number(free_2) < 0.85 * number(lock_2), table(cell)


@lesson.check("unlocked-list")
def an_unlocked_list_is_refused(run, cell):
    note = only_note(cell)
    assert "E0499" in note and "second mutable borrow" in note, note


@lesson.check("pieces-run")
def pieces_spread_better(run, cell):
    thirds = [COMPARE_LIMIT // 3, COMPARE_LIMIT // 3 * 2, COMPARE_LIMIT]
    sums = sums_of_primes(*thirds)
    assert cell.lines == [f"whole:     {sums}", f"in pieces: {sums}"]
    whole, in_pieces = [spans(display) for display in cell.displays if "text/html" in display]
    assert len(whole) == 3 and len({worker for _, worker, _, _ in whole}) == 2
    assert len(in_pieces) == 24 and len({worker for _, worker, _, _ in in_pieces}) == 2
    assert overlapping(whole) != [] and overlapping(in_pieces) != []
    assert [name for name, *_ in table(cell)] == ["three jobs", "24 pieces"]
    (_, _, whole_busy), (_, _, pieces_busy) = table(cell)
    with lesson.comparing():
        assert number(pieces_busy) > number(whole_busy), table(cell)


@lesson.check(40)
def writes_the_program_for_primes(run, cell):
    assert only_note(cell) == "Writing primes.rs"


@lesson.check(41)
def four_processes_sum_in_order(run, cell):
    sums, took = cell.lines
    assert ast.literal_eval(sums) == sums_of_primes(*MILLIONS)
    seconds = seconds_in(took, "Time taken = ")
    with lesson.comparing():
        # Two threads under the lock have done the same.
        assert seconds < 0.9 * seconds_in(run["gil-io-cpu-ipc-37"].lines[1], "Execution time = "), seconds


@lesson.check("processes-compare-run")
def the_largest_job_caps_the_gain(run, cell):
    text = cell.result["text/markdown"]
    share, most = map(float, re.match(r"The largest job is (\d+) % .* more than (\d\.\d\d) times", text).groups())
    assert most == pytest.approx(100 / share, rel=0.02)
    # Counted in steps it is 56 %.
    assert 40 < share < 75, text
    (_, one, _), (_, whole, _), (_, in_pieces, _) = table(cell)
    assert [name for name, *_ in table(cell)] == ["1 process", "4 processes, three jobs", "4 processes, 24 pieces"]
    with lesson.comparing():
        assert float(whole) < 0.85 * float(one) and float(in_pieces) < 0.85 * float(one), text


# Processes that talk


@lesson.check(44)
def writes_the_program_with_a_pipe(run, cell):
    assert only_note(cell) == "Writing hello.rs"


@lesson.check(45)
def the_child_greets(run, cell):
    hello, ppid, pid = cell.lines
    assert hello == "Hello from Process-1"
    parent, child = int(ppid.removeprefix("ppid = ")), int(pid.removeprefix("pid="))
    assert parent != child
    own = run["ipc-both-ways-run"].lines[0]
    assert own == f"the cells of this notebook run in process {parent}"


@lesson.check("ipc-both-ways-run")
def both_ways_and_a_queue(run, cell):
    squares = [f"{n} squared is {n * n}" for n in range(3, 9)]
    assert cell.lines[1:4] == squares[:3]
    assert cell.lines[4] == "the child has ended with exit code Some(0)"
    # Which of three children is first is open.
    assert sorted(cell.lines[5:]) == squares[3:]


# Exercises

CHECKS = {
    "exercise-titles": [
        "one title for each address, in their order",
        "no addresses, no titles",
        "a page that is not there",
        "several at once, but not more than there are workers",
    ],
    "exercise-shares": [
        "1000 in 5 parts",
        "1003 in 5 parts: nothing is lost",
        "so many parts, and all nearly the same",
    ],
    "exercise-child": [
        "the sums are right",
        "another process has worked",
        "the child has ended",
    ],
}


def register_exercise(exercise, checks):
    @lesson.check(f"{exercise}-yours")
    def is_open(run, cell):
        assert nothing_shown(cell)

    @lesson.check(f"{exercise}-check")
    def says_what_is_missing(run, cell):
        assert cell.lines == [f"✘ {check}: not yet implemented" for check in checks]

    @lesson.check(f"{exercise}-solution")
    def passes(run, cell):
        assert cell.lines == [f"✔ {check}" for check in checks]


for exercise, checks in CHECKS.items():
    register_exercise(exercise, checks)


@lesson.check("clean-up")
def nothing_is_left(run, cell):
    assert cell.lines == ["the scratch folder is gone: true"]


test_cell, test_is_complete = lesson.tests()
