//! What papermill writes into a notebook's metadata about a run, so that tools which read
//! that find it.

use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::document::Notebook;

const KEY: &str = "papermill";

/// Writes what is known before the run.
pub fn describe(notebook: &mut Notebook, input: &Path, output: &Path, parameters: Map<String, Value>) {
    let known = json!({
        "default_parameters": {},
        "environment_variables": {},
        "input_path": input.display().to_string(),
        "output_path": output.display().to_string(),
        "parameters": parameters,
        "version": env!("CARGO_PKG_VERSION"),
    });
    notebook.metadata().insert(KEY.to_owned(), known);
}

/// A run that goes on.
pub struct Run {
    began: DateTime<Utc>,
    /// The first cell that the run has not come to.
    next: usize,
}

impl Run {
    /// Marks all cells as not run yet.
    pub fn begin(notebook: &mut Notebook) -> Run {
        let began = Utc::now();
        let times = times(Some(began), None, Value::Null);
        match notebook.metadata().entry(KEY).or_insert_with(|| json!({})) {
            Value::Object(known) => known.extend(times),
            other => *other = Value::Object(times),
        }
        for index in 0..notebook.cell_count() {
            mark(notebook, index, "pending", times_of_nothing());
        }
        Run { began, next: 0 }
    }

    /// The cell is run from now on; those before it, of text, are done.
    pub fn cell_begins(&mut self, notebook: &mut Notebook, index: usize) -> DateTime<Utc> {
        let now = Utc::now();
        self.pass(notebook, index, now);
        mark(notebook, index, "running", times(Some(now), None, json!(false)));
        self.next = index + 1;
        now
    }

    pub fn cell_ends(&self, notebook: &mut Notebook, index: usize, began: DateTime<Utc>, failed: bool) {
        let status = if failed { "failed" } else { "completed" };
        mark(notebook, index, status, times(Some(began), Some(Utc::now()), json!(failed)));
    }

    /// The run is over. What it did not come to, after a failure, stays marked so.
    pub fn end(mut self, notebook: &mut Notebook, failed: bool) {
        let now = Utc::now();
        if !failed {
            self.pass(notebook, notebook.cell_count(), now);
        }
        let exception = if failed { json!(true) } else { Value::Null };
        let times = times(Some(self.began), Some(now), exception);
        if let Some(Value::Object(known)) = notebook.metadata().get_mut(KEY) {
            known.extend(times);
        }
    }

    fn pass(&mut self, notebook: &mut Notebook, until: usize, now: DateTime<Utc>) {
        for index in self.next..until {
            mark(notebook, index, "completed", times(Some(now), Some(now), json!(false)));
        }
        self.next = until.max(self.next);
    }
}

fn mark(notebook: &mut Notebook, index: usize, status: &str, mut times: Map<String, Value>) {
    times.insert("status".to_owned(), json!(status));
    notebook.cell_metadata(index).insert(KEY.to_owned(), Value::Object(times));
}

fn times_of_nothing() -> Map<String, Value> {
    times(None, None, Value::Null)
}

fn times(began: Option<DateTime<Utc>>, ended: Option<DateTime<Utc>>, exception: Value) -> Map<String, Value> {
    let text = |time: Option<DateTime<Utc>>| time.map(|time| time.to_rfc3339_opts(SecondsFormat::Micros, false));
    // In seconds.
    let duration = began.zip(ended).map(|(began, ended)| (ended - began).as_seconds_f64());
    let entries = [
        ("start_time", json!(text(began))),
        ("end_time", json!(text(ended))),
        ("duration", json!(duration)),
        ("exception", exception),
    ];
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
