//! The comms that are open.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jupyter_protocol::messaging::JupyterMessageContent;
use serde_json::{Map, Value, json};
use threadbook::message::Control;

use super::area::{Area, Turn};
use super::controls::Changed;
use super::widgets::{self, CONTROL_TARGET, PROTOCOL, State, TARGET, VIEW};
use crate::jupyter::cell_output::display;
use crate::jupyter::iopub::IoPub;
use crate::jupyter::message::{Request, raw};
use crate::jupyter::requests::{CommInfoRequest, CommMessage, CommOpen};
use crate::output::controls_text;

/// What a person reads where controls cannot be shown, after the values.
const NEEDED: &str = "controls need ipywidgets: pip install ipywidgets, then reload";
const GONE: &str = "the process with their closure is gone: run the cell again";

/// All comms of the kernel.
pub struct Comms {
    iopub: IoPub,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    /// By the numbers that the interpreter knows them by.
    groups: BTreeMap<u64, Group>,
    models: BTreeMap<String, Model>,
    /// The closures to call with new values.
    changed: BTreeSet<u64>,
    /// By which front ends ask for all states.
    askers: BTreeSet<String>,
}

/// The controls of one closure.
struct Group {
    /// The cell that made them.
    request: Arc<Request>,
    number: u32,
    /// As they are now.
    controls: Vec<Control>,
    /// The comms of its models, in the order in which they were opened.
    comms: Vec<String>,
    /// The id of the display of the controls.
    view: String,
    area: Arc<Area>,
}

struct Model {
    group: u64,
    control: Option<usize>,
    state: State,
}

impl Comms {
    pub fn new(iopub: IoPub) -> Comms {
        Comms { iopub, open: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there are controls at all.
    pub fn has_controls(&self) -> bool {
        !self.lock().groups.is_empty()
    }

    /// Opens the comms of a cell's controls and shows them. The turn is that of their closure's
    /// first call.
    pub async fn open_controls(&self, request: &Arc<Request>, number: u32, id: u64, controls: Vec<Control>) -> Turn {
        let models = widgets::models(&controls);
        let view = format!("interact-{id}");
        let area = Area::new(view.clone());
        let turn = area.begin();
        let text = format!("{} ({NEEDED})", controls_text(&controls));
        let mut data = Map::from_iter([("text/plain".to_owned(), Value::from(text))]);
        if let Some(shown) = models.last() {
            let view = json!({"version_major": 2, "version_minor": 0, "model_id": shown.comm_id});
            data.insert(VIEW.to_owned(), view);
        }
        let mut messages = Vec::new();
        {
            let mut open = self.lock();
            let comms = models.iter().map(|model| model.comm_id.clone()).collect();
            let group = Group { request: request.clone(), number, controls, comms, view: view.clone(), area };
            open.groups.insert(id, group);
            for model in models {
                let content = json!({
                    "comm_id": model.comm_id, "target_name": TARGET,
                    "data": {"state": model.state, "buffer_paths": []},
                });
                let message = request.child(raw("comm_open", content));
                messages.push(message.with_metadata(json!({"version": PROTOCOL})));
                open.models.insert(model.comm_id, Model { group: id, control: model.control, state: model.state });
            }
        }
        for message in messages {
            self.iopub.publish(message).await;
        }
        self.iopub.publish(request.child(display(data, Map::new(), Some(view), false))).await;
        turn
    }

    /// The open comms, for `comm_info_request`.
    pub fn info(&self, asked: &CommInfoRequest) -> JupyterMessageContent {
        let is_wanted = asked.target_name.as_ref().is_none_or(|target| target == TARGET);
        let open = self.lock();
        let models = open.models.keys().filter(|_| is_wanted);
        let comms: Map<String, Value> =
            models.map(|comm_id| (comm_id.clone(), json!({"target_name": TARGET}))).collect();
        raw("comm_info_reply", json!({"status": "ok", "comms": comms}))
    }

    /// A front end opens a comm: that for asking is welcome, any other is closed.
    ///
    /// # Errors
    /// When the request does not name a comm.
    pub async fn opened(&self, request: &Request) -> Result<(), serde_json::Error> {
        let open: CommOpen = request.content()?;
        if open.target_name == CONTROL_TARGET {
            self.lock().askers.insert(open.comm_id);
        } else {
            tracing::debug!(target_name = open.target_name, buffers = request.buffers.len(), "no such comm target");
            self.iopub.publish(request.child(close(&open.comm_id))).await;
        }
        Ok(())
    }

    /// A front end has closed a comm: it cannot show the controls, or nobody wants them any
    /// more. All comms of these are closed; returns their number, if it is the first to say so.
    ///
    /// # Errors
    /// When the request does not name a comm.
    pub async fn closed(&self, request: &Request) -> Result<Option<u64>, serde_json::Error> {
        let closed: CommOpen = request.content()?;
        let group = {
            let mut open = self.lock();
            open.askers.remove(&closed.comm_id);
            open.models.get(&closed.comm_id).map(|model| model.group)
        };
        if let Some(group) = group {
            self.close(|id, _| id == group, Some(NEEDED)).await;
        }
        Ok(group)
    }

    /// Takes in what a front end says about a model.
    ///
    /// # Errors
    /// When the message cannot be read.
    pub async fn message(&self, request: &Request) -> Result<(), serde_json::Error> {
        let CommMessage { comm_id, data } = request.content()?;
        let answer = match data.method.as_str() {
            "update" => self.update(&comm_id, data.state),
            "request_state" => {
                self.lock().models.get(&comm_id).map(|model| widget_data("update", "state", &model.state))
            }
            "request_states" => self.lock().all_states(&comm_id),
            other => {
                tracing::debug!("nothing to do for the widget message {other:?}");
                None
            }
        };
        if let Some(data) = answer {
            self.iopub.publish(request.child(comm_message(&comm_id, data))).await;
        }
        Ok(())
    }

    /// The new state of a model. The answer tells it to all front ends that show the model.
    fn update(&self, comm_id: &str, mut state: State) -> Option<Value> {
        let mut open = self.lock();
        let Open { groups, models, changed, .. } = &mut *open;
        let model = models.get_mut(comm_id)?;
        let group = groups.get_mut(&model.group)?;
        if let Some(control) = model.control.and_then(|index| group.controls.get_mut(index)) {
            let (name, value) = widgets::value_state(control);
            if let Some(sent) = state.get(name) {
                let new = control.fitting(sent).unwrap_or(value);
                if new != control.value {
                    control.value = new.clone();
                    changed.insert(model.group);
                }
                state.insert(name.to_owned(), new);
            }
        }
        let answer = widget_data("echo_update", "state", &state);
        model.state.extend(state);
        Some(answer)
    }

    /// What has changed since this was last asked: the latest values only.
    pub fn take_changed(&self) -> Vec<Changed> {
        let mut open = self.lock();
        let changed = std::mem::take(&mut open.changed);
        let changed = changed.into_iter().filter_map(|id| {
            let group = open.groups.get(&id)?;
            let values = group.controls.iter().map(|control| control.value.clone()).collect();
            Some(Changed { id, values, request: group.request.clone(), number: group.number, area: group.area.clone() })
        });
        changed.collect()
    }

    /// A cell is run again: the controls that it had made are closed. Returns their numbers.
    pub async fn close_of_cell(&self, request: &Request, code: &str) -> Vec<u64> {
        let is_same = |_, group: &Group| match (&group.request.cell_id, &request.cell_id) {
            (Some(old), Some(new)) => old == new,
            _ => group.request.content().is_ok_and(|old: Value| old["code"] == *code),
        };
        self.close(is_same, None).await
    }

    /// Closes all controls but those whose closures are there.
    pub async fn keep_only(&self, alive: &BTreeSet<u64>) {
        self.close(|id, _| !alive.contains(&id), Some(GONE)).await;
    }

    /// Closes controls; `why` is shown in their place.
    async fn close(&self, which: impl Fn(u64, &Group) -> bool, why: Option<&str>) -> Vec<u64> {
        let closed: Vec<(u64, Group)> = {
            let mut open = self.lock();
            let ids: Vec<u64> =
                open.groups.iter().filter(|(id, group)| which(**id, group)).map(|(id, _)| *id).collect();
            open.models.retain(|_, model| !ids.contains(&model.group));
            ids.into_iter().filter_map(|id| Some((id, open.groups.remove(&id)?))).collect()
        };
        for (_, group) in &closed {
            for comm_id in group.comms.iter().rev() {
                self.iopub.publish(group.request.child(close(comm_id))).await;
            }
            if let Some(why) = why {
                let text = format!("{} ({why})", controls_text(&group.controls));
                let data = Map::from_iter([("text/plain".to_owned(), Value::from(text))]);
                let content = display(data, Map::new(), Some(group.view.clone()), true);
                self.iopub.publish(group.request.child(content)).await;
            }
        }
        closed.into_iter().map(|(id, _)| id).collect()
    }
}

impl Open {
    /// What is told to one who asks for all states.
    fn all_states(&self, asker: &str) -> Option<Value> {
        self.askers.get(asker)?;
        let states = self.models.iter().map(|(comm_id, Model { state, .. })| {
            let (name, module) = (&state["_model_name"], &state["_model_module"]);
            let version = &state["_model_module_version"];
            let told =
                json!({"model_name": name, "model_module": module, "model_module_version": version, "state": state});
            (comm_id.clone(), told)
        });
        Some(widget_data("update_states", "states", &states.collect()))
    }
}

fn widget_data(method: &str, name: &str, content: &State) -> Value {
    json!({"method": method, name: content, "buffer_paths": []})
}

fn comm_message(comm_id: &str, data: Value) -> JupyterMessageContent {
    raw("comm_msg", json!({"comm_id": comm_id, "data": data}))
}

fn close(comm_id: &str) -> JupyterMessageContent {
    raw("comm_close", json!({"comm_id": comm_id, "data": {}}))
}
