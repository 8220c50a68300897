//! Running one cell: `execute_request` from busy to idle.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use jupyter_protocol::ExecutionCount;
use jupyter_protocol::messaging::ExecuteInput;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::cell_output::{self, Cell};
use super::message::{self, Request};
use super::requests::ExecuteRequest;
use super::shell::Shell;
use crate::interpreter::{CellRequest, Interpreter, Outcome};
use crate::output::{CellError, Event, Output};

impl<I: Interpreter> Shell<I> {
    pub(super) async fn execute(&mut self, request: Request) {
        let request = Arc::new(request);
        let iopub = self.kernel.iopub.clone();
        iopub.busy(&request).await;
        let started = message::now();
        let (content, stop, quit) = match request.content::<ExecuteRequest>() {
            Ok(execute) => {
                let stop = execute.stop_on_error && !execute.silent;
                let (content, quit) = self.run(&request, execute).await;
                let stop = stop && content["status"] == "error";
                (content, stop, quit)
            }
            Err(error) => {
                let value = format!("the content of this execute_request cannot be read: {error}");
                tracing::warn!("{value}");
                let mut content = message::error_content("MalformedRequest", &value);
                content["execution_count"] = self.next_number.into();
                (content, false, false)
            }
        };
        if stop {
            // Before the reply: what a client sends when it has seen the reply is run.
            self.abort_waiting().await;
        }
        // JupyterLab shows from these how long a cell took.
        let metadata = json!({"started": started, "status": content["status"]});
        let reply = request.reply(message::raw("execute_reply", content)).with_metadata(metadata);
        self.replies.send(reply).await;
        iopub.idle(&request).await;
        if quit {
            self.kernel.end(&request).await;
        }
    }

    /// Runs the cell and returns the content of the reply, and whether the kernel is to end
    /// then. What it shows has been given to the sockets by then.
    async fn run(&mut self, request: &Arc<Request>, execute: ExecuteRequest) -> (Value, bool) {
        let kernel = self.kernel.clone();
        let number = self.next_number;
        // Beside the cell, which need not wait for the disk.
        let stored = execute.stored().then(|| {
            self.next_number += 1;
            let (history, source) = (kernel.history.clone(), execute.code.clone());
            tokio::task::spawn_blocking(move || history.store(number, &source))
        });
        if !execute.silent {
            let input =
                ExecuteInput { code: execute.code.clone(), execution_count: ExecutionCount::new(number as usize) };
            kernel.iopub.publish(request.child(input)).await;
        }

        kernel.close_controls_of(request, &execute.code).await;
        let (output, events) = Output::channel();
        let history = execute.stored().then(|| kernel.history.clone());
        let (silent, allow_stdin) = (execute.silent, execute.allow_stdin);
        let cell = Cell { request: request.clone(), number, silent, allow_stdin, history };
        // On its own: it goes on for the threads that outlive the cell.
        let (iopub, stdin, comms) = (kernel.iopub.clone(), kernel.stdin.clone(), kernel.comms.clone());
        tokio::spawn(cell_output::forward(cell, events, iopub, stdin, comms, None));

        let cell = CellRequest { code: execute.code, number, silent, allow_stdin };
        let outcome = run_guarded(kernel.interpreter.clone(), cell, &output).await;
        let quit = outcome.quit;
        let content = match &outcome.error {
            Some(error) => failed(number, error),
            None => {
                let values = evaluated(kernel.interpreter.clone(), execute.user_expressions).await;
                json!({
                    "status": "ok", "execution_count": number, "user_expressions": values,
                    "payload": payload(outcome),
                })
            }
        };
        output.flush().await;
        kernel.close_lost_controls().await;
        if let Some(stored) = stored {
            let _ = stored.await;
        }
        (content, quit)
    }
}

/// Runs the cell; a panic of the kernel itself is a failure of the cell.
async fn run_guarded<I: Interpreter>(interpreter: Arc<I>, cell: CellRequest, output: &Output) -> Outcome {
    let own_output = output.clone();
    match guarded(async move { interpreter.execute(cell, own_output).await }).await {
        Ok(outcome) => outcome,
        Err(error) => {
            output.send(Event::Error(error.clone())).await;
            Outcome { error: Some(error), ..Outcome::default() }
        }
    }
}

/// Awaits `work` in a task of its own, so that a panic in it does not end the channel.
pub(super) async fn guarded<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T, CellError> {
    // The set ends its task when the kernel ends.
    let mut task = JoinSet::new();
    task.spawn(work);
    match task.join_next().await {
        Some(Ok(result)) => Ok(result),
        _ => {
            let value = "the kernel failed while it ran this cell; its log says more, and \
                         restarting the kernel is the safe way on";
            Err(CellError {
                name: "KernelError".into(),
                value: value.into(),
                traceback: vec![format!("KernelError: {value}")],
            })
        }
    }
}

fn failed(number: u32, error: &CellError) -> Value {
    json!({
        "status": "error", "execution_count": number, "user_expressions": {}, "payload": [],
        "ename": error.name, "evalue": error.value, "traceback": error.traceback,
    })
}

/// The values of `user_expressions`, as a reply has them.
async fn evaluated<I: Interpreter>(interpreter: Arc<I>, expressions: BTreeMap<String, String>) -> Value {
    if expressions.is_empty() {
        return json!({});
    }
    let names: Vec<String> = expressions.keys().cloned().collect();
    let values = guarded(async move { interpreter.evaluate(expressions).await })
        .await
        .unwrap_or_else(|error| names.into_iter().map(|name| (name, Err(error.clone()))).collect());
    let values = values.into_iter().map(|(name, value)| {
        let value = match value {
            Ok(data) => json!({"status": "ok", "data": data, "metadata": {}}),
            Err(error) => json!({
                "status": "error", "ename": error.name, "evalue": error.value, "traceback": error.traceback,
            }),
        };
        (name, value)
    });
    Value::Object(values.collect())
}

fn payload(outcome: Outcome) -> Vec<Value> {
    let page = outcome.page.map(|data| json!({"source": "page", "data": data, "start": 0}));
    let next_input =
        outcome.next_input.map(|next| json!({"source": "set_next_input", "text": next.text, "replace": next.replace}));
    let exit = outcome.quit.then(|| json!({"source": "ask_exit", "keepkernel": false}));
    page.into_iter().chain(next_input).chain(exit).collect()
}
