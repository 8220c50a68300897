//! The state of a running notebook, and the way of a cell through it: magics,
//! compiler, worker, what is remembered afterwards.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use threadbook::message::{Ending, PanicReport, Place};
use tokio::sync::{mpsc, watch};

use super::ahead::{self, Ahead, Turn, Waiting};
use super::directory;
use super::loss::{self, FallBack};
use super::magics::{self, Cell, History};
use super::notices::{show_notice, show_text, show_warnings};
use super::report::{self, Sources};
use super::safety::Safety;
use super::spent::Spent;
use super::stopping::{self, Stopped};
use super::surroundings::Surroundings;
use crate::cell::parsed::Parsed;
use crate::cell::source::CellSource;
use crate::definitions::{Definitions, Gone};
use crate::engine::Engine;
use crate::engine::effects::Effects;
#[cfg(feature = "evcxr")]
use crate::engine::evcxr::Evcxr;
use crate::engine::native::cache::{Cache, Disk};
use crate::engine::native::compile::{Environment, USUAL_LEVEL};
use crate::engine::native::lines;
use crate::engine::native::measure::Measure;
use crate::engine::native::resolve::{Needs, Refused, Resolved, Resolver};
use crate::engine::native::setup::Setup;
use crate::engine::native::style::Style;
use crate::output::{CellError, MimeBundle, Output};
use crate::worker::process::{CompiledCell, RunEnd, Worker};
use crate::worker::router::{Death, RunOutput};

/// Everything that cells have made so far.
pub struct Notebook {
    pub definitions: Definitions,
    pub setup: Setup,
    pub safety: Safety,
    /// `%backtrace on`: panics show every call, and cells are compiled for that. (The
    /// person's own RUST_BACKTRACE must not make all cells slow; it shows what is left
    /// of the calls in optimised code.)
    backtrace: bool,
    /// How far cells are optimised.
    pub opt_level: u8,
    pub style: Style,
    /// `%timing`: each cell says how long it took.
    pub timing: bool,
    /// What the running cell has taken so far.
    spent: Spent,
    /// The cells of this session.
    pub history: History,
    /// The codes of the last compile error, in order.
    pub last_error: Option<Vec<String>>,
    /// A cell has named it, or a crate was added that could use it.
    pub(super) uses_rayon: bool,
    pub(super) worker: Option<Worker>,
    /// Shared with the worker's reader, which tells panics of threads.
    sources: Arc<Mutex<Sources>>,
    /// Compiled cells lie here while the kernel lives.
    directory: Arc<tempfile::TempDir>,
    cache: Arc<Cache>,
    /// What cells needed that have run, by their code.
    ran_before: BTreeMap<String, Needs>,
    parsed: Arc<Parsed>,
    pub(super) runs: u64,
    pub surroundings: Surroundings,
    /// Nothing is run: see [`ahead`](super::ahead).
    is_imagined: bool,
    waiting: Arc<Waiting>,
    /// The cell that runs, and what was defined before it.
    running: Option<(Arc<CellSource>, Definitions)>,
    ahead: Option<Ahead>,
    ahead_thread: Option<ahead::Thread>,
    /// Compiles the cells in place of the native engine.
    #[cfg(feature = "evcxr")]
    pub(super) evcxr: Option<Evcxr>,
}

/// What Rust programs look at for the same purpose.
const BACKTRACE: &str = "RUST_BACKTRACE";

/// How long lines for the calls of a crash are looked for, and for those of a stopped cell,
/// whose person waits.
pub(super) const AFTER_CRASH: Duration = Duration::from_secs(5);
pub(super) const AFTER_STOP: Duration = Duration::from_millis(400);

/// Where the value of the last expression goes.
pub type ResultSender = Option<mpsc::UnboundedSender<MimeBundle>>;

/// Changes when the cell is to be stopped.
pub type Stop = watch::Receiver<u64>;

impl Notebook {
    /// An empty notebook with a worker that is ready for cells.
    ///
    /// # Errors
    /// Says what to do when the worker does not start or no file can be written.
    pub async fn start(setup: Setup, waiting: Arc<Waiting>) -> Result<Notebook, String> {
        let directory = Arc::new(directory::make()?);
        let cache = Arc::new(Cache::new(Disk::open()));
        let mut notebook = Notebook::empty(setup, directory, cache, waiting);
        notebook.worker().await.map_err(|error| error.value)?;
        Ok(notebook)
    }

    fn empty(setup: Setup, directory: Arc<tempfile::TempDir>, cache: Arc<Cache>, waiting: Arc<Waiting>) -> Notebook {
        Notebook {
            definitions: Definitions::default(),
            setup,
            safety: Safety::default(),
            backtrace: false,
            opt_level: USUAL_LEVEL,
            style: Style::default(),
            timing: false,
            spent: Spent::default(),
            history: History::default(),
            last_error: None,
            uses_rayon: false,
            worker: None,
            sources: Arc::default(),
            directory,
            cache,
            ran_before: BTreeMap::new(),
            parsed: Arc::default(),
            runs: 0,
            surroundings: Surroundings::default(),
            is_imagined: false,
            waiting,
            running: None,
            ahead: None,
            ahead_thread: None,
            #[cfg(feature = "evcxr")]
            evcxr: None,
        }
    }

    /// What compiles its cells.
    pub fn engine(&self) -> Engine {
        #[cfg(feature = "evcxr")]
        if self.evcxr.is_some() {
            return Engine::Evcxr;
        }
        Engine::Native
    }

    /// An empty notebook whose cells evcxr compiles.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    #[cfg(feature = "evcxr")]
    pub async fn start_with_evcxr(setup: Setup, waiting: Arc<Waiting>, evcxr: Evcxr) -> Result<Notebook, String> {
        let directory = Arc::new(directory::make()?);
        let cache = Arc::new(Cache::new(Disk::open()));
        let mut notebook = Notebook::empty(setup, directory, cache, waiting);
        notebook.evcxr = Some(evcxr);
        notebook.safety.on = notebook.engine().capabilities().checkpoints;
        notebook.format_errors_by_evcxr().await.map_err(|error| error.value)?;
        notebook.worker().await.map_err(|error| error.value)?;
        Ok(notebook)
    }

    /// What a process for cells loads before any cell.
    fn libraries(&mut self) -> Vec<PathBuf> {
        #[cfg(feature = "evcxr")]
        if let Some(evcxr) = &mut self.evcxr {
            return vec![self.setup.toolchain.std_library.clone(), evcxr.prelude()];
        }
        self.setup.libraries()
    }

    /// The same notebook as it was before the running cell, for cells that are compiled and not run.
    fn imagined(&self, definitions: Definitions) -> Notebook {
        Notebook {
            definitions,
            safety: Safety::of_loaded(self.safety.loaded_symbols()),
            backtrace: self.backtrace,
            opt_level: self.opt_level,
            style: self.style,
            ran_before: self.ran_before.clone(),
            parsed: self.parsed.clone(),
            is_imagined: true,
            ..Notebook::empty(self.setup.clone(), self.directory.clone(), self.cache.clone(), self.waiting.clone())
        }
    }

    /// Whether cells are compiled and not run.
    pub fn is_imagined(&self) -> bool {
        self.is_imagined
    }

    /// A cell begins, which was announced for this turn. What was imagined of it must be right for what
    /// comes.
    pub fn look_at_ahead(&mut self, turn: Option<Turn>) {
        if self.ahead.as_ref().is_some_and(|ahead| !ahead.is_right(turn, &self.definitions)) {
            self.ahead = None;
        }
    }

    /// What comes next is another thing.
    pub fn forget_ahead(&mut self) {
        self.ahead = None;
    }

    /// The running cell is compiled: now those that wait are.
    fn compile_ahead(&mut self) {
        if self.ahead.is_some() || self.waiting.is_empty() {
            return;
        }
        let Some((source, definitions)) = self.running.clone() else { return };
        if self.ahead_thread.is_none() {
            self.ahead_thread = ahead::Thread::start();
        }
        let imagined = self.imagined(definitions);
        let begin = |thread| Ahead::begin(thread, imagined, source, self.waiting.clone());
        self.ahead = self.ahead_thread.as_ref().map(begin);
    }

    /// The worker, started anew when the last one is gone.
    pub(super) async fn worker(&mut self) -> Result<&Worker, CellError> {
        if self.worker.as_ref().is_none_or(Worker::is_dead) {
            let sources = self.sources.clone();
            let panic_text = move |panic: &PanicReport| {
                report::panic_line(panic, &sources.lock().unwrap_or_else(PoisonError::into_inner))
            };
            let started = Worker::start(&self.libraries(), Arc::new(panic_text)).await;
            let worker = started.map_err(|error| report::plain("WorkerError", &error.to_string()))?;
            if self.backtrace {
                worker.set_environment(BACKTRACE.to_owned(), Some("1".to_owned())).await;
            }
            self.surroundings.give_to(&worker).await;
            self.worker = Some(worker);
        }
        self.worker
            .as_ref()
            .ok_or_else(|| report::plain("WorkerError", "there is no process for cells: restart the kernel"))
    }

    /// Ends the worker process, and all values with it.
    pub fn stop_worker(&mut self) -> Vec<String> {
        self.worker = None;
        self.safety.process_lost();
        #[cfg(feature = "evcxr")]
        if let Some(evcxr) = &mut self.evcxr {
            evcxr.values_lost = true;
        }
        self.definitions.lose_values()
    }

    /// Lets a process that is being replaced use another setup.
    pub async fn replace_setup(&mut self, setup: Setup) -> Result<(), CellError> {
        self.stop_worker();
        self.setup = setup;
        self.worker().await.map(drop)
    }

    /// Forgets all variables and items. Cells go on in a fresh process, with another setup.
    ///
    /// # Errors
    /// When that process does not start.
    pub async fn begin_again(&mut self, setup: Setup) -> Result<(), CellError> {
        self.definitions = Definitions::default();
        self.uses_rayon = false;
        #[cfg(feature = "evcxr")]
        self.clear_evcxr().await?;
        self.replace_setup(setup).await
    }

    /// Where the compiled cells lie.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub async fn load_libraries(&mut self, libraries: &[PathBuf]) -> Result<(), CellError> {
        self.worker().await?.load(libraries).await;
        Ok(())
    }

    /// Whether `%backtrace on` holds.
    pub fn has_backtrace(&self) -> bool {
        self.backtrace
    }

    /// Switches backtraces on or off for the cells to come.
    pub async fn set_backtrace(&mut self, on: bool) -> Result<(), CellError> {
        self.backtrace = on;
        let value = if on { "1" } else { "0" };
        self.set_variable(BACKTRACE, Some(value.to_owned())).await
    }

    /// Sets a variable of the environment of the process for cells.
    pub async fn set_variable(&mut self, name: &str, value: Option<String>) -> Result<(), CellError> {
        if !self.is_imagined {
            self.worker().await?.set_environment(name.to_owned(), value).await;
        }
        Ok(())
    }

    /// Runs a whole cell.
    ///
    /// # Errors
    /// What the front end is to show as the cell's error.
    pub async fn run(&mut self, cell: &mut Cell) -> Result<(), CellError> {
        // Each text that was parsed on this thread is kept for its spans, of which none is
        // left from one cell to the next.
        proc_macro2::extra::invalidate_current_thread_spans();
        if self.is_imagined {
            let whole = 0..cell.source.text.len();
            return magics::run(self, cell, whole).await;
        }
        self.running = Some((cell.source.clone(), self.definitions.clone()));
        self.notice_death(&cell.output).await?;
        let whole = 0..cell.source.text.len();
        self.spent = Spent::default();
        let ended = magics::run(self, cell, whole).await;
        if self.timing {
            show_text(self.spent.shown(), &cell.output).await;
        }
        ended
    }

    /// A worker can end between cells: a thread that goes on aborts, someone kills it.
    pub(super) async fn notice_death(&mut self, output: &Output) -> Result<(), CellError> {
        if self.worker.as_ref().is_some_and(Worker::is_dead) {
            let fallen = self.fall_back(self.runs, None, false).await?;
            show_notice(&loss::death_between_cells(&fallen), output).await;
            self.checkpoint(output).await;
        }
        Ok(())
    }

    pub(super) fn lock_sources(&self) -> MutexGuard<'_, Sources> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Compiles the bytes `code` of a text, and changes nothing.
    ///
    /// # Errors
    /// When there is no process for cells, or the compiler was stopped.
    async fn compile(
        &mut self,
        source: &Arc<CellSource>,
        code: Range<usize>,
        measure: &Measure,
        stop: &mut Stop,
    ) -> Result<Result<Resolved, Refused>, CellError> {
        self.runs += 1;
        let environment = self.environment();
        if !self.is_imagined {
            self.worker().await?;
        }
        let resolver = self.resolver(&environment);
        let began = Instant::now();
        let resolved = tokio::select! {
            resolved = resolver.resolve(source, code, measure) => Ok(resolved),
            _ = stop.changed() => Err(report::interrupted_compile()),
        };
        self.spent.compiling += began.elapsed();
        resolved
    }

    /// What the compiler says against the bytes `code` of a text, if anything. Nothing is run.
    ///
    /// # Errors
    /// When there is no process for cells, or the compiler was stopped.
    pub async fn check(
        &mut self,
        source: &Arc<CellSource>,
        code: Range<usize>,
        stop: &mut Stop,
    ) -> Result<Option<Refused>, CellError> {
        #[cfg(feature = "evcxr")]
        if self.evcxr.is_some() {
            return self.check_by_evcxr(source, code, stop).await;
        }
        Ok(self.compile(source, code, &Measure::No, stop).await?.err())
    }

    /// The type of the last expression among the bytes `code` of a text, as the compiler
    /// prints it; `None` when it is never reached. Nothing is run.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn type_of(
        &mut self,
        source: &Arc<CellSource>,
        code: Range<usize>,
        stop: &mut Stop,
    ) -> Result<Option<String>, CellError> {
        if !self.engine().capabilities().types {
            let text = "this engine tells the types of variables only: `let x = …;`, then `:type x`";
            return Err(report::plain("EngineError", text));
        }
        self.runs += 1;
        let environment = self.environment();
        let resolver = self.resolver(&environment);
        let told = tokio::select! {
            told = resolver.type_of(source, code) => told,
            _ = stop.changed() => return Err(report::interrupted_compile()),
        };
        told.map_err(|refused| self.refused(refused))
    }

    /// What rustc says against the bytes `code` of a text that are no Rust.
    #[cfg(feature = "evcxr")]
    pub(super) async fn syntax_errors(&self, source: &Arc<CellSource>, code: Range<usize>) -> Refused {
        let environment = self.environment();
        self.resolver(&environment).syntax_errors(source, code).await
    }

    /// What compiles for the notebook as it is now.
    fn resolver<'a>(&'a self, environment: &'a Environment) -> Resolver<'a> {
        let directory = self.directory.path();
        // Temporary directories are tidied up by others, too.
        let _ = std::fs::create_dir_all(directory);
        let (definitions, cache, loaded) = (&self.definitions, &self.cache, self.safety.loaded_symbols());
        Resolver {
            environment,
            definitions,
            directory,
            cache,
            loaded,
            ran_before: &self.ran_before,
            parsed: &self.parsed,
            ahead: self.is_imagined,
        }
    }

    fn environment(&self) -> Environment {
        Environment {
            debug_lines: self.backtrace,
            opt_level: self.opt_level,
            style: self.style,
            ..self.setup.environment()
        }
    }

    /// Compiles and runs the bytes `code` of a text as a part of a cell.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_code(
        &mut self,
        source: &Arc<CellSource>,
        code: Range<usize>,
        outputs: RunOutput,
        cell: &mut Cell,
    ) -> Result<(), CellError> {
        #[cfg(feature = "evcxr")]
        if self.evcxr.is_some() {
            return self.run_by_evcxr(source, code, outputs, cell).await;
        }
        let resolved = self.compile(source, code.clone(), &cell.measure, &mut cell.stop).await?;
        let resolved = resolved.map_err(|refused| self.refused(refused))?;
        self.ran_before.insert(source.text[code].to_owned(), resolved.needs.clone());
        if self.is_imagined {
            self.imagine(&resolved.effects, source.number);
            return Ok(());
        }
        self.compile_ahead();
        let run = self.runs;
        show_warnings(&resolved, source, &outputs.output).await;

        // Values of types that the cell defines anew must not meet the new ones.
        let effects = &resolved.effects;
        let forgotten: Vec<String> = effects.changes.variables.keys().chain(effects.unusable.keys()).cloned().collect();
        for name in &forgotten {
            self.definitions.variables.remove(name);
        }
        for (name, type_name) in &effects.changes.variables {
            let gone = Gone::Retyped { cell: source.number, type_name: type_name.clone() };
            self.definitions.gone.insert(name.clone(), gone);
        }
        let stem = resolved.library.file_stem().unwrap_or_default().to_string_lossy();
        let file = format!("{}.rs", stem.trim_start_matches("lib"));
        self.lock_sources().insert(file, resolved.source.clone());

        // Not one that is started here: the cell is compiled for what this one holds.
        let Some(worker) = &self.worker else {
            return Err(report::plain("WorkerError", "there is no process for cells: restart the kernel"));
        };
        self.safety.forgotten(&forgotten);
        worker.forget(forgotten).await;
        let output = outputs.output.clone();
        let order = self.safety.order(&self.definitions);
        // What is kept may use it again: once, always.
        self.uses_rayon |=
            self.setup.tools().has_dependencies || ["rayon", "par_"].iter().any(|name| source.text.contains(name));
        let compiled = CompiledCell {
            library: &resolved.library,
            symbol: &resolved.entry,
            foreign: false,
            compile_time: resolved.compile_time,
        };
        let end = worker.run(run, compiled, self.uses_rayon, order, outputs);
        cell.begun.notify_one();
        if let Some(ahead) = &self.ahead {
            ahead.be_quiet(cell.measure != Measure::No);
        }
        let began = Instant::now();
        let stopped = stopping::wait(worker, run, end, &mut cell.stop, &output).await;
        if let Some(ahead) = &self.ahead {
            ahead.be_quiet(false);
        }
        self.spent.running += began.elapsed();
        let result = match stopped {
            Stopped::Ended(RunEnd::Ended { ending, variables }) => {
                self.ended(ending, variables, effects, source.number, &output).await
            }
            Stopped::Interrupted(RunEnd::Ended { ending, variables }) => {
                let place = match &ending {
                    Ending::Interrupted(place) => place.clone(),
                    _ => Place::default(),
                };
                let finished = ending == Ending::Finished;
                // However it ended, it was to be stopped.
                let _ = self.ended(ending, variables, effects, source.number, &output).await;
                let taken =
                    self.definitions.gone.iter().filter(|(_, gone)| **gone == Gone::Failed { cell: source.number });
                let taken: Vec<&str> = taken.map(|(name, _)| name.as_str()).collect();
                Err(loss::interrupted(&place, finished, &taken, &self.lock_sources()))
            }
            Stopped::Ended(RunEnd::Died(death)) | Stopped::Interrupted(RunEnd::Died(death)) => {
                let fallen = self.fall_back(run, Some(effects), true).await?;
                let calls = self.calls(&death, AFTER_CRASH).await;
                Err(loss::crash(&death, &calls, &fallen))
            }
            Stopped::Stuck => {
                let death = worker.abort(run).await;
                let fallen = self.fall_back(run, Some(effects), true).await?;
                let calls = self.calls(&death, AFTER_STOP).await;
                Err(loss::interrupted_process(&calls, &fallen))
            }
        };
        self.checkpoint(&output).await;
        result
    }

    #[cfg(feature = "evcxr")]
    pub(super) fn spent_compiling(&mut self, time: Duration) {
        self.spent.compiling += time;
    }

    #[cfg(feature = "evcxr")]
    pub(super) fn spent_running(&mut self, time: Duration) {
        self.spent.running += time;
    }

    /// The calls that a process has told at its end, in the notebook's lines.
    pub(super) async fn calls(&self, death: &Death, patience: Duration) -> Vec<String> {
        let Some(crash) = &death.crash else { return Vec::new() };
        let text = lines::describe(&self.environment(), self.directory.path(), &crash.calls, patience).await;
        report::call_lines(&text, &self.lock_sources())
    }

    /// Orders a checkpoint of the notebook between two cells.
    pub(super) async fn checkpoint(&mut self, output: &Output) {
        let Some(worker) = &self.worker else { return };
        let news = self.safety.news(worker.checkpoint_refused().filter(|_| self.safety.on));
        if let Some(order) = self.safety.order(&self.definitions) {
            worker.checkpoint(order).await;
        }
        if let Some(reason) = news {
            show_notice(&loss::no_checkpoint_news(&reason, self.safety.most_bytes), output).await;
        }
    }

    /// From now on nothing is there to fall back to.
    pub fn drop_checkpoint(&self) {
        if let Some(worker) = &self.worker {
            worker.withdraw_checkpoints(self.safety.last_order());
        }
    }

    /// The process is gone, or has to go: its checkpoint takes its place, or else a new
    /// one does. `effects` are those of the cell that ran, if it was one. `is_running`: something ran.
    pub(super) async fn fall_back(
        &mut self,
        run: u64,
        effects: Option<&Effects>,
        is_running: bool,
    ) -> Result<FallBack, CellError> {
        if let Some(effects) = effects {
            self.adopt(effects);
        }
        let Some(worker) = &mut self.worker else { return Ok(FallBack::Lost { lost: Vec::new(), reason: None }) };
        if let Some(id) = worker.fall_back(run).await {
            let is_latest = self.safety.is_latest(id, is_running);
            let restored = self.safety.restore(id, &mut self.definitions);
            worker.forget(restored.outdated).await;
            let thread_locals = self.definitions.items.iter().any(|stored| stored.item.has_thread_local());
            return Ok(FallBack::Restored { lost: restored.lost, is_latest, thread_locals });
        }
        let reason = match self.safety.on {
            true => worker.checkpoint_refused().map(|reason| loss::no_checkpoint(&reason, self.safety.most_bytes)),
            false if !self.engine().capabilities().checkpoints => Some(loss::engine_makes_none()),
            false => Some(loss::checkpoints_are_off()),
        };
        let lost = self.stop_worker();
        Ok(FallBack::Lost { lost, reason })
    }

    /// What is told of a cell that the compiler refused.
    pub fn refused(&mut self, refused: Refused) -> CellError {
        match refused {
            Refused::Rejected(rejection) => {
                let mut codes: Vec<String> = Vec::new();
                for code in rejection.errors.iter().filter_map(|error| error.code.as_ref()) {
                    if !codes.contains(&code.code) {
                        codes.push(code.code.clone());
                    }
                }
                self.last_error = Some(codes);
                report::compile_error(&rejection, &self.definitions)
            }
            Refused::Failed(error) => report::plain("CompileError", &error.to_string()),
        }
    }
}
