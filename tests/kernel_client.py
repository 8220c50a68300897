"""A kernel as a person at a notebook meets it: start it, run cells, see what they show.

`Kernel.run` gives a `Cell` with all that one execute request led to. `Kernel.notebook`
runs a whole notebook written as text, with what each cell must show:

    let x = 2;
    ---
    println!("{x}");
    x + 1
    //> 2
    //=> 3

Cells are parted by `---`. Lines at the end of a cell say what comes of it:

    //>   a line of stdout              //2>  a line of stderr
    //=>  a line of the value shown     //~   words in a note or other display
    //!   words in the error            //?   words that no output may have

All of stdout, stderr and the value must be as said, so a cell that says nothing must
show nothing.
"""

import json
import os
import queue
import re
import signal
import textwrap
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from jupyter_client import KernelManager

# Far more than any cell takes: it ends a test that would wait for ever.
PATIENCE = float(os.environ.get("THREADBOOK_TEST_PATIENCE", "120"))

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def plain(text):
    """Text without colours."""
    return ANSI.sub("", text)


def picture(data):
    """The SVG in an output's HTML: the text of its image's address."""
    found = re.search(r'<img src="data:image/svg\+xml;charset=utf-8,([^"]*)"', data["text/html"])
    assert found, f"no picture in {data['text/html'][:300]}"
    return unquote(found[1])


@dataclass
class Error:
    name: str
    value: str
    text: str
    """The traceback without colours."""
    coloured: str

    def __str__(self):
        return f"{self.name}: {self.value}\n{self.text}"


@dataclass
class Cell:
    """What became of one cell."""

    code: str
    messages: list = field(default_factory=list)
    """All its iopub messages in order, busy and idle included."""
    reply: dict = None
    sent: float = 0.0
    times: list = field(default_factory=list)
    """When each message arrived, in seconds after it was sent."""

    def contents(self, *kinds):
        return [m["content"] for m in self.messages if m["msg_type"] in kinds]

    def stream(self, name):
        return "".join(c["text"] for c in self.contents("stream") if c["name"] == name)

    @property
    def stdout(self):
        return self.stream("stdout")

    @property
    def stderr(self):
        return plain(self.stream("stderr"))

    @property
    def displays(self):
        """The MIME bundles of `display_data`."""
        return [c["data"] for c in self.contents("display_data")]

    @property
    def notes(self):
        """The plain text of what was displayed, the kernel's own notes among it."""
        shown = self.contents("display_data", "update_display_data")
        return "\n".join(plain(c["data"].get("text/plain", "")) for c in shown)

    @property
    def bundle(self):
        """The value shown, in all its formats."""
        found = self.contents("execute_result")
        assert len(found) <= 1, f"several results: {self}"
        return found[0]["data"] if found else None

    @property
    def result(self):
        return self.bundle and plain(self.bundle["text/plain"])

    @property
    def error(self):
        found = self.contents("error")
        # (Not by `self`, whose text asks for this.)
        assert len(found) <= 1, f"several errors of {self.code!r}: {found}"
        if not found:
            return None
        coloured = "\n".join(found[0]["traceback"])
        return Error(found[0]["ename"], found[0]["evalue"], plain(coloured), coloured)

    @property
    def count(self):
        return self.reply["content"]["execution_count"]

    @property
    def status(self):
        return self.reply["content"]["status"]

    @property
    def outputs(self):
        """All outputs in order: `("stdout", text)`, `("display_data", plain text)`, ….

        Neighbouring pieces of one stream are one output, as front ends show them.
        """
        outputs = []
        for message in self.messages:
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                if outputs and outputs[-1][0] == content["name"]:
                    outputs[-1][1].append(content["text"])
                else:
                    outputs.append((content["name"], [content["text"]]))
            elif kind in ("display_data", "update_display_data", "execute_result"):
                outputs.append((kind, plain(str(content["data"].get("text/plain")))))
            elif kind == "error":
                outputs.append((kind, content["ename"]))
            elif kind == "clear_output":
                outputs.append((kind, content["wait"]))
        # Joined at the end: there may be thousands of pieces.
        return [(kind, "".join(shown) if isinstance(shown, list) else shown) for kind, shown in outputs]

    def __str__(self):
        lines = ["the cell", *("  | " + line for line in self.code[:3000].splitlines()), "gave"]
        for kind, text in self.outputs:
            lines.append(f"  {kind}: {str(text)[:2000]!r}")
        if self.error:
            lines += ["  | " + line for line in str(self.error)[:6000].splitlines()]
        if self.reply is None:
            lines.append("  (no reply)")
        return "\n".join(lines)

    def good(self):
        """Asserts that it ended well, with no complaint."""
        assert self.error is None, str(self)
        assert self.reply is None or self.status == "ok", str(self)
        assert self.stderr == "", str(self)
        return self

    def failed(self, name, *words):
        """Asserts that it ended in an error of this name whose text has these words."""
        assert self.error is not None, f"no error where {name} was due: {self}"
        assert self.error.name == name, str(self)
        assert self.status == "error", str(self)
        for word in words:
            assert word in str(self.error), f"{word!r} is missing: {self}"
        return self.error


def wait_until(what, condition, patience=PATIENCE):
    """Waits for `condition()` to be true and returns its value; says `what` (a text, or what
    gives one then) if it never is."""
    end = time.monotonic() + patience
    while not (value := condition()):
        assert time.monotonic() < end, f"waited in vain: {what() if callable(what) else what}"
        time.sleep(0.01)
    return value


class Kernel:
    """A running kernel and one client."""

    def __init__(self, name, env=None, stderr=None, **options):
        self.manager = KernelManager(kernel_name=name, **options)
        environment = {**os.environ, **(env or {})}
        if "RUST_BACKTRACE" not in (env or {}):
            environment.pop("RUST_BACKTRACE", None)
        # What a test sets counts more than what the installed kernelspec says.
        for variable in env or {}:
            self.manager.kernel_spec.env.pop(variable, None)
        self.manager.start_kernel(env=environment, **({"stderr": stderr} if stderr else {}))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE)
        self.late = []
        """Messages that came after the idle of their cell, or without a cell."""
        self.replies = {}

    @property
    def pid(self):
        return self.manager.provisioner.pid

    def send(self, code, **options):
        """Sends a cell and does not wait."""
        cell = Cell(code)
        cell.sent = time.monotonic()
        cell.id = self.client.execute(code, **options)
        return cell

    def receive(self, cell, patience=PATIENCE):
        """Takes in the next iopub message of this cell; others go to `late`."""
        end = time.monotonic() + patience
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                alive = "lives" if self.manager.is_alive() else "is dead"
                raise AssertionError(f"no message for {patience} s, the kernel {alive}: {cell}") from None
            if message["parent_header"].get("msg_id") == cell.id:
                cell.messages.append(message)
                cell.times.append(time.monotonic() - cell.sent)
                return message
            self.late.append(message)

    def finish(self, cell, patience=PATIENCE):
        """Waits for the cell's idle and its reply."""
        while not is_idle(self.receive(cell, patience)):
            pass
        if cell.reply is None:
            cell.reply = self.reply(cell.id)
        return cell

    def reply(self, message_id, channel="shell"):
        """The reply to one request; those to others are kept until they are asked for."""
        get = getattr(self.client, f"get_{channel}_msg")
        while message_id not in self.replies:
            try:
                message = get(timeout=PATIENCE)
            except queue.Empty:
                raise AssertionError(f"no reply on {channel}") from None
            self.replies[message["parent_header"].get("msg_id")] = message
        return self.replies.pop(message_id)

    def run(self, code, patience=PATIENCE, **options):
        return self.finish(self.send(code, **options), patience)

    def good(self, code, **options):
        """Runs a cell that must end well without a complaint."""
        return self.run(code, **options).good()

    def see(self, cell, text, stream="stdout"):
        """Waits until the cell has printed `text`."""
        while text not in cell.stream(stream):
            message = self.receive(cell)
            assert not is_idle(message), f"ended without {text!r}: {cell}"

    def wait_late(self, what, condition):
        """Waits for a message outside of running cells that satisfies `condition`."""
        end = time.monotonic() + PATIENCE
        while True:
            found = [message for message in self.late if condition(message)]
            if found:
                return found[0]
            try:
                self.late.append(self.client.get_iopub_msg(timeout=max(0, end - time.monotonic())))
            except queue.Empty:
                raise AssertionError(f"{what} never came; came: {self.late}") from None

    def notebook(self, text):
        """Runs a notebook written as text (see the module) and checks every cell."""
        return [check(self.run(code), wanted) for code, wanted in cells_of(text)]

    def interrupt(self):
        """Asks for an interrupt, as the stop button does, and waits until that was heard.

        Not by the manager: it numbers its messages like the client, so that two can have
        the same id.
        """
        message = self.client.session.msg("interrupt_request", {})
        self.client.control_channel.send(message)
        assert self.reply(message["header"]["msg_id"], "control")["content"]["status"] == "ok"

    def stop(self, cell):
        """Interrupts a cell and waits for its end. Returns how many seconds it took."""
        before = time.monotonic()
        self.interrupt()
        self.finish(cell)
        return time.monotonic() - before

    def begin(self, code, mark="it waits", **options):
        """Sends a cell and waits until it has printed `mark`."""
        cell = self.send(code, **options)
        self.see(cell, mark)
        return cell

    def worker(self):
        """The process that runs cells."""
        return int(self.good("std::process::id()").result)

    def processes(self):
        """The kernel's process and all below it."""
        return [self.pid, *descendants(self.pid)]

    def close(self):
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


def is_idle(message):
    return message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"


MARKS = {"//>": "stdout", "//2>": "stderr", "//=>": "result", "//~": "notes", "//!": "error", "//?": "never"}


def cells_of(text):
    """The cells of a notebook written as text, each with what it must show."""
    for part in re.split(r"(?m)^---\n", textwrap.dedent(text).strip("\n") + "\n"):
        lines = part.splitlines()
        wanted = {name: [] for name in MARKS.values()}
        code = []
        for line in lines:
            mark = line.split(" ")[0]
            if mark in MARKS:
                wanted[MARKS[mark]].append(line[len(mark) + 1 :])
            else:
                code.append(line)
        yield "\n".join(code), wanted


def check(cell, wanted):
    """Asserts that a cell showed what it must, and nothing else."""
    errors, notes = wanted["error"], wanted["notes"]
    if errors:
        assert cell.error is not None, f"no error where one was due: {cell}"
        for words in errors:
            assert words in str(cell.error), f"{words!r} is missing in the error: {cell}"
    else:
        assert cell.error is None, str(cell)
    for stream in ("stdout", "stderr"):
        lines = plain(cell.stream(stream)).splitlines()
        assert lines == wanted[stream], f"{stream} should be {wanted[stream]}: {cell}"
    result = cell.result.splitlines() if cell.result is not None else []
    assert result == wanted["result"], f"the value should be {wanted['result']}: {cell}"
    for words in notes:
        assert words in cell.notes, f"{words!r} is missing in what is displayed: {cell}"
    if not notes:
        assert not cell.displays, f"nothing should be displayed: {cell}"
    for words in wanted["never"]:
        assert words not in str(cell), f"{words!r} should not appear: {cell}"
    return cell


def parents():
    """The parent of every process: from /proc, or from `ps` where there is none."""
    if Path("/proc/self/stat").exists():
        found = {}
        # Not by `glob`, which does not bear that a process ends meanwhile.
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                rest = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            # A zombie has ended; its parent has not looked yet.
            if rest[0] != "Z":
                found[int(pid)] = int(rest[1])
        return found
    import subprocess

    listed = subprocess.run(["ps", "-axo", "pid=,ppid=,stat="], capture_output=True, text=True, check=True)
    rows = [line.split() for line in listed.stdout.splitlines()]
    return {int(pid): int(parent) for pid, parent, state in rows if not state.startswith("Z")}


def descendants(pid):
    """All processes below one, the nearest first."""
    above = parents()
    found, look = [], [pid]
    while look:
        parent = look.pop(0)
        children = [child for child, its_parent in above.items() if its_parent == parent]
        found += children
        look += children
    return found


def is_running(pid):
    return pid in parents()


def wait_gone(*pids):
    """Waits until none of these processes runs."""
    wait_until(f"the end of the processes {pids}", lambda: not parents().keys() & set(pids))


def with_environment(name, value):
    """All processes that have this in their environment: children inherit it, so these
    are all that one kernel has led to, whoever their parents are now."""
    wanted, found = f"{name}={value}".encode(), []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        pid = int(environment.parent.name)
        try:
            if wanted in environment.read_bytes().split(b"\0"):
                found.append(pid)
        except OSError:
            continue
    running = parents()
    return [pid for pid in found if pid in running]


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def connection(kernel):
    """The connection file as a dictionary."""
    return json.loads(Path(kernel.manager.connection_file).read_text())
