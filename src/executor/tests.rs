use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use super::*;

/// Every executor, as something to call with one of each.
macro_rules! with_each {
    (|$executor:ident: $type:ty| $body:expr) => {{
        fn check($executor: &$type) {
            $body
        }
        let sequential = SequentialExecutor::new();
        let threads = ThreadPoolExecutor::new(2);
        let one_thread = ThreadPoolExecutor::new(1);
        let rayon = RayonExecutor::new(2);
        let one_of_rayon = RayonExecutor::new(1);
        let _ = (check(&sequential), check(&threads), check(&one_thread), check(&rayon), check(&one_of_rayon));
    }};
}

/// A task that waits until it is told to go on, and the way to tell it.
fn waiting_task(executor: &ThreadPoolExecutor) -> (Future<()>, mpsc::Sender<()>) {
    let (sender, receiver) = mpsc::channel();
    let (begun, has_begun) = mpsc::channel();
    let future = executor.submit(move || {
        let _ = begun.send(());
        let _ = receiver.recv();
    });
    has_begun.recv().expect("the task begins");
    (future, sender)
}

#[test]
fn results_come_in_the_order_of_the_items() {
    with_each!(|executor: impl Executor<u64>| {
        let squares: Vec<u64> = (0..1000).map(|x| x * x).collect();
        assert_eq!(executor.map(|x: u64| x * x, 0..1000), Ok(squares));
        assert_eq!(executor.starmap(|a: u64, b: u64, c: u64| a + b * c, [(1, 2, 3)]), Ok(vec![7]));
        assert_eq!(executor.map(|x: u64| x, []), Ok(vec![]));
    });
}

#[test]
fn a_panic_is_an_error_with_its_message_and_the_executor_goes_on() {
    with_each!(|executor: impl Executor<i32>| {
        let future = executor.submit(|| panic!("of number {}", 7));
        let Err(TaskError::Panicked(message)) = future.result() else { panic!("it panicked") };
        assert!(message.starts_with("of number 7 (at ") && message.contains("tests.rs:"), "{message}");
        assert_eq!(future.exception(), Some(TaskError::Panicked(message)));
        assert_eq!(executor.submit(|| 5).result(), Ok(5));
    });
}

#[test]
fn the_first_error_in_the_order_of_the_items_is_told() {
    with_each!(|executor: impl Executor<usize>| {
        for _ in 0..20 {
            let f = |x: usize| if x >= 700 { panic!("item {x}") } else { x };
            let Err(TaskError::Panicked(message)) = executor.map(f, 0..1000) else { panic!("it panicked") };
            assert!(message.starts_with("item 700 "), "{message}");
        }
    });
}

#[test]
fn tasks_wait_for_tasks_of_their_own_executor() {
    fn depth(executor: &Arc<impl Executor<u64> + Send + Sync + 'static>, n: u64) -> u64 {
        if n == 0 {
            return 0;
        }
        let (inner, other) = (executor.clone(), executor.clone());
        let first = executor.submit(move || depth(&inner, n - 1));
        let second = executor.submit(move || depth(&other, n - 1));
        first.result().unwrap() + second.result().unwrap() + 1
    }
    assert_eq!(depth(&Arc::new(SequentialExecutor::new()), 8), 255);
    for workers in [1, 3] {
        assert_eq!(depth(&Arc::new(ThreadPoolExecutor::new(workers)), 8), 255);
        assert_eq!(depth(&Arc::new(RayonExecutor::new(workers)), 8), 255);
    }
}

#[test]
fn nested_maps_and_ends_need_no_free_thread() {
    let executor = Arc::new(ThreadPoolExecutor::new(1));
    let inner = executor.clone();
    let task = move |x: u64| {
        let sums = inner.map(move |y: u64| x * y, 0..100).unwrap();
        let futures: Vec<Future<u64>> = sums.into_iter().map(|sum| inner.submit(move || sum)).collect();
        as_completed(&futures).map(|future| future.result().unwrap()).sum::<u64>()
    };
    assert_eq!(executor.map(task, 0..3), Ok(vec![0, 4950, 9900]));
}

#[test]
fn two_executors_may_wait_for_each_other() {
    let (a, b) = (Arc::new(ThreadPoolExecutor::new(1)), Arc::new(ThreadPoolExecutor::new(1)));
    let (inner_a, inner_b) = (a.clone(), b.clone());
    let future = a.submit(move || inner_b.submit(move || inner_a.submit(|| 3).result()).result());
    assert_eq!(future.result(), Ok(Ok(Ok(3))));
}

#[test]
fn rayon_works_in_its_executor() {
    use ::rayon::prelude::*;
    let executor = RayonExecutor::new(2);
    let sum = executor.submit(|| (0..1000u64).into_par_iter().map(|_| ::rayon::current_num_threads() as u64).sum());
    assert_eq!(sum.result(), Ok(2000u64));
}

#[test]
fn a_queued_task_can_be_cancelled_and_a_running_one_cannot() {
    let executor = ThreadPoolExecutor::new(1);
    let (running, go_on) = waiting_task(&executor);
    let token = Arc::new(());
    let held = token.clone();
    let queued = executor.submit(move || drop(held));
    assert!(running.running() && !queued.running());
    assert!(!running.cancel() && queued.cancel() && queued.cancel());
    // What it had captured is gone at once.
    assert_eq!(Arc::strong_count(&token), 1);
    assert!(queued.cancelled() && queued.done());
    assert_eq!(queued.result(), Err(TaskError::Cancelled));
    go_on.send(()).expect("it waits");
    assert_eq!(running.result(), Ok(()));
    assert!(!running.cancelled());
}

#[test]
fn cancel_and_run_agree_on_who_came_first() {
    let executor = ThreadPoolExecutor::new(2);
    let ran = Arc::new(AtomicUsize::new(0));
    let mut cancelled = 0;
    for _ in 0..5000 {
        let ran = ran.clone();
        let future = executor.submit(move || ran.fetch_add(1, Ordering::Relaxed));
        let was_cancelled = future.cancel();
        assert_eq!(was_cancelled, future.result() == Err(TaskError::Cancelled));
        cancelled += usize::from(was_cancelled);
    }
    assert_eq!(ran.load(Ordering::Relaxed) + cancelled, 5000);
}

#[test]
fn a_time_limit_leaves_the_task_alone() {
    let executor = ThreadPoolExecutor::new(1);
    let (future, go_on) = waiting_task(&executor);
    for seconds in [0.0, -1.0, f64::NAN, 0.005] {
        assert_eq!(future.result_timeout(seconds), Err(TaskError::TimedOut));
    }
    go_on.send(()).expect("it waits");
    assert_eq!(future.result_timeout(f64::INFINITY), Ok(()));
    assert_eq!(future.result_timeout(0.0), Ok(()));
}

#[test]
fn after_a_shutdown_there_is_an_error() {
    with_each!(|executor: impl Executor<i32>| {
        let before = executor.submit(|| 1);
        executor.shutdown();
        executor.shutdown();
        assert_eq!(before.result(), Ok(1));
        assert_eq!(executor.submit(|| 2).result(), Err(TaskError::Shutdown));
        assert_eq!(executor.map(|x: i32| x, [1]), Err(TaskError::Shutdown));
    });
}

#[test]
fn tasks_with_rayons_operations_in_them_wait_for_tasks() {
    use ::rayon::prelude::*;
    for threads in [1, 2, 4] {
        let executor = Arc::new(RayonExecutor::new(threads));
        let task = |number: u64| {
            let inner = executor.clone();
            executor.submit(move || {
                let sum = |executor: &RayonExecutor| -> u64 {
                    (0..20)
                        .into_par_iter()
                        .map(|x: u64| executor.submit(move || x + number).result().unwrap_or(0))
                        .sum()
                };
                sum(&inner)
            })
        };
        let futures: Vec<_> = (0..50).map(task).collect();
        let sums: Vec<_> = futures.iter().map(|future| future.result()).collect();
        assert_eq!(sums, (0..50).map(|number| Ok(190 + 20 * number)).collect::<Vec<_>>());
        executor.shutdown();
    }
}

#[test]
fn a_shutdown_inside_is_an_error() {
    let threads = Arc::new(ThreadPoolExecutor::new(2));
    let inner = threads.clone();
    let ending = threads.submit(move || inner.shutdown()).result();
    assert!(matches!(ending, Err(TaskError::Panicked(text)) if text.contains("cannot wait for the end")));
    let rayon = Arc::new(RayonExecutor::new(2));
    let inner = rayon.clone();
    let ending = rayon.submit(move || inner.shutdown()).result();
    assert!(matches!(ending, Err(TaskError::Panicked(text)) if text.contains("cannot wait for the end")));
}

#[test]
fn a_task_may_drop_its_own_executor() {
    let executor = Arc::new(ThreadPoolExecutor::new(1));
    let (sender, receiver) = mpsc::channel();
    let inner = executor.clone();
    let future = executor.submit(move || {
        receiver.recv().expect("sent below");
        drop(inner);
        1
    });
    drop(executor);
    sender.send(()).expect("it waits");
    assert_eq!(future.result(), Ok(1));
}

#[test]
#[should_panic(expected = "give at least 1")]
fn no_workers_are_refused() {
    ThreadPoolExecutor::new(0);
}

#[test]
#[should_panic(expected = "give at least 1")]
fn no_threads_of_rayon_are_refused() {
    RayonExecutor::new(0);
}

#[test]
fn a_drop_waits_for_all_tasks() {
    let done = Arc::new(AtomicUsize::new(0));
    let count = |executor: &dyn Fn(Box<dyn FnOnce() + Send>)| {
        for _ in 0..100 {
            let done = done.clone();
            executor(Box::new(move || {
                done.fetch_add(1, Ordering::Relaxed);
            }));
        }
    };
    let executor = ThreadPoolExecutor::new(2);
    count(&|task| drop(executor.submit(task)));
    drop(executor);
    let executor = RayonExecutor::new(2);
    count(&|task| drop(executor.submit(task)));
    drop(executor);
    assert_eq!(done.load(Ordering::Relaxed), 200);
}

#[test]
fn a_drop_during_a_panic_cancels() {
    let (sender, receiver) = mpsc::channel::<()>();
    let ran = Arc::new(AtomicUsize::new(0));
    let counted = ran.clone();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let executor = ThreadPoolExecutor::new(1);
        let begun = Arc::new(Barrier::new(2));
        let begins = begun.clone();
        executor.submit(move || {
            begins.wait();
            let _ = receiver.recv();
        });
        executor.submit(move || counted.fetch_add(1, Ordering::Relaxed));
        begun.wait();
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(caught.is_err());
    drop(sender);
    assert_eq!(ran.load(Ordering::Relaxed), 0);
}

#[test]
fn threads_are_started_as_needed_and_have_names() {
    let executor = ThreadPoolExecutor::named(4, "mine");
    for _ in 0..50 {
        // One after the other: the first thread is free again in time, or nearly always.
        executor.submit(|| ()).into_result().unwrap();
    }
    let barrier = Arc::new(Barrier::new(4));
    let names = |_| {
        let barrier = barrier.clone();
        executor.submit(move || {
            barrier.wait();
            thread::current().name().map(str::to_owned)
        })
    };
    let futures: Vec<_> = (0..4).map(names).collect();
    let names: HashSet<String> = futures.iter().map(|future| future.result().unwrap().unwrap()).collect();
    assert_eq!(names, (0..4).map(|number| format!("mine_{number}")).collect());
}

#[test]
fn several_are_given_in_the_order_of_their_ends() {
    let executor = ThreadPoolExecutor::new(2);
    let (slow, go_on) = waiting_task(&executor);
    let quick = executor.submit(|| ());
    let futures = [slow, quick];
    let mut ends = as_completed(&futures);
    assert!(std::ptr::eq(ends.next().unwrap(), &futures[1]));
    let (done, not_done) = wait(&futures, 0.001, ReturnWhen::AllCompleted);
    assert!(std::ptr::eq(done[0], &futures[1]) && std::ptr::eq(not_done[0], &futures[0]));
    let (done, _) = wait(&futures, None, ReturnWhen::FirstCompleted);
    assert_eq!(done.len(), 1);
    let failing = [executor.submit(|| panic!("expected"))];
    let all = futures.iter().chain(&failing);
    let (done, not_done) = wait(all, None, ReturnWhen::FirstException);
    assert_eq!((done.len(), not_done.len()), (2, 1));
    assert!(failing[0].exception().is_some());
    go_on.send(()).expect("it waits");
    assert!(std::ptr::eq(ends.next().unwrap(), &futures[0]));
    assert!(ends.next().is_none());
    let (done, not_done) = wait(&futures, None, ReturnWhen::AllCompleted);
    assert_eq!((done.len(), not_done.len()), (2, 0));
}

#[test]
fn callbacks_come_once_and_their_panics_harm_nobody() {
    let executor = ThreadPoolExecutor::new(1);
    let (sender, receiver) = mpsc::channel();
    let (future, go_on) = waiting_task(&executor);
    future.add_done_callback(|_| panic!("a callback's (this line belongs to a test)"));
    for number in 0..2 {
        let sender = sender.clone();
        future.add_done_callback(move |ending| sender.send((number, ending)).expect("somebody listens"));
    }
    go_on.send(()).expect("it waits");
    assert_eq!(future.result(), Ok(()));
    assert_eq!([receiver.recv().unwrap(), receiver.recv().unwrap()], [(0, Ok(())), (1, Ok(()))]);
    let late = sender.clone();
    future.add_done_callback(move |ending| late.send((2, ending)).expect("somebody listens"));
    assert_eq!(receiver.recv().unwrap(), (2, Ok(())));
    drop(sender);
    assert!(receiver.recv().is_err());
    assert_eq!(executor.submit(|| 1).result(), Ok(1));
}

#[test]
fn results_that_cannot_be_copied_are_lent_or_given() {
    struct NoClone(i32);
    let executor = ThreadPoolExecutor::new(1);
    let future = executor.submit(|| NoClone(3));
    assert_eq!(future.result_ref().unwrap().0, 3);
    assert_eq!(future.result_ref().unwrap().0, 3);
    assert_eq!(future.into_result().unwrap().0, 3);
}

#[test]
fn many_submitters_lose_nothing() {
    let executor = Arc::new(ThreadPoolExecutor::new(3));
    let submitters: Vec<_> = (0..4u64)
        .map(|_| {
            let executor = executor.clone();
            thread::spawn(move || {
                let futures: Vec<Future<u64>> = (0..2500).map(|x| executor.submit(move || x)).collect();
                futures.iter().map(|future| future.result().unwrap()).sum::<u64>()
            })
        })
        .collect();
    for submitter in submitters {
        assert_eq!(submitter.join().unwrap(), 2499 * 2500 / 2);
    }
}
