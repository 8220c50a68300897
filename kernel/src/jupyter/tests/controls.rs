//! Controls as a front end with widgets sees them.

use serde_json::{Value, json};

use super::front_end::{FrontEnd, Kernel, content, request, soon};

/// All that comes on iopub for some requests, until the last of them is idle.
async fn until_idle(front_end: &mut FrontEnd, last: &str) -> Vec<(String, Value)> {
    let mut seen = Vec::new();
    loop {
        let message = front_end.recv_iopub().await;
        let content = content(&message);
        let parent = message.parent_header.map(|parent| parent.msg_id).unwrap_or_default();
        if parent == last && content["execution_state"] == "idle" {
            return seen;
        }
        seen.push((message.header.msg_type, content));
    }
}

fn of_type(seen: &[(String, Value)], msg_type: &str) -> Vec<Value> {
    seen.iter().filter(|(its, _)| its == msg_type).map(|(_, content)| content.clone()).collect()
}

fn update(comm: &str, value: Value) -> jupyter_protocol::messaging::JupyterMessage {
    request("comm_msg", json!({"comm_id": comm, "data": {"method": "update", "state": {"value": value}}}))
}

/// Runs a cell with a slider; returns its comm.
async fn slider(front_end: &mut FrontEnd, code: &str) -> String {
    let id = front_end.send_execute(code).await;
    let seen = until_idle(front_end, &id).await;
    let opened = of_type(&seen, "comm_open");
    let slider = opened.iter().find(|open| open["data"]["state"]["description"] == "n").expect("a slider");
    slider["comm_id"].as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn of_changes_that_wait_the_last_is_called() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let comm = slider(&mut front_end, "controls 5").await;
    let cell = front_end.send_execute("wait").await;
    front_end.recv_iopub_busy(&cell).await;
    front_end.recv_iopub_execute_input(&cell, "wait", 2).await;
    front_end.recv_iopub_stream(&cell, "stdout", "waiting").await;
    let mut last = String::new();
    for value in [1, 2, 3, 7] {
        last = front_end.send_shell(update(&comm, json!(value))).await;
    }
    // When this has arrived, all changes have.
    front_end.send_execute("print behind").await;
    soon("the last request", kernel.dummy.announced.notified()).await;
    front_end.send_control(request("interrupt_request", json!({}))).await;
    let seen = until_idle(&mut front_end, &last).await;
    let echoes = of_type(&seen, "comm_msg");
    assert_eq!(echoes.len(), 4);
    assert_eq!(echoes[3]["data"], json!({"method": "echo_update", "state": {"value": 7}, "buffer_paths": []}));
    let shown = of_type(&seen, "update_display_data");
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert_eq!(shown[0]["data"]["text/plain"], "5: [7]");
}

#[tokio::test]
async fn an_error_is_shown_in_place() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let comm = slider(&mut front_end, "controls 5").await;
    let last = front_end.send_shell(update(&comm, json!(8))).await;
    let shown = of_type(&until_idle(&mut front_end, &last).await, "update_display_data");
    // (In place of the first value, then the dummy's text; the error is new.)
    assert_eq!(shown.last().map(|shown| &shown["data"]["text/plain"]), Some(&json!("5: [8]")));
    let last = front_end.send_shell(update(&comm, json!(7))).await;
    let shown = of_type(&until_idle(&mut front_end, &last).await, "update_display_data");
    let texts: Vec<&Value> = shown.iter().map(|shown| &shown["data"]["text/plain"]).collect();
    assert_eq!(texts, ["5: [7]", ""], "the error goes");
}

#[tokio::test]
async fn controls_go_with_their_closures_and_with_their_cell() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let comm = slider(&mut front_end, "controls 5\nlose").await;
    // The closure went with its process before anything was changed.
    let last = front_end.send_shell(update(&comm, json!(8))).await;
    assert!(of_type(&until_idle(&mut front_end, &last).await, "comm_msg").is_empty());

    let comm = slider(&mut front_end, "controls 6").await;
    for unreadable in [json!({}), json!({"comm_id": comm, "data": 5}), json!({"comm_id": comm, "data": null})] {
        let last = front_end.send_shell(request("comm_msg", unreadable)).await;
        assert_eq!(until_idle(&mut front_end, &last).await.len(), 1, "busy only");
    }
    let again = front_end.send_execute("controls 6").await;
    let seen = until_idle(&mut front_end, &again).await;
    // Those of the cell's first run, in the opposite order.
    assert_eq!(of_type(&seen, "comm_close").len(), of_type(&seen, "comm_open").len());
    assert_eq!(of_type(&seen, "comm_close")[0]["comm_id"], comm.as_str());
}
