"""Interrupts: what waits ends its wait with all state kept; what does not hear it is ended,
and the checkpoint takes its place.

The times measured are printed (`pytest -s`). The bounds asserted are wider than those of a
quiet machine (0.2 s for a cell that waits, 2 s for one that is stuck).
"""

import os
import signal
from pathlib import Path

import pytest

from kernel_client import descendants, is_running, wait_gone, wait_until

WAITING_BOUND = 1.0
STUCK_BOUND = 4.0
TRIES = 3

STATE = """
use std::{cell::RefCell, collections::HashMap, rc::Rc, sync::{Arc, Mutex, atomic::{AtomicU64, Ordering::SeqCst}}};
static COUNT: AtomicU64 = AtomicU64::new(0);
let numbers = vec![1, 2, 3];
let words = Rc::new(RefCell::new(HashMap::from([("one", String::from("eins"))])));
let add = { let numbers = numbers.clone(); move |n: i32| numbers.iter().sum::<i32>() + n };
let ticks = Arc::new(AtomicU64::new(0));
{ let ticks = ticks.clone(); std::thread::spawn(move || loop { ticks.fetch_add(1, SeqCst); std::thread::sleep(std::time::Duration::from_millis(1)); }); }
COUNT.fetch_add(5, SeqCst);
"""

STATE_IS_THERE = """
words.borrow_mut().insert("two", "zwei".into());
(&numbers, words.borrow().len(), add(1), COUNT.load(SeqCst))
"""


def with_state(kernel):
    kernel.good(STATE)
    return kernel


def assert_state(kernel, count=5):
    assert kernel.good(STATE_IS_THERE).result == f"([1, 2, 3], 2, 7, {count})"


def assert_ticking(kernel):
    """The thread of the first cell still counts."""
    # A counter that stands still never passes.
    kernel.good("let seen = ticks.load(SeqCst); while ticks.load(SeqCst) < seen + 3 { std::thread::yield_now(); }")


def best_stop(kernel, code, bound, what):
    """Stops the same cell a few times, until one try is within `bound`; returns the last."""
    times = []
    for _ in range(TRIES):
        cell = kernel.begin(code)
        times.append(kernel.stop(cell))
        if times[-1] < bound:
            break
    print(f"{what}: stopped after {', '.join(f'{seconds:.3f}' for seconds in times)} s")
    assert min(times) < bound, f"{times}: {cell}"
    return cell


def stopped(cell, *words):
    """It ended as an interrupted cell, in the reply as well."""
    error = cell.failed("KeyboardInterrupt", *words)
    assert cell.reply["content"]["ename"] == "KeyboardInterrupt", cell.reply
    assert cell.reply["content"]["traceback"], cell.reply
    return error


WAITING = {
    "sleep": 'println!("it waits"); sleep(3600.0);',
    "sleep_for_ever": 'println!("it waits"); sleep(f64::MAX);',
    "sleep_in_a_nested_function": """
        fn outer(n: u32) -> u32 { if n == 0 { println!("it waits"); sleep(3600.0); 0 } else { 1 + outer(n - 1) } }
        outer(5)
        """,
    "sleep_in_a_loop": 'println!("it waits"); loop { sleep(0.01); }',
    "sleep_in_a_closure_kept": 'let wait = || { println!("it waits"); sleep(3600.0); }; wait();',
    "sleep_inside_catch_unwind": """
        println!("it waits");
        let caught = std::panic::catch_unwind(|| sleep(3600.0)).is_err();
        """,
    "await_a_tokio_sleep": 'println!("it waits"); tokio::time::sleep(std::time::Duration::from_secs(3600)).await;',
    "await_a_channel": """
        let (sender, mut receiver) = tokio::sync::mpsc::channel::<u8>(1);
        println!("it waits");
        receiver.recv().await;
        """,
    "await_a_task": """
        let task = tokio::spawn(async { std::future::pending::<()>().await });
        println!("it waits");
        let _ = task.await;
        """,
    "await_in_a_loop": 'println!("it waits"); loop { tokio::time::sleep(std::time::Duration::from_millis(5)).await; }',
    "display_flood": 'println!("it waits"); loop { display(&Html("x")); }',
    "lines_with_waits": 'loop { println!("it waits"); sleep(0.001); }',
}


class TestWaiting:
    """A wait ends, and all is kept: variables, statics, threads."""

    @pytest.mark.parametrize("name", WAITING)
    def test_it_ends_with_all_kept(self, fresh, name):
        kernel = with_state(fresh)
        worker = kernel.worker()
        cell = best_stop(kernel, WAITING[name], WAITING_BOUND, name)
        stopped(cell, "the cell was stopped", "All variables and threads are kept.")
        assert_state(kernel)
        assert_ticking(kernel)
        assert kernel.worker() == worker

    def test_the_place_is_told(self, fresh):
        cell = fresh.begin('println!("it waits");\n\nsleep(3600.0);')
        fresh.stop(cell)
        stopped(cell, "--> In[1]:3:1", "sleep(3600.0);")

    def test_input(self, fresh):
        kernel = with_state(fresh)
        for _ in range(2):
            cell = kernel.send('let name = input("Name? ")?;', allow_stdin=True)
            assert kernel.client.get_stdin_msg(timeout=60)["content"]["prompt"] == "Name? "
            seconds = kernel.stop(cell)
            print(f"input: stopped after {seconds:.3f} s")
            assert seconds < STUCK_BOUND
            stopped(cell, "All variables and threads are kept.")
        assert_ticking(kernel)
        # An answer that comes too late belongs to no question.
        kernel.client.input("late")
        cell = kernel.send('let name = input("Again? ")?;', allow_stdin=True)
        assert kernel.client.get_stdin_msg(timeout=60)["content"]["prompt"] == "Again? "
        kernel.client.input("Ada")
        kernel.finish(cell).good()
        assert kernel.good("name").result == '"Ada"'
        assert_state(kernel)

    def test_what_the_cell_did_before_stays_done(self, fresh):
        fresh.good("let mut list = vec![1];")
        cell = fresh.begin('list.push(2);\nlet made = 1;\nprintln!("it waits");\nsleep(3600.0);')
        fresh.stop(cell)
        stopped(cell)
        assert fresh.good("list").result == "[1, 2]"
        fresh.run("made").failed("CompileError")

    def test_drops_run(self, fresh):
        fresh.good('struct Guard; impl Drop for Guard { fn drop(&mut self) { println!("released"); } }')
        cell = fresh.begin('let _guard = Guard;\nprintln!("it waits");\nsleep(3600.0);')
        fresh.stop(cell)
        stopped(cell)
        assert cell.stdout == "it waits\nreleased\n"

    def test_a_wait_in_a_drop_that_unwinds_does_not_crash(self, fresh):
        fresh.good('let kept = 1; struct Slow; impl Drop for Slow { fn drop(&mut self) { sleep(0.05); println!("released"); } }')
        cell = fresh.begin('let _slow = Slow;\nprintln!("it waits");\nsleep(3600.0);')
        fresh.stop(cell)
        stopped(cell, "are kept")
        assert "released" in cell.stdout
        assert fresh.good("kept").result == "1"

    def test_what_was_taken_by_value_is_told(self, fresh):
        fresh.good("let taken = vec![1]; let other = 2;")
        cell = fresh.begin('let mine = taken;\nprintln!("it waits {}", mine.len());\nsleep(3600.0);')
        fresh.stop(cell)
        stopped(cell, "`taken`", "All other variables and threads are kept")
        assert fresh.good("other").result == "2"
        fresh.run("taken").failed("CompileError", "`taken`", "In[2]")

    def test_an_endless_println_loop(self, fresh):
        kernel = with_state(fresh)
        cell = kernel.begin('loop { println!("it waits"); }')
        seconds = kernel.stop(cell)
        print(f"println loop: stopped after {seconds:.3f} s")
        # What it had printed by then has to be shown, too.
        stopped(cell)
        assert_state(kernel)

    def test_a_thread_that_waits_is_joined_through_std(self, fresh):
        # The cell itself waits in std: the second stage ends the wait of its thread.
        kernel = with_state(fresh)
        code = 'let thread = std::thread::spawn(|| { println!("it waits"); sleep(3600.0); });\nthread.join().unwrap_err();'
        cell = best_stop(kernel, code, STUCK_BOUND, "std join of a prelude sleep")
        stopped(cell, "All variables and threads are kept.")
        assert_state(kernel)
        assert_ticking(kernel)

    def test_a_thread_of_an_earlier_cell_goes_on_waiting(self, fresh):
        fresh.good("use std::sync::{Arc, atomic::{AtomicBool, Ordering::SeqCst}}; let ended = Arc::new(AtomicBool::new(false));")
        fresh.good("let go = Arc::new(AtomicBool::new(false));")
        fresh.good("let thread = { let (ended, go) = (ended.clone(), go.clone()); std::thread::spawn(move || { while !go.load(SeqCst) { sleep(0.01); } ended.store(true, SeqCst); }) };")
        cell = fresh.begin('std::thread::spawn(|| { println!("it waits"); sleep(3600.0); }).join().unwrap_err();')
        fresh.stop(cell)
        stopped(cell, "are kept")
        fresh.good("assert!(!thread.is_finished()); go.store(true, SeqCst); thread.join().unwrap(); assert!(ended.load(SeqCst));")

    def test_rayon_with_items_that_sleep(self, fresh):
        kernel = with_state(fresh)
        code = """
            use rayon::prelude::*;
            println!("it waits");
            (0..64).into_par_iter().for_each(|_| sleep(3600.0));
            """
        cell = best_stop(kernel, code, STUCK_BOUND, "rayon")
        stopped(cell)
        assert_state(kernel)
        assert kernel.good("use rayon::prelude::*; (0..1000u64).into_par_iter().sum::<u64>()").result == "499500"


STUCK = {
    "loop": 'println!("it waits"); loop { std::hint::spin_loop() }',
    "std_sleep": 'println!("it waits"); loop { std::thread::sleep(std::time::Duration::from_secs(3600)); }',
    "deadlock": """
        use std::sync::Barrier;
        let (a, b) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
        let both = Arc::new(Barrier::new(2));
        let other = { let (a, b, both) = (a.clone(), b.clone(), both.clone()); std::thread::spawn(move || {
            let _b = b.lock().unwrap(); both.wait(); let _a = a.lock().unwrap();
        }) };
        let _a = a.lock().unwrap();
        both.wait();
        println!("it waits");
        let _b = b.lock().unwrap();
        """,
    "park": 'println!("it waits"); loop { std::thread::park(); }',
    "std_channel": 'let (_sender, receiver) = std::sync::mpsc::channel::<u8>(); println!("it waits"); receiver.recv()?;',
    "a_future_that_computes": 'println!("it waits"); async { loop { std::hint::spin_loop() } }.await;',
    "while_it_holds_stdout": 'let mut out = std::io::stdout().lock(); { use std::io::Write; writeln!(out, "it waits")?; } loop { std::hint::spin_loop() }',
    # Each wait ends at once, and the cell goes on.
    "catching_and_waiting": 'println!("it waits"); loop { let _ = std::panic::catch_unwind(|| sleep(3600.0)); }',
}


class TestStuck:
    """A cell that does not hear: the checkpoint takes over."""

    @pytest.mark.parametrize("name", STUCK)
    def test_variables_are_as_before(self, fresh, name):
        kernel = with_state(fresh)
        cell = best_stop(kernel, STUCK[name], STUCK_BOUND, name)
        stopped(cell, "All variables are as they were before this cell.", "Gone: background threads")
        assert cell.stdout.startswith("it waits")
        assert_state(kernel)

    def test_what_the_cell_did_is_undone(self, fresh):
        fresh.good("use std::sync::atomic::{AtomicU32, Ordering::SeqCst}; static N: AtomicU32 = AtomicU32::new(1); let mut list = vec![1];")
        fresh.stop(fresh.begin('list.push(2); N.store(9, SeqCst); let made = 1; println!("it waits"); loop { std::hint::spin_loop() }'))
        assert fresh.good("(&list, N.load(SeqCst))").result == "([1], 1)"
        fresh.run("made").failed("CompileError")

    def test_the_second_interrupt_does_not_wait(self, fresh):
        kernel = with_state(fresh)
        code = 'println!("it waits"); loop { std::hint::spin_loop() }'
        once = min(kernel.stop(kernel.begin(code)) for _ in range(2))
        twice = []
        for _ in range(TRIES):
            cell = kernel.begin(code)
            kernel.interrupt()
            twice.append(kernel.stop(cell))
            stopped(cell, "as they were before this cell")
        print(f"one interrupt: {once:.3f} s, two: {min(twice):.3f} s")
        assert min(twice) < once / 2
        assert_state(kernel)

    def test_three_at_once(self, fresh):
        kernel = with_state(fresh)
        cell = kernel.begin('println!("it waits"); loop { std::hint::spin_loop() }')
        for _ in range(3):
            kernel.interrupt()
        kernel.finish(cell)
        stopped(cell)
        # None of them is left for the next cell.
        kernel.good("sleep(0.1);")
        assert_state(kernel)

    def test_the_kernels_own_sigint(self, fresh):
        kernel = with_state(fresh)
        for code, words in [
            ("sleep(3600.0);", "All variables and threads are kept"),
            ("loop { std::hint::spin_loop() }", "as they were before this cell"),
        ]:
            cell = kernel.begin(f'println!("it waits"); {code}')
            os.kill(kernel.pid, signal.SIGINT)
            stopped(kernel.finish(cell), words)
        assert_state(kernel)

    def test_a_worker_that_is_stopped_by_a_signal(self, fresh):
        kernel = with_state(fresh)
        worker = kernel.worker()
        cell = kernel.begin('println!("it waits"); sleep(3600.0);')
        os.kill(worker, signal.SIGSTOP)
        kernel.interrupt()
        seconds = kernel.stop(cell)
        print(f"SIGSTOP and two interrupts: {seconds:.3f} s")
        stopped(cell, "as they were before this cell")
        wait_gone(worker)
        assert_state(kernel)


class TestChildren:
    """The child processes of a stopped cell are ended."""

    def assert_ends(self, kernel, cell, pids):
        kernel.stop(cell)
        stopped(cell)
        wait_gone(*pids)

    def test_a_child_that_is_waited_for(self, fresh):
        kernel = with_state(fresh)
        cell = best_stop(
            kernel, 'println!("it waits"); std::process::Command::new("sleep").arg("3600").status()?;', WAITING_BOUND, "status()"
        )
        stopped(cell, "are kept")
        assert_ticking(kernel)

    def test_children_that_nobody_waits_for(self, fresh):
        kernel = with_state(fresh)
        cell = kernel.begin("""
            for _ in 0..5 { println!("{}", std::process::Command::new("sleep").arg("3600").spawn()?.id()); }
            println!("it waits");
            sleep(3600.0);
            """)
        pids = [int(line) for line in cell.stdout.splitlines()[:5]]
        assert all(map(is_running, pids))
        self.assert_ends(kernel, cell, pids)
        assert_ticking(kernel)

    def test_children_of_earlier_cells_go_on(self, fresh):
        earlier = int(fresh.good('let child = std::process::Command::new("sleep").arg("3600").spawn()?; child.id()').result)
        cell = fresh.begin('println!("it waits"); sleep(3600.0);')
        fresh.stop(cell)
        stopped(cell, "are kept")
        cell = fresh.begin('println!("it waits"); std::process::Command::new("sleep").arg("3600").status()?;')
        fresh.stop(cell)
        stopped(cell, "are kept")
        assert is_running(earlier)
        fresh.good("let mut child = child; child.kill()?; child.wait()?;")

    @pytest.mark.parametrize(
        "script",
        [
            # The shell waits, has ended already, does not mind SIGTERM.
            "sleep 3600 & echo $!; sleep 3600 & echo $!; echo it waits; wait",
            "sleep 3600 & echo $!; sleep 3600 & echo $!; echo it waits",
            "trap '' TERM; sleep 3600 & echo $!; sleep 3600 & echo $!; echo it waits; wait",
            "(trap '' TERM; sleep 3600 & echo $!; exec sleep 3600) & echo $!; echo it waits; wait",
        ],
    )
    def test_a_shell_with_background_children(self, fresh, script):
        kernel = with_state(fresh)
        cell = kernel.begin(f'std::process::Command::new("sh").args(["-c", "{script}"]).spawn()?; sleep(3600.0);')
        pids = [int(line) for line in cell.stdout.split() if line.isdigit()]
        wait_until("two children", lambda: len([int(line) for line in cell.stdout.split() if line.isdigit()]) >= 2 or kernel.receive(cell))
        pids = [int(line) for line in cell.stdout.split() if line.isdigit()]
        assert all(map(is_running, pids))
        self.assert_ends(kernel, cell, pids)
        assert_ticking(kernel)

    def test_a_fall_back_ends_all_of_them(self, fresh):
        # As it does with threads: those of earlier cells, too, which is told.
        earlier = int(fresh.good('let child = std::process::Command::new("sleep").arg("3600").spawn()?; child.id()').result)
        cell = fresh.begin("""
            println!("{}", std::process::Command::new("sleep").arg("3600").spawn()?.id());
            println!("{}", std::process::Command::new("setsid").args(["sleep", "3600"]).spawn()?.id());
            println!("it waits");
            loop { std::hint::spin_loop() }
            """)
        pids = [int(line) for line in cell.stdout.splitlines()[:2]]
        fresh.stop(cell)
        stopped(cell, "child processes")
        wait_gone(earlier, *pids)


class TestWhen:
    def test_while_compiling(self, fresh):
        kernel = with_state(fresh)
        many = "\n".join(
            f"#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)] struct S{n} {{ a: Vec<String>, b: Option<u{8 << n % 4}>, c: [i32; {n + 1}] }}"
            for n in range(400)
        )
        shown = " ".join(f'println!("{{:?}}", S{n} {{ a: vec![], b: None, c: [0; {n + 1}] }}.clone());' for n in range(400))
        cell = kernel.send(f'println!("it ran"); COUNT.store(99, SeqCst);\n{many}\n{shown}')
        wait_until("the compiler", lambda: compilers(kernel))
        seconds = kernel.stop(cell)
        print(f"while compiling: {seconds:.3f} s")
        stopped(cell, "the compiler was stopped, nothing has run")
        assert cell.stdout == ""
        assert seconds < WAITING_BOUND
        wait_until("the end of the compiler", lambda: not compilers(kernel))
        assert_state(kernel)
        assert_ticking(kernel)
        kernel.run("S1 { a: vec![], b: None, c: [0; 2] }").failed("CompileError")

    def test_when_idle(self, fresh):
        kernel = with_state(fresh)
        os.kill(kernel.pid, signal.SIGINT)
        # These are answered, so the signal has been seen, too.
        for _ in range(3):
            kernel.interrupt()
        kernel.good("sleep(0.2);")
        assert_state(kernel)
        assert_ticking(kernel)

    def test_it_aborts_what_is_queued(self, fresh):
        for code, kept in [("sleep(3600.0);", "are kept"), ("loop { std::hint::spin_loop() }", "as they were")]:
            cell = fresh.begin(f'println!("it waits"); {code}')
            queued = [fresh.send("let never = 1;") for _ in range(3)]
            fresh.stop(cell)
            stopped(cell, kept)
            assert [fresh.finish(waiting).status for waiting in queued] == ["aborted"] * 3
            fresh.run("never").failed("CompileError")

    def test_queued_cells_that_ask_to_run_in_any_case(self, fresh):
        cell = fresh.begin('println!("it waits"); sleep(3600.0);', stop_on_error=False)
        queued = fresh.send("1 + 1")
        fresh.stop(cell)
        stopped(cell)
        assert fresh.finish(queued).good().result == "2"

    def test_one_interrupt_a_cell_in_a_row(self, fresh):
        kernel = with_state(fresh)
        for code in ["sleep(3600.0);", "loop { std::hint::spin_loop() }"] * 3:
            cell = kernel.begin(f'println!("it waits"); {code}')
            kernel.stop(cell)
            stopped(cell)
        assert_state(kernel)


class TestWithoutCheckpoint:
    def test_only_the_second_interrupt_ends_a_stuck_cell(self, fresh):
        kernel = with_state(fresh)
        kernel.good("%checkpoint off")
        # Waiting cells are stopped as ever.
        cell = kernel.begin('println!("it waits"); sleep(3600.0);')
        kernel.stop(cell)
        stopped(cell, "are kept")

        worker = kernel.worker()
        cell = kernel.begin('println!("it waits"); loop { std::hint::spin_loop() }')
        kernel.interrupt()
        while "a second interrupt ends its process" not in cell.notes:
            kernel.receive(cell)
        # It goes on.
        before = processor_time(worker)
        wait_until("more work", lambda: processor_time(worker) > before)
        kernel.stop(cell)
        error = stopped(cell, "Lost:", "no checkpoint", "%checkpoint on")
        for name in ("numbers", "words", "add", "ticks"):
            assert f"`{name}`" in error.text
        kernel.run("numbers").failed("CompileError", "lost")
        assert kernel.good("COUNT.load(SeqCst)").result == "0"

        kernel.good("%checkpoint on")
        kernel.good("let numbers = vec![7];")
        kernel.stop(kernel.begin('println!("it waits"); loop { std::hint::spin_loop() }'))
        assert kernel.good("numbers").result == "[7]"


class TestAfterAFallBack:
    """The copy that took over is a whole worker."""

    def fall_back(self, kernel, code=""):
        cell = kernel.begin(f'{code}\nprintln!("it waits");\nloop {{ std::hint::spin_loop() }}')
        kernel.interrupt()
        kernel.interrupt()
        stopped(kernel.finish(cell), "as they were before this cell")

    def test_rayon_works_in_parallel(self, fresh):
        fresh.good("use rayon::prelude::*; let v: Vec<u64> = (0..10_000).into_par_iter().collect();")
        self.fall_back(fresh, "use rayon::prelude::*; (0..100u64).into_par_iter().for_each(|n| { std::hint::black_box(n); });")
        assert fresh.good("v.par_iter().sum::<u64>()").result == "49995000"
        # Two items that meet: on one thread they would wait for ever.
        meet = """
            let barrier = std::sync::Barrier::new(2);
            rayon::join(|| barrier.wait(), || barrier.wait());
            """
        fresh.good(meet)
        self.fall_back(fresh)
        fresh.good(meet)

    def test_await(self, fresh):
        fresh.good("let (sender, mut receiver) = tokio::sync::mpsc::channel::<u8>(3); tokio::time::sleep(std::time::Duration::from_millis(1)).await;")
        self.fall_back(fresh)
        fresh.good("sender.send(5).await?;")
        assert fresh.good("receiver.recv().await").result == "Some(5)"
        code = "let t = tokio::spawn(async { tokio::time::sleep(std::time::Duration::from_millis(1)).await; 3 }); t.await?"
        assert fresh.good(code).result == "3"

    def test_output_and_input(self, fresh):
        self.fall_back(fresh)
        cell = fresh.good('println!("one"); print!("two"); display(&Html("x")); print!("three"); 4')
        assert [kind for kind, _ in cell.outputs] == ["stdout", "display_data", "stdout", "execute_result"]
        assert cell.stdout == "one\ntwothree" and cell.displays[0]["text/html"] == "x" and cell.result == "4"
        assert fresh.run('eprintln!("five");').stderr == "five\n"
        cell = fresh.send('let name = input("Name? ")?;', allow_stdin=True)
        assert fresh.client.get_stdin_msg(timeout=60)["content"]["prompt"] == "Name? "
        fresh.client.input("Ada")
        fresh.finish(cell).good()
        assert fresh.good("name").result == '"Ada"'

    def test_statics_and_those_of_the_stopped_cell(self, fresh):
        fresh.good("use std::sync::{Mutex, LazyLock, atomic::{AtomicU32, Ordering::SeqCst}}; static N: AtomicU32 = AtomicU32::new(1); static L: Mutex<Vec<u8>> = Mutex::new(vec![]);")
        fresh.good("N.store(5, SeqCst); L.lock().unwrap().push(1);")
        self.fall_back(fresh, "static M: AtomicU32 = AtomicU32::new(7); static Z: LazyLock<String> = LazyLock::new(|| \"z\".into()); M.store(9, SeqCst); N.store(6, SeqCst); println!(\"{}\", *Z);")
        assert fresh.good("(N.load(SeqCst), L.lock().unwrap().len(), M.fetch_add(1, SeqCst), Z.as_str())").result == '(5, 1, 7, "z")'
        assert fresh.good("M.load(SeqCst)").result == "8"

    def test_items_of_the_stopped_cell(self, fresh):
        self.fall_back(fresh, "fn made() -> u8 { 3 }\n#[derive(Debug)] struct Made(u8);\nmacro_rules! made { () => { 4 } }")
        assert fresh.good("(made(), Made(1), made!())").result == "(3, Made(1), 4)"

    def test_threads(self, fresh):
        self.fall_back(fresh)
        fresh.good("let threads: Vec<_> = (0..8).map(|n| std::thread::spawn(move || n * 2)).collect();")
        assert fresh.good("threads.into_iter().map(|t| t.join().unwrap()).sum::<i32>()").result == "56"

    def test_a_lock_held_by_a_thread_that_is_gone(self, fresh):
        # Told as gone: the thread. Its lock is not; who waits for it can be stopped again.
        kernel = with_state(fresh)
        kernel.good("let lock = Arc::new(Mutex::new(1)); let t = { let lock = lock.clone(); std::thread::spawn(move || { let _guard = lock.lock().unwrap(); loop { std::thread::park(); } }) }; while lock.try_lock().is_ok() {}")
        self.fall_back(kernel)
        cell = kernel.begin('println!("it waits"); let _guard = lock.lock();')
        kernel.stop(cell)
        stopped(cell, "as they were before this cell")
        assert_state(kernel)

    def test_again_and_again(self, fresh):
        kernel = with_state(fresh)
        for _ in range(5):
            self.fall_back(kernel)
        assert_state(kernel)
        for n in range(3):
            kernel.good(f"let made = {n};")
            self.fall_back(kernel)
            assert kernel.good("made").result == str(n)
        cell = kernel.begin('println!("it waits"); sleep(3600.0);')
        kernel.stop(cell)
        stopped(cell, "are kept")

    def test_a_type_defined_anew_by_the_stopped_cell(self, fresh):
        fresh.good("#[derive(Debug)] struct P { x: u8 } let p = P { x: 1 }; let ps = vec![P { x: 2 }]; let n = 3;")
        self.fall_back(fresh, "#[derive(Debug)] struct P { name: String }")
        # The old value must not be read as the new type.
        fresh.run("p").failed("CompileError", "`p`")
        fresh.run("ps").failed("CompileError", "`ps`")
        fresh.good('let p = P { name: "new".into() };')
        assert fresh.good("(p, n)").result == '(P { name: "new" }, 3)'

    def test_a_variable_of_another_type_made_by_the_stopped_cell(self, fresh):
        fresh.good("let x = 1u8;")
        self.fall_back(fresh, 'let x = String::from("text");')
        assert fresh.good("x").result == "1"

    def test_a_moved_variable_is_back(self, fresh):
        fresh.good('let text = String::from("here");')
        self.fall_back(fresh, "drop(text);")
        assert fresh.good("text").result == '"here"'


def processor_time(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11])


def compilers(kernel):
    found = []
    for pid in descendants(kernel.pid):
        try:
            with open(f"/proc/{pid}/comm") as comm:
                if comm.read().strip() == "rustc":
                    found.append(pid)
        except OSError:
            continue
    return found
