//! What a checkpoint costs: between the kernel's order to run a cell and the cell's end,
//! and in what a cell measures of itself.

use super::kernel::{Kernel, Result};
use super::table::{Sample, fine_ms, ms, row, target, times};

/// How often each cell runs with and without a checkpoint.
const ROUNDS: usize = 15;

/// A notebook with a heap of some size.
struct Case {
    what: &'static str,
    mib: usize,
    /// A thread of an earlier cell goes on working: the checkpoint is made when a cell starts,
    /// not before.
    thread: bool,
}

const CASES: [Case; 6] = [
    Case { what: "small heap", mib: 0, thread: false },
    Case { what: "small heap, a thread at work", mib: 0, thread: true },
    Case { what: "64 MiB", mib: 64, thread: false },
    Case { what: "64 MiB, a thread at work", mib: 64, thread: true },
    Case { what: "1 GiB", mib: 1024, thread: false },
    Case { what: "1 GiB, a thread at work", mib: 1024, thread: true },
];

#[derive(Default)]
struct Costs {
    /// From the order to run an empty cell to its end.
    run: Sample,
    /// What a cell measures that writes to each page of 4 MiB for the first time in the
    /// cell, or to the whole heap if that is larger.
    touch: Sample,
}

/// Measures and prints.
pub async fn print() -> Result<()> {
    println!();
    row([&"checkpoints", &"off", &"on", &"more", &"target"]);
    row([&"---", &"---", &"---", &"---", &"---"]);
    for case in &CASES {
        let (off, on) = measure(case).await?;
        let more = on.run.median() - off.run.median();
        let small = if case.mib == 0 { target(more, 0.003, "< 3 ms") } else { String::new() };
        let what = format!("start and end of an empty cell; {}", case.what);
        row([&what, &fine_ms(off.run.median()), &fine_ms(on.run.median()), &fine_ms(more), &small]);
        let what = format!("a cell writes to {} MiB; {}", case.mib.max(4), case.what);
        let ratio = times(on.touch.median() / off.touch.median());
        row([&what, &ms_or_fine(off.touch.median()), &ms_or_fine(on.touch.median()), &ratio, &""]);
    }
    Ok(())
}

fn ms_or_fine(seconds: f64) -> String {
    if seconds < 0.1 { fine_ms(seconds) } else { ms(seconds) }
}

async fn measure(case: &Case) -> Result<(Costs, Costs)> {
    let (mut off, mut on) = (start(case, "off").await?, start(case, "4 GiB").await?);
    let mut costs = (Costs::default(), Costs::default());
    let rounds = if case.mib > 64 { 5 } else { ROUNDS };
    for round in 0..rounds {
        for (kernel, costs) in [(&mut off, &mut costs.0), (&mut on, &mut costs.1)] {
            let run = kernel.execute(&format!("let empty_{round} = ();")).await?.run;
            costs.run.add(run.ok_or("the kernel logged no run")?);
            let touched = kernel.execute(&format!("touch(&mut heap, {round})")).await?.result;
            costs.touch.add_value(touched.and_then(|text| text.parse().ok()).ok_or("the cell showed no time")?);
        }
    }
    off.shutdown().await?;
    on.shutdown().await?;
    Ok(costs)
}

async fn start(case: &Case, checkpoint: &str) -> Result<Kernel> {
    let (mut kernel, _) = Kernel::start().await?;
    let bytes = case.mib.max(4) << 20;
    kernel.execute(&format!("%checkpoint {checkpoint}\nlet mut heap = vec![1u8; {bytes}];")).await?;
    kernel
        .execute(
            "fn touch(heap: &mut [u8], value: usize) -> f64 {\n\
                 let begin = std::time::Instant::now();\n\
                 for byte in heap.iter_mut().step_by(4096) { *byte = value as u8; }\n\
                 std::hint::black_box(heap);\n\
                 begin.elapsed().as_secs_f64()\n\
             }\n\
             touch(&mut heap, 0)",
        )
        .await?;
    if case.thread {
        kernel
            .execute("std::thread::spawn(|| loop { std::thread::sleep(std::time::Duration::from_millis(1)) });")
            .await?;
    }
    Ok(kernel)
}
