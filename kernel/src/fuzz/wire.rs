//! Bytes from outside: the worker's socket, its pipes, Jupyter's sockets.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use threadbook::message::{FromCell, ToCell};
use zeromq::ZmqMessage;

use crate::jupyter::history::{self, Entry};
use crate::jupyter::message::Request;
use crate::jupyter::requests::{
    CommInfoRequest, CommMessage, CommOpen, CompleteRequest, ExecuteRequest, HistoryRequest, InputReply,
    InspectRequest, IsCompleteRequest, ShutdownRequest,
};
use crate::jupyter::{cursor, message};
use crate::worker::frame;
use crate::worker::text::{Piece, TextStream};

/// Reads the bytes in every way in which the kernel reads any. A zero byte parts the
/// reads of a pipe, and the frames of a message of Jupyter's.
pub fn wire(data: &[u8]) {
    socket(data);
    pipe(data, false);
    pipe(data, true);
    json::<FromCell>(data);
    json::<ToCell>(data);
    jupyter(data);
}

fn socket(data: &[u8]) {
    let mut from = data;
    let mut from_async = frame::Messages::new(data);
    loop {
        let message = frame::read(&mut from);
        let same = now(from_async.next()).map(|message| message.map(|message| message.json));
        let kinds = |result: &io::Result<_>| result.as_ref().err().map(io::Error::kind);
        assert_eq!(kinds(&message), kinds(&same), "the two readers differ");
        let (Ok(message), Ok(same)) = (message, same) else { break };
        assert_eq!(message, same, "the two readers differ");
        let Some(message) = message else { break };
        json::<FromCell>(&message);
        json::<ToCell>(&message);
    }
    let framed = frame::encode(data).unwrap_or_else(|error| panic!("a short message has no frame: {error}"));
    assert_eq!(frame::read(&mut framed.as_slice()).ok().flatten().as_deref(), Some(data), "a frame loses something");
}

/// A future that has no reason to wait.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("waits for bytes that are there"),
    }
}

/// What is read and written again stays what it is.
fn json<T: DeserializeOwned + Serialize>(data: &[u8]) {
    let Ok(message) = serde_json::from_slice::<T>(data) else { return };
    let written = serde_json::to_vec(&message).unwrap_or_else(|error| panic!("cannot be written: {error}"));
    let again: T = serde_json::from_slice(&written).unwrap_or_else(|error| panic!("cannot be read again: {error}"));
    let written_again = serde_json::to_vec(&again).ok();
    assert_eq!(written_again.as_deref(), Some(written.as_slice()), "not the same any more");
}

/// However the bytes are cut, the same comes out, and without markers all of the text.
fn pipe(data: &[u8], markers: bool) {
    let whole: Vec<u8> = data.iter().copied().filter(|&byte| byte != 0).collect();
    let cut = through(data.split(|&byte| byte == 0), markers);
    let at_once = through([whole.as_slice()].into_iter(), markers);
    assert_eq!(cut, at_once, "it depends on the cuts, markers: {markers}");
    let is_text = !at_once.iter().any(|piece| matches!(piece, Piece::Display(_)));
    if !markers || is_text {
        let text: String = at_once.iter().filter_map(text_of).collect();
        assert_eq!(text, String::from_utf8_lossy(&whole), "text is lost, markers: {markers}");
    }
}

fn text_of(piece: &Piece) -> Option<&str> {
    match piece {
        Piece::Text(text) => Some(text),
        Piece::Display(_) => None,
    }
}

/// What a stream makes of these reads, neighbouring texts joined.
fn through<'a>(reads: impl Iterator<Item = &'a [u8]>, markers: bool) -> Vec<Piece> {
    let mut stream = TextStream::new(markers);
    let mut pieces: Vec<Piece> = reads.flat_map(|read| stream.push(read)).collect();
    pieces.extend(stream.finish());
    let mut joined: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (joined.last_mut(), piece) {
            (Some(Piece::Text(before)), Piece::Text(text)) => before.push_str(&text),
            (_, piece) => joined.push(piece),
        }
    }
    joined
}

fn jupyter(data: &[u8]) {
    let frames: Vec<bytes::Bytes> = data.split(|&byte| byte == 0).map(bytes::Bytes::copy_from_slice).collect();
    let Ok(frames) = ZmqMessage::try_from(frames) else { return };
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"key");
    assert!(Request::from_frames(frames.clone(), &Some(key)).is_err(), "nobody knows the key");
    let Ok(request) = Request::from_frames(frames, &None) else { return };
    let reply = request.reply(message::raw(request.reply_type().unwrap_or_default(), Value::Null));
    assert!(serde_json::to_string(&reply.parent_header).is_ok());

    let _ = request.content::<ShutdownRequest>();
    let _ = request.content::<InputReply>();
    let _ = request.content::<CommOpen>();
    let _ = request.content::<CommMessage>();
    let _ = request.content::<CommInfoRequest>();
    let _ = request.content::<IsCompleteRequest>();
    let _ = request.content::<ExecuteRequest>().map(|execute| execute.stored());
    if let Ok(complete) = request.content::<CompleteRequest>() {
        position(&complete.code, complete.cursor_pos);
    }
    if let Ok(inspect) = request.content::<InspectRequest>() {
        position(&inspect.code, inspect.cursor_pos);
    }
    if let Ok(history) = request.content::<HistoryRequest>() {
        let cells = [(1, 1, "let a = 1;"), (1, 2, "a"), (2, 1, "fn f() {}\nf()"), (3, 1, "[a]")];
        let cells = cells.map(|(session, line, source)| Entry::new(session, line, source.into()));
        let selected = history::select(&cells, 3, &history.access);
        assert!(selected.iter().all(|entry| cells.contains(entry)) && selected.len() <= cells.len());
    }
}

fn position(code: &str, position: Option<usize>) {
    let Some(position) = position else { return };
    let offset = cursor::byte_offset(code, position);
    assert!(code.is_char_boundary(offset), "{offset} is inside a character");
    assert_eq!(cursor::position(code, offset), position.min(code.chars().count()));
}
