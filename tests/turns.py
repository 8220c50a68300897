"""Some tests compare how long computing takes, and need all cores for themselves.

pytest-xdist runs several files at a time, each in a process of its own. A test takes its
turn beside others, or alone: then the others have come to their end, and wait.
"""

import fcntl
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path


class Turns:
    """Between all processes that have the same folder."""

    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self._gate = open(folder / "gate", "w")
        self._room = open(folder / "room", "w")

    @contextmanager
    def beside_others(self):
        # Who waits to be alone keeps the gate, so that nobody else slips in.
        with locked(self._gate, fcntl.LOCK_EX):
            fcntl.flock(self._room, fcntl.LOCK_SH)
        try:
            yield
        finally:
            fcntl.flock(self._room, fcntl.LOCK_UN)

    @contextmanager
    def alone(self):
        with locked(self._gate, fcntl.LOCK_EX), locked(self._room, fcntl.LOCK_EX):
            yield


@contextmanager
def locked(file, kind):
    fcntl.flock(file, kind)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def folder_of(run):
    """Where the processes of one run of pytest-xdist meet."""
    return Path(tempfile.gettempdir()) / f"threadbook-turns-{run}"


def forget(run):
    shutil.rmtree(folder_of(run), ignore_errors=True)
