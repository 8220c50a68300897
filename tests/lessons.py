"""What the tests of the notebooks share.

Every code cell of a notebook has a name in its metadata, and each name has one check, which
reads the outputs of a run on a fresh kernel. Times are compared with each other and never
with a clock, but for the pauses that the cells themselves make.
"""

import pytest
from notebook_run import cell_name, read, run


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
            this_run = lesson_runs(self)
            self.checks[name](this_run, this_run[name])

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

    def run(self, kernel_name):
        return run(self.notebook, kernel_name, self.parameters)
