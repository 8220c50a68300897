//! How a cell is run by the engine evcxr: as by the native one, but the compiler is evcxr's,
//! and what it has compiled is run in the middle of its answer.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use threadbook::message::{Ending, Place};

use super::loss;
use super::magics::Cell;
use super::notebook::{AFTER_CRASH, AFTER_STOP, Notebook, Stop};
use super::notices::{show_notice, show_text};
use super::report;
use super::stopping::{self, Stopped};
use crate::cell::source::CellSource;
use crate::definitions::{Gone, Variable};
use crate::engine::effects::Effects;
use crate::engine::evcxr::{self, CRATE_FILE, Evcxr, EvcxrError, FromEvcxr, Outcome, Ran, ToEvcxr, text};
use crate::engine::native::dependency_spec::DependencySpec;
use crate::engine::native::diagnostics::CompilerOutput;
use crate::engine::native::measure::Measure;
use crate::engine::native::resolve::{Refused, Rejection};
use crate::output::{CellError, Output};
use crate::worker::process::{CompiledCell, RunEnd};
use crate::worker::router::{Death, RunOutput};

/// How evcxr answered, and what came of running it.
struct Answer {
    outcome: Outcome,
    variables: Vec<evcxr::Variable>,
    ran: Option<End>,
}

/// How the code of a cell ended.
enum End {
    Ended(Ending),
    Interrupted(Ending),
    Died(Death),
    /// It did not stop, and was ended.
    Stuck(Death),
    /// The compiler had to be waited for when the cell was to be stopped.
    NotRun,
}

impl End {
    fn told(&self) -> Ran {
        match self {
            End::Ended(Ending::Finished) | End::Interrupted(Ending::Finished) => Ran::Finished,
            End::Ended(Ending::NotLoaded(_)) | End::Interrupted(Ending::NotLoaded(_)) => Ran::Lost,
            End::Ended(Ending::Failed { .. } | Ending::Returned)
            | End::Interrupted(Ending::Failed { .. } | Ending::Returned)
            | End::NotRun => Ran::Failed,
            End::Ended(_) | End::Interrupted(_) => Ran::Panicked,
            End::Died(_) | End::Stuck(_) => Ran::Lost,
        }
    }
}

fn failed(error: EvcxrError) -> CellError {
    report::plain("EngineError", &error.to_string())
}

fn without_engine() -> CellError {
    failed(EvcxrError::Ended)
}

impl Notebook {
    /// Compiles and runs the bytes `code` of a text as a part of a cell.
    ///
    /// # Errors
    /// What the front end is to show as the cell's error.
    pub(super) async fn run_by_evcxr(
        &mut self,
        source: &Arc<CellSource>,
        code: Range<usize>,
        outputs: RunOutput,
        cell: &mut Cell,
    ) -> Result<(), CellError> {
        self.runs += 1;
        let output = outputs.output.clone();
        self.tell_evcxr_of_lost_values().await?;
        let added = self.evcxr.as_ref().is_some_and(|evcxr| !evcxr.added.is_empty());
        let written = text::write(source, code.clone(), &cell.measure, &self.definitions, &self.style, added);
        let Some(written) = written else {
            let refused = self.syntax_errors(source, code).await;
            return Err(self.refused(refused));
        };
        let changes = self.definitions.changes(&written.cell);
        self.drop_by_evcxr(changes.variables.keys(), &outputs, cell).await?;
        for (name, type_name) in &changes.variables {
            self.definitions.variables.remove(name);
            let gone = Gone::Retyped { cell: source.number, type_name: type_name.clone() };
            self.definitions.gone.insert(name.clone(), gone);
        }

        let given = written.text.clone();
        let Answer { outcome, variables, ran } = self.ask_evcxr(given, source, &code, &outputs, cell).await?;
        let outcome = match (outcome, ran) {
            (Outcome::Rejected { errors, source: crate_text }, _) => {
                let CompilerOutput { diagnostics, text } = evcxr::compiler_output(&errors);
                let source = text::locate(&crate_text, source, code, &self.definitions);
                let rejection = Rejection { errors: diagnostics, text, source, ..Rejection::default() };
                return Err(self.refused(Refused::Rejected(rejection)));
            }
            (_, Some(End::NotRun)) => return Err(report::interrupted_compile()),
            (_, Some(End::Died(death))) => {
                let fallen = self.fall_back(self.runs, None, true).await?;
                let calls = self.calls(&death, AFTER_CRASH).await;
                return Err(loss::crash(&death, &calls, &fallen));
            }
            (_, Some(End::Stuck(death))) => {
                let fallen = self.fall_back(self.runs, None, true).await?;
                let calls = self.calls(&death, AFTER_STOP).await;
                return Err(loss::interrupted_process(&calls, &fallen));
            }
            (_, Some(End::Ended(Ending::NotLoaded(text)))) => {
                self.stop_worker();
                let text = format!("The cell could not be run: {text}. All variables are lost.");
                return Err(report::plain("LoadError", &text));
            }
            (Outcome::Failed { text }, _) => return Err(report::plain("CompileError", text.trim_end())),
            (Outcome::Good, None) => Ok(Ending::Finished),
            (_, Some(End::Ended(ending))) => Ok(ending),
            (_, Some(End::Interrupted(ending))) => Err(ending),
        };
        let made = self.made(&written.cell, &variables, source.number);
        let effects = Effects::new(written.cell, changes, made);
        let present = variables.into_iter().map(|variable| variable.name).collect();
        match outcome {
            Ok(ending) => self.ended(ending, present, &effects, source.number, &output).await,
            Err(ending) => {
                let place = match &ending {
                    Ending::Interrupted(place) => place.clone(),
                    _ => Place::default(),
                };
                let finished = ending == Ending::Finished;
                let _ = self.ended(ending, present, &effects, source.number, &output).await;
                Err(loss::interrupted(&place, finished, &[], &self.lock_sources()))
            }
        }
    }

    /// What evcxr's variables are to the notebook: those that the cell has made, or that have
    /// another type now.
    fn made(
        &self,
        cell: &crate::cell::parse::Cell,
        told: &[evcxr::Variable],
        number: u32,
    ) -> BTreeMap<String, Variable> {
        let mut made = BTreeMap::new();
        for evcxr::Variable { name, type_name } in told {
            let binding = cell.bindings.iter().find(|binding| binding.name == *name);
            let known = self.definitions.variables.get(name);
            if binding.is_some() || known.is_none_or(|known| known.type_name != *type_name) {
                let mutable = binding.map_or(known.is_some_and(|known| known.mutable), |binding| binding.mutable);
                made.insert(name.clone(), Variable { type_name: type_name.clone(), mutable, cell: number });
            }
        }
        made
    }

    /// Sends code and runs what comes of it, until evcxr is done.
    async fn ask_evcxr(
        &mut self,
        code_text: String,
        source: &Arc<CellSource>,
        code: &Range<usize>,
        outputs: &RunOutput,
        cell: &mut Cell,
    ) -> Result<Answer, CellError> {
        self.worker().await?;
        let mut evcxr = self.evcxr.take().ok_or_else(without_engine)?;
        let answer = self.converse(&mut evcxr, code_text, source, code, outputs, cell).await;
        self.evcxr = Some(evcxr);
        answer
    }

    async fn converse(
        &mut self,
        evcxr: &mut Evcxr,
        code_text: String,
        source: &Arc<CellSource>,
        code: &Range<usize>,
        outputs: &RunOutput,
        cell: &mut Cell,
    ) -> Result<Answer, CellError> {
        let began = Instant::now();
        let mut ran = None;
        let before = *cell.stop.borrow();
        evcxr.send(&ToEvcxr::Execute { code: code_text }).await.map_err(failed)?;
        loop {
            match evcxr.next().await.map_err(failed)? {
                FromEvcxr::Run { library, symbol } => {
                    let compile_time = began.elapsed();
                    self.spent_compiling(compile_time);
                    let crate_text = evcxr.crate_text();
                    let located = text::locate(&crate_text, source, code.clone(), &self.definitions);
                    self.lock_sources().insert(CRATE_FILE.to_owned(), located);
                    let is_stopped = *cell.stop.borrow() != before;
                    let end = match is_stopped {
                        false => self.run_library(&library, &symbol, compile_time, outputs, cell).await?,
                        // It was to be stopped while evcxr compiled, which cannot be stopped.
                        true => End::NotRun,
                    };
                    evcxr.send(&ToEvcxr::Ran { ending: end.told() }).await.map_err(failed)?;
                    ran = Some(end);
                }
                FromEvcxr::Done { outcome, variables } => return Ok(Answer { outcome, variables, ran }),
                FromEvcxr::Ready { .. } => {}
            }
        }
    }

    async fn run_library(
        &mut self,
        library: &str,
        symbol: &str,
        compile_time: Duration,
        outputs: &RunOutput,
        cell: &mut Cell,
    ) -> Result<End, CellError> {
        let run = self.runs;
        let Some(worker) = &self.worker else {
            return Err(report::plain("WorkerError", "there is no process for cells: restart the kernel"));
        };
        let compiled = CompiledCell { library: library.as_ref(), symbol, foreign: true, compile_time };
        let end = worker.run(run, compiled, true, None, outputs.clone());
        cell.begun.notify_one();
        let began = Instant::now();
        let stopped = stopping::wait(worker, run, end, &mut cell.stop, &outputs.output).await;
        let end = match stopped {
            Stopped::Ended(RunEnd::Ended { ending, .. }) => End::Ended(ending),
            Stopped::Interrupted(RunEnd::Ended { ending, .. }) => End::Interrupted(ending),
            Stopped::Ended(RunEnd::Died(death)) | Stopped::Interrupted(RunEnd::Died(death)) => End::Died(death),
            Stopped::Stuck => End::Stuck(worker.abort(run).await),
        };
        self.spent_running(began.elapsed());
        Ok(end)
    }

    /// Drops the values of variables, while the code of their types is what it was.
    async fn drop_by_evcxr(
        &mut self,
        names: impl Iterator<Item = &String>,
        outputs: &RunOutput,
        cell: &mut Cell,
    ) -> Result<(), CellError> {
        let mut code: String = names.map(|name| format!("core::mem::drop({name});\n")).collect();
        if code.is_empty() {
            return Ok(());
        }
        code.insert_str(0, text::BEGUN);
        code.push_str(text::FINISHED);
        let source = CellSource::new(cell.source.number, code.clone());
        let whole = 0..code.len();
        match self.ask_evcxr(code, &source, &whole, outputs, cell).await?.ran {
            Some(End::Ended(Ending::Finished)) => Ok(()),
            // They would be values of another type with the same name.
            _ => {
                self.stop_worker();
                self.tell_evcxr_of_lost_values().await
            }
        }
    }

    /// evcxr takes its values for lost.
    async fn tell_evcxr_of_lost_values(&mut self) -> Result<(), CellError> {
        let Some(evcxr) = &mut self.evcxr else { return Err(without_engine()) };
        if evcxr.values_lost {
            evcxr.lose_values().await.map_err(failed)?;
        }
        Ok(())
    }

    /// What evcxr says against the bytes `code` of a text, if anything. Nothing is run.
    ///
    /// # Errors
    /// When evcxr is gone.
    pub(super) async fn check_by_evcxr(
        &mut self,
        source: &Arc<CellSource>,
        code: Range<usize>,
        stop: &mut Stop,
    ) -> Result<Option<Refused>, CellError> {
        self.tell_evcxr_of_lost_values().await?;
        let Some(evcxr) = &self.evcxr else { return Err(without_engine()) };
        let added = !evcxr.added.is_empty();
        let written = text::write(source, code.clone(), &Measure::No, &self.definitions, &self.style, added);
        let Some(written) = written else { return Ok(Some(self.syntax_errors(source, code).await)) };
        let Some(evcxr) = &mut self.evcxr else { return Err(without_engine()) };
        let before = *stop.borrow();
        let outcome = evcxr.check(written.text).await.map_err(failed)?;
        if *stop.borrow() != before {
            return Err(report::interrupted_compile());
        }
        match outcome {
            Outcome::Good => Ok(None),
            Outcome::Failed { text } => Err(report::plain("CompileError", text.trim_end())),
            Outcome::Rejected { errors, source: crate_text } => {
                let CompilerOutput { diagnostics, text } = evcxr::compiler_output(&errors);
                let source = text::locate(&crate_text, source, code, &self.definitions);
                let rejection = Rejection { errors: diagnostics, text, source, ..Rejection::default() };
                Ok(Some(Refused::Rejected(rejection)))
            }
        }
    }

    /// Adds crates, as lines of a `Cargo.toml`.
    ///
    /// # Errors
    /// When there is no such crate or it cannot be built.
    pub(super) async fn add_by_evcxr(&mut self, specs: &[DependencySpec], output: &Output) -> Result<(), CellError> {
        self.tell_evcxr_of_lost_values().await?;
        let Some(evcxr) = &mut self.evcxr else { return Err(without_engine()) };
        match evcxr.add(specs).await.map_err(failed)? {
            Outcome::Good => {}
            other => return Err(report::plain("DependencyError", other.words().trim_end())),
        }
        let is_new = evcxr.has_new_prelude();
        let specs: Vec<String> = specs.iter().map(ToString::to_string).collect();
        show_text(format!("added: {}", specs.join(", ")), output).await;
        if is_new {
            let lost = self.stop_worker();
            if !lost.is_empty() {
                let text = format!("a crate wants other features of the prelude's: {} are lost", lost.join(", "));
                show_notice(&text, output).await;
            }
        }
        Ok(())
    }

    /// Lets evcxr print errors as the notebook's style says.
    pub(super) async fn format_errors_by_evcxr(&mut self) -> Result<(), CellError> {
        let Some(evcxr) = &mut self.evcxr else { return Ok(()) };
        evcxr.format_errors(self.style.errors.as_str()).await.map_err(failed)
    }

    /// Forgets what evcxr knows of the notebook.
    pub(super) async fn clear_evcxr(&mut self) -> Result<(), CellError> {
        match &mut self.evcxr {
            Some(evcxr) => evcxr.clear().await.map_err(failed)?,
            None => return Ok(()),
        }
        self.format_errors_by_evcxr().await
    }
}
