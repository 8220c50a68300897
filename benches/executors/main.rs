//! What the executors cost, against the least that the same work can cost (bare rayon, a
//! bare fork) and against Python's executors of the same names, all in turns in one run.
//!
//! ```text
//! cargo bench --bench executors
//! ```
//!
//! Prints tables in Markdown. Python's side is `peer.py`, run with the `python3` at hand;
//! without one its columns stay empty.

#[path = "../../kernel/benches/cells/table.rs"]
#[allow(dead_code)]
mod table;

mod bare;
mod busy;
mod peer;

use std::hint::black_box;
use std::time::{Duration, Instant};

use threadbook::prelude::*;

use peer::Peer;
use table::{Sample, row, times};

/// Everything is measured so often.
const TURNS: usize = 9;

// The same numbers stand in peer.py.
const TINY_TASKS: u64 = 1_000_000;
const ROUND_TRIPS: u64 = 10_000;
const PROCESSES: usize = 50;
const INTEGERS: u64 = 10_000_000;

fn main() {
    busy::compute_if_asked();
    let workers = cpu_count();
    let mut peer = Peer::start(workers);
    println!("{workers} workers, medians of {TURNS} turns.\n");
    maps(workers, &mut peer);
    round_trips(workers, &mut peer, "10⁴ times submit and result, one after the other", 20.0);
    let busy = busy::Busy::start();
    round_trips(workers, &mut peer, "the same, beside a program that computes", 1.0);
    drop(busy);
    processes(&mut peer);
    process_maps(workers, &mut peer);
}

/// One way to do the work, and how long it took in each turn.
struct Way<'a> {
    name: &'static str,
    work: Box<dyn FnMut() -> Option<Duration> + 'a>,
    took: Sample,
}

fn way<'a, T>(name: &'static str, mut work: impl FnMut() -> T + 'a) -> Way<'a> {
    let work = Box::new(move || {
        let begin = Instant::now();
        black_box(work());
        Some(begin.elapsed())
    });
    Way { name, work, took: Sample::default() }
}

fn python<'a>(name: &'static str, task: &'static str, peer: &'a mut Peer) -> Way<'a> {
    Way { name, work: Box::new(move || peer.measure(task)), took: Sample::default() }
}

/// How a way is to compare with another one.
enum Target {
    /// At most so many times its time.
    AtMost(f64),
    /// At least so many times as fast.
    Faster(f64),
}

/// All ways take turns; then a table says how each compares with the first and the last,
/// which are the floor and Python. The targets are about them.
fn compare(what: &str, mut ways: Vec<Way<'_>>, to_floor: Option<Target>, to_python: Target) {
    // Threads are started and memory is taken from the system here.
    for way in &mut ways {
        (way.work)();
    }
    for _ in 0..TURNS {
        for way in &mut ways {
            if let Some(took) = (way.work)() {
                way.took.add(took);
            }
        }
    }
    let median = |way: &Way<'_>| (way.took.count() > 0).then(|| way.took.median());
    let (floor, python) = (ways.first().and_then(median), ways.last().and_then(median));
    row([&what, &"time", &"÷ the first", &"times as fast as Python"]);
    row([&"---", &"---:", &"---:", &"---:"]);
    let last = ways.len() - 1;
    for (index, way) in ways.iter().enumerate() {
        let Some(time) = median(way) else {
            row([&way.name, &"not measured: there is no python3", &"", &""]);
            continue;
        };
        let ours = index > 0 && index < last;
        let over = floor.filter(|_| index > 0).map(|floor| time / floor);
        let faster = python.filter(|_| index < last).map(|python| python / time);
        row([
            &way.name,
            &format_time(time, 3),
            &said(over, to_floor.as_ref().filter(|_| ours)),
            &said(faster, Some(&to_python).filter(|_| ours)),
        ]);
    }
    println!();
}

fn said(ratio: Option<f64>, target: Option<&Target>) -> String {
    let Some(ratio) = ratio else { return String::new() };
    let target = match target {
        None => return times(ratio),
        Some(Target::AtMost(most)) => (format!("≤ {most}"), ratio <= *most),
        Some(Target::Faster(least)) => (format!("≥ {least}"), ratio >= *least),
    };
    let (text, met) = target;
    format!("{} ({text}: {})", times(ratio), if met { "met" } else { "**missed**" })
}

fn maps(workers: usize, peer: &mut Peer) {
    let rayon = bare::rayon_pool(workers);
    let (threads, executor) = (ThreadPool::new(workers), ThreadPoolExecutor::new(workers));
    let rayon_executor = RayonExecutor::new(workers);
    let increment = |number: u64| black_box(number) + 1;
    let ways = vec![
        way("bare rayon: `par_iter().map().collect()`", || bare::rayon_map(&rayon, TINY_TASKS, increment)),
        way("`RayonExecutor::map`", || rayon_executor.map(increment, 0..TINY_TASKS)),
        way("`ThreadPoolExecutor::map`", || executor.map(increment, 0..TINY_TASKS)),
        way("`ThreadPool::map`", || threads.map(increment, 0..TINY_TASKS)),
        python("Python's `ThreadPool.map`", "thread_pool_map", peer),
    ];
    compare("map of 10⁶ tiny tasks", ways, Some(Target::AtMost(1.2)), Target::Faster(1.0));
}

fn round_trips(workers: usize, peer: &mut Peer, what: &str, least: f64) {
    let rayon = bare::rayon_pool(workers);
    let (executor, rayon_executor) = (ThreadPoolExecutor::new(workers), RayonExecutor::new(workers));
    let ways = vec![
        way("bare rayon: `spawn`, and a channel for the result", || bare::rayon_round_trips(&rayon, ROUND_TRIPS)),
        way("`ThreadPoolExecutor`", || submit_and_wait(&executor)),
        way("`RayonExecutor`", || submit_and_wait(&rayon_executor)),
        python("Python's `ThreadPoolExecutor`", "round_trips", peer),
    ];
    compare(what, ways, None, Target::Faster(least));
}

fn submit_and_wait(executor: &impl Executor<u64>) {
    for number in 0..ROUND_TRIPS {
        assert_eq!(executor.submit(move || number + 1).result(), Ok(number + 1));
    }
}

fn processes(peer: &mut Peer) {
    let ways = vec![
        way("bare `fork`, `_exit`, `waitpid`", || (0..PROCESSES).for_each(|_| bare::fork_and_wait())),
        way("`Process`", || {
            for _ in 0..PROCESSES {
                let process = Process::new(|| ());
                process.start();
                process.join();
                assert_eq!(process.exitcode(), Some(0));
            }
        }),
        python("Python's `Process`", "process_start_and_join", peer),
    ];
    compare("50 processes started and joined", ways, None, Target::Faster(1.0));
}

fn process_maps(workers: usize, peer: &mut Peer) {
    let ways = vec![
        way("bare forks that write plain numbers to pipes", || bare::fork_map(workers, INTEGERS, |number| number + 1)),
        way("`ProcessPool::map`", || ProcessPool::new(workers).map(|number: u64| number + 1, 0..INTEGERS)),
        python("Python's `Pool.map`", "process_pool_map", peer),
    ];
    compare("map of 10⁷ integers by processes", ways, None, Target::Faster(10.0));
}
