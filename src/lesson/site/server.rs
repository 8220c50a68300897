//! Speaking HTTP with many connections on one thread.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::{Counts, pages};

/// Longer requests are refused.
const LONGEST_REQUEST: usize = 16 << 10;
/// A connection that says nothing for so long is closed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Serves until the other end of `stopped` is dropped; connections end with it.
pub async fn serve(listener: TcpListener, counts: Arc<Counts>, stopped: oneshot::Receiver<()>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let accept = async {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(converse(stream, counts.clone()))),
                // Too many files are open: some will be closed.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    tokio::select! {
        () = accept => {}
        _ = stopped => {}
    }
}

struct Request {
    target: String,
    is_head: bool,
    is_get: bool,
    closes: bool,
    /// Bytes of the request.
    length: usize,
}

/// Answers one request after the other.
async fn converse(mut stream: TcpStream, counts: Arc<Counts>) {
    let mut received = Vec::new();
    loop {
        let request = match read_request(&received) {
            Ok(Some(request)) => request,
            Ok(None) if received.len() < LONGEST_REQUEST => {
                match tokio::time::timeout(PATIENCE, stream.read_buf(&mut received)).await {
                    Ok(Ok(read)) if read > 0 => continue,
                    _ => return,
                }
            }
            _ => {
                let _ = stream.write_all(&answer(&pages::error(400), true, false)).await;
                return;
            }
        };
        received.drain(..request.length);
        let page = {
            let _under_way = UnderWay::begin(&counts);
            let wait = Duration::from_nanos(counts.delay_nanoseconds.load(Ordering::Relaxed));
            let more = pages::delay(&request.target);
            if wait + more > Duration::ZERO {
                tokio::time::sleep(wait + more).await;
            }
            if request.is_get || request.is_head { pages::page(&request.target) } else { pages::error(405) }
        };
        // What comes with a request of another kind is not read, so the next could not be found.
        let closes = request.closes || page.status == 405;
        if stream.write_all(&answer(&page, closes, request.is_head)).await.is_err() || closes {
            return;
        }
    }
}

/// Counts a request while it is under way.
struct UnderWay<'a>(&'a Counts);

impl UnderWay<'_> {
    fn begin(counts: &Counts) -> UnderWay<'_> {
        counts.requests.fetch_add(1, Ordering::Relaxed);
        let now = counts.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        counts.most_under_way.fetch_max(now, Ordering::Relaxed);
        UnderWay(counts)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The first request of what was received; `None` while it is not whole.
fn read_request(received: &[u8]) -> Result<Option<Request>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(length) = request.parse(received)? else { return Ok(None) };
    let connection = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("connection"));
    let says = |word: &[u8]| connection.is_some_and(|header| header.value.eq_ignore_ascii_case(word));
    Ok(Some(Request {
        target: request.path.unwrap_or("/").to_owned(),
        is_head: request.method == Some("HEAD"),
        is_get: request.method == Some("GET"),
        // Before 1.1 connections were closed unless asked for.
        closes: says(b"close") || request.version == Some(0) && !says(b"keep-alive"),
        length,
    }))
}

fn answer(page: &pages::Page, closes: bool, is_head: bool) -> Vec<u8> {
    let connection = if closes { "close" } else { "keep-alive" };
    let location = page.location.map(|location| format!("Location: {location}\r\n")).unwrap_or_default();
    let mut answer = format!(
        "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n{location}Connection: \
         {connection}\r\n\r\n",
        page.status,
        pages::reason(page.status),
        page.content_type,
        page.body.len(),
    )
    .into_bytes();
    if !is_head {
        answer.extend_from_slice(&page.body);
    }
    answer
}
