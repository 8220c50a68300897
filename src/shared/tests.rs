//! Between real processes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::*;
use crate::process::Process;

fn child(work: impl FnOnce() + Send + 'static) -> Process {
    let process = Process::new(work);
    process.start();
    process
}

fn join_all(processes: &[Process]) {
    for process in processes {
        assert!(process.join_timeout(120.0), "{process:?} hangs");
        assert_eq!(process.exitcode(), Some(0), "{process:?}");
    }
}

#[test]
fn values_are_shared_and_a_lock_or_one_step_loses_nothing() {
    let (locked, added, guarded) = (SharedValue::new(0i64), SharedValue::new(0.0f64), SharedValue::new(0u8));
    let lock = ProcessLock::new();
    let children: Vec<Process> = (0..4)
        .map(|_| {
            let (locked, added, guarded, lock) = (locked.clone(), added.clone(), guarded.clone(), lock.clone());
            child(move || {
                for _ in 0..5000 {
                    let held = lock.lock();
                    locked.set(locked.get() + 1);
                    drop(held);
                    added.fetch_add(0.5);
                    let mut value = guarded.lock();
                    *value = value.wrapping_add(1);
                }
            })
        })
        .collect();
    join_all(&children);
    assert_eq!((locked.get(), added.get(), guarded.get()), (20_000, 10_000.0, (20_000 % 256) as u8));
}

#[test]
fn without_a_lock_changes_get_lost() {
    // Both read before either writes: for certain, not by chance.
    let (value, barrier) = (SharedValue::new(5), Barrier::new(2));
    let children: Vec<Process> = (0..2)
        .map(|_| {
            let (value, barrier) = (value.clone(), barrier.clone());
            child(move || {
                let old = value.get();
                barrier.wait().expect("whole");
                value.set(old + 1);
            })
        })
        .collect();
    join_all(&children);
    assert_eq!(value.get(), 6);
}

#[test]
fn arrays() {
    let array = SharedArray::<i32>::new(4);
    let flags = SharedArray::<bool>::from_slice(&[false, true]);
    let children: Vec<Process> = (0..4)
        .map(|index| {
            let (array, flags) = (array.clone(), flags.clone());
            child(move || {
                array.set(index, index as i32 * 10);
                flags.set(0, true);
                for _ in 0..1000 {
                    array.lock()[3] += 1;
                }
            })
        })
        .collect();
    join_all(&children);
    assert_eq!((array.to_vec()[..3].to_vec(), flags.to_vec()), (vec![0, 10, 20], vec![true, true]));
    assert_eq!(array.iter().len(), 4);
    assert_eq!(format!("{:?}", SharedArray::from(vec![1.5f32, 2.5])), "[1.5, 2.5]");
    let text = std::panic::catch_unwind(|| array.get(4)).expect_err("no such element");
    assert!(text.downcast_ref::<String>().expect("text").contains("the array has 4 elements"));
    assert!(SharedArray::<u64>::new(0).is_empty());
    let large: SharedArray<f64> = (0..1_000_000).map(f64::from).collect();
    assert_eq!(large.iter().sum::<f64>(), 499_999_500_000.0);
}

#[test]
fn a_lock_survives_its_holder_and_says_so() {
    let (lock, value, held) = (ProcessLock::new(), SharedValue::new(0), Event::new());
    let holder = {
        let (lock, value, held) = (lock.clone(), value.clone(), held.clone());
        child(move || {
            let _lock = lock.lock();
            let _value = value.lock();
            held.set();
            loop {
                thread::park();
            }
        })
    };
    held.wait();
    assert!(lock.try_lock().is_none());
    assert!(lock.lock_timeout(0.01).is_none());
    // One waits while the holder dies.
    let waiting = {
        let lock = lock.clone();
        thread::spawn(move || lock.lock_checked().map(|_| ()).map_err(|error| error.to_string()))
    };
    thread::sleep(Duration::from_millis(20));
    holder.kill();
    let text = waiting.join().expect("no panic").expect_err("an error");
    assert!(text.contains("ended while it held this lock"), "{text}");
    holder.join();
    assert!(lock.is_poisoned());
    assert!(std::panic::catch_unwind(|| drop(lock.lock())).is_err());
    assert!(std::panic::catch_unwind(|| drop(value.lock())).is_err());
    lock.clear_poison();
    value.clear_poison();
    drop((lock.lock(), value.lock()));
}

#[test]
fn a_thread_that_would_wait_for_itself_is_told() {
    let lock = ProcessLock::new();
    let _held = lock.lock();
    if cfg!(target_os = "linux") {
        let text = std::panic::catch_unwind(|| drop(lock.lock())).expect_err("a panic");
        assert!(text.downcast_ref::<&str>().expect("text").contains("holds the lock already"));
    }
    thread::scope(|scope| {
        scope.spawn(|| assert!(lock.try_lock().is_none()));
    });
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Message {
    Text(String),
    Numbers { list: Vec<Option<i64>> },
}

#[test]
fn a_queue_carries_a_million_messages_of_several_writers_to_several_readers() {
    const EACH: u64 = 250_000;
    let queue = ProcessQueue::<u64>::new();
    let sums = ProcessQueue::<(u64, u64)>::new();
    let readers: Vec<Process> = (0..3)
        .map(|_| {
            let (queue, sums) = (queue.clone(), sums.clone());
            child(move || {
                let (mut count, mut sum) = (0, 0);
                while let Some(number) = queue.get() {
                    count += 1;
                    sum += number;
                }
                sums.put((count, sum));
            })
        })
        .collect();
    let writers: Vec<Process> = (0..4)
        .map(|writer| {
            let queue = queue.clone();
            child(move || (0..EACH).for_each(|number| queue.put(writer * EACH + number)))
        })
        .collect();
    join_all(&writers);
    queue.close();
    join_all(&readers);
    let (mut count, mut sum) = (0, 0);
    while let Ok((more, part)) = sums.try_get() {
        count += more;
        sum += part;
    }
    assert_eq!((count, sum), (4 * EACH, (0..4 * EACH).sum()));
    assert_eq!((queue.get(), queue.is_empty()), (None, true));
    let text = std::panic::catch_unwind(|| queue.put(1)).expect_err("closed");
    assert!(text.downcast_ref::<String>().expect("text").contains("closed"));
}

#[test]
fn a_queue_keeps_what_was_put_in_order_and_carries_100_mb() {
    let queue = ProcessQueue::new();
    let captured = queue.clone();
    // Joined before anybody reads.
    join_all(&[child(move || {
        captured.put(Message::Text("ä".to_owned()));
        captured.put(Message::Text("x".repeat(100_000_000)));
        captured.put(Message::Numbers { list: vec![Some(-1), None] });
    })]);
    assert_eq!(queue.len(), 3);
    assert_eq!(queue.get(), Some(Message::Text("ä".to_owned())));
    let Some(Message::Text(large)) = queue.get() else { panic!("not the large one") };
    assert!(large.len() == 100_000_000 && large.bytes().all(|byte| byte == b'x'));
    assert_eq!(queue.get(), Some(Message::Numbers { list: vec![Some(-1), None] }));
    assert_eq!(queue.try_get(), Err(ProcessQueueError::TimedOut));
    let start = Instant::now();
    assert_eq!(queue.get_timeout(0.02), Err(ProcessQueueError::TimedOut));
    assert!(start.elapsed() >= Duration::from_millis(20));
}

#[test]
fn a_bounded_queue_waits_for_room_and_the_ring_goes_round() {
    let queue = ProcessQueue::bounded(2);
    assert_eq!((queue.try_put(1), queue.try_put(2)), (Ok(()), Ok(())));
    assert_eq!(queue.put_timeout(3, 0.01), Err(ProcessQueueError::TimedOut));
    let captured = queue.clone();
    let writer = child(move || (3..=5000).for_each(|number| captured.put(number)));
    assert_eq!((1..=5000).map(|_| queue.get()).collect::<Option<Vec<i32>>>(), Some((1..=5000).collect::<Vec<_>>()));
    join_all(&[writer]);
    assert!(std::panic::catch_unwind(|| ProcessQueue::<u8>::bounded(0)).is_err());

    // Over the end of a small ring, never empty, with messages of all lengths.
    let ring = ring::Ring::with_capacity(1 << 16, u64::MAX);
    let message = |number: usize| vec![number as u8; number * 37 % 3000];
    ring.put(&message(0), None).expect("room");
    for number in 1..2000 {
        ring.put(&message(number), None).expect("room");
        assert_eq!(ring.get(None), Ok(message(number - 1)));
    }
    assert_eq!(ring.put(&[0; 1 << 17], None), Err(ring::Refused::TooLarge));
}

#[test]
fn a_queue_survives_users_that_are_killed() {
    let queue = ProcessQueue::<Vec<u8>>::new();
    for round in 0..20 {
        let users: Vec<Process> = (0..4)
            .map(|user| {
                let queue = queue.clone();
                child(move || {
                    loop {
                        if user % 2 == 0 {
                            queue.put(vec![7; 100_000]);
                        } else {
                            let item = queue.get().expect("open");
                            assert!(item.len() == 100_000 && item.iter().all(|byte| *byte == 7));
                        }
                    }
                })
            })
            .collect();
        thread::sleep(Duration::from_millis(5 + round % 5));
        for user in &users {
            assert!(user.is_alive());
            user.kill();
            user.join();
        }
        // It works, and what is in it is whole.
        queue.put(vec![7; 100_000]);
        let mut count = 0;
        while let Ok(item) = queue.try_get() {
            assert!(item.len() == 100_000 && item.iter().all(|byte| *byte == 7));
            count += 1;
        }
        assert!(count > 0 && queue.is_empty());
    }
}

#[test]
fn what_cannot_travel_is_told() {
    let queue = ProcessQueue::<serde_json::Value>::new();
    queue.put(serde_json::json!(null));
    let error = queue.try_get().expect_err("serde_json::Value describes itself only");
    assert!(error.to_string().contains("describes itself"), "{error}");
}

#[test]
fn pipes() {
    let (here, there) = pipe::<Vec<u64>>();
    let echo = child(move || {
        while let Ok(numbers) = there.recv() {
            there.send(numbers.into_iter().rev().collect()).expect("open");
        }
    });
    assert!(!here.poll(0.0));
    here.send(vec![1, 2, 3]).expect("open");
    assert!(here.poll(60.0));
    assert_eq!(here.recv(), Ok(vec![3, 2, 1]));
    let large: Vec<u64> = (0..2_000_000).collect();
    here.send(large.clone()).expect("open");
    assert!(here.recv().expect("open").into_iter().rev().eq(large));
    assert_eq!(here.recv_timeout(0.01), Err(ConnectionError::TimedOut));
    here.close();
    assert_eq!(here.recv(), Err(ConnectionError::Closed));
    // The child's own copy of `here` does not keep it waiting.
    join_all(&[echo]);
}

#[test]
fn the_end_of_the_other_side_is_noticed() {
    let (here, there) = pipe::<String>();
    let sender = child(move || {
        there.send("last words".to_owned()).expect("open");
        std::process::abort();
    });
    assert_eq!(here.recv().as_deref(), Ok("last words"));
    assert_eq!(here.recv(), Err(ConnectionError::EndOfFile));
    assert_eq!(here.send(String::new()), Err(ConnectionError::EndOfFile));
    sender.join();

    // In the middle of an item.
    let (here, there) = pipe::<Vec<u8>>();
    let sender = child(move || drop(there.send(vec![0; 10_000_000])));
    assert!(here.poll(60.0));
    sender.kill();
    sender.join();
    assert_eq!(here.recv(), Err(ConnectionError::Torn));
    assert_eq!(here.recv(), Err(ConnectionError::Torn));
}

#[test]
fn events_and_semaphores() {
    let (event, answer) = (Event::new(), Event::new());
    let waiting = {
        let (event, answer) = (event.clone(), answer.clone());
        child(move || {
            event.wait();
            answer.set();
        })
    };
    // Longer than the slices in which it waits.
    assert!(!answer.wait_timeout(0.25));
    event.set();
    assert!(answer.wait_timeout(60.0));
    event.clear();
    assert!(!event.is_set());
    join_all(&[waiting]);

    let (seats, inside, most) = (Semaphore::new(3), SharedValue::new(0i32), SharedValue::new(0i32));
    let guests: Vec<Process> = (0..8)
        .map(|_| {
            let (seats, inside, most) = (seats.clone(), inside.clone(), most.clone());
            child(move || {
                for _ in 0..50 {
                    let _seat = seats.enter();
                    let now = inside.fetch_add(1) + 1;
                    let mut most = most.lock();
                    *most = now.max(*most);
                    drop(most);
                    thread::yield_now();
                    inside.fetch_add(-1);
                }
            })
        })
        .collect();
    join_all(&guests);
    assert_eq!((seats.value(), inside.get()), (3, 0));
    assert!((1..=3).contains(&most.get()), "{most:?}");
}

#[test]
fn barriers() {
    let (barrier, arrived) = (Barrier::new(4), SharedValue::new(0));
    let children: Vec<Process> = (0..4)
        .map(|_| {
            let (barrier, arrived) = (barrier.clone(), arrived.clone());
            child(move || {
                for round in 1..=100 {
                    arrived.fetch_add(1);
                    barrier.wait().expect("whole");
                    assert!(arrived.get() >= round * 4);
                    barrier.wait().expect("whole");
                }
            })
        })
        .collect();
    join_all(&children);
    assert_eq!(arrived.get(), 400);

    // One stops waiting: the other gets an error, too.
    let other = {
        let barrier = barrier.clone();
        thread::spawn(move || barrier.wait())
    };
    assert_eq!(barrier.wait_timeout(0.02), Err(BarrierBroken));
    assert_eq!(other.join().expect("no panic"), Err(BarrierBroken));
    assert_eq!((barrier.is_broken(), barrier.wait()), (true, Err(BarrierBroken)));
    barrier.reset();
    assert_eq!((barrier.is_broken(), barrier.waiting(), barrier.parties()), (false, 0, 4));
}

#[test]
fn shared_memory_is_freed() {
    let maps = || {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
        maps.lines().filter(|line| line.contains("/dev/zero")).count()
    };
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    // In a process of its own: other tests make some, too.
    join_all(&[child(move || {
        let before = maps();
        for _ in 0..100 {
            ALIVE.fetch_add(1, Ordering::Relaxed);
            let all = (SharedArray::<u8>::new(1 << 20), ProcessQueue::<u8>::new(), pipe::<u8>(), Event::new());
            let captured = all.clone();
            join_all(&[child(move || captured.3.set())]);
            assert!(all.3.is_set());
        }
        assert_eq!(maps(), before);
    })]);
}
