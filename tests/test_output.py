"""What cells, their threads and their child processes print: at once, whole, in order."""

import os

import pytest

from kernel_client import is_idle

# Waits for a file that the test makes: the cell is busy until then.
WAIT = 'while !std::path::Path::new("{}").exists() {{ std::thread::sleep(std::time::Duration::from_millis(2)); }}'


@pytest.fixture
def gate(tmp_path):
    """A file that cells wait for. `gate.code` waits, `gate.open()` lets go."""

    class Gate:
        path = tmp_path / "gate"
        code = WAIT.format(path)

        def open(self):
            self.path.touch()

    gate = Gate()
    yield gate
    gate.open()


@pytest.mark.parametrize("macro, stream", [("print", "stdout"), ("eprint", "stderr")])
def test_a_partial_line_appears_while_the_cell_runs(kernel, gate, macro, stream):
    cell = kernel.send(f'{macro}!("half a line");\n{gate.code}\n{macro}!(", whole");')
    kernel.see(cell, "half a line", stream)
    gate.open()
    kernel.finish(cell)
    assert cell.stream(stream) == "half a line, whole", str(cell)


def test_lines_appear_one_by_one(kernel, tmp_path):
    steps = [tmp_path / f"step{i}" for i in range(3)]
    code = "\n".join(f'println!("line {i}");\n{WAIT.format(step)}' for i, step in enumerate(steps))
    cell = kernel.send(code)
    for i, step in enumerate(steps):
        kernel.see(cell, f"line {i}\n")
        assert f"line {i + 1}" not in cell.stdout
        step.touch()
    kernel.finish(cell).good()
    assert cell.stdout == "line 0\nline 1\nline 2\n"


def test_stdout_display_stdout_and_result_keep_their_order(kernel):
    cell = kernel.good(
        'print!("one"); display(&Html("<b>two</b>")); println!("three"); show!(4); print!("five"); "six"'
    )
    assert cell.outputs == [
        ("stdout", "one"),
        ("display_data", "<b>two</b>"),
        ("stdout", "three\n"),
        ("display_data", "4"),
        ("stdout", "five"),
        ("execute_result", '"six"'),
    ], str(cell)


def test_output_comes_before_the_error(kernel):
    cell = kernel.run('print!("before"); panic!("now");')
    assert cell.outputs == [("stdout", "before"), ("error", "Panic")], str(cell)


def test_stderr_is_no_error(kernel):
    cell = kernel.run('eprintln!("only told"); 1')
    assert (cell.stderr, cell.stdout, cell.result, cell.error) == ("only told\n", "", "1", None)


def test_raw_writes_and_locks(kernel):
    cell = kernel.good(
        """
        use std::io::Write;
        let mut out = std::io::stdout().lock();
        out.write_all(b"locked ")?;
        writeln!(out, "{}", 1)?;
        drop(out);
        std::io::stdout().write_all("ünïcode\\n".as_bytes())?;
        std::fs::write("/dev/stdout", "by the file\\n")?;
        """
    )
    assert cell.stdout == "locked 1\nünïcode\nby the file\n"


def test_a_child_process_prints_in_order(kernel):
    cell = kernel.run(
        """
        println!("before");
        std::process::Command::new("sh").arg("-c").arg("echo from the child; echo and its stderr >&2").status()?;
        println!("after");
        """
    )
    assert cell.error is None, str(cell)
    assert cell.stdout == "before\nfrom the child\nafter\n"
    assert cell.stderr == "and its stderr\n"


def test_output_of_a_captured_child(kernel):
    cell = kernel.good(
        'let o = std::process::Command::new("echo").arg("captured").output()?; String::from_utf8_lossy(&o.stdout).trim().to_owned()'
    )
    assert (cell.stdout, cell.result) == ("", '"captured"')


def test_c_code_prints(kernel):
    cell = kernel.good(
        """
        unsafe extern "C" { fn write(fd: i32, bytes: *const u8, length: usize) -> isize; }
        unsafe { write(1, b"from C\\n".as_ptr(), 7); }
        """
    )
    assert cell.stdout == "from C\n"


def test_a_flood_arrives_whole_and_in_order(fresh):
    lines = 200_000
    cell = fresh.good(f'for i in 0..{lines} {{ println!("{{i:048}}"); }}')
    assert len(cell.stdout) == lines * 49
    assert cell.stdout == "".join(f"{i:048}\n" for i in range(lines))
    # Whatever the pieces are, they are not one message a line.
    assert len(cell.contents("stream")) < lines / 10


def test_one_line_of_ten_megabytes(fresh):
    cell = fresh.good('print!("{}", "ä".repeat(5_000_000));')
    assert len(cell.stdout) == 5_000_000 and set(cell.stdout) == {"ä"}


def test_a_character_written_in_two_pieces(kernel, gate):
    cell = kernel.send(
        f"""
        use std::io::Write;
        let mut out = std::io::stdout();
        out.write_all(b"a\\xe2\\x82")?; out.flush()?;
        {gate.code}
        out.write_all(b"\\xac!")?; out.flush()?;
        """
    )
    kernel.see(cell, "a")
    gate.open()
    assert kernel.finish(cell).stdout == "a€!", str(cell)


def test_bytes_that_are_no_utf8_do_no_harm(kernel):
    cell = kernel.good('use std::io::Write; std::io::stdout().write_all(b"a\\xff\\xfeb\\n")?; println!("c");')
    assert cell.stdout == "a\ufffd\ufffdb\nc\n"


def test_colours_and_control_characters_pass(kernel):
    text = "\x1b[31mred\x1b[0m\r50%\r100%\tt\0end\n"
    cell = kernel.good('print!("\\x1b[31mred\\x1b[0m\\r50%\\r100%\\tt\\0end\\n");')
    assert cell.stdout == text


def test_threads_of_the_cell_print_before_it_ends(kernel):
    cell = kernel.good(
        'let hs: Vec<_> = (0..4).map(|i| std::thread::spawn(move || for _ in 0..50 { println!("{i}{i}{i}"); })).collect();\n'
        "for h in hs { h.join().unwrap(); }"
    )
    lines = cell.stdout.splitlines()
    assert sorted(lines) == sorted(f"{i}{i}{i}" for i in range(4) for _ in range(50))


def test_what_a_thread_prints_after_the_cell_appears_at_once(fresh, gate):
    cell = fresh.good(f'let late = std::thread::spawn(|| {{ {gate.code} println!("late"); }});')
    gate.open()
    message = fresh.wait_late("the thread's line", lambda m: m["msg_type"] == "stream")
    assert message["content"] == {"name": "stdout", "text": "late\n"}
    assert message["parent_header"]["msg_id"] == cell.id


def test_a_display_from_a_thread_after_the_cell(fresh, gate):
    cell = fresh.good(f'std::thread::spawn(|| {{ {gate.code} display(&Html("<b>late</b>")); }});')
    gate.open()
    message = fresh.wait_late("the display", lambda m: m["msg_type"] == "display_data")
    assert message["content"]["data"]["text/html"] == "<b>late</b>"
    assert message["parent_header"]["msg_id"] == cell.id


def test_a_panic_in_a_thread_after_the_cell(fresh, gate):
    fresh.good(f'let t = std::thread::Builder::new().name("tardy".into()).spawn(|| {{ {gate.code} if true {{ panic!("too late") }} }})?;')
    gate.open()
    message = fresh.wait_late("the panic", lambda m: m["msg_type"] == "stream")
    assert message["content"]["name"] == "stderr"
    assert "thread 'tardy' panicked at In[1]:1:" in message["content"]["text"]
    assert "too late" in message["content"]["text"]


def test_all_output_comes_before_idle(kernel):
    for i in range(5):
        cell = kernel.good(f'for i in 0..2000 {{ println!("{i} {{i}}"); }}')
        assert cell.stdout.endswith(f"{i} 1999\n") and is_idle(cell.messages[-1])


def test_a_child_that_outlives_the_cell_does_not_hold_it(fresh, gate):
    cell = fresh.good(
        f"""let child = std::process::Command::new("sh").arg("-c")
            .arg("while [ ! -e '{gate.path}' ]; do sleep 0.01; done; echo from the orphan").spawn()?;"""
    )
    assert cell.stdout == ""
    gate.open()
    message = fresh.wait_late("its line", lambda m: m["msg_type"] == "stream")
    assert message["content"]["text"] == "from the orphan\n"


def test_the_working_directory_is_the_notebooks(start, tmp_path):
    kernel = start()
    cell = kernel.good("std::env::current_dir()?")
    assert cell.result == f'"{os.getcwd()}"'


def test_stdin_of_the_process_is_empty(kernel):
    cell = kernel.good("let mut line = String::new(); std::io::stdin().read_line(&mut line)?")
    assert cell.result == "0"


def test_dbg_prints_the_place(kernel):
    cell = kernel.run("let x = 2;\nlet y = dbg!(x * 2);")
    assert "x * 2 = 4" in cell.stderr, str(cell)
