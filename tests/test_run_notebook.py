"""`threadbook run`: parameters, how runs end, what is shown and written."""

import os
import pty
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from parameter_notebook import PATIENCE, command, injected, printed, read, statuses, tagged, write

PARAMETERS = """let workers: usize = 4; // threads that compute
let mut scale = 1.5;
const STEPS: u64 = 10;
let title: &str = "plain";
let sizes = vec![1u64, 2];
let limit: Option<i32> = None; // none: all
let pause: std::time::Duration = std::time::Duration::ZERO;"""

# Each needs the type that its parameter had.
USE = """let by_index = [10, 20, 30, 40, 50, 60, 70, 80][workers - 1];
scale += 0.5;
let all: u64 = sizes.iter().sum::<u64>() + STEPS;
println!("{by_index} {scale} {all} {limit:?} {title}");"""


@pytest.fixture
def notebook(tmp_path):
    return write(tmp_path / "n.ipynb", "# A notebook", (PARAMETERS, "parameters"), USE)


def out(notebook):
    return notebook.with_suffix(".out.ipynb")


class TestParameters:
    def test_without_values_nothing_is_injected(self, program, notebook):
        ran = command(program, "run", notebook)
        assert ran.returncode == 0, ran
        result = read(out(notebook))
        assert printed(result) == "40 2 13 None plain\n"
        assert not tagged(result, "injected-parameters")
        assert result.metadata.papermill.parameters == {}

    def test_values_keep_the_types(self, program, notebook):
        values = ["workers=8", "scale=2", "STEPS=1_000", 'title=say "hi" \\ {x}', "sizes=[5, 6]", "limit=-3"]
        ran = command(program, "run", notebook, *[word for value in values for word in ("-p", value)])
        assert ran.returncode == 0, ran
        result = read(out(notebook))
        assert injected(result).splitlines() == [
            "// Parameters",
            "let workers: usize = 8;",
            "let mut scale: f64 = 2.0;",
            "const STEPS: u64 = 1000;",
            'let title: &str = "say \\"hi\\" \\\\ {x}";',
            "let sizes: Vec<u64> = vec![5, 6];",
            "let limit: Option<i32> = Some(-3);",
        ]
        assert printed(result) == '80 2.5 1011 Some(-3) say "hi" \\ {x}\n'
        assert result.metadata.papermill.parameters == {
            "workers": 8,
            "scale": 2.0,
            "STEPS": 1000,
            "title": 'say "hi" \\ {x}',
            "sizes": [5, 6],
            "limit": -3,
        }

    def test_a_second_run_replaces_the_injected_cell(self, program, notebook):
        assert command(program, "run", notebook, "-p", "workers=2").returncode == 0
        again = notebook.with_name("again.ipynb")
        assert command(program, "run", out(notebook), "-o", again, "-p", "workers=3").returncode == 0
        assert injected(read(again)) == "// Parameters\nlet workers: usize = 3;"
        assert printed(read(again)).startswith("30 ")

    def test_values_from_a_file(self, program, notebook, tmp_path):
        file = tmp_path / "values.yaml"
        file.write_text("workers: 2\nsizes:\n  - 7\nlimit: null\ntitle: 'no: yes'\n")
        ran = command(program, "run", notebook, "-y", file, "-p", "workers=3")
        assert ran.returncode == 0, ran
        assert printed(read(out(notebook))) == "30 2 17 None no: yes\n"

    @pytest.mark.parametrize(
        "value, words",
        [
            ("workers=2.5", ["`workers`", "whole number", "usize", "`2.5`"]),
            ("workers=-1", ["`workers`", "from 0", "`-1`"]),
            ("workers=many", ["`workers`", "`many`"]),
            ("worker=1", ["`worker`", "did you mean `workers`?"]),
            ("sizes=3", ["`sizes`", "list", "Vec<u64>"]),
            ("sizes=[1, -1]", ["`sizes`", "`-1`"]),
            ("pause=1", ["`pause`", "Duration"]),
        ],
    )
    def test_what_does_not_fit_is_refused_with_the_list(self, program, notebook, value, words):
        ran = command(program, "run", notebook, "-p", value)
        assert ran.returncode == 2
        first, *rest = ran.stderr.splitlines()
        assert first.startswith("threadbook: ")
        for word in words:
            assert word in first
        assert rest[0] == "Parameters of n.ipynb:"
        assert [line.split()[0].rstrip(":") for line in rest[1:]] == [
            "workers",
            "scale",
            "STEPS",
            "title",
            "sizes",
            "limit",
            "pause",
        ]
        assert rest[1].endswith("threads that compute")
        assert not out(notebook).exists()

    def test_arguments_and_files_that_say_nothing(self, program, notebook, tmp_path):
        file = tmp_path / "list.yaml"
        file.write_text("- 1\n")
        for arguments, word in [(["-p", "workers"], "-p workers=8"), (["-y", file], "list.yaml"), (["-y", "no"], "no")]:
            ran = command(program, "run", notebook, *arguments)
            assert ran.returncode == 2 and word in ran.stderr, ran
        assert not out(notebook).exists()

    def test_a_notebook_without_parameters(self, program, tmp_path):
        path = write(tmp_path / "n.ipynb", "let workers = 4;")
        ran = command(program, "run", path, "-p", "workers=8")
        assert ran.returncode == 2
        assert "there is no parameter `workers`" in ran.stderr and "tag a cell" in ran.stderr

    def test_a_parameters_cell_that_is_no_rust(self, program, tmp_path):
        path = write(tmp_path / "n.ipynb", ("workers = = 4", "parameters"))
        ran = command(program, "run", path, "-p", "workers=8")
        assert ran.returncode == 2
        assert "tagged `parameters`" in ran.stderr and "let workers: usize = 4;" in ran.stderr

    def test_the_list_for_people(self, program, notebook):
        ran = command(program, "run", notebook, "--help-notebook")
        assert (ran.returncode, ran.stderr) == (0, "")
        lines = ran.stdout.splitlines()
        assert lines[0] == "Parameters of n.ipynb:"
        assert lines[1].split() == "workers: usize = 4 threads that compute".split()
        assert lines[5].split() == "sizes: Vec<u64> = vec![1u64, 2]".split()
        assert not out(notebook).exists()


class TestEndings:
    def test_a_cell_that_fails(self, program, tmp_path):
        cells = ['println!("before");', 'panic!("as planned");', 'println!("after");']
        path = write(tmp_path / "n.ipynb", *cells)
        ran = command(program, "run", path)
        assert ran.returncode == 1 and "In[2] failed: Panic" in ran.stderr, ran
        result = read(out(path))
        assert printed(result) == "before\n"
        assert statuses(result) == ["completed", "failed", "pending"]
        assert result.cells[1].outputs[-1].ename == "Panic"
        assert result.metadata.papermill.exception is True

        ran = command(program, "run", path, "--allow-errors")
        assert ran.returncode == 0, ran
        assert printed(read(out(path))) == "before\nafter\n"
        assert statuses(read(out(path))) == ["completed"] * 3

    def test_times_are_written(self, program, notebook):
        assert command(program, "run", notebook).returncode == 0
        record = read(out(notebook)).metadata.papermill
        begin, end = (datetime.fromisoformat(record[name]) for name in ("start_time", "end_time"))
        assert begin.utcoffset().total_seconds() == 0
        assert (end - begin).total_seconds() == pytest.approx(record.duration, abs=0.01)
        assert record.exception is None
        cells = [cell.metadata.papermill for cell in read(out(notebook)).cells]
        assert sum(cell.duration for cell in cells) <= record.duration
        assert all(cell.exception is False for cell in cells)

    def test_a_cell_that_takes_too_long(self, program, tmp_path):
        path = write(tmp_path / "n.ipynb", "loop {}", "2")
        ran = command(program, "run", path, "--cell-timeout", "1.5")
        assert ran.returncode == 3 and "In[1] ran longer than 1.5 s" in ran.stderr, ran
        result = read(out(path))
        assert result.cells[0].outputs[-1].ename == "KeyboardInterrupt"
        assert statuses(result) == ["failed", "pending"]

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_stop(self, program, tmp_path, number):
        path = write(tmp_path / "n.ipynb", 'println!("it waits"); sleep(1000.0);', "2")
        running = subprocess.Popen([program, "run", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            for line in running.stdout:
                if line == "it waits\n":
                    break
            running.send_signal(number)
            _, said = running.communicate(timeout=PATIENCE)
        finally:
            running.kill()
        assert running.returncode == 130 and "stopped in In[1]" in said, said
        result = read(out(path))
        assert printed(result) == "it waits\n"
        assert result.cells[0].outputs[-1].ename == "KeyboardInterrupt"

    def test_a_result_that_cannot_be_written(self, program, tmp_path):
        folder = tmp_path / "gone"
        folder.mkdir()
        path = write(tmp_path / "n.ipynb", 'std::fs::remove_dir_all("gone")?;')
        ran = command(program, "run", path, "-o", folder / "out.ipynb")
        assert ran.returncode == 4, ran
        assert "all cells ran" in ran.stderr and "cannot write" in ran.stderr

    def test_help_tells_the_exit_codes(self, program):
        told = command(program, "run", "--help").stdout
        for code in ("0 ", "1 ", "2 ", "3 ", "4 ", "130 "):
            assert f"  {code}" in told


class TestShown:
    def test_without_a_terminal_lines_tell_how_far_it_is(self, program, tmp_path):
        path = write(tmp_path / "n.ipynb", "# text", "1 + 1", ("2", "skip-execution"), 'print!("x")')
        shown = command(program, "run", path).stdout
        assert "\x1b" not in shown and "\r" not in shown
        lines = shown.splitlines()
        assert lines[:2] == ["In[1]: 1 + 1", "Out[1]: 2"]
        assert [line.split(",")[0] for line in lines if line.startswith("(")] == ["(1 of 2", "(2 of 2"]

    def test_a_terminal_has_a_bar_with_the_cell(self, program, tmp_path):
        path = write(tmp_path / "n.ipynb", 'println!("one");', "sleep(0.5);")
        child, terminal = pty.fork()
        if child == 0:
            os.environ.update(TERM="xterm", NO_COLOR="")
            os.execv(program, [program, "run", str(path)])
        text = b""
        while True:
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                # Linux says so that the other side has closed it.
                break
            if not piece:
                break
            text += piece
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        drawn = text.decode().replace("\r\n", "\n").split("\r\x1b[K")
        bars = [part for part in drawn if "━" in part or "─" in part]
        assert any(part.startswith("0/2 ─") and "In[1]" in part for part in bars), drawn
        assert any(part.startswith("1/2 ━") and "sleep(0.5)" in part for part in bars), drawn
        # It is gone at the end, and what was shown stands for itself.
        assert "━" not in drawn[-1]
        assert any(part == "one\n" for part in drawn)


class TestHtml:
    def test_a_page_is_written(self, program, notebook):
        environment = dict(os.environ, PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        ran = command(program, "run", notebook, "--html", env=environment)
        assert ran.returncode == 0, ran
        page = notebook.with_name("n.out.html").read_text()
        assert "A notebook" in page and "40 2 13 None plain" in page and "hl-rust" in page

    def test_without_nbconvert_nothing_is_run(self, program, notebook, tmp_path):
        ran = command(program, "run", notebook, "--html", env=dict(os.environ, PATH=str(tmp_path)))
        assert ran.returncode == 2
        assert "nbconvert" in ran.stderr and "without `--html`" in ran.stderr
        assert not out(notebook).exists()


class TestResult:
    def test_metadata_have_the_value(self, fresh):
        cell = fresh.good("let shares = vec![1, 2];\n%result first shares[0]\n%result shares")
        displays = cell.contents("display_data")
        assert [display["metadata"] for display in displays] == [
            {"threadbook": {"result": {"name": "first", "value": 1}}},
            {"threadbook": {"result": {"name": "shares", "value": "[1, 2]"}}},
        ]
        assert [display["data"]["text/plain"] for display in displays] == ["first = 1", "shares = [1, 2]"]
        # What is recorded is not moved away.
        assert fresh.good("shares.len()").result == "2"

    def test_a_whole_cell(self, fresh):
        fresh.good(":types")
        cell = fresh.good("%%result took\nlet n = 3;\nstd::time::Duration::from_millis(500 * n)")
        (display,) = cell.contents("display_data")
        assert display["metadata"] == {"threadbook": {"result": {"name": "took", "value": 1.5, "unit": "s"}}}
        assert cell.bundle is None
        assert fresh.good("n").result

    @pytest.mark.parametrize("code", ["%result", "%result a b;c()", "%result a+b 1", "%result nothing ()"])
    def test_what_is_no_result(self, kernel, code):
        cell = kernel.run(code)
        assert cell.error.name in ("UsageError", "CompileError"), cell
