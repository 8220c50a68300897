//! A change of controls: the closure that they belong to is called in the worker, as a cell is
//! run.

use std::collections::BTreeSet;

use serde_json::Value;
use threadbook::message::{Ending, Place};

use super::loss;
use super::notebook::{AFTER_CRASH, AFTER_STOP, Notebook, Stop};
use super::report;
use super::stopping::{self, Stopped};
use crate::output::{CellError, Output};
use crate::worker::process::{RunEnd, Worker};
use crate::worker::router::RunOutput;

/// The process that had the closure is not there any more.
pub fn gone() -> CellError {
    report::plain("ControlsError", "The closure of these controls is gone: run their cell again.")
}

impl Notebook {
    /// The controls whose closures are there.
    pub fn controls(&self) -> BTreeSet<u64> {
        self.worker.as_ref().map(Worker::controls).unwrap_or_default()
    }

    /// Drops closures.
    pub async fn drop_controls(&self, ids: Vec<u64>) {
        if let Some(worker) = &self.worker {
            worker.drop_controls(ids).await;
        }
    }

    /// Calls a closure with the values of its controls.
    ///
    /// # Errors
    /// As for a cell: a panic, an interrupt, a crash; and when the closure is gone.
    pub async fn call(
        &mut self,
        controls: u64,
        values: Vec<Value>,
        output: &Output,
        stop: &mut Stop,
    ) -> Result<(), CellError> {
        self.notice_death(output).await?;
        self.runs += 1;
        let run = self.runs;
        let order = self.safety.order(&self.definitions);
        let Some(worker) = &self.worker else { return Err(gone()) };
        let outputs = RunOutput { output: output.clone(), allow_stdin: false, result: None };
        let end = worker.call(run, controls, values, self.uses_rayon, order, outputs);
        let stopped = stopping::wait(worker, run, end, stop, output).await;
        let result = match stopped {
            Stopped::Ended(RunEnd::Ended { ending, .. }) => self.told(ending),
            Stopped::Interrupted(RunEnd::Ended { ending, .. }) => {
                let finished = ending == Ending::Finished;
                let place = match ending {
                    Ending::Interrupted(place) => place,
                    _ => Place::default(),
                };
                Err(loss::interrupted(&place, finished, &[], &self.lock_sources()))
            }
            Stopped::Ended(RunEnd::Died(death)) | Stopped::Interrupted(RunEnd::Died(death)) => {
                let fallen = self.fall_back(run, None, true).await?;
                let calls = self.calls(&death, AFTER_CRASH).await;
                Err(loss::crash(&death, &calls, &fallen))
            }
            Stopped::Stuck => {
                let death = worker.abort(run).await;
                let fallen = self.fall_back(run, None, true).await?;
                let calls = self.calls(&death, AFTER_STOP).await;
                Err(loss::interrupted_process(&calls, &fallen))
            }
        };
        self.checkpoint(output).await;
        result
    }

    fn told(&self, ending: Ending) -> Result<(), CellError> {
        let sources = self.lock_sources();
        match ending {
            Ending::Finished | Ending::Returned => Ok(()),
            Ending::Panicked(panic) => Err(report::panic_error(&panic, &sources)),
            Ending::Interrupted(place) => Err(loss::interrupted(&place, false, &[], &sources)),
            Ending::Failed { text, .. } | Ending::NotLoaded(text) => {
                Err(report::plain("ControlsError", &format!("The closure of these controls was not called: {text}")))
            }
        }
    }
}
