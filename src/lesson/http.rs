//! Fetching pages: a blocking `get`.
//!
//! Plain HTTP is spoken by a small crate. TLS would take four times as long to build as
//! the rest of this library, so addresses with `https` are fetched by the program `curl`,
//! which nearly every system has.

use std::fmt;
use std::io;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Document;
use crate::__rt::interrupt::Wait;

/// Seconds that [`get`] waits.
const USUAL_LIMIT: f64 = 30.0;
const AGENT: &str = concat!("threadbook/", env!("CARGO_PKG_VERSION"));

/// Why nothing was fetched.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum HttpError {
    /// The address does not begin with `http://` or `https://`.
    BadAddress { url: String },
    /// There was no answer in time.
    TimedOut { url: String, seconds: f64 },
    /// No connection, or an answer that is not HTTP.
    Failed { url: String, reason: String },
    /// `https` needs the program `curl`, which is not there.
    NoCurl { url: String, reason: String },
    /// The answer says that there was an error; from [`Response::raise_for_status`].
    Status { url: String, status: u16 },
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HttpError::BadAddress { url } => {
                write!(f, "{url:?} is no address of a page: it has to begin with http:// or https://")
            }
            HttpError::TimedOut { url, seconds } => {
                write!(f, "{url} did not answer within {seconds} s: try get_timeout with more time")
            }
            HttpError::Failed { url, reason } => write!(f, "cannot fetch {url}: {reason}"),
            HttpError::NoCurl { url, reason } => {
                write!(
                    f,
                    "cannot fetch {url}: https needs the program curl, which cannot be started ({reason}); install it"
                )
            }
            HttpError::Status { url, status } => write!(f, "{url} answered with status {status}"),
        }
    }
}

impl std::error::Error for HttpError {}

/// What a server has answered.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    url: String,
    status: u16,
    content_type: String,
    body: Vec<u8>,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Response {} {:?}, {} bytes from {}>", self.status, self.content_type, self.body.len(), self.url)
    }
}

/// Fetches a page and waits until it is here, at most 30 seconds (Python's
/// `requests.get`). Follows redirections.
///
/// Any status is a response; see [`Response::raise_for_status`]. For `https` the program
/// `curl` is needed. In a notebook an interrupt ends the wait.
///
/// ```
/// # use threadbook::prelude::*;
/// let site = Site::start()?;
/// let response = get(&site.page(3))?;
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.document().title().as_deref(), Some("Page 3"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`HttpError`], when there is no answer.
#[track_caller]
pub fn get(url: &str) -> Result<Response, HttpError> {
    get_timeout(url, USUAL_LIMIT)
}

/// As [`get`], with another time limit in seconds. With 0, less or NaN it fails at once.
///
/// ```
/// # use threadbook::prelude::*;
/// let site = Site::start()?;
/// site.set_delay(10.0);
/// let error = get_timeout(&site.page(1), 0.1).unwrap_err();
/// assert!(error.to_string().contains("did not answer within 0.1 s"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`get`].
#[track_caller]
pub fn get_timeout(url: &str, seconds: f64) -> Result<Response, HttpError> {
    let url = url.trim().to_owned();
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    let fetch = match scheme.as_deref() {
        Some("http") => plain,
        Some("https") => by_curl,
        _ => return Err(HttpError::BadAddress { url }),
    };
    // Above some centuries it is for ever.
    let limit = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
    let deadline = Instant::now().checked_add(limit);
    if seconds.is_nan() || limit.is_zero() {
        return Err(HttpError::TimedOut { url, seconds });
    }
    let asked = url.clone();
    match elsewhere(move || fetch(&asked, limit), deadline) {
        Ok(Some(fetched)) => fetched.map_err(|error| match error {
            HttpError::TimedOut { url, .. } => HttpError::TimedOut { url, seconds },
            error => error,
        }),
        Ok(None) => Err(HttpError::TimedOut { url, seconds }),
        Err(error) => Err(HttpError::Failed { url, reason: format!("no thread for it: {error}") }),
    }
}

/// Runs `work` on a thread of its own, so that an interrupt or the deadline can end the
/// wait for it. `None` when the deadline came first; the thread goes on by itself then.
#[track_caller]
fn elsewhere<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
    deadline: Option<Instant>,
) -> io::Result<Option<T>> {
    let wait = Wait::begin();
    let (waker, result) = (wait.waker(), Arc::new(Mutex::new(None)));
    let place = result.clone();
    let run = move || {
        let value = work();
        *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        waker.wake();
    };
    thread::Builder::new().name("threadbook-get".to_owned()).stack_size(512 << 10).spawn(run)?;
    loop {
        let is_late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if let Some(value) = result.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Ok(Some(value));
        }
        if is_late {
            return Ok(None);
        }
        wait.pause(deadline);
    }
}

/// What minreq says in the place of the server's words.
const NO_ANSWER: &str = "Server did not provide a status line";

fn plain(url: &str, limit: Duration) -> Result<Response, HttpError> {
    // Whole seconds; the exact limit is kept by the one who waits.
    let seconds = limit.as_secs().saturating_add(1).min(1 << 31);
    let sent = minreq::get(url).with_timeout(seconds).with_header("User-Agent", AGENT).send();
    let response = sent.map_err(|error| match error {
        minreq::Error::IoError(error) if error.kind() == io::ErrorKind::TimedOut => {
            HttpError::TimedOut { url: url.to_owned(), seconds: limit.as_secs_f64() }
        }
        minreq::Error::HttpsFeatureNotEnabled => HttpError::Failed {
            url: url.to_owned(),
            reason: "it redirects to an https address; ask for that one".to_owned(),
        },
        minreq::Error::PunycodeFeatureNotEnabled => HttpError::Failed {
            url: url.to_owned(),
            reason: "its name has letters beyond ASCII; write it in its ASCII form (xn--…)".to_owned(),
        },
        error => HttpError::Failed { url: url.to_owned(), reason: error.to_string() },
    })?;
    if response.reason_phrase == NO_ANSWER {
        return Err(HttpError::Failed {
            url: url.to_owned(),
            reason: "the server hung up without an answer".to_owned(),
        });
    }
    Ok(Response {
        url: response.url.to_string(),
        status: response.status_code,
        content_type: response.header("content-type").unwrap_or_default().to_owned(),
        body: response.into_bytes(),
    })
}

/// What curl writes after the page, one a line.
const AFTERWARDS: &str = "\n%{http_code}\n%{url_effective}\n%{content_type}";
/// curl's number for a time limit that has passed.
const CURL_TIMED_OUT: i32 = 28;

fn by_curl(url: &str, limit: Duration) -> Result<Response, HttpError> {
    let seconds = limit.as_secs_f64().min(1e9).to_string();
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--location", "--proto", "=http,https", "--user-agent", AGENT]);
    curl.args(["--max-time", &seconds, "--write-out", AFTERWARDS, "--url", url]).stdin(Stdio::null());
    let output = curl.output().map_err(|error| HttpError::NoCurl { url: url.to_owned(), reason: error.to_string() })?;
    if output.status.code() == Some(CURL_TIMED_OUT) {
        return Err(HttpError::TimedOut { url: url.to_owned(), seconds: limit.as_secs_f64() });
    }
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(HttpError::Failed { url: url.to_owned(), reason });
    }
    read_curl(output.stdout)
        .ok_or_else(|| HttpError::Failed { url: url.to_owned(), reason: "curl wrote something unexpected".to_owned() })
}

fn read_curl(mut output: Vec<u8>) -> Option<Response> {
    let mut last_line = || {
        let at = output.iter().rposition(|byte| *byte == b'\n')?;
        let line = String::from_utf8_lossy(&output[at + 1..]).into_owned();
        output.truncate(at);
        Some(line)
    };
    let (content_type, url, status) = (last_line()?, last_line()?, last_line()?.parse().ok()?);
    Some(Response { url, status, content_type, body: output })
}

impl Response {
    /// Where it came from, after redirections.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// 200 is success, 404 not found, 500 an error of the server.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is one of success.
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The response itself, if its status is below 400.
    ///
    /// # Errors
    /// [`HttpError::Status`] otherwise.
    pub fn raise_for_status(&self) -> Result<&Response, HttpError> {
        if self.status >= 400 {
            return Err(HttpError::Status { url: self.url.clone(), status: self.status });
        }
        Ok(self)
    }

    /// What the server calls the content: `text/html; charset=utf-8`.
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// The content.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The content.
    pub fn into_bytes(self) -> Vec<u8> {
        self.body
    }

    /// The content as text: UTF-8, or Latin-1 if the server says so. What is neither
    /// becomes `�`.
    pub fn text(&self) -> String {
        let content_type = self.content_type.to_ascii_lowercase();
        if content_type.contains("iso-8859-1") || content_type.contains("latin1") {
            return self.body.iter().map(|&byte| char::from(byte)).collect();
        }
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The content as an HTML page.
    pub fn document(&self) -> Document {
        Document::parse(&self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Site;
    use super::*;

    #[test]
    fn what_cannot_be_fetched_says_why() {
        let error = |url| get_timeout(url, 5.0).expect_err(url).to_string();
        for url in ["", "page.html", "ftp://x", "://"] {
            assert!(error(url).contains("has to begin with http://"), "{}", error(url));
        }
        // Nobody listens on port 1.
        assert!(error("http://127.0.0.1:1/").starts_with("cannot fetch http://127.0.0.1:1/: "));
        let at_once = get_timeout("http://127.0.0.1:1/", f64::NAN).expect_err("no time");
        assert!(matches!(at_once, HttpError::TimedOut { .. }));
    }

    #[test]
    fn statuses_are_responses() {
        let site = Site::start().expect("a port is free");
        let response = get(&site.url("/status/503")).expect("an answer");
        assert_eq!((response.status(), response.is_ok()), (503, false));
        assert!(response.raise_for_status().expect_err("503").to_string().ends_with("answered with status 503"));
        let moved = get(&site.url("/redirect")).expect("an answer");
        assert_eq!((moved.status(), moved.url()), (200, site.url("/").as_str()));
    }

    #[test]
    fn curl_fetches_as_well() {
        if Command::new("curl").arg("--version").output().is_err() {
            eprintln!("skipped: there is no curl");
            return;
        }
        let site = Site::start().expect("a port is free");
        let (url, limit) = (site.page(2), Duration::from_secs(10));
        let (own, curls) = (plain(&url, limit).expect("an answer"), by_curl(&url, limit).expect("an answer"));
        assert_eq!(own, curls);
        let moved = by_curl(&site.url("/redirect"), limit).expect("an answer");
        assert_eq!((moved.status(), moved.url()), (200, site.url("/").as_str()));
        site.set_delay(30.0);
        let late = by_curl(&url, Duration::from_millis(200)).expect_err("too late");
        assert!(matches!(late, HttpError::TimedOut { .. }), "{late}");
        let failed = by_curl("http://127.0.0.1:1/", limit).expect_err("nobody listens");
        assert!(matches!(failed, HttpError::Failed { .. }), "{failed}");
    }

    #[test]
    fn texts_have_their_letters() {
        let response = |content_type: &str, body: &[u8]| Response {
            url: String::new(),
            status: 200,
            content_type: content_type.to_owned(),
            body: body.to_vec(),
        };
        assert_eq!(response("text/html; charset=ISO-8859-1", b"\xe4").text(), "ä");
        assert_eq!(response("text/html", "ä".as_bytes()).text(), "ä");
        assert_eq!(
            read_curl(b"a\nb\n200\nhttps://x/\n".to_vec()).map(|response| response.body),
            Some(b"a\nb".to_vec())
        );
    }
}
