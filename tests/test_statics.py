"""Statics and thread-locals keep their values from cell to cell."""

import pytest

NOTEBOOKS = {
    "an_atomic": """
        use std::sync::atomic::{AtomicUsize, Ordering};
        static HITS: AtomicUsize = AtomicUsize::new(0);
        HITS.fetch_add(1, Ordering::SeqCst);
        ---
        HITS.fetch_add(1, Ordering::SeqCst);
        ---
        fn hit() -> usize { HITS.fetch_add(1, Ordering::SeqCst) + 1 }
        ---
        (hit(), hit(), HITS.load(Ordering::SeqCst))
        //=> (3, 4, 4)
        """,
    "a_mutex_and_an_rwlock": """
        use std::sync::{Mutex, RwLock};
        static LIST: Mutex<Vec<String>> = Mutex::new(Vec::new());
        static CONFIG: RwLock<u8> = RwLock::new(1);
        ---
        LIST.lock().unwrap().push("a".into());
        *CONFIG.write().unwrap() += 1;
        ---
        std::thread::spawn(|| LIST.lock().unwrap().push("from a thread".into())).join().unwrap();
        ---
        (LIST.lock().unwrap().clone(), *CONFIG.read().unwrap())
        //=> (["a", "from a thread"], 2)
        """,
    "lazy_values_are_made_once": """
        use std::sync::{LazyLock, OnceLock};
        static TABLE: LazyLock<Vec<u32>> = LazyLock::new(|| { println!("made"); (0..3).collect() });
        static ONCE: OnceLock<String> = OnceLock::new();
        ---
        TABLE.len()
        //> made
        //=> 3
        ---
        ONCE.get_or_init(|| "first".into());
        (TABLE[2], ONCE.get_or_init(|| "second".into()))
        //=> (2, "first")
        ---
        (TABLE[1], ONCE.get())
        //=> (1, Some("first"))
        """,
    "thread_locals": """
        use std::cell::{Cell, RefCell};
        thread_local! {
            static DEPTH: Cell<u32> = const { Cell::new(0) };
            static LOG: RefCell<Vec<u8>> = RefCell::new(Vec::new());
        }
        DEPTH.set(5);
        ---
        LOG.with_borrow_mut(|log| log.push(1));
        let other = std::thread::spawn(|| DEPTH.get()).join().unwrap();
        ---
        (DEPTH.get(), other, LOG.take())
        //=> (5, 0, [1])
        """,
    "statics_in_a_module_and_in_a_function": """
        mod counters { use std::sync::atomic::*; pub static N: AtomicU32 = AtomicU32::new(10); }
        fn next() -> u32 {
            use std::sync::atomic::*;
            static CALLS: AtomicU32 = AtomicU32::new(0);
            CALLS.fetch_add(1, Ordering::SeqCst) + 1
        }
        counters::N.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        next();
        ---
        next();
        counters::N.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        ---
        (next(), counters::N.load(std::sync::atomic::Ordering::SeqCst))
        //=> (3, 12)
        """,
    "a_static_in_an_impl": """
        use std::sync::atomic::{AtomicU32, Ordering};
        struct Id(u32);
        impl Id { fn new() -> Id { static NEXT: AtomicU32 = AtomicU32::new(1); Id(NEXT.fetch_add(1, Ordering::Relaxed)) } }
        let a = Id::new();
        ---
        let b = Id::new();
        ---
        (a.0, b.0, Id::new().0)
        //=> (1, 2, 3)
        """,
    "the_same_static_once_more_keeps_its_value_or_starts_again_alike": """
        use std::sync::atomic::{AtomicU32, Ordering};
        static N: AtomicU32 = AtomicU32::new(0);
        ---
        N.store(5, Ordering::SeqCst);
        ---
        static N: AtomicU32 = AtomicU32::new(100);
        ---
        fn read() -> u32 { N.load(Ordering::SeqCst) }
        (N.load(Ordering::SeqCst), read())
        //=> (100, 100)
        """,
    "a_static_with_another_type": """
        static WHAT: u8 = 1;
        ---
        static WHAT: &str = "text";
        ---
        WHAT
        //=> "text"
        """,
    "statics_with_references": """
        static NAMES: &[&str] = &["a", "b"];
        static CHECKS: [fn(&str) -> bool; 1] = [|s| s.is_empty()];
        static SEEN: std::sync::Mutex<Vec<&str>> = std::sync::Mutex::new(vec![]);
        ---
        SEEN.lock().unwrap().push(NAMES[1]);
        (NAMES.len(), CHECKS[0](""))
        //=> (2, true)
        ---
        SEEN.lock().unwrap().clone()
        //=> ["b"]
        """,
    "a_static_of_an_own_type": """
        use std::sync::Mutex;
        #[derive(Debug, Default)] struct State { n: u8 }
        static STATE: Mutex<State> = Mutex::new(State { n: 1 });
        ---
        STATE.lock().unwrap().n += 1;
        ---
        STATE.lock().unwrap().n
        //=> 2
        ---
        #[derive(Debug, Default)] struct State { n: u8, m: u8 }
        static STATE: Mutex<State> = Mutex::new(State { n: 7, m: 7 });
        //~ `STATE` starts again
        ---
        STATE.lock().unwrap().n
        //=> 7
        """,
    "a_static_starts_again_when_its_type_is_defined_anew": """
        use std::sync::Mutex;
        #[derive(Debug, Default)] struct State { n: u8 }
        impl State { const fn new() -> State { State { n: 1 } } }
        static STATE: Mutex<State> = Mutex::new(State::new());
        STATE.lock().unwrap().n = 9;
        ---
        #[derive(Debug, Default)] struct State { n: u16 }
        //~ the static `STATE` starts again
        ---
        STATE.lock().unwrap().n
        //=> 1
        """,
    # A limit that the README names: when this shows 2, the README has to change.
    "statics_made_by_a_macro_of_ones_own_start_again": """
        use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
        macro_rules! counter { ($name:ident) => { static $name: AtomicU32 = AtomicU32::new(0); } }
        counter!(A);
        A.fetch_add(1, SeqCst);
        ---
        A.fetch_add(1, SeqCst);
        ---
        A.load(SeqCst)
        //=> 0
        """,
    "a_static_used_by_a_thread_that_goes_on": """
        use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
        static STOP: AtomicBool = AtomicBool::new(false);
        static LAPS: AtomicU32 = AtomicU32::new(0);
        let runner = std::thread::spawn(|| while !STOP.load(SeqCst) { LAPS.fetch_add(1, SeqCst); std::thread::yield_now(); });
        ---
        while LAPS.load(SeqCst) < 10 { std::thread::yield_now(); }
        STOP.store(true, SeqCst);
        runner.join().unwrap();
        LAPS.load(SeqCst) >= 10
        //=> true
        """,
    "static_mut": """
        static mut N: [u8; 2] = [0; 2];
        unsafe { N[0] = 1; }
        ---
        unsafe { N[1] = 2; }
        ---
        unsafe { (N[0], N[1]) }
        //=> (1, 2)
        """,
}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook(fresh, name):
    fresh.notebook(NOTEBOOKS[name])
