"""One conformance suite for both engines: what a notebook of Rust must do by Rust's own rules.

The tables `conformance/*.toml`, one for each subject, hold small programs: their cells, and what
the last one must show. What is expected is what a `main` with the same lines would do, and that
what a cell defines is there in later ones; never just what some kernel happens to print.

    [[program]]
    name = "a later let shadows an earlier one"
    cells = ["let x = 1;", 'let x = "two";', "x"]
    result = '"two"'           # text/plain of the last cell's value; absent: it has none
    stdout = "…"               # absent: nothing
    error = "E0382"            # the last cell ends in an error with these words; absent: in none

Further keys of a program:

    stderr = "…"               # words in the last cell's stderr; absent: it is not looked at
    notes = "…"                # words in what the last cell displays
    mime = { "text/html" = "…" }   # of the last cell's value or its only display
    may_fail = [0]             # cells before the last that may end in an error
    fault = "…"                # what the native engine does instead: a known fault
    [program.evcxr]            # all that the last cell shows with the engine evcxr, where that differs
    may_fail = [0]             # which cells may end in an error there
    why = "…"                  # which of the two is right, and why

One kernel runs them all, and forgets everything in between (`%reset -f`).
`./install.sh test --engine evcxr` runs them with the engine evcxr: it sets
`THREADBOOK_TEST_ENGINE` and the name of that kernel.
"""

import os
import tomllib
from pathlib import Path

import pytest

from kernel_client import Kernel, plain

FILES = sorted((Path(__file__).parent / "conformance").glob("*.toml"))
TABLES = {file.stem: tomllib.loads(file.read_text(encoding="utf-8"))["program"] for file in FILES}
PROGRAMS = [(subject, program) for subject, programs in TABLES.items() for program in programs]

ENGINE = os.environ.get("THREADBOOK_TEST_ENGINE", "native")

OUTCOME = {"result", "stdout", "stderr", "error", "notes", "mime"}
KEYS = OUTCOME | {"name", "cells", "may_fail", "fault", "evcxr"}


def cases():
    for subject, program in PROGRAMS:
        marks = []
        if "fault" in program and ENGINE == "native":
            marks = [pytest.mark.xfail(reason=program["fault"], strict=True)]
        yield pytest.param(program, id=f"{subject}: {program.get('name')}", marks=marks)


@pytest.fixture(scope="module")
def engine(kernel_name):
    """Runs the cells of a program in a kernel that knows nothing of those before."""
    kernels = []

    def run(cells):
        if kernels and not kernels[-1].manager.is_alive():
            kernels.pop().close()
        if kernels:
            kernels[-1].run("%reset -f")
        else:
            kernels.append(Kernel(kernel_name))
        return [kernels[-1].run(cell) for cell in cells]

    yield run
    for kernel in kernels:
        kernel.close()


def errors(cell):
    """All that the cell's errors say."""
    said = cell.contents("error")
    return plain("\n".join("\n".join([e["ename"], e["evalue"], *e["traceback"]]) for e in said))


def is_drawn(program):
    """evcxr writes items in an order that is drawn anew for each crate, and a macro must stand
    before what uses it: such a program is run until the order is right."""
    return ENGINE == "evcxr" and "macro_rules" in "".join(program["cells"])


@pytest.mark.parametrize("program", list(cases()))
def test_program(engine, program):
    for _ in range(9 if is_drawn(program) else 0):
        try:
            return run_program(engine, program)
        except AssertionError:
            pass
    run_program(engine, program)


def run_program(engine, program):
    wanted = program
    if ENGINE in program:
        wanted = {key: value for key, value in program.items() if key not in OUTCOME} | program[ENGINE]

    *before, last = engine(program["cells"])
    for place, cell in enumerate(before):
        assert not errors(cell) or place in wanted.get("may_fail", []), f"{cell.code}\n{errors(cell)}"

    seen = f"{last.code}\ngave {last.outputs}\n{errors(last)}"
    if "error" in wanted:
        assert errors(last), f"no error where {wanted['error']} was due: {seen}"
        assert wanted["error"] in errors(last), seen
    else:
        assert not errors(last), seen
    if "mime" in wanted:
        shown = last.bundle or (last.displays or [{}])[0]
        assert {kind: shown.get(kind) for kind in wanted["mime"]} == wanted["mime"], seen
    else:
        assert last.result == wanted.get("result"), seen
    assert plain(last.stdout) == wanted.get("stdout", ""), seen
    assert wanted.get("stderr", "") in last.stderr, seen
    assert wanted.get("notes", "") in last.notes, seen


@pytest.mark.parametrize("subject", TABLES)
def test_the_table_is_well_formed(subject):
    names = [program["name"] for program in TABLES[subject]]
    assert len(set(names)) == len(names), "two programs have the same name"
    for program in TABLES[subject]:
        assert program.keys() <= KEYS, program
        assert program["cells"] and all(isinstance(cell, str) and cell.strip() for cell in program["cells"]), program
        assert all(0 <= place < len(program["cells"]) - 1 for place in program.get("may_fail", [])), program
        if "evcxr" in program:
            assert program["evcxr"].get("why"), program
            assert program["evcxr"].keys() <= OUTCOME | {"may_fail", "why"}, program


def test_no_program_stands_there_twice():
    seen = {}
    for subject, program in PROGRAMS:
        cells = tuple(program["cells"])
        assert cells not in seen, f"{subject}: {program['name']} is {seen[cells]}"
        seen[cells] = f"{subject}: {program['name']}"
