"""Many threads and many processes at once."""

import pytest

from kernel_client import descendants, is_running, wait_until


def test_a_thousand_threads_at_once(fresh):
    cell = fresh.good(
        "use std::sync::{Arc, Barrier};"
        "let all = Arc::new(Barrier::new(1000));"
        "let threads: Vec<_> = (0..1000u64).map(|n| { let all = all.clone();"
        " std::thread::spawn(move || { all.wait(); n }) }).collect();"
        "threads.into_iter().map(|t| t.join().unwrap()).sum::<u64>()"
    )
    assert cell.result == "499500"
    assert fresh.good("1 + 1").result == "2"


def test_a_thousand_threads_in_prelude_waits_end_on_interrupt(fresh):
    cell = fresh.send(
        "let threads: Vec<_> = (0..1000).map(|_| std::thread::spawn(|| sleep(1000.0))).collect();"
        'println!("all wait"); for t in threads { let _ = t.join(); }'
    )
    fresh.see(cell, "all wait")
    fresh.interrupt()
    fresh.finish(cell).failed("KeyboardInterrupt", "kept")
    assert fresh.good("1 + 1").result == "2"


def test_two_hundred_processes_at_once(fresh):
    cell = fresh.good(
        "use std::process::{Command, Stdio}; use std::io::Write;"
        'let mut children: Vec<_> = (0..200).map(|_| Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()).collect();'
        "let mut alive = 0; for child in &mut children { alive += u32::from(child.try_wait()?.is_none()); }"
        'for (n, child) in children.iter_mut().enumerate() { write!(child.stdin.take().unwrap(), "{n}").unwrap(); }'
        "let sum: u64 = children.into_iter().map(|c| String::from_utf8(c.wait_with_output().unwrap().stdout).unwrap().parse::<u64>().unwrap()).sum();"
        "(alive, sum)"
    )
    assert cell.result == "(200, 19900)"


def test_two_hundred_processes_left_behind_end_with_the_kernel(start):
    kernel = start()
    kernel.good(
        'let children: Vec<_> = (0..200).map(|_| std::process::Command::new("sleep").arg("1000").spawn().unwrap()).collect();'
    )
    family = [pid for pid in descendants(kernel.pid)]
    assert len(family) >= 200
    kernel.close()
    wait_until("all have ended", lambda: not any(is_running(pid) for pid in family), patience=30)


@pytest.mark.parametrize("wait", ["sleep(1000.0)", "std::thread::sleep(std::time::Duration::from_secs(1000))"])
def test_a_hundred_sleeping_threads_left_behind(fresh, wait):
    fresh.good(f"let x = 5; for _ in 0..100 {{ std::thread::spawn(|| {wait}); }}")
    for n in range(3):
        assert fresh.good(f"x + {n}").result == str(5 + n)
    fresh.run("std::process::abort()").failed("Crash", "All variables are as they were")
    assert fresh.good("x").result == "5"
    waiting = fresh.send('println!("waits"); sleep(1000.0)')
    fresh.see(waiting, "waits")
    fresh.interrupt()
    fresh.finish(waiting).failed("KeyboardInterrupt")
    assert fresh.good("x").result == "5"


def test_more_threads_than_the_system_grants(fresh):
    """The limit is told as an error of the cell, and the notebook goes on."""
    fresh.good("let x = 1;")
    cell = fresh.run(
        'unsafe extern "C" { fn setrlimit(what: i32, limit: *const [u64; 2]) -> i32; }'
        "const RLIMIT_AS: i32 = 9; unsafe { setrlimit(RLIMIT_AS, &[4u64 << 30, 4u64 << 30]) };"
        "let mut threads = Vec::new();"
        "let failed = loop { match std::thread::Builder::new().stack_size(64 << 20).spawn(|| std::thread::park()) {"
        " Ok(t) => threads.push(t), Err(error) => break error.to_string() } };"
        "(threads.len() > 10, failed.is_empty())"
    )
    assert cell.good().result == "(true, false)"
    assert fresh.good("x").result == "1"
