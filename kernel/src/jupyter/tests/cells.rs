//! Running cells: order, counts, output, abort, interrupt.

use serde_json::json;

use super::front_end::{FrontEnd, Kernel, content, request};

#[tokio::test]
async fn a_cell_goes_from_busy_over_its_outputs_to_idle() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let code = "print ä\nwarn w\ndisplay d\nupdate d\nclear\nvalue 42\nprint end";
    let id = front_end.send_execute(code).await;
    front_end.recv_iopub_busy(&id).await;
    front_end.recv_iopub_execute_input(&id, code, 1).await;
    front_end.recv_iopub_stream(&id, "stdout", "ä").await;
    front_end.recv_iopub_stream(&id, "stderr", "w").await;
    let display = front_end.recv_iopub_type(&id, "display_data").await;
    assert_eq!(display["transient"], json!({"display_id": "d"}));
    assert_eq!(display["data"]["text/html"], "<b>\n</b>");
    let update = front_end.recv_iopub_type(&id, "update_display_data").await;
    assert_eq!(update["transient"], json!({"display_id": "d"}));
    assert_eq!(front_end.recv_iopub_type(&id, "clear_output").await, json!({"wait": true}));
    let result = front_end.recv_iopub_type(&id, "execute_result").await;
    assert_eq!((&result["execution_count"], &result["data"]["text/plain"]), (&json!(1), &json!("42")));
    front_end.recv_iopub_stream(&id, "stdout", "end").await;
    front_end.recv_iopub_idle(&id).await;
    let reply = front_end.recv_reply(&id, "execute_reply").await;
    assert_eq!(reply, json!({"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {}}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_on_two_threads_over_tcp_with_two_front_ends() {
    let kernel = Kernel::start_tcp().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let mut other = FrontEnd::connect_as(&kernel, "other").await;
    let id = front_end.send_execute("print a\nvalue b").await;
    for front_end in [&mut front_end, &mut other] {
        front_end.recv_iopub_busy(&id).await;
        front_end.recv_iopub_execute_input(&id, "print a\nvalue b", 1).await;
        front_end.recv_iopub_stream(&id, "stdout", "a").await;
        front_end.recv_iopub_type(&id, "execute_result").await;
        front_end.recv_iopub_idle(&id).await;
    }
    assert_eq!(front_end.recv_reply(&id, "execute_reply").await["status"], "ok");
}

#[tokio::test]
async fn only_stored_cells_count() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let mut count = async |more| front_end.execute("value 1", more).await["execution_count"].clone();
    assert_eq!(count(json!({})).await, 1);
    assert_eq!(count(json!({"store_history": false})).await, 2);
    assert_eq!(count(json!({"silent": true})).await, 2);
    assert_eq!(count(json!({})).await, 2);
    assert_eq!(count(json!({})).await, 3);
}

#[tokio::test]
async fn a_silent_cell_shows_its_streams_and_neither_input_nor_result() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let id = front_end.send_execute_with("print a\nvalue 1", json!({"silent": true})).await;
    front_end.recv_iopub_busy(&id).await;
    front_end.recv_iopub_stream(&id, "stdout", "a").await;
    front_end.recv_iopub_idle(&id).await;
}

#[tokio::test]
async fn a_failure_is_told_on_iopub_and_in_the_reply() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let id = front_end.send_execute_with("fail", json!({"user_expressions": {"x": "1"}})).await;
    front_end.recv_iopub_busy(&id).await;
    front_end.recv_iopub_execute_input(&id, "fail", 1).await;
    let error = front_end.recv_iopub_type(&id, "error").await;
    assert_eq!(error, json!({"ename": "Failure", "evalue": "it failed", "traceback": ["it", "failed"]}));
    front_end.recv_iopub_idle(&id).await;
    let reply = front_end.recv_reply(&id, "execute_reply").await;
    assert_eq!(reply["status"], "error");
    assert_eq!((&reply["ename"], &reply["traceback"]), (&error["ename"], &error["traceback"]));
    assert_eq!((&reply["execution_count"], &reply["user_expressions"]), (&json!(1), &json!({})));
}

#[tokio::test]
async fn a_failure_aborts_the_cells_behind_it_and_nothing_else() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let failed = front_end.send_execute("fail").await;
    let behind = front_end.send_execute("print no").await;
    let asked = front_end.send_shell(request("is_complete_request", json!({"code": "a"}))).await;
    let last = front_end.send_execute("print no").await;
    assert_eq!(front_end.recv_reply(&failed, "execute_reply").await["status"], "error");
    assert_eq!(front_end.recv_reply(&behind, "execute_reply").await["status"], "aborted");
    assert_eq!(front_end.recv_reply(&asked, "is_complete_reply").await["status"], "complete");
    assert_eq!(front_end.recv_reply(&last, "execute_reply").await["status"], "aborted");
    front_end.skip_to_idle(&failed).await;
    front_end.recv_iopub_busy(&behind).await;
    front_end.recv_iopub_idle(&behind).await;
    front_end.skip_to_idle(&last).await;
    // What is sent after the reply was seen runs.
    assert_eq!(front_end.execute("print yes", json!({})).await["execution_count"], 2);
}

#[tokio::test]
async fn a_failure_aborts_nothing_when_it_shall_not_stop() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let failed = front_end.send_execute_with("fail", json!({"stop_on_error": false})).await;
    let silent = front_end.send_execute_with("fail", json!({"silent": true})).await;
    let behind = front_end.send_execute("print yes").await;
    assert_eq!(front_end.recv_reply(&failed, "execute_reply").await["status"], "error");
    assert_eq!(front_end.recv_reply(&silent, "execute_reply").await["status"], "error");
    assert_eq!(front_end.recv_reply(&behind, "execute_reply").await["status"], "ok");
}

#[tokio::test]
async fn an_interrupt_reaches_a_running_cell() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let id = front_end.send_execute("wait").await;
    let behind = front_end.send_execute("print no").await;
    front_end.recv_iopub_busy(&id).await;
    front_end.recv_iopub_execute_input(&id, "wait", 1).await;
    front_end.recv_iopub_stream(&id, "stdout", "waiting").await;

    let info = front_end.send_control(request("kernel_info_request", json!({}))).await;
    let reply = front_end.recv_control().await;
    assert_eq!(reply.parent_header.expect("a parent").msg_id, info);
    front_end.recv_iopub_busy(&info).await;
    front_end.recv_iopub_idle(&info).await;

    front_end.send_control(request("interrupt_request", json!({}))).await;
    assert_eq!(content(&front_end.recv_control().await), json!({"status": "ok"}));
    let reply = front_end.recv_reply(&id, "execute_reply").await;
    assert_eq!((&reply["status"], &reply["ename"]), (&json!("error"), &json!("KeyboardInterrupt")));
    assert_eq!(front_end.recv_reply(&behind, "execute_reply").await["status"], "aborted");
}

#[tokio::test]
async fn what_a_thread_prints_after_its_cell_goes_out_under_that_cell() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let id = front_end.send_execute("later from the thread").await;
    front_end.recv_reply(&id, "execute_reply").await;
    front_end.skip_to_idle(&id).await;
    front_end.execute("print other", json!({})).await;
    kernel.dummy.later.notify_one();
    front_end.recv_iopub_stream(&id, "stdout", "from the thread").await;
}

#[tokio::test]
async fn user_expressions_and_payload() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let expressions = json!({"user_expressions": {"good": "1 + 1", "bad": "fail"}});
    let reply = front_end.execute("page help\nnext code", expressions).await;
    let values = &reply["user_expressions"];
    assert_eq!(values["good"], json!({"status": "ok", "data": {"text/plain": "1 + 1"}, "metadata": {}}));
    assert_eq!((&values["bad"]["status"], &values["bad"]["ename"]), (&json!("error"), &json!("Failure")));
    assert_eq!(
        reply["payload"],
        json!([
            {"source": "page", "data": {"text/plain": "help"}, "start": 0},
            {"source": "set_next_input", "text": "code", "replace": false},
        ])
    );
}

#[tokio::test]
async fn a_flood_arrives_whole_before_idle_and_in_larger_messages() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let id = front_end.send_execute("flood 2000").await;
    let types = front_end.skip_to_idle(&id).await;
    assert_eq!(types.iter().filter(|msg_type| *msg_type == "stream").count(), 4000);
    assert_eq!(front_end.recv_reply(&id, "execute_reply").await["status"], "ok");

    let id = front_end.send_execute(&"print x\n".repeat(5000)).await;
    let types = front_end.skip_to_idle(&id).await;
    assert!(types.len() < 5000, "{} messages", types.len());
}
