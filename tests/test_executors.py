"""The prelude's threads, pools and futures as a notebook uses them: kept in variables, asked
again, interrupted, and there after a crash."""

import pytest

from kernel_client import picture, wait_until

NOTEBOOKS = {
    "a_thread_is_joined_again_and_again": """
        let thread = Thread::new(|| 6 * 7);
        thread.is_alive()
        //=> false
        ---
        thread.start();
        ---
        thread.join();
        thread.result()?
        //=> 42
        ---
        thread.join();
        (thread.result()?, thread.is_alive())
        //=> (42, false)
        """,
    "a_type_of_ones_own_runs": """
        struct Greeter { name: String }
        impl Run<usize> for Greeter {
            fn run(self) -> usize { println!("hello {}", self.name); self.name.len() }
        }
        ---
        let greeter = Greeter { name: "Ada".into() }.into_thread();
        greeter.start();
        greeter.join();
        //> hello Ada
        ---
        greeter.result()?
        //=> 3
        """,
    "every_executor_does_the_same": """
        fn squares(executor: &impl Executor<u64>) -> Vec<u64> { executor.map(|x| x * x, 1..=4).unwrap() }
        let (one, two, three) = (SequentialExecutor::new(), ThreadPoolExecutor::new(2), RayonExecutor::new(2));
        let four = ProcessPoolExecutor::new(2);
        ---
        [squares(&one), squares(&two), squares(&three), squares(&four)].iter().all(|squares| *squares == [1, 4, 9, 16])
        //=> true
        """,
    "futures_over_cells": """
        let executor = ThreadPoolExecutor::new(2);
        let futures: Vec<_> = [0.06, 0.03].into_iter().map(|pause| executor.submit(move || { sleep(pause); pause })).collect();
        as_completed(&futures).map(|future| future.result().unwrap()).collect::<Vec<f64>>()
        //=> [0.03, 0.06]
        ---
        futures[0].result()? + futures[1].result()?
        //=> 0.09
        """,
    "a_panic_is_an_error_and_the_pool_goes_on": """
        let pool = ThreadPool::new(2);
        pool.map(|x: i32| if x == 3 { panic!("three is too many") } else { x }, 1..=5)
        //=> Err(Panicked("three is too many"))
        ---
        pool.map(|x: i32| x + 1, [1])?
        //=> [2]
        """,
    "a_question_mark_shows_the_panic": """
        let executor = ThreadPoolExecutor::new(1);
        let future = executor.submit(|| -> i32 { panic!("no number today") });
        ---
        future.result()?
        //! no number today
        """,
    "tasks_wait_for_tasks": """
        let executor = std::sync::Arc::new(ThreadPoolExecutor::new(1));
        let inner = executor.clone();
        executor.submit(move || inner.submit(|| 5).result().unwrap() + 1).result()?
        //=> 6
        """,
    "a_queue_with_workers": """
        let queue = std::sync::Arc::new(Queue::<i32>::new());
        let workers: Vec<_> = (0..2).map(|_| {
            let queue = queue.clone();
            Thread::spawn(move || { let mut sum = 0; while let Some(item) = queue.get() { sum += item; queue.task_done(); } sum })
        }).collect();
        (1..=100).for_each(|item| queue.put(item));
        queue.join();
        queue.close();
        workers.iter().map(|worker| worker.result().unwrap()).sum::<i32>()
        //=> 5050
        """,
    "the_interpreter_lock": """
        let gil = Gil::new();
        let threads: Vec<_> = (0..2).map(|_| gil.thread(|gil| { let mut count = 0; for _ in 0..1000 { gil.tick(); count += 1; } count })).collect();
        threads.iter().for_each(|thread| thread.start());
        threads.iter().map(|thread| thread.result().unwrap()).sum::<i32>()
        //=> 2000
        """,
}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook(fresh, name):
    fresh.notebook(NOTEBOOKS[name])


@pytest.mark.parametrize(
    "code, words",
    {
        "a_pool_without_workers": ("ThreadPool::new(0)", ["without workers", "at least 1"]),
        "an_executor_without_workers": ("ThreadPoolExecutor::new(0)", ["without workers", "at least 1"]),
        "rayon_without_threads": ("RayonExecutor::new(0)", ["without threads", "at least 1"]),
        "a_join_of_oneself": (
            "let me = std::sync::Arc::new(std::sync::OnceLock::<Thread>::new()); let inner = me.clone();\n"
            "let _ = me.set(Thread::new(move || { while inner.get().is_none() {} inner.get().unwrap().join() }));\n"
            "me.get().unwrap().start(); me.get().unwrap().result()?",
            ["cannot wait for its own end"],
        ),
        "a_thread_not_started": ("Thread::new(|| ()).join();", ["was not started", "start()"]),
        "a_thread_started_twice": ("let t = Thread::new(|| ()); t.start(); t.start();", ["only once"]),
        "a_pool_that_still_takes_tasks": ("ThreadPool::new(1).join();", ["close()"]),
        "after_the_shutdown": (
            "let e = ThreadPoolExecutor::new(1); e.shutdown(); e.submit(|| 1).result()?",
            ["shut down"],
        ),
        "a_reference_to_what_will_be_gone": (
            "let numbers = vec![1, 2];\nfn f() { let local = 3; Thread::new(|| println!(\"{}\", local)); }",
            ["E0373", "move"],
        ),
        "a_value_that_cannot_change_threads": (
            "let rc = std::rc::Rc::new(1); Thread::new(move || println!(\"{rc}\"));",
            ["E0277", "cannot be sent between threads"],
        ),
    }.values(),
)
def test_wrong_use_says_what_to_do(kernel, code, words):
    cell = kernel.run(code)
    assert cell.error is not None, cell
    for word in words:
        assert word in str(cell.error) + cell.stderr, cell


def test_what_a_task_prints_stands_under_the_cell_that_submitted_it(fresh):
    fresh.good("let executor = ThreadPoolExecutor::new(1); executor.submit(|| ()).result()?;")
    submitted = fresh.good(
        'let go = Event::new(); let heard = go.clone();\n'
        'let future = executor.submit(move || { heard.wait(); println!("from the task"); });'
    )
    assert submitted.stdout == ""
    later = fresh.good('go.set(); future.result()?; println!("from the cell");')
    assert later.stdout == "from the cell\n"
    late = fresh.wait_late("what the task prints", lambda message: message["msg_type"] == "stream")
    assert late["content"]["text"] == "from the task\n"
    assert late["parent_header"]["msg_id"] == submitted.id


WAITS = {
    "thread": "let never = Event::new(); let heard = never.clone(); let t = Thread::spawn(move || { heard.wait(); });\n"
    'println!("it waits"); t.join();',
    "map": 'println!("it waits"); ThreadPool::new(2).map(|_: i32| sleep(100.0), 0..4);',
    "result": 'let e = ThreadPoolExecutor::new(1);\nlet f = e.submit(|| sleep(100.0));\nprintln!("it waits"); f.result()?;',
    "rayon": 'println!("it waits"); RayonExecutor::new(2).map(|_: i32| sleep(100.0), 0..4)?;',
    "queue": 'let q = Queue::<i32>::new(); println!("it waits"); q.get();',
    "lock": 'let lock = std::sync::Arc::new(Lock::new()); let held = lock.clone(); Thread::spawn(move || held.acquire()).join(); println!("it waits"); lock.acquire();',
    "process": 'let p = Process::new(|| sleep(100.0)); p.start(); println!("it waits"); p.join();',
    "process pool": 'println!("it waits"); ProcessPool::new(2).map(|_: i32| sleep(100.0), 0..4)?;',
    "pipe": 'let (a, b) = pipe::<i32>(); println!("it waits"); b.recv()?;',
}


@pytest.mark.parametrize("name", WAITS)
def test_an_interrupt_ends_the_wait(fresh, name):
    fresh.good("let kept = vec![1, 2, 3];")
    cell = fresh.begin(WAITS[name])
    fresh.stop(cell)
    assert cell.error is not None and cell.error.name == "KeyboardInterrupt", cell
    assert fresh.good("kept.len()").result == "3"


def test_a_pool_serves_again_after_a_crash(fresh):
    fresh.good("let pool = ThreadPool::new(2); let executor = ThreadPoolExecutor::new(2); let rayon = RayonExecutor::new(2);")
    fresh.good("let processes = ProcessPool::new(2); let done = executor.submit(|| 7); done.result()?; pool.map(|x: i32| x, 0..9)?;")
    fresh.run("std::process::abort();").failed("Crash")
    cell = fresh.good(
        "(pool.map(|x: i32| x + 1, 0..3)?, executor.submit(|| 8).result()?, rayon.map(|x: i32| x, 0..2)?, "
        "processes.map(|x: i32| x * 2, 0..3)?, done.result()?)"
    )
    assert cell.result == "([1, 2, 3], 8, [0, 1], [0, 2, 4], 7)"


def test_a_map_shows_its_progress(kernel):
    cell = kernel.good("let pool = ThreadPool::new(2); for result in progress(pool.imap(|x: i32| { sleep(0.01); x }, 0..30)) { result?; }")
    assert " 30/30, " in cell.notes.splitlines()[-1], cell
    cell = kernel.good(
        "let executor = ThreadPoolExecutor::new(2); let futures: Vec<_> = (0..10).map(|x| executor.submit(move || x)).collect();\n"
        "progress(as_completed(&futures)).map(|future| future.result().unwrap()).sum::<i32>()"
    )
    assert cell.result == "45" and " 10/10, " in cell.notes.splitlines()[-1], cell


def test_speedup_compares_executors(kernel):
    cell = kernel.good(
        "fn nap(_: i32) { sleep(0.01) }\n"
        'speedup([1, 4], |n| ThreadPool::new(n).map(nap, 0..8)).named("threads")\n'
        '    .and("processes", |n| ProcessPool::new(n).map(nap, 0..8))'
    )
    assert "<svg" in picture(cell.bundle) and "threads" in cell.result and "processes" in cell.result, cell


def test_a_timeline_of_executors(kernel):
    cell = kernel.good(
        "let ((), timeline) = Timeline::record(|| {\n"
        "    ThreadPool::new(2).map(|_: i32| sleep(0.02), 0..4).unwrap();\n"
        "    ProcessPool::new(2).map(|_: i32| sleep(0.02), 0..4).unwrap();\n"
        "});\ntimeline"
    )
    assert "<svg" in picture(cell.bundle) and cell.result.startswith("8 tasks on 4 workers"), cell


def test_threads_do_not_stay(fresh):
    before = fresh.good("threads().len()").result
    fresh.good("for _ in 0..50 { ThreadPool::new(4).map(|x: i32| x, 0..8)?; }")
    wait_until("the pools' threads end", lambda: fresh.good("threads().len()").result == before)
