//! Questions in both directions: the front end's about the language, the cell's to the
//! person.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::front_end::{FrontEnd, Kernel, content, request, soon};

#[tokio::test]
async fn kernel_info_on_shell_and_control() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let info = content(&front_end.ask("kernel_info_request", json!({})).await);
    assert_eq!(info["status"], "ok");
    let language = &info["language_info"];
    let field = |name: &str| language[name].as_str().unwrap_or("missing").to_owned();
    assert_eq!(
        ["name", "mimetype", "file_extension", "codemirror_mode", "nbconvert_exporter"].map(field),
        ["rust", "text/x-rustsrc", ".rs", "rust", ""]
    );
    let banner = info["banner"].as_str().expect("text");
    assert!(banner.contains("Threadbook") && banner.contains("%help") && banner.contains("TAB"));
    front_end.send_control(request("kernel_info_request", json!({}))).await;
    assert_eq!(content(&front_end.recv_control().await), info);
}

#[tokio::test]
async fn completion_counts_code_points() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let question = json!({"code": "ä🦀 wörd more", "cursor_pos": 7});
    let reply = content(&front_end.ask("complete_request", question).await);
    assert_eq!((&reply["matches"], &reply["status"]), (&json!(["wörd!"]), &json!("ok")));
    assert_eq!((&reply["cursor_start"], &reply["cursor_end"]), (&json!(3), &json!(7)));
    assert_eq!(
        reply["metadata"]["_jupyter_types_experimental"],
        json!([{"text": "wörd!", "type": "macro", "signature": "()", "start": 3, "end": 7}])
    );
    let beyond = content(&front_end.ask("complete_request", json!({"code": "é", "cursor_pos": 9})).await);
    assert_eq!(beyond["cursor_end"], 1);
}

#[tokio::test]
async fn inspection_and_completeness() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let question = json!({"code": "äb", "cursor_pos": 1, "detail_level": 1});
    let reply = content(&front_end.ask("inspect_request", question).await);
    assert_eq!((&reply["found"], &reply["data"]), (&json!(true), &json!({"text/plain": "ä|1"})));
    let reply = content(&front_end.ask("inspect_request", json!({"code": "", "cursor_pos": 0})).await);
    assert_eq!((&reply["found"], &reply["data"]), (&json!(false), &json!({})));

    let mut complete = async |code: &str| content(&front_end.ask("is_complete_request", json!({"code": code})).await);
    assert_eq!(complete("a").await["status"], "complete");
    assert_eq!(complete("{").await, json!({"status": "incomplete", "indent": "    "}));
    assert_eq!(complete("}").await["status"], "invalid");
}

#[tokio::test]
async fn history_has_what_was_stored() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    front_end.execute("print a", json!({})).await;
    front_end.execute("print hidden", json!({"store_history": false})).await;
    front_end.execute("fail", json!({})).await;
    let tail = json!({"hist_access_type": "tail", "n": 5, "output": false, "raw": true});
    let reply = content(&front_end.ask("history_request", tail).await);
    assert_eq!(reply, json!({"status": "ok", "history": [[1, 1, "print a"], [1, 2, "fail"]]}));
    let search = json!({"hist_access_type": "search", "pattern": "print*", "output": true, "raw": true});
    let reply = content(&front_end.ask("history_request", search).await);
    assert_eq!(reply["history"], json!([[1, 1, ["print a", ""]]]));
}

#[tokio::test]
async fn a_cell_asks_for_input() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let id = front_end.send_execute_with("input name?\npassword word?", json!({"allow_stdin": true})).await;
    let question = front_end.recv_stdin().await;
    assert_eq!(content(&question), json!({"prompt": "name?", "password": false}));
    assert_eq!(question.parent_header.as_ref().expect("a parent").msg_id, id);
    front_end.answer(&question, "Ada").await;
    let second = front_end.recv_stdin().await;
    assert_eq!(content(&second), json!({"prompt": "word?", "password": true}));
    // The first answer comes again: it is no answer to the second question.
    front_end.answer(&question, "stale").await;
    front_end.answer(&second, "secret").await;
    assert_eq!(front_end.recv_reply(&id, "execute_reply").await["status"], "ok");
    front_end.recv_iopub_busy(&id).await;
    front_end.recv_iopub_type(&id, "execute_input").await;
    front_end.recv_iopub_stream(&id, "stdout", "Ada").await;
    front_end.recv_iopub_stream(&id, "stdout", "secret").await;
}

#[tokio::test]
async fn without_stdin_a_cell_learns_that_nobody_answers() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let id = front_end.send_execute_with("input name?", json!({"allow_stdin": false})).await;
    front_end.recv_iopub_busy(&id).await;
    front_end.recv_iopub_type(&id, "execute_input").await;
    front_end.recv_iopub_stream(&id, "stdout", "nobody").await;
    front_end.recv_iopub_idle(&id).await;
}

#[tokio::test]
async fn a_front_end_that_leaves_does_not_answer() {
    let kernel = Kernel::start().await;
    let mut stays = FrontEnd::connect(&kernel).await;
    let mut leaves = FrontEnd::connect_as(&kernel, "leaves").await;
    let id = leaves.send_execute("input name?").await;
    leaves.recv_stdin().await;
    drop(leaves);
    stays.recv_iopub_busy(&id).await;
    stays.recv_iopub_type(&id, "execute_input").await;
    stays.recv_iopub_stream(&id, "stdout", "nobody").await;
    stays.recv_iopub_idle(&id).await;
}

#[tokio::test]
async fn an_interrupt_takes_a_question_back() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let id = front_end.send_execute("input name?").await;
    let question = front_end.recv_stdin().await;
    front_end.send_control(request("interrupt_request", json!({}))).await;
    assert_eq!(front_end.recv_reply(&id, "execute_reply").await["status"], "ok");
    front_end.answer(&question, "too late").await;

    let id = front_end.send_execute("input again?").await;
    let question = front_end.recv_stdin().await;
    front_end.answer(&question, "in time").await;
    assert_eq!(front_end.recv_reply(&id, "execute_reply").await["status"], "ok");
    let mut printed = Vec::new();
    while printed.len() < 2 {
        let message = front_end.recv_iopub().await;
        if message.header.msg_type == "stream" {
            printed.push(content(&message)["text"].clone());
        }
    }
    assert_eq!(printed, ["interrupted", "in time"]);
}

#[tokio::test]
async fn comms_are_closed_and_none_is_open() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let info = content(&front_end.ask("comm_info_request", json!({"target_name": "x"})).await);
    assert_eq!(info, json!({"status": "ok", "comms": {}}));

    let open = request("comm_open", json!({"comm_id": "c", "target_name": "x", "data": {}}));
    let id = front_end.send_shell(open.with_buffers(vec!["\0\u{1}".into()])).await;
    front_end.recv_iopub_busy(&id).await;
    assert_eq!(front_end.recv_iopub_type(&id, "comm_close").await, json!({"comm_id": "c", "data": {}}));
    front_end.recv_iopub_idle(&id).await;
    for msg_type in ["comm_msg", "comm_close"] {
        let id = front_end.send_shell(request(msg_type, json!({"comm_id": "c", "data": {}}))).await;
        front_end.recv_iopub_busy(&id).await;
        front_end.recv_iopub_idle(&id).await;
    }
}

#[tokio::test]
async fn what_is_not_supported_is_said() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let mut ask_control = async |msg_type: &str, question: Value| {
        front_end.send_control(request(msg_type, question)).await;
        let reply = front_end.recv_control().await;
        (reply.header.msg_type.clone(), content(&reply))
    };
    let (msg_type, reply) = ask_control("create_subshell_request", json!({})).await;
    assert_eq!((msg_type.as_str(), &reply["status"]), ("create_subshell_reply", &json!("error")));
    assert!(reply["evalue"].as_str().is_some_and(|text| text.contains("create_subshell_request")));
    let (_, reply) = ask_control("execute_request", json!({"code": "print a"})).await;
    assert_eq!((&reply["status"], &reply["ename"]), (&json!("error"), &json!("NotSupported")));
    let debug = json!({"type": "request", "seq": 7, "command": "attach", "arguments": {}});
    let (msg_type, reply) = ask_control("debug_request", debug).await;
    assert_eq!((msg_type.as_str(), &reply["success"]), ("debug_reply", &json!(false)));
    assert_eq!((&reply["request_seq"], &reply["command"]), (&json!(7), &json!("attach")));
    let (_, reply) = ask_control("usage_request", json!({})).await;
    assert_eq!(reply["pid"], std::process::id());
}

#[tokio::test]
async fn shutdown_is_answered_broadcast_and_done_even_while_a_cell_runs() {
    for restart in [true, false] {
        let kernel = Kernel::start().await;
        let mut front_end = FrontEnd::connect(&kernel).await;
        let cell = front_end.send_execute("wait").await;
        front_end.recv_iopub_busy(&cell).await;
        front_end.recv_iopub_type(&cell, "execute_input").await;
        front_end.recv_iopub_stream(&cell, "stdout", "waiting").await;
        let id = front_end.send_control(request("shutdown_request", json!({"restart": restart}))).await;
        let expected = json!({"status": "ok", "restart": restart});
        assert_eq!(content(&front_end.recv_control().await), expected);
        front_end.recv_iopub_busy(&id).await;
        front_end.recv_iopub_idle(&id).await;
        assert_eq!(front_end.recv_iopub_type(&id, "shutdown_reply").await, expected);
        let Kernel { served, dummy, .. } = kernel;
        soon("the end", served).await.expect("no panic").expect("no error");
        assert!(dummy.ended.load(Ordering::SeqCst));
    }
}

#[tokio::test]
async fn shutdown_on_shell_removes_the_socket_files() {
    let mut kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    assert_eq!(kernel.socket_files(), 5);
    let id = front_end.send_shell(request("shutdown_request", json!({}))).await;
    assert_eq!(front_end.recv_reply(&id, "shutdown_reply").await["restart"], false);
    soon("the end", &mut kernel.served).await.expect("no panic").expect("no error");
    assert_eq!(kernel.socket_files(), 0);
}
