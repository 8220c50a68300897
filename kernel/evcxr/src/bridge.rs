//! The process that evcxr takes for the one that runs its cells.
//!
//! ```text
//! evcxr ──stdin──► relay ──socket──► Bridge ──► kernel ──► worker
//!       ◄─stdout──       ◄─────────
//! ```

use std::io::{self, BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender};
use std::thread;

use crate::message::{FromEvcxr, Ran};

/// What evcxr reads from the process it has started. (evcxr 0.22, `runtime.rs` and
/// `eval_context.rs`; they are not public there.)
const COMPLETE: &str = "EVCXR_EXECUTION_COMPLETE";
const PANICKED: &str = "EVCXR_PANIC_NOTIFICATION";
const FAILED: &str = "EVCXR_ERROR_OCCURRED";
const RUN: &str = "LOAD_AND_RUN ";

/// Copies lines both ways until one side has ended.
pub fn relay(socket: &Path) -> io::Result<()> {
    let stream = UnixStream::connect(socket)?;
    let mut to_bridge = stream.try_clone()?;
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut to_bridge);
        let _ = to_bridge.shutdown(Shutdown::Both);
    });
    let mut stdout = io::stdout();
    for line in BufReader::new(stream).lines() {
        writeln!(stdout, "{}", line?)?;
        stdout.flush()?;
    }
    Ok(())
}

/// The side of the program that holds evcxr.
pub struct Bridge {
    listener: UnixListener,
    path: PathBuf,
    // Removed with the socket.
    _directory: tempfile::TempDir,
}

impl Bridge {
    pub fn open() -> io::Result<Bridge> {
        let directory = tempfile::Builder::new().prefix("tb-").tempdir()?;
        let path = directory.path().join("bridge");
        Ok(Bridge { listener: UnixListener::bind(&path)?, path, _directory: directory })
    }

    /// What `relay` is to connect to.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Serves one relay after another on a thread. `is_starting` says whether evcxr just
    /// warms up: what it wants to run then is passed over.
    pub fn serve(self, is_starting: impl Fn() -> bool + Send + 'static, kernel: Sender<FromEvcxr>, ran: Receiver<Ran>) {
        thread::spawn(move || {
            // The whole of it: the socket goes with its directory.
            let bridge = self;
            for stream in bridge.listener.incoming().flatten() {
                // A relay that is gone has a successor, or evcxr has ended.
                let _ = converse(stream, &is_starting, &kernel, &ran);
            }
        });
    }
}

fn converse(
    stream: UnixStream,
    is_starting: impl Fn() -> bool,
    kernel: &Sender<FromEvcxr>,
    ran: &Receiver<Ran>,
) -> io::Result<()> {
    let mut to_relay = stream.try_clone()?;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        // A path can have spaces in it, a symbol cannot.
        let Some((library, symbol)) = line.strip_prefix(RUN).and_then(|rest| rest.rsplit_once(' ')) else { continue };
        let ending = if is_starting() {
            Ran::Finished
        } else {
            let order = FromEvcxr::Run { library: library.to_owned(), symbol: symbol.to_owned() };
            match kernel.send(order).is_ok().then(|| ran.recv()) {
                Some(Ok(ending)) => ending,
                _ => return Ok(()),
            }
        };
        match ending {
            Ran::Finished => {}
            Ran::Panicked => writeln!(to_relay, "{PANICKED}")?,
            Ran::Failed => writeln!(to_relay, "{FAILED}")?,
            // To evcxr its process has ended.
            Ran::Lost => return to_relay.shutdown(Shutdown::Both),
        }
        writeln!(to_relay, "{COMPLETE}")?;
    }
    Ok(())
}
