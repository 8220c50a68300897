//! rayon's threads for cells.
//!
//! rayon's global pool lasts as long as the process, and in a copy of the process it has
//! no threads: a `par_iter` there would wait for ever. So the thread that runs cells
//! belongs to a pool of ours, made for it when the first cell comes that may use rayon.

use std::cell::Cell;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rayon::{ThreadBuilder, ThreadPoolBuilder};

use super::host;

thread_local! {
    static HAS_JOINED: Cell<bool> = const { Cell::new(false) };
}

/// Makes the calling thread a member of a new pool, for its whole life: `par_iter`,
/// `join` and `scope` on it then use that pool. Where the system grants no threads,
/// rayon's own pool serves.
pub(super) fn join() {
    if HAS_JOINED.replace(true) {
        return;
    }
    // They work for whichever cell is the latest, not for this one. (The calling thread
    // gets no such call.)
    let builder = builder().start_handler(|_| host::leave_run());
    if let Ok(pool) = builder.build() {
        // Dropping it would end its threads.
        std::mem::forget(pool);
    }
}

/// A pool that the calling thread is a member of.
fn builder() -> ThreadPoolBuilder {
    let asked = std::env::var("RAYON_NUM_THREADS").ok().and_then(|number| number.parse().ok());
    let threads =
        asked.filter(|&number| number > 0).unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZero::get));
    // The cell's own thread serves the pool only while it waits in rayon: what it spawns
    // and does not wait for needs another.
    let builder = ThreadPoolBuilder::new().num_threads(threads.max(2)).use_current_thread();
    builder.thread_name(|index| format!("rayon-{index}"))
}

/// Threads of a pool that were not started yet.
pub(crate) struct Unstarted(Arc<Mutex<Vec<ThreadBuilder>>>);

impl Unstarted {
    /// From now on they take work from the member that was there first.
    pub(crate) fn start(self) {
        for member in self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let thread = thread::Builder::new().name(member.name().unwrap_or("rayon").to_owned());
            // One less: the others do its work.
            let _ = thread.spawn(|| member.run());
        }
    }
}

/// As [`join`], for a forked child that may end before anybody notices: the pool's other
/// threads are started by whoever gets them. Until then the calling thread does all of the
/// pool's work itself.
pub(crate) fn join_alone() -> Unstarted {
    let members = Arc::new(Mutex::new(Vec::new()));
    if !HAS_JOINED.replace(true) {
        let kept = members.clone();
        let builder = builder().spawn_handler(move |member| {
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(member);
            Ok(())
        });
        if let Ok(pool) = builder.build() {
            std::mem::forget(pool);
        }
    }
    Unstarted(members)
}
