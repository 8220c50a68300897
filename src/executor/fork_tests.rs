//! In a copy of the process, none of the threads exists that worked for its executors.

use std::ffi::{c_int, c_void};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, mpsc};

use crate::__rt::fork::threadbook_fork;
use crate::executor::{Executor, RayonExecutor, TaskError, ThreadPoolExecutor, as_completed};
use crate::lock::Lock;
use crate::pool::ThreadPool;
use crate::queue::Queue;
use crate::thread::{Thread, current_thread, threads};

unsafe extern "C" {
    fn fork() -> c_int;
    fn _exit(status: c_int) -> !;
    fn waitpid(process: c_int, status: *mut c_int, options: c_int) -> c_int;
    /// Ends the process after so many seconds.
    fn alarm(seconds: u32) -> u32;
}

/// Runs `check` in a copy of the process; true if it does not panic, and ends.
fn in_a_copy(check: impl FnOnce()) -> bool {
    extern "C" fn call(process: *mut c_void) {
        // SAFETY: it is the number below; the copy uses nothing that another thread could
        // have left locked, but what `threadbook_fork` holds.
        unsafe { *process.cast::<c_int>() = fork() };
    }
    let mut process: c_int = -1;
    threadbook_fork(call, (&raw mut process).cast());
    if process == 0 {
        // SAFETY: asks for a signal.
        unsafe { alarm(60) };
        let checked = std::panic::catch_unwind(AssertUnwindSafe(check));
        // SAFETY: nothing of this process is to run any more.
        unsafe { _exit(c_int::from(checked.is_err())) };
    }
    let mut status = -1;
    // SAFETY: the number is a place for the status.
    let waited = unsafe { waitpid(process, &mut status, 0) };
    waited == process && status == 0
}

/// Something of each kind, at work.
struct AtWork {
    threads: Arc<ThreadPoolExecutor>,
    rayon: RayonExecutor,
    pool: ThreadPool,
    queue: Queue<u32>,
    lock: Arc<Lock>,
    thread: Thread<u32>,
    running: crate::executor::Future<()>,
    queued: crate::executor::Future<u32>,
    in_rayon: crate::executor::Future<u32>,
    _go_on: mpsc::Sender<()>,
}

fn at_work() -> AtWork {
    let (sender, receiver) = mpsc::channel::<()>();
    let (begun, begins) = mpsc::channel();
    let threads = Arc::new(ThreadPoolExecutor::new(1));
    let running = threads.submit(move || {
        begun.send(()).expect("somebody listens");
        let _ = receiver.recv();
    });
    begins.recv().expect("it begins");
    let queued = threads.submit(|| 1);
    let (rayon, pool) = (RayonExecutor::new(2), ThreadPool::new(2));
    let in_rayon = rayon.submit(|| 5);
    assert_eq!(pool.map(|x: u32| x, 0..10).map(|results| results.len()), Ok(10));
    let queue = Queue::new();
    let lock = Arc::new(Lock::new());
    let (waiting, held) = (queue.clone(), lock.clone());
    let thread = Thread::spawn(move || {
        held.acquire();
        waiting.get().unwrap_or(0)
    });
    while !lock.is_locked() {
        std::thread::yield_now();
    }
    in_rayon.result().expect("nothing fails");
    AtWork { threads, rayon, pool, queue, lock, thread, running, queued, in_rayon, _go_on: sender }
}

#[test]
fn a_copy_says_what_is_lost_and_begins_anew() {
    let before = at_work();
    let well = in_a_copy(|| {
        assert_eq!(before.running.result(), Err(TaskError::Lost));
        assert_eq!(before.queued.result(), Err(TaskError::Lost));
        assert_eq!(before.in_rayon.result(), Ok(5));
        assert!(!before.thread.is_alive());
        assert_eq!(before.thread.result(), Err(TaskError::Lost));
        assert_eq!(threads(), [current_thread()]);
        // All of it can be used again.
        assert_eq!(before.threads.submit(|| 2).result(), Ok(2));
        assert_eq!(before.rayon.map(|x: u32| x + 1, 0..3), Ok(vec![1, 2, 3]));
        assert_eq!(before.pool.map(|x: u32| x + 1, 0..3), Ok(vec![1, 2, 3]));
        let futures: Vec<_> = (0..10).map(|x| before.threads.submit(move || x)).collect();
        assert_eq!(as_completed(&futures).count(), 10);
        before.queue.put(7);
        assert_eq!(before.queue.get(), Some(7));
        before.queue.task_done();
        before.queue.join();
        drop(before.lock.lock());
        assert_eq!(Thread::spawn(|| 8).result(), Ok(8));
        before.threads.shutdown();
        before.pool.close();
        before.pool.join();
    });
    assert!(well);
    // The first process has noticed nothing.
    before.queue.put(9);
    assert_eq!(before.thread.result(), Ok(9));
    drop(before._go_on);
    assert_eq!((before.running.result(), before.queued.result()), (Ok(()), Ok(1)));
}

#[test]
fn a_copy_made_amid_many_tasks_finds_no_lock_held() {
    let executor = Arc::new(ThreadPoolExecutor::new(3));
    let rayon = Arc::new(RayonExecutor::new(2));
    let queue: Queue<u64> = Queue::bounded(3);
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let submitters: Vec<_> = (0..2)
        .map(|_| {
            let (executor, rayon, queue, stop) = (executor.clone(), rayon.clone(), queue.clone(), stop.clone());
            Thread::spawn(move || {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let futures: Vec<_> = (0..20u64).map(|x| executor.submit(move || x)).collect();
                    assert_eq!(as_completed(&futures).map(|future| future.result().unwrap()).sum::<u64>(), 190);
                    assert_eq!(rayon.map(|x: u64| x, 0..20).map(|results| results.len()), Ok(20));
                    queue.put(1);
                    assert_eq!((queue.get(), Thread::spawn(|| 1).result()), (Some(1), Ok(1)));
                }
            })
        })
        .collect();
    for _ in 0..30 {
        let well = in_a_copy(|| {
            assert_eq!(executor.map(|x: u64| x, 0..20).map(|results| results.len()), Ok(20));
            assert_eq!(rayon.submit(|| 1).result(), Ok(1));
            assert!(queue.try_put(1).is_ok() || queue.is_full());
            assert_eq!(Thread::spawn(|| 1).result(), Ok(1));
        });
        assert!(well);
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for submitter in &submitters {
        assert_eq!(submitter.result(), Ok(()));
    }
}
