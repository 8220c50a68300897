//! Real processes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::*;
use crate::executor::{Executor, TaskError, as_completed};
use crate::process::{Process, current_process};
use crate::shared::SharedValue;

#[test]
fn a_map_keeps_the_order_whatever_the_chunks() {
    let pool = ProcessPool::new(3);
    let expected: Vec<i64> = (0..1000).map(|x| x * x).collect();
    assert_eq!(pool.map(|x: i64| x * x, 0..1000), Ok(expected.clone()));
    for size in [1, 7, 1000, 5000] {
        assert_eq!(pool.chunk_size(size).map(|x: i64| x * x, 0..1000), Ok(expected.clone()));
    }
    assert_eq!(pool.map(|x: i64| x, []), Ok(vec![]));
    assert_eq!(
        pool.starmap(|a: String, b: usize| a.repeat(b), [("x".to_owned(), 2), ("y".to_owned(), 0)]),
        Ok(vec!["xx".to_owned(), String::new()])
    );
    let results: Result<Vec<i64>, _> = pool.imap(|x: i64| x * x, 0..1000).collect();
    assert_eq!(results, Ok(expected.clone()));
    let mut results: Vec<i64> = pool.chunk_size(10).imap_unordered(|x: i64| x * x, 0..1000).flatten().collect();
    results.sort();
    assert_eq!(results, expected);
}

#[test]
fn closures_and_items_are_inherited_and_dropped_once() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    struct Counted(usize);
    impl Drop for Counted {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
    let table = Arc::new(vec![10, 20, 30]);
    let captured = table.clone();
    let pool = ProcessPool::new(2);
    let results = pool.map(
        move |item: Counted| {
            let number = captured[item.0];
            drop(item);
            (number, DROPPED.load(Ordering::Relaxed) > 0)
        },
        (0..3).map(Counted),
    );
    assert_eq!(results, Ok(vec![(10, true), (20, true), (30, true)]));
    assert_eq!((DROPPED.load(Ordering::Relaxed), Arc::strong_count(&table)), (3, 1));
}

#[test]
fn workers_are_processes_with_names_and_share_the_work() {
    let pool = ProcessPool::new(2);
    let who = |_: i32| {
        thread::sleep(Duration::from_millis(5));
        (current_process().name().to_owned(), current_process().pid())
    };
    let workers: BTreeSet<(String, u32)> = pool.chunk_size(1).map(who, 0..20).expect("no errors").into_iter().collect();
    assert_eq!(workers.len(), 2);
    assert!(workers.iter().all(|(name, pid)| name.starts_with("ForkPoolWorker-") && *pid != std::process::id()));
    // The same names the next time.
    let again: BTreeSet<(String, u32)> = pool.chunk_size(1).map(who, 0..20).expect("no errors").into_iter().collect();
    assert!(workers.iter().map(|(name, _)| name).eq(again.iter().map(|(name, _)| name)));
}

#[test]
fn errors_come_back_and_the_others_go_on() {
    let pool = ProcessPool::new(2);
    let work = |x: u32| if x == 5 || x == 7 { panic!("no {x}") } else { x };
    let error = pool.map(work, 0..10).expect_err("5 panics");
    assert!(matches!(&error, TaskError::Panicked(text) if text.starts_with("no 5")), "{error}");
    for size in [1, 3, 100] {
        let results: Vec<_> = pool.chunk_size(size).imap(work, 0..10).collect();
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 8);
        assert!(matches!(&results[7], Err(TaskError::Panicked(text)) if text.starts_with("no 7")));
        assert_eq!(results[9], Ok(9));
    }
    let error = pool.map(|x: u32| serde_json::json!(x), 0..3).expect_err("serde_json::Value cannot be read back");
    assert!(matches!(error, TaskError::NotSendable(_)), "{error}");
}

#[test]
fn a_worker_that_dies_loses_its_chunk_only() {
    let pool = ProcessPool::new(2);
    let work = |x: u32| match x {
        3 => std::process::abort(),
        // SAFETY: it ends this process, as it is meant to.
        4 => unsafe {
            libc::kill(libc::getpid(), libc::SIGKILL);
            unreachable!()
        },
        5 => std::process::exit(9),
        x => x,
    };
    let results: Vec<_> = pool.imap(work, 0..20).collect();
    assert_eq!(results.len(), 20);
    let text = |index: usize| results[index].clone().expect_err("crashed").to_string();
    assert!(text(3).contains("SIGABRT") && text(3).contains("ForkPoolWorker-"), "{}", text(3));
    assert!(text(4).contains("SIGKILL"), "{}", text(4));
    assert!(text(5).contains("exit code 9"), "{}", text(5));
    assert_eq!(results.iter().flatten().count(), 17);
    // All of one worker's, and with one worker only.
    assert!(matches!(pool.chunk_size(20).map(work, 0..20), Err(TaskError::Crashed(_))));
    let results: Vec<_> = ProcessPool::new(1).imap(work, 0..20).collect();
    assert_eq!(results.iter().flatten().count(), 17);
    let results: Vec<Result<u32, _>> = pool.imap(|_: u32| std::process::abort(), 0..10).collect();
    assert!(results.len() == 10 && results.iter().all(Result::is_err));
}

#[test]
fn large_and_many_results() {
    let pool = ProcessPool::new(2);
    let results = pool.map(|byte: u8| vec![byte; 50_000_000], [1, 2]).expect("no errors");
    assert!(
        results.iter().zip([1, 2]).all(|(bytes, byte)| bytes.len() == 50_000_000 && bytes.iter().all(|b| *b == byte))
    );
    let text = pool.apply(|| "x".repeat(100_000_000)).expect("no errors");
    assert!(text.len() == 100_000_000 && text.bytes().all(|byte| byte == b'x'));
    let results = pool.map(|x: u64| x ^ 1, 0..1_000_000).expect("no errors");
    assert!(results.into_iter().eq((0..1_000_000).map(|x| x ^ 1)));
    let results = pool.chunk_size(10).map(|x: u64| (x, x.to_string()), 0..100_000).expect("no errors");
    assert!(results.into_iter().eq((0..100_000).map(|x| (x, x.to_string()))));
}

#[test]
fn pools_nest_and_rayon_works_in_workers() {
    let sum = |n: u64| (0..n).into_par_iter().sum::<u64>();
    let expected: u64 = sum(1000);
    let pool = ProcessPool::new(2);
    let results = pool.map(
        move |x: u64| {
            let inner = ProcessPool::new(2).map(move |y: u64| sum(1000) + x * y, 0..5).expect("no errors");
            let task = ProcessPoolExecutor::new(1);
            inner.into_iter().sum::<u64>() + task.submit(move || x).result().expect("no errors")
        },
        0..4,
    );
    assert_eq!(results, Ok((0..4).map(|x| 5 * expected + 10 * x + x).collect()));
}

#[test]
fn tasks_run_so_many_at_once() {
    let (running, most) = (SharedValue::new(0i32), SharedValue::new(0i32));
    let executor = ProcessPoolExecutor::new(3);
    let futures: Vec<_> = (0..20)
        .map(|number: u64| {
            let (running, most) = (running.clone(), most.clone());
            executor.submit(move || {
                let now = running.fetch_add(1) + 1;
                let mut most = most.lock();
                *most = now.max(*most);
                drop(most);
                thread::sleep(Duration::from_millis(5));
                running.fetch_add(-1);
                number * 2
            })
        })
        .collect();
    let mut ends: Vec<u64> = as_completed(&futures).map(|future| future.result().expect("no errors")).collect();
    ends.sort();
    assert_eq!(ends, (0..20).map(|number| number * 2).collect::<Vec<_>>());
    assert!((2..=3).contains(&most.get()), "{most:?}");
    Executor::<u64>::shutdown(&executor);
    assert_eq!(executor.submit(|| 1).result(), Err(TaskError::Shutdown));
    assert_eq!(executor.map(|x: u8| x, [1]), Err(TaskError::Shutdown));
}

#[test]
fn tasks_that_fail() {
    let executor = ProcessPoolExecutor::new(2);
    let panicking = executor.submit(|| -> u8 { panic!("of {}", "mine") });
    let crashing = executor.submit(|| -> u8 { std::process::abort() });
    let well = executor.submit(|| 7u8);
    assert!(matches!(panicking.result(), Err(TaskError::Panicked(text)) if text.starts_with("of mine")));
    assert!(matches!(crashing.result(), Err(TaskError::Crashed(text)) if text.contains("SIGABRT")));
    assert_eq!(well.result(), Ok(7));
    let slow = executor.submit(|| thread::sleep(Duration::from_millis(100)));
    assert_eq!(slow.result_timeout(0.0), Err(TaskError::TimedOut));
    assert_eq!(slow.result(), Ok(()));
}

#[test]
fn pools_close_join_and_terminate() {
    let pool = ProcessPool::new(1);
    let first = pool.apply_async(|| 1);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pool.join())).is_err());
    pool.close();
    pool.join();
    assert!(first.done());
    assert_eq!(first.result(), Ok(1));
    assert_eq!(pool.apply(|| 1), Err(TaskError::Shutdown));
    assert_eq!(pool.imap(|x: u8| x, [1]).collect::<Vec<_>>(), [Err(TaskError::Shutdown)]);

    let pool = ProcessPool::new(1);
    let endless = || -> u8 {
        loop {
            thread::park();
        }
    };
    let (running, waiting) = (pool.apply_async(endless), pool.apply_async(endless));
    let deadline = Instant::now() + Duration::from_secs(60);
    while !running.running() {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(1));
    }
    pool.terminate();
    pool.join();
    assert!(matches!(running.result(), Err(TaskError::Crashed(text)) if text.contains("with its pool")));
    assert_eq!(waiting.result(), Err(TaskError::Cancelled));

    // A drop ends the workers, too.
    let pool = ProcessPool::new(1);
    let running = pool.apply_async(endless);
    drop(pool);
    assert!(running.exception().is_some());
    assert!(std::panic::catch_unwind(|| ProcessPool::new(0)).is_err());
    assert!(std::panic::catch_unwind(|| ProcessPoolExecutor::new(0)).is_err());
}

#[test]
fn an_iterator_that_is_dropped_ends_its_workers() {
    let pool = ProcessPool::new(2);
    let mut results = pool.imap(|x: u32| (x, std::process::id()), 0..1_000_000);
    let (_, pid) = results.next().expect("a million").expect("no error");
    drop(results);
    let deadline = Instant::now() + Duration::from_secs(60);
    // SAFETY: it only asks.
    while unsafe { libc::kill(pid as i32, 0) } == 0 {
        assert!(Instant::now() < deadline, "it lives on");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_thousand_tasks_leave_nothing_behind() {
    // In a process of its own: other tests open files, too.
    let process = Process::new(|| {
        let files = || std::fs::read_dir("/dev/fd").expect("there").count();
        let executor = ProcessPoolExecutor::new(4);
        let pool = ProcessPool::new(4);
        let round = |count: u32| {
            let futures: Vec<_> = (0..count).map(|number| executor.submit(move || number)).collect();
            assert!(futures.iter().map(|future| future.result().expect("no error")).eq(0..count));
            assert_eq!(pool.map(|x: u32| x, 0..count).expect("no error").len(), count as usize);
        };
        round(50);
        let before = files();
        round(1000);
        assert_eq!(Executor::<u32>::submit(&executor, || 1).result(), Ok(1));
        executor.shutdown();
        assert!(files() <= before, "{} {before}", files());
        // SAFETY: it only asks, for any child.
        assert_eq!(unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) }, -1);
    });
    process.start();
    process.join();
    assert_eq!(process.exitcode(), Some(0));
}

#[test]
fn a_pool_that_a_child_has_inherited_works_there() {
    let executor = Arc::new(ProcessPoolExecutor::new(1));
    let lost = executor.submit(|| thread::sleep(Duration::from_millis(50)));
    let captured = (executor.clone(), Arc::new(lost));
    let future = captured.1.clone();
    let process = Process::new(move || {
        assert_eq!(captured.1.result(), Err(TaskError::Lost));
        assert_eq!(captured.0.submit(|| 5).result(), Ok(5));
    });
    process.start();
    process.join();
    assert_eq!((process.exitcode(), future.result()), (Some(0), Ok(())));
}
