"""Lessons about threads, as they are taught: over several cells, with handles kept."""

import pytest

NOTEBOOKS = {
    "a_handle_kept_and_joined_later": """
        use std::thread;
        let h = thread::spawn(|| { (1..=10).sum::<u32>() });
        ---
        h.join().unwrap()
        //=> 55
        """,
    "many_handles": """
        let handles: Vec<_> = (0..4).map(|i| std::thread::spawn(move || i * i)).collect();
        ---
        let results: Vec<i32> = handles.into_iter().map(|h| h.join().unwrap()).collect();
        results
        //=> [0, 1, 4, 9]
        """,
    "a_shared_counter": """
        use std::sync::{Arc, Mutex};
        use std::thread;
        let counter = Arc::new(Mutex::new(0));
        let mut handles = vec![];
        for _ in 0..8 {
            let counter = Arc::clone(&counter);
            handles.push(thread::spawn(move || for _ in 0..100 { *counter.lock().unwrap() += 1; }));
        }
        ---
        for handle in handles { handle.join().unwrap(); }
        *counter.lock().unwrap()
        //=> 800
        ---
        Arc::strong_count(&counter)
        //=> 1
        """,
    "channels_over_cells": """
        use std::sync::mpsc;
        let (tx, rx) = mpsc::channel::<i32>();
        let tx2 = tx.clone();
        ---
        std::thread::spawn(move || for i in 0..3 { tx.send(i).unwrap(); });
        ---
        std::thread::spawn(move || tx2.send(100).unwrap());
        ---
        let mut all: Vec<i32> = rx.iter().collect();
        all.sort();
        all
        //=> [0, 1, 2, 100]
        """,
    "a_worker_that_lives_over_cells": """
        use std::sync::mpsc::{channel, sync_channel};
        let (jobs, inbox) = channel::<u64>();
        let (out, results) = sync_channel::<u64>(4);
        let worker = std::thread::Builder::new().name("squarer".into()).spawn(move || {
            for n in inbox { out.send(n * n).unwrap(); }
            std::thread::current().name().map(String::from)
        })?;
        ---
        jobs.send(7)?;
        results.recv()?
        //=> 49
        ---
        worker.is_finished()
        //=> false
        ---
        drop(jobs);
        worker.join().unwrap()
        //=> Some("squarer")
        """,
    "scoped_threads_borrow": """
        let data = vec![1, 2, 3, 4];
        let mut parts = [0; 2];
        ---
        let (left, right) = data.split_at(2);
        let (a, b) = parts.split_at_mut(1);
        std::thread::scope(|s| {
            s.spawn(|| a[0] = left.iter().sum());
            s.spawn(|| b[0] = right.iter().sum());
        });
        //~ is not kept for later cells
        ---
        (parts, data.len())
        //=> ([3, 7], 4)
        """,
    "a_thread_that_borrows_too_long": """
        let v = vec![1, 2];
        let h = std::thread::spawn(|| println!("{v:?}"));
        //! E0373
        //! In[1]:2
        //! move
        """,
    "rc_cannot_go_to_a_thread": """
        use std::rc::Rc;
        let r = Rc::new(1);
        ---
        std::thread::spawn(move || println!("{r}"));
        //! E0277
        //! cannot be sent between threads safely
        ---
        r
        //=> 1
        """,
    "rwlock_condvar_barrier": """
        use std::sync::{Arc, Barrier, Condvar, Mutex, RwLock};
        let pair = Arc::new((Mutex::new(false), Condvar::new()));
        let table = Arc::new(RwLock::new(vec![1]));
        let barrier = Arc::new(Barrier::new(2));
        let waiter = {
            let (pair, table, barrier) = (pair.clone(), table.clone(), barrier.clone());
            std::thread::spawn(move || {
                let mut ready = pair.0.lock().unwrap();
                while !*ready { ready = pair.1.wait(ready).unwrap(); }
                table.write().unwrap().push(2);
                barrier.wait();
            })
        };
        ---
        *pair.0.lock().unwrap() = true;
        pair.1.notify_one();
        ---
        barrier.wait();
        waiter.join().unwrap();
        let seen = table.read().unwrap().clone();
        seen
        //=> [1, 2]
        """,
    "atomics_and_orderings": """
        use std::sync::{Arc, atomic::{AtomicBool, AtomicI64, Ordering}};
        let flag = Arc::new(AtomicBool::new(false));
        let value = Arc::new(AtomicI64::new(0));
        let t = { let (f, v) = (flag.clone(), value.clone()); std::thread::spawn(move || { v.store(42, Ordering::Relaxed); f.store(true, Ordering::Release); }) };
        ---
        while !flag.load(Ordering::Acquire) { std::hint::spin_loop(); }
        t.join().unwrap();
        value.load(Ordering::Relaxed)
        //=> 42
        """,
    "park_and_unpark": """
        let sleeper = std::thread::spawn(|| { std::thread::park(); "woken" });
        ---
        sleeper.thread().unpark();
        sleeper.join().unwrap()
        //=> "woken"
        """,
    "thread_names_and_the_main_thread": """
        std::thread::current().name().map(str::to_owned)
        //=> Some("main")
        ---
        let t = std::thread::Builder::new().name("eins".into()).spawn(|| std::thread::current().name().unwrap().to_owned())?;
        t.join().unwrap()
        //=> "eins"
        """,
    "a_poisoned_mutex": """
        use std::sync::{Arc, Mutex};
        let m = Arc::new(Mutex::new(1));
        let n = m.clone();
        let ended = std::thread::Builder::new().name("careless".into()).spawn(move || { let _guard = n.lock().unwrap(); panic!("while locked") })?.join();
        ended.is_err()
        //=> true
        //2> thread 'careless' panicked at In[1]:4:113:
        //2> while locked
        ---
        m.is_poisoned()
        //=> true
        ---
        *m.lock().unwrap_or_else(|e| e.into_inner())
        //=> 1
        """,
    "a_guard_kept_in_a_variable_is_told": """
        use std::sync::Mutex;
        let m = Mutex::new(5);
        let guard = m.lock().unwrap();
        *guard
        //=> 5
        //~ `guard` is not kept for later cells
        ---
        *m.lock().unwrap()
        //=> 5
        """,
    "rayon_at_once": """
        use rayon::prelude::*;
        let v: Vec<u64> = (0..10_000).into_par_iter().map(|x| x * 2).collect();
        ---
        v.par_iter().sum::<u64>()
        //=> 99990000
        ---
        let (a, b) = rayon::join(|| 1, || "b");
        (a, b)
        //=> (1, "b")
        ---
        let mut w = vec![3, 1, 2];
        w.par_sort();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build()?;
        (w.clone(), pool.install(|| rayon::current_num_threads()))
        //=> ([1, 2, 3], 2)
        """,
    "crossbeam_at_once": """
        let (s, r) = crossbeam::channel::bounded::<i32>(1);
        crossbeam::thread::scope(|scope| { scope.spawn(|_| s.send(5).unwrap()); }).unwrap();
        ---
        r.recv()?
        //=> 5
        """,
    "sharing_by_leaking_and_statics_of_threads": """
        use std::sync::Mutex;
        let shared: &'static Mutex<Vec<u8>> = Box::leak(Box::new(Mutex::new(vec![])));
        let hs: Vec<_> = (0..3).map(|i| std::thread::spawn(move || shared.lock().unwrap().push(i))).collect();
        for h in hs { h.join().unwrap(); }
        ---
        let mut all = shared.lock().unwrap().clone();
        all.sort();
        all
        //=> [0, 1, 2]
        """,
    "an_error_out_of_a_thread": """
        let h = std::thread::spawn(|| -> Result<u8, std::num::ParseIntError> { "x".parse() });
        ---
        h.join().unwrap()?
        //! InvalidDigit
        """,
    "a_thread_pool_of_ones_own": """
        use std::sync::{Arc, Mutex, mpsc};
        use std::thread::{self, JoinHandle};
        type Job = Box<dyn FnOnce() + Send + 'static>;
        struct Pool { workers: Vec<JoinHandle<()>>, sender: Option<mpsc::Sender<Job>> }
        impl Pool {
            fn new(n: usize) -> Pool {
                let (sender, receiver) = mpsc::channel::<Job>();
                let receiver = Arc::new(Mutex::new(receiver));
                let workers = (0..n).map(|_| { let r = receiver.clone(); thread::spawn(move || loop {
                    let job = r.lock().unwrap().recv();
                    match job { Ok(job) => job(), Err(_) => break }
                })}).collect();
                Pool { workers, sender: Some(sender) }
            }
            fn run(&self, job: impl FnOnce() + Send + 'static) { self.sender.as_ref().unwrap().send(Box::new(job)).unwrap(); }
        }
        impl Drop for Pool { fn drop(&mut self) { drop(self.sender.take()); for w in self.workers.drain(..) { w.join().unwrap(); } println!("all ended"); } }
        let pool = Pool::new(2);
        let sum = Arc::new(Mutex::new(0));
        ---
        for i in 1..=10 { let sum = sum.clone(); pool.run(move || *sum.lock().unwrap() += i); }
        ---
        drop(pool);
        *sum.lock().unwrap()
        //> all ended
        //=> 55
        """,
}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook(fresh, name):
    fresh.notebook(NOTEBOOKS[name])
