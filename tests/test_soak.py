"""A long notebook drawn at random, with crashes and interrupts in it: every variable must
have the value that it should have, no process may stay, and memory must not grow.

`./install.sh test --soak` runs it. Its environment:

    THREADBOOK_SOAK_SEED   draws the same cells again (the seed is printed)
    THREADBOOK_SOAK_CELLS  how many cells
    THREADBOOK_SOAK_KINDS  only these kinds of cells: names of WEIGHTS, parted by commas
"""

import os
import random
import secrets
import time
from collections import Counter
from pathlib import Path

import pytest

from kernel_client import descendants, plain, wait_until
from soak_values import SETUP, TYPES

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="looks into /proc"),
]

CELLS = int(os.environ.get("THREADBOOK_SOAK_CELLS", "1000"))
# Libraries, the compiler's data, the first crash: what is there once is there by then.
WARM = min(100, CELLS // 2)
MOST_GROWTH_MIB = 20
NAMES_PER_TYPE = 4
SHOWN_CELLS = 8

# How often each kind of cell is drawn; the methods of Soak have these names.
WEIGHTS = {
    "define": 12,
    "change": 22,
    "read": 10,
    "print": 8,
    "panic": 8,
    "compile_error": 6,
    "late_text": 6,
    "crash": 14,
    "interrupt_wait": 4,
    "interrupt_compute": 5,
    "interrupt_compiler": 2,
    "interrupt_early": 4,
}

CRASHES = {
    "abort": "std::process::abort();",
    "segfault": "unsafe { std::ptr::write_volatile(std::hint::black_box(std::ptr::null_mut::<u8>()), 1) };",
    "illegal instruction": """
        #[cfg(target_arch = "x86_64")] unsafe { std::arch::asm!("ud2") };
        #[cfg(target_arch = "aarch64")] unsafe { std::arch::asm!("udf #0") };""",
    "stack overflow": """
        fn down(n: u64) -> u64 { let here = std::hint::black_box([n; 64]); 1 + down(n + 1) + here[3] }
        println!("{}", down(std::hint::black_box(0)));""",
    "exit": "std::process::exit(3);",
    "kill": """
        unsafe extern "C" { fn kill(pid: i32, signal: i32) -> i32; }
        unsafe { kill(std::process::id() as i32, 9) }; loop { std::thread::park() }""",
    "double panic": """
        struct Bomb; impl Drop for Bomb { fn drop(&mut self) { panic!("second") } }
        let _bomb = Bomb; panic!("first");""",
    "abort on a thread": "std::thread::spawn(|| std::process::abort()).join().unwrap();",
}

# Without a wait that an interrupt could end.
STUCK = {
    "loop": "loop { std::hint::black_box(0); }",
    "std's sleep": "std::thread::sleep(std::time::Duration::from_secs(1000));",
    "deadlock": """
        let (a, b) = (Mutex::new(0), Mutex::new(0)); let both = std::sync::Barrier::new(2);
        std::thread::scope(|s| {
            s.spawn(|| { let _a = a.lock(); both.wait(); let _b = b.lock(); });
            let _b = b.lock(); both.wait(); let _a = a.lock();
        });""",
}

# The compiler works on it until it is stopped.
ENDLESS_COMPILATION = """#![allow(long_running_const_eval)]
const N: u64 = { let mut n = 0u64; while n < u64::MAX { n += 1; } n };
let n = N;"""

ERRORS = ['let wrong: i32 = "text";', "no_such_name();", "let = 1;", "fn f( {", "let unused: Missing = 1;"]


def test_a_long_notebook_of_everything(start):
    seed = int(os.environ.get("THREADBOOK_SOAK_SEED") or secrets.randbelow(1_000_000))
    print(f"\nsoak: {CELLS} cells, THREADBOOK_SOAK_SEED={seed}", flush=True)
    soak = Soak(start(), random.Random(seed))
    try:
        soak.run()
    except BaseException as error:
        latest = "\n".join(str(cell) for cell in soak.cells[-SHOWN_CELLS:])
        # Above the assertion's own text, which says what is wrong.
        print(f"soak: THREADBOOK_SOAK_SEED={seed}, cell {soak.number} failed; the latest cells:\n{latest}")
        print("soak: the processes and where their threads wait:", *map(told, soak.kernel.processes()), sep="\n")
        raise AssertionError(f"THREADBOOK_SOAK_SEED={seed}, cell {soak.number} ({soak.kind})") from error


class Soak:
    """The kernel under test beside a model of what it must hold."""

    def __init__(self, kernel, draw):
        self.kernel = kernel
        self.draw = draw
        self.values = {}
        """What each variable must be, by its name, with its type."""
        self.due = {}
        """Cells whose threads will print yet, by the text."""
        self.cells = []
        self.number = 0
        self.kind = "setup"
        self.counts = Counter()
        self.processes = {}
        """When each process that was ever seen below the kernel was started."""

    def run(self):
        chosen = os.environ.get("THREADBOOK_SOAK_KINDS")
        kinds = chosen.split(",") if chosen else list(WEIGHTS)
        weights = [WEIGHTS[kind] for kind in kinds]
        self.good(SETUP)
        for type_ in TYPES:
            self.set(type_, f"{type_.name}0")
        begin, warm = time.monotonic(), None
        for self.number in range(1, CELLS + 1):
            [self.kind] = self.draw.choices(kinds, weights)
            getattr(self, self.kind)()
            self.look_at_processes()
            if self.number % 10 == 0:
                self.check(self.draw.sample(sorted(self.values), 4))
            if self.number == WARM:
                warm = self.memory_mib()
            if self.number % 100 == 0:
                took = time.monotonic() - begin
                print(f"soak: {self.number} cells, {took:.0f} s, {self.memory_mib():.1f} MiB", flush=True)
        self.kind = "the end"
        self.check(sorted(self.values))
        self.all_late_text_came()
        end = self.memory_mib()
        print("soak:", ", ".join(f"{count} {kind}" for kind, count in sorted(self.counts.items())))
        print(f"soak: {warm:.1f} MiB after {WARM} cells, {end:.1f} MiB at the end")
        self.nothing_stays()
        assert end - warm <= MOST_GROWTH_MIB, f"memory has grown from {warm:.1f} to {end:.1f} MiB"

    # -- cells and what must become of them

    def send(self, code):
        self.counts[self.kind] += 1
        self.cells.append(self.kernel.send(code))
        return self.cells[-1]

    def good(self, code, stdout=""):
        cell = self.kernel.finish(self.send(code)).good()
        assert cell.stdout == stdout, f"stdout should be {stdout!r}: {cell}"
        return cell

    def set(self, type_, name):
        code, value = type_.define(name, self.draw)
        self.good(code)
        self.values[name] = (type_, value)

    def a_change(self):
        """Code that changes a variable, its name, and what it is afterwards."""
        name = self.draw.choice(sorted(self.values))
        type_, value = self.values[name]
        code, value = type_.change(name, value, self.draw)
        return code, name, (type_, value)

    def check(self, names):
        """The variables are what they must be."""
        shown = "".join(f'println!("{{}}", {self.values[name][0].show(name)});\n' for name in names)
        cell = self.kernel.finish(self.send(shown)).good()
        lines = dict(zip(names, cell.stdout.splitlines()))
        wanted = {name: self.values[name][0].shown(self.values[name][1]) for name in names}
        assert lines == wanted, str(cell)

    def failed(self, cell, name):
        self.kernel.finish(cell).failed(name)

    def fell_back(self):
        """Threads of earlier cells are gone: what they have not said may never come."""
        self.due.clear()

    def define(self):
        type_ = self.draw.choice(TYPES)
        self.set(type_, f"{type_.name}{self.draw.randrange(NAMES_PER_TYPE)}")

    def change(self):
        code, name, after = self.a_change()
        self.good(code)
        self.values[name] = after

    def read(self):
        self.check([self.draw.choice(sorted(self.values))])

    def print(self):
        lines = self.draw.choices(["plain", "ünïcödé 🦀", "", "a\ttab", "\x1b[31mred\x1b[0m"], k=self.draw.randint(1, 5))
        text = "\n".join(lines) + self.draw.choice(["", "\n"])
        self.good("\n".join(map(print_of, pieces(text, self.draw))), stdout=text)

    def panic(self):
        """What the cell did before it panicked stays done."""
        code, name, after = self.a_change()
        cell = self.send(f'{code}\npanic!("soak {{}}", {self.number});')
        self.failed(cell, "Panic")
        assert f"soak {self.number}" in cell.error.value, str(cell)
        self.values[name] = after

    def compile_error(self):
        code, _, _ = self.a_change()
        self.failed(self.send(f"{code}\n{self.draw.choice(ERRORS)}"), "CompileError")

    def late_text(self):
        """A thread prints when its cell is long over, or just at its end."""
        text = f"late {self.number}\n"
        wait = f"std::thread::sleep(std::time::Duration::from_millis({self.draw.choice([0, 1, 30, 300])}));"
        code = f"std::thread::spawn(|| {{ {wait} {print_of(text)} }});"
        cell = self.kernel.finish(self.send(code)).good()
        if cell.stdout != text:
            assert cell.stdout == "", str(cell)
            self.due[text] = cell

    def crash(self):
        code, _, _ = self.a_change()
        what = self.draw.choice(sorted(CRASHES))
        self.counts[f"crash by {what}"] += 1
        cell = self.send(f'{code}\nprintln!("before");\n{CRASHES[what]}')
        self.failed(cell, "Crash")
        assert cell.stdout == "before\n", str(cell)
        self.fell_back()

    def interrupt_wait(self):
        """It ends at its wait: what it did before stays done."""
        code, name, after = self.a_change()
        cell = self.send(f'{code}\nprintln!("waiting");\nsleep(1000.0);')
        self.kernel.see(cell, "waiting\n")
        self.interrupt()
        self.failed(cell, "KeyboardInterrupt")
        self.values[name] = after

    def interrupt_compute(self):
        code, _, _ = self.a_change()
        cell = self.send(f'{code}\nprintln!("computing");\n{STUCK[self.draw.choice(sorted(STUCK))]}')
        self.kernel.see(cell, "computing\n")
        self.interrupt()
        self.failed(cell, "KeyboardInterrupt")
        self.fell_back()

    def interrupt_compiler(self):
        code, _, _ = self.a_change()
        cell = self.send(f"{ENDLESS_COMPILATION}\n{code}")
        wait_until("the compiler works", lambda: self.compilers())
        self.interrupt()
        self.failed(cell, "KeyboardInterrupt")

    def interrupt_early(self):
        """At any moment of a short cell's life: before it, while it is compiled or runs, after it."""
        code, name, after = self.a_change()
        cell = self.send(code)
        time.sleep(self.draw.choice([0, 0.01, 0.05, 0.1, 0.2, 0.4]))
        self.interrupt()
        self.kernel.finish(cell)
        if cell.status == "ok":
            cell.good()
            self.values[name] = after
        elif "came to its end" in cell.failed("KeyboardInterrupt").text:
            self.values[name] = after

    def interrupt(self):
        """Returns when the kernel has taken it in: it cannot hit a later cell."""
        request = self.kernel.client.session.msg("interrupt_request")
        self.kernel.client.control_channel.send(request)
        self.kernel.reply(request["header"]["msg_id"], "control")

    # -- what must be true all the time, and at the end

    def all_late_text_came(self):
        for text, cell in self.due.items():
            self.kernel.wait_late(f"{text!r}", lambda _: text in late_text(self.kernel.late, cell))
        # And nobody's text came under another cell.
        sent = {cell.id: cell for cell in self.cells}
        for message in self.kernel.late:
            cell = sent.get(message["parent_header"].get("msg_id"))
            if message["msg_type"] == "stream" and cell:
                number = message["content"]["text"].strip().removeprefix("late ")
                assert f"late {number}" in cell.code, f"{message['content']} does not belong to {cell}"

    def compilers(self):
        return [pid for pid in descendants(self.kernel.pid) if name_of(pid) == "rustc"]

    def look_at_processes(self):
        for pid in self.kernel.processes():
            self.processes[pid, started(pid)] = self.number

    def memory_mib(self):
        """What the kernel and all processes below it take: the least of some looks, since
        a compiler may just end, and a checkpoint shares its memory only at first."""
        looks = []
        for _ in range(5):
            self.good("();")
            for _ in range(3):
                time.sleep(0.1)
                looks.append(sum(map(pss_kib, self.kernel.processes())))
        return min(looks) / 1024

    def nothing_stays(self):
        self.kernel.manager.shutdown_kernel()
        known = [(pid, start) for pid, start in self.processes if start]
        wait_until("every process ends", lambda: not [p for p, start in known if started(p) == start], patience=30)


def print_of(text):
    """A statement that prints the text as it is."""
    escaped = "".join(c if c.isalnum() or c == " " else f"\\u{{{ord(c):x}}}" for c in text)
    return f'print!("{{}}", "{escaped}");'


def pieces(text, draw):
    cuts = sorted(draw.sample(range(len(text) + 1), min(len(text), 2)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)]) if start < end]


def late_text(messages, cell):
    streams = [m["content"] for m in messages if m["msg_type"] == "stream" and m["parent_header"]["msg_id"] == cell.id]
    return plain("".join(content["text"] for content in streams))


def name_of(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return None


def told(pid):
    """A process and what its threads wait for."""
    threads = []
    for task in sorted(Path(f"/proc/{pid}/task").glob("*"), key=lambda task: int(task.name)):
        try:
            state = (task / "stat").read_text().rsplit(")", 1)[1].split()[0]
            threads.append(f"{(task / 'comm').read_text().strip()} {state} {(task / 'syscall').read_text().strip()}")
        except OSError as error:
            threads.append(str(error))
    return "\n    ".join([f"  {pid} {name_of(pid)}", *threads])


def started(pid):
    """When a process was started; nothing if it has ended."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if state == "Z" else int(rest[18])


def pss_kib(pid):
    """Its memory, where what it shares with others counts in part."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
