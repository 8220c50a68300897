"""`interact` in a real JupyterLab, in a Chromium without a window: the slider is moved by keys and
by the mouse, and the output beside it changes."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import nbformat
import pytest

from kernel_client import PATIENCE, wait_until

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MISSING = [name for name in ("playwright", "jupyterlab", "ipywidgets") if importlib.util.find_spec(name) is None]

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on PATH"),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

CELL = """
let controls = (slider("workers", 1..=8).value(2), menu("kind", ["threads", "processes"]), checkbox("locked"));
interact(controls, |(workers, kind, locked)| {
    println!("{} tasks", workers * 2);
    let bars: String = (0..workers)
        .map(|row| format!("<rect y='{}' width='{}' height='14' fill='steelblue'/>", row * 18, 400 / workers))
        .collect();
    display(&Svg(format!("<svg xmlns='http://www.w3.org/2000/svg' width='400' height='{}'>{bars}</svg>", workers * 18)));
    format!("{workers} {kind}, locked: {locked}")
});
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def lab(tmp_path, kernel_name):
    """A running JupyterLab with the notebook `n.ipynb`; its address."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL.strip())])
    notebook.metadata["kernelspec"] = {"name": kernel_name, "display_name": "Rust", "language": "rust"}
    folder = tmp_path / "notebooks"
    folder.mkdir()
    nbformat.write(notebook, folder / "n.ipynb")
    address = f"http://127.0.0.1:{(port := free_port())}"
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"),
        *("--ServerApp.port_retries=0", "--ServerApp.token=", "--ServerApp.password=", f"--ServerApp.root_dir={folder}"),
        *("--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"),
        f"--LabApp.workspaces_dir={tmp_path / 'workspaces'}",
    ]
    log = open(tmp_path / "lab.log", "w+")
    # In a group of its own, so that its kernels end with it.
    server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)

    def answers():
        assert server.poll() is None, (tmp_path / "lab.log").read_text()
        try:
            return urllib.request.urlopen(f"{address}/api", timeout=5).status == 200
        except (urllib.error.URLError, OSError):
            return False

    try:
        wait_until("JupyterLab's answer", answers)
        yield address
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
        log.close()


@pytest.fixture
def page(lab):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        page = browser.new_page(viewport={"width": 1100, "height": 700})
        page.set_default_timeout(PATIENCE * 1000)
        page.goto(f"{lab}/lab/tree/n.ipynb?reset")
        yield page
        browser.close()


def test_the_controls_change_the_output(page, tmp_path):
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
    # Until then there is nobody to run it.
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for(state="attached")
    page.keyboard.press("Shift+Enter")
    outputs = page.locator(".jp-OutputArea-output")
    value = outputs.filter(has_text="locked:").filter(has_not=page.locator("input, select")).locator("pre")
    value.filter(has_text='"2 threads, locked: false"').wait_for()

    # By keys, which arrive faster than the kernel calls the closure.
    handle = page.locator(".widget-slider .noUi-handle")
    handle.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    value.filter(has_text='"5 threads, locked: false"').wait_for()
    assert page.locator(".widget-readout").inner_text() == "5"
    outputs.filter(has_text="10 tasks").wait_for()

    # By the mouse, to the right end.
    box = handle.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 600, box["y"] + box["height"] / 2, steps=12)
    page.mouse.up()
    value.filter(has_text='"8 threads, locked: false"').wait_for()

    page.locator(".widget-dropdown select").select_option("processes")
    value.filter(has_text='"8 processes, locked: false"').wait_for()
    page.locator(".widget-checkbox input").check()
    value.filter(has_text='"8 processes, locked: true"').wait_for()

    # One of each: nothing is left of what was shown before.
    assert value.count() == 1
    assert outputs.filter(has_text="tasks").count() == 1
    outputs.filter(has_text="16 tasks").wait_for()
    page.screenshot(path=tmp_path / "controls.png")

    # The cell again: the controls are new, and the old ones gone.
    page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Control+Enter")
    value.filter(has_text='"2 threads, locked: false"').wait_for()
    assert page.locator(".widget-slider").count() == 1
    handle.focus()
    page.keyboard.press("ArrowLeft")
    value.filter(has_text='"1 threads, locked: false"').wait_for()
