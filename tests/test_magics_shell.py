"""Magics that start programs, that read and write files, and %%capture."""

import os
import signal
import time
from pathlib import Path

import pytest

from kernel_client import wait_gone, wait_until


@pytest.fixture
def at(start, tmp_path):
    """A kernel whose cells run in an empty directory."""
    kernel = start()
    kernel.good(f"%cd {tmp_path}")
    return kernel


class TestCommand:
    def test_streams_and_their_order(self, kernel):
        cell = kernel.run('println!("before");\n!echo out; echo err >&2\nprintln!("after"); 5')
        assert cell.error is None and cell.result == "5", str(cell)
        assert cell.stdout == "before\nout\nafter\n" and cell.stderr == "err\n"

    def test_half_lines_come_at_once(self, kernel, tmp_path):
        cell = kernel.begin(f"!printf 'half'; while [ ! -e {tmp_path}/go ]; do sleep 0.01; done; echo ' whole'", "half")
        (tmp_path / "go").touch()
        assert kernel.finish(cell).good().stdout == "half whole\n"

    def test_it_fails_and_the_cell_does_not(self, kernel):
        cell = kernel.good("!exit 3")
        assert cell.notes == "note: exit status 3"
        assert kernel.good("!kill -9 $$").notes == "note: ended by signal 9 (SIGKILL)"
        cell = kernel.run("!no-such-program --x\n1 + 1")
        assert cell.error is None and cell.result == "2", str(cell)
        assert "no-such-program: not found" in cell.stderr and "there is no such program" in cell.notes

    def test_there_is_no_input(self, kernel):
        assert kernel.good("!cat; echo done").stdout == "done\n"

    def test_variables_in_braces(self, fresh):
        fresh.good("""
            #[derive(Debug)] struct Point { x: f64 }
            struct Opaque;
            let name = "a b"; let list = vec![1, 2]; let point = Point { x: 1.5 }; let opaque = Opaque; let i: usize = 1;
            """)
        for command, shown in [
            ("{name} {list[0]} {list[i]} {point.x}", "a b 1 2 1.5"),
            ("'{list}' \"{point}\"", "[1, 2] Point { x: 1.5 }"),
            ("{{name}} {a,b} {} {none} \"${name}\"", "{name} {a,b} {} {none} "),
            ("1 2 | awk '{print $2}'", "2"),
        ]:
            assert fresh.good(f"!echo {command}").stdout == shown + "\n", command
        assert fresh.good("let x = !echo {name}\nx").result == '["a b"]'
        fresh.run("!echo {opaque}").failed("ScriptError", "`Opaque`", "no Display")
        error = fresh.run("!echo {point.y}").failed("UsageError", "`{point.y}`", "no field `y`")
        assert "threadbook" not in error.text and "\n" not in error.text.strip(), error.text
        error = fresh.run("!echo {list[7]}").failed("Panic", "the index is 7")
        assert "__rt" not in error.text
        # Nothing was moved.
        assert fresh.good("(name, list, point.x, i)").result == '("a b", [1, 2], 1.5, 1)'

    def test_the_cells_own_directory_and_environment(self, fresh, tmp_path):
        fresh.good(f"std::env::set_current_dir({quoted(tmp_path)})?;")
        fresh.good('unsafe { std::env::set_var("MINE", "5") };')
        assert fresh.good("!pwd; echo $MINE").stdout == f"{tmp_path}\n5\n"

    def test_large_output_is_limited_like_a_cells(self, kernel):
        cell = kernel.good("!head -c 200000 /dev/zero | tr '\\0' x")
        assert cell.stdout == "x" * 200000


def quoted(path):
    """As a literal of Rust."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


class TestLines:
    def test_stdout_becomes_lines(self, fresh):
        cell = fresh.run("let files = !printf 'a\\nb\\n'; echo shown >&2\nfiles")
        assert cell.result == '["a", "b"]' and cell.stderr == "shown\n" and cell.stdout == "", str(cell)
        assert fresh.good("files.len()").result == "2"
        fresh.run("files.push(String::new())").failed("CompileError", "mut")
        assert fresh.good('let mut more = !echo x\nmore.push("y".into()); more').result == '["x", "y"]'
        assert fresh.good("more.sort(); let n: Vec<String> = more; n").result == '["x", "y"]'

    def test_nothing_and_a_failure(self, kernel):
        assert kernel.good("let none = !cat /dev/null\nnone").result == "[]"
        cell = kernel.good("let some = !echo x; exit 2\nsome")
        assert cell.result == '["x"]' and "exit status 2" in cell.notes

    def test_bytes_that_are_no_text(self, kernel):
        assert kernel.good("let odd = !printf 'a\\377b'\nodd").result == '["a\ufffdb"]'

    def test_a_hundred_megabytes(self, fresh):
        def resident(pid):
            return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

        fresh.good("1 + 1")
        before = resident(fresh.pid)
        fresh.good("let big = !head -c 100000000 /dev/zero | tr '\\0' x | fold -w 1000")
        assert resident(fresh.pid) - before < 50_000_000
        assert fresh.good("(big.len(), big.iter().map(|line| line.len()).sum::<usize>())").result == "(100000, 100000000)"


class TestScripts:
    def test_bash(self, kernel):
        cell = kernel.run("%%bash\nfor i in {1..3}; do echo $i; done\n[[ -n $BASH ]] && echo it is bash\nread x; echo \"<$x>\"")
        assert cell.good().stdout == "1\n2\n3\nit is bash\n<>\n"

    def test_braces_are_left_alone(self, kernel):
        kernel.good("let brace = 1;")
        assert kernel.good("%%bash\nbrace=2; echo ${brace} {brace}").stdout == "2 {brace}\n"

    def test_a_program_gets_the_cell_as_its_input(self, kernel):
        assert kernel.good("%%script cat\nit's \"this\"\n\\n ä").stdout == "it's \"this\"\n\\n ä\n"
        assert kernel.good("%%script sed s/a/b/\naa\na").stdout == "ba\nb\n"

    def test_a_long_script(self, kernel):
        lines = "".join(f"x={n} # {'-' * 80}\n" for n in range(3000))
        assert kernel.good(f"%%sh\n{lines}echo $x").stdout == "2999\n"

    @pytest.mark.parametrize("magic", ["%%bash", "%%sh", "%%script sh"])
    def test_a_failure_fails_the_cell(self, kernel, magic):
        cell = kernel.run(f"{magic}\necho before\nexit 3")
        error = cell.failed("ScriptError", "exit status 3", "--no-raise-error")
        assert cell.stdout == "before\n" and "\n" not in error.text.strip(), str(cell)
        cell = kernel.good(magic.replace(" ", " --no-raise-error ", 1) + ("" if " " in magic else " --no-raise-error") + "\nexit 3")
        assert cell.notes == "note: exit status 3"

    def test_a_signal_and_a_program_that_is_not_there(self, kernel):
        kernel.run("%%bash\nkill -SEGV $$").failed("ScriptError", "signal 11 (SIGSEGV)")
        error = kernel.run("%%script no-such-program -x\n1").failed("ScriptError", "no program `no-such-program`")
        assert "\n" not in error.text.strip()
        kernel.run("%%script\n1").failed("UsageError", "%%script python3")
        kernel.run("%%bash --oot a\n1").failed("UsageError", "--oot", "--out NAME")

    def test_variables_for_the_output(self, fresh):
        cell = fresh.good("%%bash --out o --err=e\necho out; echo err >&2")
        assert cell.outputs == [], str(cell)
        assert fresh.good("(o.clone(), &e)").result == '("out\\n", "err\\n")'
        cell = fresh.run("%%sh --out o\necho kept; echo shown >&2; exit 1")
        cell.failed("ScriptError")
        assert cell.stderr == "shown\n"
        assert fresh.good("o").result == '"kept\\n"'
        # More than pipes hold, on both.
        fresh.good("%%sh --out o --err e\nhead -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2")
        assert fresh.good("(o.len(), e.len())").result == "(1000000, 1000000)"
        fresh.run("%%sh --out 1a\ntrue").failed("UsageError", "`1a`")


def children_called(kernel, name):
    """The processes below the kernel whose program has this name."""
    found = []
    for pid in kernel.processes():
        try:
            if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                found.append(pid)
        except OSError:
            continue
    return found


class TestInterrupt:
    @pytest.mark.parametrize(
        "code",
        [
            "!sleep 100",
            "!sleep 100 | cat",
            "let x = !sleep 100",
            "%%bash\necho in; sleep 100; echo out",
            "%%sh --out o --err e\nsleep 100",
            "%%script sleep 100\ninput",
            "%%bash\ntrap '' TERM\nsleep 100",
        ],
    )
    def test_a_program_is_ended_at_once(self, fresh, code):
        fresh.good("let kept = vec![1];")
        worker = fresh.worker()
        cell = fresh.send(code)
        [sleeping] = wait_until("the program", lambda: children_called(fresh, "sleep"))
        took = fresh.stop(cell)
        error = cell.failed("KeyboardInterrupt", "All variables and threads are kept.")
        assert "threadbook" not in error.text and "-->" not in error.text, str(cell)
        assert cell.stderr == "" and "exit status" not in str(cell), str(cell)
        wait_gone(sleeping)
        assert fresh.worker() == worker and fresh.good("kept").result == "[1]"
        # The sleep alone would take 100 s; a loaded machine takes its time.
        assert took < 10, took

    def test_the_next_line_does_not_run(self, fresh):
        cell = fresh.send('!sleep 100\nprintln!("no");')
        wait_until("the program", lambda: children_called(fresh, "sleep"))
        fresh.stop(cell)
        cell.failed("KeyboardInterrupt")
        assert cell.stdout == ""

    def test_a_timeout_ends_it(self, fresh):
        cell = fresh.good("%%timeout 0.2\n!echo begun; sleep 100")
        assert cell.stdout == "begun\n" and "stopped after 200 ms" in cell.notes


class TestWritefile:
    def test_what_is_written(self, at, tmp_path):
        cell = at.good("%%writefile a.txt\nfirst\n  second ä\t\n%who")
        assert cell.notes == "Writing a.txt"
        assert (tmp_path / "a.txt").read_bytes() == "first\n  second ä\t\n%who\n".encode()
        assert at.good("%%writefile a.txt\nnew\n").notes == "Overwriting a.txt"
        assert at.good("%%writefile -a a.txt\nmore").notes == "Appending to a.txt"
        assert (tmp_path / "a.txt").read_bytes() == b"new\nmore\n"
        assert at.good("%%file -a b.txt\nx").notes == "Writing b.txt"
        at.good("%%writefile c.txt\na\r\nb\n\n")
        assert (tmp_path / "c.txt").read_bytes() == b"a\r\nb\n\n"

    def test_names(self, at, tmp_path, monkeypatch):
        for name in ['"with spaces.txt"', "'with spaces.txt'"]:
            at.good(f"%%writefile {name}\nx")
        assert (tmp_path / "with spaces.txt").read_text() == "x\n"
        (tmp_path / "sub").mkdir()
        at.good("%%writefile sub/../sub/a\nx")
        assert (tmp_path / "sub" / "a").exists()

    def test_the_home_directory(self, start, tmp_path):
        kernel = start(env={"HOME": str(tmp_path), "CARGO_HOME": cargo_home(), "RUSTUP_HOME": rustup_home()})
        kernel.good("%%writefile ~/at_home.txt\nx")
        assert (tmp_path / "at_home.txt").exists()
        assert kernel.good("%cd").notes == str(tmp_path)

    def test_what_is_in_the_way(self, at, tmp_path):
        error = at.run("%%writefile out/a.txt\nx").failed("FileError", "no directory `out`", "!mkdir -p out")
        assert "\n" not in error.text.strip()
        at.run(f"%%writefile {tmp_path}\nx").failed("FileError", "is a directory")
        (tmp_path / "file").touch()
        at.run("%%writefile file/a\nx").failed("FileError", "`file` is not a directory")
        at.run("%%writefile\nx").failed("UsageError", "name of a file")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]

    def test_a_pipe_that_nobody_reads(self, at, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        cell = at.send("%%writefile pipe\nx")
        time.sleep(0.1)
        at.stop(cell)
        cell.failed("KeyboardInterrupt")
        reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        os.close(reader)


def cargo_home():
    return os.environ.get("CARGO_HOME", str(Path.home() / ".cargo"))


def rustup_home():
    return os.environ.get("RUSTUP_HOME", str(Path.home() / ".rustup"))


class TestDirectory:
    def test_cd_and_pwd(self, at, tmp_path):
        (tmp_path / "sub dir").mkdir()
        assert at.good("%pwd").notes == str(tmp_path)
        assert at.good("%cd sub dir").notes == str(tmp_path / "sub dir")
        assert at.good("%cd ..\n%cd 'sub dir'\n%pwd").notes.splitlines()[-1] == str(tmp_path / "sub dir")
        assert at.good("std::env::current_dir()?").result == f'"{tmp_path}/sub dir"'
        assert at.good("!pwd").stdout == f"{tmp_path}/sub dir\n"
        assert at.good("%cd -").notes == str(tmp_path)
        assert at.good(":cd -\n:pwd").notes.splitlines() == [str(tmp_path / "sub dir")] * 2

    def test_a_wrong_one_changes_nothing(self, at, tmp_path):
        (tmp_path / "file").touch()
        error = at.run("%cd nosuch").failed("FileError", "no directory `nosuch`", str(tmp_path))
        assert "\n" not in error.text.strip()
        at.run("%cd file").failed("FileError", "`file` is not a directory")
        assert at.good("%pwd").notes == str(tmp_path)

    def test_there_is_no_way_back_at_first(self, fresh):
        fresh.run("%cd -").failed("UsageError", "no `%cd` yet")

    def test_the_cell_may_have_changed_it(self, at, tmp_path):
        (tmp_path / "sub").mkdir()
        at.good('std::env::set_current_dir("sub")?;')
        assert at.good("%pwd").notes == str(tmp_path / "sub")
        at.good("%%writefile here.txt\nx")
        assert (tmp_path / "sub" / "here.txt").exists()

    def test_it_is_kept_after_a_crash(self, at, tmp_path):
        (tmp_path / "sub").mkdir()
        at.good("%cd sub")
        at.run("std::process::abort()").failed("Crash")
        assert at.good("%pwd").notes == str(tmp_path / "sub")
        at.run("%cd ..\nstd::process::abort()").failed("Crash")
        assert at.good("!pwd").stdout == f"{tmp_path}\n"

    def test_it_is_kept_without_checkpoints(self, at, tmp_path):
        at.good("%checkpoint off")
        at.run("std::process::abort()").failed("Crash")
        assert at.good("!pwd").stdout == f"{tmp_path}\n"

    def test_a_worker_killed_between_cells(self, at, tmp_path):
        worker = at.worker()
        (tmp_path / "sub").mkdir()
        at.good("%cd sub\n%env MINE=1")
        at.good("1 + 1")
        os.kill(worker, signal.SIGKILL)
        wait_gone(worker)
        cell = at.run("!pwd; echo $MINE")
        if cell.error:
            # It began within the few milliseconds before the kernel knew of the end.
            cell.failed("Crash", "SIGKILL")
            cell = at.good("!pwd; echo $MINE")
        assert cell.stdout == f"{tmp_path}/sub\n1\n"

    def test_a_dependency_by_path(self, at, tmp_path):
        (tmp_path / "sub" / "mine" / "src").mkdir(parents=True)
        (tmp_path / "sub" / "mine" / "Cargo.toml").write_text('[package]\nname = "mine"\nversion = "0.1.0"\nedition = "2024"\n')
        (tmp_path / "sub" / "mine" / "src" / "lib.rs").write_text("pub fn five() -> u8 { 5 }")
        assert at.good('%cd sub\n:dep mine = { path = "mine" }\nmine::five()').result == "5"


class TestEnvironment:
    def test_set_and_shown(self, fresh):
        assert fresh.good("%env MINE=a b").notes == "env: MINE=a b"
        assert fresh.good("%env MINE").notes == "a b"
        assert fresh.good('std::env::var("MINE")?').result == '"a b"'
        assert fresh.good("!echo $MINE").stdout == "a b\n"
        fresh.good("%env MINE other=1")
        assert fresh.good('std::env::var("MINE")?').result == '"other=1"'
        error = fresh.run("%env NO_SUCH_VARIABLE").failed("UsageError", "`%env NO_SUCH_VARIABLE=VALUE`")
        assert "\n" not in error.text.strip()
        fresh.run("%env =1").failed("UsageError")

    def test_the_list(self, fresh):
        fresh.good('unsafe { std::env::set_var("BY_THE_CELL", "here") };\n%env MY_TOKEN=verysecret')
        listed = fresh.good("%env").notes.splitlines()
        assert "BY_THE_CELL=here" in listed and "MY_TOKEN=<hidden>" in listed
        assert listed == sorted(listed) and not any("THREADBOOK_KEEPER" in line for line in listed)

    def test_it_is_kept_after_a_crash(self, fresh):
        fresh.good("%env MINE=1")
        fresh.run("std::process::abort()").failed("Crash")
        assert fresh.good("!echo $MINE").stdout == "1\n"
        # What a cell has set since wins.
        fresh.good('unsafe { std::env::set_var("MINE", "2") };')
        fresh.run("std::process::abort()").failed("Crash")
        assert fresh.good("!echo $MINE").stdout == "2\n"
        fresh.run("%env MINE=3\nstd::process::abort()").failed("Crash")
        assert fresh.good("!echo $MINE").stdout == "3\n"
        fresh.good("%checkpoint off")
        fresh.run("std::process::abort()").failed("Crash")
        assert fresh.good("!echo $MINE").stdout == "3\n"


class TestLoad:
    def test_the_file_takes_the_cells_place(self, at, tmp_path):
        (tmp_path / "example.rs").write_text("let a = 1;\na + 1\n")
        cell = at.good("%load example.rs")
        assert cell.reply["content"]["payload"] == [
            {"source": "set_next_input", "text": "// %load example.rs\nlet a = 1;\na + 1\n", "replace": True}
        ]
        assert cell.outputs == []
        assert at.good(cell.reply["content"]["payload"][0]["text"]).result == "2"

    def test_what_cannot_be_loaded(self, at, tmp_path):
        at.run("%load nosuch.rs").failed("FileError", "no file `nosuch.rs`", str(tmp_path))
        at.run("%load .").failed("FileError", "is a directory")
        (tmp_path / "binary").write_bytes(b"\xff\xfe")
        at.run("%load binary").failed("FileError", "not UTF-8")
        (tmp_path / "large").write_bytes(b"x" * (2 << 20))
        at.run("%load large").failed("FileError", "2 MiB")
        at.run("%load").failed("UsageError")


class TestRun:
    def test_items_and_main(self, at, tmp_path):
        (tmp_path / "a.rs").write_text("fn twice(n: i32) -> i32 { n * 2 }\nfn main() { println!(\"main {}\", twice(4)); }\n")
        assert at.good("%run a.rs").stdout == "main 8\n"
        assert at.good("twice(5)").result == "10"
        # A file without main does not run that of another.
        (tmp_path / "b.rs").write_text("let from_file = twice(1);\nprintln!(\"b\");\n")
        assert at.good("%run b.rs\nfrom_file").stdout == "b\n"
        assert at.good("from_file").result == "2"

    def test_a_main_that_fails(self, at, tmp_path):
        (tmp_path / "a.rs").write_text('fn main() -> Result<(), Box<dyn std::error::Error>> { let n: i32 = "x".parse()?; println!("{n}"); Ok(()) }')
        at.run("%run a.rs").failed("Error", "InvalidDigit")
        (tmp_path / "a.rs").write_text("fn main() -> std::io::Result<()> { println!(\"well\"); Ok(()) }")
        assert at.good("%run a.rs").stdout == "well\n"
        (tmp_path / "a.rs").write_text("#[tokio::main]\nasync fn main() { tokio::task::yield_now().await; println!(\"async\"); }")
        assert at.good("%run a.rs").stdout == "async\n"

    def test_places_name_the_file(self, at, tmp_path):
        (tmp_path / "a.rs").write_text("fn main() {\n    let a: String = 1;\n}")
        error = at.run("%run a.rs").failed("CompileError", "a.rs:2:21", "E0308")
        assert "In[" not in error.text, error.text
        (tmp_path / "a.rs").write_text("fn f() {\n    panic!(\"here\");\n}\nfn main() {\n    f()\n}")
        error = at.run("%run a.rs").failed("Panic", "a.rs:2:5", 'panic!("here")')
        assert "In[" not in error.text, error.text
        error = at.run("f()").failed("Panic", "a.rs:2:5")

    def test_magics_in_it(self, at, tmp_path):
        (tmp_path / "a.rs").write_text("!echo from the shell\nlet n = 3;\n")
        assert at.good("%run a.rs\nn").result == "3"
        (tmp_path / "b.rs").write_text("%run c.rs\n")
        (tmp_path / "c.rs").write_text("%run b.rs\n")
        at.run("%run b.rs").failed("UsageError", "runs itself")
        at.run("%run nosuch.rs").failed("FileError", "no file `nosuch.rs`")

    def test_a_quoted_name(self, at, tmp_path):
        (tmp_path / "a b.rs").write_text("println!(\"it\");")
        assert at.good('%run "a b.rs"').stdout == "it\n"


class TestCapture:
    def test_everything_is_kept(self, fresh):
        cell = fresh.good("""%%capture c
            println!("out"); eprint!("err"); display(&Html("<b>x</b>")); show!(1); !echo program
            vec![1, 2]""".replace("; !echo program", ";\n!echo program"))
        assert cell.outputs == [], str(cell)
        assert fresh.good("(&c.stdout, &c.stderr, c.displays.len())").result == '("out\\nprogram\\n", "err", 3)'
        assert fresh.good('c.displays[0].get("text/html").unwrap().as_str().unwrap().to_owned()').result == '"<b>x</b>"'
        assert fresh.good("c").result == "Captured { stdout: 12 bytes, stderr: 3 bytes, displays: 3 }"
        assert fresh.good('print!("{c}");').stdout == "out\nprogram\n"
        shown = fresh.run("c.show()")
        assert shown.stdout == "out\nprogram\n" and shown.stderr == "err"
        assert [bundle.get("text/plain") for bundle in shown.displays] == ["<b>x</b>", "1", "[1, 2]"]

    def test_without_a_name(self, fresh):
        assert fresh.good("%%capture\nlet kept = 5; println!(\"gone\"); kept").outputs == []
        assert fresh.good("kept").result == "5"

    def test_what_is_not_captured(self, fresh):
        body = 'println!("o"); eprintln!("e"); display(&Html("d")); 7'
        for option, shown in [
            ("--no-stdout", [("stdout", "o\n")]),
            ("--no-stderr", [("stderr", "e\n")]),
            ("--no-display", [("display_data", "d"), ("execute_result", "7")]),
        ]:
            assert fresh.run(f"%%capture {option} c\n{body}").outputs == shown, option
        fresh.run(f"%%capture --no-such c\n{body}").failed("UsageError", "--no-stdout")
        fresh.run(f"%%capture 1c\n{body}").failed("UsageError", "`1c`")

    def test_an_error_is_still_the_cells(self, fresh):
        cell = fresh.run('%%capture c\nprintln!("before");\npanic!("boom");')
        cell.failed("Panic", "boom", ":3:1")
        assert cell.stdout == ""
        assert fresh.good("c.stdout").result == '"before\\n"'
        fresh.run("%%capture c\nlet a: String = 1;").failed("CompileError", "E0308")
        assert fresh.good("c").result == "Captured { stdout: 0 bytes, stderr: 0 bytes, displays: 0 }"
        cell = fresh.run('%%capture c\nprint!("last words");\nstd::process::abort();')
        cell.failed("Crash")
        assert fresh.good("c.stdout").result == '"last words"'

    def test_an_interrupt(self, fresh, tmp_path):
        cell = fresh.send(f"%%capture c\nprintln!(\"begun\");\nstd::fs::write({quoted(tmp_path / 'begun')}, \"\")?;\nsleep(3600.0);")
        wait_until("the cell", (tmp_path / "begun").exists)
        fresh.stop(cell)
        cell.failed("KeyboardInterrupt")
        assert fresh.good("c.stdout").result == '"begun\\n"'

    def test_input(self, fresh):
        cell = fresh.send('%%capture c\nlet name = input("Name? ")?; println!("{name}");', allow_stdin=True)
        assert fresh.client.get_stdin_msg(timeout=60)["content"]["prompt"] == "Name? "
        fresh.client.input("Ada")
        fresh.finish(cell).good()
        assert cell.outputs == [] and fresh.good("c.stdout").result == '"Ada\\n"'

    def test_threads_that_go_on(self, fresh, tmp_path):
        cell = fresh.good(f"""%%capture c
            println!("in the cell");
            std::thread::spawn(|| {{ while !std::path::Path::new({quoted(tmp_path / 'go')}).exists() {{ sleep(0.01); }} println!("later"); }});
            """)
        assert cell.outputs == []
        (tmp_path / "go").touch()
        late = fresh.wait_late("the thread's text", lambda message: message["msg_type"] == "stream")
        assert late["content"]["text"] == "later\n" and late["parent_header"]["msg_id"] == cell.id
        assert fresh.good("c.stdout").result == '"in the cell\\n"'

    def test_nested(self, fresh):
        assert fresh.good("%%capture outer\n%%capture inner\nprintln!(\"x\"); 1").outputs == []
        assert fresh.good("(outer.stdout, outer.displays.len(), inner.stdout, inner.displays.len())").result == '("", 0, "x\\n", 1)'
        cell = fresh.good('%%timeout 0.3\n%%capture c\nprintln!("x"); sleep(3600.0);')
        assert cell.stdout == "" and "stopped after 300 ms" in cell.notes
        assert fresh.good("c.stdout").result == '"x\\n"'
        cell = fresh.good('%%capture c\n%%timeout 0.3\nprintln!("x"); sleep(3600.0);')
        assert cell.outputs == []
        assert fresh.good("(c.stdout, c.displays.len())").result == '("x\\n", 1)'
        assert fresh.good('%%capture c\n%%bash\necho "from bash"').outputs == []
        assert fresh.good("c.stdout").result == '"from bash\\n"'

    def test_displays_that_are_updated_or_cleared(self, fresh):
        fresh.good('%%capture c\nfor n in 0..5 { update_display("bar", &Html(n.to_string())); }')
        assert fresh.good('(c.displays.len(), c.displays[0].get("text/html").unwrap().to_string())').result == '(1, "\\"4\\"")'
        fresh.good('%%capture c\nfor n in 0..5 { clear_output(true); println!("{n}"); }')
        assert fresh.good("c.stdout").result == '"4\\n"'
        # One that was shown before is updated where it is.
        fresh.good('update_display("seen", &Html("old"));')
        cell = fresh.good('%%capture c\nupdate_display("seen", &Html("new"));')
        assert [kind for kind, _ in cell.outputs] == ["update_display_data"]

    def test_large_displays_and_text(self, fresh):
        cell = fresh.good('%%capture c\nfor _ in 0..20 { display(&Html("x".repeat(1 << 20))); println!("{}", "y".repeat(1 << 20)); }')
        assert cell.outputs == []
        assert fresh.good("(c.displays.len(), c.stdout.len())").result == f"(20, {20 * ((1 << 20) + 1)})"


class TestCompletion:
    def complete(self, kernel, code):
        return kernel.reply(kernel.client.complete(code, len(code)))["content"]

    def test_files_of_the_working_directory(self, at, tmp_path):
        (tmp_path / "example.rs").touch()
        (tmp_path / "examples").mkdir()
        (tmp_path / "examples" / "inner.rs").touch()
        for code in ["%run exa", "%load exa", "%cd exa", "%%writefile exa", "%%writefile -a exa", "!cat exa"]:
            reply = self.complete(at, code)
            assert reply["matches"] == ["example.rs", "examples/"], code
            assert code[reply["cursor_start"] : reply["cursor_end"]] == "exa"
        assert self.complete(at, "%run examples/in")["matches"] == ["inner.rs"]
