//! An interpreter whose "language" has one word for each thing that a cell can do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Map, Value, json};
use threadbook::message::{Control, ControlKind};
use tokio::sync::{Notify, oneshot};

use crate::interpreter::{
    CellRequest, Completeness, CompletionItem, Completions, Expressions, Interpreter, NextInput, Outcome,
};
use crate::output::{CellError, Event, MimeBundle, Output, StreamName};

#[derive(Default)]
pub struct Dummy {
    interrupted: Notify,
    /// Lets the threads go on that `later` left behind.
    pub later: std::sync::Arc<Notify>,
    pub ended: AtomicBool,
    /// A cell to print something has been announced.
    pub announced: Notify,
    /// Those whose closures are there.
    pub controls: Mutex<BTreeSet<u64>>,
}

pub fn text(text: impl Into<String>) -> MimeBundle {
    Map::from_iter([("text/plain".to_owned(), Value::String(text.into()))])
}

fn failure(name: &str) -> CellError {
    CellError { name: name.into(), value: "it failed".into(), traceback: vec!["it".into(), "failed".into()] }
}

async fn print(output: &Output, name: StreamName, text: &str) {
    output.send(Event::Stream { name, text: text.into() }).await;
}

impl Interpreter for Dummy {
    async fn execute(&self, request: CellRequest, output: Output) -> Outcome {
        let mut outcome = Outcome::default();
        for line in request.code.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "print" => print(&output, StreamName::Stdout, rest).await,
                "warn" => print(&output, StreamName::Stderr, rest).await,
                "value" => {
                    output.send(Event::Result { data: text(rest), metadata: Map::new() }).await;
                }
                "display" => {
                    let mut data = text("plain");
                    data.insert("application/x-own+json".into(), json!({"a": [1, null, 2.5]}));
                    data.insert("text/html".into(), json!("<b>\n</b>"));
                    let (display_id, update) = (Some(rest.to_owned()), false);
                    output.send(Event::Display { data, metadata: Map::new(), display_id, update }).await;
                }
                "update" => {
                    let (data, display_id) = (text("new"), Some(rest.to_owned()));
                    let metadata = Map::new();
                    output.send(Event::Display { data, metadata, display_id, update: true }).await;
                }
                "controls" => {
                    let kind = ControlKind::IntegerSlider { min: 1, max: 8, step: 1 };
                    let control = Control { name: "n".into(), kind, value: json!(4), continuous: true };
                    let id = rest.parse().expect("a number");
                    self.controls.lock().expect("no panic").insert(id);
                    output.send(Event::Controls { id, controls: vec![control] }).await;
                    output
                        .send(Event::Display {
                            data: text("first"),
                            metadata: Map::new(),
                            display_id: None,
                            update: false,
                        })
                        .await;
                    output.send(Event::ControlsShown).await;
                }
                "lose" => self.controls.lock().expect("no panic").clear(),
                "clear" => output.send(Event::ClearOutput { wait: true }).await,
                "input" | "password" => {
                    let (answer, given) = oneshot::channel();
                    let password = word == "password";
                    output.send(Event::Input { prompt: rest.into(), password, answer }).await;
                    let given = tokio::select! {
                        given = given => given.unwrap_or("nobody".into()),
                        () = self.interrupted.notified() => "interrupted".into(),
                    };
                    print(&output, StreamName::Stdout, &given).await;
                }
                "wait" => {
                    print(&output, StreamName::Stdout, "waiting").await;
                    self.interrupted.notified().await;
                    let error = failure("KeyboardInterrupt");
                    output.send(Event::Error(error.clone())).await;
                    outcome.error = Some(error);
                }
                "later" => {
                    let (rest, output, later) = (rest.to_owned(), output.clone(), self.later.clone());
                    tokio::spawn(async move {
                        later.notified().await;
                        print(&output, StreamName::Stdout, &rest).await;
                    });
                }
                "flood" => {
                    let text = "x".repeat(1000);
                    for _ in 0..rest.parse().expect("a number") {
                        print(&output, StreamName::Stdout, &text).await;
                        print(&output, StreamName::Stderr, "\n").await;
                    }
                }
                "fail" => {
                    output.send(Event::Error(failure("Failure"))).await;
                    outcome.error = Some(failure("Failure"));
                }
                "page" => outcome.page = Some(text(rest)),
                "next" => outcome.next_input = Some(NextInput { text: rest.into(), replace: false }),
                "bug" => panic!("a bug in the session, wanted by a test"),
                "" => {}
                other => panic!("the dummy does not know {other}"),
            }
        }
        outcome
    }

    fn announce(&self, code: &str) {
        if code.starts_with("print") {
            self.announced.notify_one();
        }
    }

    async fn call(&self, controls: u64, values: Vec<Value>, output: Output) -> Result<(), CellError> {
        let values = serde_json::to_string(&values).expect("they were JSON");
        print(&output, StreamName::Stdout, &format!("{controls}: {values}")).await;
        if values.contains('8') { Err(failure("Failure")) } else { Ok(()) }
    }

    async fn controls(&self) -> BTreeSet<u64> {
        self.controls.lock().expect("no panic").clone()
    }

    async fn drop_controls(&self, ids: Vec<u64>) {
        self.controls.lock().expect("no panic").retain(|id| !ids.contains(id));
    }

    async fn evaluate(&self, expressions: BTreeMap<String, String>) -> Expressions {
        let value = |code: String| match code.as_str() {
            "fail" => Err(failure("Failure")),
            _ => Ok(text(code)),
        };
        expressions.into_iter().map(|(name, code)| (name, value(code))).collect()
    }

    fn is_complete(&self, code: &str) -> Completeness {
        match code.chars().last() {
            Some('{') => Completeness::Incomplete { indent: "    ".into() },
            Some('}') => Completeness::Invalid,
            _ => Completeness::Complete,
        }
    }

    /// Completes the word before the cursor with itself and `!`.
    fn complete(&self, code: &str, cursor: usize) -> Completions {
        assert!(code.is_char_boundary(cursor));
        let start = code[..cursor].rfind(' ').map_or(0, |space| space + 1);
        let item = CompletionItem { text: format!("{}!", &code[start..cursor]), kind: "macro", signature: "()".into() };
        Completions { start, end: cursor, matches: vec![item] }
    }

    fn inspect(&self, code: &str, cursor: usize, detail: u8) -> Option<MimeBundle> {
        assert!(!code.contains("bug"), "a bug in the session, wanted by a test");
        (!code.is_empty()).then(|| text(format!("{}|{detail}", &code[..cursor])))
    }

    async fn interrupt(&self) {
        self.interrupted.notify_waiters();
    }

    async fn shutdown(&self) {
        self.ended.store(true, Ordering::SeqCst);
    }
}
