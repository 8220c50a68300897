//! Whether `%%timeit` is right: it and criterion measure the same functions, from a
//! nanosecond to a second, in many short turns, so that both see the same noise. Takes
//! some three minutes.
//!
//! ```text
//! cargo bench -p threadbook-kernel --bench timeit
//! ```
//!
//! The cells run in a real kernel. The same source is compiled for criterion in the
//! package `reference`. Prints a table in Markdown, below what criterion itself prints.

#[path = "../cells/compiler.rs"]
#[allow(dead_code)]
mod compiler;
#[path = "../cells/kernel.rs"]
#[allow(dead_code)]
mod kernel;
#[path = "../cells/table.rs"]
#[allow(dead_code)]
mod table;

use kernel::{Kernel, Result};
use table::{Sample, row};
use threadbook_bench_reference::{CASES, FUNCTIONS};

/// The two are to agree so far.
const TARGET: f64 = 0.05;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let (mut kernel, _) = Kernel::start().await?;
    kernel.execute(FUNCTIONS).await?;
    let mut lines = Vec::new();
    for case in &CASES {
        if !case.inputs.is_empty() {
            kernel.execute(case.inputs).await?;
        }
        let (mut ours, mut theirs, mut ratios) = (Sample::default(), Sample::default(), Sample::default());
        for turn in 1..=case.turns {
            eprintln!("{}: turn {turn} of {} …", case.name, case.turns);
            let (mine, reference) = (timeit(&mut kernel, case.body).await?, case.criterion()?);
            ours.add_value(mine);
            theirs.add_value(reference);
            // Of neighbours: what slows the computer down for a second slows down both.
            ratios.add_value(mine / reference);
        }
        lines.push((case.name, ours, theirs, ratios));
    }
    // What an empty body reads.
    let empty = timeit(&mut kernel, "()").await?;
    kernel.shutdown().await?;

    row([&"function", &"`%%timeit`", &"criterion", &"ratio", &"target"]);
    row([&"---", &"---:", &"---:", &"---:", &"---"]);
    for (name, ours, theirs, ratios) in lines {
        let ratio = ratios.median();
        let met = if (ratio - 1.0).abs() <= TARGET { "within 5 %: met" } else { "within 5 %: **missed**" };
        row([&name, &time(ours.median()), &time(theirs.median()), &format!("{ratio:.3}"), &met]);
    }
    let met = if empty < 1e-9 { "below 1 ns: met" } else { "below 1 ns: **missed**" };
    row([&"an empty body", &time(empty), &"", &"", &met]);
    Ok(())
}

/// One run, in seconds per loop.
async fn timeit(kernel: &mut Kernel, body: &str) -> Result<f64> {
    kernel.execute(&format!("%%timeit -q -r 1 -v measured\n{body}")).await?;
    let ran = kernel.execute("measured.median()").await?;
    Ok(ran.result.ok_or("no median was shown")?.parse()?)
}

fn time(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s < 1e-6 => (s * 1e9, "ns"),
        s if s < 1e-3 => (s * 1e6, "μs"),
        s if s < 1.0 => (s * 1e3, "ms"),
        s => (s, "s"),
    };
    format!("{value:.3} {unit}")
}
