"""kill -9 of any of the processes, in any order: nobody stays behind, and a restart works.

    client ── kernel ── keeper ─┬ worker ── children of cells
                                └ checkpoint copy

All processes of a kernel, and all that cells start, inherit an environment variable of the
kernel's, by which they are found wherever they went: `setsid`, daemons.

What cannot hold by construction: the keeper is what ends the others, so when the kernel and
the keeper are killed at the very same moment, children of cells that left their group and
their session go on. (The worker and its copy end also then: their sockets say so.)
"""

import contextlib
import functools
import itertools
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from kernel_client import PATIENCE, kill, parents, wait_gone, wait_until, with_environment

MARK = "THREADBOOK_TEST_MARK"

# What cells leave running: a child, one in a session of its own, a daemon that nobody is
# the parent of, and a shell with children in the background.
CHILDREN = """
use std::process::Command;
let child = Command::new("sleep").arg("3600").spawn()?;
let session = Command::new("setsid").args(["sleep", "3600"]).spawn()?;
Command::new("sh").args(["-c", "setsid sh -c 'setsid sleep 3600 & exit' & exit"]).status()?;
let shell = Command::new("sh").args(["-c", "sleep 3600 & sleep 3600 & wait"]).spawn()?;
"""
SLEEPERS = 5

BOMB = """
unsafe extern "C" { fn fork() -> i32; }
// Each process makes one after the other: about a hundred.
println!("it waits");
for _ in 0..7 { unsafe { fork() }; }
loop { std::hint::black_box(()); std::thread::sleep(std::time::Duration::from_millis(50)); }
"""


def name_of(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


class Family:
    """A kernel and all that has come from it."""

    def __init__(self, start, **options):
        self.mark = uuid.uuid4().hex
        self.kernel = start(env={MARK: self.mark}, **options)

    def all(self):
        return with_environment(MARK, self.mark)

    def with_children(self):
        self.kernel.good(CHILDREN)
        wait_until("the children", lambda: sum(name_of(pid) == "sleep" for pid in self.all()) == SLEEPERS)
        return self

    @property
    def keeper(self):
        (keeper,) = [pid for pid, parent in parents().items() if parent == self.kernel.pid]
        return keeper

    def copies(self, worker):
        """The sleeping copies of the worker."""
        below = parents()
        keeper = self.keeper
        return [pid for pid in self.all() if below.get(pid) == keeper and pid != worker and name_of(pid).startswith("threadbook")]

    def wait_none(self):
        wait_until(lambda: f"the end of {[(pid, name_of(pid)) for pid in self.all()]}", lambda: not self.all())


def make_idle(family):
    # What is killed the moment a cell has ended may not have made a checkpoint after it yet.
    family.kernel.good("1 + 1")


def make_wait(family):
    family.cell = family.kernel.begin('println!("it waits"); sleep(3600.0);')


def make_busy(family):
    family.cell = family.kernel.begin('println!("it waits"); loop { std::hint::spin_loop() }')


STATES = {"idle": make_idle, "waiting": make_wait, "busy": make_busy}


class TestKernel:
    @pytest.mark.parametrize("state", STATES)
    def test_nobody_is_left(self, start, state):
        family = Family(start).with_children()
        STATES[state](family)
        kill(family.kernel.pid)
        family.wait_none()

    @pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
    def test_nor_by_other_signals(self, start, how):
        family = Family(start).with_children()
        make_busy(family)
        os.kill(family.kernel.pid, how)
        family.wait_none()

    def test_nor_after_a_fork_bomb(self, start):
        family = Family(start)
        family.kernel.begin(BOMB)
        wait_until("the bomb", lambda: len(self.forked(family)) > 60)
        kill(family.kernel.pid)
        family.wait_none()

    def forked(self, family):
        return [pid for pid in family.all() if name_of(pid) == "main"]

    def test_nor_while_it_compiles(self, start):
        family = Family(start).with_children()
        many = "\n".join(f"#[derive(Debug, Clone, PartialEq, Hash)] struct S{n} {{ a: Vec<String>, c: [i32; {n + 1}] }}" for n in range(300))
        family.kernel.send(many + "\nprintln!(\"{:?}\", S0 { a: vec![], c: [0] });")
        # Tens of seconds of work, which are not waited for.
        wait_until("the compiler", lambda: any(name_of(pid) == "rustc" for pid in family.all()))
        kill(family.kernel.pid)
        family.wait_none()

    def test_a_restart_by_the_front_end(self, start):
        family = Family(start).with_children()
        make_busy(family)
        old = family.all()
        kill(family.kernel.pid)
        wait_gone(family.kernel.pid)
        family.kernel.manager.restart_kernel(now=True)
        family.kernel.client.wait_for_ready(timeout=PATIENCE)
        assert family.kernel.good("1 + 1").result == "2"
        wait_gone(*old)

    def test_a_restart_in_the_middle_of_a_cell(self, start):
        for make in STATES.values():
            family = Family(start).with_children()
            make(family)
            old = family.all()
            family.kernel.manager.restart_kernel(now=make is make_busy)
            family.kernel.client.wait_for_ready(timeout=PATIENCE)
            assert family.kernel.good("1 + 1").result == "2"
            wait_gone(*old)

    def test_its_files_go_at_the_next_start(self, start, tmp_path):
        kernel = start(env={"TMPDIR": str(tmp_path)})
        kernel.good("let x = 1;")
        (left,) = tmp_path.iterdir()
        assert left.is_dir()
        kill(kernel.pid)
        # Until its parent has looked, its number is still taken.
        wait_until("the end of the kernel", lambda: not kernel.manager.is_alive())
        other = start(env={"TMPDIR": str(tmp_path)})
        other.good("let x = 1;")
        (its,) = tmp_path.iterdir()
        assert its != left


class TestWorker:
    @pytest.mark.parametrize("state", STATES)
    def test_the_next_cell_has_all_variables(self, start, state):
        family = Family(start).with_children()
        kernel = family.kernel
        worker = int(kernel.good("let kept = vec![1, 2]; std::process::id()").result)
        STATES[state](family)
        kill(worker)
        wait_gone(worker)
        if state != "idle":
            kernel.finish(family.cell).failed("Crash", "SIGKILL", "as they were before this cell")
        cell = kernel.run("&kept")
        assert cell.error is None and cell.result == "[1, 2]", str(cell)
        # Child processes do not survive it, and that was told.
        wait_until("the end of the children", lambda: not any(name_of(pid) == "sleep" for pid in family.all()))
        kernel.close()
        family.wait_none()

    def test_a_fork_bomb_is_stopped_by_an_interrupt(self, start):
        family = Family(start)
        kernel = family.kernel
        kernel.good("let kept = 1;")
        cell = kernel.begin(BOMB)
        wait_until("the bomb", lambda: sum(name_of(pid) == "main" for pid in family.all()) > 60)
        kernel.stop(cell)
        cell.failed("KeyboardInterrupt")
        assert kernel.good("kept").result == "1"
        wait_until("the end of the bomb", lambda: not any(name_of(pid) == "main" for pid in family.all()))


class TestCopy:
    def test_the_worker_goes_on(self, start):
        family = Family(start)
        kernel = family.kernel
        worker = int(kernel.good("let kept = 5; std::process::id()").result)
        copies = wait_until("a copy", lambda: family.copies(worker))
        for copy in copies:
            kill(copy)
        wait_gone(*copies)
        # The next cell has another.
        assert kernel.good("(kept, std::process::id())").result == f"(5, {worker})"
        kernel.run("std::process::abort()").failed("Crash", "as they were before this cell")
        assert kernel.good("kept").result == "5"

    def test_and_then_the_worker(self, start):
        family = Family(start).with_children()
        kernel = family.kernel
        worker = int(kernel.good("let lost = 5; fn item() -> u8 { 3 } std::process::id()").result)
        make_wait(family)
        copies = wait_until("a copy", lambda: family.copies(worker))
        for copy in copies:
            kill(copy)
        wait_gone(*copies)
        kill(worker)
        cell = kernel.finish(family.cell)
        cell.failed("Crash", "SIGKILL", "Lost:", "`lost`")
        kernel.run("lost").failed("CompileError", "lost")
        assert kernel.good("item()").result == "3"
        kill(kernel.pid)
        family.wait_none()


class TestKeeper:
    @pytest.mark.parametrize("state", STATES)
    def test_cells_can_run_again_and_nobody_is_left(self, start, state):
        family = Family(start).with_children()
        kernel = family.kernel
        kernel.good("let x = 1; fn item() -> u8 { 3 }")
        STATES[state](family)
        keeper = family.keeper
        kill(keeper)
        wait_gone(keeper)
        if state != "idle":
            kernel.finish(family.cell).failed("Crash")
        cell = kernel.run("item()")
        # Its end takes the copy along: nobody could keep what comes from it.
        told = cell.notes if state == "idle" else str(family.cell.error)
        if cell.error:
            # The end was not known yet when the cell began.
            told = str(cell.failed("Crash"))
            cell = kernel.run("item()")
        assert cell.error is None and cell.result == "3", str(cell)
        assert "Lost:" in told and "`x`" in told, str(cell)
        kernel.run("x").failed("CompileError", "lost")
        wait_until("the end of the children", lambda: not any(name_of(pid) == "sleep" for pid in family.all()))
        # There is a keeper again: what is started now is ended, too.
        family.with_children()
        make_busy(family)
        kill(kernel.pid)
        family.wait_none()

    def test_and_at_once_the_kernel(self, start):
        family = Family(start)
        # In the worker's group, so the end of the worker's group is theirs.
        make_busy(family)
        keeper = family.keeper
        kill(keeper)
        kill(family.kernel.pid)
        family.wait_none()


class TestOrders:
    """Every order of worker, kernel and the front end that has started it."""

    @pytest.mark.parametrize("state", STATES)
    @pytest.mark.parametrize("order", list(itertools.permutations(["worker", "kernel", "client"])), ids="-".join)
    def test_nobody_is_left(self, kernel_name, order, state, tmp_path):
        mark = uuid.uuid4().hex
        code = {
            "idle": "",
            "waiting": "sleep(3600.0);",
            "busy": "loop { std::hint::spin_loop() }",
        }[state]
        client = subprocess.Popen(
            [sys.executable, "-c", FRONT_END, kernel_name, CHILDREN, code],
            env={**os.environ, MARK: mark},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            line = client.stdout.readline()
            worker, kernel = map(int, line.split())
            family = functools.partial(with_environment, MARK, mark)
            wait_until("the children", lambda: sum(name_of(pid) == "sleep" for pid in family()) == SLEEPERS)
            for name in order:
                pid = {"worker": worker, "kernel": kernel, "client": client.pid}[name]
                # The end of another may have been its end.
                with contextlib.suppress(ProcessLookupError):
                    kill(pid)
            client.wait(timeout=PATIENCE)
            wait_until(lambda: f"the end of {[(pid, name_of(pid)) for pid in family()]}", lambda: not family())
        finally:
            client.kill()
            client.wait()
            client.stdout.close()

    def test_only_the_client(self, kernel_name):
        mark = uuid.uuid4().hex
        client = subprocess.Popen(
            [sys.executable, "-c", FRONT_END, kernel_name, CHILDREN, "loop { std::hint::spin_loop() }"],
            env={**os.environ, MARK: mark},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            assert client.stdout.readline()
            client.kill()
            client.wait(timeout=PATIENCE)
            wait_until("the end of the family", lambda: not with_environment(MARK, mark))
        finally:
            client.kill()
            client.wait()
            client.stdout.close()


# A front end: starts a kernel, runs cells, says the processes' ids and waits.
FRONT_END = """
import sys
import time
from jupyter_client import KernelManager

name, children, code = sys.argv[1:]
manager = KernelManager(kernel_name=name)
manager.start_kernel()
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=60)

def run(code, wanted):
    client.execute(code)
    while True:
        message = client.get_iopub_msg(timeout=60)
        text = message["content"].get("text", "")
        if message["msg_type"] == "stream" and wanted in text:
            return text

run(children + 'println!("started");', "started")
worker = run('println!("{}", std::process::id());', chr(10)).strip()
if code:
    run('println!("it waits"); ' + code, "it waits")
print(worker, manager.provisioner.pid, flush=True)
time.sleep(3600)
"""
