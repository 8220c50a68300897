//! The functions of the benchmark `timeit`, and criterion's opinion of them.
//!
//! A package of its own, since it is built as a release build usually is: the kernel's
//! own release build is not optimised. All that criterion compiles for a closure is
//! compiled here.

mod functions;

use std::cell::Cell;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{Bencher, Criterion};

pub use functions::{compute, hash, matrix, numbers, product, random, sort};

/// The functions as text, for a cell. None is inlined: what a compiler makes of one within
/// its caller differs from caller to caller.
pub const FUNCTIONS: &str = include_str!("functions.rs");

/// A function, how a cell makes what it works on and how it calls it.
pub struct Case {
    pub name: &'static str,
    /// Definitions of a cell.
    pub inputs: &'static str,
    pub body: &'static str,
    /// Each side measures it so often.
    pub turns: usize,
    measure: fn(&mut Bencher<'_>),
}

/// A static, and not a constant: of that the closures would be compiled by the crate that uses
/// it, which is not optimised.
pub static CASES: [Case; 5] = [
    Case {
        name: "random",
        inputs: "let state = std::cell::Cell::new(7_u64);",
        body: "random(std::hint::black_box(&state))",
        turns: 30,
        measure: |bencher| {
            let state = Cell::new(7);
            bencher.iter(|| random(black_box(&state)));
        },
    },
    Case {
        name: "hash",
        inputs: "",
        body: "hash(std::hint::black_box(\"a small text\"))",
        turns: 30,
        measure: |bencher| bencher.iter(|| hash(black_box("a small text"))),
    },
    Case {
        name: "sort",
        inputs: "let few = numbers(1_000);",
        body: "sort(std::hint::black_box(&few))",
        turns: 30,
        measure: |bencher| {
            let few = numbers(1_000);
            bencher.iter(|| sort(black_box(&few)));
        },
    },
    Case {
        name: "product",
        inputs: "let factor = matrix(160);",
        body: "product(std::hint::black_box(&factor), &factor, 160)",
        turns: 30,
        measure: |bencher| {
            let factor = matrix(160);
            bencher.iter(|| product(black_box(&factor), &factor, 160));
        },
    },
    Case {
        name: "compute",
        inputs: "",
        body: "compute(std::hint::black_box(3_000_000))",
        turns: 7,
        measure: |bencher| bencher.iter(|| compute(black_box(3_000_000))),
    },
];

impl Case {
    /// The median of the time per call that criterion estimates, in seconds.
    ///
    /// # Errors
    /// When criterion's files cannot be written or read.
    pub fn criterion(&self) -> Result<f64, Box<dyn std::error::Error>> {
        let directory = tempfile::tempdir()?;
        let mut criterion = Criterion::default()
            .output_directory(directory.path())
            .without_plots()
            .sample_size(10)
            .warm_up_time(Duration::from_millis(50))
            .measurement_time(Duration::from_millis(250));
        criterion.bench_function(self.name, self.measure);
        median(&directory.path().join(self.name).join("new/estimates.json"))
    }
}

fn median(file: &Path) -> Result<f64, Box<dyn std::error::Error>> {
    let estimates: serde_json::Value = serde_json::from_slice(&std::fs::read(file)?)?;
    let nanoseconds = estimates["median"]["point_estimate"].as_f64();
    Ok(nanoseconds.ok_or("criterion tells no median")? / 1e9)
}
