"""The prelude's processes as a notebook uses them: real children by fork, what they print, how they end,
what they share, and that none is left."""

import os

import pytest

from kernel_client import is_running, wait_gone, wait_until

NOTEBOOKS = {
    "a_process_over_cells": """
        let process = Process::new(|| println!("from the child")).named("child");
        (process.name(), process.is_alive(), process.exitcode(), process.pid().is_some())
        //=> ("child", false, None, false)
        ---
        process.start();
        process.join();
        //> from the child
        ---
        process.join();
        (process.is_alive(), process.exitcode(), process.pid().is_some())
        //=> (false, Some(0), true)
        """,
    "memory_is_copied_not_shared": """
        use std::sync::Mutex;
        static LIST: Mutex<Vec<i32>> = Mutex::new(vec![]);
        let process = Process::new(|| { LIST.lock().unwrap().push(1); println!("child: {:?}", LIST.lock().unwrap()); });
        process.start();
        process.join();
        println!("parent: {:?}", LIST.lock().unwrap());
        //> child: [1]
        //> parent: []
        """,
    "shared_memory_is_shared": """
        let (values, sum) = (SharedArray::<i32>::new(3), SharedValue::new(0.0));
        let process = { let (values, sum) = (values.clone(), sum.clone()); Process::new(move || {
            for n in 0..3 { values.set(n, (n * n) as i32); }
            sum.set(5.67);
        }) };
        process.start();
        process.join();
        (values.to_vec(), sum.get())
        //=> ([0, 1, 4], 5.67)
        """,
    "a_lock_makes_a_sum_right": """
        let balance = SharedValue::new(200_i32);
        let processes: Vec<_> = [1, -1].into_iter().map(|change| {
            let balance = balance.clone();
            Process::new(move || for _ in 0..1000 { let mut balance = balance.lock(); *balance += change; })
        }).collect();
        for process in &processes { process.start(); }
        for process in &processes { process.join(); }
        balance.get()
        //=> 200
        """,
    "a_queue_between_processes": """
        let queue = ProcessQueue::<u64>::new();
        let process = { let queue = queue.clone(); Process::new(move || { for n in [2, 3, 5] { queue.put(n * n); } queue.close(); }) };
        process.start();
        let mut squares = vec![];
        while let Some(square) = queue.get() { squares.push(square); }
        process.join();
        squares
        //=> [4, 9, 25]
        """,
    "a_pipe_has_two_ends": """
        let (parent, child) = pipe::<String>();
        let process = Process::new(move || { let name = child.recv().unwrap(); child.send(format!("hello {name}")).unwrap(); });
        process.start();
        parent.send("Ada".into())?;
        let answer = parent.recv()?;
        process.join();
        answer
        //=> "hello Ada"
        """,
    "a_large_result_comes_back": """
        let bytes = ProcessPool::new(2).apply(|| vec![7_u8; 100_000_000])?;
        (bytes.len(), bytes.iter().all(|byte| *byte == 7))
        //=> (100000000, true)
        """,
    "a_million_small_results": """
        let results = ProcessPool::new(2).map(|n: u64| n + 1, 0..1_000_000)?;
        (results.len(), results.iter().sum::<u64>())
        //=> (1000000, 500000500000)
        """,
    "a_pool_names_the_panic": """
        ProcessPool::new(2).map(|n: i32| if n == 3 { panic!("three is too many") } else { n }, 0..5)
        //=> Err(Panicked("three is too many"))
        """,
    "daemon_threads_end_with_their_program": """
        let status = program(|| {
            Thread::new(|| loop { sleep(0.01); }).daemon(true).start();
            Thread::new(|| { sleep(0.05); println!("the last line"); }).start();
            println!("the end of main");
        });
        status.success()
        //> the end of main
        //> the last line
        //=> true
        """,
}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook(fresh, name):
    fresh.notebook(NOTEBOOKS[name])


@pytest.mark.parametrize(
    "code, words",
    {
        "a_pool_without_workers": ("ProcessPool::new(0)", ["at least 1"]),
        "a_result_that_cannot_cross": (
            "ProcessPool::new(1).apply(|| std::thread::spawn(|| ()))",
            ["E0277", "cannot be sent to another process", "as bytes"],
        ),
        "started_twice": ("let p = Process::new(|| ()); p.start(); p.start();", ["started already", "make a new one"]),
        "not_started": ("Process::new(|| ()).join();", ["not started", "start()"]),
    }.values(),
)
def test_wrong_use_says_what_to_do(kernel, code, words):
    cell = kernel.run(code)
    assert cell.error is not None, cell
    for word in words:
        assert word in str(cell.error), cell


def test_a_crash_in_a_child_is_told_with_its_signal(kernel):
    cell = kernel.run("let p = Process::new(|| std::process::abort()); p.start(); p.join(); p.exitcode()")
    assert cell.error is None and cell.result == "Some(-6)", cell
    # It may be told a moment after the cell.
    told = lambda message: message["msg_type"] == "stream" and "SIGABRT" in message["content"]["text"]
    assert "SIGABRT" in cell.stderr or kernel.wait_late("how the child ended", told), cell
    # The notebook's own process is not hurt.
    assert kernel.good("1 + 1").result == "2"


def test_a_panic_in_a_child_is_told(kernel):
    cell = kernel.run('let p = Process::new(|| panic!("not today")).named("poor"); p.start(); p.join(); p.exitcode()')
    assert cell.result == "Some(1)" and "'poor' panicked" in cell.stderr and "not today" in cell.stderr, cell


def test_a_process_can_be_ended(kernel):
    cell = kernel.good(
        "let p = Process::new(|| sleep(100.0)); p.start(); let alive = p.is_alive(); p.terminate(); p.join();\n"
        "let q = Process::new(|| sleep(100.0)); q.start(); q.kill(); q.join();\n"
        "(alive, p.exitcode(), q.exitcode(), p.join_timeout(1.0))"
    )
    assert cell.result == "(true, Some(-15), Some(-9), true)", cell


def test_lines_of_many_processes_stay_whole(kernel):
    cell = kernel.good(
        "let all: Vec<_> = (0..8).map(|p| Process::new(move || for n in 0..200 {\n"
        '    print!("process {p} "); print!("says "); println!("number {n:03}");\n'
        "})).collect();\nfor p in &all { p.start(); }\nfor p in &all { p.join(); }"
    )
    lines = cell.stdout.splitlines()
    assert sorted(lines) == sorted(f"process {p} says number {n:03}" for p in range(8) for n in range(200))


def test_a_lock_tells_that_its_holder_died(kernel):
    cell = kernel.good(
        "let lock = ProcessLock::new();\n"
        "let p = { let lock = lock.clone(); Process::new(move || { let _held = lock.lock(); std::process::exit(0); }) };\n"
        "p.start(); p.join();\n"
        "lock.lock_checked().is_err()"
    )
    assert cell.result == "true", cell


def test_children_end_with_their_notebook(start):
    kernel = start()
    pids = kernel.good(
        "let p = Process::new(|| loop { sleep(1.0) }); p.start();\n"
        "let d = Process::new(|| loop { sleep(1.0) }).daemon(true); d.start();\n"
        "[p.pid().unwrap(), d.pid().unwrap()]"
    )
    pids = [int(pid) for pid in pids.result.strip("[]").split(",")]
    assert all(map(is_running, pids))
    kernel.close()
    wait_gone(*pids)


def test_no_process_and_no_file_stays(fresh):
    count = "std::fs::read_dir(\"/proc/self/fd\")?.count()" if os.path.isdir("/proc/self/fd") else "0"
    fresh.good("ProcessPool::new(2).map(|x: i32| x, 0..4)?; Process::new(|| ()).start();")
    fresh.good("let mut pool = ProcessPool::new(2);")
    before = int(fresh.good(count).result)
    fresh.good(
        "for _ in 0..20 { let p = Process::new(|| ()); p.start(); p.join(); pool = ProcessPool::new(2); pool.map(|x: i32| x, 0..4)?; }"
    )
    wait_until("no child is left", lambda: fresh.good("active_children().len()").result == "0")
    assert int(fresh.good(count).result) <= before + 2
