"""Results from threads, and pools: what its cells show."""

import os
import re

import pytest
from kernel_client import picture
from lessons import Lesson

TIME_SCALE = 0.1
TASKS = 5
SUM_TO = 100_000_000
WORKERS = 4
N_FILES = 11
N_PROCESSES = 3

lesson = Lesson(
    "02-thread-results-and-pools.ipynb",
    # Waits of 0.1, 0.2 and 0.3 s, far enough apart for their order to be certain.
    parameters={"time_scale": TIME_SCALE, "plot_tasks": 4},
    prefix="thread-results-and-pools",
    code=[2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 14, 15, 16, 17, 18, 19, 22, 23],
)

SUM = SUM_TO * (SUM_TO - 1) // 2
FILES = [f"{i:02}.csv" for i in range(N_FILES)]
BATCHES = [FILES[i::N_PROCESSES] for i in range(N_PROCESSES)]

STARTED = r"Process (\d+) started, response in ([123]) second\(s\)"
FINISHED = r"Process (\d+) finished \(after ([123]) second\(s\)\)"
RESULT = r"Here is the result: (\d\.\d+(?:e-\d+)?)"
CPU_STARTED = r"Process (\d+) started"
CPU_FINISHED = r"Process (\d+) finished, time: (\d+\.\d+)"
UNITS = {"ns": 1e-9, "μs": 1e-6, "ms": 1e-3, "s": 1.0}
TIME = r"([\d.]+) (ns|μs|ms|s)"


def numbers_in(pattern, lines):
    """The whole numbers in the lines that match."""
    matches = filter(None, (re.fullmatch(pattern, line) for line in lines))
    return [tuple(map(int, match.groups())) for match in matches]


def started(lines):
    """(task, seconds) in the order of the lines."""
    return numbers_in(STARTED, lines)


def finished(lines):
    return numbers_in(FINISHED, lines)


def assert_one_task(lines, task):
    """The lines are those of one waiting task. Its wait, scaled."""
    assert len(lines) == 2, lines
    assert started(lines[:1]) == finished(lines[1:]), lines
    ((name, seconds),) = started(lines)
    assert name == task, lines
    return seconds * TIME_SCALE


def assert_result(line):
    found = re.fullmatch(RESULT, line)
    assert found and 0 <= float(found[1]) < 1, line


def assert_overlapping(lines):
    """All tasks began before the first one ended, and ended in the order of their waits."""
    begun, ended = started(lines[:TASKS]), finished(lines[TASKS : 2 * TASKS])
    assert sorted(task for task, _ in begun) == list(range(TASKS)), lines
    assert sorted(ended) == sorted(begun), lines
    waits = [seconds for _, seconds in ended]
    assert waits == sorted(waits), lines
    return [wait * TIME_SCALE for wait in waits]


def assert_in_turn(lines):
    """Each task ended before the next one began."""
    pairs = [(begun, ended) for begun, ended in zip(lines[0 : 2 * TASKS : 2], lines[1 : 2 * TASKS : 2])]
    tasks = [(started([begun]), finished([ended])) for begun, ended in pairs]
    assert all(begun == ended and len(begun) == 1 for begun, ended in tasks), lines
    assert [begun[0][0] for begun, _ in tasks] == list(range(TASKS)), lines
    return [begun[0][1] * TIME_SCALE for begun, _ in tasks]


def seconds(number, unit):
    return float(number) * UNITS[unit]


def wall_time(cell):
    (found,) = filter(None, (re.fullmatch(f"Wall time: {TIME}", line) for line in cell.lines))
    return seconds(*found.groups())


def cpu_times(cell):
    """Of the process itself, and of its children."""
    (line,) = [line for line in cell.lines if line.startswith("CPU times:")]
    own = re.search(f"total: {TIME}", line)
    children = re.search(f"children: {TIME}", line)
    return seconds(*own.groups()), seconds(*children.groups()) if children else 0.0


def chart(cell):
    """What the head of a timeline says: tasks, workers, seconds, per cent busy."""
    text = cell.result["text/plain"]
    found = re.match(rf"(\d+) tasks? on (\d+) workers? in {TIME}, busy (\d+) %", text)
    assert found, text
    assert "<svg" in picture(cell.result)
    tasks, workers, number, unit, busy = found.groups()
    return int(tasks), int(workers), seconds(number, unit), int(busy)


def rows(markdown):
    """The cells of a Markdown table without its head."""
    return [[part.strip(" *") for part in line.strip("|").split("|")] for line in markdown.splitlines()[2:]]


# Waiting.


@lesson.check(2)
def waits_as_long_as_it_says(run, cell):
    assert_one_task(cell.lines, 1)


@lesson.check(3)
def the_waits_add_up(run, cell):
    together = sum(assert_in_turn(cell.lines))
    assert 0.99 * together <= wall_time(cell) < 1.4 * together, cell.lines
    # Waiting takes no processor.
    assert sum(cpu_times(cell)) < wall_time(cell) / 4, cell.lines
    assert chart(cell)[:2] == (TASKS, 1)


@lesson.check(4)
def a_thread_is_waited_for(run, cell):
    assert_one_task(cell.lines, 42)
    printed = [place for place, kind, _ in cell.messages if kind == "stream"]
    assert printed and max(printed) < cell.place("idle")


@lesson.check("call-or-thread")
def a_call_makes_no_thread(run, cell):
    assert cell.lines == ['running on "main"', 'running on "a thread of its own"']


@lesson.check(5)
def joined_at_once_the_waits_add_up(run, cell):
    together = sum(assert_in_turn(cell.lines))
    assert 0.99 * together <= wall_time(cell) < 1.4 * together, cell.lines
    tasks, workers, _, busy = chart(cell)
    assert (tasks, workers) == (TASKS, TASKS)
    # Never two at the same time.
    assert busy <= 100 / TASKS + 1


@lesson.check(6)
def the_waits_overlap(run, cell):
    waits = assert_overlapping(cell.lines)
    longest, together = max(waits), sum(waits)
    # Nearer to the longest wait than to all of them together.
    assert 0.99 * longest <= wall_time(cell) < (longest + together) / 2, cell.lines
    assert chart(cell)[:2] == (TASKS, TASKS)


@lesson.check("compare-the-waits")
def compares_what_was_recorded(run, cell):
    in_turn, joined, all_started = rows(cell.result["text/markdown"])
    for row, number in [(in_turn, 3), (joined, 5), (all_started, 6)]:
        together, longest, took = (float(part.removesuffix(" s")) for part in row[1:])
        waits = [wait * TIME_SCALE for _, wait in finished(run[lesson.name(number)].lines)]
        assert together >= sum(waits) - 0.01 and longest >= max(waits) - 0.01, row
        assert took == pytest.approx(chart(run[lesson.name(number)])[2], abs=0.006), row


# Results of threads.


@lesson.check(8)
def a_call_returns(run, cell):
    assert_one_task(cell.lines[:2], 1)
    assert_result(cell.lines[2])
    assert len(cell.lines) == 3


@lesson.check(9)
def the_result_is_lost(run, cell):
    assert_one_task(cell.lines, 42)
    assert not cell.contents("execute_result", "display_data")


@lesson.check("thread-result")
def a_thread_returns(run, cell):
    assert sorted(started(cell.lines)) == sorted(finished(cell.lines))
    assert {task for task, _ in started(cell.lines)} == {42, 43}
    results = [line for line in cell.lines if line.startswith("Here is")]
    assert len(results) == 2 and len(cell.lines) == 6, cell.lines
    for result, task in zip(results, [42, 43]):
        assert result.endswith(f" (thread {task})"), result
        assert_result(result.removesuffix(f" (thread {task})"))


@lesson.check("push-unlocked")
def an_unguarded_list_is_refused(run, cell):
    (shown,) = cell.displays
    assert "E0382" in shown["text/plain"] and "`results`" in shown["text/plain"]
    assert cell.lines == []


@lesson.check(10)
def the_list_has_the_result(run, cell):
    assert_one_task(cell.lines[:2], 42)
    (found,) = cell.lines[2:]
    assert found.startswith('["') and found.endswith('"]'), found
    assert_result(found[2:-2])


@lesson.check("order-of-ends")
def the_list_is_in_the_order_of_the_ends(run, cell):
    assert_overlapping(cell.lines)
    seconds_of = dict(started(cell.lines))
    (numbers,) = [line.removeprefix("in the list: ") for line in cell.lines[2 * TASKS :]]
    numbers = [int(number) for number in numbers.strip("[]").split(", ")]
    assert sorted(numbers) == list(range(TASKS))
    waits = [seconds_of[number] for number in numbers]
    assert waits == sorted(waits), cell.lines


@lesson.check(11)
def a_future_has_the_result(run, cell):
    assert_one_task(cell.lines[:2], 42)
    assert_result(cell.lines[2])
    assert len(cell.lines) == 3


@lesson.check(12)
def results_in_the_order_of_submission(run, cell):
    waits = assert_overlapping(cell.lines)
    longest, together = max(waits), sum(waits)
    assert 0.99 * longest <= wall_time(cell) < (longest + together) / 2, cell.lines
    assert cell.lines[2 * TASKS] == "All results:"
    for task, line in enumerate(cell.lines[2 * TASKS + 1 : 3 * TASKS + 1]):
        result, _, whose = line.partition(" (")
        assert_result(result)
        assert whose == f"process {task})", cell.lines
    assert chart(cell)[:2] == (TASKS, TASKS)


@lesson.check("task-that-panics")
def a_panic_comes_as_an_error(run, cell):
    result = cell.result["text/plain"]
    assert result.startswith("Err(Panicked(") and "InvalidDigit" in result, result


# Computing.


def assert_computed(lines, tasks):
    """The lines are those of these computing tasks, each begun before it ended. Its times."""
    begun = numbers_in(CPU_STARTED, lines)
    found = list(filter(None, (re.fullmatch(CPU_FINISHED, line) for line in lines)))
    assert sorted(task for (task,) in begun) == tasks, lines
    assert sorted(int(match[1]) for match in found) == tasks, lines
    assert len(lines) == 2 * len(tasks), lines
    for match in found:
        assert lines.index(f"Process {match[1]} started") < lines.index(match[0]), lines
    return [float(match[2]) for match in found]


def without_times(cell):
    return [line for line in cell.lines if not re.match("CPU times:|Wall time:", line)]


def assert_pool(lines):
    """The lines are those of a pool's tasks and their results."""
    assert lines[-1] == str([SUM] * WORKERS), lines
    return assert_computed(lines[:-1], list(range(WORKERS)))


@lesson.check(14)
def as_many_cores_as_python_finds(run, cell):
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    # A limit on the processor time that a container has counts here, too.
    assert 1 <= int(cell.result["text/plain"]) <= cores


@lesson.check(15)
def a_process_prints(run, cell):
    assert cell.lines == ["42"]


@lesson.check(16)
def adds_up(run, cell):
    assert_computed(cell.lines, [1])
    assert cell.result["text/plain"] == str(SUM)


@lesson.check(17)
def computing_adds_up_and_takes_the_processor(run, cell):
    times = assert_computed(without_times(cell), [0, 1])
    assert [line.split()[1] for line in without_times(cell)] == ["0", "0", "1", "1"], cell.lines
    assert sum(times) <= wall_time(cell) * 1.02
    assert wall_time(cell) < 1.4 * sum(times), cell.lines
    # Other than waiting: a part of the wall time that is many times larger.
    waiting = run[lesson.name(3)]
    assert sum(cpu_times(cell)) / wall_time(cell) > 5 * sum(cpu_times(waiting)) / wall_time(waiting)


@lesson.check(18)
def a_pool_of_processes_computes_at_the_same_time(run, cell):
    times = assert_pool(without_times(cell))
    # In turn it would be all of them together.
    assert max(times) <= wall_time(cell) * 1.02
    assert wall_time(cell) < 0.75 * sum(times), cell.lines
    own, children = cpu_times(cell)
    assert own < children / 4, cell.lines
    tasks, workers, _, busy = chart(cell)
    assert (tasks, workers) == (WORKERS, WORKERS) and busy > 40


@lesson.check("locked-threads")
def one_thread_at_a_time(run, cell):
    assert without_times(cell) == [str([SUM] * WORKERS)]
    tasks, workers, _, busy = chart(cell)
    assert (tasks, workers) == (WORKERS * SUM_TO // 500_000, WORKERS)
    # All lanes together are as busy as one could be.
    assert busy <= 100 / WORKERS + 1
    assert sum(cpu_times(cell)) < 1.2 * wall_time(cell), cell.lines


@lesson.check("free-threads")
def threads_compute_at_the_same_time(run, cell):
    times = assert_pool(without_times(cell))
    assert wall_time(cell) < 0.75 * sum(times), cell.lines
    tasks, workers, _, busy = chart(cell)
    assert (tasks, workers) == (WORKERS, WORKERS) and busy > 40


def fastest(run):
    """The fastest of five runs by way and number of workers."""
    table = rows(run["compare-the-ways"].result["text/markdown"])
    return {way: [float(time) for time in times] for way, *times in table}


@lesson.check("speed-up")
def draws_three_ways(run, cell):
    svg = cell.result["image/svg+xml"]
    assert "<svg" in svg
    for way in ["under a GIL", "threads", "processes", "ideal"]:
        assert way in svg


@lesson.check("compare-the-ways")
def cores_help_where_no_lock_is(run, cell):
    times = fastest(run)
    assert list(times) == ["under a GIL", "threads", "processes"]
    assert all(len(row) == 3 and min(row) > 0 for row in times.values()), times
    gained = {way: one / min(more) for way, (one, *more) in times.items()}
    with lesson.comparing():
        assert gained["threads"] > 1.2 and gained["processes"] > 1.2, times
        assert gained["under a GIL"] < max(gained["threads"], gained["processes"]), times


@lesson.check(19)
def a_program_with_a_pool(run, cell):
    assert cell.lines[0] == f"Cores: {run[lesson.name(14)].result['text/plain']}"
    assert cell.lines[1] == "Single task:"
    assert_computed(cell.lines[2:4], [1])
    assert cell.lines[4] == "Multiprocessing pool:"
    assert_pool(cell.lines[5:])


# The project and the exercises.


@lesson.check(22)
def deals_the_files(run, cell):
    assert cell.result["text/plain"] == str(BATCHES).replace("'", '"')


@lesson.check(23)
def one_sum_of_all_files(run, cell):
    assert 0 < float(cell.result["text/plain"]) < N_FILES
    assert cell.lines == [f"run 1 has {N_FILES} files"]


def assert_open_and_solved(run, exercise, lines=()):
    """The learner's cell is still to be filled, and the same checks pass on the solution."""
    assert "todo!()" in run[f"exercise-{exercise}"].source
    asked, solved = run[f"check-{exercise}"].lines, run[f"solution-{exercise}"].lines
    assert len(asked) >= 3 and all(re.fullmatch("✘ .+: not yet implemented", line) for line in asked), asked
    assert solved[: len(asked)] == [re.sub("^✘ (.+): not yet implemented$", r"✔ \1", line) for line in asked]
    return solved[len(asked) :]


@lesson.check("exercise-in-threads")
@lesson.check("exercise-batch-files")
@lesson.check("exercise-process-files")
def waits_for_the_learner(run, cell):
    assert not cell.contents("stream", "execute_result", "display_data", "error")


@lesson.check("check-in-threads")
@lesson.check("solution-in-threads")
def in_threads_can_be_solved(run, cell):
    assert assert_open_and_solved(run, "in-threads") == []


@lesson.check("check-batch-files")
@lesson.check("solution-batch-files")
def batch_files_can_be_solved(run, cell):
    assert assert_open_and_solved(run, "batch-files") == []


@lesson.check("check-process-files")
@lesson.check("solution-process-files")
def process_files_can_be_solved(run, cell):
    said = assert_open_and_solved(run, "process-files")
    assert sorted(said) == [f"run {i} has {len(batch)} files" for i, batch in enumerate(BATCHES)]
    sums = [float(part) for part in run["solution-process-files"].result["text/plain"].strip("[]").split(", ")]
    assert len(sums) == N_PROCESSES
    assert all(0 < part < len(batch) for part, batch in zip(sums, BATCHES)), sums
    # The processes do not all draw the same numbers.
    assert sums[0] != sums[1]


test_cell, test_is_complete = lesson.tests()
