"""What the protocol's own suite leaves out, over a real client."""

import os
import time
import uuid

import pytest
import zmq
from jupyter_client.session import Session

from kernel_client import connection, descendants, is_idle, is_running, kill, wait_until
from test_output import WAIT


def busy_until(path):
    """A cell that says it runs and ends when the file is there."""
    return f'println!("started"); {WAIT.format(path)}'


class TestKernelInfo:
    def test_language_info(self, kernel):
        info = kernel.reply(kernel.client.kernel_info())["content"]
        assert info["status"] == "ok" and info["implementation"] == "threadbook"
        assert info["protocol_version"].startswith("5.")
        language = info["language_info"]
        assert (language["name"], language["mimetype"], language["file_extension"]) == ("rust", "text/x-rustsrc", ".rs")
        assert language["codemirror_mode"] == "rust" and language["pygments_lexer"] == "rust"
        assert "Rust" in info["banner"] and info["help_links"]

    def test_the_version_is_the_compilers(self, kernel):
        kernel.good("1")
        version = kernel.reply(kernel.client.kernel_info())["content"]["language_info"]["version"]
        assert [part.isdigit() for part in version.split("-")[0].split(".")] == [True] * 3

    def test_on_control_too(self, kernel):
        message = kernel.client.session.msg("kernel_info_request")
        kernel.client.control_channel.send(message)
        reply = kernel.reply(message["header"]["msg_id"], "control")
        assert reply["content"]["implementation"] == "threadbook"

    def test_the_first_reply_needs_no_compiler(self, start):
        # `start` waits for it; a cell needs the compiler, so it cannot be faster.
        begun = time.monotonic()
        kernel = start()
        replied = time.monotonic() - begun
        kernel.good("1")
        assert replied < time.monotonic() - begun


class TestExecute:
    def test_messages_of_a_cell_in_order(self, fresh):
        cell = fresh.good("1 + 1")
        assert [m["msg_type"] for m in cell.messages] == ["status", "execute_input", "execute_result", "status"]
        busy, shown, result, idle = cell.contents("status", "execute_input", "execute_result")
        assert (busy["execution_state"], idle["execution_state"]) == ("busy", "idle")
        assert shown == {"code": "1 + 1", "execution_count": 1}
        assert result["execution_count"] == 1
        reply = cell.reply["content"]
        assert (reply["status"], reply["execution_count"], reply["user_expressions"]) == ("ok", 1, {})

    def test_counts_from_one_and_failed_cells_count(self, fresh):
        assert [fresh.run(code).count for code in ("1", "", "missing()", "panic!()", "5;")] == [1, 2, 3, 4, 5]

    def test_silent(self, fresh):
        fresh.good("let x = 1;")
        cell = fresh.run('println!("said"); let y = x + 1; display(&Html("shown")); y', silent=True)
        assert [m["msg_type"] for m in cell.messages if m["msg_type"] not in ("stream", "display_data")] == ["status", "status"], str(cell)
        assert fresh.good("y").count == 2
        history = fresh.reply(fresh.client.history(hist_access_type="tail", n=5))["content"]["history"]
        assert [code for _, _, code in history][-2:] == ["let x = 1;", "y"]

    def test_store_history_false(self, fresh):
        first = fresh.good("1", store_history=False)
        assert first.result == "1"
        second = fresh.good("2")
        assert second.count == 1
        history = fresh.reply(fresh.client.history(hist_access_type="range", session=0, start=0, stop=None))
        assert [code for _, _, code in history["content"]["history"]] == ["2"]

    def test_an_error_aborts_what_is_queued(self, fresh, tmp_path):
        failing = fresh.send(f"{busy_until(tmp_path / 'go')}\npanic!(\"stop\")")
        queued = [fresh.send(f"let x{i} = {i};") for i in range(3)]
        fresh.see(failing, "started")
        (tmp_path / "go").touch()
        fresh.finish(failing).failed("Panic")
        for cell in queued:
            fresh.finish(cell)
            assert cell.status == "aborted", str(cell)
            assert cell.outputs == [], str(cell)
        fresh.run("x0").failed("CompileError")
        assert fresh.good("1 + 1").result == "2"

    def test_unless_it_is_told_not_to(self, fresh, tmp_path):
        failing = fresh.send(f"{busy_until(tmp_path / 'go')}\npanic!(\"stop\")", stop_on_error=False)
        queued = fresh.send("let x = 3;\nx")
        (tmp_path / "go").touch()
        fresh.finish(failing).failed("Panic")
        assert fresh.finish(queued).good().result == "3"

    def test_cells_sent_at_once_run_in_order(self, fresh):
        cells = [fresh.send("let mut n = 0;"), *(fresh.send("n += 1;\nn") for _ in range(5))]
        assert [fresh.finish(cell).good().result for cell in cells] == [None, "1", "2", "3", "4", "5"]

    def test_user_expressions(self, fresh):
        fresh.good("let x = 20;")
        cell = fresh.good(
            "let y = 1;", user_expressions={"sum": "x + y", "bad": "missing", "rich": 'Html("<b>x</b>")', "boom": 'panic!("boom")'}
        )
        values = cell.reply["content"]["user_expressions"]
        assert values["sum"] == {"status": "ok", "data": {"text/plain": "21"}, "metadata": {}}
        assert values["bad"]["status"] == "error" and "missing" in values["bad"]["evalue"]
        assert values["bad"]["ename"] and values["bad"]["traceback"]
        assert values["rich"]["data"]["text/html"] == "<b>x</b>"
        assert values["boom"]["status"] == "error"
        assert cell.outputs == [], str(cell)
        assert fresh.good("x + y").count == 3

    def test_user_expressions_of_a_failed_cell(self, fresh):
        cell = fresh.run("missing()", user_expressions={"one": "1"})
        assert cell.status == "error" and "user_expressions" not in cell.reply["content"] or not cell.reply["content"]["user_expressions"]


class TestComms:
    def test_comm_info(self, kernel):
        assert kernel.reply(kernel.client.comm_info())["content"] == {"status": "ok", "comms": {}}
        assert kernel.reply(kernel.client.comm_info("some.target"))["content"]["comms"] == {}

    def test_an_unknown_target_is_closed(self, fresh):
        comm = str(uuid.uuid4())
        message = fresh.client.session.msg("comm_open", {"comm_id": comm, "target_name": "nobody", "data": {}})
        fresh.client.shell_channel.send(message)
        closed = fresh.wait_late("comm_close", lambda m: m["msg_type"] == "comm_close")
        assert closed["content"]["comm_id"] == comm

    def test_messages_of_unknown_comms_do_no_harm(self, kernel):
        for kind in ("comm_msg", "comm_close"):
            kernel.client.shell_channel.send(kernel.client.session.msg(kind, {"comm_id": "none", "data": {}}))
        assert kernel.good("1 + 1").result == "2"


class TestInterrupt:
    def interrupted(self, kernel, cell):
        kernel.interrupt()
        kernel.finish(cell).failed("KeyboardInterrupt")
        assert kernel.good("1 + 1").result == "2"

    @pytest.mark.parametrize(
        "code",
        [
            "loop { std::hint::spin_loop() }",
            "loop { std::thread::sleep(std::time::Duration::from_secs(3600)); }",
            "sleep(3600.0);",
            "std::thread::spawn(|| loop { std::thread::park() }).join().unwrap();",
            "std::sync::mpsc::channel::<()>().1.recv().ok(); let m = std::sync::Mutex::new(1); let _a = m.lock(); let _b = m.lock();",
            'std::process::Command::new("sleep").arg("3600").status()?;',
            "tokio::time::sleep(std::time::Duration::from_secs(3600)).await;",
            'loop { println!("x"); }',
        ],
    )
    def test_while_running(self, fresh, code):
        cell = fresh.send(f'println!("started");\n{code}')
        fresh.see(cell, "started")
        self.interrupted(fresh, cell)

    def test_while_compiling(self, fresh):
        # Compiles for ever: the evaluation of a constant that does not end.
        cell = fresh.send("#![allow(long_running_const_eval)]\nconst N: u64 = { let mut n = 0u64; while n < u64::MAX { n += 1; } n };\nN")
        # Beside the keeper and the worker.
        wait_until("the compiler", lambda: len(descendants(fresh.pid)) >= 3)
        self.interrupted(fresh, cell)

    def test_it_aborts_what_is_queued(self, fresh):
        cell = fresh.send('println!("started");\nloop { std::hint::spin_loop() }')
        queued = fresh.send("let never = 1;")
        fresh.see(cell, "started")
        fresh.interrupt()
        fresh.finish(cell).failed("KeyboardInterrupt")
        assert fresh.finish(queued).status == "aborted"

    def test_between_cells_it_does_nothing(self, fresh):
        fresh.good("let kept = 1;")
        fresh.interrupt()
        assert fresh.good("kept").result == "1"

    def test_items_are_kept(self, fresh):
        fresh.good("fn kept() -> u8 { 4 }")
        cell = fresh.send('println!("started");\nloop { std::hint::spin_loop() }')
        fresh.see(cell, "started")
        self.interrupted(fresh, cell)
        assert fresh.good("kept()").result == "4"


class TestProcesses:
    BACKGROUND = """
        let t = std::thread::spawn(|| loop { std::thread::park() });
        let me = std::process::id();
        println!("{me}");
        """

    def worker(self, kernel):
        """Starts a thread that never ends; returns the id of the process that runs cells."""
        worker = int(kernel.good(self.BACKGROUND).stdout)
        assert worker in descendants(kernel.pid)
        return worker

    def gone(self, *pids):
        for pid in pids:
            wait_until(f"the end of process {pid}", lambda: not is_running(pid))

    def test_shutdown_leaves_none(self, start):
        kernel = start()
        self.worker(kernel)
        pids = kernel.processes()
        reply = kernel.reply(kernel.client.shutdown(), "control")
        assert reply["content"]["status"] == "ok" and reply["content"]["restart"] is False
        self.gone(*pids)

    def test_shutdown_while_a_cell_runs(self, start):
        kernel = start()
        cell = kernel.send('println!("started");\nloop { std::hint::spin_loop() }')
        kernel.see(cell, "started")
        pids = kernel.processes()
        assert len(pids) >= 2
        kernel.client.shutdown()
        self.gone(*pids)

    def test_restart_forgets_everything(self, start):
        kernel = start()
        kernel.good("let x = 1; fn f() {}")
        old = kernel.processes()
        kernel.manager.restart_kernel()
        kernel.client.wait_for_ready(timeout=60)
        self.gone(*old)
        assert kernel.run("x").failed("CompileError")
        cell = kernel.run("f()")
        cell.failed("CompileError")
        assert cell.count == 2

    def test_a_killed_kernel_leaves_no_worker(self, start):
        kernel = start()
        self.worker(kernel)
        pids = kernel.processes()
        kill(kernel.pid)
        self.gone(*pids)

    def test_a_killed_kernel_leaves_no_busy_worker(self, start):
        kernel = start()
        cell = kernel.send('println!("started");\nloop { std::hint::spin_loop() }')
        kernel.see(cell, "started")
        pids = kernel.processes()
        kill(kernel.pid)
        self.gone(*pids)

    def test_a_killed_worker_is_an_error_and_a_new_one_comes(self, start):
        kernel = start()
        worker = self.worker(kernel)
        cell = kernel.send('println!("started");\nloop { std::hint::spin_loop() }')
        kernel.see(cell, "started")
        kill(worker)
        kernel.finish(cell).failed("Crash", "SIGKILL")
        assert int(kernel.good("std::process::id()").result) != worker

    def test_a_worker_killed_between_cells(self, start):
        kernel = start()
        kernel.good("fn kept() -> u8 { 3 }")
        worker = self.worker(kernel)
        kill(worker)
        self.gone(worker)
        first = kernel.run("kept()")
        assert first.result == "3" or first.error.name == "Crash", str(first)
        assert kernel.good("kept()").result == "3"

    def test_sigterm_ends_it(self, start):
        kernel = start()
        self.worker(kernel)
        pids = kernel.processes()
        os.kill(kernel.pid, 15)
        self.gone(*pids)

    def test_no_file_is_left_behind(self, start, tmp_path):
        kernel = start(env={"TMPDIR": str(tmp_path)})
        kernel.good("let x = 1;")
        pids = kernel.processes()
        kernel.client.shutdown()
        self.gone(*pids)
        assert list(tmp_path.iterdir()) == []


class TestWire:
    def test_heartbeat_during_a_busy_cell(self, fresh, tmp_path):
        cell = fresh.send(busy_until(tmp_path / "go"))
        fresh.see(cell, "started")
        info = connection(fresh)
        socket = zmq.Context.instance().socket(zmq.REQ)
        socket.connect(f"tcp://{info['ip']}:{info['hb_port']}")
        try:
            for ping in (b"ping", b"", b"\x00\xff" * 100):
                socket.send(ping)
                assert socket.poll(30_000), "no heartbeat"
                assert socket.recv() == ping
        finally:
            socket.close(linger=0)
            (tmp_path / "go").touch()
        fresh.finish(cell).good()

    def test_questions_are_answered_on_control_during_a_busy_cell(self, fresh, tmp_path):
        cell = fresh.send(busy_until(tmp_path / "go"))
        fresh.see(cell, "started")
        message = fresh.client.session.msg("kernel_info_request")
        fresh.client.control_channel.send(message)
        fresh.reply(message["header"]["msg_id"], "control")
        (tmp_path / "go").touch()
        fresh.finish(cell).good()

    def test_a_second_client_sees_the_cell(self, fresh):
        other = fresh.manager.client()
        # Not its shell: the manager's clients have one identity there, and get each other's replies.
        other.start_channels(shell=False, stdin=False, hb=False, control=False)
        try:
            welcome = other.get_iopub_msg(timeout=30)
            assert welcome["msg_type"] == "iopub_welcome" and welcome["content"]["subscription"] == ""
            cell = fresh.good("40 + 2")
            seen = []
            while not seen or not (is_idle(seen[-1]) and seen[-1]["parent_header"].get("msg_id") == cell.id):
                seen.append(other.get_iopub_msg(timeout=30))
            assert "execute_result" in [m["msg_type"] for m in seen]
        finally:
            other.stop_channels()

    def test_a_bad_signature_is_dropped(self, fresh):
        info = connection(fresh)
        forger = Session(key=b"not the key", signature_scheme=info["signature_scheme"])
        socket = zmq.Context.instance().socket(zmq.DEALER)
        socket.connect(f"tcp://{info['ip']}:{info['shell_port']}")
        try:
            forger.send(socket, "execute_request", {"code": "let forged = 1;", "silent": False})
            forger.send(socket, "kernel_info_request", {})
            fresh.good("1")
            fresh.run("forged").failed("CompileError")
            assert not socket.poll(0), "a forged message was answered"
        finally:
            socket.close(linger=0)

    @pytest.mark.parametrize("channel", ["shell_port", "control_port", "stdin_port"])
    def test_garbage_is_survived(self, fresh, channel):
        info = connection(fresh)
        honest = Session(key=info["key"].encode(), signature_scheme=info["signature_scheme"])
        socket = zmq.Context.instance().socket(zmq.DEALER)
        socket.connect(f"tcp://{info['ip']}:{info[channel]}")

        def signed(*parts):
            return [b"<IDS|MSG>", honest.sign(list(parts)), *parts]

        try:
            for frames in (
                [b""],
                [b"garbage"],
                [b"<IDS|MSG>"],
                [b"<IDS|MSG>", b"", b"", b"", b"", b""],
                [b"<IDS|MSG>", b"sig", b"{}", b"{}", b"{}", b"{}"],
                signed(b"{}", b"{}", b"{}", b"{}"),
                signed(b"not json", b"{}", b"{}", b"{}"),
                signed(b"[]", b"3", b"null", b'"x"'),
                signed(b"\xff\xfe", b"{}", b"{}", b"{}"),
            ):
                socket.send_multipart(frames)
            for kind, content in (
                ("execute_request", {}),
                ("execute_request", {"code": 5}),
                ("complete_request", {"code": "äö", "cursor_pos": 99}),
                ("inspect_request", {"code": "", "cursor_pos": -1}),
                ("history_request", {"hist_access_type": "whatever"}),
                ("is_complete_request", {"code": None}),
                ("no_such_request", {}),
                ("shutdown_reply", {}),
            ):
                honest.send(socket, kind, content)
            assert fresh.good("2 * 3").result == "6"
        finally:
            socket.close(linger=0)
        with_client = zmq.Context.instance().socket(zmq.STREAM)
        try:
            with_client.connect(f"tcp://{info['ip']}:{info[channel]}")
            identity = with_client.recv_multipart()[0]
            with_client.send_multipart([identity, b"GET / HTTP/1.1\r\n\r\n"])
        finally:
            with_client.close(linger=100)
        assert fresh.good("3 * 3").result == "9"

    def test_ipc(self, start, tmp_path, monkeypatch):
        # The names of sockets may not be long.
        folder = f"/tmp/tb-{uuid.uuid4().hex[:8]}"
        os.mkdir(folder)
        try:
            kernel = start(transport="ipc", ip=f"{folder}/k")
            assert connection(kernel)["transport"] == "ipc"
            cell = kernel.good('println!("over a file"); 5')
            assert (cell.stdout, cell.result) == ("over a file\n", "5")
            kernel.close()
        finally:
            for name in os.listdir(folder):
                os.unlink(f"{folder}/{name}")
            os.rmdir(folder)

    def test_late_output_keeps_its_parent(self, fresh, tmp_path):
        first = fresh.good(f'let t = std::thread::spawn(|| {{ {WAIT.format(tmp_path / "go")} println!("late"); }});')
        (tmp_path / "go").touch()
        message = fresh.wait_late("late output", lambda m: m["msg_type"] == "stream")
        assert message["parent_header"]["msg_id"] == first.id
        assert message["parent_header"]["msg_type"] == "execute_request"


class TestStdin:
    def ask(self, kernel, code):
        """Sends a cell that asks; returns it and what it asks."""
        cell = kernel.send(code, allow_stdin=True)
        return cell, kernel.client.get_stdin_msg(timeout=60)

    def test_input(self, fresh):
        cell, request = self.ask(fresh, 'print!("before ");\nlet name = input("Name? ")?;\nprintln!("hello, {name}");')
        assert request["msg_type"] == "input_request"
        assert request["content"] == {"prompt": "Name? ", "password": False}
        assert request["parent_header"]["msg_id"] == cell.id
        fresh.see(cell, "before")
        fresh.client.input("Jürgen")
        assert fresh.finish(cell).good().stdout == "before hello, Jürgen\n"
        assert fresh.good("name").result == '"Jürgen"'

    def test_password(self, fresh):
        cell, request = self.ask(fresh, 'password("Secret: ")?.len()')
        assert request["content"] == {"prompt": "Secret: ", "password": True}
        fresh.client.input("12345")
        assert fresh.finish(cell).good().result == "5"

    def test_several_times_and_from_a_thread(self, fresh):
        cell, _ = self.ask(
            fresh, 'let a = input("1")?;\nlet b = std::thread::spawn(|| input("2")).join().unwrap()?;\nformat!("{a}{b}")'
        )
        fresh.client.input("x")
        assert fresh.client.get_stdin_msg(timeout=60)["content"]["prompt"] == "2"
        fresh.client.input("")
        assert fresh.finish(cell).good().result == '"x"'

    def test_nobody_can_answer(self, fresh):
        cell = fresh.run('input("Name? ")?;', allow_stdin=False)
        cell.failed("Error")
        assert fresh.run('input("Name? ").is_err()', allow_stdin=False).result == "true"

    def test_an_interrupt_while_it_asks(self, fresh):
        cell, _ = self.ask(fresh, 'input("Name? ")?;')
        fresh.interrupt()
        fresh.finish(cell).failed("KeyboardInterrupt")
        assert fresh.good("1 + 1").result == "2"


class TestHistory:
    def history(self, kernel, **request):
        return kernel.reply(kernel.client.history(**request))["content"]["history"]

    def test_it_is_kept_across_kernels(self, start, tmp_path):
        mark = uuid.uuid4().hex
        first = start()
        first.good(f'"{mark}"')
        first.good(f"// {mark} two\n1 + 1")
        first.close()
        second = start()
        found = self.history(second, hist_access_type="search", pattern=f"*{mark}*")
        assert [code for _, _, code in found] == [f'"{mark}"', f"// {mark} two\n1 + 1"]
        session = found[0][0]
        ranged = self.history(second, hist_access_type="range", session=session, start=1, stop=2)
        assert ranged == [found[0]]
        previous = self.history(second, hist_access_type="range", session=-1, start=1, stop=None)
        assert previous[:1] == [found[0]] or previous, "the session before is there"
        assert self.history(second, hist_access_type="range", session=0, start=0, stop=None) == []

    def test_outputs(self, fresh):
        fresh.good("6 * 7")
        ((_, line, (code, output)),) = self.history(fresh, hist_access_type="tail", n=1, output=True)
        assert (line, code, output) == (1, "6 * 7", "42")


class TestAnswersWhileIdle:
    """Completion, inspection and completeness, seen from a client."""

    def complete(self, kernel, code, cursor=None):
        return kernel.reply(kernel.client.complete(code, cursor))["content"]

    def inspect(self, kernel, code, cursor=None):
        return kernel.reply(kernel.client.inspect(code, cursor))["content"]

    def test_names_of_the_session(self, fresh):
        fresh.good("let größte_zahl = 5; fn grüße(n: u8) -> u8 { n } struct Großvater { alter: u8 }")
        found = self.complete(fresh, "1 + grö")
        assert found["matches"] == ["größte_zahl"] and found["status"] == "ok"
        assert (found["cursor_start"], found["cursor_end"]) == (4, 7)
        assert "Großvater" in self.complete(fresh, "let x: Gro")["matches"]
        found = self.complete(fresh, '"🦀"; grü', 8)
        assert any(match.startswith("grüße") for match in found["matches"])
        assert (found["cursor_start"], found["cursor_end"]) == (5, 8)

    def test_nothing_fits(self, kernel):
        found = self.complete(kernel, "zzz_nothing_begins_so")
        assert found["matches"] == [] and found["status"] == "ok"

    def test_inspect_a_variable_a_function_and_nothing(self, fresh):
        fresh.good("/// Twice as much.\nfn double(n: u32) -> u32 { n * 2 }\nlet mut table = std::collections::HashMap::from([(1u8, \"one\")]);")
        variable = self.inspect(fresh, "table", 3)
        assert variable["found"] and "HashMap<u8, &" in variable["data"]["text/plain"]
        function = self.inspect(fresh, "double(5)", 2)
        assert "fn double(n: u32) -> u32" in function["data"]["text/plain"]
        assert "Twice as much" in function["data"]["text/plain"]
        assert self.inspect(fresh, "%vars")["found"]
        nothing = self.inspect(fresh, "no_such_name")
        assert nothing["status"] == "ok" and nothing["found"] is False and nothing["data"] == {}

    def test_is_complete_indents(self, kernel):
        def ask(code):
            return kernel.reply(kernel.client.is_complete(code))["content"]

        assert ask("fn f() {") == {"status": "incomplete", "indent": "    "}
        assert ask("fn f() {\n    if true {")["indent"] == " " * 8
        assert ask("let x = 1;")["status"] == "complete"

    def test_answers_come_while_a_cell_runs_afterwards_at_least(self, fresh, tmp_path):
        cell = fresh.send(busy_until(tmp_path / "go"))
        fresh.see(cell, "started")
        asked = fresh.client.is_complete("1 + 1")
        (tmp_path / "go").touch()
        assert fresh.reply(asked)["content"]["status"] == "complete"
        fresh.finish(cell).good()
