//! What executors leave in a timeline.

use std::collections::BTreeSet;
use std::process;

use super::{Task, Timeline};
use crate::executor::{Executor, RayonExecutor, SequentialExecutor, ThreadPoolExecutor};
use crate::pool::ThreadPool;
use crate::process::{Process, program};
use crate::process_pool::{ProcessPool, ProcessPoolExecutor};
use crate::thread::Thread;

/// In a process of its own: other tests run tasks, too.
fn alone(test: fn()) {
    let status = program(test);
    assert!(status.success(), "{status}");
}

fn recorded(work: impl FnOnce(), is_wanted: impl Fn(&Task) -> bool) -> Vec<Task> {
    let ((), timeline) = Timeline::record(work);
    let tasks: Vec<Task> = timeline.tasks().into_iter().filter(is_wanted).collect();
    assert!(tasks.iter().all(|task| task.finished), "all have ended before anybody learned of it: {tasks:?}");
    tasks
}

fn labels(tasks: &[Task]) -> BTreeSet<String> {
    tasks.iter().map(|task| task.label.clone()).collect()
}

fn numbered(word: &str, count: u64) -> BTreeSet<String> {
    (0..count).map(|number| format!("{word} {number}")).collect()
}

#[test]
fn a_map_leaves_its_items() {
    alone(|| {
        let pool = ThreadPool::new(2);
        let tasks = recorded(
            || assert!(pool.map(|x: u64| x + 1, 0..100).is_ok()),
            |task| task.worker.starts_with("ThreadPool-") && task.label.starts_with("map"),
        );
        assert!(numbered("map", 100).is_subset(&labels(&tasks)), "{tasks:?}");
    });
}

#[test]
fn submitted_tasks_are_counted() {
    alone(|| {
        fn submit(executor: &impl Executor<u64>) {
            let futures: Vec<_> = (0..5).map(|x| executor.submit(move || x)).collect();
            assert!(futures.iter().all(|future| future.result().is_ok()));
        }
        let threads = ThreadPoolExecutor::new(2);
        let rayon = RayonExecutor::new(2);
        for (name, tasks) in [
            ("ThreadPoolExecutor", recorded(|| submit(&threads), |task| task.worker.starts_with("ThreadPoolExecutor"))),
            ("RayonExecutor", recorded(|| submit(&rayon), |task| task.worker.starts_with("RayonExecutor"))),
            ("SequentialExecutor", recorded(|| submit(&SequentialExecutor::new()), |_| true)),
        ] {
            assert!(tasks.len() >= 5, "{name}: {tasks:?}");
            assert!(tasks.iter().all(|task| task.label.starts_with("task ")), "{name}: {tasks:?}");
            assert!(labels(&tasks).len() >= 5, "{name}: {tasks:?}");
        }
    });
}

#[test]
fn threads_and_processes_leave_their_runs() {
    alone(|| {
        let work = || {
            let thread = Thread::new(|| ()).named("a thread of mine");
            thread.start();
            thread.join();
            let process = Process::new(|| ()).named("a process of mine");
            process.start();
            process.join();
        };
        let tasks = recorded(work, |task| task.worker.contains("of mine"));
        let found: Vec<_> = tasks.iter().map(|task| (task.worker.as_str(), task.label.as_str())).collect();
        assert_eq!(found, [("a thread of mine", "run"), ("a process of mine", "run")]);
        assert!(tasks[0].process == process::id() && tasks[1].process != process::id());
    });
}

#[test]
fn processes_of_pools_write_into_the_same_memory() {
    alone(|| {
        let is_a_childs = |task: &Task| task.process != process::id() && task.worker.starts_with("ForkPoolWorker");
        let pool = ProcessPool::new(2);
        let mapped = recorded(|| assert!(pool.map(|x: u64| x + 1, 0..20).is_ok()), is_a_childs);
        assert!(numbered("map", 20).is_subset(&labels(&mapped)), "{mapped:?}");
        let executor = ProcessPoolExecutor::new(2);
        let submitted = recorded(|| assert_eq!(executor.submit(|| 42).result(), Ok(42)), is_a_childs);
        assert!(submitted.iter().any(|task| task.label.starts_with("task ")), "{submitted:?}");
    });
}
