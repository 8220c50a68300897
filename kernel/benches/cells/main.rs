//! How long a cell takes, measured from the outside on a real kernel process.
//!
//! `cargo bench -p threadbook-kernel --bench cells` prints Markdown tables: the
//! kernel's targets with what was measured, the single cells, what it costs to use the
//! prelude, what checkpoints cost, and what cells cost that were compiled before. `-- prelude`,
//! `-- checkpoints` and `-- reruns` print one of these alone, the last with a line for every
//! cell of the lessons. Whatever is compared is measured in turns, so that both sides see the
//! same noise of the machine: each cell in the kernel and then its generated source by the
//! bare compiler; a cell in a notebook with a hundred items and then in one without.

mod checkpoint;
mod compiler;
mod kernel;
mod lesson;
mod memory;
mod prelude;
mod rerun;
mod table;

use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use self::kernel::{Kernel, PROGRAM, Result};
use self::memory::Memory;
use self::table::{Sample, ms, row, target, times};

/// How often the kernel is started.
const STARTS: usize = 7;
/// How often each cell is compared with and without a hundred items.
const ROUNDS: usize = 9;
/// Nothing runs any more when memory is looked at.
const REST: Duration = Duration::from_secs(1);

const KIB_PER_MIB: f64 = 1024.0;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // cargo says `--bench`, and `cargo test --benches` does not: it wants no numbers.
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    match measure().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cells: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> Result<()> {
    let only = |table: &str| std::env::args().any(|argument| argument == table);
    eprintln!("building the prelude, unless it is there …");
    let built = Command::new(PROGRAM).arg("prelude").stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    if !built.success() {
        return Err("`threadbook prelude` failed".into());
    }
    if only("prelude") {
        return prelude::print().await;
    }
    if only("checkpoints") {
        return checkpoint::print().await;
    }
    if only("reruns") {
        return rerun::print().await;
    }
    eprintln!("starting kernels …");
    let starts = starts().await?;
    eprintln!("running a lesson …");
    let lesson = run_lesson().await?;
    eprintln!("running cells with and without {} items …", lesson::ITEMS);
    let plain = Growth::measure("", lesson::plain).await?;
    let using = Growth::measure(&lesson::used_items(), lesson::using_items).await?;

    print_targets(&starts, &lesson, &plain, &using);
    print_cells(&lesson);
    prelude::print().await?;
    eprintln!("running cells with and without checkpoints …");
    checkpoint::print().await?;
    rerun::print().await
}

#[derive(Default)]
struct Starts {
    /// Process start to the reply to `kernel_info_request`.
    reply: Sample,
    /// The first cell, sent at once after that.
    first_cell: Sample,
}

async fn starts() -> Result<Starts> {
    let mut starts = Starts::default();
    for _ in 0..STARTS {
        let (mut kernel, took) = Kernel::start().await?;
        starts.reply.add(took);
        starts.first_cell.add(kernel.execute("1 + 1").await?.took);
        kernel.shutdown().await?;
    }
    Ok(starts)
}

struct Lesson {
    cells: Vec<LessonCell>,
    kernel: Option<Memory>,
    worker: Option<Memory>,
    /// Keeper, worker and checkpoint.
    others: Option<Memory>,
}

struct LessonCell {
    what: &'static str,
    took: Duration,
    bare: Duration,
    calls: usize,
}

impl LessonCell {
    fn ratio(&self) -> f64 {
        self.took.as_secs_f64() / self.bare.as_secs_f64()
    }
}

async fn run_lesson() -> Result<Lesson> {
    let (mut kernel, _) = Kernel::start().await?;
    // Waits until the compiler is found and the worker runs.
    kernel.execute("1 + 1").await?;
    let mut cells = Vec::new();
    for (what, code) in lesson::LESSON {
        let ran = kernel.execute(code).await?;
        let last = ran.calls.last().ok_or_else(|| format!("the kernel logged no call of the compiler for: {code}"))?;
        cells.push(LessonCell { what, took: ran.took, bare: last.repeat().await?, calls: ran.calls.len() });
    }
    tokio::time::sleep(REST).await;
    let id = kernel.id();
    let own = id.and_then(memory::of_process);
    let (worker, others) = (id.and_then(memory::of_largest_descendant), id.and_then(memory::of_descendants));
    kernel.shutdown().await?;
    Ok(Lesson { cells, kernel: own, worker, others })
}

/// The same cell in a notebook with a hundred items and in one with few or none.
#[derive(Default)]
struct Growth {
    before: Sample,
    after: Sample,
}

impl Growth {
    async fn measure(few_items: &str, cell: fn(usize) -> String) -> Result<Growth> {
        let (mut before, _) = Kernel::start().await?;
        let (mut after, _) = Kernel::start().await?;
        before.execute(few_items).await?;
        for items in lesson::items() {
            after.execute(&items).await?;
        }
        // Both have run a cell of the kind before.
        before.execute(&cell(ROUNDS)).await?;
        after.execute(&cell(ROUNDS)).await?;
        let mut growth = Growth::default();
        for round in 0..ROUNDS {
            let cell = cell(round);
            growth.before.add(before.execute(&cell).await?.took);
            growth.after.add(after.execute(&cell).await?.took);
        }
        before.shutdown().await?;
        after.shutdown().await?;
        Ok(growth)
    }

    fn ratio(&self) -> f64 {
        self.after.median() / self.before.median()
    }

    fn print(&self, what: &str) {
        let target = target(self.ratio(), 1.3, "≤ 1.3 ×");
        let worst = format!("{} → {}", ms(self.before.worst()), ms(self.after.worst()));
        let median = format!("{} → {} ({})", ms(self.before.median()), ms(self.after.median()), times(self.ratio()));
        row([&what, &median, &worst, &target]);
    }
}

fn print_targets(starts: &Starts, lesson: &Lesson, plain: &Growth, using: &Growth) {
    let (mut cells, mut bare, mut ratios) = (Sample::default(), Sample::default(), Sample::default());
    for cell in &lesson.cells {
        cells.add(cell.took);
        bare.add(cell.bare);
        ratios.add_value(cell.ratio());
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("\n{} cores, {} {}{}\n", cores, std::env::consts::OS, std::env::consts::ARCH, load());

    row([&"measured", &"median", &"worst", &"target"]);
    row([&"---", &"---", &"---", &"---"]);
    let (median, worst) = (starts.reply.median(), starts.reply.worst());
    let what = format!("start to the first reply ({} starts)", starts.reply.count());
    row([&what, &ms(median), &ms(worst), &target(median, 0.3, "< 300 ms")]);
    row([
        &"first cell, right after the first reply",
        &ms(starts.first_cell.median()),
        &ms(starts.first_cell.worst()),
        &"",
    ]);
    let what = format!("new small cell ({} different ones)", cells.count());
    row([&what, &ms(cells.median()), &ms(cells.worst()), &""]);
    row([&"the same source, bare rustc", &ms(bare.median()), &ms(bare.worst()), &""]);
    let within = target(ratios.median(), 1.5, "≤ 1.5 ×");
    row([&"new small cell : bare rustc", &times(ratios.median()), &times(ratios.worst()), &within]);
    plain.print(&format!("small cell, before → after {} items", lesson::ITEMS));
    using.print(&format!("small cell that uses 3 of the {} items", lesson::ITEMS));
    let mib = |kib: u64| kib as f64 / KIB_PER_MIB;
    match (lesson.kernel, lesson.worker, lesson.others) {
        (Some(kernel), Some(worker), Some(others)) => {
            let both = mib(kernel.rss + worker.rss);
            let sum = format!("{both:.1} MiB ({:.1} + {:.1})", mib(kernel.rss), mib(worker.rss));
            row([&"memory of kernel + worker at rest, RSS", &sum, &"", &target(both, 50.0, "< 50 MiB")]);
            let all = mib(kernel.pss + others.pss);
            let sum = format!("{all:.1} MiB ({:.1} + {:.1})", mib(kernel.pss), mib(others.pss));
            let what = "kernel + keeper, worker and checkpoint, shared pages divided (PSS)";
            row([&what, &sum, &"", &target(all, 50.0, "< 50 MiB")]);
        }
        _ => row([&"memory of kernel + worker", &"not measured: no /proc here", &"", &"< 50 MiB"]),
    }
}

fn print_cells(lesson: &Lesson) {
    println!();
    row([&"cell", &"kernel", &"bare rustc", &"ratio", &"calls of rustc"]);
    row([&"---", &"---", &"---", &"---", &"---"]);
    for cell in &lesson.cells {
        let (took, bare) = (ms(cell.took.as_secs_f64()), ms(cell.bare.as_secs_f64()));
        row([&cell.what, &took, &bare, &times(cell.ratio()), &cell.calls]);
    }
}

/// How busy the machine was with other things, where that can be read.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().map_or(String::new(), |load| format!(", load {load} at the end"))
}
