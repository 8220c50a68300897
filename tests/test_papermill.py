"""papermill itself, with the package of `python/` that teaches it Rust."""

import os
import sys

import nbformat
import papermill
import pytest
from parameter_notebook import KERNELSPEC, command, injected, printed, read, statuses, write

PARAMETERS = """let workers: usize = 4; // threads that compute
let scale = 1.5;
let title: &str = "plain";
let sizes: Vec<u64> = vec![1, 2];
let limit: Option<i32> = Some(1);"""

# Each needs the type that its parameter had.
USE = """let picked = [10, 20, 30, 40, 50, 60, 70, 80][workers - 1];
println!("{picked} {} {:?} {title} {limit:?}", scale * 2.0, sizes.iter().sum::<u64>());"""


@pytest.fixture
def notebook(tmp_path, kernel_name):
    path = write(tmp_path / "n.ipynb", "# A notebook", (PARAMETERS, "parameters"), USE)
    content = read(path)
    content.metadata.kernelspec = dict(KERNELSPEC, name=kernel_name)
    nbformat.write(content, path)
    return path


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.ipynb"


def run_papermill(*words):
    return command(sys.executable, "-m", "papermill", *words, "--no-progress-bar", env=dict(os.environ, COLUMNS="120"))


def test_values_keep_the_types(notebook, out):
    ran = run_papermill(notebook, out, "-p", "workers", 8, "-p", "scale", 2, "-r", "title", "007", "-y", "{sizes: [5, 6], limit: null}")
    assert ran.returncode == 0, ran
    result = read(out)
    assert sorted(injected(result).splitlines()) == [
        "// Parameters",
        "let limit: Option<i32> = None;",
        "let scale: f64 = 2.0;",
        "let sizes: Vec<u64> = vec![5, 6];",
        'let title: &str = "007";',
        "let workers: usize = 8;",
    ]
    assert printed(result) == "80 4 11 007 None\n"
    assert set(statuses(result)) == {"completed"}


def test_from_python(notebook, out):
    papermill.execute_notebook(notebook, out, {"workers": 2, "scale": float("inf"), "sizes": [7]}, progress_bar=False)
    assert printed(read(out)) == "20 inf 7 plain Some(1)\n"
    # The notebook before says nothing about the next.
    papermill.execute_notebook(notebook, out, {"workers": 3}, progress_bar=False)
    assert printed(read(out)).startswith("30 3 3 plain")


@pytest.mark.parametrize("value, words", [("2.5", "whole number"), ("many", "`many`"), ("-1", "from 0")])
def test_what_does_not_fit_is_refused(notebook, out, value, words):
    ran = run_papermill(notebook, out, "-p", "workers", value)
    assert ran.returncode != 0
    assert words in ran.stderr and "workers: usize = 4" in ran.stderr and "Traceback" not in ran.stderr
    assert not out.exists()


def test_an_unknown_name_is_warned_of_as_papermill_does(notebook, out):
    ran = run_papermill(notebook, out, "-p", "extra", 3)
    assert ran.returncode == 0, ran
    assert "Passed unknown parameter: extra" in ran.stderr
    assert "let extra = 3;" in injected(read(out))


def test_the_list_of_parameters(notebook):
    ran = command(sys.executable, "-m", "papermill", "--help-notebook", notebook)
    assert ran.returncode == 0, ran
    lines = [line.split() for line in ran.stdout.splitlines()]
    assert "workers: usize (default 4) threads that compute".split() in lines
    assert "sizes: Vec<u64> (default vec![1, 2])".split() in lines

    told = papermill.inspect_notebook(notebook)
    assert list(told) == ["workers", "scale", "title", "sizes", "limit"]
    assert told["scale"]["inferred_type_name"] == "f64"
    assert told["workers"]["help"] == "threads that compute"


def test_a_notebook_without_a_parameters_cell(tmp_path, out):
    path = write(tmp_path / "n.ipynb", 'println!("{n} {}", x * 0.5);')
    ran = run_papermill(path, out, "-p", "n", 3, "-p", "x", "1.5")
    assert ran.returncode == 0, ran
    assert printed(read(out)) == "3 0.75\n"


def test_a_cell_that_fails(tmp_path, out):
    path = write(tmp_path / "n.ipynb", ("let n: usize = 1;", "parameters"), 'assert!(n == 1, "not one");')
    ran = run_papermill(path, out, "-p", "n", 2)
    assert ran.returncode != 0 and "not one" in ran.stderr
    assert statuses_of_code(read(out)) == ["completed", "completed", "failed"]


def statuses_of_code(notebook):
    return [cell.metadata.papermill.status for cell in notebook.cells if cell.cell_type == "code"]
