"""The notebook files as a reader without a kernel meets them: whole, clean, convertible."""

import getpass
import re
import socket
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from kernel_client import plain
from notebook_run import NOTEBOOKS

FILES = sorted(NOTEBOOKS.glob("*.ipynb"))

# A path from the root with at least two parts that is not inside an address or a closing tag.
ABSOLUTE_PATH = re.compile(r"(?<![\w.:/<)~-])/[\w.+-]+/[\w.+/-]+")


def name_of(path):
    return path.stem


@pytest.fixture(params=FILES, ids=name_of)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def stored_texts(notebook):
    """Every text in every stored output."""

    def strings(value):
        if isinstance(value, str):
            yield plain(value)
        elif isinstance(value, dict):
            for part in value.values():
                yield from strings(part)
        elif isinstance(value, list):
            for part in value:
                yield from strings(part)

    for cell in code_cells(notebook):
        for output in cell.outputs:
            yield from strings(output)


def test_there_are_notebooks():
    assert FILES


def test_is_valid_and_for_this_kernel(path, notebook):
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) >= (4, 5)
    assert notebook.metadata.kernelspec == {
        "name": "threadbook",
        "display_name": "Rust (Threadbook)",
        "language": "rust",
    }
    language = notebook.metadata.language_info
    assert (language.name, language.mimetype, language.file_extension) == ("rust", "text/x-rustsrc", ".rs")


def test_has_parameters_and_readable_ids(notebook):
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    ids = [cell.id for cell in notebook.cells]
    assert len(ids) == len(set(ids))
    for cell_id in ids:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", cell_id), cell_id


def test_holds_the_outputs_of_one_run(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))


def test_fails_only_where_it_says_so(notebook):
    for cell in code_cells(notebook):
        failed = any(output.output_type == "error" for output in cell.outputs)
        assert failed == ("raises-exception" in cell.metadata.get("tags", [])), cell.id


def test_tells_nothing_of_the_machine(notebook):
    names = {socket.gethostname(), str(Path.home()), str(NOTEBOOKS.parent)}
    if len(getpass.getuser()) > 4:
        names.add(getpass.getuser())
    for text in stored_texts(notebook):
        assert not ABSOLUTE_PATH.search(text), text
        for name in names:
            assert not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text), text


def test_the_search_for_paths_finds_them():
    assert ABSOLUTE_PATH.search(" --> /home/ada/notebook.rs:1:1")
    assert ABSOLUTE_PATH.search('at "/rustc/0123/library/core/src/slice.rs"')
    assert not ABSOLUTE_PATH.search("<b>x</b> https://doc.rust-lang.org/book/title 1/2/3 a/b/c")


def test_converts_to_html(path, notebook, tmp_path):
    subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "html", "--output-dir", str(tmp_path), str(path)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    page = (tmp_path / f"{path.stem}.html").read_text()
    title = notebook.cells[0].source.splitlines()[0].lstrip("# ")
    assert title in page
    # Coloured as Rust, and not as the converter's default, Python.
    assert "hl-rust" in page
