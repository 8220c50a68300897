//! The prelude and `:dep` with the real compiler, cargo and loader.
//!
//! Crates of a registry are taken from among those that this workspace needs anyway, so
//! that the tests work without the network. Compiled crates are kept in the target
//! directory from run to run; what is made of them is made anew in each.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;
use tokio::sync::{OnceCell, mpsc};

use super::build::failure::FailureKind;
use super::build::store::Store;
use super::dependencies::{Added, Dependencies};
use super::dependency_spec::DependencySpec;
use super::prelude::Prelude;
use super::toolchain::Toolchain;

/// Loads shared libraries in order, and calls `run` in those that have it.
const LOADER: &str = r#"
use std::ffi::{CStr, CString, c_char, c_int, c_void};
unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dlerror() -> *const c_char;
}
fn main() {
    for path in std::env::args().skip(1) {
        let path = CString::new(path).unwrap();
        unsafe {
            let library = dlopen(path.as_ptr(), 2 | if cfg!(target_os = "macos") { 8 } else { 256 });
            assert!(!library.is_null(), "{:?}", CStr::from_ptr(dlerror()));
            let run = dlsym(library, c"run".as_ptr());
            if !run.is_null() {
                std::mem::transmute::<*mut c_void, extern "C" fn()>(run)();
            }
        }
    }
}
"#;

pub(super) struct Bench {
    pub(super) toolchain: Toolchain,
    pub(super) prelude: Prelude,
    store: Store,
    loader: PathBuf,
    progress: Vec<String>,
    _alone: File,
}

/// The prelude, built once for all tests here.
pub(super) async fn bench() -> &'static Bench {
    static BENCH: OnceCell<Bench> = OnceCell::const_new();
    BENCH.get_or_init(make_bench).await
}

async fn make_bench() -> Bench {
    let toolchain = Toolchain::find().await.expect("this test was compiled by one");
    let executable = env::current_exe().expect("the test runs");
    let place = executable.ancestors().nth(3).expect("<target>/debug/deps/<test>").join("tmp/building-tests");
    fs::create_dir_all(&place).expect("the target directory can be written");
    let alone = File::create(place.join("in-use")).expect("as above");
    alone.lock().expect("it can be locked");
    let _ = fs::remove_dir_all(place.join("data"));
    let loader = place.join("loader");
    fs::write(place.join("loader.rs"), LOADER).expect("as above");
    compile(Command::new(&toolchain.rustc).arg(place.join("loader.rs")).arg("-o").arg(&loader));

    let store = Store::within(&place, toolchain.id.clone());
    let mut progress = Vec::new();
    let built = Prelude::in_store(store.clone(), &toolchain, &mut |line| progress.push(line.to_owned())).await;
    let prelude = built.unwrap_or_else(|error| panic!("{error}"));
    Bench { toolchain, prelude, store, loader, progress, _alone: alone }
}

pub(super) fn compile(command: &mut Command) {
    let output = command.arg("--edition=2024").output().expect("the compiler starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

impl Bench {
    /// Compiles cells, each the body of a function, loads them into one process and
    /// returns what they print.
    fn run_cells(&self, prelude: &Prelude, dependencies: &Dependencies, cells: &[&str]) -> String {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut process = Command::new(&self.loader);
        process.arg(&prelude.dylib).args(dependencies.libraries());
        for (number, body) in cells.iter().enumerate() {
            let (source, library) =
                (directory.path().join(format!("{number}.rs")), directory.path().join(format!("{number}.so")));
            let externs = format!("{}{}", prelude.extern_crate(), dependencies.extern_crates());
            fs::write(&source, format!("{externs}#[unsafe(no_mangle)] pub extern \"C\" fn run() {{ {body} }}"))
                .expect("written");
            let mut rustc = Command::new(&self.toolchain.rustc);
            rustc.args(["--crate-type=cdylib", "--crate-name=cell", "-Cprefer-dynamic", "-Copt-level=2"]);
            rustc.args(prelude.rustc_args()).args(dependencies.rustc_args());
            compile(rustc.arg(&source).arg("-o").arg(&library));
            process.arg(library);
        }
        let output = process.output().expect("the loader starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("the cells print text")
    }

    async fn add(&self, dependencies: &mut Dependencies, spec: &str) -> Added {
        let spec = DependencySpec::parse(spec).expect("a right spec");
        let added = dependencies.add(spec, &self.toolchain, &self.prelude, |_| ()).await;
        added.unwrap_or_else(|error| panic!("{error}"))
    }

    async fn fail(&self, spec: &str) -> (FailureKind, String) {
        let mut dependencies = Dependencies::new("/");
        let spec = DependencySpec::parse(spec).expect("a right spec");
        let error =
            dependencies.add(spec, &self.toolchain, &self.prelude, |_| ()).await.expect_err("it cannot be added");
        assert!(dependencies.specs().is_empty());
        (error.failure().unwrap_or_else(|| panic!("not cargo's: {error}")), error.to_string())
    }
}

/// A crate in a directory of its own, removed at the end.
fn package(name: &str, dependencies: &str, source: &str) -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\n{dependencies}"
    );
    fs::create_dir(directory.path().join("src")).expect("it can be written");
    fs::write(directory.path().join("Cargo.toml"), manifest).expect("it can be written");
    fs::write(directory.path().join("src/lib.rs"), source).expect("it can be written");
    directory
}

fn at(directory: &TempDir) -> String {
    format!("--path {}", directory.path().display())
}

#[tokio::test]
async fn the_prelude_is_one_library_for_all_cells() {
    let bench = bench().await;
    let names: Vec<&str> = bench.prelude.externs.iter().map(|(name, _)| name.as_str()).collect();
    for name in ["threadbook", "rayon", "serde", "serde_json", "crossbeam", "tokio"] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert!(bench.progress.iter().any(|line| line.starts_with("Compiling ")), "{:?}", bench.progress);

    let shown = bench.run_cells(
        &bench.prelude,
        &Dependencies::new("/"),
        &[
            "rayon::ThreadPoolBuilder::new().num_threads(3).build_global().unwrap();
             println!(\"{}\", rayon::current_num_threads as fn() -> usize as usize);",
            "use rayon::prelude::*;
             let squares: Vec<u32> = (1..4u32).into_par_iter().map(|x| x * x).collect();
             println!(\"{}\", rayon::current_num_threads as fn() -> usize as usize);
             println!(\"{} {}\", rayon::current_num_threads(), serde_json::to_string(&squares).unwrap());",
        ],
    );
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[0], lines[1], "a function of rayon has one address");
    assert_eq!(lines[2], "3 [1,4,9]", "the pool that the first cell made is the second's");
}

#[tokio::test]
async fn an_incomplete_prelude_is_not_loaded() {
    let bench = bench().await;
    let loaded = Prelude::load(&bench.store, "prelude").expect("it is whole");
    assert_eq!(loaded.dylib, bench.prelude.dylib);

    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let copy = Store::within(elsewhere.path(), "copy".into());
    let place = copy.bundle("prelude");
    fs::create_dir_all(place.join("lib")).expect("it can be written");
    fs::copy(bench.store.bundle("prelude").join("bundle.json"), place.join("bundle.json")).expect("it can be copied");
    let files: Vec<PathBuf> = fs::read_dir(bench.prelude.bundle.libraries())
        .expect("it is there")
        .map(|file| file.expect("readable").path())
        .collect();
    let (last, others) = files.split_last().expect("there are libraries");
    let link = |file: &Path| {
        fs::copy(file, place.join("lib").join(file.file_name().expect("a file"))).map(drop).expect("it can be copied")
    };
    others.iter().for_each(|file| link(file));
    assert!(Prelude::load(&copy, "prelude").is_none(), "{} is missing", last.display());
    link(last);
    assert!(Prelude::load(&copy, "prelude").is_some());
}

#[tokio::test]
async fn added_crates_exist_once_and_share_the_preludes() {
    let bench = bench().await;
    let crate_a = package(
        "counted",
        "rayon = \"1\"",
        "use std::sync::atomic::*;
         static COUNT: AtomicUsize = AtomicUsize::new(0);
         pub fn count() -> usize { COUNT.fetch_add(1, Ordering::Relaxed) + 1 }
         #[inline(always)] pub fn place() -> usize { &raw const COUNT as usize }
         pub fn rayon() -> usize { rayon::current_num_threads as fn() -> usize as usize }",
    );
    let mut dependencies = Dependencies::new(crate_a.path());
    let added = bench.add(&mut dependencies, "counted = { path = \".\" }").await;
    assert!(
        matches!(&added, Added::New { crates, libraries } if crates[0].to_string() == "counted 0.1.0" && libraries.len() == 1),
        "{added:?}"
    );

    // A later crate needs the first one: it must be the one that is loaded.
    let crate_b = package(
        "later",
        &format!("counted = {{ path = {:?} }}", crate_a.path()),
        "pub fn count() -> usize { counted::count() }",
    );
    let added = bench.add(&mut dependencies, &format!("later {}", at(&crate_b))).await;
    assert!(matches!(&added, Added::New { libraries, .. } if libraries.len() == 1), "{added:?}");
    let cell = "println!(\"{} {} {}\", counted::count(), later::count(), counted::place());
        assert_eq!(counted::rayon(), rayon::current_num_threads as fn() -> usize as usize);";
    let shown = bench.run_cells(&bench.prelude, &dependencies, &[cell, cell]);
    let words: Vec<&str> = shown.split_whitespace().collect();
    assert_eq!([words[0], words[1], words[3], words[4]], ["1", "2", "3", "4"], "{shown}");
    assert_eq!(words[2], words[5], "a static of the crate has one address");

    // Asked for again, unchanged and changed.
    let again = bench.add(&mut dependencies, "counted = { path = \".\" }").await;
    assert!(matches!(&again, Added::New { libraries, .. } if libraries.is_empty()), "{again:?}");
    fs::write(crate_a.path().join("src/lib.rs"), "pub fn count() -> usize { 7 }").expect("it can be written");
    let changed = bench.add(&mut dependencies, "counted = { path = \".\" }").await;
    let Added::NeedsFreshWorker { prelude, dependencies, because } = changed else { panic!("{changed:?}") };
    assert!(because.contains("has changed"), "{because}");
    assert_eq!(bench.run_cells(&prelude, &dependencies, &["println!(\"{}\", later::count());"]), "7\n");
}

#[tokio::test]
async fn a_crate_of_the_registry_is_built_once() {
    let bench = bench().await;
    let mut dependencies = Dependencies::new("/");
    let steps = AtomicUsize::new(0);
    let specs = || {
        ["tracing@0.1", "versions = { version = \"1\", package = \"semver\" }"]
            .map(|spec| DependencySpec::parse(spec).expect("right"))
            .to_vec()
    };
    let count = |_: &str| {
        steps.fetch_add(1, Ordering::Relaxed);
    };
    let added = dependencies
        .add_all(specs(), &bench.toolchain, &bench.prelude, count)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(matches!(&added, Added::New { crates, .. } if crates.len() == 2), "{added:?}");
    assert!(steps.load(Ordering::Relaxed) > 0);
    // `tracing` has a procedural macro.
    let cell = "#[tracing::instrument] fn bad(version: versions::Version) -> String { format!(\"bad {version}\") }
        println!(\"{}\", bad(versions::Version::new(1, 2, 3)));";
    assert_eq!(bench.run_cells(&bench.prelude, &dependencies, &[cell]), "bad 1.2.3\n");

    // A later kernel: cargo is not needed any more.
    let mut later = Dependencies::new("/");
    let toolchain = Toolchain { cargo: "/nonexistent/cargo".into(), ..bench.toolchain.clone() };
    let added = later
        .add_all(specs(), &toolchain, &bench.prelude, |line| panic!("{line}"))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(matches!(&added, Added::New { crates, .. } if crates.len() == 2), "{added:?}");
    assert_eq!(later.libraries(), dependencies.libraries());
    let again =
        later.add_all(specs(), &toolchain, &bench.prelude, |_| ()).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(matches!(again, Added::AlreadyHere(_)), "{again:?}");
}

#[tokio::test]
async fn what_the_prelude_has_is_not_built_again() {
    let bench = bench().await;
    let mut dependencies = Dependencies::new("/");
    for spec in ["rayon = \"1\"", "serde@1 --features derive", "libc"] {
        let added = bench.add(&mut dependencies, spec).await;
        assert!(matches!(&added, Added::AlreadyHere(crates) if crates.len() == 1), "{spec}: {added:?}");
    }
    assert!(dependencies.libraries().is_empty());
    assert_eq!(bench.run_cells(&bench.prelude, &dependencies, &["assert!(unsafe { libc::getpid() } > 1);"]), "");
}

#[tokio::test]
async fn another_feature_of_a_prelude_crate_needs_another_prelude() {
    let bench = bench().await;
    let mut dependencies = Dependencies::new("/");
    let added = bench.add(&mut dependencies, "serde_json = { version = \"1\", features = [\"preserve_order\"] }").await;
    let Added::NeedsFreshWorker { prelude, dependencies: other, because } = added else { panic!("{added:?}") };
    assert!(because.contains("serde_json") && because.contains("preserve_order"), "{because}");
    assert!(dependencies.specs().is_empty());
    assert_ne!(prelude.dylib, bench.prelude.dylib);
    let cell = "println!(\"{}\", serde_json::json!({ \"z\": 1, \"a\": 2 }));";
    assert_eq!(bench.run_cells(&bench.prelude, &dependencies, &[cell]), "{\"a\":2,\"z\":1}\n");
    assert_eq!(bench.run_cells(&prelude, &other, &[cell]), "{\"z\":1,\"a\":2}\n");
}

#[tokio::test]
async fn what_cannot_be_added_is_said_in_one_line() {
    let bench = bench().await;
    let (kind, text) = bench.fail("threadbook-has-no-such-crate = \"1\"").await;
    // Without the network nobody can know that there is none.
    assert!(matches!(kind, FailureKind::NoSuchCrate | FailureKind::NoNetwork), "{text}");
    assert!(text.lines().next().is_some_and(|line| line.contains("crate") && line.ends_with('.')), "{text}");

    let (kind, text) = bench.fail("x --path /nonexistent/x").await;
    assert_eq!(kind, FailureKind::NoSuchPath, "{text}");

    let broken = package("broken", "", "pub fn f() -> u32 { \"\" }");
    let (kind, text) = bench.fail(&format!("broken {}", at(&broken))).await;
    assert_eq!(kind, FailureKind::DoesNotCompile, "{text}");
    assert!(text.starts_with("The crate `broken` does not compile.") && text.contains("E0308"), "{text}");

    let featureless = package("featureless", "", "");
    let (kind, text) = bench.fail(&format!("featureless --features nope {}", at(&featureless))).await;
    assert_eq!(kind, FailureKind::NoSuchFeature, "{text}");

    let program = package("program", "", "");
    fs::rename(program.path().join("src/lib.rs"), program.path().join("src/main.rs")).expect("it can be renamed");
    fs::write(program.path().join("src/main.rs"), "fn main() {}").expect("it can be written");
    let mut dependencies = Dependencies::new("/");
    let spec = DependencySpec::parse(&format!("program {}", at(&program))).expect("right");
    let error = dependencies.add(spec, &bench.toolchain, &bench.prelude, |_| ()).await.expect_err("not a library");
    assert!(error.to_string().contains("is a program"), "{error}");
}

#[tokio::test]
async fn a_build_that_is_given_up_leaves_no_lock() {
    let bench = bench().await;
    let slow = package("slow", "", "");
    fs::write(slow.path().join("build.rs"), "fn main() { std::thread::sleep(std::time::Duration::from_secs(3600)) }")
        .expect("written");
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let mut dependencies = Dependencies::new("/");
    let spec = DependencySpec::parse(&format!("slow {}", at(&slow))).expect("right");
    let adding =
        dependencies.add(spec, &bench.toolchain, &bench.prelude, move |line| drop(sender.send(line.to_owned())));
    // The session runs cells on any thread of its runtime.
    fn sendable<T: Send>(future: T) -> T {
        future
    }
    let adding = sendable(adding);
    let begun = async {
        while let Some(line) = receiver.recv().await {
            if line.contains("slow") {
                break;
            }
        }
    };
    tokio::select! {
        added = adding => panic!("{added:?}"),
        () = begun => {}
    }
    let quick = package("quick", "", "pub fn two() -> u32 { 2 }");
    let added = bench.add(&mut dependencies, &format!("quick {}", at(&quick))).await;
    assert!(matches!(added, Added::New { .. }), "{added:?}");
    assert_eq!(dependencies.specs().len(), 1);
}
