"""Timed thread pools: what its cells show.

Times are compared with each other. That threads took turns is seen by the processor time,
which is never more than the wall time then, however busy the computer is.
"""

import ast
import html
import math
import re
from itertools import pairwise

import pytest
from kernel_client import picture, plain
from lessons import PROCESSORS, Lesson

PARAMETERS = {
    "time_scale": 0.1,
    "rounds": 5,
    "starts": 40,
    "time_to_sleep": 3.0,
    "pictures": 12,
    "picture_delay": 0.5,
    "data_size": 320_000,
    "numbers": 300_000,
    "numbers_in_plot": 80_000,
}


lesson = Lesson(
    "04-timed-thread-pools.ipynb",
    parameters=PARAMETERS,
    prefix="timed-thread-pools",
    code=[1, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 17, 18, 20, 21, 22, 23, 24, 25, 26],
)
SLEEP = PARAMETERS["time_to_sleep"] * PARAMETERS["time_scale"]
PICTURE = PARAMETERS["picture_delay"] * PARAMETERS["time_scale"]
WAITING, FETCHING = 10, 8
SIZE = PARAMETERS["data_size"]
NUMBERS = PARAMETERS["numbers"]

UNITS = {"ns": 1e-9, "μs": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0}
TIME = r"\d[\d.]* ?(?:ns|μs|µs|ms|s|min)(?: \d+s)?"


def seconds(text):
    """A time as it is shown: `43.7 ms`, `1min 2s`."""
    assert re.fullmatch(TIME, text), f"{text!r} is no time"
    parts = re.findall(r"([\d.]+) ?([a-zμµ]+)", text)
    return sum(float(number) * UNITS[unit] for number, unit in parts)


def elapsed(cell):
    """What the cell's stopwatches have printed."""
    return [float(found) for found in re.findall(r"^Elapsed: (\d+\.\d{4})s$", cell.text(), re.MULTILINE)]


def the_elapsed(cell):
    times = elapsed(cell)
    assert len(times) == 1, f"not one stopwatch but {times}"
    return times[0]


def of_cell(run, cell):
    return the_elapsed(run[lesson.name(cell)])


def processor_time(cell):
    """What `%%time` says that this process and its children have worked."""
    (line,) = [line for line in cell.lines if line.startswith("CPU times: ")]
    return sum(seconds(part) for part in re.findall(r"(?:total|children): ([^,]+)", line))


def wall_time(cell):
    (line,) = [line for line in cell.lines if line.startswith("Wall time: ")]
    return seconds(line.removeprefix("Wall time: "))


def at_work(cell):
    """How many processors were at work in a cell, on average."""
    return processor_time(cell) / wall_time(cell)


def without_times(cell):
    """The lines but for those of stopwatches and of `%%time`."""
    return [line for line in cell.lines if not line.startswith(("Elapsed: ", "CPU times: ", "Wall time: "))]


def tasks_of(chart):
    """The bars of a timeline: (label, worker, start, end)."""
    titles = re.findall(r"<title>(.*?)</title>", picture(chart), re.DOTALL)
    bars = [re.fullmatch(r"(.*)\n.* on (.*), from (.*) to (.*?)(?:, not finished)?", html.unescape(t)) for t in titles]
    return [(bar[1], bar[2], seconds(bar[3]), seconds(bar[4])) for bar in bars if bar]


def lane(chart, worker):
    tasks = [task for task in tasks_of(chart) if task[1] == worker]
    assert tasks, f"{worker} is not among {sorted({task[1] for task in tasks_of(chart)})}"
    return tasks


def span_of(chart, worker):
    tasks = lane(chart, worker)
    return min(start for *_, start, _ in tasks), max(end for *_, end in tasks)


def summary(chart):
    """The first line of a chart: how many tasks, on how many workers."""
    found = re.match(r"(\d+) tasks on (\d+) workers in (.*), busy", chart["text/plain"])
    return int(found[1]), int(found[2])


def rows(markdown):
    """The cells of a table in Markdown, row by row, without the line under the heads."""
    lines = [line.strip().strip("|").split("|") for line in markdown.strip().splitlines()]
    return [[cell.strip() for cell in line] for index, line in enumerate(lines) if index != 1]


def speedups(result):
    """The tables of a speed-up: {name: {workers: (seconds, speed-up)}}."""
    tables, name, before = {}, None, ""
    for line in result["text/plain"].splitlines():
        if line.split() == ["workers", "time", "speed-up", "efficiency"]:
            name = before
            tables[name] = {}
        elif found := re.fullmatch(rf"\s*(\d+)\s+({TIME})\s+([\d.]+)\s+\d+ %", line):
            tables[name][int(found[1])] = (seconds(found[2]), float(found[3]))
        before = line
    return tables


def prints_nothing(cell):
    assert cell.text() == cell.text("stderr") == ""
    assert cell.displays == [] == cell.contents("execute_result")


@lesson.check(1)
def imports(run, cell):
    prints_nothing(cell)


def introduction(line):
    found = re.fullmatch(r"(.*): process (\d+), (\d+) open files, NOTE is (\d+)", line)
    assert found, line
    return found[1], int(found[2]), int(found[3]), int(found[4])


@lesson.check(3)
def a_process_has_a_number_files_and_its_own_memory(run, cell):
    first, child, again = map(introduction, cell.lines)
    assert (first[0], child[0], again[0]) == ("the notebook", "its child", "the notebook")
    assert child[1] != first[1] == again[1]
    assert min(first[2], child[2], again[2]) >= 3
    assert (first[3], child[3], again[3]) == (1, 42, 1)


@lesson.check(4)
def the_scheduler_goes_round(run, cell):
    rounds = PARAMETERS["rounds"]
    slots = [f"p{i} ran for {4 * rounds} ms" for i in range(3)]
    assert cell.lines == ["p0 p1 p2"] * rounds + slots


@lesson.check("real-time-slices")
def no_more_threads_run_than_there_are_processors(run, cell):
    counts, length = cell.lines
    found = re.fullmatch(r"(\d+) threads on (\d+) processors had (\d+) slices", counts)
    threads, processors, slices = map(int, found.groups())
    assert threads == 2 * processors and 1 <= processors <= PROCESSORS
    assert slices >= threads
    # Longer by far than half a microsecond.
    assert seconds(length.removeprefix("half of the slices were longer than ")) > 50e-6

    bars = re.findall(r"<rect x='([\d.]+)' y='(\d+)' width='([\d.]+)'", cell.result["image/svg+xml"])
    by_lane = {}
    for x, y, width in bars:
        by_lane.setdefault(int(y), []).append((float(x), float(x) + float(width)))
    assert len(by_lane) == min(threads, 8)
    for lane_bars in by_lane.values():
        assert all(end <= start for (_, end), (start, _) in pairwise(lane_bars)), "slices of one thread overlap"
    if threads <= 8:
        assert len(bars) == slices
        drawn = sum(end - start for lane_bars in by_lane.values() for start, end in lane_bars)
        # All would run all the time if each had a processor. Gaps too short to be seen count as run.
        assert drawn < 0.75 * threads * 770, "more ran than there are processors"


@lesson.check(5)
def threads_have_one_memory(run, cell):
    *introductions, names = cell.lines
    first, second, again = map(introduction, introductions)
    assert (first[0], second[0], again[0]) == ("the first thread", "the second thread", "the first thread")
    assert first[1] == second[1] == again[1] == introduction(run[lesson.name(3)].lines[0])[1]
    assert (first[3], second[3], again[3]) == (1, 42, 42)
    names = names.removeprefix("threads that lived meanwhile: ").split(", ")
    assert names[0] == "main" and "second" in names


@lesson.check(6)
def in_parallel_and_in_the_background(run, cell):
    assert cell.lines == ["both halves are done; watcher alive: true, service alive: true"]
    chart = cell.result
    left, right = span_of(chart, "left half"), span_of(chart, "right half")
    assert left[0] < right[1] and right[0] < left[1], f"the halves did not overlap: {left}, {right}"
    both_ended = max(left[1], right[1])
    for worker, label in [("watcher", "look"), ("service", "serve")]:
        labels = [task[0] for task in lane(chart, worker)]
        assert labels.count("run") == 1 and labels.count(label) >= 1, labels
        assert span_of(chart, worker)[1] >= 0.99 * both_ended, "it did not outlive the task"


@lesson.check(7)
def a_process_costs_more_than_a_thread(run, cell):
    heads, starts, memory = rows(cell.result["text/markdown"])
    assert heads[:3] == ["", "thread", "process"]
    assert memory[:3] == ["memory", "shared", "a copy"]
    thread, process = seconds(starts[1]), seconds(starts[2])
    assert 0 < thread < process, starts
    times = int(starts[3].removesuffix(" times as long"))
    assert times == pytest.approx(process / thread, rel=0.15, abs=1)


@lesson.check(9)
def the_stopwatch_tells_how_long_a_wait_was(run, cell):
    assert len(cell.lines) == 1
    assert SLEEP <= the_elapsed(cell) < 2 * SLEEP


@lesson.check("timer-and-panic")
def the_stopwatch_tells_in_a_panic_too(run, cell):
    assert SLEEP / 10 <= the_elapsed(cell)
    (panic,) = cell.displays
    assert "Panic: the work has failed" in plain(panic["text/plain"])
    printed = min(place for place, kind, _ in cell.messages if kind == "stream")
    shown = min(place for place, kind, _ in cell.messages if kind == "display_data")
    assert printed < shown


@lesson.check(10)
def two_threads_wait_half_as_long(run, cell):
    first, second, time, last = cell.lines
    assert (first, second, last) == ("BEFORE T1 JOIN", "BEFORE T2 JOIN", "next step")
    assert time.startswith("Elapsed: ")
    assert SLEEP / 2 <= the_elapsed(cell) < 0.8 * of_cell(run, 9)
    t1, t2 = span_of(cell.result, "t1"), span_of(cell.result, "t2")
    assert t1[0] < t2[1] and t2[0] < t1[1], f"they did not overlap: {t1}, {t2}"


@lesson.check("join-too-early")
def an_early_join_makes_them_wait_in_turn(run, cell):
    assert the_elapsed(cell) >= SLEEP
    assert span_of(cell.result, "t1")[1] <= span_of(cell.result, "t2")[0]


@lesson.check(11)
def the_helper_is_defined(run, cell):
    prints_nothing(cell)


@lesson.check(12)
def ten_threads_wait_a_tenth(run, cell):
    time = the_elapsed(cell)
    assert SLEEP / WAITING <= time < 0.8 * of_cell(run, 10)
    heads, *measured = rows(cell.result["text/markdown"])
    assert heads == ["threads", "time", "times as fast"]
    times = [of_cell(run, 9), of_cell(run, 10), time]
    assert [int(row[0]) for row in measured] == [1, 2, WAITING]
    # Three digits, and a stopwatch is read a moment before it prints.
    assert [seconds(row[1]) for row in measured] == pytest.approx(times, rel=0.03)
    assert [float(row[2]) for row in measured] == pytest.approx([times[0] / t for t in times], rel=0.03, abs=0.06)


@lesson.check(13)
def portions_lose_nothing(run, cell):
    prints_nothing(cell)
    for at_least in (20, 1, 1000, 42):
        assert str(at_least) in cell.source
    assert "assert_eq!(queue.iter().sum::<u64>(), 1000)" in cell.source


@lesson.check(14)
def a_pool_waits_as_ten_threads_do(run, cell):
    assert cell.lines[0] == str([PARAMETERS["time_to_sleep"] / WAITING] * WAITING)
    assert SLEEP / WAITING <= the_elapsed(cell) < 0.8 * of_cell(run, 10)
    assert at_work(cell) < 0.5, "waiting needs no processor"


@lesson.check("pool-cycle")
def a_pool_balances(run, cell):
    (line,) = cell.lines
    queue = ast.literal_eval(line)
    assert sum(queue) == 100 and all(1 <= portion <= 10 for portion in queue) and len(queue) >= 10

    (fixed,) = cell.displays
    portions = [task for task in tasks_of(fixed) if task[0] == "portion"]
    by_share = [len([task for task in portions if task[1] == f"share {i}"]) for i in range(3)]
    assert sum(by_share) == len(queue) and max(by_share) - min(by_share) <= 1, by_share

    pooled = cell.result
    assert summary(pooled) == (len(queue), 3)
    tasks = tasks_of(pooled)
    assert sorted(task[0] for task in tasks) == sorted(f"map {i}" for i in range(len(queue)))
    # The next one in the line is begun by whoever is free, so they begin in their order. (A worker
    # may be interrupted between taking one and beginning it.)
    starts = {task[0]: task[2] for task in tasks}
    longest = 10 / 100 * PARAMETERS["time_scale"]
    in_order = [starts[f"map {i}"] for i in range(len(queue))]
    assert all(one <= next_one + 2 * longest for one, next_one in pairwise(in_order)), in_order


@lesson.check(17)
def the_fetching_function_is_defined(run, cell):
    prints_nothing(cell)


SAVED = FETCHING * (PARAMETERS["pictures"] // FETCHING)


@lesson.check("fetch-one-after-the-other")
def one_after_the_other(run, cell):
    assert without_times(cell) == [f"{SAVED} files"]
    assert the_elapsed(cell) >= SAVED * PICTURE


@lesson.check(18)
def a_pool_fetches_several_at_once(run, cell):
    files, times, requests = without_times(cell)
    assert files == f"{SAVED} files"
    alone, pool = the_elapsed(run["fetch-one-after-the-other"]), the_elapsed(cell)
    assert pool >= SAVED / FETCHING * PICTURE
    # Work of the site's one thread comes on top of the waits.
    assert pool < 0.75 * alone
    assert float(times.removesuffix(" times as fast")) == pytest.approx(alone / pool, rel=0.03, abs=0.06)
    found = re.fullmatch(r"(\d+) requests, at most (\d+) of them at once", requests)
    assert int(found[1]) == SAVED and 2 <= int(found[2]) <= FETCHING


@lesson.check("fetch-all")
def none_is_left_over(run, cell):
    assert cell.lines == [f"{PARAMETERS['pictures']} files"]
    tasks, workers = summary(cell.result)
    assert tasks == PARAMETERS["pictures"] and 2 <= workers <= FETCHING


@lesson.check(20)
def one_thread_fills_the_list(run, cell):
    assert without_times(cell) == [f"{SIZE} numbers from 1 to 100"]
    the_elapsed(cell)
    assert at_work(cell) < 1.25, "one thread cannot work more than the whole time"


@lesson.check("fill-without-a-lock")
def sharing_without_a_lock_does_not_compile(run, cell):
    (error,) = cell.displays
    text = plain(error["text/plain"])
    assert "error[E0499]: cannot borrow `list` as mutable more than once at a time" in text


def takes_turns(run, cell, alone):
    """Threads of which one works at a time need as long as a single one works."""
    assert the_elapsed(cell) >= 0.5 * processor_time(run[lesson.name(alone)])


def one_list_or_one_lock_gain_nothing(run):
    alone = of_cell(run, 20)
    with lesson.comparing():
        assert of_cell(run, 21) > 0.8 * alone
        assert of_cell(run, 22) > 0.8 * alone
        assert of_cell(run, "fill-under-the-interpreter-lock") > 0.7 * alone


def told_share(run, line, time):
    found = re.fullmatch(rf"{SIZE} numbers, in (\d+\.\d\d) of the time", line)
    assert found, line
    assert float(found[1]) == pytest.approx(time / of_cell(run, 20), rel=0.05, abs=0.02)


@lesson.check(21)
def two_threads_at_one_list_gain_nothing(run, cell):
    (line,) = without_times(cell)
    told_share(run, line, the_elapsed(cell))
    takes_turns(run, cell, 20)
    one_list_or_one_lock_gain_nothing(run)


@lesson.check("fill-under-the-interpreter-lock")
def two_threads_under_the_interpreter_lock_gain_nothing(run, cell):
    numbers, switches = without_times(cell)
    told_share(run, numbers, the_elapsed(cell))
    assert int(re.fullmatch(r"the lock has changed hands (\d+) times", switches)[1]) >= 1
    assert at_work(cell) < 1.25, "two have computed at the same time"
    takes_turns(run, cell, 20)
    one_list_or_one_lock_gain_nothing(run)


@lesson.check(22)
def sixteen_threads_fill_the_list(run, cell):
    (line,) = without_times(cell)
    length, numbers = line.split(" ", 1)
    numbers = ast.literal_eval(numbers)
    assert int(length) == SIZE
    assert len(numbers) == 100 and all(1 <= number <= 100 for number in numbers)
    takes_turns(run, cell, 20)
    one_list_or_one_lock_gain_nothing(run)


@lesson.check(23)
def processes_fill_their_own_copies(run, cell):
    assert without_times(cell) == ["0 []"]
    assert the_elapsed(cell) > 0
    assert any(", children: " in line for line in cell.lines), "no process has worked"


def a_list_each_gains(run):
    threads, _ = elapsed(run["fill-a-list-each"])
    with lesson.comparing():
        assert threads < of_cell(run, 21), "slower than with one list for all"
        assert threads < 0.9 * of_cell(run, 20), "slower than one thread"


@lesson.check("fill-a-list-each")
def lists_of_their_own_come_back(run, cell):
    assert without_times(cell) == [f"threads:   {SIZE} numbers", f"processes: {SIZE} numbers"]
    a_list_each_gains(run)


def in_the_plot_a_list_each_gains(run):
    at_two = {name: table[2] for name, table in speedups(run["fill-compared"].result).items()}
    with lesson.comparing():
        assert at_two["one list"][1] < 1.3, at_two
        assert at_two["Python's lock"][1] < 1.3, at_two
        assert at_two["a list each"][0] < 0.9 * at_two["Python's lock"][0], at_two
        assert at_two["a list each"][0] < 0.9 * at_two["one list"][0], at_two


@lesson.check("fill-compared")
def only_lists_of_their_own_gain(run, cell):
    tables = speedups(cell.result)
    assert list(tables) == ["one list", "Python's lock", "a list each"]
    assert all(list(table) == [1, 2, 4] for table in tables.values())
    assert "<svg" in picture(cell.result)
    in_the_plot_a_list_each_gains(run)


def factors_of(n):
    """By the definition: divided by what divides."""
    factors, divisor = [], 2
    while n > 1:
        while n % divisor == 0:
            factors.append(divisor)
            n //= divisor
        divisor = divisor + 1 if divisor * divisor <= n else max(n, 2)
    return factors


def count_of_factors(most):
    """Of all numbers from 1 to `most` together: each prime divides as many of them as there
    are multiples of it, of its square and so on."""
    sieve = bytearray([1]) * (most + 1)
    count = 0
    for number in range(2, most + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, most + 1, number)))
            power = number
            while power <= most:
                count += most // power
                power *= number
    return count


def test_the_expected_factors_are_right():
    assert [factors_of(n) for n in (1, 2, 12, 97, 100)] == [[], [2], [2, 2, 3], [97], [2, 2, 5, 5]]
    assert all(math.prod(factors_of(n)) == n for n in range(1, 1000))
    assert count_of_factors(1000) == sum(len(factors_of(n)) for n in range(1, 1001))
    assert count_of_factors(1_000_000) == 3_626_619


@lesson.check(24)
def factorising_is_defined(run, cell):
    prints_nothing(cell)


@lesson.check("factorize-alone")
def one_thread_factorises(run, cell):
    examples = [f"{n} has the factors {factors_of(n)}" for n in (12, 97, 360, 999_999)]
    assert without_times(cell) == [*examples, f"{NUMBERS} numbers have {count_of_factors(NUMBERS)} factors"]
    assert at_work(cell) < 1.25, "one thread cannot work more than the whole time"


PAIRS = f"{NUMBERS} {[(n, factors_of(n)) for n in range(1, 101)]}"


@lesson.check(25)
def processes_factorise(run, cell):
    assert without_times(cell) == [PAIRS]
    assert the_elapsed(cell) > 0
    assert any(", children: " in line for line in cell.lines), "no process has worked"


def one_lock_gains_nothing_for_factors(run):
    with lesson.comparing():
        assert of_cell(run, 26) > 0.8 * of_cell(run, "factorize-alone")


@lesson.check(26)
def threads_under_the_interpreter_lock_factorise(run, cell):
    assert without_times(cell) == [PAIRS]
    assert at_work(cell) < 1.25, "two have computed at the same time"
    takes_turns(run, cell, "factorize-alone")
    one_lock_gains_nothing_for_factors(run)


def threads_gain_for_factors(run):
    with lesson.comparing():
        assert of_cell(run, "factorize-with-threads") < 0.9 * of_cell(run, 26)


@lesson.check("factorize-with-threads")
def threads_factorise(run, cell):
    assert without_times(cell) == [f"{NUMBERS} numbers have {count_of_factors(NUMBERS)} factors"]
    threads_gain_for_factors(run)


def in_the_plot_threads_and_processes_gain(run):
    at_two = {name: table[2] for name, table in speedups(run["factorize-compared"].result).items()}
    with lesson.comparing():
        assert at_two["Python's threads"][1] < 1.3, at_two
        assert at_two["threads"][0] < 0.85 * at_two["Python's threads"][0], at_two
        assert at_two["processes"][1] > 1.2, at_two
        assert at_two["processes"][1] > at_two["Python's threads"][1], at_two


@lesson.check("factorize-compared")
def threads_and_processes_gain_but_not_under_one_lock(run, cell):
    tables = speedups(cell.result)
    assert list(tables) == ["threads", "processes", "Python's threads"]
    assert all(list(table) == [1, 2, 4] for table in tables.values())
    assert "<svg" in picture(cell.result)
    in_the_plot_threads_and_processes_gain(run)


@lesson.check("which-one-is-better")
def the_table_has_what_was_measured(run, cell):
    waited_in_python, waited_by_processes = elapsed(cell)
    heads, *table = rows(cell.result["text/markdown"])
    assert heads == ["", "one thread", "Python's threads", "Rust's threads", "processes"]
    own_threads, own_processes = elapsed(run["fill-a-list-each"])
    expected = {
        "waiting": [of_cell(run, 9), waited_in_python, of_cell(run, 14), waited_by_processes],
        "a list of random numbers": [
            of_cell(run, 20),
            of_cell(run, "fill-under-the-interpreter-lock"),
            own_threads,
            own_processes,
        ],
        "prime factors": [
            of_cell(run, "factorize-alone"),
            of_cell(run, 26),
            of_cell(run, "factorize-with-threads"),
            of_cell(run, 25),
        ],
    }
    assert [row[0] for row in table] == list(expected)
    for name, *cells in table:
        times = [seconds(text.split(" (")[0]) for text in cells]
        # A stopwatch is read before what it has measured is put away, and prints after that:
        # four digits behind the point.
        printed = expected[name]
        assert all(0 < time <= 1.005 * by + 0.00005 for time, by in zip(times, printed)), (times, printed)
        faster = [float(re.search(r"\((\d+\.\d) ×\)", text)[1]) for text in cells]
        assert faster == pytest.approx([times[0] / time for time in times], rel=0.02, abs=0.06)
    # Waiting gains in every way, if processes need not wait for a processor.
    with lesson.comparing():
        assert max(expected["waiting"][1:]) < 0.8 * expected["waiting"][0]


def check_of(name, checks):
    """An exercise: nothing is shown, every check fails as long as nothing is written, and
    passes on the solution."""

    @lesson.check(f"exercise-{name}")
    def the_exercise_is_open(run, cell):
        prints_nothing(cell)
        assert "todo!()" in cell.source

    @lesson.check(f"check-{name}")
    def the_checks_say_so(run, cell):
        assert cell.lines == [f"✘ {check}: not yet implemented" for check in checks]

    @lesson.check(f"solution-{name}")
    def the_solution_passes(run, cell):
        assert cell.lines == [f"✔ {check}" for check in checks]


check_of(
    "portions",
    ["100 pictures for 8 threads", "without a remainder", "more parts than there is to do", "nothing is lost"],
)
check_of(
    "page-sizes",
    [
        "all sizes, in the order of the addresses",
        "one page after the other with one thread",
        "several at once with four threads, but no more than four",
    ],
)
check_of(
    "count-primes",
    [
        "up to 100",
        "up to 10,000, whatever the number of workers",
        "more workers than numbers",
        "on threads of a pool",
    ],
)


test_cell, test_is_complete = lesson.tests()
