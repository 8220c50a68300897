//! A web site on this computer.
//!
//! [`Site`] listens on the loopback address on a port of its own. One thread serves all
//! connections ([`server`]): waiting costs it nothing, so a thousand slow requests can be
//! under way. What stands on the [`pages`], and its [`picture`]s, follow from their addresses.

mod pages;
mod picture;
mod server;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::__rt::forked::Owner;

/// A small web site on this computer, for lessons that fetch pages without a network.
/// It ends when it is dropped.
///
/// There are pages (`/page/7`, with a title, links and a picture), pictures of any size
/// (`/400/600`, PNG), `/status/404` for any status, `/delay/0.5`, which waits so many
/// seconds more, and `/redirect`.
///
/// ```
/// # use threadbook::prelude::*;
/// let site = Site::start()?;
/// site.set_delay(0.05);
/// let pages: Vec<String> = (0..8).map(|number| site.page(number)).collect();
/// std::thread::scope(|scope| {
///     for page in &pages {
///         scope.spawn(|| get(page).unwrap().raise_for_status().unwrap().bytes().len());
///     }
/// });
/// assert_eq!(site.requests(), 8);
/// assert!(site.most_at_once() > 1);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// Forked children can fetch from it, too. It never answers other computers.
#[derive(Debug)]
pub struct Site {
    counts: Arc<Counts>,
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Counts {
    delay_nanoseconds: AtomicU64,
    requests: AtomicU64,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
}

#[derive(Debug)]
struct Running {
    address: SocketAddr,
    owner: Owner,
    /// Dropping it ends the server.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Site {
    /// Starts a site on a free port.
    ///
    /// # Errors
    /// When the system grants no port or no thread.
    pub fn start() -> io::Result<Site> {
        let counts = Arc::new(Counts::default());
        let running = Mutex::new(Running::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), counts.clone())?);
        Ok(Site { counts, running })
    }

    /// The whole address of a path: `http://127.0.0.1:41234/page/7`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{}", self.address(), path.trim_start_matches('/'))
    }

    /// The address of a page. Its title is `Page 7`.
    pub fn page(&self, number: usize) -> String {
        self.url(&format!("/page/{number}"))
    }

    /// The address of a picture, at most 4000 by 4000 pixels.
    pub fn picture(&self, width: usize, height: usize) -> String {
        self.url(&format!("/{width}/{height}"))
    }

    /// From now on every request waits so many seconds before it is answered. Without it
    /// answers come at once.
    pub fn set_delay(&self, seconds: f64) {
        let delay = Duration::try_from_secs_f64(seconds.clamp(0.0, 1e9)).unwrap_or_default();
        self.counts.delay_nanoseconds.store(delay.as_nanos() as u64, Ordering::Relaxed);
    }

    /// How many requests have come so far.
    pub fn requests(&self) -> u64 {
        self.counts.requests.load(Ordering::Relaxed)
    }

    /// How many requests were under way at the same time, at most.
    pub fn most_at_once(&self) -> usize {
        self.counts.most_under_way.load(Ordering::Relaxed)
    }

    /// Counts from 0 again.
    pub fn reset_counts(&self) {
        self.counts.requests.store(0, Ordering::Relaxed);
        self.counts.most_under_way.store(0, Ordering::Relaxed);
    }

    fn address(&self) -> SocketAddr {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        // A copy of the process that has taken over has no threads: the site starts again,
        // at the same address if it can. A child leaves it to its parent.
        if !running.owner.is_here() && running.owner.is_here_or_gone() {
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let again = Running::start(running.address, self.counts.clone())
                .or_else(|_| Running::start(any, self.counts.clone()));
            // Else its requests fail, and say so.
            if let Ok(again) = again {
                std::mem::replace(&mut *running, again).forget();
            }
        }
        running.address
    }
}

impl Running {
    fn start(address: SocketAddr, counts: Arc<Counts>) -> io::Result<Running> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let serve = move || runtime.block_on(server::serve(listener, counts, stopped));
        let thread = thread::Builder::new().name("threadbook-site".to_owned()).spawn(serve)?;
        Ok(Running { address, owner: Owner::here(), stop: Some(stop), thread: Some(thread) })
    }

    /// Its thread does not exist in this process.
    fn forget(mut self) {
        std::mem::forget((self.stop.take(), self.thread.take()));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let (stop, thread) = (self.stop.take(), self.thread.take());
        if !self.owner.is_here() {
            std::mem::forget((stop, thread));
            return;
        }
        drop(stop);
        if let Some(thread) = thread {
            // It answers nobody any more and ends at once.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{get, get_timeout};
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::time::Instant;

    #[test]
    fn pages_and_pictures_are_served() {
        let site = Site::start().expect("a port is free");
        let page = get(&site.page(7)).expect("an answer").document();
        assert_eq!(page.title().as_deref(), Some("Page 7"));
        let links: Vec<_> = page.select("a[href]").expect("understood").iter().map(|a| a.text().to_owned()).collect();
        assert!(links.contains(&"Page 8".to_owned()), "{links:?}");
        let picture = get(&site.picture(40, 30)).expect("an answer");
        assert_eq!(picture.content_type(), "image/png");
        assert!(picture.bytes().starts_with(b"\x89PNG\r\n"));
        assert_eq!(get(&site.url("nowhere")).expect("an answer").status(), 404);
        assert_eq!(get(&site.url("/100000/1")).expect("an answer").status(), 404);
        assert_eq!(site.requests(), 4);
        site.reset_counts();
        assert_eq!(site.requests(), 0);
    }

    #[test]
    fn slow_requests_are_under_way_together() {
        let site = Site::start().expect("a port is free");
        site.set_delay(0.3);
        let begin = Instant::now();
        thread::scope(|scope| {
            let fetched: Vec<_> =
                (0..20).map(|_| scope.spawn(|| get(&site.page(1)).expect("an answer").status())).collect();
            assert!(fetched.into_iter().all(|status| status.join().expect("no panic") == 200));
        });
        assert!(begin.elapsed() >= Duration::from_millis(300));
        // One after the other would be 6 s, and never two at once.
        assert!(site.most_at_once() >= 5, "{}", site.most_at_once());
    }

    #[test]
    fn a_connection_serves_several_requests_and_survives_nonsense() {
        let site = Site::start().expect("a port is free");
        let mut stream = TcpStream::connect(site.address()).expect("it listens");
        stream
            .write_all(
                b"GET /status/204 HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            )
            .expect("sent");
        let mut answers = String::new();
        stream.read_to_string(&mut answers).expect("it closes");
        assert!(answers.starts_with("HTTP/1.1 204 ") && answers.contains("HTTP/1.1 200 OK"), "{answers}");
        for nonsense in
            ["\r\n\r\n", "hello\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", &"x".repeat(100_000)]
        {
            let mut stream = TcpStream::connect(site.address()).expect("it listens");
            let _ = stream.write_all(nonsense.as_bytes());
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let mut answer = Vec::new();
            // It answers or hangs up.
            let _ = stream.read_to_end(&mut answer);
            assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
        }
        assert_eq!(get(&site.page(1)).expect("it still answers").status(), 200);
    }

    #[test]
    fn it_ends_when_it_is_dropped() {
        let site = Site::start().expect("a port is free");
        let (page, address) = (site.page(1), site.address());
        site.set_delay(60.0);
        let waiting = thread::spawn(move || get_timeout(&page, 30.0));
        while site.requests() == 0 {
            thread::yield_now();
        }
        drop(site);
        assert!(waiting.join().expect("no panic").is_err());
        assert!(TcpStream::connect(address).is_err());
    }
}
