//! What cells cost that were compiled before: run again in the same kernel, and in a new
//! one; and what it saves to compile those that wait.
//!
//! The cells are those of the lessons in `notebooks/`, with short pauses. What counts is the
//! kernel's part: from the request to the idle, less the time that the compiled code ran.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::kernel::{Kernel, Result};
use super::table::{Sample, fine_ms, ms, row, target, times};

/// Stretches all pauses of the lessons.
const TIME_SCALE: &str = "let time_scale: f64 = 0.05;";

/// The code cells of a lesson.
struct Lesson {
    name: String,
    cells: Vec<Code>,
}

struct Code {
    name: String,
    text: String,
}

/// The kernel's part of one cell.
struct Costs {
    name: String,
    first: Duration,
    again: Duration,
    restarted: Duration,
}

pub async fn print() -> Result<()> {
    let lessons = lessons()?;
    let mut all = Vec::new();
    for lesson in &lessons {
        eprintln!("running {} three times …", lesson.name);
        all.push((lesson, measure(lesson).await?));
    }
    print_summary(&all);
    if std::env::args().any(|argument| argument == "reruns") {
        print_cells(&all);
    }
    if let Some(lesson) = lessons.iter().find(|lesson| lesson.name.starts_with("05")) {
        run_all(lesson).await?;
    }
    Ok(())
}

fn lessons() -> Result<Vec<Lesson>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../notebooks");
    let mut files: Vec<PathBuf> =
        folder.read_dir()?.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<_>>()?;
    files.retain(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".ipynb") && !name.starts_with("00")
    });
    files.sort();
    files.iter().map(|file| lesson(file)).collect()
}

fn lesson(file: &Path) -> Result<Lesson> {
    let notebook: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    let cells = notebook["cells"].as_array().ok_or("a notebook has cells")?;
    let text = |source: &Value| match source {
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().unwrap_or_default().to_owned(),
    };
    let cells = cells.iter().filter(|cell| cell["cell_type"] == "code").map(|cell| {
        let lines = text(&cell["source"]);
        let scaled = |line| if str::starts_with(line, "let time_scale: f64 =") { TIME_SCALE } else { line };
        let name = cell["metadata"]["threadbook"]["cell"].as_str().or(cell["id"].as_str()).unwrap_or_default();
        Code { name: name.to_owned(), text: lines.lines().map(scaled).collect::<Vec<_>>().join("\n") }
    });
    Ok(Lesson { name: file.file_stem().unwrap_or_default().to_string_lossy().into_owned(), cells: cells.collect() })
}

async fn measure(lesson: &Lesson) -> Result<Vec<Costs>> {
    let cache = TempDir::new()?;
    let mut kernel = Kernel::start_with(Some(cache.path())).await?.0;
    kernel.execute("()").await?;
    let first = pass(&mut kernel, lesson).await?;
    let again = pass(&mut kernel, lesson).await?;
    kernel.shutdown().await?;
    let mut kernel = Kernel::start_with(Some(cache.path())).await?.0;
    kernel.execute("()").await?;
    let restarted = pass(&mut kernel, lesson).await?;
    kernel.shutdown().await?;
    let costs = lesson.cells.iter().zip(first.into_iter().zip(again.into_iter().zip(restarted)));
    Ok(costs
        .map(|(code, (first, (again, restarted)))| Costs { name: code.name.clone(), first, again, restarted })
        .collect())
}

async fn pass(kernel: &mut Kernel, lesson: &Lesson) -> Result<Vec<Duration>> {
    let mut costs = Vec::new();
    for code in &lesson.cells {
        costs.push(kernel.execute_any(&code.text).await?);
    }
    Ok(costs)
}

fn sample(costs: &[Costs], which: impl Fn(&Costs) -> Duration) -> Sample {
    let mut sample = Sample::default();
    costs.iter().for_each(|cost| sample.add(which(cost)));
    sample
}

fn print_summary(all: &[(&Lesson, Vec<Costs>)]) {
    println!();
    row([&"the kernel's part of a cell (median; worst)", &"cells", &"first run", &"run again", &"after a restart"]);
    row([&"---", &"---:", &"---:", &"---:", &"---:"]);
    let both = |sample: Sample| format!("{}; {}", fine_ms(sample.median()), fine_ms(sample.worst()));
    let (mut every_again, mut every_restarted) = (Sample::default(), Sample::default());
    for (lesson, costs) in all {
        let (again, restarted) = (sample(costs, |cost| cost.again), sample(costs, |cost| cost.restarted));
        costs.iter().for_each(|cost| {
            every_again.add(cost.again);
            every_restarted.add(cost.restarted);
        });
        let first = sample(costs, |cost| cost.first);
        row([&lesson.name, &costs.len(), &both(first), &both(again), &both(restarted)]);
    }
    let (again, restarted) = (every_again.median(), every_restarted.median());
    let met = |median: f64, most: f64, text: &str| format!("{} ({})", fine_ms(median), target(median, most, text));
    row([&"median of all", &every_again.count(), &"", &met(again, 0.005, "< 5 ms"), &met(restarted, 0.015, "< 15 ms")]);
}

fn print_cells(all: &[(&Lesson, Vec<Costs>)]) {
    println!();
    row([&"cell", &"first run", &"run again", &"after a restart"]);
    row([&"---", &"---:", &"---:", &"---:"]);
    for cost in all.iter().flat_map(|(_, costs)| costs) {
        let [first, again, restarted] =
            [cost.first, cost.again, cost.restarted].map(|took| fine_ms(took.as_secs_f64()));
        row([&cost.name, &first, &again, &restarted]);
    }
}

/// A whole lesson in a new kernel without a cache, in turns: each cell sent when the one before it has
/// ended, and all at once.
async fn run_all(lesson: &Lesson) -> Result<()> {
    const TURNS: usize = 3;
    let (mut one_by_one, mut at_once) = (Sample::default(), Sample::default());
    for turn in 1..=TURNS {
        eprintln!("running {} cell by cell and at once, turn {turn} of {TURNS} …", lesson.name);
        for (sample, is_at_once) in [(&mut one_by_one, false), (&mut at_once, true)] {
            let mut kernel = Kernel::start().await?.0;
            kernel.execute("()").await?;
            let cells: Vec<&str> = lesson.cells.iter().map(|code| code.text.as_str()).collect();
            sample.add(kernel.run_all(&cells, is_at_once).await?);
            kernel.shutdown().await?;
        }
    }
    println!();
    row([&"a whole lesson, nothing compiled before", &"time", &"÷"]);
    row([&"---", &"---:", &"---:"]);
    let what = format!("{}, {} cells one by one", lesson.name, lesson.cells.len());
    row([&what, &ms(one_by_one.median()), &""]);
    let ratio = at_once.median() / one_by_one.median();
    row([&"all at once: compiled while others run", &ms(at_once.median()), &times(ratio)]);
    Ok(())
}
