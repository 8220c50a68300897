use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::*;
use crate::executor::{Executor, ThreadPoolExecutor};
use crate::thread::Thread;

#[test]
fn first_in_first_out() {
    let queue = Queue::new();
    (0..3).for_each(|item| queue.put(item));
    assert_eq!((queue.len(), queue.is_empty(), queue.is_full()), (3, false, false));
    assert_eq!([queue.get(), queue.get(), queue.get()], [Some(0), Some(1), Some(2)]);
    assert_eq!(queue.try_get(), Err(GetError::Empty));
    assert_eq!(queue.get_timeout(0.001), Err(GetError::Empty));
}

#[test]
fn a_bound_makes_puts_wait() {
    let queue = Queue::bounded(1);
    queue.put(1);
    assert_eq!(queue.try_put(2), Err(PutError::Full(2)));
    assert_eq!(queue.put_timeout(3, 0.001), Err(PutError::Full(3)));
    let other = queue.clone();
    let putter = Thread::spawn(move || other.put(4));
    assert_eq!((queue.get(), queue.get()), (Some(1), Some(4)));
    assert_eq!(putter.result(), Ok(()));
}

#[test]
fn a_closed_queue_is_emptied_and_takes_nothing() {
    let queue = Queue::bounded(1);
    queue.put(1);
    let (puts, gets) = (queue.clone(), Queue::<u8>::new());
    let waiting_get = gets.clone();
    let putter = Thread::spawn(move || puts.put_timeout(2, f64::INFINITY));
    let getter = Thread::spawn(move || waiting_get.get());
    queue.close();
    gets.close();
    // Those who wait are told.
    assert_eq!(putter.result(), Ok(Err(PutError::Closed(2))));
    assert_eq!(getter.result(), Ok(None));
    assert_eq!((queue.get(), queue.get()), (Some(1), None));
    assert_eq!(queue.try_get(), Err(GetError::Closed));
}

#[test]
#[should_panic(expected = "the queue is closed")]
fn a_put_after_close_is_refused() {
    let queue = Queue::new();
    queue.close();
    queue.put(1);
}

#[test]
#[should_panic(expected = "more often than items were put")]
fn too_many_task_dones_are_refused() {
    Queue::<u8>::new().task_done();
}

#[test]
#[should_panic(expected = "takes none")]
fn no_room_at_all_is_refused() {
    Queue::<u8>::bounded(0);
}

#[test]
fn join_waits_for_what_was_taken() {
    let queue = Queue::new();
    queue.put(1);
    assert!(!queue.join_timeout(0.0));
    queue.get();
    assert!(!queue.join_timeout(0.001));
    queue.task_done();
    queue.join();
}

#[test]
fn who_fails_gives_up_what_it_has_taken() {
    let queue = Queue::new();
    (0..3).for_each(|item| queue.put(item));
    // A thread of this library, a task, and a thread that this library has not started.
    let taker = || {
        let queue = queue.clone();
        move || {
            queue.get();
            panic!("with an item (this line belongs to a test)")
        }
    };
    let _: Result<(), _> = Thread::spawn(taker()).into_result();
    assert!(!queue.join_timeout(0.0));
    let executor = ThreadPoolExecutor::new(1);
    let failed: Result<(), _> = executor.submit(taker()).result();
    assert!(failed.is_err() && !queue.join_timeout(0.0));
    let other: thread::JoinHandle<()> = thread::spawn(taker());
    assert!(other.join().is_err());
    queue.join();
}

#[test]
fn a_task_keeps_what_was_taken_before_it() {
    use crate::executor::SequentialExecutor;
    let queue = Queue::new();
    queue.put(1);
    queue.get();
    let failed = SequentialExecutor::new().submit(|| panic!("expected")).result();
    assert!(failed.is_err() && !queue.join_timeout(0.0));
    queue.task_done();
    queue.join();
}

#[test]
fn another_thread_may_declare_it_done() {
    for taker_ends_first in [true, false] {
        let queue = Queue::new();
        (0..2).for_each(|item| queue.put(item));
        let (other, handed) = (queue.clone(), Queue::new());
        let hand = handed.clone();
        let (go_on, waits) = std::sync::mpsc::channel::<()>();
        let taker = Thread::spawn(move || {
            hand.put(other.get());
            let _ = waits.recv();
        });
        assert_eq!(handed.get(), Some(Some(0)));
        if taker_ends_first {
            drop(go_on);
            taker.join();
            queue.task_done();
        } else {
            queue.task_done();
            drop(go_on);
            taker.join();
        }
        // It counts once.
        assert!(!queue.join_timeout(0.0));
        queue.get();
        queue.task_done();
        queue.join();
    }
}

#[test]
fn many_threads_lose_nothing() {
    let queue = Queue::bounded(10);
    let sum = Arc::new(AtomicU64::new(0));
    let getters: Vec<Thread> = (0..4)
        .map(|_| {
            let (queue, sum) = (queue.clone(), sum.clone());
            Thread::spawn(move || {
                while let Some(item) = queue.get() {
                    sum.fetch_add(item, Ordering::Relaxed);
                    queue.task_done();
                }
            })
        })
        .collect();
    let putters: Vec<Thread> = (0..3)
        .map(|_| {
            let queue = queue.clone();
            Thread::spawn(move || (0..2000).for_each(|item| queue.put(item)))
        })
        .collect();
    putters.iter().for_each(Thread::join);
    queue.join();
    assert_eq!(sum.load(Ordering::Relaxed), 3 * 1999 * 2000 / 2);
    queue.close();
    getters.iter().for_each(Thread::join);
}
