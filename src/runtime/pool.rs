//! rayon's threads for cells.
//!
//! rayon's global pool lasts as long as the process, and in a copy of the process it has
//! no threads: a `par_iter` there would wait for ever. So the thread that runs cells
//! belongs to a pool of ours, made for it when the first cell comes that may use rayon.

use std::cell::Cell;
use std::num::NonZero;
use std::thread;

use rayon::ThreadPoolBuilder;

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
    let asked = std::env::var("RAYON_NUM_THREADS").ok().and_then(|number| number.parse().ok());
    let threads =
        asked.filter(|&number| number > 0).unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZero::get));
    // The cell's own thread serves the pool only while it waits in rayon: what it spawns
    // and does not wait for needs another.
    let builder = ThreadPoolBuilder::new().num_threads(threads.max(2)).use_current_thread();
    // They work for whichever cell is the latest, not for this one. (The calling thread
    // gets no such call.)
    let builder = builder.start_handler(|_| host::leave_run());
    if let Ok(pool) = builder.thread_name(|index| format!("rayon-{index}")).build() {
        // Dropping it would end its threads.
        std::mem::forget(pool);
    }
}
