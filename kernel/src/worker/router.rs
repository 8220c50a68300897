//! Where each run's outputs go, and who waits for its end.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use threadbook::message::CrashReport;
use tokio::sync::{mpsc, oneshot};

use super::output_limit::RunText;
use super::process::RunEnd;
use crate::output::{MimeBundle, Output};

/// What a thread shows can still go under its own cell for that many cells; later it
/// goes under the latest.
const KEPT_OUTPUTS: usize = 64;

/// Where a run's outputs go.
#[derive(Clone)]
pub struct RunOutput {
    pub output: Output,
    pub allow_stdin: bool,
    /// Takes the value of the last expression in place of `output`.
    pub result: Option<mpsc::UnboundedSender<MimeBundle>>,
}

/// How a worker ended.
#[derive(Debug, Clone, Default)]
pub struct Death {
    pub status: Option<ExitStatus>,
    /// Its last words.
    pub crash: Option<CrashReport>,
}

/// Who waits for what.
#[derive(Default)]
pub struct Router {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    outputs: BTreeMap<u64, RunOutput>,
    /// The text of each run, by the same numbers.
    texts: BTreeMap<u64, Arc<RunText>>,
    latest: Option<u64>,
    /// The latest call of a closure of controls: of those one is kept.
    latest_call: Option<u64>,
    /// The controls whose closures the process has.
    controls: BTreeSet<u64>,
    waiting: HashMap<u64, oneshot::Sender<RunEnd>>,
    /// The process is gone.
    death: Option<Death>,
}

impl Router {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a run; the receiver gets its end.
    pub fn begin(&self, run: u64, output: RunOutput) -> oneshot::Receiver<RunEnd> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.lock();
        state.texts.insert(run, Arc::new(RunText::new(output.output.clone())));
        state.outputs.insert(run, output);
        if state.outputs.len() > KEPT_OUTPUTS {
            state.outputs.pop_first();
            state.texts.pop_first();
        }
        state.latest = Some(run);
        match &state.death {
            Some(death) => drop(sender.send(RunEnd::Died(death.clone()))),
            None => drop(state.waiting.insert(run, sender)),
        }
        receiver
    }

    /// Registers a run that is a call of a closure of controls. There can be very many, which
    /// are not to push out the cells.
    pub fn begin_call(&self, run: u64, output: RunOutput) -> oneshot::Receiver<RunEnd> {
        let before = self.lock().latest_call.replace(run);
        if let Some(before) = before {
            let mut state = self.lock();
            state.outputs.remove(&before);
            state.texts.remove(&before);
        }
        self.begin(run, output)
    }

    /// The controls whose closures the process has.
    pub fn controls(&self) -> BTreeSet<u64> {
        self.lock().controls.clone()
    }

    /// A process is ready, with these controls and no others.
    pub fn set_controls(&self, ids: Vec<u64>) {
        self.lock().controls = ids.into_iter().collect();
    }

    pub fn add_controls(&self, id: u64) {
        self.lock().controls.insert(id);
    }

    pub fn drop_controls(&self, ids: &[u64]) {
        self.lock().controls.retain(|id| !ids.contains(id));
    }

    /// How the process has ended, if it has.
    pub fn death(&self) -> Option<Death> {
        self.lock().death.clone()
    }

    /// Another process takes the place of the one that is gone.
    pub fn revive(&self) {
        self.lock().death = None;
    }

    /// The output of a run, else of the latest one.
    pub fn output(&self, run: u64) -> Option<RunOutput> {
        let state = self.lock();
        state.outputs.get(&run).or_else(|| state.outputs.get(&state.latest?)).cloned()
    }

    /// The text of a run, else of the latest one.
    pub fn text(&self, run: u64) -> Option<Arc<RunText>> {
        let state = self.lock();
        state.texts.get(&run).or_else(|| state.texts.get(&state.latest?)).cloned()
    }

    pub fn end(&self, run: u64, end: RunEnd) {
        let waiting = self.lock().waiting.remove(&run);
        if let Some(waiting) = waiting {
            // Who waited may have been cancelled.
            let _ = waiting.send(end);
        }
    }

    pub fn die(&self, status: Option<ExitStatus>, crash: Option<CrashReport>) {
        let death = Death { status, crash };
        let mut state = self.lock();
        for (_, waiting) in state.waiting.drain() {
            let _ = waiting.send(RunEnd::Died(death.clone()));
        }
        state.death = Some(death);
    }
}
