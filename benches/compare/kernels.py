"""Kernels as a Jupyter client sees them: how long they take to start and to answer, and their memory."""

import os
import platform
import queue
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.connect import write_connection_file
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

PATIENCE = 120
"""Seconds after which a kernel that does not answer is given up."""


@dataclass
class Peer:
    """A kernel to be measured."""

    name: str
    language: str
    argv: list
    """How it is started; `{connection_file}` stands for the file that tells it its ports."""
    environment: dict
    version: str = "?"
    """As it tells when it is started."""


class Kernel:
    """A running kernel with a client of its own."""

    def __init__(self, peer):
        self.peer = peer
        self.file, config = write_connection_file()
        argv = [word.replace("{connection_file}", self.file) for word in peer.argv]
        begin = time.perf_counter()
        self.process = subprocess.Popen(
            argv, env=peer.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        # A ZeroMQ socket looks ten times a second whether somebody listens, which is too seldom to measure by.
        self.wait_for_port(config["ip"], config["shell_port"], begin)
        self.client = BlockingKernelClient(connection_file=self.file)
        self.client.load_connection_file()
        self.client.start_channels(hb=False, stdin=False, control=False)
        info = self.client.kernel_info(reply=True, timeout=PATIENCE)
        self.started = time.perf_counter() - begin
        """Seconds from the start of the process to its first reply."""
        peer.version = "{implementation} {implementation_version}".format(**info["content"])
        self.wait_for_outputs()

    def wait_for_port(self, address, port, begin):
        while True:
            try:
                socket.create_connection((address, port), timeout=1).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    raise SystemExit(f"{self.peer.name} ended at once: run `{' '.join(self.peer.argv)}` to see why")
                if time.perf_counter() - begin > PATIENCE:
                    raise SystemExit(f"{self.peer.name} did not start in {PATIENCE} s")
                time.sleep(0.001)

    def wait_for_outputs(self):
        """What a kernel publishes before the client has subscribed is lost: asks until something comes."""
        while True:
            self.client.kernel_info(reply=True, timeout=PATIENCE)
            try:
                self.client.get_iopub_msg(timeout=0.2)
                return
            except queue.Empty:
                pass

    def run(self, code):
        """Runs a cell. Returns the seconds from the request to the idle, and what it printed or showed."""
        begin = time.perf_counter()
        request = self.client.execute(code)
        shown = []
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=PATIENCE)
            except queue.Empty:
                raise SystemExit(f"{self.peer.name} did not answer for {PATIENCE} s to:\n{code}") from None
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream" and content["name"] == "stdout":
                shown.append(content["text"])
            elif kind == "execute_result":
                shown.append(content["data"]["text/plain"])
            elif kind == "error":
                raise SystemExit(f"{self.peer.name}: {content['ename']}: {content['evalue']} in\n{code}")
            elif kind == "status" and content["execution_state"] == "idle":
                took = time.perf_counter() - begin
                self.client.get_shell_msg(timeout=PATIENCE)
                return took, "".join(shown)

    def memory(self):
        """Bytes that the kernel and all that it has started hold, pages that they share divided among them."""
        own = psutil.Process(self.process.pid)
        total = 0
        for process in [own, *own.children(recursive=True)]:
            try:
                total += process.memory_full_info().pss
            except psutil.NoSuchProcess:
                pass
        return total

    def close(self):
        self.client.shutdown()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.client.stop_channels()
        os.unlink(self.file)


def threadbook():
    """The kernel that `install.sh install` has put into Jupyter.

    Raises:
        SystemExit: there is none.
    """
    try:
        spec = KernelSpecManager().get_kernel_spec("threadbook")
    except NoSuchKernel:
        raise SystemExit("Jupyter has no kernel `threadbook`: run `./install.sh install` first.") from None
    return Peer("Threadbook", "rust", spec.argv, clean({**os.environ, **spec.env}))


def evcxr(place):
    """evcxr_jupyter from PATH; without one it is built in the folder `place`.

    Raises:
        SystemExit: it could not be built.
    """
    built = Path(place) / "bin" / "evcxr_jupyter"
    program = shutil.which("evcxr_jupyter") or (str(built) if built.exists() else None)
    if program is None:
        print("building evcxr_jupyter, which takes about 15 minutes …", file=sys.stderr, flush=True)
        build = ["cargo", "install", "evcxr_jupyter", "--locked", "--root", str(place)]
        if subprocess.run(build).returncode != 0:
            raise SystemExit("evcxr_jupyter could not be built, see above; `--without-evcxr` leaves it out.")
        program = str(built)
    return Peer("evcxr_jupyter", "rust", [program, "--control_file", "{connection_file}"], clean(os.environ))


def ipykernel():
    """Python's kernel, in the Python that runs this."""
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    return Peer("ipykernel", "python", argv, clean(os.environ))


def clean(environment):
    """Without what makes every panic slower."""
    return {name: value for name, value in environment.items() if name != "RUST_BACKTRACE"}


def machine():
    """This machine in a line."""
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        model = names[0] if names else model
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, {platform.system()} {platform.release()}"


def text_of(command):
    """What a program prints; empty when it cannot be run."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE).stdout.strip() or "?"
    except (OSError, subprocess.TimeoutExpired):
        return "?"


def versions():
    """What the figures depend on, in a line."""
    return f"{text_of(['rustc', '--version'])}, Python {platform.python_version()}"
