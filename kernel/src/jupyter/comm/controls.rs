//! The way of a change: from a `comm_msg` to the call of the closure, and its outputs.

use std::sync::Arc;

use serde_json::Value;

use super::area::Area;
use crate::interpreter::Interpreter;
use crate::jupyter::cell_output::{self, Cell};
use crate::jupyter::execute::guarded;
use crate::jupyter::message::Request;
use crate::jupyter::server::Kernel;
use crate::jupyter::shell::Shell;
use crate::output::Output;

/// Controls that have new values.
pub struct Changed {
    pub id: u64,
    pub values: Vec<Value>,
    /// The cell that made them.
    pub request: Arc<Request>,
    pub number: u32,
    pub area: Arc<Area>,
}

impl<I: Interpreter> Shell<I> {
    /// Takes in a `comm_msg`, from busy to idle. Of several that wait the last one calls the
    /// closures of what they have changed.
    pub async fn comm_message(&mut self, request: &Request) {
        let kernel = self.kernel.clone();
        kernel.iopub.busy(request).await;
        if let Err(error) = kernel.comms.message(request).await {
            tracing::warn!("the content of this comm_msg cannot be read: {error}");
        }
        if !self.is_followed_by("comm_msg") {
            for changed in kernel.comms.take_changed() {
                kernel.call(changed).await;
            }
        }
        kernel.iopub.idle(request).await;
    }
}

impl<I: Interpreter> Kernel<I> {
    /// Calls the closure of controls and shows what comes of it, in place of what is shown.
    async fn call(&self, Changed { id, values, request, number, area }: Changed) {
        let turn = area.begin();
        let (output, events) = Output::channel();
        let cell = Cell { request: request.clone(), number, silent: false, allow_stdin: false, history: None };
        let turn_of_events = Some(turn.clone());
        tokio::spawn(cell_output::forward(
            cell,
            events,
            self.iopub.clone(),
            self.stdin.clone(),
            self.comms.clone(),
            turn_of_events,
        ));
        let (interpreter, own_output) = (self.interpreter.clone(), output.clone());
        let called = guarded(async move { interpreter.call(id, values, own_output).await }).await;
        output.flush().await;
        let error = called.and_then(|called| called).err();
        let failed = error.as_ref().and_then(|error| turn.fail(error));
        for shown in failed.into_iter().chain(turn.end()) {
            self.iopub.publish(request.child(cell_output::in_place(shown))).await;
        }
        self.close_lost_controls().await;
    }

    /// Closes the controls whose closures are gone with their process.
    pub async fn close_lost_controls(&self) {
        if self.comms.has_controls() {
            self.comms.keep_only(&self.interpreter.controls().await).await;
        }
    }

    /// A cell is run again: what it has made before makes room for what it makes now.
    pub async fn close_controls_of(&self, request: &Request, code: &str) {
        let ids = self.comms.close_of_cell(request, code).await;
        if !ids.is_empty() {
            self.interpreter.drop_controls(ids).await;
        }
    }
}
