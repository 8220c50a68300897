use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use super::*;
use crate::executor::TaskError;

/// Counts those that live.
#[derive(Clone)]
struct Counted(Arc<()>, usize);

/// Items and what counts them.
fn counted(count: usize) -> (Arc<()>, Vec<Counted>) {
    let counter = Arc::new(());
    let items = (0..count).map(|number| Counted(counter.clone(), number)).collect();
    (counter, items)
}

#[test]
fn results_come_in_order_for_every_chunk_size() {
    let pool = ThreadPool::new(3);
    let expected: Vec<usize> = (1..=100).collect();
    assert_eq!(pool.map(|x| x + 1, 0..100), Ok(expected.clone()));
    for size in [1, 7, 100, usize::MAX / 2] {
        let chunked = pool.chunk_size(size);
        assert_eq!(chunked.map(|x| x + 1, 0..100), Ok(expected.clone()));
        assert_eq!(chunked.starmap(|x: usize, y: usize| x + y, (0..100).map(|x| (x, 1))), Ok(expected.clone()));
        assert_eq!(chunked.imap(|x| x + 1, 0..100).collect::<Result<Vec<_>, _>>(), Ok(expected.clone()));
        let mut unordered: Vec<usize> = chunked.imap_unordered(|x| x + 1, 0..100).map(Result::unwrap).collect();
        unordered.sort_unstable();
        assert_eq!(unordered, expected);
    }
    assert_eq!(pool.map(|x: u8| x, []), Ok(vec![]));
}

#[test]
fn results_may_have_any_size() {
    let pool = ThreadPool::new(2);
    assert_eq!(pool.map(|x: u64| x as u8, 0..1000).unwrap().len(), 1000);
    assert_eq!(pool.map(|x: u8| [u64::from(x); 4], 0..100).unwrap()[99], [99; 4]);
    assert_eq!(pool.map(|_: u8| (), 0..100).unwrap().len(), 100);
    assert_eq!(pool.map(|(): ()| 1u8, [(); 100]).unwrap(), [1; 100]);
    assert_eq!(pool.map(|x: usize| vec![x; x], 0..100).unwrap()[7], [7; 7]);
    // Of the same size, and with drops of their own.
    let (counter, items) = counted(100);
    let boxes = pool.map(|item: Counted| (Box::new(item.1), item.0), items).unwrap();
    assert_eq!((*boxes[42].0, Arc::strong_count(&counter)), (42, 101));
    drop(boxes);
    assert_eq!(Arc::strong_count(&counter), 1);
}

#[test]
fn nothing_is_dropped_twice_or_forgotten_when_something_panics() {
    let pool = ThreadPool::new(2);
    for failing in [0, 1, 50, 998, 999] {
        for size in [1, 10, 1000] {
            let (counter, items) = counted(1000);
            let other_size = move |item: Counted| if item.1 == failing { panic!("expected") } else { Box::new(item) };
            assert!(pool.chunk_size(size).map(other_size, items).is_err());
            let (same_counter, items) = counted(1000);
            let same_size = move |item: Counted| if item.1 == failing { panic!("expected") } else { item };
            assert!(pool.chunk_size(size).map(same_size, items).is_err());
            // The last runner may still be about to let go.
            pool.apply(|| ()).unwrap();
            let is_gone = || Arc::strong_count(&counter) == 1 && Arc::strong_count(&same_counter) == 1;
            while !is_gone() {
                std::thread::yield_now();
            }
        }
    }
}

#[test]
fn ranges_and_other_items_are_the_same() {
    let pool = ThreadPool::new(2);
    let squares: Vec<u64> = (1..=1000).map(|x| x * x).collect();
    assert_eq!(pool.map(|x: u64| x * x, 1..=1000), Ok(squares.clone()));
    assert_eq!(pool.map(|x: u64| x * x, (1..=1000).collect::<Vec<_>>()), Ok(squares.clone()));
    assert_eq!(pool.map(|x: u64| x * x, (1..=1000).filter(|_| true)), Ok(squares));
    assert_eq!(pool.map(|x: i32| x.to_string(), -1..1), Ok(vec!["-1".to_owned(), "0".to_owned()]));
    let failing = |x: i32| if x == 500 { panic!("expected") } else { x.to_string() };
    assert!(pool.map(failing, 0..1000).is_err());
}

#[test]
fn an_iterator_that_panics_leaves_nothing() {
    let pool = ThreadPool::new(2);
    let counter = Arc::new(());
    let made = counter.clone();
    let items = (0..100).map(move |x| if x == 70 { panic!("expected") } else { made.clone() });
    let caught = crate::__rt::caught::catch(&mut || {
        let held = counter.clone();
        let f = move |item: Arc<()>| (item, held.clone());
        drop(pool.map(f, items.clone()));
    });
    drop(items);
    assert!(caught.is_err() && Arc::strong_count(&counter) == 1);
}

#[test]
fn a_panic_in_imap_is_the_error_of_its_item_alone() {
    let pool = ThreadPool::new(2);
    let f = |x: usize| if x.is_multiple_of(3) { panic!("item {x}") } else { x };
    for size in [1, 4] {
        for (x, result) in pool.chunk_size(size).imap(f, 0..10).enumerate() {
            match result {
                Ok(result) => assert!(result == x && !x.is_multiple_of(3)),
                Err(TaskError::Panicked(message)) => assert!(message.starts_with(&format!("item {x} "))),
                Err(other) => panic!("{other}"),
            }
        }
    }
}

#[test]
fn what_nobody_takes_from_imap_is_dropped() {
    let pool = ThreadPool::new(2);
    for (size, taken) in [(1, 0), (7, 3), (7, 20), (100, 99), (100, 100)] {
        let (counter, items) = counted(100);
        let held = counter.clone();
        let f = move |item: Counted| if item.1 == 5 { panic!("expected") } else { (item, held.clone()) };
        let mut results = pool.chunk_size(size).imap(f, items);
        assert_eq!(results.by_ref().take(taken).filter(Result::is_err).count(), usize::from(taken > 5));
        assert_eq!(results.size_hint().0, 100 - taken);
        drop(results);
        // A worker may still be about to let go.
        while Arc::strong_count(&counter) > 1 {
            std::thread::yield_now();
        }
    }
}

#[test]
fn imap_gives_what_is_there_before_the_rest() {
    let pool = ThreadPool::new(2);
    let (sender, receiver) = mpsc::channel::<()>();
    let receiver = std::sync::Mutex::new(receiver);
    let f = move |x: usize| {
        if x == 1 {
            let _ = receiver.lock().unwrap().recv();
        }
        x
    };
    let mut results = pool.imap_unordered(f, 0..4);
    let mut first: Vec<usize> = results.by_ref().take(3).map(Result::unwrap).collect();
    first.sort_unstable();
    assert_eq!(first, [0, 2, 3]);
    assert_eq!((results.next_timeout(0.001), results.size_hint()), (None, (1, Some(1))));
    sender.send(()).expect("it waits");
    assert_eq!((results.next(), results.next()), (Some(Ok(1)), None));
}

#[test]
fn dropped_results_are_not_made() {
    let pool = ThreadPool::new(1);
    let (sender, receiver) = mpsc::channel::<()>();
    let ran = Arc::new(AtomicUsize::new(0));
    let (counted, receiver) = (ran.clone(), std::sync::Mutex::new(receiver));
    let results = pool.imap(
        move |_: usize| {
            counted.fetch_add(1, Ordering::Relaxed);
            let _ = receiver.lock().unwrap().recv();
        },
        0..100,
    );
    drop(results);
    drop(sender);
    drop(pool);
    assert!(ran.load(Ordering::Relaxed) <= 1);
}

#[test]
fn functions_may_use_their_own_pool() {
    let pool = Arc::new(ThreadPool::new(1));
    let inner = pool.clone();
    let f = move |x: u64| {
        let all: u64 = inner.map(move |y: u64| x * y, 0..10).unwrap().into_iter().sum();
        let some: u64 = inner.imap(|y: u64| y, 0..10).map(Result::unwrap).sum();
        let others: u64 = inner.imap_unordered(|y: u64| y, 0..10).map(Result::unwrap).sum();
        all + some + others + inner.apply(|| 1).unwrap()
    };
    assert_eq!(pool.map(f, 0..3), Ok(vec![91, 136, 181]));
}

#[test]
fn a_closed_pool_ends_what_it_has_and_takes_nothing() {
    let pool = ThreadPool::new(2);
    let futures: Vec<_> = (0..100).map(|x| pool.apply_async(move || x)).collect();
    pool.close();
    pool.join();
    assert!(futures.iter().enumerate().all(|(x, future)| future.result() == Ok(x)));
    assert_eq!(pool.apply(|| ()), Err(TaskError::Shutdown));
    assert_eq!(pool.map(|x: u8| x, [1]), Err(TaskError::Shutdown));
    assert_eq!(pool.imap(|x: u8| x, [1]).next(), Some(Err(TaskError::Shutdown)));
    pool.join();
}

#[test]
fn a_terminated_pool_cancels_what_was_not_begun() {
    let pool = ThreadPool::new(1);
    let (begun, begins) = mpsc::channel();
    let (sender, receiver) = mpsc::channel::<()>();
    let running = pool.apply_async(move || {
        begun.send(()).expect("somebody listens");
        let _ = receiver.recv();
    });
    let queued = pool.apply_async(|| ());
    begins.recv().expect("it begins");
    pool.terminate();
    assert_eq!(queued.result(), Err(TaskError::Cancelled));
    drop(sender);
    pool.join();
    assert_eq!(running.result(), Ok(()));
}

#[test]
#[should_panic(expected = "call its close() before join()")]
fn an_open_pool_cannot_be_joined() {
    ThreadPool::new(1).join();
}

#[test]
#[should_panic(expected = "at least 1 item")]
fn empty_chunks_are_refused() {
    ThreadPool::new(1).chunk_size(0);
}
