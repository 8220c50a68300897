//! A task while it runs: written down when it begins, and again when it ends.

use std::cell::Cell;
use std::marker::PhantomData;

use super::region::{self, Begin, CHUNK, Region, Slot};
use crate::__rt::forked;

/// What a thread knows between its tasks.
struct Local {
    /// The address of the region that the rest is about.
    region: Cell<usize>,
    generation: Cell<u64>,
    recording: Cell<u64>,
    lane: Cell<u32>,
    /// The next slot to use.
    next: Cell<u64>,
    /// The slots taken end here.
    end: Cell<u64>,
    depth: Cell<u16>,
}

thread_local! {
    static LOCAL: Local = const {
        Local {
            region: Cell::new(0),
            generation: Cell::new(0),
            recording: Cell::new(0),
            lane: Cell::new(0),
            next: Cell::new(0),
            end: Cell::new(0),
            depth: Cell::new(0),
        }
    };
}

/// A task of the calling thread, from [`span`] until it is dropped.
#[must_use = "a span ends where it is dropped: `let _span = span(…);`"]
pub struct Span {
    begun: Option<Begun>,
    /// It ends on the thread where it began.
    _not_send: PhantomData<*const ()>,
}

struct Begun {
    region: &'static Region,
    slot: &'static Slot,
    number: u64,
    generation: u64,
}

/// Begins a task of the calling thread, which lasts until the value is dropped. Every
/// [`Timeline`](super::Timeline) that is recording then has it; if none is, this costs
/// about a nanosecond.
///
/// Labels longer than 56 bytes are cut. Tasks that differ only in a number at the end of
/// their labels have the same colour in the chart.
///
/// ```
/// # use threadbook::prelude::*;
/// let timeline = Timeline::start();
/// for number in 0..3 {
///     let _span = span(&format!("wait {number}"));
///     sleep(0.01);
/// }
/// timeline.stop();
/// assert_eq!(timeline.tasks().len(), 3);
/// assert_eq!(timeline.tasks()[2].label, "wait 2");
/// ```
pub fn span(label: &str) -> Span {
    task(label, u64::MAX)
}

/// As [`span`], for executors: the number is written after the label (which then costs
/// no formatting); `u64::MAX` is none.
#[inline]
pub(crate) fn task(label: &str, number: u64) -> Span {
    let begun = region::current()
        .and_then(|region| region.recording().map(|recording| begin(region, recording, label, number)));
    Span { begun, _not_send: PhantomData }
}

fn begin(region: &'static Region, recording: u64, label: &str, number: u64) -> Begun {
    LOCAL.with(|local| {
        let (address, generation) = ((&raw const *region).addr(), forked::generation());
        if local.region.get() != address || local.generation.get() != generation {
            local.region.set(address);
            local.generation.set(generation);
            local.lane.set(region.new_lane());
            local.depth.set(0);
            local.end.set(0);
            local.next.set(0);
        }
        let mut slot = local.next.get();
        if slot == local.end.get() || local.recording.get() != recording || region.is_old(slot) {
            slot = region.take_chunk();
            local.end.set(slot + CHUNK);
            local.recording.set(recording);
        }
        local.next.set(slot + 1);
        let depth = local.depth.get();
        local.depth.set(depth.saturating_add(1));
        let begin = Begin { label, number, lane: local.lane.get(), depth };
        Begun { region, slot: region.begin(slot, &begin), number: slot, generation }
    })
}

impl Drop for Span {
    #[inline]
    fn drop(&mut self) {
        if let Some(begun) = &self.begun {
            end(begun);
        }
    }
}

fn end(begun: &Begun) {
    // In a forked child the parent's task is not over.
    if begun.generation == forked::generation() {
        begun.region.end(begun.slot, begun.number);
        LOCAL.with(|local| local.depth.set(local.depth.get().saturating_sub(1)));
    }
}

impl std::fmt::Debug for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Span").field("recorded", &self.begun.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Timeline;
    use super::*;
    use std::time::Instant;

    fn nanoseconds_a_task(tasks: u32) -> f64 {
        let begin = Instant::now();
        for number in 0..tasks {
            drop(std::hint::black_box(task("task", number.into())));
        }
        begin.elapsed().as_secs_f64() * 1e9 / f64::from(tasks)
    }

    /// `CARGO_PROFILE_RELEASE_OPT_LEVEL=2 cargo test --release -p threadbook --lib -- --ignored --nocapture cost`
    #[test]
    #[ignore = "a measurement, for an optimised build on a quiet machine"]
    fn cost() {
        // Short rounds, of which some meet no other work of the computer.
        let least = |tasks| (0..300).map(|_| nanoseconds_a_task(tasks)).fold(f64::INFINITY, f64::min);
        let timeline = Timeline::start();
        timeline.stop();
        let silent = least(100_000);
        let timeline = Timeline::start();
        let recording = least(1000);
        timeline.stop();
        let looks = |_| {
            let begin = Instant::now();
            (0..1000).for_each(|_| {
                std::hint::black_box(Instant::now());
            });
            begin.elapsed().as_secs_f64() * 1e6
        };
        let look = (0..300).map(looks).fold(f64::INFINITY, f64::min);
        println!("a task: {silent:.2} ns while nobody records, {recording:.0} ns while somebody does");
        println!("of which two looks at the clock: {:.0} ns", 2.0 * look);
        assert!(recording < 200.0 && silent < 5.0);
    }

    #[test]
    fn spans_lie_in_each_other() {
        let timeline = Timeline::start();
        {
            let _outer = span("outer");
            let _inner = span("inner");
        }
        let _after = span("after");
        timeline.stop();
        let mine: Vec<_> = timeline.tasks().into_iter().filter(|task| task.is_on_this_thread()).collect();
        let depths: Vec<_> = mine.iter().map(|task| (task.label.as_str(), task.depth, task.finished)).collect();
        assert_eq!(depths, [("outer", 0, true), ("inner", 1, true), ("after", 0, false)]);
        assert!(mine[0].start <= mine[1].start && mine[1].end <= mine[0].end);
    }
}
