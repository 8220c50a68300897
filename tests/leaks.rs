//! Executors leave nothing behind: a process of its own, in which nothing else runs.
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use threadbook::prelude::*;

fn entries(directory: &str) -> usize {
    std::fs::read_dir(directory).expect("the system tells about this process").count()
}

/// Memory of this process, in bytes.
fn memory() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("as above");
    pages.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number") * 4096
}

/// Each kind of executor with some hundred tasks, half of them of the unpleasant kind.
fn round(_: usize) {
    let executor = ThreadPoolExecutor::new(4);
    let futures: Vec<_> = (0..500).map(|x| executor.submit(move || vec![x; 100])).collect();
    for future in futures.iter().step_by(2) {
        future.cancel();
    }
    assert_eq!(as_completed(&futures).count(), 500);
    let _ = executor.submit(|| -> u8 { panic!("expected") }).exception();
    let rayon = RayonExecutor::new(2);
    assert_eq!(rayon.map(|x: usize| vec![x; 100], 0..500).map(|results| results.len()), Ok(500));
    let pool = ThreadPool::new(3);
    assert!(pool.map(|x: usize| if x == 400 { panic!("expected") } else { vec![x; 100] }, 0..500).is_err());
    drop(pool.imap(|x: usize| vec![x; 100], 0..500));
    assert_eq!(pool.imap_unordered(|x: usize| vec![x; 100], 0..500).count(), 500);
    let queue = Queue::new();
    let threads: Vec<Thread<usize>> = (0..20)
        .map(|x| {
            let queue = queue.clone();
            Thread::spawn(move || {
                queue.put(vec![x; 100]);
                x
            })
        })
        .collect();
    threads.iter().for_each(Thread::join);
    assert_eq!(queue.len(), 20);
}

#[test]
fn tens_of_thousands_of_tasks_leave_nothing() {
    // What is made once and stays.
    (0..5).for_each(round);
    let settled = || {
        let until = Instant::now() + Duration::from_secs(20);
        // A thread has done its last bit a moment before it is gone.
        while entries("/proc/self/task") > 2 && Instant::now() < until {
            std::thread::yield_now();
        }
        (entries("/proc/self/task"), entries("/proc/self/fd"), threads().len())
    };
    let before = settled();
    // The harness's two.
    assert_eq!((before.0, before.2), (2, 2), "{:?}", threads());
    let memory_before = memory();
    (0..25).for_each(round);
    assert_eq!(settled(), before);
    let grown = memory().saturating_sub(memory_before);
    // 50,000 forgotten results would take 40 MB.
    assert!(grown < 16 << 20, "{grown} bytes more");
}
