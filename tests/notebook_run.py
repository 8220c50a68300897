"""Runs a notebook with nbclient and hears everything that its kernel says meanwhile.

nbclient keeps only what arrives between a cell's busy and its idle. A thread that a cell
has started prints later than that, so a second listener on iopub takes down all messages
in the order in which they arrive.
"""

import re
import threading
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from jupyter_client import BlockingKernelClient
from nbclient import NotebookClient

from kernel_client import PATIENCE, plain

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


@dataclass
class Heard:
    """What a cell said."""

    # The cell's code as it was run.
    source: str
    # Its messages that belong together: (place among all messages, type, content).
    messages: list = field(default_factory=list)

    def contents(self, *types):
        return [content for _, kind, content in self.messages if kind in types]

    def text(self, name="stdout"):
        return "".join(content["text"] for content in self.contents("stream") if content["name"] == name)

    @property
    def lines(self):
        return self.text().splitlines()

    @property
    def result(self):
        """The data of the last expression's value."""
        results = self.contents("execute_result")
        assert len(results) == 1, f"not one result but {results}"
        return results[0]["data"]

    @property
    def displays(self):
        return [content["data"] for content in self.contents("display_data")]

    @property
    def error(self):
        errors = self.contents("error")
        assert len(errors) == 1, f"not one error but {errors}"
        return errors[0]

    @property
    def traceback(self):
        return plain("\n".join(self.error["traceback"]))

    def place(self, state):
        """The place of the cell's `busy` or `idle` among all messages."""
        return next(
            place
            for place, kind, content in self.messages
            if kind == "status" and content["execution_state"] == state
        )


class Run:
    """A notebook that has been run: what each cell said, by the cell's name."""

    def __init__(self, cells, messages):
        self.cells = cells
        self._messages = messages

    def __getitem__(self, name):
        return self.cells[name]

    def printed(self, first="", last=""):
        """All lines printed to stdout, whichever cell they stand under, each with its
        place among all messages: from the start of the cell `first` to the end of
        the cell `last`."""
        begin = self[first].place("busy") if first else 0
        end = self[last].place("idle") if last else len(self._messages)
        lines, unfinished, began_at = [], "", begin
        for place in range(begin, end):
            kind, content = self._messages[place]
            if kind != "stream" or content["name"] != "stdout":
                continue
            for piece in content["text"].splitlines(keepends=True):
                began_at = began_at if unfinished else place
                unfinished += piece
                if unfinished.endswith("\n"):
                    lines.append((unfinished.rstrip("\n"), began_at))
                    unfinished = ""
        if unfinished:
            lines.append((unfinished, began_at))
        return lines


def cell_name(cell):
    """The name by which a test knows a cell; headings and such have none."""
    return cell.metadata.get("threadbook", {}).get("cell")


def with_parameters(notebook, parameters):
    """Puts a cell behind the one tagged `parameters`, as papermill does. The types come
    from the original lines."""
    place, original = next(
        (place, cell)
        for place, cell in enumerate(notebook.cells)
        if "parameters" in cell.metadata.get("tags", [])
    )
    lines = []
    for name, value in parameters.items():
        declared = re.search(rf"^let {name}: (\w+) = ", original.source, re.MULTILINE)
        assert declared, f"the notebook has no parameter {name}"
        lines.append(f"let {name}: {declared[1]} = {value};")
    injected = nbformat.v4.new_code_cell("\n".join(lines))
    notebook.cells.insert(place + 1, injected)
    return notebook


def read(name):
    return nbformat.read(NOTEBOOKS / name, as_version=4)


def run(name, kernel_name, parameters):
    """Runs notebooks/`name` on a fresh kernel. A cell that fails unasked ends the run."""
    notebook = with_parameters(read(name), parameters)
    requests = {}

    def remember(cell, cell_index, execute_reply):
        requests[execute_reply["parent_header"]["msg_id"]] = cell

    client = NotebookClient(
        notebook,
        timeout=PATIENCE,
        kernel_name=kernel_name,
        resources={"metadata": {"path": str(NOTEBOOKS)}},
        on_cell_executed=remember,
    )
    with client.setup_kernel():
        listener = Listener(client.km.get_connection_info())
        try:
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)
            listener.wait_for_idle_of(list(requests)[-1])
        finally:
            listener.stop()
    return _sort(requests, listener.messages)


def _sort(requests, messages):
    by_request = {request: Heard(cell.source) for request, cell in requests.items()}
    for place, message in enumerate(messages):
        heard = by_request.get(message["parent_header"].get("msg_id"))
        if heard:
            heard.messages.append((place, message["msg_type"], message["content"]))
    cells = {cell_name(cell): by_request[request] for request, cell in requests.items() if cell_name(cell)}
    return Run(cells, [(message["msg_type"], message["content"]) for message in messages])


class Listener:
    """A second subscriber to a kernel's broadcasts."""

    def __init__(self, connection_info):
        self.messages = []
        self._news = threading.Condition()
        self._stopped = False
        self._client = BlockingKernelClient()
        self._client.load_connection_info(connection_info)
        self._client.start_channels(shell=False, stdin=False, hb=False, control=False)
        # The welcome says that from now on nothing is missed.
        welcome = self._client.get_iopub_msg(timeout=PATIENCE)
        assert welcome["msg_type"] == "iopub_welcome"
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self):
        while not self._stopped:
            if not self._client.iopub_channel.socket.poll(100):
                continue
            message = self._client.get_iopub_msg(timeout=PATIENCE)
            with self._news:
                self.messages.append(message)
                self._news.notify_all()

    def wait_for_idle_of(self, request):
        def is_idle(message):
            return (
                message["parent_header"].get("msg_id") == request
                and message["msg_type"] == "status"
                and message["content"]["execution_state"] == "idle"
            )

        with self._news:
            came = self._news.wait_for(lambda: any(map(is_idle, self.messages)), PATIENCE)
        assert came, "the last cell's idle did not come"

    def stop(self):
        self._stopped = True
        self._thread.join()
        self._client.stop_channels()
