"""The kernelspec as Jupyter sees it, and what the command line says to bad input."""

import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager

NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {},
    "cells": [
        {
            "id": "a",
            "cell_type": "code",
            "metadata": {},
            "source": "1 + 1",
            "outputs": [],
            "execution_count": None,
        }
    ],
}

CONNECTION = {
    "transport": "tcp",
    "ip": "127.0.0.1",
    "key": "a key",
    "signature_scheme": "hmac-sha256",
    "shell_port": 1,
    "iopub_port": 1,
    "stdin_port": 1,
    "control_port": 1,
    "hb_port": 1,
}


@pytest.fixture
def spec(kernel_name):
    return KernelSpecManager().get_kernel_spec(kernel_name)


@pytest.fixture
def program(spec):
    return spec.argv[0]


def run(*command, **options):
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, **options
    )


def told(result, *words):
    """Asserts that a command failed with one line, without a backtrace, that has these words."""
    lines = result.stderr.splitlines()
    assert result.returncode not in (0, 101), result
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("threadbook: ")
    for word in words:
        assert word in lines[0]
    for ours_not_theirs in ("panicked", "backtrace", "internal error", "not wired"):
        assert ours_not_theirs not in lines[0]


def png_size(path):
    header = path.read_bytes()[:24]
    assert header.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", header[16:])


class TestKernelspec:
    def test_jupyter_lists_it(self, kernel_name):
        listed = run(sys.executable, "-m", "jupyter", "kernelspec", "list", "--json")
        assert listed.returncode == 0, listed.stderr
        kernel = json.loads(listed.stdout)["kernelspecs"][kernel_name]
        assert kernel["spec"]["display_name"] == "Rust (Threadbook)"
        assert kernel["spec"]["language"] == "rust"

    def test_it_says_how_to_start_and_stop_the_kernel(self, spec):
        assert os.path.isabs(spec.argv[0]) and os.access(spec.argv[0], os.X_OK)
        assert spec.argv[1:] == ["kernel", "--connection-file", "{connection_file}"]
        assert spec.interrupt_mode == "message"
        assert spec.metadata["debugger"] is False

    def test_it_has_logos(self, spec):
        folder = Path(spec.resource_dir)
        assert png_size(folder / "logo-32x32.png") == (32, 32)
        assert png_size(folder / "logo-64x64.png") == (64, 64)
        assert "<svg" in (folder / "logo-svg.svg").read_text()


class TestInstall:
    def test_a_prefix_and_back(self, program, tmp_path):
        folder = tmp_path / "share/jupyter/kernels/threadbook"
        for _ in range(2):
            installed = run(program, "install", "--prefix", str(tmp_path))
            assert installed.returncode == 0, installed.stderr
            assert installed.stdout.splitlines() == [str(folder)]
        manager = KernelSpecManager(kernel_dirs=[str(folder.parent)])
        assert "threadbook" in manager.find_kernel_specs()
        assert manager.get_kernel_spec("threadbook").argv[0] == os.path.realpath(program)

        removed = run(program, "uninstall", "--prefix", str(tmp_path))
        assert (removed.returncode, removed.stdout.splitlines()) == (0, [str(folder)])
        assert not folder.exists()
        again = run(program, "uninstall", "--prefix", str(tmp_path))
        assert (again.returncode, again.stdout) == (0, "")

    def test_the_user_folder_is_jupyters(self, program, tmp_path):
        environment = dict(os.environ, JUPYTER_DATA_DIR=str(tmp_path))
        installed = run(program, "install", "--user", env=environment)
        assert installed.stdout.splitlines() == [str(tmp_path / "kernels/threadbook")]

    def test_the_active_environment_is_the_sys_prefix(self, program, tmp_path):
        environment = dict(os.environ, VIRTUAL_ENV=str(tmp_path))
        installed = run(program, "install", "--sys-prefix", env=environment)
        assert installed.stdout.splitlines() == [str(tmp_path / "share/jupyter/kernels/threadbook")]

    def test_without_an_active_environment_it_is_pythons(self, program, tmp_path):
        # A Python that answers with a folder of the test's.
        python = tmp_path / "python3"
        python.write_text(f"#!/bin/sh\necho '{tmp_path}/environment'\n")
        python.chmod(0o755)
        environment = {**os.environ, "PATH": str(tmp_path)}
        environment.pop("VIRTUAL_ENV", None)
        environment.pop("CONDA_PREFIX", None)
        installed = run(program, "install", "--sys-prefix", env=environment)
        folder = tmp_path / "environment/share/jupyter/kernels/threadbook"
        assert installed.stdout.splitlines() == [str(folder)]

    def test_a_place_that_cannot_be_written(self, program, tmp_path):
        (tmp_path / "share").write_text("not a folder")
        told(run(program, "install", "--prefix", str(tmp_path)), str(tmp_path), "--prefix")

    @pytest.mark.parametrize("command", ["install", "kernel -f none", "run none.ipynb", "sweep none.ipynb"])
    def test_an_engine_that_is_not_built_in(self, program, tmp_path, command):
        result = run(program, *command.split(), "--engine", "evcxr", cwd=tmp_path)
        told(result, "without the engine evcxr", "./install.sh install --engine evcxr")
        assert not list(tmp_path.iterdir())

    def test_an_engine_that_does_not_exist(self, program):
        result = run(program, "install", "--engine", "none")
        assert result.returncode == 2 and "[possible values: native, evcxr]" in result.stderr

    def test_a_kernelspec_of_somebody_else_stays(self, program, tmp_path):
        folder = tmp_path / "share/jupyter/kernels/threadbook"
        folder.mkdir(parents=True)
        (folder / "kernel.json").write_text("{}")
        told(run(program, "uninstall", "--prefix", str(tmp_path)), str(folder))
        assert (folder / "kernel.json").exists()


class TestBadInput:
    def test_no_connection_file(self, program):
        told(run(program, "kernel", "--connection-file", "/nonexistent"), "/nonexistent")

    @pytest.mark.parametrize("content", ["not JSON", "{}", "[]", '"text"', "", "\0"])
    def test_a_file_that_is_no_connection_file(self, program, tmp_path, content):
        file = tmp_path / "kernel.json"
        file.write_text(content)
        told(run(program, "kernel", "--connection-file", str(file)), str(file))

    def test_no_notebook(self, program, tmp_path):
        result = run(program, "run", "missing.ipynb", cwd=tmp_path)
        told(result, "missing.ipynb")
        assert result.returncode == 2

    @pytest.mark.parametrize(
        "content, words",
        [
            ("not JSON", "is not a notebook"),
            ("", "is not a notebook"),
            ("{}", "is not a notebook"),
            ('{"nbformat": 4, "cells": [1]}', "cell 1"),
            ('{"nbformat": 3, "worksheets": []}', "--nbformat 4"),
            (
                '{"nbformat": 4, "cells": [], "metadata": {"kernelspec": {"language": "python"}}}',
                "for python",
            ),
        ],
    )
    def test_a_file_that_is_no_rust_notebook(self, program, tmp_path, content, words):
        file = tmp_path / "n.ipynb"
        file.write_text(content)
        result = run(program, "run", str(file))
        told(result, str(file), words)
        assert result.returncode == 2
        assert [path.name for path in tmp_path.iterdir()] == ["n.ipynb"]

    def test_a_folder_is_no_notebook(self, program, tmp_path):
        result = run(program, "run", str(tmp_path))
        told(result, str(tmp_path))
        assert result.returncode == 2

    def test_a_result_that_cannot_be_written(self, program, tmp_path):
        file = tmp_path / "n.ipynb"
        file.write_text(json.dumps(NOTEBOOK))
        result = run(program, "run", str(file), "-o", str(tmp_path / "none/out.ipynb"))
        told(result, "none/out.ipynb", "--output")
        assert result.returncode == 2

    @pytest.mark.parametrize("command", ["run", "prelude"])
    def test_no_compiler(self, program, tmp_path, command):
        notebook = tmp_path / "n.ipynb"
        notebook.write_text(json.dumps(NOTEBOOK))
        arguments = [str(notebook)] if command == "run" else []
        # Neither on PATH nor where rustup puts it.
        environment = {"PATH": str(tmp_path), "HOME": str(tmp_path), "RUST_BACKTRACE": "1"}
        result = run(program, command, *arguments, env=environment)
        told(result, "Rust", "rustup.rs")

    def test_a_busy_port(self, program, tmp_path):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            connection = dict(CONNECTION, **{name: port for name in CONNECTION if name.endswith("_port")})
            file = tmp_path / "kernel.json"
            file.write_text(json.dumps(connection))
            told(run(program, "kernel", "--connection-file", str(file)), str(port))

    def test_arguments_that_do_not_exist(self, program):
        result = run(program, "launch")
        assert result.returncode == 2
        assert "launch" in result.stderr and "Usage" in result.stderr
