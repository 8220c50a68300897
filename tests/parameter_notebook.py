"""Notebooks with parameters, made for a test, and what `threadbook run` does with them."""

import subprocess

import nbformat

KERNELSPEC = {"name": "threadbook", "display_name": "Rust (Threadbook)", "language": "rust"}

# Far more than any run here takes.
PATIENCE = 180


def write(path, *cells):
    """Writes a notebook. A cell is its source, or its source and tags; one that begins with
    `#` is a heading."""
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": KERNELSPEC})
    for cell in cells:
        source, *tags = [cell] if isinstance(cell, str) else cell
        if source.startswith("#"):
            made = nbformat.v4.new_markdown_cell(source)
        else:
            made = nbformat.v4.new_code_cell(source, metadata={"tags": tags})
        notebook.cells.append(made)
    nbformat.write(notebook, path)
    return path


def read(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def tagged(notebook, tag):
    """The places and cells that have a tag."""
    return [(place, cell) for place, cell in enumerate(notebook.cells) if tag in cell.metadata.get("tags", [])]


def injected(notebook):
    """The source of the only injected cell, which follows the tagged one."""
    ((place, cell),) = tagged(notebook, "injected-parameters")
    ((before, _),) = tagged(notebook, "parameters")
    assert place == before + 1
    return cell.source


def printed(notebook):
    """All that the cells have printed."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")


def statuses(notebook):
    return [cell.metadata.papermill.status for cell in notebook.cells]


def command(*words, **options):
    return subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
        **options,
    )
