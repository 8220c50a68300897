//! How far work has come: [`progress`] around any iterator, [`Progress`] for work that
//! several threads do.
//!
//! Counting is one atomic addition and a look at the clock; some ten times a second the
//! one who counts draws ([`draw`](Core::draw)) what [`view`] puts into words. Where it is drawn
//! decides how: in a notebook in place, in a terminal on one line, in a file in a few.

mod view;

use std::io::{IsTerminal, Write, stderr};
use std::iter::FusedIterator;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::__rt::{forked, host};
use crate::display::update_display;
use view::State;

const BETWEEN_DRAWINGS: Duration = Duration::from_millis(100);
/// In a file, until there is a line for work whose end is not known; then twice as long
/// each time.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// Where a bar is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Under the cell.
    Notebook,
    /// On one line of a terminal.
    Terminal,
    /// Line after line.
    Lines,
    Nowhere,
}

#[derive(Debug)]
struct Core {
    total: Option<u64>,
    done: AtomicU64,
    begin: Instant,
    place: Place,
    generation: u64,
    /// When to draw next, in nanoseconds since `begin`.
    due: AtomicU64,
    is_over: AtomicBool,
    drawing: Mutex<Drawing>,
}

#[derive(Debug, Default)]
struct Drawing {
    label: String,
    display_id: String,
    /// On the terminal's line.
    width: usize,
    /// In lines: quarters of the work that have been told.
    quarters: u64,
    is_over: bool,
}

impl Core {
    fn new(total: Option<u64>, place: Place) -> Core {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        let number = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        // A notebook started again must not write into the bars of the last time.
        let display_id = format!("threadbook-progress-{}-{number}", std::process::id());
        let first = if place == Place::Lines && total.is_none() { BETWEEN_LINES } else { BETWEEN_DRAWINGS };
        Core {
            total,
            done: AtomicU64::new(0),
            begin: Instant::now(),
            place,
            generation: forked::generation(),
            due: AtomicU64::new(first.as_nanos() as u64),
            is_over: AtomicBool::new(false),
            drawing: Mutex::new(Drawing { display_id, ..Drawing::default() }),
        }
    }

    #[inline]
    fn add(&self, count: u64) {
        self.done.fetch_add(count, Ordering::Relaxed);
        let now = self.begin.elapsed().as_nanos() as u64;
        if now >= self.due.load(Ordering::Relaxed) {
            self.draw_if_due(now);
        }
    }

    #[cold]
    fn draw_if_due(&self, now: u64) {
        let lasts = match (self.place, self.total) {
            (Place::Lines, None) => now,
            _ => BETWEEN_DRAWINGS.as_nanos() as u64,
        };
        let due = self.due.load(Ordering::Relaxed);
        // One of those who come at the same time draws.
        let mine =
            now >= due && self.due.compare_exchange(due, now + lasts, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if mine {
            self.draw(false);
        }
    }

    fn state(&self, label: &str, is_over: bool) -> State {
        State {
            label: label.to_owned(),
            done: self.done.load(Ordering::Relaxed),
            total: self.total,
            seconds: self.begin.elapsed().as_secs_f64(),
            is_over,
        }
    }

    fn draw(&self, is_last: bool) {
        // A forked child has a copy, which counts only what the child does.
        if self.place == Place::Nowhere || self.generation != forked::generation() {
            return;
        }
        let Ok(mut drawing) = self.drawing.try_lock().or_else(|error| match error {
            std::sync::TryLockError::Poisoned(poisoned) => Ok(poisoned.into_inner()),
            // Somebody draws just now; the last picture must be drawn all the same.
            std::sync::TryLockError::WouldBlock if is_last => {
                Ok(self.drawing.lock().unwrap_or_else(PoisonError::into_inner))
            }
            std::sync::TryLockError::WouldBlock => Err(()),
        }) else {
            return;
        };
        if drawing.is_over {
            return;
        }
        drawing.is_over = is_last;
        let state = self.state(&drawing.label, is_last);
        match self.place {
            Place::Notebook => {
                let id = drawing.display_id.clone();
                drop(drawing);
                update_display(&id, &state);
            }
            Place::Terminal => {
                let line = state.line();
                let width = line.chars().count();
                // What is longer from before is covered.
                let padding = " ".repeat(drawing.width.saturating_sub(width));
                drawing.width = width;
                write_err(&format!("\r{line}{padding}{}", if is_last { "\n" } else { "" }));
            }
            Place::Lines => {
                let quarters = self.total.filter(|total| *total > 0).map(|total| state.done * 4 / total);
                if is_last || quarters.is_none_or(|quarters| quarters > drawing.quarters) {
                    drawing.quarters = quarters.unwrap_or(0);
                    // The end has a line of its own.
                    if is_last || quarters != Some(4) {
                        write_err(&format!("{}\n", state.line()));
                    }
                }
            }
            Place::Nowhere => {}
        }
    }

    fn finish(&self) {
        if !self.is_over.swap(true, Ordering::Relaxed) {
            self.draw(true);
        }
    }
}

/// An error is passed over, as for a terminal that went away: there is nobody to tell.
fn write_err(text: &str) {
    let _ = stderr().lock().write_all(text.as_bytes());
}

fn place() -> Place {
    match () {
        () if host::is_connected() => Place::Notebook,
        () if stderr().is_terminal() => Place::Terminal,
        () => Place::Lines,
    }
}

/// How far some work has come, for work that counts itself: several threads may count at
/// the same time, through clones or references.
///
/// Shown in place in a notebook and in a terminal, at most ten times a second. Written to
/// a file it is a line for each quarter. The rate is the mean since the start, and the
/// time left is what the rest takes at that rate.
///
/// ```
/// # use threadbook::prelude::*;
/// let progress = Progress::new(100).label("squares");
/// std::thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(|| (0..25).for_each(|_| progress.inc(1)));
///     }
/// });
/// progress.finish();
/// assert_eq!(progress.done(), 100);
/// ```
#[derive(Debug, Clone)]
pub struct Progress(Arc<Guard>);

#[derive(Debug)]
struct Guard(Core);

/// With the last clone: what was not finished stays shown as it is.
impl Drop for Guard {
    fn drop(&mut self) {
        self.0.finish();
    }
}

impl Progress {
    /// Work of `total` steps; `None` when their number is not known.
    pub fn new(total: impl Into<Option<u64>>) -> Progress {
        Progress::at(total.into(), place())
    }

    fn at(total: Option<u64>, place: Place) -> Progress {
        Progress(Arc::new(Guard(Core::new(total, place))))
    }

    /// What the work is called; it stands before the bar.
    pub fn label(self, label: &str) -> Progress {
        label.clone_into(&mut self.0.0.drawing.lock().unwrap_or_else(PoisonError::into_inner).label);
        self
    }

    /// Counts steps that are done.
    ///
    /// In a notebook an interrupt ends the cell here.
    #[inline]
    pub fn inc(&self, steps: u64) {
        self.0.0.add(steps);
    }

    /// How many steps were counted.
    pub fn done(&self) -> u64 {
        self.0.0.done.load(Ordering::Relaxed)
    }

    /// How many steps there are.
    pub fn total(&self) -> Option<u64> {
        self.0.0.total
    }

    /// Shows the state now, also when it was shown just before.
    pub fn show(&self) {
        self.0.0.draw(false);
    }

    /// Shows the last state and says, if steps are missing, that the work has stopped.
    /// The last clone to be dropped does so, too.
    pub fn finish(&self) {
        self.0.0.finish();
    }
}

/// Shows how far a loop has come: `for item in progress(items) { … }`.
///
/// The total is known where the iterator knows it; else the count and the rate are shown.
/// Each item costs some 30 ns. See [`Progress`] for how and where it is shown.
///
/// ```
/// # use threadbook::prelude::*;
/// let sum: u64 = progress(1..=100u64).label("adding").sum();
/// assert_eq!(sum, 5050);
/// ```
pub fn progress<I: IntoIterator>(items: I) -> ProgressIter<I::IntoIter> {
    let items = items.into_iter();
    let total = match items.size_hint() {
        (least, Some(most)) if least == most => Some(least as u64),
        _ => None,
    };
    ProgressIter { items, progress: Progress::new(total), is_shown: false }
}

/// See [`progress`].
#[derive(Debug)]
pub struct ProgressIter<I> {
    items: I,
    progress: Progress,
    is_shown: bool,
}

impl<I> ProgressIter<I> {
    /// What the work is called; it stands before the bar.
    pub fn label(mut self, label: &str) -> ProgressIter<I> {
        self.progress = self.progress.label(label);
        self
    }
}

impl<I: Iterator> Iterator for ProgressIter<I> {
    type Item = I::Item;

    #[inline]
    fn next(&mut self) -> Option<I::Item> {
        // An item is done when the next one is asked for.
        if self.is_shown {
            self.progress.inc(1);
        } else {
            self.is_shown = true;
            self.progress.begin();
        }
        let item = self.items.next();
        if item.is_none() {
            self.is_shown = false;
            self.progress.finish();
        }
        item
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

impl<I: ExactSizeIterator> ExactSizeIterator for ProgressIter<I> {}
impl<I: FusedIterator> FusedIterator for ProgressIter<I> {}

impl Progress {
    /// Shows the empty bar, where that is in place: the first step may take long.
    #[cold]
    fn begin(&self) {
        if matches!(self.0.0.place, Place::Notebook | Place::Terminal) && self.done() == 0 {
            self.show();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_pass_through_and_are_counted() {
        let mut items = progress(vec![3, 1, 2]);
        let counter = items.progress.clone();
        assert_eq!(items.len(), 3);
        assert_eq!((items.next(), counter.done()), (Some(3), 0));
        assert_eq!((items.next(), counter.done()), (Some(1), 1));
        assert_eq!((items.next(), items.next(), counter.done()), (Some(2), None, 3));
        assert_eq!((items.next(), counter.done()), (None, 3));
        assert_eq!(counter.total(), Some(3));
        assert_eq!(progress((0..10).filter(|n| n % 2 == 0)).progress.total(), None);
    }

    #[test]
    fn threads_count_together() {
        let progress = Progress::at(Some(80_000), Place::Nowhere);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                let progress = progress.clone();
                scope.spawn(move || (0..10_000).for_each(|_| progress.inc(1)));
            }
        });
        assert_eq!(progress.done(), 80_000);
    }

    #[test]
    fn drawings_are_apart() {
        let core = Core::new(Some(10), Place::Nowhere);
        let due = |core: &Core| core.due.load(Ordering::Relaxed);
        assert_eq!(due(&core), 100_000_000);
        core.draw_if_due(99_999_999);
        assert_eq!(due(&core), 100_000_000);
        core.draw_if_due(150_000_000);
        assert_eq!(due(&core), 250_000_000);
        // Lines without an end become rarer.
        let core = Core::new(None, Place::Lines);
        core.due.store(10, Ordering::Relaxed);
        core.is_over.store(true, Ordering::Relaxed);
        core.drawing.lock().expect("nobody panicked").is_over = true;
        core.draw_if_due(20_000_000_000);
        assert_eq!(due(&core), 40_000_000_000);
    }
}
