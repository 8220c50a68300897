//! What must not harm the kernel: wrong signatures, garbage, bugs of the session, front
//! ends that do not read.

use jupyter_zmq_client::create_client_heartbeat_connection;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

use super::front_end::{FrontEnd, Kernel, content, request, soon};

async fn still_works(front_end: &mut FrontEnd) {
    let reply = front_end.execute("print fine", json!({})).await;
    assert_eq!(reply["status"], "ok");
}

#[tokio::test]
async fn messages_with_a_wrong_signature_are_dropped() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let header = br#"{"msg_id":"x","msg_type":"execute_request","username":"","session":"","version":"5.4"}"#;
    let content = br#"{"code":"print evil"}"#;
    for signature in [&b""[..], b"00", b"not hex", &b"ab".repeat(32)] {
        front_end.send_frames(&[b"<IDS|MSG>", signature, header, b"{}", b"{}", content]).await;
    }
    // The same connection with another key.
    let mut stranger = FrontEnd::connect_as(&kernel, "stranger").await;
    let mut other_key = kernel.info.clone();
    other_key.key = "guessed".into();
    let me = jupyter_zmq_client::peer_identity_for_session("guesser").expect("short enough");
    stranger.shell = jupyter_zmq_client::create_client_shell_connection_with_identity(&other_key, "guesser", me)
        .await
        .expect("connected");
    stranger.send_execute("print evil").await;
    front_end.no_more_iopub().await;
    still_works(&mut front_end).await;
}

#[tokio::test]
async fn frames_that_are_no_message_are_survived() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let garbage: &[&[&[u8]]] = &[
        &[b""],
        &[b"", b""],
        &[b"<IDS|MSG>"],
        &[b"<IDS|MSG>", b""],
        &[b"<IDS|MSG>", b"", b"{}", b"{}", b"{}"],
        &[b"\xff\xfe", b"<IDS|MSG>", b"\xff", b"\xff", b"\xff", b"\xff", b"\xff"],
        &[b"no delimiter", b"{}", b"{}", b"{}", b"{}", b"{}"],
    ];
    for frames in garbage {
        front_end.send_frames(frames).await;
    }
    front_end.no_more_iopub().await;
    still_works(&mut front_end).await;
}

#[tokio::test]
async fn bytes_that_are_no_zeromq_are_survived() {
    let kernel = Kernel::start().await;
    for port in 1..=5 {
        let path = format!("{}-{port}", kernel.info.ip);
        for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 4096], b""] {
            let mut stream = UnixStream::connect(&path).await.expect("it listens");
            let _ = stream.write_all(garbage).await;
        }
    }
    let mut front_end = FrontEnd::connect(&kernel).await;
    still_works(&mut front_end).await;
}

#[tokio::test]
async fn wrong_content_is_answered_with_an_error() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let wrong = [
        ("execute_request", json!({})),
        ("execute_request", json!({"code": 7})),
        ("execute_request", json!({"code": "1", "silent": "no"})),
        ("complete_request", json!({"code": "a", "cursor_pos": -1})),
        ("complete_request", json!({"code": [], "cursor_pos": 1})),
        ("inspect_request", json!({"cursor_pos": 1})),
        ("is_complete_request", json!({"cod": "a"})),
        ("history_request", json!({"hist_access_type": "none"})),
        ("nonsense_request", json!({"a": 1})),
    ];
    for (msg_type, question) in wrong {
        let reply = front_end.ask(msg_type, question).await;
        assert_eq!(reply.header.msg_type, msg_type.replace("_request", "_reply"));
        let reply = content(&reply);
        // The reply about completeness has a set of statuses of its own.
        let status = if msg_type == "is_complete_request" { "unknown" } else { "error" };
        assert_eq!(reply["status"], status, "{msg_type}");
        let has_error = reply["ename"].is_string() && reply["traceback"].is_array();
        assert!(has_error || status == "unknown", "{msg_type}");
    }
    for (msg_type, content) in [("comm_open", json!({})), ("nonsense", json!({}))] {
        let id = front_end.send_shell(request(msg_type, content)).await;
        front_end.recv_iopub_busy(&id).await;
        front_end.recv_iopub_idle(&id).await;
    }
    still_works(&mut front_end).await;
}

#[tokio::test]
async fn a_bug_in_the_session_fails_the_cell_only() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let reply = front_end.execute("bug", json!({})).await;
    assert_eq!((&reply["status"], &reply["ename"]), (&json!("error"), &json!("KernelError")));
    let reply = content(&front_end.ask("inspect_request", json!({"code": "bug"})).await);
    assert_eq!((&reply["status"], &reply["ename"]), (&json!("error"), &json!("KernelError")));
    still_works(&mut front_end).await;
}

#[tokio::test]
async fn the_heart_beats_while_the_runtime_is_blocked() {
    let kernel = Kernel::start().await;
    let mut front_end = FrontEnd::connect(&kernel).await;
    let info = kernel.info.clone();
    let beats = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut heart = create_client_heartbeat_connection(&info).await.expect("connected");
            for _ in 0..3 {
                soon("a beat", heart.single_heartbeat()).await.expect("beaten");
            }
        });
    });
    // Blocks the only thread of the kernel's runtime.
    beats.join().expect("the heart beats");
    still_works(&mut front_end).await;
}

#[tokio::test]
async fn a_front_end_that_does_not_read_does_not_stop_the_others() {
    let kernel = Kernel::start().await;
    let mut reads = FrontEnd::connect(&kernel).await;
    let mut does_not = FrontEnd::connect_as(&kernel, "does not read").await;
    let id = reads.send_execute("flood 3000").await;
    let types = reads.skip_to_idle(&id).await;
    assert_eq!(types.iter().filter(|msg_type| *msg_type == "stream").count(), 6000);
    reads.recv_reply(&id, "execute_reply").await;
    still_works(&mut reads).await;

    // When it reads again, it is told how much it missed, and that the cell has ended.
    does_not.recv_iopub_busy(&id).await;
    let (mut seen, mut missed) = (0, 0);
    loop {
        let message = does_not.recv_iopub().await;
        let content = content(&message);
        match message.header.msg_type.as_str() {
            "stream" => seen += 1,
            "display_data" => {
                assert_eq!(message.parent_header.expect("a parent").msg_id, id);
                let text = content["data"]["text/plain"].as_str().unwrap_or_default();
                let words: Vec<_> = text.split(' ').collect();
                missed += words[1].parse::<usize>().expect("a number");
            }
            "status" if content["execution_state"] == "idle" => break,
            _ => {}
        }
    }
    assert!(seen > 0 && missed > 0);
    assert_eq!(seen + missed, 6000);
}

#[tokio::test]
async fn front_ends_come_and_go() {
    let kernel = Kernel::start_tcp().await;
    let mut first = FrontEnd::connect(&kernel).await;
    for visit in 0..40 {
        let mut visitor = FrontEnd::connect_as(&kernel, &format!("visitor {visit}")).await;
        still_works(&mut visitor).await;
    }
    let id = first.send_execute("print last").await;
    let types = first.skip_to_idle(&id).await;
    assert_eq!(types.iter().filter(|msg_type| *msg_type == "stream").count(), 41);
}
