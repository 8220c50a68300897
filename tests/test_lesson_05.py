"""Daemons, sharing and locks: what its cells show."""

import re

import pytest
from kernel_client import picture, plain
from lessons import Lesson

lesson = Lesson(
    "05-daemons-sharing-locks.ipynb",
    # The pauses in seconds: short, but for the one in which another cell has to be compiled
    # and run while a thread sleeps.
    parameters={
        "time_scale": 0.5,
        "work_pause": 0.08,
        "thread_pause": 0.7,
        "item_pause": 0.04,
        "process_pause": 0.06,
        "bank_pause": 0.0006,
        "bank_runs": 3,
        "test_numbers": "1_000_000",
        "slow_numbers": 300,
    },
    prefix="daemons-sharing-locks",
    code=[
        *[5, 6, 8, 9, 11, 12, 14, 15, 17, 18, 19, 21, 23, 24, 25, 27, 29, 30, 31, 32],
        *[35, 37, 39, 41, 43, 45, 47, 49, 51, 52, 54, 56],
    ],
)
WORK_PAUSE = 0.08 * 0.5
ITEM_PAUSE = 0.04 * 0.5
PROCESS_PAUSE = 0.06 * 0.5
BANK_RUNS = 3
# As in the notebook: the test does not change them.
BANK_ROUNDS = 100
RACE_ROUNDS = 2_000_000
TEST_NUMBERS = 1_000_000

NUMBERS = [2, 3, 8, 9]
SQUARES = [f"square: {n**2}" for n in NUMBERS]
CUBES = [f"cube: {n**3}" for n in NUMBERS]
SQUARE_LINES = ["calculate square numbers", *SQUARES]
CUBE_LINES = ["calculate cube of numbers", *CUBES]
END = "---------- End of Program ----------"
DONE = [f"---------- creates_items_{creator} : Done ----------" for creator in (1, 2)]
OVERLOAD, SUBTRACTED, WAITING = (f"limits_items : {what}" for what in ("overload", "subtracted 3", "waiting"))


def seconds_in(cell, prefix):
    """The number that a line of the cell ends with."""
    found = [re.fullmatch(re.escape(prefix) + r"(\d+\.\d+)(?: s)?", line) for line in cell.lines]
    matches = [match for match in found if match]
    assert len(matches) == 1, f"not one line {prefix!r} and a number in {cell.lines}"
    return float(matches[0][1])


def done_in(run, number):
    return seconds_in(run[f"daemons-sharing-locks-{number:02}"], "done in :  ")


def rows(bundle):
    """The rows of a table in Markdown, without its head."""
    lines = bundle["text/markdown"].splitlines()
    return [[field.strip() for field in line.strip("|").split("|")] for line in lines[2:]]


def shown(cell):
    """What the cell displays besides its value, as plain text."""
    return [plain(data["text/plain"]) for data in cell.displays]


def place_of(run, line, first, last):
    """The place at which a line was heard, from the start of a cell to the end of another."""
    places = [place for said, place in run.printed(first, last) if said == line]
    assert len(places) == 1, f"{line!r} was not heard once but {len(places)} times"
    return places[0]


# Threads ----------------------------------------------------------------------------------


@lesson.check(5)
def one_after_the_other(run, cell):
    assert cell.lines == SQUARE_LINES + CUBE_LINES


@lesson.check(6)
def takes_all_eight_pauses(run, cell):
    assert len(cell.lines) == 1
    assert done_in(run, 6) >= 8 * WORK_PAUSE


def demo_2(run):
    """The lines of demo 2 as they were heard, with their places."""
    return run.printed("daemons-sharing-locks-08", "wait-for-the-thread")


@lesson.check(8)
def does_not_wait_for_its_thread(run, cell):
    places = {line: place for line, place in demo_2(run)}
    assert cell.place("idle") < places["square: 4"]
    assert [line for line, _ in demo_2(run) if line in SQUARE_LINES] == SQUARE_LINES
    # It is this cell that they belong to, whenever they come.
    assert cell.lines == SQUARE_LINES


@lesson.check(9)
def prints_while_the_thread_works(run, cell):
    main = "Main Thread - Print this line while 'calc_square' is being executed ..."
    assert cell.lines == [main]
    lines = [line for line, _ in demo_2(run)]
    assert lines.index(SQUARE_LINES[0]) < lines.index(main) < lines.index("square: 64"), lines
    # The cell is compiled within the first pause, if others leave it a processor.
    with lesson.comparing():
        assert lines.index(main) < lines.index("square: 4"), lines


@lesson.check("wait-for-the-thread")
def waits_for_the_end(run, cell):
    assert cell.lines == ["the thread of demo 2 has ended"]
    places = {line: place for line, place in demo_2(run)}
    # The very last square comes from another thread at the same moment.
    assert places["square: 64"] < places["the thread of demo 2 has ended"]


@lesson.check(11)
def join_waits(run, cell):
    assert cell.lines == SQUARE_LINES
    # The cell ended after the last line.
    assert max(place for place, kind, _ in cell.messages if kind == "stream") < cell.place("idle")


@lesson.check(12)
def prints_after_the_thread(run, cell):
    main = "Main Thread - Print this line after 'calc_square' was executed ..."
    lines = [line for line, _ in run.printed("daemons-sharing-locks-11", "daemons-sharing-locks-12")]
    assert lines[: len(SQUARE_LINES) + 1] == [*SQUARE_LINES, main]
    assert cell.lines[0] == main
    joined, started = seconds_in(cell, "the thread was waited for :  "), seconds_in(cell, "without join (demo 2)     :  ")
    # The join has seen every pause; the start saw none, though those of demo 2 were longer.
    assert joined >= 4 * WORK_PAUSE
    assert started < joined / 2


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
def compares_the_measured_times_and_draws_them(run, cell):
    assert seconds_in(cell, "one after the other: ") == done_in(run, 6)
    assert seconds_in(cell, "at the same time:    ") == done_in(run, 15)
    times = float(re.fullmatch(r"that is (\d+\.\d) times as fast", cell.lines[2])[1])
    assert times == pytest.approx(done_in(run, 6) / done_in(run, 15), abs=0.06)
    svg = picture(cell.result)
    assert "<svg" in svg and all(f">{lane}</text>" in svg for lane in ("main", "thread 1", "thread 2"))
    # Eight bars of the main thread, four and the whole run of each thread.
    assert cell.result["text/plain"].startswith("18 tasks on 3 workers in ")


@lesson.check("move-into-two-threads")
def the_second_move_is_refused(run, cell):
    (error,) = shown(cell)
    assert error.startswith("error[E0382]: use of moved value: `list`")
    assert "5 | let t2 = thread::spawn(move || calc_cube(&list, 0.1));" in error
    assert cell.lines == []


@lesson.check("borrow-in-a-scope")
def a_scope_lends(run, cell):
    assert cell.lines == ["numbers: [2, 3, 8, 9]", "squares: [4, 9, 64, 81]", "cubes:   [8, 27, 512, 729]"]


# Daemons ----------------------------------------------------------------------------------


def added(creator, total):
    return f"creates_items_{creator} : added item, total is now {total}"


def creators_alone(creator):
    """What a creator prints that nobody disturbs."""
    totals = range(5, 15) if creator == 1 else range(15, 22)
    return [*(added(creator, total) for total in totals), DONE[creator - 1]]


def assert_shop(lines):
    """Follows the total from 21 through all lines, which come in the order of the changes:
    both creators have finished, and it has become 5 in eleven subtractions."""
    total, items, subtractions = 21, {1: 0, 2: 0}, 0
    # A creator is done when it has let go of the lock: that line can come between any two.
    changes = [line for line in lines if line not in DONE]
    for line, following in zip(changes, [*changes[1:], None]):
        match = re.fullmatch(r"creates_items_([12]) : added item, total is now (\d+)", line)
        if match:
            total += 1
            items[int(match[1])] += 1
            assert total == int(match[2]), f"the total is {total} at {line!r} in {lines}"
        elif line == OVERLOAD:
            assert total > 5 and following == SUBTRACTED, f"{total}, then {following!r} in {lines}"
        elif line == SUBTRACTED:
            total -= 3
            subtractions += 1
        else:
            assert line in (WAITING, END), line
    assert (items, subtractions, total) == ({1: 10, 2: 7}, 11, 5), lines
    assert [lines.count(done) for done in DONE] == [1, 1]
    # From 21 to 5 or less without a pause.
    limiter = [line for line in lines if line in (OVERLOAD, SUBTRACTED, WAITING)]
    assert limiter[:12] == [OVERLOAD, SUBTRACTED] * 6


@lesson.check("change-a-total-unlocked")
def two_threads_must_not_change_a_variable(run, cell):
    (error,) = shown(cell)
    assert error.startswith("error[E0499]: cannot borrow `total` as mutable more than once at a time")
    assert "6 |     scope.spawn(|| total += 1);" in error


@lesson.check(17)
def the_first_creator_alone(run, cell):
    assert cell.lines == creators_alone(1)


@lesson.check(18)
def the_second_creator_alone(run, cell):
    assert cell.lines == creators_alone(2)


@lesson.check("threads-that-count")
def only_locked_and_atomic_counts_are_exact(run, cell):
    table = rows(cell.result)
    assert [row[0] for row in table] == [
        "read and write, under Python's lock",
        "read and write, no lock",
        "under a `Mutex`",
        "in one step, `fetch_add`",
    ]
    expected = 2 * RACE_ROUNDS
    assert [int(row[1]) for row in table] == [expected] * 4
    gil, racy, mutex, atomic = (int(row[2]) for row in table)
    assert 0 < gil <= expected and 0 < racy <= expected
    assert (mutex, atomic) == (expected, expected)
    for _, _, counted, lost, nanoseconds in table:
        assert int(lost.removesuffix(" %")) == pytest.approx(100 * (1 - int(counted) / expected), abs=0.51)
        assert float(nanoseconds) > 0
    # The interpreter's lock changes hands many times between a read and its write, where both
    # threads have a processor.
    with lesson.comparing():
        assert gil < expected


@lesson.check(19)
def the_cell_with_the_limiter_never_ends(run, cell):
    lines = cell.lines
    assert_shop(lines)
    # At last nothing happens any more, again and again.
    assert lines[-2:] == [WAITING, WAITING]
    (note,) = shown(cell)
    assert note.startswith("note: stopped after 1 s, as `%%timeout` asks") and ".join();" in note


@lesson.check(21)
def the_last_line_is_not_reached(run, cell):
    assert cell.lines == []
    (note,) = shown(cell)
    assert note.startswith("note: stopped after 250 ms, as `%%timeout` asks") and "wait_for_threads();" in note
    heard = [line for line, _ in run.printed("daemons-sharing-locks-19", "close-the-limiter")]
    assert END not in heard
    # Meanwhile the limiter goes on.
    assert WAITING in [line for line, _ in run.printed("daemons-sharing-locks-21", "daemons-sharing-locks-21")]


@lesson.check("close-the-limiter")
def a_flag_ends_the_limiter(run, cell):
    before, after, total = cell.lines
    assert "Thread(main, running" in before and "Thread(limiter, running" in before
    assert "Thread(main, running" in after and "limiter" not in after
    assert total == "total is 5"


@lesson.check(23)
def the_first_creator_again(run, cell):
    assert cell.lines == creators_alone(1)


@lesson.check(24)
def the_second_creator_again(run, cell):
    assert cell.lines == creators_alone(2)


@lesson.check(25)
def the_cell_ends_while_the_limiter_goes_on(run, cell):
    assert_shop(cell.lines)
    # It ended by itself, and with both creators.
    assert shown(cell) == []
    idle = cell.place("idle")
    said = lambda is_in_time: "".join(
        content["text"] for place, kind, content in cell.messages if kind == "stream" and is_in_time(place)
    )
    assert all(done in said(lambda place: place < idle) for done in DONE)
    assert WAITING in said(lambda place: place > idle)


@lesson.check(27)
def the_last_line_is_reached_and_the_limiter_goes_on(run, cell):
    assert cell.lines == [END]
    heard = [line for line, _ in run.printed("daemons-sharing-locks-27", "the-limiter-goes-on")]
    assert WAITING in heard[heard.index(END) :]


@lesson.check("the-limiter-goes-on")
def the_limiter_lived_until_it_was_told(run, cell):
    assert cell.lines == ["is the limiter alive? true", "is the limiter alive? false"]


@lesson.check("a-program-that-cannot-end")
def an_ordinary_thread_keeps_a_program_alive(run, cell):
    lines = cell.lines
    assert lines.count(END) == 1 and lines[lines.index(END) + 1 :][:2] == [WAITING, WAITING]
    assert "the program has ended" not in lines
    (note,) = shown(cell)
    assert note.startswith("note: stopped after 300 ms, as `%%timeout` asks") and "program(move ||" in note


@lesson.check(29)
def the_first_creator_once_more(run, cell):
    assert cell.lines == creators_alone(1)


@lesson.check(30)
def the_second_creator_once_more(run, cell):
    assert cell.lines == creators_alone(2)


@lesson.check(31)
def a_daemon_ends_with_its_program(run, cell):
    assert_shop(cell.lines)
    # Whenever more might have come: all that belongs to the cell was listened to.
    assert cell.lines[-1] == END and cell.lines.count(END) == 1
    assert shown(cell) == []


@lesson.check(32)
def the_program_has_ended_well(run, cell):
    assert cell.lines == ["the program has ended with exit status: 0"]
    # The limiter's bar has no end, the three others have.
    assert re.match(r"4 tasks on 4 workers in .*, 1 not finished$", cell.result["text/plain"].splitlines()[0])
    lanes = re.findall(r">Program-\d+( · [a-z0-9 ]+)?</text>", picture(cell.result))
    assert lanes == ["", " · add 1", " · add 2", " · limit"]


@lesson.check("three-kinds-of-threads")
def only_a_thread_as_pythons_keeps_its_program(run, cell):
    table = rows(cell.result)
    assert [row[:2] for row in table] == [
        ["a thread as Python's", "no, we have killed it"],
        ["a daemon thread", "yes"],
        ["Rust's own thread", "yes"],
    ]
    killed, *ended = (float(row[2]) for row in table)
    # The numbers have two digits.
    assert killed >= 20 * ITEM_PAUSE - 0.005 and max(ended) <= killed


# Processes --------------------------------------------------------------------------------


@lesson.check(35)
def two_processes_at_the_same_time(run, cell):
    numbers = [2, 3, 8, 16, 32, 41, 53]
    squares, cubes = [f"square {n**2}" for n in numbers], [f"cube {n**3}" for n in numbers]
    lines = cell.lines
    assert lines[-1] == "Done!"
    assert [line for line in lines if line.startswith("square")] == squares
    assert [line for line in lines if line.startswith("cube")] == cubes
    assert len(lines) == 15
    assert lines.index(cubes[0]) < lines.index(squares[-1]) and lines.index(squares[0]) < lines.index(cubes[-1])


@lesson.check("picture-of-two-processes")
def their_pauses_overlap(run, cell):
    work, took = seconds_in(cell, "work of both:  "), seconds_in(cell, "it took:       ")
    # The numbers have two digits.
    assert work >= 14 * PROCESS_PAUSE - 0.005 and took >= 7 * PROCESS_PAUSE - 0.005
    # Half, were there nothing but the pauses.
    assert took < 0.75 * work
    assert all(f">{lane}</text>" in picture(cell.result) for lane in ("squares", "cubes"))


@lesson.check(37)
def a_process_changes_its_own_copy(run, cell):
    assert cell.lines == [
        *(f"square {n**2}" for n in [2, 3, 8, 16]),
        "Inside the process - square_result : [4, 9, 64, 256]",
        "Done!",
        "Outside the process - square_result : []",
    ]


@lesson.check(39)
def an_array_is_shared(run, cell):
    assert cell.lines == ["[4, 9, 25]"]


@lesson.check(41)
def a_value_is_shared(run, cell):
    assert cell.lines == ["[4, 9, 25]", "3.54"]


@lesson.check(43)
def a_queue_keeps_the_order(run, cell):
    assert cell.lines == ["4", "9", "25"]


def balances(cell):
    """What was left each time; what can be lost are changes by 1, of 100 on each side."""
    left = [int(line) for line in cell.lines]
    assert len(left) == BANK_RUNS
    assert all(200 - BANK_ROUNDS <= balance <= 200 + BANK_ROUNDS for balance in left), left
    return left


@lesson.check(45)
def without_a_lock_changes_get_lost(run, cell):
    assert set(balances(cell)) != {200}


@lesson.check("a-race-that-hides")
def a_short_race_seldom_shows(run, cell):
    balances(cell)


@lesson.check(47)
def nothing_is_lost_between_acquire_and_release(run, cell):
    assert balances(cell) == [200] * BANK_RUNS


@lesson.check(49)
def nothing_is_lost_under_a_guard(run, cell):
    assert balances(cell) == [200] * BANK_RUNS


@lesson.check("picture-of-the-lock")
def draws_both_halves(run, cell):
    svg = picture(cell.result)
    assert "<svg" in svg
    for text in ["deposit", "withdraw", "deposit (2)", "withdraw (2)", "without a lock", "with the lock", "waiting"]:
        assert f">{text}</text>" in svg, text
    # Six changes of each process, six waits of two, and the run of each.
    assert cell.result["text/plain"].startswith("40 tasks on 4 workers in ")


@lesson.check("processes-that-change")
def three_ways_are_exact(run, cell):
    table = rows(cell.result)
    assert [row[0] for row in table] == [
        "`get`, then `set`",
        "under a `ProcessLock`",
        "under the value's own lock",
        "in one step, `fetch_add`",
    ]
    assert all(row[1] == "200" and float(row[3]) > 0 for row in table)
    racy, *exact = (int(row[2]) for row in table)
    assert abs(racy - 200) <= RACE_ROUNDS
    assert exact == [200] * 3


# Pools ------------------------------------------------------------------------------------


@lesson.check(51)
def a_loop_shows_nothing(run, cell):
    assert not cell.contents("stream", "execute_result", "display_data")


@lesson.check(52)
def a_loop_has_squared(run, cell):
    assert cell.lines == ["[1, 4, 9, 16, 25]"]


@lesson.check(54)
def a_pool_keeps_the_order(run, cell):
    assert cell.lines == ["1", "4", "9", "16", "25", "End of program"]


@lesson.check(56)
def a_pool_is_slower_at_short_work(run, cell):
    pool_time = seconds_in(cell, "Time to complete : ")
    assert cell.lines[1:] == [
        f"last value       : {(TEST_NUMBERS - 1) ** 2}",
        "all results agree: true",
        "End of program",
    ]
    loop, threads, pool = rows(cell.result)
    assert [loop[0], threads[0], pool[0]] == ["a plain loop", "rayon's threads", "the process pool"]
    assert float(pool[1]) == pool_time
    assert float(pool[1]) > float(loop[1])
    assert float(pool[2]) == pytest.approx(float(pool[1]) / float(loop[1]), rel=0.05)


def speedups(text):
    """The speed-up with each number of workers, for each series."""
    found, name = {}, None
    for line in text.splitlines():
        point = re.fullmatch(r" *(\d+) +\S+ \S+ +(\d+\.\d+) +\d+ %", line)
        if point:
            found.setdefault(name, {})[int(point[1])] = float(point[2])
        elif not line.split() == ["workers", "time", "speed-up", "efficiency"]:
            name = line.strip()
    return found


@lesson.check("what-a-pool-is-for")
def a_pool_is_for_long_work(run, cell):
    found = speedups(cell.result["text/plain"])
    assert list(found) == ["n * n", "n + n + … + n"]
    short, long = found.values()
    assert list(short) == list(long) == [1, 2, 4]
    assert short[1] == long[1] == 1
    # On two free processors about a tenth, and nearly 2.
    assert short[2] < 0.9 and short[2] < long[2], found
    assert "<svg" in picture(cell.result)


# Exercises --------------------------------------------------------------------------------

CHECKS = {
    1: ["one thread counts to 1000", "four threads lose nothing", "no thread, no count"],
    2: [
        "the squares come back in order",
        "another process has worked them out",
        "each call has a process of its own",
        "100,000 numbers do not get stuck",
    ],
    3: ["38 becomes 5 in 11 steps", "it goes on until it is told to end"],
}


def exercise(number):
    @lesson.check(f"exercise-{number}")
    def waits_for_the_reader(run, cell):
        assert "todo!()" in cell.source
        assert not cell.contents("stream", "execute_result", "display_data")

    @lesson.check(f"exercise-{number}-check")
    def says_what_is_missing(run, cell):
        assert cell.lines == [f"✘ {what}: not yet implemented" for what in CHECKS[number]]

    @lesson.check(f"exercise-{number}-solution")
    def is_right(run, cell):
        assert cell.lines == [f"✔ {what}" for what in CHECKS[number]]


for number in CHECKS:
    exercise(number)

test_cell, test_is_complete = lesson.tests()
