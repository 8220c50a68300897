"""Crashes: a cell that takes its process with it fails with an error that says how, and the
next cell finds every variable as it was before."""

import os
import re
import platform
import signal
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from kernel_client import wait_gone

STATE = """
use std::{cell::RefCell, collections::HashMap, rc::Rc, sync::{Arc, Mutex, atomic::{AtomicU64, Ordering::SeqCst}}};
static COUNT: AtomicU64 = AtomicU64::new(1);
static LIST: Mutex<Vec<String>> = Mutex::new(Vec::new());
#[derive(Debug)] struct Point { x: f64, y: f64 }
let mut numbers = vec![1, 2, 3];
let text = String::from("text");
let map = HashMap::from([("one", vec![1])]);
let shared = Rc::new(RefCell::new(vec!["a"]));
let also_shared = shared.clone();
let lock = Arc::new(Mutex::new(7));
let point = Point { x: 1.0, y: 2.0 };
let boxed: Box<dyn Fn(i32) -> i32> = { let numbers = numbers.clone(); Box::new(move |n| n + numbers.len() as i32) };
let closure = { let text = text.clone(); move || text.len() };
COUNT.store(5, SeqCst);
LIST.lock().unwrap().push("listed".into());
"""

# Makes everything different before the crash.
CHANGE = """
numbers.push(99); shared.borrow_mut().push("b"); *lock.lock().unwrap() = 0; COUNT.store(0, SeqCst);
LIST.lock().unwrap().clear(); drop(text); drop(map); let point = 3;
"""

STATE_IS_THERE = """
(&numbers, &text, &map, shared.borrow().len(), Rc::strong_count(&also_shared), *lock.lock().unwrap(), &point,
 boxed(1), closure(), COUNT.load(SeqCst), LIST.lock().unwrap().clone())
"""
ALL_OF_IT = '([1, 2, 3], "text", {"one": [1]}, 1, 2, 7, Point { x: 1.0, y: 2.0 }, 4, 4, 5, ["listed"])'


def assert_state(kernel):
    assert " ".join(kernel.good(STATE_IS_THERE).result.split()).replace("( ", "(").replace(", )", ")") in (
        ALL_OF_IT,
        # As `{:#?}` shows it, should it be too long for a line.
        ALL_OF_IT.replace("{ ", "{ "),
    )


X86 = platform.machine() == "x86_64"

# Code that runs at last, and words that the error must have.
CRASHES = {
    "abort": ("std::process::abort();", ["SIGABRT", "aborted"]),
    "null_write": (
        "unsafe { std::ptr::write_volatile(std::hint::black_box(std::ptr::null_mut::<u64>()), 1) }",
        ["SIGSEGV", "address 0x0", "unsafe"],
    ),
    "wild_read": (
        "println!(\"{}\", unsafe { std::ptr::read_volatile(std::hint::black_box(0xdead0000usize) as *const u8) });",
        ["SIGSEGV", "0xdead0000"],
    ),
    "in_a_function": (
        "#[inline(never)] fn careless(p: *mut u8) -> u8 { unsafe { std::ptr::write_volatile(p, 1); std::ptr::read_volatile(p) } }\n"
        "let read = careless(std::hint::black_box(std::ptr::null_mut())); println!(\"{read}\");",
        ["SIGSEGV", "careless"],
    ),
    "illegal_instruction": ('unsafe { std::arch::asm!("ud2") }', ["SIGILL", "illegal instruction"]),
    "breakpoint": ('unsafe { std::arch::asm!("int3") }', ["SIGTRAP"]),
    "division_by_the_processor": (
        'unsafe { std::arch::asm!("xor ecx, ecx", "xor edx, edx", "mov eax, 1", "div ecx", '
        'out("eax") _, out("ecx") _, out("edx") _) }',
        ["SIGFPE"],
    ),
    "stack_overflow": (
        "fn deep(n: u64) -> u64 { std::hint::black_box([n; 64])[1] + deep(n + 1) }\nprintln!(\"{}\", deep(0));",
        ["SIGSEGV", "stack overflowed", "deep"],
    ),
    "stack_overflow_in_a_thread": (
        "fn deep(n: u64) -> u64 { std::hint::black_box([n; 64])[1] + deep(n + 1) }\n"
        "std::thread::Builder::new().name(\"diver\".into()).spawn(|| deep(0))?.join().ok();",
        ["SIGSEGV", "`diver`", "stack overflowed", "deep"],
    ),
    "double_panic": (
        "struct Bad; impl Drop for Bad { fn drop(&mut self) { panic!(\"the second\") } }\nlet _bad = Bad; panic!(\"the first\");",
        ["SIGABRT", "panic"],
    ),
    "panic_in_extern_c": ("extern \"C\" fn callback() { panic!(\"across\") }\ncallback();", ["SIGABRT", "panic"]),
    "exit_3": ("std::process::exit(3);", ["exit code 3", "exit"]),
    "exit_0": ("std::process::exit(0);", ["exit code 0", "exit"]),
    "exit_in_a_thread": ("std::thread::spawn(|| std::process::exit(4)).join().unwrap();", ["exit code 4"]),
    "exit_at_once": ("unsafe extern \"C\" { fn _exit(code: i32) -> !; }\nunsafe { _exit(5) };", ["exit code 5"]),
    "double_free": (
        "let p = Box::into_raw(Box::new([1u64; 4])); unsafe { drop(Box::from_raw(p)); drop(Box::from_raw(std::hint::black_box(p))); }",
        ["SIGABRT"],
    ),
    "heap_overrun": (
        "let p = Box::into_raw(Box::new([0u8; 24])).cast::<u8>(); for i in 0..4096 { unsafe { p.add(std::hint::black_box(i)).write_volatile(0xff) } }\n"
        "let v: Vec<Vec<u8>> = (0..1000).map(|n| vec![1; n]).collect(); drop(v); std::process::abort();",
        ["SIG"],
    ),
    "out_of_memory": (
        "#[repr(C)] struct Limit { soft: u64, hard: u64 }\nunsafe extern \"C\" { fn setrlimit(what: i32, limit: *const Limit) -> i32; }\n"
        "let limit = Limit { soft: 4 << 30, hard: 4 << 30 }; assert_eq!(unsafe { setrlimit(9, &limit) }, 0);\n"
        "let huge: Vec<u8> = vec![1; std::hint::black_box(8 << 30)]; println!(\"{}\", huge.len());",
        ["SIGABRT", "memory"],
    ),
    "kill_itself": ("unsafe extern \"C\" { fn kill(pid: i32, signal: i32) -> i32; }\nunsafe { kill(std::process::id() as i32, 9) }; sleep(60.0);", ["SIGKILL"]),
    "sigterm_to_itself": ("unsafe extern \"C\" { fn kill(pid: i32, signal: i32) -> i32; }\nunsafe { kill(std::process::id() as i32, 15) }; sleep(60.0);", ["SIGTERM"]),
    "sigpipe_by_default": (
        "unsafe extern \"C\" { fn signal(number: i32, handler: usize) -> usize; fn raise(number: i32) -> i32; }\nunsafe { signal(13, 0); raise(13) }; sleep(60.0);",
        ["SIGPIPE"],
    ),
    "in_a_drop_at_the_end": ("struct Bad; impl Drop for Bad { fn drop(&mut self) { std::process::abort() } }\n{ let _bad = Bad; }", ["SIGABRT"]),
    "in_debug_of_the_value": (
        "struct Bad; impl std::fmt::Debug for Bad { fn fmt(&self, _: &mut std::fmt::Formatter) -> std::fmt::Result { std::process::abort() } }\nBad",
        ["SIGABRT"],
    ),
    "in_a_task": ("tokio::spawn(async { std::process::abort() }).await.ok();", ["SIGABRT"]),
    "in_rayon": ("use rayon::prelude::*; (0..8).into_par_iter().for_each(|n| if n == 7 { std::process::abort() });", ["SIGABRT"]),
}


def crashed(cell, *words):
    error = cell.failed("Crash", *words)
    assert cell.reply["content"]["ename"] == "Crash", cell.reply
    assert cell.reply["content"]["traceback"], cell.reply
    return error


class TestKinds:
    @pytest.mark.parametrize("name", CRASHES)
    def test_every_variable_is_as_before(self, fresh, name):
        code, words = CRASHES[name]
        if "asm!" in code and not X86:
            pytest.skip("this instruction is another processor's")
        fresh.good(STATE)
        items = "fn made_by_it() -> u8 { 3 }\nstatic MADE_BY_IT: AtomicU64 = AtomicU64::new(40);"
        cell = fresh.run(f'{items}\nprintln!("before");\n{CHANGE}\n{code}')
        crashed(cell, *words, "All variables are as they were before this cell.", "Gone: background threads")
        assert cell.stdout == "before\n", str(cell)
        assert_state(fresh)
        assert fresh.good("(made_by_it(), MADE_BY_IT.fetch_add(2, SeqCst))").result == "(3, 40)"
        assert fresh.good("MADE_BY_IT.load(SeqCst)").result == "42"

    def test_a_panic_is_none(self, fresh):
        worker = fresh.worker()
        fresh.run("let n = std::hint::black_box(i32::MAX); n + 1").failed("Panic", "overflow")
        fresh.run("vec![1][std::hint::black_box(5)]").failed("Panic")
        assert fresh.worker() == worker

    def test_what_was_said_last_is_shown(self, fresh):
        # The runtime's own words about memory that is not to be had, about panics.
        cell = fresh.run(
            "std::alloc::handle_alloc_error(std::alloc::Layout::new::<[u8; 123456]>())"
        )
        crashed(cell, "SIGABRT")
        assert "memory allocation of 123456 bytes failed" in cell.stderr, str(cell)
        cell = fresh.run(
            'struct Bad; impl Drop for Bad { fn drop(&mut self) { panic!("the second") } }\nlet _bad = Bad;\npanic!("the first");'
        )
        crashed(cell, "SIGABRT")
        assert "the first" in cell.stderr and "the second" in cell.stderr, str(cell)
        cell = fresh.run('extern "C" fn callback() { panic!("across") }\ncallback();')
        crashed(cell, "SIGABRT")
        assert "across" in cell.stderr, str(cell)

    def test_a_vector_that_is_too_large_for_any_machine(self, fresh):
        fresh.good("let kept = 1;")
        cell = fresh.run("let huge: Vec<u8> = Vec::with_capacity(std::hint::black_box(1 << 62)); huge.len()")
        crashed(cell, "SIGABRT", "memory")
        assert "memory allocation of" in cell.stderr, str(cell)
        assert fresh.good("kept").result == "1"

    @pytest.mark.parametrize("number", ["SIGTERM", "SIGSEGV", "SIGKILL", "SIGHUP", "SIGQUIT", "SIGABRT", "SIGUSR1"])
    def test_a_signal_from_outside(self, fresh, number):
        fresh.good(STATE)
        worker = fresh.worker()
        cell = fresh.begin('println!("it waits"); loop { std::hint::spin_loop() }')
        os.kill(worker, getattr(signal, number))
        crashed(fresh.finish(cell), number, "as they were before this cell")
        wait_gone(worker)
        assert_state(fresh)

    def test_a_signal_that_jupyter_ignores(self, start):
        # As in `jupyter lab &` of a script, or under nohup.
        ignored = [signal.SIGINT, signal.SIGQUIT, signal.SIGHUP]
        before = [signal.signal(number, signal.SIG_IGN) for number in ignored]
        kernel = start()
        for number, handler in zip(ignored, before):
            signal.signal(number, handler)
        kernel.good("let kept = 1;")
        worker = kernel.worker()
        cell = kernel.begin('println!("it waits"); loop { std::hint::spin_loop() }')
        os.kill(worker, signal.SIGQUIT)
        crashed(kernel.finish(cell), "SIGQUIT", "as they were before this cell")
        assert kernel.good('std::process::Command::new("sh").args(["-c", "kill -HUP $$"]).status()?.code()').result == "None"

    def test_a_handler_of_ones_own(self, fresh):
        fresh.good("""
            use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
            static SEEN: AtomicU32 = AtomicU32::new(0);
            extern "C" fn handler(_: i32) { SEEN.fetch_add(1, SeqCst); }
            unsafe extern "C" { fn signal(number: i32, handler: usize) -> usize; fn raise(number: i32) -> i32; }
            let kept = 1;
            """)
        fresh.good("unsafe { signal(10, handler as *const () as usize); signal(15, handler as *const () as usize) };")
        fresh.good("unsafe { raise(10); raise(15) };")
        assert fresh.good("SEEN.load(SeqCst)").result == "2"
        # The copy that takes over has it, too.
        crashed(fresh.run("std::process::abort()"))
        fresh.good("unsafe { raise(10) };")
        assert fresh.good("(SEEN.load(SeqCst), kept)").result == "(3, 1)"


class TestOutput:
    def test_all_that_was_printed_arrives_in_order(self, fresh):
        cell = fresh.run('for n in 0..20_000 { println!("line {n}"); }\nprint!("half");\nstd::process::abort();')
        crashed(cell, "SIGABRT")
        assert cell.stdout == "".join(f"line {n}\n" for n in range(20_000)) + "half"

    def test_displays_and_text_keep_their_order(self, fresh):
        cell = fresh.run("""
            for n in 0..50 { println!("text {n}"); display(&Html(n.to_string())); }
            eprintln!("last");
            unsafe { std::ptr::write_volatile(std::hint::black_box(std::ptr::null_mut::<u64>()), 1) }
            """)
        crashed(cell, "SIGSEGV")
        assert [kind for kind, _ in cell.outputs] == [*["stdout", "display_data"] * 50, "stderr", "error"]
        assert cell.stdout.splitlines() == [f"text {n}" for n in range(50)] and cell.stderr == "last\n"
        assert [shown["text/html"] for shown in cell.displays] == [str(n) for n in range(50)]

    def test_in_the_middle_of_displays(self, fresh):
        fresh.good("let kept = 1;")
        cell = fresh.run("""
            std::thread::spawn(|| { sleep(0.05); std::process::abort() });
            let text = Html("x".repeat(100_000));
            loop { display(&text); }
            """)
        crashed(cell, "SIGABRT")
        assert len(cell.displays) > 0
        assert fresh.good("kept").result == "1"
        assert fresh.good("display(&Html(7.to_string()));").displays[0]["text/html"] == "7"

    def test_by_a_destructor_in_a_display(self, fresh):
        cell = fresh.run("""
            struct Bad; impl Rich for Bad { fn rich(&self) -> MimeBundle { std::process::abort() } }
            println!("before"); display(&Bad);
            """)
        crashed(cell, "SIGABRT")
        assert cell.stdout == "before\n"


    def test_while_it_asks(self, fresh):
        cell = fresh.send(
            """
            std::thread::spawn(|| { sleep(0.2); std::process::abort() });
            input("Name? ")?;
            """,
            allow_stdin=True,
        )
        assert fresh.client.get_stdin_msg(timeout=60)["content"]["prompt"] == "Name? "
        crashed(fresh.finish(cell), "SIGABRT")
        cell = fresh.send('let name = input("Again? ")?;', allow_stdin=True)
        assert fresh.client.get_stdin_msg(timeout=60)["content"]["prompt"] == "Again? "
        fresh.client.input("Ada")
        fresh.finish(cell).good()
        assert fresh.good("name").result == '"Ada"'


class TestAgain:
    def test_twenty_in_a_row(self, fresh):
        fresh.good(STATE)
        fresh.good("let mut n = 0;")
        kinds = [CRASHES[name] for name in ("abort", "null_write", "exit_3", "stack_overflow", "double_panic", "kill_itself")]
        for n in range(20):
            code, words = kinds[n % len(kinds)]
            crashed(fresh.run(code.replace("deep", f"deep{n}").replace("Bad", f"Bad{n}")), words[0], "as they were")
            fresh.good("n += 1;")
        assert fresh.good("n").result == "20"
        assert_state(fresh)
        # The worker, its checkpoint and the keeper: none of those before is left.
        assert len(fresh.processes()) <= 5, fresh.processes()

    def test_right_after_the_first_cell_and_without_any(self, fresh):
        crashed(fresh.run("std::process::abort()"))
        crashed(fresh.run("std::process::abort()"))
        fresh.good("let x = 1;")
        crashed(fresh.run("std::process::abort()"))
        assert fresh.good("x").result == "1"

    def test_what_was_made_between_is_kept(self, fresh):
        for n in range(4):
            fresh.good(f"let v{n} = {n}; static S{n}: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new({n});")
            crashed(fresh.run("std::process::abort()"))
        assert fresh.good("(v0, v1, v2, v3, S0.load(std::sync::atomic::Ordering::SeqCst), S3.load(std::sync::atomic::Ordering::SeqCst))").result == "(0, 1, 2, 3, 0, 3)"

    def test_what_a_failed_cell_did_is_kept(self, fresh):
        fresh.good("let mut list = vec![1]; let taken = vec![2];")
        fresh.run('list.push(2); let mine = taken; panic!("x {}", mine.len());').failed("Panic")
        crashed(fresh.run("std::process::abort()"))
        assert fresh.good("list").result == "[1, 2]"
        fresh.run("taken").failed("CompileError")

    def test_a_type_defined_anew_by_the_crashed_cell(self, fresh):
        fresh.good("#[derive(Debug)] struct P { x: u8 } let p = P { x: 1 }; let n = 2;")
        crashed(fresh.run("#[derive(Debug)] struct P { name: String } std::process::abort();"))
        fresh.run("p").failed("CompileError", "`p`")
        fresh.good('let p = P { name: "new".into() };')
        assert fresh.good("(p, n)").result == '(P { name: "new" }, 2)'

    def test_closures_that_hold_what_the_cell_defined(self, fresh):
        fresh.good("fn add(n: i32) -> i32 { n + 1 } let f = |n: i32| add(n);")
        crashed(fresh.run("fn add(n: i32) -> i32 { n + 100 } std::process::abort();"))
        assert fresh.good("(f(1), add(1))").result == "(2, 101)"

    def test_without_checkpoints(self, fresh):
        fresh.good("let lost = 1; fn kept() -> u8 { 4 }")
        fresh.good("%checkpoint off")
        crashed(fresh.run("std::process::abort()"), "Lost: `lost`", "%checkpoint on")
        fresh.run("lost").failed("CompileError", "lost")
        assert fresh.good("kept()").result == "4"
        fresh.good("%checkpoint on")
        fresh.good("let x = 1;")
        crashed(fresh.run("std::process::abort()"))
        assert fresh.good("x").result == "1"


ABORT_WHEN_TOLD = """
static GO: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
std::thread::Builder::new().name("careless".into()).spawn(|| {{ while !std::path::Path::new("{}").exists() {{ std::thread::yield_now(); }} std::process::abort() }})?;
"""


class TestBetweenCells:
    def next_cell(self, kernel, code, result):
        """The next cell tells of the end and runs. One that begins within the few
        milliseconds before the kernel knows of it is told of a crash."""
        cell = kernel.run(code)
        if cell.error:
            crashed(cell, "All variables are as they were before this cell.")
            cell = kernel.good(code)
        else:
            # It may have ended before it could make a checkpoint after the last cell.
            told = re.search(r"had ended since.* All variables are as they were (after|before) the last cell\.", cell.notes)
            assert told, str(cell)
        assert cell.result == result, str(cell)

    def test_a_background_thread_while_no_cell_runs(self, fresh, tmp_path):
        fresh.good(STATE)
        worker = fresh.worker()
        fresh.good(ABORT_WHEN_TOLD.format(tmp_path / "go"))
        (tmp_path / "go").touch()
        wait_gone(worker)
        (tmp_path / "go").unlink()
        self.next_cell(fresh, "1 + 1", "2")
        assert_state(fresh)

    def test_a_background_thread_while_another_cell_runs(self, fresh, tmp_path):
        fresh.good(STATE)
        fresh.good(ABORT_WHEN_TOLD.format(tmp_path / "go"))
        cell = fresh.begin('println!("it waits"); sleep(3600.0);')
        (tmp_path / "go").touch()
        crashed(fresh.finish(cell), "SIGABRT", "`careless`")
        (tmp_path / "go").unlink()
        assert_state(fresh)

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
    def test_a_signal_from_outside(self, fresh, number):
        fresh.good(STATE)
        worker = fresh.worker()
        os.kill(worker, number)
        wait_gone(worker)
        self.next_cell(fresh, "numbers.len()", "3")
        assert_state(fresh)


class TestRunners:
    def notebook(self):
        return nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(code) for code in ("let x = vec![1];", 'println!("before"); std::process::abort();', "x")],
            metadata={"kernelspec": {"name": "threadbook", "display_name": "Rust", "language": "rust"}},
        )

    def test_nbclient_with_allow_errors(self, kernel_name):
        notebook = self.notebook()
        NotebookClient(notebook, timeout=60, kernel_name=kernel_name, allow_errors=True).execute()
        _, crash, after = notebook.cells
        assert [output.output_type for output in crash.outputs] == ["stream", "error"]
        assert crash.outputs[1].ename == "Crash"
        assert after.outputs[0].data["text/plain"] == "[1]"

    def test_threadbook_run(self, kernel_name, start, tmp_path):
        kernel = start()
        program = os.readlink(f"/proc/{kernel.pid}/exe") if Path("/proc/self/exe").exists() else kernel.manager.kernel_spec.argv[0]
        path = tmp_path / "crash.ipynb"
        nbformat.write(self.notebook(), path)
        ended = subprocess.run([program, "run", path], capture_output=True, text=True, timeout=120)
        assert ended.returncode == 1, ended
        assert "In[2] failed: Crash: SIGABRT" in ended.stderr + ended.stdout, ended
        assert "before" in ended.stderr + ended.stdout + path.read_text()
