"""What the tests of the notebooks share.

Every code cell of a notebook has a name in its metadata, and each name has one check, which
reads the outputs of a run on a fresh kernel. Times are compared with each other and never
with a clock, but for the pauses that the cells themselves make. That computing became faster,
or did not, needs processors that nobody else works on: see `Lesson.comparing`.
"""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from notebook_run import Run, cell_name, read, run


class ChanceComparison(AssertionError):
    """A comparison of times of computing did not hold, though the processors were free."""


@dataclass
class Attempt:
    """A run of a notebook, and who else had the processors meanwhile, if anybody."""

    run: Run
    was_busy: str


class Lesson:
    """A notebook and the checks of its cells.

    `parameters` replace those of its cell tagged `parameters`. A lesson on the catalogue's
    cells names their prefix and the numbers of those that are code: each has a cell of that
    name here.
    """

    def __init__(self, notebook, parameters, prefix=None, code=()):
        self.notebook = notebook
        self.parameters = parameters
        self.prefix = prefix
        self.code = [self.name(number) for number in code]
        self.checks = {}

    def name(self, cell):
        """A cell's name; a number is one of the catalogue's."""
        return f"{self.prefix}-{cell:02}" if isinstance(cell, int) else cell

    def check(self, cell):
        """Registers the check of a cell: a function of the whole run and what the cell said."""

        def register(function):
            name = self.name(cell)
            assert name not in self.checks, f"{name} has two checks"
            self.checks[name] = function
            return function

        return register

    def tests(self):
        """One test for each check, and one that nothing is missing."""

        @pytest.mark.parametrize("name", list(self.checks))
        def test_cell(name, lesson_runs):
            attempts = lesson_runs(self)
            for attempt in attempts[:-1]:
                try:
                    return self.assert_cell(name, attempt)
                except ChanceComparison:
                    pass
            self.assert_cell(name, attempts[-1])

        def test_is_complete():
            self.assert_complete()

        return test_cell, test_is_complete

    def assert_complete(self):
        code_cells = [cell for cell in read(self.notebook).cells if cell.cell_type == "code"]
        is_parameters = lambda cell: "parameters" in cell.metadata.get("tags", [])
        nameless = [cell.id for cell in code_cells if not cell_name(cell) and not is_parameters(cell)]
        assert nameless == [], "cells without a name"
        names = [cell_name(cell) for cell in code_cells if cell_name(cell)]
        assert len(names) == len(set(names)), "two cells have one name"
        assert sorted(set(self.code) - set(names)) == [], "cells of the catalogue that have no counterpart"
        assert set(names) == set(self.checks), "cells without a check, or checks without a cell"

    # Even free processors are not equally fast all the time: the same loop has taken nearly twice
    # as long a second later, with no other program to be seen.
    ATTEMPTS = 3

    def run(self, kernel_name):
        """Runs the notebook, and again while there is a comparison of times that has not held
        in any run."""
        attempts, left = [], list(self.checks)
        while left and len(attempts) < self.ATTEMPTS:
            with processors_watched() as watched:
                this_run = run(self.notebook, kernel_name, self.parameters)
            attempts.append(Attempt(this_run, watched.was_busy))
            left = [name for name in left if self.is_missed_by_chance(name, attempts[-1])]
        return attempts

    def is_missed_by_chance(self, name, attempt):
        try:
            self.assert_cell(name, attempt)
        except ChanceComparison:
            return True
        except (AssertionError, pytest.skip.Exception):
            # Told by the check's own test.
            pass
        return False

    def assert_cell(self, name, attempt):
        self.was_busy = attempt.was_busy
        self.checks[name](attempt.run, attempt.run[name])

    @contextmanager
    def comparing(self):
        """What is asserted inside compares times of computing: it has to hold in one of the
        attempts. If it does not hold and other programs had the processors, the test is skipped."""
        if PROCESSORS == 1:
            pytest.skip("one processor computes one thing at a time")
        try:
            yield
        except AssertionError as error:
            if self.was_busy:
                pytest.skip(f"{self.was_busy}, so this says nothing: {error}")
            raise ChanceComparison(str(error)) from error


PROCESSORS = len(os.sched_getaffinity(0))

# Prints the part of a processor that a computing process gets.
COMPUTE = """
from time import perf_counter, process_time
begin, used = perf_counter(), process_time()
while perf_counter() < begin + 0.2:
    pass
print((process_time() - used) / (perf_counter() - begin))
"""


def share_of_two():
    """The part of a processor that each of two computing processes gets."""
    two = [subprocess.Popen([sys.executable, "-S", "-c", COMPUTE], stdout=subprocess.PIPE) for _ in range(2)]
    return min(float(process.communicate()[0]) for process in two)


def processor_seconds():
    """What all programs and the machine's other guests have used, and what this one and its
    ended children have."""
    with open("/proc/stat") as stat:
        user, nice, system, _idle, _iowait, irq, softirq, steal, *_ = map(int, stat.readline().split()[1:])
    own = os.times()
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK"), sum(own[:4])


class Watched:
    """What was seen of the processors: `was_busy` says who else used them, or is empty."""

    was_busy = ""


@contextmanager
def processors_watched():
    watched = Watched()
    share_before = share_of_two()
    before = time.monotonic(), *processor_seconds()
    yield watched
    elapsed, everybody, own = (
        now - then for now, then in zip((time.monotonic(), *processor_seconds()), before)
    )
    foreign = (everybody - own) / (elapsed * os.cpu_count())
    found = [f"other programs used {foreign:.0%} of the processors"] if foreign > 0.1 else []
    for when, share in {"before": share_before, "after": share_of_two()}.items():
        if share < 0.85:
            found.append(f"{when} the run each of two processes had {share:.0%} of a processor")
    watched.was_busy = ", ".join(found)
