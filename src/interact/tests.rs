use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::*;
use crate::display::{Html, MimeBundle, Rich};
use crate::message::{Control, ControlKind};

fn describe(controls: &impl Controls) -> Vec<Control> {
    let mut described = Vec::new();
    controls.describe(&mut described);
    described
}

fn read<C: Controls>(controls: &C, values: &[Value]) -> C::Values {
    controls.read(&mut control::Values(values.iter()))
}

fn only(controls: &impl Controls) -> Control {
    let described = describe(controls);
    assert_eq!(described.len(), 1);
    described[0].clone()
}

#[test]
fn a_slider_begins_in_the_middle_or_where_it_is_told_to() {
    let control = only(&slider("workers", 1..=8));
    assert_eq!(control.kind, ControlKind::IntegerSlider { min: 1, max: 8, step: 1 });
    assert_eq!(control.to_string(), "workers = 4");
    assert_eq!(only(&slider("n", 0u64..=u64::MAX).value(3)).value, json!(3));
    assert_eq!(only(&slider("n", 1..=8).value(20)).value, json!(8), "the nearest that there is");
    assert_eq!(only(&slider("n", -10i8..=10).step(5)).value, json!(0));
    let scale = only(&slider("scale", 0.1..=2.0).step(0.1));
    assert_eq!(scale.kind, ControlKind::FloatSlider { min: 0.1, max: 2.0, step: 0.1 });
    let value = scale.value.as_f64().expect("a number");
    assert!((value / 0.1 - (value / 0.1).round()).abs() < 1e-9 && (1.0..=1.2).contains(&value), "{value}");
    assert_eq!(only(&slider("scale", 0.1f32..=0.1)).value, json!(0.1));
    assert!(matches!(only(&slider("s", 0.0..=1.0)).kind, ControlKind::FloatSlider { step, .. } if step == 0.01));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let refused = |make: fn()| {
        let payload = panic::catch_unwind(make).expect_err("it is refused");
        crate::__rt::caught::payload_text(payload.as_ref())
    };
    #[allow(clippy::reversed_empty_ranges, reason = "it is refused")]
    let empty = refused(|| drop(slider("n", 8..=1)));
    assert!(empty.contains("`n` has an empty range"), "{empty}");
    assert!(refused(|| drop(describe(&slider("n", 1..=8).step(0)))).contains("above 0"));
    assert!(refused(|| drop(describe(&slider("n", 0.0..=f64::INFINITY)))).contains("finite"));
    assert!(refused(|| drop(menu::<String>("kind", []))).contains("nothing to choose"));
    assert!(refused(|| drop(menu("kind", [1, 2]).value(3))).contains("not in it"));
    let nested = refused(|| interact(checkbox("a"), |_| interact(checkbox("b"), |_| ())));
    assert!(nested.contains("in the closure of another"), "{nested}");
}

#[test]
fn values_come_in_the_form_of_the_controls() {
    let all =
        (slider("n", 1u8..=8).value(2), (menu("kind", ["a", "b"]).value("b"), checkbox("c")), textbox("t").value("x"));
    let first: Vec<Value> = describe(&all).into_iter().map(|control| control.value).collect();
    assert_eq!(first, [json!(2), json!(1), json!(false), json!("x")]);
    assert_eq!(read(&all, &first), (2, ("b", false), "x".to_owned()));
    assert_eq!(read(&all, &[json!(7), json!(0), json!(true), json!("")]), (7, ("a", true), String::new()));
    // What does not fit is as it was at first.
    assert_eq!(read(&all, &[json!(7), json!(9)]), (7, ("b", false), "x".to_owned()));
    assert_eq!(read(&slider("x", 0.0f32..=1.0), &[json!(1)]), 1.0);
}

#[test]
fn a_front_end_can_send_what_it_wants() {
    let slider = only(&slider("n", 1..=8));
    assert_eq!(slider.fitting(&json!(5.2)), Some(json!(5)));
    assert_eq!(slider.fitting(&json!(1e300)), Some(json!(8)));
    assert_eq!(slider.fitting(&json!("5")), None);
    let menu = only(&menu("kind", ["a"]));
    assert_eq!(
        (menu.fitting(&json!(0)), menu.fitting(&json!(1)), menu.fitting(&json!(-1))),
        (Some(json!(0)), None, None)
    );
    assert_eq!(only(&checkbox("c")).fitting(&json!(null)), None);
    assert_eq!(only(&textbox("t")).fitting(&json!("a\n")), Some(json!("a\n")));
}

#[test]
fn without_a_kernel_the_first_values_count() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let see = seen.clone();
    interact((slider("workers", 1..=8), menu("kind", ["threads", "processes"])), move |(workers, kind)| {
        see.lock().expect("no panic").push((workers, kind));
        workers * 2
    });
    assert_eq!(*seen.lock().expect("no panic"), [(4, "threads")]);
}

#[test]
fn the_type_that_a_closure_needs_is_found() {
    fn needs(workers: usize) -> usize {
        workers
    }
    interact(slider("workers", 1..=8), |workers| needs(workers) + 1);
}

#[test]
fn values_are_shown_in_their_best_form() {
    let plain = |bundle: Option<MimeBundle>| bundle.map(|bundle| bundle.get("text/plain").cloned());
    assert_eq!(plain(().shown()), None);
    assert_eq!(plain(vec![Some(1)].shown()), Some(Some("[Some(1)]".into())));
    assert!(Html("<b>").shown().is_some_and(|bundle| bundle == Html("<b>").rich()));
    let result: Result<Html<&str>, String> = Ok(Html("<b>"));
    assert!(result.shown().is_some_and(|bundle| bundle.get("text/html").is_some()));
    assert_eq!(plain(Err::<(), _>("no").shown()), Some(Some("Err(\"no\")".into())));
}

#[test]
fn a_closure_that_is_gone_is_told() {
    assert!(call(7, &[]).expect_err("there is none").contains("run the cell again"));
    let calls = panic::catch_unwind(AssertUnwindSafe(|| forget(&[7])));
    assert!(calls.is_ok() && !ids().contains(&7));
}
