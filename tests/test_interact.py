"""`interact`: sliders and other controls that call a closure again with new values.

The front end of ipywidgets is played here: the comms that the kernel opens, the messages that a
slider sends when it is moved, and what a page shows in the end.
"""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from kernel_client import Cell, is_idle, plain
from test_compile_cache import logged  # noqa: F401 (a fixture)

README = Path(__file__).parent.parent / "README.md"
VIEW = "application/vnd.jupyter.widget-view+json"


class Page:
    """What a page with widgets shows of a notebook: its models and displays."""

    def __init__(self, kernel):
        self.kernel = kernel
        self.models = {}
        """State by comm id, of those that are open."""
        self.closed = []
        self.displays = {}
        """By display id, in the order of their appearance."""
        self.opened = []
        """The `comm_open` messages."""
        self.taken = []
        """All messages since the last cell that `run` has run."""

    def take(self, messages):
        self.taken += messages
        for message in messages:
            kind, content = message["msg_type"], message["content"]
            if kind == "comm_open":
                self.opened.append(message)
                self.models[content["comm_id"]] = dict(content["data"]["state"])
            elif kind == "comm_msg" and content["data"]["method"] in ("update", "echo_update"):
                self.models[content["comm_id"]].update(content["data"]["state"])
            elif kind == "comm_close":
                del self.models[content["comm_id"]]
                self.closed.append(content["comm_id"])
            elif kind in ("display_data", "update_display_data"):
                shown = content["transient"].get("display_id")
                assert (kind == "update_display_data") == (shown in self.displays), message
                self.displays[shown] = content["data"]

    def run(self, code, **options):
        cell = self.see(self.kernel.run(code, **options))
        self.taken = []
        return cell

    def see(self, cell):
        late, self.kernel.late = self.kernel.late, []
        self.take(cell.messages + late)
        return cell

    def execute_as(self, code, cell_id):
        """Runs a cell as JupyterLab does, which tells which of the notebook's cells it is."""
        cell = Cell(code)
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
        message = self.kernel.client.session.msg("execute_request", content, metadata={"cellId": cell_id})
        cell.id = message["header"]["msg_id"]
        self.kernel.client.shell_channel.send(message)
        return self.see(self.kernel.finish(cell))

    def comm(self, name):
        """The comm of the control with this name."""
        [found] = [comm for comm, state in self.models.items() if state.get("description") == name]
        return found

    def send(self, kind, comm, **content):
        """Sends a message about a comm and does not wait."""
        sent = Cell(f"{kind} {content}")
        message = self.kernel.client.session.msg(kind, {"comm_id": comm, **content})
        sent.id = message["header"]["msg_id"]
        self.kernel.client.shell_channel.send(message)
        return sent

    def move(self, name, value, key="value"):
        """Sends the new value of a control and does not wait."""
        return self.send("comm_msg", self.comm(name), data={"method": "update", "state": {key: value}, "buffer_paths": []})

    def wait(self, sent):
        while not is_idle(self.kernel.receive(sent)):
            pass
        # All that it led to, under the header of the control's cell too, was sent before.
        late, self.kernel.late = self.kernel.late, []
        self.take(late + sent.messages)
        return sent

    def change(self, name, value, key="value"):
        return self.wait(self.move(name, value, key))

    @property
    def shown(self):
        """The plain texts of all displays that are not empty, but for the controls' own."""
        texts = [plain(data["text/plain"]) for data in self.displays.values() if VIEW not in data]
        return [text for text in texts if text and "ipywidgets" not in text]


@pytest.fixture
def page(fresh):
    return Page(fresh)


def is_drop(message):
    return message["content"].get("text") == "dropped\n"


SQUARE = 'interact(slider("workers", 1..=8), |workers: u64| workers * workers);'


class TestWhatIsShown:
    def test_a_slider_and_the_first_value(self, page):
        cell = page.run(SQUARE).good()
        slider = page.models[page.comm("workers")]
        assert (slider["_model_name"], slider["_model_module"]) == ("IntSliderModel", "@jupyter-widgets/controls")
        assert (slider["min"], slider["max"], slider["value"]) == (1, 8, 4)
        for message in page.opened:
            assert message["metadata"]["version"].startswith("2.")
            assert message["content"]["target_name"] == "jupyter.widget"
            assert message["parent_header"]["msg_id"] == cell.id
        controls, value = cell.displays
        assert controls[VIEW]["model_id"] == page.comm("workers")
        assert controls["text/plain"] == (
            "workers = 4 (controls need ipywidgets: pip install ipywidgets, then reload)"
        )
        assert value["text/plain"] == "16"

    def test_a_change_is_shown_in_place_without_the_compiler(self, logged):  # noqa: F811
        kernel = logged()
        page = Page(kernel.kernel)
        cell, calls = kernel.compiled(SQUARE)
        assert calls >= 1
        page.see(cell)
        before = kernel.calls()
        changed = page.change("workers", 7)
        assert page.shown == ["49"]
        assert [m["content"]["execution_state"] for m in changed.messages if m["msg_type"] == "status"] == ["busy", "idle"]
        for value in range(1, 9):
            page.change("workers", value)
            assert page.shown == [str(value * value)]
        assert kernel.calls() == before
        # The kernel goes on as ever.
        assert kernel.kernel.good("1 + 1").result == "2"

    def test_the_example_of_the_readme(self, page):
        [section] = re.findall(r"## Sliders and menus\n.*?```rust\n(.*?)```", README.read_text(), re.S)
        page.run(section).good()
        page.change("workers", 4)
        page.change("tasks", 10)
        page.change("long", True)
        chart = [data for data in page.displays.values() if "image/svg+xml" in data or "text/html" in data]
        assert len(chart) == 1, page.displays
        assert "10 tasks" in chart[0]["text/plain"] and "4 worker" in chart[0]["text/plain"], chart

    def test_all_controls_in_a_tuple(self, page):
        page.run(
            """
            let controls = (
                slider("workers", 1..=8).value(2),
                menu("kind", ["threads", "processes"]),
                checkbox("locked"),
                slider("scale", 0.1..=2.0).step(0.1).value(0.5),
                textbox("title").value("A"),
            );
            interact(controls, |(workers, kind, locked, scale, title)| {
                Markdown(format!("{workers} {kind} {locked} {scale:.1} {title}"))
            });
            """
        ).good()
        names = [state["_model_name"] for state in page.models.values() if "description" in state]
        assert names == ["IntSliderModel", "DropdownModel", "CheckboxModel", "FloatSliderModel", "TextModel"]
        [box] = [state for state in page.models.values() if state["_model_name"] == "VBoxModel"]
        assert [child.removeprefix("IPY_MODEL_") for child in box["children"]] == [
            page.comm(name) for name in ("workers", "kind", "locked", "scale", "title")
        ]
        assert page.shown == ["2 threads false 0.5 A"]
        page.change("workers", 3)
        page.change("kind", 1, key="index")
        page.change("locked", True)
        page.change("scale", 1.7)
        page.change("title", "é")
        assert page.shown == ["3 processes true 1.7 é"]
        [shown] = [data for data in page.displays.values() if "text/markdown" in data]
        assert shown["text/markdown"] == "3 processes true 1.7 é"

    def test_what_is_printed_and_displayed_is_replaced_too(self, page):
        cell = page.run(
            """
            println!("before");
            interact(slider("n", 0..=5).value(2), |n| {
                for i in 0..n { println!("line {i}"); }
                display(&Html(format!("<b>{n}</b>")));
                eprintln!("end");
            });
            println!("after");
            """
        )
        assert cell.stdout == "before\nafter\n" and cell.stderr == "", str(cell)
        assert page.shown == ["line 0\nline 1", "<b>2</b>", "end"]
        page.change("n", 1)
        assert page.shown == ["line 0", "<b>1</b>", "end"]
        page.change("n", 0)
        # Two outputs in place of three.
        assert page.shown == ["<b>0</b>", "end"]
        page.change("n", 3)
        assert page.shown == ["line 0\nline 1\nline 2", "<b>3</b>", "end"]

    def test_the_closure_keeps_what_it_has(self, page):
        page.run(
            """
            let factor = 10;
            let mut calls = 0;
            interact(slider("n", 1..=8), move |n| { calls += 1; (n * factor, calls) });
            """
        ).good()
        page.change("n", 8)
        page.change("n", 2)
        assert page.shown == ["(20, 3)"]
        # A value that cannot be, the same again, and other state: nothing is called.
        for state in ({"value": "x"}, {"value": 2}, {"description": "n"}):
            page.wait(page.send("comm_msg", page.comm("n"), data={"method": "update", "state": state}))
        assert page.shown == ["(20, 3)"]
        page.change("n", 99)
        assert page.shown == ["(80, 4)"] and page.models[page.comm("n")]["value"] == 8

    def test_an_error_of_the_compiler_says_what_can_be_shown(self, page):
        error = page.run('struct Own;\ninteract(checkbox("c"), |_| Own);').failed("CompileError")
        assert "does not know how to show" in error.text and "show!(value);" in error.text
        page.run('#[derive(Debug)] struct Own(i32);\ninteract(slider("n", 1..=3), |n| show!(Own(n)));').good()
        page.change("n", 3)
        assert page.shown == ["Own(3)"]


class TestCalls:
    SLOW = """
        let mut seen = Vec::new();
        interact(slider("n", 0..=100).value(0), move |n| {
            seen.push(n);
            if n > 0 { sleep(0.3); }
            format!("{seen:?}")
        });
    """

    def test_only_the_latest_of_many_changes_counts(self, page):
        page.run(self.SLOW).good()
        sent = [page.move("n", value) for value in range(1, 41)]
        for change in sent:
            page.wait(change)
        [seen] = page.shown
        seen = [int(number) for number in seen.strip('"[]').split(",")]
        assert seen[0] == 0 and seen[-1] == 40
        assert len(seen) < 20, seen

    def test_changes_wait_for_the_running_cell(self, page):
        page.run('interact(slider("n", 1..=8), |n| n);').good()
        cell = page.kernel.begin('println!("it waits"); sleep(1.0); println!("it has waited");')
        change = page.move("n", 8)
        page.wait(change)
        assert page.shown == ["8"]
        # The cell had ended before the change was looked at.
        assert any(is_idle(m) and m["parent_header"]["msg_id"] == cell.id for m in page.taken)
        printed = [m["content"]["text"] for m in page.taken if m["msg_type"] == "stream"]
        assert printed == ["it has waited\n"]

    def test_a_panic_is_shown_in_place_of_the_value(self, page):
        page.run('interact(slider("n", 1..=8), |n: i32| {\n    assert!(n != 5, "no fives");\n    n\n});').good()
        page.change("n", 5)
        [shown] = page.shown
        assert shown.startswith("Panic: no fives") and "In[1]:2:5" in shown, shown
        page.change("n", 6)
        assert page.shown == ["6"]
        assert page.kernel.good("1").result == "1"

    def test_a_panic_with_the_first_values_is_the_cells_and_the_controls_go_on(self, page):
        cell = page.run('interact(slider("n", 1..=8), |n: i32| { println!("{n}"); assert!(n != 4); n });')
        cell.failed("Panic")
        page.change("n", 6)
        assert page.shown == ["6", "6"]

    def test_an_interrupt_ends_a_call(self, page):
        page.run('interact(slider("n", 1..=8), |n| { if n == 5 { println!("long"); sleep(600.0); } n });').good()
        change = page.move("n", 5)
        page.kernel.wait_late("the text", lambda m: "long" in m["content"].get("data", {}).get("text/plain", ""))
        page.kernel.interrupt()
        page.wait(change)
        assert page.shown[0] == "long" and page.shown[1].startswith("KeyboardInterrupt"), page.shown
        page.change("n", 6)
        assert page.shown == ["6"]

    def test_an_interrupt_ends_a_call_that_computes(self, page):
        page.run("let kept = 5;").good()
        page.run(
            'interact(slider("n", 1..=8), |n| { if n == 5 { println!("long"); loop { std::hint::spin_loop() } } n });'
        ).good()
        change = page.move("n", 5)
        page.kernel.wait_late("the text", lambda m: "long" in m["content"].get("data", {}).get("text/plain", ""))
        page.kernel.interrupt()
        page.wait(change)
        assert any(text.startswith("KeyboardInterrupt") for text in page.shown), page.shown
        page.change("n", 6)
        assert page.shown == ["6"]
        assert page.kernel.good("kept").result == "5"


class TestLife:
    def test_a_rerun_replaces_the_controls(self, page):
        page.run(SQUARE).good()
        old = page.comm("workers")
        models = set(page.models)
        page.run(SQUARE).good()
        assert set(page.closed) == models
        page.change("workers", 3)
        assert page.shown[-1] == "9"
        # One who has not heard of it moves the old one.
        page.wait(page.send("comm_msg", old, data={"method": "update", "state": {"value": 8}}))
        assert page.shown[-1] == "9"

    def test_a_cell_that_was_edited_replaces_its_controls(self, page):
        page.execute_as(SQUARE, "a").good()
        page.execute_as('interact(slider("other", 1..=8), |n| n);', "b").good()
        page.execute_as(SQUARE.replace("workers", "threads"), "a").good()
        names = [state["description"] for state in page.models.values() if "description" in state]
        assert names == ["other", "threads"]

    def test_a_page_that_is_loaded_again_gets_the_state(self, page):
        page.run(SQUARE).good()
        page.change("workers", 7)
        kernel = page.kernel
        kernel.client.comm_info("jupyter.widget")
        info = kernel.client.get_shell_msg(timeout=60)["content"]
        assert set(info["comms"]) == set(page.models)
        kernel.client.comm_info("another")
        assert kernel.client.get_shell_msg(timeout=60)["content"]["comms"] == {}
        comm = page.comm("workers")
        asked = page.wait(page.send("comm_msg", comm, data={"method": "request_state"}))
        [state] = asked.contents("comm_msg")
        assert state["comm_id"] == comm and state["data"]["method"] == "update"
        assert state["data"]["state"]["value"] == 7
        # All at once, as the widget manager asks first.
        page.wait(page.send("comm_open", "asker", target_name="jupyter.widget.control", data={}))
        asked = page.kernel
        sent = page.send("comm_msg", "asker", data={"method": "request_states"})
        while not is_idle(asked.receive(sent)):
            pass
        [states] = sent.contents("comm_msg")
        assert states["comm_id"] == "asker" and states["data"]["method"] == "update_states"
        states = states["data"]["states"]
        assert set(states) == set(page.models) and states[comm]["state"]["value"] == 7
        assert states[comm]["model_name"] == "IntSliderModel"

    def test_without_ipywidgets_it_says_so(self, page):
        page.run(
            """
            struct Told;
            impl Drop for Told { fn drop(&mut self) { println!("dropped"); } }
            let told = Told;
            interact(slider("workers", 1..=8), move |workers| { let _ = &told; workers });
            """
        ).good()
        # What JupyterLab does for a target that it does not know.
        comms = list(page.models)
        for comm in comms:
            page.wait(page.send("comm_close", comm, data={}))
        assert not page.models
        texts = [plain(data["text/plain"]) for data in page.displays.values()]
        assert texts == ["workers = 4 (controls need ipywidgets: pip install ipywidgets, then reload)", "4"]
        assert all(VIEW not in data for data in page.displays.values())
        # The closure goes with its controls.
        if not any(is_drop(message) for message in page.taken):
            page.kernel.wait_late("the drop", is_drop)

    def test_a_plain_front_end_shows_the_first_value(self, kernel_name):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SQUARE)])
        NotebookClient(notebook, kernel_name=kernel_name, timeout=120).execute()
        texts = [output["data"]["text/plain"] for output in notebook.cells[0].outputs]
        assert texts == ["workers = 4 (controls need ipywidgets: pip install ipywidgets, then reload)", "16"]

    def test_controls_survive_a_crash_with_the_checkpoint(self, page):
        page.run('interact(slider("a", 1..=8), |n| { if n == 7 { std::process::abort() } n });').good()
        page.run('let kept = vec![1, 2];').good()
        page.run("std::process::abort()").failed("Crash")
        page.change("a", 3)
        assert page.shown == ["3"]
        page.change("a", 7)
        [shown] = page.shown
        assert shown.startswith("Crash: SIGABRT") and "All variables are as they were" in shown, shown
        page.change("a", 8)
        assert page.shown == ["8"] and not page.closed
        assert page.kernel.good("kept").result == "[1, 2]"

    def test_controls_of_the_cell_that_crashed_are_closed(self, page):
        page.run(SQUARE).good()
        cell = page.run('interact(checkbox("c"), |c| c); std::process::abort()')
        cell.failed("Crash")
        names = [state["description"] for state in page.models.values() if "description" in state]
        assert names == ["workers"]

    def test_controls_are_closed_when_the_process_is_lost(self, page):
        page.run("%checkpoint off")
        page.run(SQUARE).good()
        page.run("std::process::abort()").failed("Crash")
        assert not page.models
        texts = [data["text/plain"] for data in page.displays.values()]
        assert any(text.startswith("workers = 4 (") and "run the cell again" in text for text in texts), texts

    def test_captured_output_has_no_controls(self, page):
        page.run("%%capture shown\n" + SQUARE).good()
        assert not page.models and not page.shown
        assert page.run("shown.displays.len()").good().result == "1"
