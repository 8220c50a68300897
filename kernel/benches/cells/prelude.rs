//! What it takes to compile cells that use the prelude, beside an empty one.

use super::kernel::{Kernel, Result};
use super::table::{Sample, ms, row, target, times};

/// How often each cell is compiled, in turns with the others.
const ROUNDS: usize = 9;
/// The cell with threads, a pool and output takes at most so many times as long as an empty one.
const MOST: f64 = 1.5;

const EMPTY: &str = "();";
/// Spawns, joins, maps and prints.
const WHOLE: &str = r#"let thread = Thread::spawn(|| println!("hello"));
thread.join();
println!("{:?}", ThreadPool::new(4).map(|x: u64| x * x, 0..10));"#;

/// The same without the prelude, and without a pool.
const BARE: &str = r#"let thread = std::thread::spawn(|| println!("hello"));
thread.join().unwrap();
println!("{:?}", (0..10).map(|x: u64| x * x).collect::<Vec<u64>>());"#;

/// Each makes other variables, so that none takes those of another.
const CELLS: [(&str, &str); 9] = [
    ("an empty cell", EMPTY),
    ("`println!`", r#"println!("hello");"#),
    ("`{:?}` of a `Vec`, nothing of the prelude", r#"println!("{:?}", std::hint::black_box(vec![0_u64, 1]));"#),
    ("a `Thread`, joined", "let adder = Thread::spawn(|| 1 + 1); adder.join();"),
    ("`ThreadPool::map`", "let results = ThreadPool::new(4).map(|x: u64| x * x, 0..10);"),
    ("all three", WHOLE),
    ("the same by std alone, mapped on one thread", BARE),
    (
        "`submit` and `result` of an executor",
        "let seven = ThreadPoolExecutor::new(2).submit(|| 7); println!(\"{:?}\", seven.result());",
    ),
    ("`ProcessPool::map`", "let squares = ProcessPool::new(2).map(|x: u64| x * x, 0..10);"),
];

pub async fn print() -> Result<()> {
    eprintln!("compiling cells that use the prelude …");
    let (mut kernel, _) = Kernel::start().await?;
    let mut calls = Vec::new();
    for (_, text) in CELLS {
        let ran = kernel.execute(text).await?;
        calls.push(ran.calls.last().ok_or_else(|| format!("the compiler was not called for: {text}"))?.clone());
    }
    let mut samples = vec![Sample::default(); CELLS.len()];
    for _ in 0..ROUNDS {
        for (call, sample) in calls.iter().zip(&mut samples) {
            sample.add(call.repeat().await?);
        }
    }
    kernel.shutdown().await?;
    let empty = samples[0].median();
    println!();
    row([&"the compiler's part of a cell with", &"time", &"÷ empty", &"target"]);
    row([&"---", &"---:", &"---:", &"---"]);
    for ((what, text), sample) in CELLS.iter().zip(&samples) {
        let ratio = sample.median() / empty;
        let aim = if *text == WHOLE { target(ratio, MOST, "≤ 1.5") } else { String::new() };
        row([what, &ms(sample.median()), &times(ratio), &aim]);
    }
    Ok(())
}
