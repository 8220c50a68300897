"""The checkpoint before each cell: what it must not change, and when there is none."""

import os
import re
from pathlib import Path

import pytest

from kernel_client import descendants, wait_until

LINUX = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")


def worker_of(kernel):
    return int(kernel.good("std::process::id()").result)


def test_a_pipe_of_an_earlier_cell_ends_when_its_writer_is_dropped(fresh):
    fresh.good("use std::io::{Read, Write}; let (mut reader, writer) = std::io::pipe()?;")
    fresh.good("let mut writer = writer; writer.write_all(b\"all\")?;")
    cell = fresh.good('drop(writer); let mut text = String::new(); reader.read_to_string(&mut text)?; text')
    assert cell.result == '"all"'


def test_a_socket_of_an_earlier_cell_ends_when_its_peer_is_dropped(fresh):
    fresh.good(
        "use std::io::{Read, Write}; use std::net::*;"
        'let listener = TcpListener::bind("127.0.0.1:0")?;'
        "let mut client = TcpStream::connect(listener.local_addr()?)?; let server = listener.accept()?.0;"
    )
    fresh.good("let (mut here, there) = std::os::unix::net::UnixStream::pair()?;")
    cell = fresh.good("drop(server); drop(there); (client.read(&mut [0])?, here.read(&mut [0])?)")
    assert cell.result == "(0, 0)"
    # The port is free as soon as the listener is gone.
    assert fresh.good("let address = listener.local_addr()?; drop(listener); TcpListener::bind(address).is_ok()").result == "true"


def test_a_lock_on_a_file_ends_with_the_file(fresh, tmp_path):
    path = tmp_path / "locked"
    path.touch()
    fresh.good(f'let file = std::fs::File::open("{path}")?; file.lock()?;')
    fresh.good("1")
    cell = fresh.good(f'drop(file); std::fs::File::open("{path}")?.try_lock().is_ok()')
    assert cell.result == "true"


def test_open_files_are_closed_after_a_fall_back_and_no_number_is_mixed_up(fresh, tmp_path):
    (tmp_path / "old").write_text("old")
    fresh.good(f'use std::io::Read; let mut old = std::fs::File::open("{tmp_path / "old"}")?; let s = std::net::TcpListener::bind("127.0.0.1:0")?;')
    fresh.run("std::process::abort()").failed("Crash", "open files and sockets")
    (tmp_path / "new").write_text("new")
    cell = fresh.good(
        f'let mut new = std::fs::File::open("{tmp_path / "new"}")?; let mut text = String::new();'
        "let failed = old.read_to_string(&mut text).is_err(); drop(old); drop(s);"
        "new.read_to_string(&mut text)?; (failed, text)"
    )
    assert cell.result == '(true, "new")'


def test_a_cell_that_waits_for_all_its_children_does_not_meet_the_checkpoint(fresh):
    cell = fresh.good(
        "unsafe extern \"C\" { fn wait(status: *mut i32) -> i32; }"
        'let child = std::process::Command::new("true").spawn()?.id() as i32;'
        "let mut status = 0; let first = unsafe { wait(&mut status) }; let second = unsafe { wait(&mut status) };"
        "(first == child, second)"
    )
    assert cell.result == "(true, -1)"


@LINUX
def test_there_is_one_checkpoint_at_a_time(fresh):
    fresh.good("let x = 1;")
    wait_until("keeper, worker and one checkpoint", lambda: len(descendants(fresh.pid)) == 3)
    for _ in range(10):
        fresh.good("let y = x + 1;")
    wait_until("keeper, worker and one checkpoint", lambda: len(descendants(fresh.pid)) == 3)
    fresh.good("%checkpoint off")
    wait_until("no checkpoint", lambda: len(descendants(fresh.pid)) == 2)
    fresh.good("let z = 1;")
    assert len(descendants(fresh.pid)) == 2


def test_off_is_honest_and_on_works_again(fresh):
    assert "checkpoints are on, for up to 1 GiB" in fresh.good("%checkpoint").notes
    fresh.good("let x = 1;")
    assert "loses all variables" in fresh.good("%checkpoint off").notes
    error = fresh.run("std::process::abort()").failed("Crash", "Lost: `x`", "they are off (`%checkpoint on`)")
    assert "as they were" not in error.text
    fresh.run("x").failed("CompileError", "lost")
    fresh.good("%checkpoint on")
    fresh.good("let x = 2;")
    fresh.run("std::process::abort()").failed("Crash", "All variables are as they were before this cell")
    assert fresh.good("x").result == "2"


def test_a_bad_argument_is_told_and_changes_nothing(fresh):
    for wrong in ("maybe", "4", "-1 GiB", "4 KiB"):
        fresh.run(f"%checkpoint {wrong}").failed("UsageError", "takes `on`, `off` or a size such as `4 GiB`", wrong)
    assert "up to 1 GiB" in fresh.good("%checkpoint").notes


def test_over_the_limit_there_is_a_notice_and_an_honest_crash(fresh):
    fresh.good("%checkpoint 100 MiB")
    fresh.good("let small = 1;")
    cells = [fresh.good("let big = vec![1u8; 200 << 20]; big.len()"), fresh.good("small"), fresh.good("small")]
    notes = "".join(cell.notes for cell in cells)
    assert notes.count("no checkpoint could be made") == 1, notes
    assert re.search(r"the process holds \d+ MiB, and the limit is 100 MiB", notes), notes
    error = fresh.run("std::process::abort()").failed("Crash", "Lost: `big`, `small`", "the limit is 100 MiB")
    assert "as they were" not in error.text
    # Below it again there is a checkpoint again.
    fresh.good("let small = 2;")
    fresh.run("std::process::abort()").failed("Crash", "All variables are as they were")
    assert fresh.good("small").result == "2"


def test_memory_given_back_brings_the_checkpoint_back(fresh):
    fresh.good("%checkpoint 100 MiB\nlet big = vec![1u8; 200 << 20]; let small = 3;")
    fresh.good("drop(big);")
    fresh.good("1")
    fresh.run("std::process::abort()").failed("Crash", "All variables are as they were")
    assert fresh.good("small").result == "3"


def test_a_thread_that_keeps_stderr_locked_does_not_hold_up_cells(fresh):
    fresh.good(
        "let (tell, told) = std::sync::mpsc::channel::<()>();"
        "let t = std::thread::spawn(move || { let lock = std::io::stderr().lock(); let _ = told.recv(); drop(lock); });"
        "std::thread::sleep(std::time::Duration::from_millis(50));"
    )
    notes = "".join(fresh.good("let x = 1;").notes for _ in range(3))
    assert "a thread keeps stdout or stderr locked" in notes, notes
    fresh.good("tell.send(())?; t.join().unwrap();")
    fresh.good("let y = 2;")
    fresh.run("std::process::abort()").failed("Crash", "All variables are as they were")
    assert fresh.good("(x, y)").result == "(1, 2)"


def test_a_thread_that_keeps_stdout_locked_can_be_interrupted(fresh):
    fresh.good("let x = 1;")
    cell = fresh.send(
        "let (tell, told) = std::sync::mpsc::channel::<()>();"
        "let t = std::thread::spawn(move || { let lock = std::io::stdout().lock(); let _ = told.recv(); drop(lock); });"
        "std::thread::sleep(std::time::Duration::from_millis(100));"
        'eprintln!("locked"); std::println!("never");'
    )
    fresh.see(cell, "locked", "stderr")
    fresh.interrupt()
    fresh.finish(cell).failed("KeyboardInterrupt", "All variables are as they were")
    assert fresh.good('println!("again"); x').stdout == "again\n"


def test_a_background_threads_work_is_in_the_checkpoint(fresh):
    """With threads about, the state between two cells is that of the next cell's start."""
    fresh.good(
        "use std::sync::atomic::{AtomicU32, Ordering::SeqCst}; static STEPS: AtomicU32 = AtomicU32::new(0);"
        "let t = std::thread::spawn(|| loop { STEPS.fetch_add(1, SeqCst); std::thread::sleep(std::time::Duration::from_millis(1)); });"
    )
    seen = int(fresh.good("while STEPS.load(SeqCst) < 100 { std::thread::yield_now(); } STEPS.load(SeqCst)").result)
    fresh.run("std::process::abort()").failed("Crash")
    assert int(fresh.good("STEPS.load(SeqCst)").result) >= seen


def test_the_worker_lost_between_two_cells(fresh):
    fresh.good("let x = vec![1, 2];")
    worker = worker_of(fresh)
    os.kill(worker, 9)
    wait_until("the worker is gone", lambda: worker not in descendants(fresh.pid))
    cell = fresh.good("x")
    assert cell.result == "[1, 2]"
    # It may have ended before it could make one after that cell.
    assert re.search("All variables are as they were (after|before) the last cell", cell.notes), str(cell)


def test_thread_locals_start_again_and_it_is_told(fresh):
    fresh.good("use std::cell::Cell; thread_local! { static N: Cell<i32> = Cell::new(1); } N.set(5);")
    assert fresh.good("N.get()").result == "5"
    fresh.run("std::process::abort()").failed("Crash", "`thread_local!`s start again")
    assert fresh.good("N.get()").result == "1"


@LINUX
def test_a_large_heap_is_measured_not_copied(fresh):
    """1 GiB of memory with a checkpoint: cells work, and the memory is there once."""
    fresh.good("%checkpoint 4 GiB")
    fresh.good("let big = vec![7u8; 1 << 30]; big.len()")
    for _ in range(3):
        assert fresh.good("big[12345]").result == "7"

    def shared_kib():
        total = 0
        for pid in descendants(fresh.pid):
            try:
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            except (FileNotFoundError, ProcessLookupError):
                continue  # It has ended meanwhile.
            for line in lines:
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total

    total = shared_kib()
    print(f"{total / 1024:.0f} MiB")
    assert total < 1.5 * 1024 * 1024
    fresh.run("std::process::abort()").failed("Crash", "All variables are as they were")
    assert fresh.good("big[12345]").result == "7"
