//! Gives the code cells of a notebook to an interpreter, one after the other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Map;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::document::{CodeCell, Notebook};
use super::outputs::Outputs;
use super::papermill;
use super::terminal::Terminal;
use crate::interpreter::{CellRequest, Interpreter, Outcome};
use crate::output::{CellError, Event, MimeBundle, Output, controls_text};

/// How long a cell may take to stop after an interrupt before the run is given up.
const PATIENCE_WITH_INTERRUPT: Duration = Duration::from_secs(30);

/// How long outputs of threads that outlive their cells are waited for at the end.
const PATIENCE_WITH_LATE_OUTPUT: Duration = Duration::from_secs(2);

/// How often the bar tells how long a cell has been running.
const REDRAW: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Go on after a cell that failed.
    pub allow_errors: bool,
    /// Interrupt a cell that runs longer than this.
    pub cell_timeout: Option<Duration>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Every cell ran; those that failed were allowed to.
    Completed,
    /// The run stopped at this cell.
    Failed { number: u32, error: CellError },
    /// This cell ran longer than it may, and the run stopped there.
    TimedOut { number: u32, limit: Duration },
    /// The run was asked to stop while this cell ran, or before it.
    Stopped { number: u32 },
    /// The cell went on after an interrupt, and the run was given up.
    Stuck { number: u32 },
}

/// Where the outputs of all cells meet.
struct Transcript {
    outputs: Outputs,
    terminal: Terminal,
}

impl Transcript {
    fn take(&mut self, cell: usize, number: u32, event: Event) {
        self.terminal.show(&event, number);
        self.outputs.take(cell, event);
    }
}

/// A cell that has been started: its place in the notebook and in the outputs.
struct Started {
    index: usize,
    cell: usize,
    number: u32,
}

/// Runs the notebook's code cells and puts their outputs into it, and into its metadata how
/// the run went. A `stop` interrupts the running cell and ends the run, a second one does not
/// wait for the cell. The interpreter is shut down at the end.
pub async fn run(
    interpreter: &impl Interpreter,
    notebook: &mut Notebook,
    options: &Options,
    terminal: Terminal,
    stop: &Notify,
) -> Ending {
    let transcript = Arc::new(Mutex::new(Transcript { outputs: Outputs::default(), terminal }));
    let mut listeners = JoinSet::new();
    let cells = notebook.code_cells();
    let mut record = papermill::Run::begin(notebook);
    let redrawing = {
        let mut shown = lock(&transcript);
        shown.terminal.begin(cells.iter().filter(|cell| !is_skipped(cell) && !is_blank(cell)).count());
        shown.terminal.has_bar().then(|| tokio::spawn(redraw(transcript.clone())))
    };
    // Outputs of another run beside those of this one would mislead.
    for cell in cells.iter().filter(|cell| !is_skipped(cell)) {
        notebook.set_outputs(cell.index, None, Vec::new());
    }
    let will_run = |cell: &&CodeCell| !is_skipped(cell) && !cell.source.trim().is_empty();
    cells.iter().filter(will_run).for_each(|cell| interpreter.announce(&cell.source));
    let mut started: Vec<Started> = Vec::new();
    let mut ending = Ending::Completed;
    for cell in &cells {
        if is_skipped(cell) {
            lock(&transcript).terminal.show_skipped(cell);
            continue;
        }
        if is_blank(cell) {
            continue;
        }
        let number = started.len() as u32 + 1;
        let (output, events) = Output::channel();
        {
            let mut transcript = lock(&transcript);
            transcript.terminal.show_source(cell, number);
            started.push(Started { index: cell.index, cell: transcript.outputs.begin_cell(number), number });
        }
        listeners.spawn(listen(transcript.clone(), started.len() - 1, number, events));
        let began = record.cell_begins(notebook, cell.index);

        let request = CellRequest { code: cell.source.clone(), number, silent: false, allow_stdin: false };
        let end = execute(interpreter, request, output.clone(), options.cell_timeout, stop).await;
        output.flush().await;
        let found = match &end {
            End::Stuck => Some(Ending::Stuck { number }),
            End::Stopped(_) => Some(Ending::Stopped { number }),
            End::Finished(outcome) | End::TooLong(outcome) => {
                let error =
                    outcome.error.clone().filter(|_| !options.allow_errors && !cell.has_tag("raises-exception"));
                match (error, options.cell_timeout) {
                    (Some(_), Some(limit)) if matches!(end, End::TooLong(_)) => {
                        Some(Ending::TimedOut { number, limit })
                    }
                    (error, _) => error.map(|error| Ending::Failed { number, error }),
                }
            }
        };
        record.cell_ends(notebook, cell.index, began, found.is_some());
        let mut quits = false;
        if let End::Finished(outcome) | End::TooLong(outcome) | End::Stopped(outcome) = end {
            let mut transcript = lock(&transcript);
            if let Some(page) = &outcome.page {
                transcript.terminal.show_bundle("", page);
            }
            transcript.terminal.end_cell();
            quits = outcome.quit;
        }
        if let Some(found) = found {
            ending = found;
            break;
        }
        if quits {
            break;
        }
    }
    interpreter.shutdown().await;
    let all_heard = async { while listeners.join_next().await.is_some() {} };
    let _ = timeout(PATIENCE_WITH_LATE_OUTPUT, all_heard).await;

    if let Some(redrawing) = redrawing {
        redrawing.abort();
    }
    let mut transcript = lock(&transcript);
    transcript.terminal.end();
    for Started { index, cell, number } in started {
        notebook.set_outputs(index, Some(number), transcript.outputs.to_json(cell));
    }
    record.end(notebook, ending != Ending::Completed);
    ending
}

fn is_skipped(cell: &CodeCell) -> bool {
    cell.has_tag("skip-execution")
}

fn is_blank(cell: &CodeCell) -> bool {
    cell.source.trim().is_empty()
}

/// Keeps the bar's time up to date.
async fn redraw(transcript: Arc<Mutex<Transcript>>) {
    loop {
        sleep(REDRAW).await;
        lock(&transcript).terminal.redraw();
    }
}

/// A listener that panicked has lost one event; the others still count.
fn lock(transcript: &Mutex<Transcript>) -> MutexGuard<'_, Transcript> {
    transcript.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes in a cell's events until nobody can send one any more, which may be long
/// after the cell: a thread that it started may still print.
async fn listen(transcript: Arc<Mutex<Transcript>>, cell: usize, number: u32, mut events: mpsc::Receiver<Event>) {
    while let Some(event) = events.recv().await {
        match event {
            Event::Flush { done } => drop(done.send(())),
            // Nobody answers here: dropping the question says so.
            Event::Input { .. } => {}
            // Nobody moves them either: their first values are used.
            Event::Controls { controls, .. } => {
                let data = MimeBundle::from_iter([("text/plain".to_owned(), controls_text(&controls).into())]);
                let event = Event::Display { data, metadata: Map::new(), display_id: None, update: false };
                lock(&transcript).take(cell, number, event);
            }
            event => lock(&transcript).take(cell, number, event),
        }
    }
}

enum End {
    Finished(Outcome),
    /// Interrupted because it took too long.
    TooLong(Outcome),
    /// Ended after the run was asked to stop.
    Stopped(Outcome),
    Stuck,
}

async fn execute(
    interpreter: &impl Interpreter,
    request: CellRequest,
    output: Output,
    limit: Option<Duration>,
    stop: &Notify,
) -> End {
    let running = interpreter.execute(request, output);
    tokio::pin!(running);
    let too_long = async {
        match limit {
            Some(limit) => sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    let stopped = tokio::select! {
        biased;
        outcome = &mut running => return End::Finished(outcome),
        () = stop.notified() => true,
        () = too_long => false,
    };
    // The interrupt may need the running cell to go on before it returns.
    let interrupted = async {
        let ((), outcome) = tokio::join!(interpreter.interrupt(), &mut running);
        outcome
    };
    let ended = tokio::select! {
        ended = timeout(PATIENCE_WITH_INTERRUPT, interrupted) => ended.ok(),
        () = stop.notified() => None,
    };
    match ended {
        Some(outcome) if stopped => End::Stopped(outcome),
        Some(outcome) => End::TooLong(outcome),
        None => End::Stuck,
    }
}

#[cfg(test)]
mod tests;
