//! Compiling cells that wait, while another one runs.
//!
//! "Run All" sends all cells at once. An imagined notebook ([`Notebook::imagined`]) goes
//! through them ahead of the real one, on a thread of its own: it runs nothing, and takes for
//! granted that each cell leaves what its types say. All that comes of it is in the cache of
//! compiled cells; where it was wrong, the real notebook simply finds nothing there.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::{Builder, Handle};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::magics::Cell;
use super::notebook::Notebook;
use crate::cell::source::CellSource;
use crate::definitions::Definitions;
use crate::output::{Event, Output};

/// The number of a cell among all that were ever announced.
pub type Turn = u64;

/// Cells that a front end has asked for and that have not begun.
#[derive(Debug, Default)]
pub struct Waiting {
    queue: Mutex<Queue>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    cells: VecDeque<(Turn, Arc<str>)>,
    next: Turn,
}

impl Waiting {
    pub fn announce(&self, code: &str) {
        let mut queue = self.lock();
        let turn = queue.next;
        queue.next += 1;
        queue.cells.push_back((turn, code.into()));
        drop(queue);
        self.news.notify_waiters();
    }

    /// None of them will be run.
    pub fn withdraw(&self) {
        self.lock().cells.clear();
    }

    /// A cell begins: its turn, if it was announced.
    pub fn begin(&self, code: &str) -> Option<Turn> {
        let mut queue = self.lock();
        if queue.cells.front().is_none_or(|(_, first)| &**first != code) {
            return None;
        }
        queue.cells.pop_front().map(|(turn, _)| turn)
    }

    pub fn is_empty(&self) -> bool {
        self.lock().cells.is_empty()
    }

    /// The first cell of this turn or a later one; waits for one.
    async fn from(&self, turn: Turn) -> (Turn, Arc<str>) {
        loop {
            let mut news = std::pin::pin!(self.news.notified());
            news.as_mut().enable();
            if let Some(found) = self.lock().cells.iter().find(|(own, _)| *own >= turn) {
                return found.clone();
            }
            news.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the imagined notebook was before each cell.
type Imagined = Arc<Mutex<BTreeMap<Turn, Definitions>>>;

/// The imagined notebook at work. Dropped, it is ended.
pub struct Ahead {
    task: JoinHandle<()>,
    imagined: Imagined,
    /// The running cell is measured: nothing is to disturb it.
    quiet: watch::Sender<bool>,
}

impl Ahead {
    /// Lets `notebook`, an imagined one, go through the running cell, which is known to compile, and
    /// then through those that wait.
    pub fn begin(thread: &Thread, notebook: Notebook, running: Arc<CellSource>, waiting: Arc<Waiting>) -> Ahead {
        let imagined = Imagined::default();
        let (quiet, is_quiet) = watch::channel(false);
        let walk = Walk { notebook, waiting, imagined: imagined.clone(), is_quiet };
        Ahead { task: thread.handle.spawn(walk.go(running)), imagined, quiet }
    }

    /// Whether the notebook is what was imagined at the beginning of a cell, or may still be.
    pub fn is_right(&self, turn: Option<Turn>, definitions: &Definitions) -> bool {
        let Some(turn) = turn else { return false };
        let mut imagined = self.imagined.lock().unwrap_or_else(PoisonError::into_inner);
        let before = imagined.remove(&turn);
        *imagined = imagined.split_off(&turn);
        before.is_none_or(|before| before.compiles_as(definitions))
    }

    /// Whether nothing may disturb the running cell.
    pub fn be_quiet(&self, quiet: bool) {
        self.quiet.send_replace(quiet);
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The way of an imagined notebook through the cells.
struct Walk {
    notebook: Notebook,
    waiting: Arc<Waiting>,
    imagined: Imagined,
    is_quiet: watch::Receiver<bool>,
}

impl Walk {
    async fn go(mut self, running: Arc<CellSource>) {
        let mut number = running.number;
        self.cell(running).await;
        let mut next = 0;
        loop {
            let (turn, code) = self.waiting.from(next).await;
            number += 1;
            next = turn + 1;
            let definitions = self.notebook.definitions.clone();
            self.imagined.lock().unwrap_or_else(PoisonError::into_inner).insert(turn, definitions);
            self.cell(CellSource::new(number, &*code)).await;
        }
    }

    /// Goes through a cell, from its beginning again if it has to pause.
    async fn cell(&mut self, source: Arc<CellSource>) {
        let before = self.notebook.definitions.clone();
        loop {
            if self.is_quiet.wait_for(|quiet| !quiet).await.is_err() {
                return;
            }
            let mut is_quiet = self.is_quiet.clone();
            tokio::select! {
                () = imagine(&mut self.notebook, source.clone()) => return,
                _ = is_quiet.wait_for(|quiet| *quiet) => self.notebook.definitions = before.clone(),
            }
        }
    }
}

async fn imagine(notebook: &mut Notebook, source: Arc<CellSource>) {
    let (output, mut events) = Output::channel();
    let nobody_looks = async {
        while let Some(event) = events.recv().await {
            if let Event::Flush { done } = event {
                let _ = done.send(());
            }
        }
    };
    let (_stop, stop) = watch::channel(0);
    let mut cell = Cell::new(source, output, Some(mpsc::unbounded_channel().0), false, stop);
    tokio::select! {
        // A cell that fails leaves what it has left by then.
        _ = notebook.run(&mut cell) => {}
        () = nobody_looks => {}
    }
}

/// Where imagined notebooks are. (The compiler's library for tokens keeps what it reads on
/// a thread until that thread has done with a cell.)
pub struct Thread {
    handle: Handle,
    /// Its end ends the thread.
    _end: oneshot::Sender<()>,
}

impl Thread {
    /// `None` when the system grants no thread: nothing is compiled ahead then.
    pub fn start() -> Option<Thread> {
        let runtime = Builder::new_current_thread().enable_all().build().ok()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        let serve = move || drop(runtime.block_on(ended));
        std::thread::Builder::new().name("threadbook-ahead".to_owned()).spawn(serve).ok()?;
        Some(Thread { handle, _end: end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn cells_wait_in_order() {
        let waiting = Waiting::default();
        for code in ["a", "b", "a"] {
            waiting.announce(code);
        }
        assert_eq!(waiting.begin("b"), None, "another one is first");
        assert_eq!(waiting.begin("a"), Some(0));
        assert_eq!(waiting.from(0).await, (1, "b".into()));
        assert_eq!(waiting.from(2).await, (2, "a".into()));
        waiting.withdraw();
        assert!(waiting.is_empty());
        let (found, ()) = tokio::join!(waiting.from(0), async { waiting.announce("c") });
        assert_eq!(found, (3, "c".into()));
    }
}
