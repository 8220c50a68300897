//! Controls as the models of ipywidgets 8.
//!
//! The state of each model and the messages: "Jupyter widgets messaging protocol, version 2.1"
//! and "model state" in the sources of ipywidgets (`packages/schema`).

use serde_json::{Map, Value, json};
use threadbook::message::{Control, ControlKind};
use uuid::Uuid;

/// The comm target of all models.
pub const TARGET: &str = "jupyter.widget";
/// The comm target by which a front end asks for all states.
pub const CONTROL_TARGET: &str = "jupyter.widget.control";
/// In the metadata of each `comm_open`; front ends refuse others.
pub const PROTOCOL: &str = "2.1.0";
/// What a display of a model is.
pub const VIEW: &str = "application/vnd.jupyter.widget-view+json";

const CONTROLS: &str = "@jupyter-widgets/controls";
const BASE: &str = "@jupyter-widgets/base";
const MODULES: &str = "2.0.0";

pub type State = Map<String, Value>;

pub struct Model {
    pub comm_id: String,
    pub state: State,
    /// Which of the controls it sets, if any.
    pub control: Option<usize>,
}

/// The models of some controls, the ones that others refer to first; the last one is to be shown.
pub fn models(controls: &[Control]) -> Vec<Model> {
    // Names stand one below the other, each in full.
    let longest = controls.iter().map(|control| control.name.chars().count()).max().unwrap_or(0);
    let described = json!({"description_width": format!("{}ch", longest.clamp(8, 40) + 1)});
    let wide = json!({"width": format!("calc(var(--jp-widgets-inline-width, 300px) + {}ch)", longest.saturating_sub(8).min(32))});
    let mut models = vec![model("Layout", BASE, wide, None)];
    let layout = reference(&models[0]);
    let mut children = Vec::new();
    for (index, control) in controls.iter().enumerate() {
        let style = model(&format!("{}Style", style_of(&control.kind)), CONTROLS, described.clone(), None);
        let mut state = json!({"description": control.name, "layout": layout, "style": reference(&style)});
        if let (Value::Object(state), Value::Object(own)) = (&mut state, own_state(control, controls.len() == 1)) {
            state.extend(own);
        }
        let control = model(kind(&control.kind), CONTROLS, state, Some(index));
        children.push(reference(&control));
        models.extend([style, control]);
    }
    if controls.len() != 1 {
        models.push(model("VBox", CONTROLS, json!({"children": children}), None));
    }
    models
}

/// The state that is the value of a control.
pub fn value_state(control: &Control) -> (&'static str, Value) {
    match control.kind {
        ControlKind::Menu { .. } => ("index", control.value.clone()),
        _ => ("value", control.value.clone()),
    }
}

fn own_state(control: &Control, alone: bool) -> Value {
    let (value_name, value) = value_state(control);
    let mut state = match &control.kind {
        ControlKind::IntegerSlider { min, max, step } => json!({"min": min, "max": max, "step": step}),
        ControlKind::FloatSlider { min, max, step } => {
            json!({"min": min, "max": max, "step": step, "readout_format": format!(".{}f", decimals(*step))})
        }
        ControlKind::Menu { options } => json!({"_options_labels": options}),
        ControlKind::Checkbox => json!({"indent": !alone}),
        ControlKind::Text => json!({}),
    };
    state[value_name] = value;
    if !matches!(control.kind, ControlKind::Menu { .. } | ControlKind::Checkbox) {
        state["continuous_update"] = control.continuous.into();
    }
    state
}

/// The digits after the point that tell one step from the next.
fn decimals(step: f64) -> usize {
    (0..9).find(|&digits| (step * 10f64.powi(digits) - (step * 10f64.powi(digits)).round()).abs() < 1e-6).unwrap_or(9)
        as usize
}

fn kind(kind: &ControlKind) -> &'static str {
    match kind {
        ControlKind::IntegerSlider { .. } => "IntSlider",
        ControlKind::FloatSlider { .. } => "FloatSlider",
        ControlKind::Menu { .. } => "Dropdown",
        ControlKind::Checkbox => "Checkbox",
        ControlKind::Text => "Text",
    }
}

fn style_of(kind: &ControlKind) -> &'static str {
    match kind {
        ControlKind::IntegerSlider { .. } | ControlKind::FloatSlider { .. } => "Slider",
        ControlKind::Menu { .. } => "Description",
        ControlKind::Checkbox => "Checkbox",
        ControlKind::Text => "Text",
    }
}

/// A model with what all of them have.
fn model(name: &str, module: &str, own: Value, control: Option<usize>) -> Model {
    // A style has no view of its own, and Layout's and Style's come from the base package.
    let view = match name {
        name if name.ends_with("Style") => "Style",
        name => name,
    };
    let view_module = if ["Layout", "Style"].contains(&view) { BASE } else { CONTROLS };
    let state = json!({
        "_model_name": format!("{name}Model"), "_model_module": module, "_model_module_version": MODULES,
        "_view_name": format!("{view}View"), "_view_module": view_module, "_view_module_version": MODULES,
    });
    let mut state = match state {
        Value::Object(state) => state,
        _ => State::new(),
    };
    if let Value::Object(own) = own {
        state.extend(own);
    }
    Model { comm_id: Uuid::new_v4().simple().to_string(), state, control }
}

fn reference(model: &Model) -> String {
    format!("IPY_MODEL_{}", model.comm_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(name: &str, kind: ControlKind, value: Value) -> Control {
        Control { name: name.to_owned(), kind, value, continuous: true }
    }

    #[test]
    fn models_come_before_those_that_refer_to_them() {
        let controls = [
            control("workers", ControlKind::IntegerSlider { min: 1, max: 8, step: 1 }, json!(4)),
            control("kind", ControlKind::Menu { options: vec!["a".into(), "b".into()] }, json!(1)),
        ];
        let models = models(&controls);
        let mut known = Vec::new();
        for model in &models {
            let text = Value::Object(model.state.clone()).to_string();
            for reference in text.split("IPY_MODEL_").skip(1) {
                assert!(known.iter().any(|id: &String| reference.starts_with(id.as_str())), "{text}");
            }
            known.push(model.comm_id.clone());
        }
        let shown = models.last().expect("there are some");
        assert_eq!(shown.state["_model_name"], "VBoxModel");
        let menu = models.iter().find(|model| model.control == Some(1)).expect("the menu");
        assert_eq!((&menu.state["index"], &menu.state["_options_labels"]), (&json!(1), &json!(["a", "b"])));
        let alone = super::models(&controls[..1]);
        assert_eq!(alone.last().and_then(|model| model.control), Some(0));
    }

    #[test]
    fn a_readout_has_the_digits_of_a_step() {
        assert_eq!([1.0, 0.5, 0.1, 0.25, 1e-3, 20.0].map(decimals), [0, 1, 1, 2, 3, 0]);
    }
}
