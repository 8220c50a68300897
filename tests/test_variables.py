"""Variables live on in later cells: their types, mutation, shadowing, patterns, moves."""

import pytest

NOTEBOOKS = {
    "values_of_many_types": """
        let a = 7; let b = -3i64; let c = 2.5f32; let d = 'ü'; let e = true;
        let f = "text"; let g = String::from("owned"); let h = (1u8, "x", [1, 2, 3]);
        let i = vec![Some(1.5), None]; let j = [[0u16; 2]; 2]; let k = ();
        let l: Result<i32, String> = Err("no".into());
        ---
        (a, b, c, d, e, f)
        //=> (7, -3, 2.5, 'ü', true, "text")
        ---
        (&g, h, &i, j, k, &l)
        //=> ("owned", (1, "x", [1, 2, 3]), [Some(1.5), None], [[0, 0], [0, 0]], (), Err("no"))
        """,
    "collections": """
        use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, VecDeque};
        let mut map = HashMap::new();
        let mut tree = BTreeMap::new();
        let mut heap = BinaryHeap::new();
        let mut queue = VecDeque::new();
        let mut set = HashSet::new();
        let ordered: BTreeSet<_> = "hello".chars().collect();
        map.insert("a", vec![1]);
        tree.insert(2, "two");
        heap.push(3);
        queue.push_back(4);
        set.insert("x".to_string());
        ---
        map.entry("a").or_default().push(2);
        tree.insert(1, "one");
        heap.push(9);
        queue.push_front(0);
        set.insert("x".to_string());
        ---
        (&map, &tree, heap.peek(), &queue, &set)
        //=> ({"a": [1, 2]}, {1: "one", 2: "two"}, Some(9), [0, 4], {"x"})
        ---
        ordered
        //=> {'e', 'h', 'l', 'o'}
        """,
    "mutation": """
        let mut count = 0;
        let mut list = Vec::new();
        list.push(1u64);
        ---
        for i in 0..4 { count += i; list.push(i as u64); }
        ---
        count += 100;
        list.sort_by(|a, b| b.cmp(a));
        ---
        (count, &list)
        //=> (106, [3, 2, 1, 1, 0])
        """,
    "a_variable_that_is_not_mut_stays_so": """
        let fixed = 1;
        ---
        fixed += 1;
        //! cannot assign
        //! `fixed`
        //! In[2]:1:1
        ---
        fixed
        //=> 1
        """,
    "shadowing_with_other_types": """
        let x = 5;
        ---
        let x = x as f64 / 2.0;
        ---
        let x = format!("{x}");
        ---
        let x = x.len();
        ---
        x
        //=> 3
        ---
        let x = vec![x]; let x = x.into_iter().map(|n| n * 2).collect::<Vec<_>>();
        x
        //=> [6]
        """,
    "tuple_patterns": """
        let (a, mut b, ..) = (1, 2, 3, 4);
        let [first, .., last] = [10, 20, 30];
        let ((c, d), e) = (("c", 'd'), 5.0);
        ---
        b += 1;
        (a, b, first, last, c, d, e)
        //=> (1, 3, 10, 30, "c", 'd', 5.0)
        """,
    "struct_patterns": """
        #[derive(Debug)]
        struct Point { x: i32, y: i32 }
        struct Pair(String, u8);
        let Point { x, y: height } = Point { x: 1, y: 2 };
        let Pair(name, _) = Pair("n".into(), 1);
        ---
        let Point { x: mut moved, .. } = Point { x, y: height };
        moved += 1;
        ---
        (x, height, name, moved)
        //=> (1, 2, "n", 2)
        """,
    "let_else": """
        let Some(n) = "12".parse::<u8>().ok() else { panic!("no number") };
        ---
        let Ok(m) = "zwölf".parse::<u8>() else { panic!("{n} is no dozen") };
        //! 12 is no dozen
        ---
        n
        //=> 12
        """,
    "reference_and_at_patterns": """
        let pair = (String::from("a"), 2);
        let (ref first, second) = pair;
        println!("{first} {second}");
        //> a 2
        //~ `first`
        ---
        let whole @ (left, right) = (1, 2);
        ---
        whole.0 + left + right
        //=> 4
        """,
    "declared_and_set_later": """
        let late;
        let other: u8;
        if 1 < 2 { late = "yes" } else { late = "no" }
        other = 3;
        ---
        (late, other)
        //=> ("yes", 3)
        """,
    "variables_of_blocks_do_not_leak": """
        let outer = { let inner = 3; inner * 2 };
        { let hidden = 1; let _ = hidden; }
        for looped in 0..2 { let _ = looped; }
        ---
        outer
        //=> 6
        ---
        hidden
        //! E0425
        ---
        looped
        //! E0425
        """,
    "underscored_names": """
        let _ = String::from("dropped at once");
        let _kept = 5;
        ---
        _kept
        //=> 5
        """,
    "a_moved_variable_names_its_cell": """
        let data = vec![1, 2, 3];
        ---
        let sum: i32 = data.into_iter().sum();
        ---
        sum
        //=> 6
        ---
        data.len()
        //! E0425
        //! `data` was moved in In[2]
        ---
        let data = vec![sum];
        ---
        data.len()
        //=> 1
        """,
    "moved_by_drop_and_by_a_thread": """
        let a = String::from("a");
        let b = String::from("b");
        ---
        drop(a);
        let handle = std::thread::spawn(move || b.len());
        ---
        a
        //! `a` was moved in In[2]
        ---
        b
        //! `b` was moved in In[2]
        ---
        handle.join().unwrap()
        //=> 1
        ---
        handle.join().unwrap()
        //! `handle` was moved in In[5]
        """,
    "moved_in_one_branch": """
        let maybe = Some(String::from("x"));
        let go = false;
        ---
        if go { drop(maybe); }
        ---
        maybe
        //! `maybe` was moved in In[2]
        """,
    "moved_and_used_in_one_cell": """
        let s = String::from("x");
        ---
        let t = s;
        println!("{s}");
        //! E0382
        //! borrow of moved value: `s`
        //! In[2]:2
        ---
        s
        //=> "x"
        """,
    "moved_and_given_back": """
        let mut v = vec![1];
        ---
        v = { let mut w = v; w.push(2); w };
        ---
        v
        //=> [1, 2]
        """,
    "the_value_shown_stays": """
        let s = String::from("stays");
        ---
        s
        //=> "stays"
        ---
        s
        //=> "stays"
        """,
    "a_new_variable_moved_in_its_own_cell": """
        let early = vec![1]; let later = early;
        ---
        later
        //=> [1]
        ---
        early
        //! E0425
        """,
    "references_that_cannot_be_kept": """
        let text = String::from("long lived");
        let slice = &text[..4];
        println!("{slice}");
        //> long
        //~ `slice` is not kept for later cells
        ---
        slice
        //! `slice` was not kept after In[1]
        ---
        text
        //=> "long lived"
        """,
    "references_to_what_lives_for_ever_are_kept": """
        let word: &'static str = "static";
        let leaked: &'static mut Vec<i32> = Box::leak(Box::new(vec![1]));
        let constant = &5;
        ---
        leaked.push(2);
        ---
        (word, &*leaked, constant)
        //=> ("static", [1, 2], 5)
        """,
    "iterators": """
        let mut counter = 0..10;
        let mut letters = vec!['a', 'b'].into_iter();
        ---
        (counter.next(), letters.next())
        //=> (Some(0), Some('a'))
        ---
        (counter.next(), letters.next(), letters.next())
        //=> (Some(1), Some('b'), None)
        """,
    "smart_pointers": """
        use std::cell::{Cell, RefCell};
        use std::rc::{Rc, Weak};
        let shared = Rc::new(RefCell::new(vec![1]));
        let other = Rc::clone(&shared);
        let weak: Weak<_> = Rc::downgrade(&shared);
        let cell = Cell::new(1);
        let boxed: Box<[u8]> = vec![1, 2].into();
        ---
        other.borrow_mut().push(2);
        cell.set(cell.get() + 1);
        ---
        (shared.borrow().clone(), Rc::strong_count(&shared), cell.get(), boxed.len(), weak.upgrade().is_some())
        //=> ([1, 2], 2, 2, 2, true)
        ---
        drop(shared); drop(other);
        ---
        weak.upgrade().is_none()
        //=> true
        """,
    "values_are_dropped_once_and_when_due": """
        struct Loud(&'static str);
        impl Drop for Loud { fn drop(&mut self) { println!("drop {}", self.0); } }
        let a = Loud("a");
        let b = Loud("b");
        { let _c = Loud("c"); }
        //> drop c
        ---
        drop(a);
        //> drop a
        ---
        let b = Loud("second b");
        //> drop b
        ---
        println!("still here");
        //> still here
        """,
    "raw_identifiers": """
        let r#type = 1; let r#match = "m"; fn r#try() -> u8 { 3 }
        ---
        (r#type, r#match, r#try())
        //=> (1, "m", 3)
        """,
    "a_variable_and_a_function_of_one_name": """
        fn x() -> u8 { 1 }
        ---
        let y = x();
        let x = 5u8;
        ---
        x + y
        //=> 6
        """,
    "impl_trait_values": """
        fn evens() -> impl Iterator<Item = u32> { (0..).step_by(2) }
        let boxed: Box<dyn Iterator<Item = u32>> = Box::new(evens());
        ---
        let first: Vec<u32> = boxed.take(3).collect();
        first
        //=> [0, 2, 4]
        ---
        evens().nth(5)
        //=> Some(10)
        """,
    "own_generic_values": """
        #[derive(Debug, Clone, Default)]
        struct Stack<T> { items: Vec<T> }
        impl<T> Stack<T> { fn push(&mut self, item: T) -> &mut Self { self.items.push(item); self } }
        let mut s = Stack::default();
        s.push(1.5);
        ---
        s.push(2.5).push(3.5);
        ---
        s
        //=> Stack { items: [1.5, 2.5, 3.5] }
        """,
    "lifetimes_in_structs": """
        #[derive(Debug)]
        struct Words<'a> { first: &'a str }
        impl<'a> Words<'a> { fn of(text: &'a str) -> Self { Words { first: text.split(' ').next().unwrap_or("") } } }
        let forever = Words::of("one two");
        ---
        forever.first
        //=> "one"
        ---
        let text = String::from("short lived");
        let brief = Words::of(&text);
        brief.first
        //=> "short"
        //~ `brief` is not kept for later cells
        """,
    "a_variable_used_by_a_function": """
        let limit = 10;
        ---
        fn below(n: u32) -> bool { n < limit }
        //! E0425
        //! `limit` is a variable of the notebook (In[1])
        """,
    "variables_are_listed": """
        let mut numbers = vec![1u8];
        let name = "x";
        ---
        %vars
        //~ numbers  let mut  Vec<u8>
        //~ name
        //~ In[1]
        """,
    "dyn_and_fn_pointers": """
        let shapes: Vec<Box<dyn Fn(f64) -> f64 + Send>> = vec![Box::new(|x| x * 2.0), Box::new(f64::sqrt)];
        fn twice(x: i32) -> i32 { 2 * x }
        let pointer: fn(i32) -> i32 = twice;
        let item = twice;
        ---
        (shapes.iter().map(|f| f(16.0)).collect::<Vec<_>>(), pointer(4), item(5))
        //=> ([32.0, 4.0], 8, 10)
        """,
    "large_values_on_the_stack": """
        let big = [7u8; 4_000_000];
        let boxed = Box::new([1u64; 100_000]);
        ---
        big.iter().map(|&b| b as u64).sum::<u64>() + boxed.iter().sum::<u64>()
        //=> 28100000
        """,
    "standard_types_of_every_kind": """
        use std::{num::NonZeroU8, ops::RangeInclusive, path::PathBuf, time::Duration, borrow::Cow, marker::PhantomData};
        let a = NonZeroU8::new(3).unwrap(); let b = 1..=3; let c = PathBuf::from("/tmp");
        let d = Duration::from_millis(1500); let e: Cow<'static, str> = "c".into(); let f = PhantomData::<String>;
        let g = std::time::Instant::now(); let h = std::thread::current().id(); let i = std::cmp::Reverse(1);
        let j = std::ops::ControlFlow::<u8, ()>::Break(1); let k = std::net::Ipv4Addr::LOCALHOST;
        let l = std::sync::atomic::AtomicU8::new(4); let m = std::any::TypeId::of::<u8>(); let n = std::io::stdout();
        ---
        let r: RangeInclusive<i32> = b.clone();
        (a, r, &c, d, &e, f, g.elapsed() < Duration::from_secs(3600))
        //=> (3, 1..=3, "/tmp", 1.5s, "c", PhantomData<alloc::string::String>, true)
        ---
        (h == std::thread::current().id(), i, j, k)
        //=> (true, Reverse(1), Break(1), 127.0.0.1)
        ---
        (l.load(std::sync::atomic::Ordering::SeqCst), m == std::any::TypeId::of::<u8>())
        //=> (4, true)
        """,
    "a_type_that_no_other_cell_can_name": """
        mod shapes { mod inner { pub struct Hidden(pub i32); } pub fn make() -> inner::Hidden { inner::Hidden(7) } }
        let hidden = shapes::make();
        ---
        hidden.0
        //! the type of `hidden` (In[1]) has no name that another cell can use (module `inner` is private)
        //? cannot use variables
        ---
        let made = shapes::make();
        made.0
        //=> 7
        """,
    # Most of these types are defined in crates that theirs use.
    "types_of_the_crates_that_come_with_the_kernel": """
        let (sender, receiver) = crossbeam::channel::bounded::<i32>(1);
        let queue = crossbeam::queue::SegQueue::<u8>::new();
        let deque = crossbeam::deque::Worker::<u8>::new_fifo();
        let padded = crossbeam::utils::CachePadded::new(5);
        let crew = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
        let side = either::Either::<i32, String>::Left(1);
        let json = serde_json::json!({"a": [1]});
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let (tell, told) = tokio::sync::oneshot::channel::<i32>();
        let later = tokio::time::Instant::now();
        let random = rand_mt::Mt::new_unseeded();
        let limit = nix::sys::resource::Resource::RLIMIT_NOFILE;
        let parsed = base64::engine::general_purpose::STANDARD;
        ---
        sender.send(7)?;
        queue.push(1);
        deque.push(2);
        (receiver.recv()?, queue.pop(), deque.pop(), *padded, crew.current_num_threads())
        //=> (7, Some(1), Some(2), 5, 1)
        ---
        tell.send(3).unwrap();
        (&side, &json["a"][0], runtime.block_on(told)?, later.elapsed().as_secs() < 3600)
        //=> (Left(1), Number(1), 3, true)
        ---
        use base64::Engine;
        (limit == nix::sys::resource::Resource::RLIMIT_NOFILE, parsed.encode("a"))
        //=> (true, "YQ==")
        ---
        let mut random = random;
        random.next_u32() == rand_mt::Mt::new_unseeded().next_u32()
        //=> true
        """,
    # How common types are shown is compiled before: what `1` is may be open until then.
    "numbers_that_are_typed_late": """
        let mut numbers = vec![1]; numbers.push(300i16); numbers
        //=> [1, 300]
        ---
        let mut last = None; last = Some(2.5f32); last
        //=> Some(2.5)
        ---
        let mut empty = Vec::new(); if false { empty.push(std::cmp::Reverse(1)); } empty
        //=> []
        ---
        let short = 7; let _: u8 = short; short
        //=> 7
        ---
        [1, 2].into_iter().max()
        //=> Some(2)
        ---
        (1..=3).map(|n| n * 1_000_000_000_000).collect::<Vec<i64>>()
        //=> [1000000000000, 2000000000000, 3000000000000]
        """,
}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook(fresh, name):
    fresh.notebook(NOTEBOOKS[name])
