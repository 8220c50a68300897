//! What a notebook has defined so far, and how its cells run.
//!
//! [`Session`] is what a front end speaks to (the trait `Interpreter`). It prepares the
//! compiler and a worker in the background, then hands cells to the [`notebook`], which
//! takes each through [`magics`], the engine and the worker; [`outcome`] remembers in
//! [`definitions`] what it made. [`ahead`] compiles the next ones meanwhile. [`controls`] calls what controls belong to. [`stopping`] sees to interrupts, [`safety`] knows what a
//! checkpoint was made of, [`surroundings`] where cells find themselves. [`report`] and [`loss`] word errors for learners,
//! [`notices`] what the kernel itself has to say.

mod ahead;
mod controls;
mod directory;
#[cfg(feature = "evcxr")]
mod evcxr;
mod loss;
mod magics;
mod notebook;
mod notices;
mod outcome;
mod progress;
mod report;
mod safety;
mod spent;
mod stopping;
mod surroundings;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use self::ahead::Waiting;
use self::magics::Cell;
use self::notebook::{Notebook, ResultSender, Stop};
use crate::cell::magic;
use crate::cell::source::CellSource;
use crate::definitions::Definitions;
use crate::engine::Engine;
#[cfg(feature = "evcxr")]
use crate::engine::evcxr::Evcxr;
use crate::engine::native::setup::Setup;
use crate::interpreter::{CellRequest, Completeness, Completions, Expressions, Interpreter, Outcome};
use crate::language::{self, scope};
use crate::output::{CellError, Event, MimeBundle, Output};

type Prepared = Result<Notebook, String>;

/// A Rust session: one notebook and the processes behind it.
pub struct Session {
    state: tokio::sync::Mutex<State>,
    /// What completion and inspection see: as of the last cell that ended.
    scope: Mutex<scope::Scope>,
    stop: watch::Sender<u64>,
    waiting: Arc<Waiting>,
    language_version: Arc<OnceLock<String>>,
    engine: Engine,
}

enum State {
    /// The compiler is looked for, the prelude is built if need be.
    Preparing {
        work: JoinHandle<Prepared>,
        lines: watch::Receiver<String>,
    },
    Ready(Box<Notebook>),
    /// Shut down, or the preparation failed: the next cell begins it again.
    Idle,
}

impl Session {
    /// Starts to prepare a session in the background, with an engine that is there. The
    /// compiler's version is told through `language_version` as soon as it is known.
    pub fn start(engine: Engine, language_version: Arc<OnceLock<String>>) -> Session {
        let waiting = Arc::<Waiting>::default();
        Session {
            state: tokio::sync::Mutex::new(prepare(engine, language_version.clone(), waiting.clone())),
            scope: Mutex::default(),
            stop: watch::Sender::new(0),
            waiting,
            language_version,
            engine,
        }
    }

    fn lock_scope(&self) -> MutexGuard<'_, scope::Scope> {
        self.scope.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a cell. The value of its last expression goes to `result`, if given.
    async fn run(&self, state: &mut State, request: &CellRequest, output: &Output, result: ResultSender) -> Outcome {
        let mut stop = self.stop.subscribe();
        let notebook = match self.ready(state, output, &mut stop).await {
            Ok(notebook) => notebook,
            Err(error) => return Outcome { error: Some(error), ..Outcome::default() },
        };
        let source = CellSource::new(request.number, request.code.clone());
        let mut cell = Cell::new(source, output.clone(), result, request.allow_stdin, stop);
        if !request.silent {
            notebook.history.remember(&cell.source);
        }
        let ended = notebook.run(&mut cell).await;
        self.look_around(notebook);
        Outcome { error: ended.err(), page: cell.page, next_input: cell.next_input, quit: cell.quit }
    }

    /// What completion and inspection see is as of now.
    fn look_around(&self, notebook: &Notebook) {
        let scope = scope_of(&notebook.definitions, notebook.setup.tools().crates.clone());
        *self.lock_scope() = scope::Scope { directory: notebook.working_directory(), ..scope };
    }

    /// Waits until the session is prepared, showing how it gets on.
    async fn ready<'a>(
        &self,
        state: &'a mut State,
        output: &Output,
        stop: &mut Stop,
    ) -> Result<&'a mut Notebook, CellError> {
        if let State::Idle = state {
            *state = prepare(self.engine, self.language_version.clone(), self.waiting.clone());
        }
        if let State::Preparing { work, lines } = state {
            let lines = lines.clone();
            let prepared = tokio::select! {
                prepared = progress::show_while(work, lines, output) => prepared,
                _ = stop.changed() => return Err(report::plain("KeyboardInterrupt", "the session is still being prepared, and goes on with it")),
            };
            match prepared.unwrap_or_else(|error| Err(format!("the preparation failed: {error}"))) {
                Ok(notebook) => *state = State::Ready(Box::new(notebook)),
                Err(text) => {
                    *state = State::Idle;
                    return Err(report::plain("SetupError", &text));
                }
            }
        }
        match state {
            State::Ready(notebook) => Ok(notebook),
            _ => Err(report::plain("SetupError", "the session is not ready: restart the kernel")),
        }
    }
}

fn prepare(engine: Engine, language_version: Arc<OnceLock<String>>, waiting: Arc<Waiting>) -> State {
    let (say, lines) = watch::channel(String::new());
    let work = tokio::spawn(async move {
        let progress = |line: &str| drop(say.send(line.to_owned()));
        let setup = Setup::find(progress).await.map_err(|error| error.to_string())?;
        // It stays what the first preparation found.
        let _ = language_version.set(setup.toolchain.release.to_string());
        match engine {
            Engine::Native => Notebook::start(setup, waiting).await,
            #[cfg(feature = "evcxr")]
            Engine::Evcxr => {
                let evcxr = Evcxr::start(&setup.toolchain, progress).await.map_err(|error| error.to_string())?;
                Notebook::start_with_evcxr(setup, waiting, evcxr).await
            }
            #[cfg(not(feature = "evcxr"))]
            Engine::Evcxr => Err(crate::engine::NOT_THERE.to_owned()),
        }
    });
    State::Preparing { work, lines }
}

/// What completion and inspection see of a notebook.
pub fn scope_of(definitions: &Definitions, crates: Vec<String>) -> scope::Scope {
    scope::Scope {
        variables: definitions
            .variables
            .iter()
            .map(|(name, variable)| scope::Variable {
                name: name.clone(),
                type_name: variable.type_name.clone(),
                mutable: variable.mutable,
                cell: variable.cell,
            })
            .collect(),
        items: definitions
            .items
            .iter()
            .map(|stored| scope::Item {
                name: stored.item.names.first().cloned().unwrap_or_default(),
                kind: stored.item.kind.keyword(),
                source: stored.item.text(),
                cell: stored.item.source.number,
            })
            .collect(),
        crates,
        directory: PathBuf::new(),
    }
}

impl Interpreter for Session {
    async fn execute(&self, request: CellRequest, output: Output) -> Outcome {
        let mut state = self.state.lock().await;
        let turn = self.waiting.begin(&request.code);
        if let State::Ready(notebook) = &mut *state {
            notebook.look_at_ahead(turn);
        }
        // What a silent cell evaluates to is shown nowhere.
        let result = request.silent.then(|| mpsc::unbounded_channel().0);
        let outcome = self.run(&mut state, &request, &output, result).await;
        if outcome.error.is_some()
            && let State::Ready(notebook) = &mut *state
        {
            notebook.forget_ahead();
        }
        if let Some(error) = &outcome.error {
            output.send(Event::Error(error.clone())).await;
        }
        outcome
    }

    fn announce(&self, code: &str) {
        self.waiting.announce(code);
    }

    fn withdraw(&self) {
        self.waiting.withdraw();
    }

    async fn call(&self, controls: u64, values: Vec<Value>, output: Output) -> Result<(), CellError> {
        let mut state = self.state.lock().await;
        let State::Ready(notebook) = &mut *state else { return Err(controls::gone()) };
        let ended = notebook.call(controls, values, &output, &mut self.stop.subscribe()).await;
        if ended.is_err() {
            // The process may not be the one that was compiled for.
            notebook.forget_ahead();
            self.look_around(notebook);
        }
        ended
    }

    async fn controls(&self) -> BTreeSet<u64> {
        match &*self.state.lock().await {
            State::Ready(notebook) => notebook.controls(),
            _ => BTreeSet::new(),
        }
    }

    async fn drop_controls(&self, ids: Vec<u64>) {
        if let State::Ready(notebook) = &*self.state.lock().await {
            notebook.drop_controls(ids).await;
        }
    }

    async fn evaluate(&self, expressions: BTreeMap<String, String>) -> Expressions {
        let mut state = self.state.lock().await;
        let mut values = Expressions::new();
        for (name, code) in expressions {
            let (output, mut events) = Output::channel();
            // Only the value counts; what the expression prints goes nowhere.
            let discard = tokio::spawn(async move {
                while let Some(event) = events.recv().await {
                    if let Event::Flush { done } = event {
                        let _ = done.send(());
                    }
                }
            });
            let (sender, mut result) = mpsc::unbounded_channel();
            let request = CellRequest { code, number: 0, silent: true, allow_stdin: false };
            let value = match self.run(&mut state, &request, &output, Some(sender)).await.error {
                Some(error) => Err(error),
                None => Ok(result.try_recv().unwrap_or_default()),
            };
            values.insert(name, value);
            drop(output);
            discard.abort();
        }
        values
    }

    fn is_complete(&self, code: &str) -> Completeness {
        language::completeness(code)
    }

    fn complete(&self, code: &str, cursor: usize) -> Completions {
        language::complete(&self.lock_scope(), magic::table::as_typed(), code, cursor)
    }

    fn inspect(&self, code: &str, cursor: usize, detail: u8) -> Option<MimeBundle> {
        language::inspect(&self.lock_scope(), magic::table::as_typed(), code, cursor, detail)
    }

    async fn interrupt(&self) {
        self.stop.send_modify(|count| *count += 1);
    }

    async fn shutdown(&self) {
        self.stop.send_modify(|count| *count += 1);
        let mut state = self.state.lock().await;
        if let State::Preparing { work, .. } = &*state {
            work.abort();
        }
        *state = State::Idle;
    }
}
