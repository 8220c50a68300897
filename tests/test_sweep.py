"""`threadbook sweep`: all combinations of values, and tables of what they result in."""

import csv
import signal
import subprocess
from xml.etree import ElementTree

import pytest
from kernel_client import wait_until
from parameter_notebook import PATIENCE, command, injected, printed, read, write

PARAMETERS = 'let workers: usize = 4; // threads\nlet mode: &str = "fast";'
RESULTS = """%result product workers * mode.len()
%result share 1.0 / workers as f64
%result label format!("{mode}, {workers}")"""

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def notebook(tmp_path):
    return write(tmp_path / "n.ipynb", (PARAMETERS, "parameters"), RESULTS)


def rows(folder):
    with open(folder / "results.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_every_combination_is_run_and_stands_in_the_tables(program, notebook):
    ran = command(program, "sweep", notebook, "-p", "workers=1,2", "-p", 'mode=slow,"a, b"')
    assert ran.returncode == 0, ran
    folder = notebook.with_suffix(".sweep")
    table = rows(folder)
    assert [(row["workers"], row["mode"]) for row in table] == [
        ("1", "slow"),
        ("1", "a, b"),
        ("2", "slow"),
        ("2", "a, b"),
    ]
    for number, row in enumerate(table, start=1):
        workers, mode = int(row["workers"]), row["mode"]
        assert int(row["product"]) == workers * len(mode)
        assert float(row["share"]) == 1 / workers
        assert row["label"] == f"{mode}, {workers}"
        assert float(row["run (s)"]) > 0
        assert row["notebook"] == f"run-{number}.ipynb"
        source = injected(read(folder / row["notebook"]))
        assert source == f'// Parameters\nlet workers: usize = {workers};\nlet mode: &str = "{mode}";'

    markdown = (folder / "results.md").read_text()
    assert markdown.strip() in ran.stdout
    head, rule, *lines = markdown.splitlines()
    assert [cell.strip() for cell in head.split("|")[1:6]] == ["workers", "mode", "product", "share", "label"]
    assert len(lines) == 4 and len({len(line) for line in markdown.splitlines()}) == 1

    picture = ElementTree.parse(folder / "results.svg").getroot()
    texts = {text.text for text in picture.iter(f"{SVG}text")}
    # A chart for each number, and no other.
    assert {"product", "share", "workers", "mode=slow", "mode=a, b"} <= texts and "label" not in texts
    assert len(list(picture.iter(f"{SVG}polyline"))) == 2 * 2


def test_values_from_a_file_and_another_folder(program, tmp_path):
    path = write(
        tmp_path / "n.ipynb",
        ("let sizes = vec![1u64, 2];\nlet scale = 1.0;", "parameters"),
        "%result sum scale * sizes.iter().sum::<u64>() as f64",
    )
    file = tmp_path / "values.yaml"
    file.write_text("sizes: [[1, 2], [3]]\nscale: [1, 0.5]\n")
    folder = tmp_path / "elsewhere" / "deep"
    ran = command(program, "sweep", path, "-y", file, "-o", folder)
    assert ran.returncode == 0, ran
    assert sorted(float(row["sum"]) for row in rows(folder)) == [1.5, 1.5, 3, 3]
    assert rows(folder)[0]["sizes"] in ("[1,2]", "[3]")


def test_a_run_that_fails_does_not_keep_the_others(program, tmp_path):
    path = write(
        tmp_path / "n.ipynb", ("let n: usize = 1;", "parameters"), 'assert!(n != 2, "not two");', "%result half n as f64 / 2.0"
    )
    ran = command(program, "sweep", path, "-p", "n=1,2,3")
    assert ran.returncode == 1, ran
    table = rows(path.with_suffix(".sweep"))
    assert [row["half"] for row in table] == ["0.5", "", "1.5"]
    assert [bool(row["error"]) for row in table] == [False, True, False]
    assert "not two" in table[1]["error"]


@pytest.mark.parametrize(
    "values, words",
    [
        (["workers=1,2.5"], ["`workers`", "`2.5`"]),
        (["worker=1,2"], ["did you mean `workers`?"]),
        ([], ["-p workers=1,2,4,8"]),
        (["workers=" + ",".join("1" * 101), "mode=" + ",".join("a" * 101)], ["more than 10000 runs"]),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_made(program, notebook, values, words):
    ran = command(program, "sweep", notebook, *[word for value in values for word in ("-p", value)])
    assert ran.returncode == 2, ran
    for word in words:
        assert word in ran.stderr
    assert [path.name for path in notebook.parent.iterdir()] == [notebook.name]


def test_a_notebook_without_results_has_its_times(program, tmp_path):
    path = write(tmp_path / "n.ipynb", ("let n: usize = 1;", "parameters"), 'println!("{n}");')
    ran = command(program, "sweep", path, "-p", "n=1,2")
    assert ran.returncode == 0 and "%result NAME" in ran.stderr, ran
    folder = path.with_suffix(".sweep")
    assert list(rows(folder)[0]) == ["n", "run (s)", "notebook"]
    assert "run (s)" in (folder / "results.svg").read_text()
    assert printed(read(folder / "run-2.ipynb")) == "2\n"


def test_a_stop_keeps_the_runs_that_are_done(program, tmp_path):
    path = write(
        tmp_path / "n.ipynb",
        ("let n: usize = 1;", "parameters"),
        "%result twice 2 * n",
        'if n == 2 { std::fs::write("it-waits", "")?; sleep(1000.0); }',
    )
    running = subprocess.Popen(
        [program, "sweep", path, "-p", "n=1,2,3"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        mark = tmp_path / "it-waits"
        wait_until("the second run", mark.exists)
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=PATIENCE)
    finally:
        running.kill()
    assert running.returncode == 130
    table = rows(path.with_suffix(".sweep"))
    assert [(row["n"], row["twice"]) for row in table] == [("1", "2"), ("2", "4")]
    assert "stopped" in table[1]["error"]
