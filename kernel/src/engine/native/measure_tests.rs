//! Measured cells with the real compiler: several cells of a notebook are compiled one
//! after the other, then run in one process without a kernel, where the prelude prints
//! what it would show.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::building_tests::{Bench, bench, compile};
use super::cache::Cache;
use super::compile::{Environment, Tools};
use super::diagnostics::{render, summary};
use super::measure::{Measure, Timeit, TimeitOptions};
use super::resolve::{Refused, Rejection, Resolved, Resolver};
use crate::cell::parsed::Parsed;
use crate::cell::source::CellSource;
use crate::definitions::Definitions;

/// Loads libraries in order, and calls the function whose name follows one.
const LOADER: &str = r#"
use std::ffi::{CStr, CString, c_char, c_int, c_void};
unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dlerror() -> *const c_char;
}
fn main() {
    for argument in std::env::args().skip(1) {
        let (path, entry) = argument.split_once('=').unwrap();
        let (path, entry) = (CString::new(path).unwrap(), CString::new(entry).unwrap());
        unsafe {
            let library = dlopen(path.as_ptr(), 2 | if cfg!(target_os = "macos") { 8 } else { 256 });
            assert!(!library.is_null(), "{:?}", CStr::from_ptr(dlerror()));
            if !entry.is_empty() {
                let entry = dlsym(library, entry.as_ptr());
                assert!(!entry.is_null(), "{:?}", CStr::from_ptr(dlerror()));
                std::mem::transmute::<*mut c_void, extern "C" fn()>(entry)();
            }
        }
    }
}
"#;

async fn loader() -> &'static PathBuf {
    static LOADER_FILE: OnceCell<(TempDir, PathBuf)> = OnceCell::const_new();
    let make = || async {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (source, program) = (directory.path().join("loader.rs"), directory.path().join("loader"));
        std::fs::write(&source, LOADER).expect("a file in it");
        compile(Command::new(&bench().await.toolchain.rustc).arg(source).arg("-o").arg(&program));
        (directory, program)
    };
    &LOADER_FILE.get_or_init(make).await.1
}

struct Notebook {
    bench: &'static Bench,
    directory: TempDir,
    definitions: Definitions,
    runs: u64,
    /// `library=entry`
    loads: Vec<String>,
}

impl Notebook {
    async fn new() -> Notebook {
        let bench = bench().await;
        let libraries = [&bench.toolchain.std_library, &bench.prelude.dylib];
        let loads = libraries.map(|library| format!("{}=", library.display())).to_vec();
        let directory = tempfile::tempdir().expect("a temporary directory");
        Notebook { bench, directory, definitions: Definitions::default(), runs: 0, loads }
    }

    async fn resolve(&mut self, text: &str, measure: Measure) -> Result<Resolved, Refused> {
        let bench = self.bench;
        let environment = Environment {
            tools: Arc::new(Tools {
                rustc: bench.toolchain.rustc.clone(),
                arguments: bench.prelude.rustc_args(),
                digest: [0; 32],
                extern_crates: bench.prelude.extern_crate(),
                crates: Vec::new(),
                has_dependencies: false,
            }),
            debug_lines: false,
            opt_level: super::compile::USUAL_LEVEL,
            style: super::style::Style::default(),
        };
        self.runs += 1;
        let resolver = Resolver {
            environment: &environment,
            definitions: &self.definitions,
            directory: self.directory.path(),
            cache: &Cache::default(),
            loaded: &BTreeSet::new(),
            ran_before: &BTreeMap::new(),
            parsed: &Parsed::default(),
            ahead: false,
        };
        let source = CellSource::new(self.runs as u32, text);
        resolver.resolve(&source, 0..text.len(), &measure).await
    }

    /// Adds a cell that will run to its end.
    async fn cell(&mut self, text: &str, measure: Measure) -> Resolved {
        let resolved = self.resolve(text, measure).await;
        let resolved = resolved.unwrap_or_else(|refused| panic!("{text}\n{}", told(&refused)));
        self.loads.push(format!("{}={}", resolved.library.display(), resolved.entry));
        let effects = &resolved.effects;
        self.definitions.adopt(&effects.cell, &effects.included, &effects.dropped, &effects.symbols);
        self.definitions.variables.extend(effects.made.clone());
        resolved
    }

    async fn plain(&mut self, text: &str) -> Resolved {
        self.cell(text, Measure::No).await
    }

    async fn time(&mut self, text: &str) -> Resolved {
        self.cell(text, Measure::Time).await
    }

    /// `setup` and body, once with few loops.
    async fn timeit(&mut self, setup: &str, body: &str, options: TimeitOptions) -> Resolved {
        let (text, measure) = timeit(setup, body, options);
        self.cell(&text, measure).await
    }

    async fn refused(&mut self, setup: &str, body: &str, options: TimeitOptions) -> String {
        let (text, measure) = timeit(setup, body, options);
        match self.resolve(&text, measure).await {
            Ok(_) => panic!("this was to be refused:\n{text}"),
            Err(refused) => told(&refused),
        }
    }

    /// Runs all cells and returns what they print.
    async fn run(&self) -> String {
        let output = Command::new(loader().await).args(&self.loads).output().expect("it was just made");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
        text
    }
}

fn timeit(setup: &str, body: &str, options: TimeitOptions) -> (String, Measure) {
    let text = format!("{setup}\n{body}");
    let start = setup.len() + 1;
    let setup = (!setup.is_empty()).then_some(0..setup.len());
    (text.clone(), Measure::Timeit(Timeit { setup, body: start..text.len(), options }))
}

fn loops(loops: u64, repeat: u64) -> TimeitOptions {
    TimeitOptions { loops, repeat, ..TimeitOptions::default() }
}

fn quiet_into(variable: &str, options: TimeitOptions) -> TimeitOptions {
    TimeitOptions { quiet: true, variable: Some(variable.to_owned()), ..options }
}

/// What a learner reads.
fn told(refused: &Refused) -> String {
    match refused {
        Refused::Rejected(Rejection { errors, text, source, .. }) => {
            let summaries: Vec<String> = errors.iter().map(|error| summary(error, source)).collect();
            format!("{}\n{}\n{text}", summaries.join("\n"), render(errors, source, false))
        }
        Refused::Failed(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_timed_cell_is_a_cell() {
    let mut notebook = Notebook::new().await;
    notebook.plain("use std::sync::atomic::{AtomicU32, Ordering}; static CALLS: AtomicU32 = AtomicU32::new(0);").await;
    notebook.plain("let text = String::from(\"moved\"); struct Pair(i32, i32);").await;
    let timed = notebook
        .time("CALLS.fetch_add(1, Ordering::Relaxed);\nlet pair = Pair(1, 2); let kept = text;\nprintln!(\"inside\")")
        .await;
    assert_eq!(timed.effects.made.keys().collect::<Vec<_>>(), ["kept", "pair"]);
    assert!(timed.compile_time > std::time::Duration::ZERO);
    notebook.plain("println!(\"{kept} {} {}\", pair.0 + pair.1, CALLS.load(Ordering::Relaxed));").await;
    let text = notebook.run().await;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "inside");
    assert!(lines[1].starts_with("CPU times: user ") && lines[1].contains(", sys: ") && lines[1].contains(", total: "));
    assert!(lines[2].starts_with("Wall time: "));
    assert_eq!(lines[3..], ["moved 3 1"]);
}

#[tokio::test]
async fn a_timed_cell_that_fails_tells_its_time() {
    let mut notebook = Notebook::new().await;
    notebook.time("let n: i32 = \"x\".parse()?; println!(\"not reached\");").await;
    notebook.time("println!(\"before\"); if true { panic!(\"of mine\") }").await;
    let text = notebook.run().await;
    assert_eq!(text.matches("CPU times: ").count(), 2, "{text}");
    assert!(!text.contains("not reached") && text.contains("before\nCPU times"), "{text}");
}

#[tokio::test]
async fn a_timed_value_is_computed_within_the_time() {
    let mut notebook = Notebook::new().await;
    notebook.time("std::thread::sleep(std::time::Duration::from_millis(20)); 5").await;
    notebook.time("{ std::thread::sleep(std::time::Duration::from_millis(20)); 5 }").await;
    for line in notebook.run().await.lines().filter(|line| line.starts_with("Wall")) {
        let millis: f64 = line
            .strip_prefix("Wall time: ")
            .and_then(|time| time.strip_suffix(" ms"))
            .map_or(0.0, |n| n.parse().unwrap_or(0.0));
        assert!(millis >= 20.0, "{line}");
    }
}

#[tokio::test]
async fn a_measured_body_uses_the_notebook_and_leaves_nothing() {
    let mut notebook = Notebook::new().await;
    notebook.plain("let mut log: Vec<u32> = Vec::new(); let limit = 3u32; fn twice(n: u32) -> u32 { n * 2 }").await;
    let resolved = notebook
        .timeit(
            "let mut made = vec![limit, 1]; struct Own(u32)",
            "fn own(n: u32) -> u32 { twice(n) + 1 }\nmade.push(own(2));\nlet o = Own(made.len() as u32);\nlog.push(o.0); \"7\".parse::<u8>()?",
            loops(2, 3),
        )
        .await;
    assert!(resolved.effects.made.is_empty() && resolved.effects.cell.items.is_empty());
    notebook.plain("println!(\"{log:?}\");").await;
    let text = notebook.run().await;
    // The setup runs once a run.
    assert!(text.ends_with("per loop (mean ± std. dev. of 3 runs, 2 loops each)\n[3, 4, 3, 4, 3, 4]\n"), "{text}");
}

#[tokio::test]
async fn a_failing_body_prints_no_time() {
    let mut notebook = Notebook::new().await;
    notebook.timeit("", "\"x\".parse::<u8>()?", TimeitOptions::default()).await;
    notebook.timeit("", "let v: Vec<u8> = Vec::new(); v[0]", TimeitOptions::default()).await;
    notebook.plain("println!(\"after\");").await;
    assert_eq!(notebook.run().await, "after\n");
}

#[tokio::test]
async fn bodies_may_wait() {
    let mut notebook = Notebook::new().await;
    let milliseconds = "tokio::time::sleep(std::time::Duration::from_millis(2)).await";
    notebook.timeit("", milliseconds, quiet_into("asleep", loops(3, 2))).await;
    let body = "std::thread::sleep(std::time::Duration::from_millis(2))";
    notebook.timeit("", body, quiet_into("blocked", TimeitOptions { repeat: 1, ..loops(0, 1) })).await;
    notebook.plain("println!(\"{} {} {}\", asleep.best >= 2e-3, blocked.best >= 2e-3, blocked.loops);").await;
    assert_eq!(notebook.run().await, "true true 100\n");
}

#[tokio::test]
async fn the_result_is_a_variable() {
    let mut notebook = Notebook::new().await;
    let resolved = notebook.timeit("", "let x = 1", quiet_into("r", loops(5, 3))).await;
    assert_eq!(resolved.effects.made["r"].type_name, "threadbook::TimeitResult");
    notebook.plain("println!(\"{} {} {}\", r.loops, r.repeat, r.timings.len()); let r = 5;").await;
    // Measured again, the name gets a result once more.
    notebook.timeit("", "r + 1", quiet_into("r", loops(1, 1))).await;
    notebook.plain("println!(\"{}\", r.loops);").await;
    assert_eq!(notebook.run().await, "5 3 3\n1\n");
}

#[tokio::test]
async fn a_single_run_may_use_its_variables_up() {
    let mut notebook = Notebook::new().await;
    notebook.plain("let v = vec![1, 2, 3];").await;
    let refused = notebook.refused("", "drop(v)", TimeitOptions::default()).await;
    assert!(refused.contains("E0382: use of moved value: `v` (In[2]:2:6)"), "{refused}");
    let help = "it cannot use up `v`: clone it, make it in the setup";
    assert_eq!(refused.matches(help).count(), 1, "{refused}");
    let setup = notebook.refused("let w = vec![1]", "let x = w;", loops(1, 2)).await;
    assert!(setup.contains("cannot use up `w`"), "{setup}");
    let own = notebook.refused("", "for i in 0..2 { drop(v) }", TimeitOptions::default()).await;
    assert!(!own.contains("use up"), "{own}");
    notebook.timeit("", "drop(v.clone())", quiet_into("r", loops(2, 2))).await;
    notebook.timeit("let w = vec![1]", "drop((v, w))", quiet_into("r", loops(1, 1))).await;
    notebook.run().await;
}

#[tokio::test]
async fn errors_are_in_the_cells_own_lines() {
    let mut notebook = Notebook::new().await;
    let setup = notebook.refused("let x: u8 = \"a\"", "x", TimeitOptions::default()).await;
    assert!(setup.contains("(In[1]:1:13)"), "{setup}");
    let body = notebook.refused("let x = 1;", "x + 1;\ny", TimeitOptions::default()).await;
    assert!(body.contains("(In[2]:3:1)"), "{body}");
    let syntax = notebook.refused("", "x +", TimeitOptions::default()).await;
    assert!(syntax.contains("(In[3]:2:"), "{syntax}");
    let stray = notebook.refused("", "if true { break; }", TimeitOptions::default()).await;
    assert!(stray.contains("`break`") && stray.contains("(In[4]:2:11)"), "{stray}");
}

#[tokio::test]
async fn measured_code_is_release_code() {
    let mut notebook = Notebook::new().await;
    notebook.plain("let big = 255u8;").await;
    notebook.timeit("", "big + 1", quiet_into("r", loops(1, 1))).await;
    notebook.plain("println!(\"{}\", r.loops);").await;
    assert_eq!(notebook.run().await, "1\n", "an overflow wraps there");
}

/// Whether a body is told to be removed.
async fn told_to_be_removed(definitions: &str, bodies: &[(&str, &str)]) -> Vec<bool> {
    let mut notebook = Notebook::new().await;
    notebook.plain(definitions).await;
    for (setup, body) in bodies {
        // Short runs, of which one has the processor for itself.
        notebook.timeit(setup, body, loops(100_000, 30)).await;
        notebook.plain("println!(\"====\");").await;
    }
    let text = notebook.run().await;
    let texts: Vec<&str> = text.split_terminator("====\n").collect();
    assert_eq!(texts.len(), bodies.len(), "{text}");
    assert!(texts.iter().all(|text| text.contains(" per loop ")), "{text}");
    texts.iter().map(|text| text.contains("std::hint::black_box")).collect()
}

const DEFINITIONS: &str =
    "let n = 10_000_000u64; let mut total = 0u64; let x = 5u64; let v: Vec<u64> = (0..1000).collect();
    let empty: Vec<u64> = Vec::new(); let s = String::from(\"text\");
    fn fib(n: u64) -> u64 { let (mut a, mut b) = (0u64, 1u64); for _ in 0..n { (a, b) = (b, a.wrapping_add(b)); } a }
    fn add(a: u64, b: u64) -> u64 { a + b }";

#[tokio::test]
async fn a_removed_body_is_told() {
    let bodies = [
        ("", "let mut sum = 0u64; for i in 0..10_000_000u64 { sum += i; } sum"),
        ("", "let mut sum = 0u64; for i in 0..10_000_000u64 { sum += i; }"),
        ("", "for i in 0..10_000_000u64 { total = total.wrapping_add(i); }"),
        ("", "(0..n).sum::<u64>()"),
        ("", "for i in 0..n { }"),
        ("", "fib(20)"),
        ("", "fib(20);"),
        ("", "for y in &v { y * 2; }"),
        ("", "let mut i = 0; while i < 1_000_000 { i += 1; }"),
    ];
    let told = told_to_be_removed(DEFINITIONS, &bodies).await;
    for (told, (_, body)) in told.iter().zip(bodies) {
        assert!(told, "{body}");
    }
}

#[tokio::test]
async fn an_ordinary_body_is_not() {
    let bodies = [
        ("", ""),
        ("", "v.len()"),
        ("", "x + 1"),
        ("", "std::time::Instant::now()"),
        ("", "add(x, 2)"),
        ("", "v.iter().sum::<u64>()"),
        ("", "empty.iter().sum::<u64>()"),
        ("let w = vec![1u8; 1000]", "w.iter().map(|b| *b as u32).sum::<u32>()"),
        ("", "fib(x)"),
        ("", "for i in 0..1000u64 { total = std::hint::black_box(total.wrapping_add(i)); }"),
        ("", "s.clone()"),
        ("", "Some(3)"),
    ];
    let told = told_to_be_removed(DEFINITIONS, &bodies).await;
    for (told, (_, body)) in told.iter().zip(bodies) {
        assert!(!told, "{body}");
    }
}
