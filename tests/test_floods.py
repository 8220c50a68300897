"""Cells that show far too much: the kernel stays small, keeps the order, and says what it cut."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import zmq
from jupyter_client.session import Session

from kernel_client import is_idle, wait_until

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")

MIB = 1 << 20
ROOM = 100
"""MiB that the kernel may grow by in any flood."""

GATE = 'while !std::path::Path::new("{}").exists() {{ std::thread::sleep(std::time::Duration::from_millis(2)); }}'


class Memory:
    """How much the kernel's process grows while the block runs, in MiB, at its largest."""

    def __init__(self, kernel):
        self.process = Path(f"/proc/{kernel.pid}")

    def resident(self, field):
        return int(re.search(rf"{field}:\s+(\d+) kB", (self.process / "status").read_text())[1]) / 1024

    def __enter__(self):
        # Makes the largest size so far the present one.
        (self.process / "clear_refs").write_text("5")
        self.before = self.resident("VmRSS")
        return self

    def __exit__(self, *_):
        self.growth = self.resident("VmHWM") - self.before


def flood(kernel, code, **options):
    """Runs a cell; the kernel must stay small meanwhile and work afterwards."""
    with Memory(kernel) as memory:
        cell = kernel.run(code, **options)
    assert memory.growth < ROOM, f"the kernel grew by {memory.growth:.0f} MiB: {code}"
    assert kernel.good("6 * 7").result == "42"
    return cell


def told(cell):
    """How many lines were left out, as the cell says, after it has said that some are."""
    first, last = cell.displays
    assert "left out" in first["text/plain"] and "THREADBOOK_OUTPUT_LIMIT" in first["text/plain"], str(cell)
    return int(re.search(r"left out here \((\d+) lines\)", last["text/plain"])[1])


@pytest.fixture
def small(start):
    """A kernel with small limits."""
    return start(env={"THREADBOOK_OUTPUT_LIMIT": "1", "THREADBOOK_DISPLAY_LIMIT": "1"})


def test_one_gibibyte_of_text(fresh):
    lines = (1 << 30) // 64
    cell = flood(
        fresh,
        f"""
        use std::io::Write;
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        for i in 0..{lines} {{ writeln!(out, "{{i:063}}")?; }}
        out.flush()?;
        """,
    ).good()
    [kind, start], [_, reached], [_, _], [_, end] = cell.outputs
    assert kind == "stdout" and len(start) == 64 * MIB
    assert "64 MiB" in reached
    shown = [*start.splitlines(), *end.splitlines()]
    first = lines - len(end) // 64
    assert [int(line) for line in shown] == [*range(MIB), *range(first, lines)]
    assert 60_000 < len(end) <= 64 << 10
    # What is shown and what is said to be left out is all that there was.
    assert told(cell) == first - MIB


def test_what_fits_is_not_cut(fresh):
    lines = 64 * MIB // 64
    cell = flood(fresh, f'let line = "x".repeat(63); for _ in 0..{lines} {{ println!("{{line}}"); }}').good()
    assert cell.outputs == [("stdout", ("x" * 63 + "\n") * lines)]
    # Whatever the pieces are, they are few.
    assert len(cell.contents("stream")) < lines / 100


def test_a_million_lines_from_a_hundred_threads(fresh):
    cell = flood(
        fresh,
        """
        std::thread::scope(|scope| for thread in 0..100 {
            scope.spawn(move || for i in 0..10_000 { println!("{thread} {i}"); });
        });
        """,
    ).good()
    assert not cell.displays, "this much needs no cut"
    next_line = [0] * 100
    for line in cell.stdout.splitlines():
        thread, i = map(int, line.split(" "))
        assert i == next_line[thread]
        next_line[thread] += 1
    assert next_line == [10_000] * 100


def test_both_streams_count_and_keep_their_order(small):
    cell = flood(
        small,
        """
        for i in 0..200_000 { if i % 2 == 0 { println!("{i}") } else { eprintln!("{i}") } }
        """,
    )
    assert cell.error is None, str(cell)
    for stream in ("stdout", "stderr"):
        numbers = [int(line) for line in cell.stream(stream).splitlines()]
        assert numbers == sorted(numbers) and len(set(numbers)) == len(numbers)
    shown = cell.stdout.count("\n") + cell.stderr.count("\n")
    assert shown + told(cell) == 200_000
    assert "199999" in cell.stderr and "199998" in cell.stdout
    notices = [i for i, (kind, _) in enumerate(cell.outputs) if kind == "display_data"]
    before = "".join(text for _, text in cell.outputs[: notices[0]])
    assert MIB - 10 < len(before) <= MIB


def test_bytes_that_are_no_utf8(fresh):
    size = 3 * MIB
    cell = flood(
        fresh,
        f"""
        use std::io::Write;
        let mut out = std::io::stdout().lock();
        for chunk in 0..48 {{ out.write_all(&[0xff; {size // 48}])?; }}
        out.write_all("\\nä€😀 and then text\\n".as_bytes())?;
        for i in 0..{size}u32 {{ out.write_all(&[(i.wrapping_mul(2_654_435_761) >> 24) as u8])?; }}
        out.write_all("\\nstill ä€😀\\n".as_bytes())?;
        """,
    ).good()
    assert cell.stdout.startswith("\ufffd" * size + "\nä€😀 and then text\n")
    assert cell.stdout.endswith("\nstill ä€😀\n")


def test_a_display_of_100_megabytes(fresh):
    cell = flood(fresh, 'print!("a"); display(&Html("x".repeat(100_000_000))); println!("b");').good()
    a, (kind, line), b = cell.outputs
    assert (a, kind, b) == (("stdout", "a"), "display_data", ("stdout", "b\n"))
    assert list(cell.displays[0]) == ["text/plain"]
    for words in ("190.7 MiB", "16 MiB", "std::fs::write", "THREADBOOK_DISPLAY_LIMIT"):
        assert words in line
    cell = flood(fresh, "Png(vec![0u8; 100_000_000])").good()
    assert "127.2 MiB" in cell.result


def test_displays_up_to_the_limit_pass_one_after_the_other(fresh):
    cell = flood(
        fresh,
        """
        std::thread::scope(|scope| for i in 0..8u8 {
            scope.spawn(move || display(&MimeBundle::new().with("text/html", i.to_string().repeat(15_000_000))));
        });
        """,
    ).good()
    assert sorted(d["text/html"][0] for d in cell.displays) == [str(i) for i in range(8)]
    assert {len(d["text/html"]) for d in cell.displays} == {15_000_000}
    # They are not kept either.
    with Memory(fresh) as memory:
        pass
    assert memory.before < ROOM


def test_the_limit_of_displays_can_be_set(small):
    size = MIB - len('{"text/html":""}')
    code = 'display(&MimeBundle::new().with("text/html", "x".repeat({})));'
    assert len(small.good(code.format(size)).displays[0]["text/html"]) == size
    assert "the notebook takes up to 1 MiB" in small.good(code.format(size + 1)).displays[0]["text/plain"]


def test_the_text_of_a_large_value_is_cut_while_it_is_made(fresh):
    cell = flood(fresh, "vec![0u8; 100_000_000]").good()
    assert re.fullmatch(r"\[(0, )+(0|0,)?… \[more than 64 MiB of this text left out\]", cell.result)
    assert len(cell.result) < 1.01 * MIB
    cell = flood(fresh, 'show!(vec![Some("ä"); 1_000_000]);').good()
    assert re.search(r"… \[[0-9.]+ MiB of this text left out\]$", cell.displays[0]["text/plain"])


@pytest.mark.parametrize(
    "code, name",
    [
        ('panic!("{}", "p".repeat(50_000_000));', "Panic"),
        ('Err("e".repeat(50_000_000))?;', None),
        ('std::thread::spawn(|| panic!("{}", "t".repeat(50_000_000))).join().is_err()', False),
    ],
)
def test_long_errors(fresh, code, name):
    cell = flood(fresh, code)
    shown = cell.stderr if name is False else str(cell.error)
    assert "MiB of this text left out]" in shown, str(cell)
    assert len(shown) < MIB
    assert name is False or cell.error.name == name or name is None


def test_evcxr_markers_without_an_end(small):
    lines = 40_000
    cell = flood(
        small,
        f"""
        println!("EVCXR_BEGIN_CONTENT text/html");
        for i in 0..{lines} {{ println!("{{i:015}}"); }}
        """,
    ).good()
    assert cell.stdout == "EVCXR_BEGIN_CONTENT text/html\n" + "".join(f"{i:015}\n" for i in range(lines))
    cell = flood(
        small,
        """
        println!("EVCXR_BEGIN_CONTENT text/html");
        println!("{}", "y".repeat(2_000_000));
        println!("EVCXR_END_CONTENT");
        println!("EVCXR_BEGIN_CONTENT text/html\\n<b>\\nEVCXR_END_CONTENT");
        """,
    ).good()
    assert [d["text/html"] for d in cell.displays if "text/html" in d] == ["<b>"]


def test_results_are_not_all_kept_in_the_history(fresh):
    def results():
        reply = fresh.reply(fresh.client.history(hist_access_type="tail", n=100, output=True))
        return [output for _, _, (_, output) in reply["content"]["history"] if output]

    with Memory(fresh) as memory:
        for _ in range(20):
            fresh.good('"x".repeat(1_000_000)')
        assert fresh.good('"short"').result == '"short"'
    assert memory.growth < ROOM
    assert results()[-1] == '"short"' and max(map(len, results())) < 20_000


def test_what_is_cleared_does_not_count(small):
    cell = flood(
        small,
        """
        for i in 0..20 {
            for _ in 0..10_000 { println!("step {i:010}"); }
            clear_output(false);
        }
        println!("done");
        """,
    ).good()
    assert not cell.displays and cell.stdout.endswith("done\n")


def test_a_thread_that_floods_after_its_cell(small, tmp_path):
    gate = tmp_path / "gate"
    cell = small.good(
        f'let t = std::thread::spawn(|| {{ {GATE.format(gate)} for i in 0..300_000 {{ println!("late {{i}}"); }} }});'
    )
    gate.touch()
    with Memory(small) as memory:
        notice = small.wait_late("the notice", lambda m: m["msg_type"] == "display_data")
        assert "goes on printing" in notice["content"]["data"]["text/plain"]
        assert notice["parent_header"]["msg_id"] == cell.id
        small.good("t.join().unwrap();")
    assert memory.growth < ROOM
    late = "".join(m["content"]["text"] for m in small.late if m["msg_type"] == "stream")
    assert MIB - 20 < len(late) <= MIB
    assert [line.split()[1] for line in late.splitlines()] == [str(i) for i in range(late.count("\n"))]


def test_an_interrupt_in_the_middle(fresh):
    with Memory(fresh) as memory:
        cell = fresh.send('loop { println!("{}", "over and over ".repeat(5)); }')
        fresh.see(cell, "over and over")
        request = fresh.client.session.msg("interrupt_request", {})
        fresh.client.control_channel.send(request)
        before = len(cell.messages)
        fresh.finish(cell)
    cell.failed("KeyboardInterrupt")
    assert memory.growth < ROOM
    # Those that were on their way.
    assert len(cell.messages) - before < 3000
    assert fresh.good("6 * 7").result == "42"


def test_an_interrupt_when_nothing_is_shown_any_more(small):
    cell = small.send('loop { println!("over and over"); }')
    while not cell.displays:
        small.receive(cell)
    small.interrupt()
    # The kernel must not be so busy with reading that it hears of it late.
    small.finish(cell, patience=10)
    cell.failed("KeyboardInterrupt")
    assert small.good("6 * 7").result == "42"


class SlowClient:
    """Another front end, which reads only when it is told to."""

    def __init__(self, kernel, context):
        config = kernel.manager.get_connection_info()
        self.session = Session(key=config["key"])
        self.socket = context.socket(zmq.SUB)
        self.socket.rcvhwm = 1
        self.socket.rcvbuf = 4096
        self.socket.subscribe(b"")
        self.socket.connect(f"tcp://{config['ip']}:{config['iopub_port']}")
        self.read()

    def read(self, patience=60):
        assert self.socket.poll(patience * 1000), "nothing comes"
        _, frames = self.session.feed_identities(self.socket.recv_multipart())
        return self.session.deserialize(frames)


def test_a_front_end_that_stops_reading(fresh):
    with zmq.Context() as context:
        slow = SlowClient(fresh, context)
        # 40 MiB are more than all the buffers on the way.
        cell = flood(fresh, 'for i in 0..40 { println!("{i} {}", "x".repeat(1 << 20)); }').good()
        assert len(cell.stdout) > 40 * MIB, "the other front end has everything"
        texts, notices = [], []
        while True:
            message = slow.read()
            if message["parent_header"].get("msg_id") == cell.id:
                if message["msg_type"] == "stream":
                    texts.append(message["content"]["text"])
                elif message["msg_type"] == "display_data":
                    notices.append(message["content"]["data"]["text/plain"])
                elif is_idle(message):
                    break
        slow.socket.close(0)
    assert len("".join(texts)) < len(cell.stdout)
    missed = [int(re.search(r"(\d+) messages of output are left out", notice)[1]) for notice in notices]
    assert sum(missed) + len(texts) == len(cell.contents("stream"))


def test_a_front_end_that_is_suspended_and_goes_on(start, tmp_path):
    """The whole front end process stands still, here one that has nothing but a socket."""
    kernel = start()
    count = tmp_path / "count"
    reader = tmp_path / "reader.py"
    reader.write_text(
        "import sys, zmq\n"
        "socket = zmq.Context().socket(zmq.SUB)\n"
        "socket.subscribe(b'')\n"
        "socket.connect(sys.argv[1])\n"
        "n = 0\n"
        "while True:\n"
        "    socket.recv_multipart()\n"
        "    n += 1\n"
        "    open(sys.argv[2], 'w').write(str(n))\n"
    )
    info = kernel.manager.get_connection_info()
    address = f"tcp://{info['ip']}:{info['iopub_port']}"
    process = subprocess.Popen([sys.executable, str(reader), address, str(count)])
    try:
        wait_until("the reader to be welcomed", lambda: count.exists() and count.read_text())
        process.send_signal(signal.SIGSTOP)
        cell = flood(kernel, 'for _ in 0..60 { println!("{}", "x".repeat(1 << 20)); }').good()
        assert len(cell.stdout) > 60 * MIB
        process.send_signal(signal.SIGCONT)
        before = int(count.read_text() or 0)
        kernel.good('println!("after");')
        wait_until("the reader to go on", lambda: int(count.read_text() or 0) > before)
    finally:
        process.kill()
        process.wait()


def test_a_slow_front_end_slows_the_cell_and_misses_nothing(start):
    """It takes in a message now and then: more often than the kernel's patience ends."""
    kernel = start()
    cell = kernel.send('for i in 0..200_000 { println!("{i:048}"); }')
    with Memory(kernel) as memory:
        for _ in range(20):
            kernel.receive(cell)
            time.sleep(0.05)
        kernel.finish(cell).good()
    assert memory.growth < ROOM
    assert cell.stdout == "".join(f"{i:048}\n" for i in range(200_000))


def test_a_limit_that_is_no_number(start, capfd):
    kernel = start(env={"THREADBOOK_OUTPUT_LIMIT": "lots", "THREADBOOK_DISPLAY_LIMIT": "0"})
    for _ in range(2):
        assert len(kernel.good('print!("{}", "x".repeat(2_000_000));').stdout) == 2_000_000
    log = capfd.readouterr().err.splitlines()
    for variable, usual in ("THREADBOOK_OUTPUT_LIMIT", "64 MiB"), ("THREADBOOK_DISPLAY_LIMIT", "16 MiB"):
        (line,) = [line for line in log if variable in line]
        assert usual in line and "whole number of MiB" in line
