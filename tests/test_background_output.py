"""What threads show after their cell has ended: under their own cell, at once, and never
inside of another cell's text."""

import json
import time

from kernel_client import wait_until

# A spawned thread waits for a file, so that the test says when it goes on.
WAIT = 'while !std::path::Path::new("{}").exists() {{ std::thread::sleep(std::time::Duration::from_millis(1)); }}'


def text_of(messages, cell, name="stdout"):
    return "".join(
        m["content"]["text"]
        for m in messages
        if m["msg_type"] == "stream" and m["content"]["name"] == name and m["parent_header"]["msg_id"] == cell.id
    )


def late_text(kernel, cell, wanted, name="stdout"):
    """Waits until `wanted` has come for a cell that has ended."""
    kernel.wait_late(f"{wanted!r} of {cell.code!r}", lambda _: wanted in text_of(kernel.late, cell, name))
    return text_of(kernel.late, cell, name)


def test_a_thread_prints_under_its_own_cell_while_another_runs(fresh, tmp_path):
    gate, end = tmp_path / "gate", tmp_path / "end"
    first = fresh.good(
        f'let t = std::thread::spawn(|| {{ {WAIT.format(gate)} println!("late"); eprintln!("late error"); }});'
    )
    second = fresh.send(f'println!("mine"); {WAIT.format(end)} println!("end");')
    fresh.see(second, "mine")
    gate.touch()
    assert late_text(fresh, first, "late\n") == "late\n"
    assert late_text(fresh, first, "error\n", "stderr") == "late error\n"
    end.touch()
    assert fresh.finish(second).good().stdout == "mine\nend\n"


def test_late_text_comes_within_a_tenth_of_a_second(fresh, tmp_path):
    took = []
    for attempt in range(5):
        gate = tmp_path / f"gate{attempt}"
        cell = fresh.good(f'let t = std::thread::spawn(|| {{ {WAIT.format(gate)} println!("late"); }});')
        begin = time.monotonic()
        gate.touch()
        late_text(fresh, cell, "late\n")
        took.append(time.monotonic() - begin)
    print("late text after", [f"{1000 * t:.0f} ms" for t in took])
    assert min(took) < 0.1, took


def test_half_lines_of_threads_appear_too(fresh, tmp_path):
    gate = tmp_path / "gate"
    cell = fresh.good(f'let t = std::thread::spawn(|| {{ {WAIT.format(gate)} print!("half"); std::thread::park(); }});')
    gate.touch()
    assert late_text(fresh, cell, "half") == "half"


def test_threads_of_many_cells_keep_apart(fresh, tmp_path):
    gate = tmp_path / "gate"
    cells = [
        fresh.good(
            f"let t{n} = std::thread::spawn(|| {{ {WAIT.format(gate)}"
            f' for line in 0..200 {{ println!("cell {n} line {{line}}"); }} }});'
        )
        for n in range(6)
    ]
    busy = fresh.send(
        f'for line in 0..200 {{ println!("busy {{line}}"); if line == 10 {{ std::fs::write("{gate}", "").unwrap(); }} }}'
        + " ".join(f"t{n}.join().unwrap();" for n in range(6))
    )
    fresh.finish(busy)
    assert busy.good().stdout == "".join(f"busy {line}\n" for line in range(200))
    for n, cell in enumerate(cells):
        wanted = "".join(f"cell {n} line {line}\n" for line in range(200))
        assert late_text(fresh, cell, f"cell {n} line 199\n") == wanted


def test_threads_of_threads_belong_to_the_cell(fresh, tmp_path):
    gate = tmp_path / "gate"
    first = fresh.good(
        f"std::thread::spawn(|| {{ {WAIT.format(gate)}"
        ' std::thread::spawn(|| println!("grandchild")).join().unwrap(); });'
    )
    fresh.good("1")
    gate.touch()
    assert late_text(fresh, first, "grandchild\n") == "grandchild\n"


def test_a_program_started_by_a_cell_keeps_its_cell(fresh, tmp_path):
    gate = tmp_path / "gate"
    first = fresh.good(
        f'let child = std::process::Command::new("sh").args(["-c", "while [ ! -e {gate} ]; do sleep 0.01; done; echo from the shell"]).spawn()?;'
    )
    fresh.good("1")
    gate.touch()
    assert late_text(fresh, first, "shell\n") == "from the shell\n"


def test_displays_and_panics_of_threads_belong_to_their_cell(fresh, tmp_path):
    gate, end = tmp_path / "gate", tmp_path / "end"
    first = fresh.good(
        f'let t = std::thread::spawn(|| {{ {WAIT.format(gate)} display(&Html("<b>late</b>"));'
        ' if true { panic!("too late") } });'
    )
    second = fresh.send(f'println!("mine"); {WAIT.format(end)}')
    fresh.see(second, "mine")
    gate.touch()
    shown = fresh.wait_late("the display", lambda m: m["msg_type"] == "display_data")
    assert shown["parent_header"]["msg_id"] == first.id
    assert "too late" in late_text(fresh, first, "too late", "stderr")
    end.touch()
    cell = fresh.finish(second)
    assert [kind for kind, _ in cell.outputs] == ["stdout"], str(cell)


def test_work_for_a_cell_on_rayons_threads_shows_in_that_cell(fresh):
    fresh.good("use rayon::prelude::*; (0..100).into_par_iter().sum::<i32>()")
    for attempt in range(3):
        cell = fresh.good('(0..50).into_par_iter().for_each(|n| println!("n{n}"));')
        assert sorted(cell.stdout.split()) == sorted(f"n{n}" for n in range(50)), f"{attempt}: {cell}"


def test_tasks_of_the_async_runtime_show_in_the_cell_that_waits(fresh):
    fresh.good("tokio::spawn(async {}).await?;")
    for attempt in range(3):
        cell = fresh.good('tokio::spawn(async { println!("task") }).await?;')
        assert cell.stdout == "task\n", f"{attempt}: {cell}"


def test_a_thread_that_floods_does_not_hold_up_cells(fresh):
    flood = fresh.good(
        "use std::sync::atomic::{AtomicBool, Ordering};"
        "static GO: AtomicBool = AtomicBool::new(true);"
        'let t = std::thread::spawn(|| { let mut n = 0; while GO.load(Ordering::Relaxed) { n += 1; println!("flood {n}"); } n });'
    )
    for n in range(3):
        assert fresh.good(f'println!("cell {n}");').stdout == f"cell {n}\n"
    lines = int(fresh.good("GO.store(false, Ordering::Relaxed); t.join().unwrap()").result)
    text = late_text(fresh, flood, f"flood {lines}\n") if lines < 100_000 else ""
    for before, after in zip(text.splitlines(), text.splitlines()[1:]):
        assert int(after.split()[1]) == int(before.split()[1]) + 1, (before, after)


def test_code_can_send_stdout_elsewhere(fresh, tmp_path):
    fresh.good('unsafe extern "C" { fn dup(fd: i32) -> i32; fn dup2(old: i32, new: i32) -> i32; }')
    cell = fresh.good(f"""
        use std::os::fd::AsRawFd;
        println!("before");
        let file = std::fs::File::create({json.dumps(str(tmp_path / "out"))})?;
        let stdout = unsafe {{ dup(1) }};
        unsafe {{ dup2(file.as_raw_fd(), 1) }};
        println!("to the file");
        std::thread::spawn(|| println!("by a thread")).join().unwrap();
        unsafe {{ dup2(stdout, 1) }};
        println!("after");
    """)
    assert cell.stdout == "before\nafter\n"
    assert (tmp_path / "out").read_text() == "to the file\nby a thread\n"
    assert fresh.good('println!("the next cell");').stdout == "the next cell\n"


def test_late_text_after_a_fall_back_still_finds_its_cell(fresh, tmp_path):
    fresh.good("let x = 1;")
    fresh.run("std::process::abort()").failed("Crash")
    gate = tmp_path / "gate"
    first = fresh.good(f'let t = std::thread::spawn(|| {{ {WAIT.format(gate)} println!("late"); }});')
    fresh.good("x")
    gate.touch()
    assert late_text(fresh, first, "late\n") == "late\n"


def test_pipes_of_runs_are_closed_when_nobody_can_write_to_them(fresh):
    """Thousands of cells must not use up the open files of kernel or worker."""
    fresh.good('let count = || std::fs::read_dir("/proc/self/fd").unwrap().count();')
    before = int(fresh.good("count()").result)
    for n in range(12):
        fresh.good(f"let t = std::thread::spawn(|| {n}); t.join().unwrap();")
    wait_until("as few open files as before", lambda: int(fresh.good("count()").result) <= before + 2, patience=30)
