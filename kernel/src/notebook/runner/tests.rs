//! Runs notebooks on a small interpreter whose cells are lists of commands.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::*;
use crate::interpreter::{Completeness, Completions, Expressions};
use crate::notebook::terminal::tests::Kept;
use crate::output::{MimeBundle, StreamName};

/// Does what each line of a cell says: `print TEXT`, `fail NAME`, `show TEXT`,
/// `update TEXT`, `result TEXT`, `ask`, `wait` (for an interrupt), `hang`, `late TEXT`
/// (printed by a task that outlives the cell).
#[derive(Default)]
struct Commands {
    interrupted: Notify,
    shut_down: Arc<Notify>,
    seen: Mutex<Vec<u32>>,
}

fn text(text: &str) -> MimeBundle {
    MimeBundle::from_iter([("text/plain".to_owned(), json!(text))])
}

fn failure(name: &str) -> CellError {
    CellError { name: name.to_owned(), value: "it failed".to_owned(), traceback: vec![format!("{name}: it failed")] }
}

impl Interpreter for Commands {
    async fn execute(&self, request: CellRequest, output: Output) -> Outcome {
        self.seen.lock().expect("not poisoned").push(request.number);
        let display =
            |data, update| Event::Display { data, metadata: Map::new(), display_id: Some("d".into()), update };
        let stdout = |text: String| Event::Stream { name: StreamName::Stdout, text };
        let mut error = None;
        for line in request.code.lines() {
            let (command, argument) = line.split_once(' ').unwrap_or((line, ""));
            match command {
                "print" => output.send(stdout(format!("{argument}\n"))).await,
                "show" => output.send(display(text(argument), false)).await,
                "update" => output.send(display(text(argument), true)).await,
                "result" => output.send(Event::Result { data: text(argument), metadata: Map::new() }).await,
                "fail" => error = Some(failure(argument)),
                "ask" => {
                    let (answer, wait) = tokio::sync::oneshot::channel();
                    output.send(Event::Input { prompt: String::new(), password: false, answer }).await;
                    let answered = wait.await.is_ok();
                    output.send(stdout(format!("answered: {answered}"))).await;
                }
                "wait" => {
                    self.interrupted.notified().await;
                    error = Some(failure("KeyboardInterrupt"));
                }
                "quit" => return Outcome { quit: true, ..Outcome::default() },
                "hang" => std::future::pending().await,
                "late" => {
                    let (output, end, line) = (output.clone(), self.shut_down.clone(), stdout(argument.to_owned()));
                    tokio::spawn(async move {
                        end.notified().await;
                        output.send(line).await;
                    });
                }
                other => panic!("the test's cell says {other}"),
            }
        }
        if let Some(error) = &error {
            output.send(Event::Error(error.clone())).await;
        }
        Outcome { error, ..Outcome::default() }
    }

    async fn evaluate(&self, _: BTreeMap<String, String>) -> Expressions {
        Expressions::new()
    }

    fn is_complete(&self, _: &str) -> Completeness {
        Completeness::Complete
    }

    fn complete(&self, _: &str, _: usize) -> Completions {
        Completions::default()
    }

    fn inspect(&self, _: &str, _: usize, _: u8) -> Option<MimeBundle> {
        None
    }

    async fn interrupt(&self) {
        self.interrupted.notify_one();
    }

    async fn shutdown(&self) {
        self.shut_down.notify_one();
    }
}

struct Ran {
    ending: Ending,
    shown: String,
    cells: Vec<Value>,
    papermill: Value,
}

impl Ran {
    /// What each cell's metadata says of its end.
    fn statuses(&self) -> Vec<&str> {
        self.cells.iter().filter_map(|cell| cell["metadata"]["papermill"]["status"].as_str()).collect()
    }

    fn count(&self, cell: usize) -> &Value {
        &self.cells[cell]["execution_count"]
    }

    fn outputs(&self, cell: usize) -> &Value {
        &self.cells[cell]["outputs"]
    }
}

fn cell(source: &str, tags: &[&str]) -> Value {
    json!({
        "cell_type": "code",
        "metadata": { "tags": tags },
        "source": source,
        "execution_count": 99,
        "outputs": [{ "output_type": "stream", "name": "stdout", "text": "of an earlier run" }],
    })
}

async fn run_cells(cells: &[Value], options: &Options, stop: &Notify) -> Ran {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("n.ipynb");
    let content = json!({ "nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells });
    std::fs::write(&path, content.to_string()).expect("written");
    let mut notebook = Notebook::read(&path).expect("a notebook");
    let parameters = Map::from_iter([("n".to_owned(), json!(8))]);
    crate::notebook::papermill::describe(&mut notebook, Path::new("in.ipynb"), Path::new("out.ipynb"), parameters);
    let kept = Kept::default();
    let terminal = Terminal::new(Box::new(kept.clone()), None);
    let ending = run(&Commands::default(), &mut notebook, options, terminal, stop).await;
    let destination = super::super::Destination::open(&path).expect("writable");
    destination.write(&notebook).expect("written");
    let content: Value = serde_json::from_slice(&std::fs::read(&path).expect("there")).expect("JSON");
    let cells = content["cells"].as_array().expect("cells").clone();
    Ran { ending, shown: kept.text(), cells, papermill: content["metadata"]["papermill"].clone() }
}

async fn run_to_end(cells: &[Value]) -> Ran {
    run_cells(cells, &Options::default(), &Notify::new()).await
}

#[tokio::test]
async fn outputs_are_shown_and_written() {
    let markdown = json!({ "cell_type": "markdown", "metadata": {}, "source": "print no" });
    let ran = run_to_end(&[markdown, cell("print a\nprint b", &[]), cell("  \n", &[]), cell("result 7", &[])]).await;
    assert_eq!(ran.ending, Ending::Completed);
    assert_eq!(ran.outputs(1), &json!([{ "output_type": "stream", "name": "stdout", "text": ["a\n", "b\n"] }]));
    assert_eq!((ran.count(1), ran.count(2), ran.count(3)), (&json!(1), &Value::Null, &json!(2)));
    assert_eq!(ran.outputs(2), &json!([]));
    assert_eq!(ran.outputs(3)[0]["execution_count"], 2);
    let plain = anstream::adapter::strip_str(&ran.shown).to_string();
    let shown: Vec<&str> = plain.lines().map(|line| line.split(',').next().unwrap_or_default()).collect();
    let expected = ["In[1]: print a", "       print b", "a", "b", "(1 of 2", "In[2]: result 7", "Out[2]: 7", "(2 of 2"];
    assert_eq!(shown, expected);
    assert!(ran.shown.starts_with("\x1b[2mIn[1]"));
}

#[tokio::test]
async fn the_run_stops_at_the_first_error_and_no_old_output_remains() {
    let cells = [cell("print a\nfail Panic", &[]), cell("print b", &[])];
    let ran = run_to_end(&cells).await;
    assert_eq!(ran.ending, Ending::Failed { number: 1, error: failure("Panic") });
    assert_eq!(ran.outputs(0)[1]["ename"], "Panic");
    assert_eq!((ran.count(1), ran.outputs(1)), (&Value::Null, &json!([])));

    let options = Options { allow_errors: true, ..Options::default() };
    let ran = run_cells(&cells, &options, &Notify::new()).await;
    assert_eq!(ran.ending, Ending::Completed);
    assert_eq!(ran.outputs(1)[0]["text"], json!(["b\n"]));
}

#[tokio::test]
async fn a_cell_that_ends_the_kernel_ends_the_run() {
    let ran = run_to_end(&[cell("quit", &[]), cell("print b", &[])]).await;
    assert_eq!(ran.ending, Ending::Completed);
    assert_eq!((ran.count(0), ran.count(1)), (&json!(1), &Value::Null));
}

#[tokio::test]
async fn tags_allow_errors_and_skip_cells() {
    let ran = run_to_end(&[
        cell("fail Panic", &["raises-exception"]),
        cell("fail Worse", &["skip-execution"]),
        cell("print b", &[]),
    ])
    .await;
    assert_eq!(ran.ending, Ending::Completed);
    assert_eq!(ran.outputs(0)[0]["ename"], "Panic");
    assert_eq!(ran.outputs(1)[0]["text"], "of an earlier run");
    assert_eq!((ran.count(1), ran.count(2)), (&json!(99), &json!(2)));
    assert!(ran.shown.contains("(skipped)"));
}

#[tokio::test]
async fn a_display_is_updated_from_a_later_cell() {
    let ran = run_to_end(&[cell("show 10%", &[]), cell("update 100%", &[])]).await;
    assert_eq!(ran.outputs(0)[0]["data"]["text/plain"], json!(["100%"]));
    assert_eq!(ran.outputs(1), &json!([]));
}

#[tokio::test]
async fn what_a_thread_prints_late_belongs_to_its_cell() {
    let ran = run_to_end(&[cell("late tail", &[]), cell("print b", &[])]).await;
    assert_eq!(ran.outputs(0)[0]["text"], json!(["tail"]));
    assert_eq!(ran.outputs(1)[0]["text"], json!(["b\n"]));
    assert!(ran.shown.ends_with("tail\n") && ran.shown.contains("b\n"), "{:?}", ran.shown);
}

#[tokio::test]
async fn a_question_finds_nobody() {
    let ran = run_to_end(&[cell("ask", &[])]).await;
    assert_eq!(ran.outputs(0)[0]["text"], json!(["answered: false"]));
}

#[tokio::test]
async fn a_slow_cell_is_interrupted() {
    let options = Options { cell_timeout: Some(Duration::from_millis(1)), ..Options::default() };
    let cells = [cell("wait", &[]), cell("print b", &[])];
    let ran = run_cells(&cells, &options, &Notify::new()).await;
    assert_eq!(ran.ending, Ending::TimedOut { number: 1, limit: Duration::from_millis(1) });
    assert_eq!(ran.outputs(0)[0]["ename"], "KeyboardInterrupt");
    assert_eq!(ran.outputs(1), &json!([]));

    let ran = run_cells(&cells, &Options { allow_errors: true, ..options }, &Notify::new()).await;
    assert_eq!(ran.ending, Ending::Completed);
    assert_eq!(ran.outputs(1)[0]["text"], json!(["b\n"]));
}

#[tokio::test]
async fn a_stop_ends_the_run_even_where_errors_are_allowed() {
    let options = Options { allow_errors: true, ..Options::default() };
    let stop = Notify::new();
    stop.notify_one();
    let ran = run_cells(&[cell("print a\nwait", &[]), cell("print b", &[])], &options, &stop).await;
    assert_eq!(ran.ending, Ending::Stopped { number: 1 });
    assert_eq!(ran.outputs(0)[1]["ename"], "KeyboardInterrupt");
    assert_eq!(ran.outputs(1), &json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_does_not_stop_ends_the_run() {
    let options = Options { cell_timeout: Some(Duration::from_secs(1)), allow_errors: true };
    let ran = run_cells(&[cell("print a\nhang", &[]), cell("print b", &[])], &options, &Notify::new()).await;
    assert_eq!(ran.ending, Ending::Stuck { number: 1 });
    assert_eq!(ran.outputs(0)[0]["text"], json!(["a\n"]));
}

#[tokio::test(start_paused = true)]
async fn a_second_stop_does_not_wait_for_the_cell() {
    let stop = Arc::new(Notify::new());
    let again = stop.clone();
    tokio::spawn(async move {
        again.notify_one();
        sleep(Duration::from_secs(1)).await;
        again.notify_one();
    });
    let began = tokio::time::Instant::now();
    let ran = run_cells(&[cell("print a\nhang", &[])], &Options::default(), &stop).await;
    assert_eq!(ran.ending, Ending::Stuck { number: 1 });
    assert!(began.elapsed() < PATIENCE_WITH_INTERRUPT);
}

#[tokio::test]
async fn papermills_metadata_tell_of_every_cell() {
    let markdown = json!({ "cell_type": "markdown", "metadata": {}, "source": "text" });
    let cells = [markdown.clone(), cell("print a", &[]), cell("fail Panic", &["raises-exception"]), markdown];
    let ran = run_to_end(&cells).await;
    assert_eq!(ran.statuses(), ["completed"; 4]);
    assert_eq!((&ran.papermill["exception"], &ran.papermill["parameters"]), (&Value::Null, &json!({ "n": 8 })));
    let whole = ran.papermill["duration"].as_f64().expect("a number");
    let cell_time = |index: usize| ran.cells[index]["metadata"]["papermill"]["duration"].as_f64().expect("a number");
    assert!((0..4).map(cell_time).sum::<f64>() <= whole);
    let start = ran.papermill["start_time"].as_str().expect("a time");
    assert!(start.ends_with("+00:00") && start.contains('T') && start.contains('.'), "{start}");

    let cells =
        [cells[0].clone(), cell("print a", &[]), cell("fail Panic", &[]), cell("print b", &[]), cells[3].clone()];
    let ran = run_to_end(&cells).await;
    assert_eq!(ran.statuses(), ["completed", "completed", "failed", "pending", "pending"]);
    assert_eq!(ran.papermill["exception"], true);
    assert_eq!(ran.cells[2]["metadata"]["papermill"]["exception"], true);
    assert_eq!(ran.cells[3]["metadata"]["papermill"]["start_time"], Value::Null);
}
