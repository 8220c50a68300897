//! Which worker ran which task when: [`Timeline`] records the tasks of all executors and
//! of the person's own [`span`]s, and draws them.
//!
//! An executor puts `let _span = timeline::task("map", number);` before it calls a task.
//! While somebody records, that writes the task into a slot of shared memory ([`region`]),
//! where it takes its thread's next one ([`span`](mod@span)); forked children write into the same
//! memory. [`Timeline`] reads the slots when it stops; what came out is put into numbers
//! ([`record`]), drawn as a [`chart`], written in letters ([`text`]) or as a [`trace`].

mod chart;
mod record;
mod recorder;
mod region;
mod span;
mod text;
mod trace;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::display::{MimeBundle, Rich};

use record::Record;
pub use record::Task;
pub use recorder::Recorder;
use region::Region;
pub(crate) use span::task;
pub use span::{Span, span};

/// The recordings of this process that go on. In memory of its own, so that a copy that
/// takes over after a crash knows those that were there before the cell.
static GOING_ON: AtomicU64 = AtomicU64::new(0);
/// For the next task of an executor.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(0);

/// Makes the memory for records, so that forked children can share it. To be called
/// before a child is forked that may run tasks; afterwards it costs nothing.
pub(crate) fn before_fork() {
    region::get_or_make();
}

/// In a forked child: how its threads are called in charts.
pub(crate) fn name_process(name: &str) {
    region::name_process(name);
}

/// Whether any [`Timeline`] records. Costs about a nanosecond.
pub(crate) fn is_recording() -> bool {
    region::current().is_some_and(|region| region.recording().is_some())
}

/// A number for a task that is submitted now: counted from 0 at the start of the recording.
/// `u64::MAX`, which is none, while nobody records.
pub(crate) fn next_number() -> u64 {
    if is_recording() { NEXT_NUMBER.fetch_add(1, Ordering::Relaxed) } else { u64::MAX }
}

/// Held while the process forks.
pub(crate) fn lock_all() -> (impl Drop, impl Drop) {
    region::lock_all()
}

/// In a copy of the process that takes over after a crash.
pub(crate) fn take_over() {
    region::take_over(GOING_ON.load(Ordering::Relaxed));
}

/// Records which worker runs which task when.
///
/// From [`start`](Timeline::start) to [`stop`](Timeline::stop) the tasks of all executors,
/// threads and forked processes are recorded, and every [`span`]. Shown, it is a chart with
/// a lane for each worker. Several timelines may record at the same time.
///
/// The latest million tasks are kept. A task costs less than 200 ns while a timeline
/// records, and about a nanosecond while none does. All times are in seconds since the
/// start.
///
/// ```
/// # use threadbook::prelude::*;
/// let timeline = Timeline::start();
/// std::thread::scope(|scope| {
///     for name in ["left", "right"] {
///         let work = || {
///             let _span = span("wait");
///             sleep(0.02);
///         };
///         std::thread::Builder::new().name(name.into()).spawn_scoped(scope, work).unwrap();
///     }
/// });
/// timeline.stop();
/// assert_eq!(timeline.workers(), ["left", "right"]);
/// assert!(timeline.busy("left") >= 0.02);
/// display(&timeline);
/// ```
///
/// In a forked child a timeline of the child's own records only that child's tasks, and
/// its parent's timelines have none of them from then on.
#[derive(Debug)]
pub struct Timeline {
    region: &'static Region,
    /// Its first slot.
    first: u64,
    /// Nanoseconds since the region's epoch.
    begin: u64,
    stopped: Mutex<Option<Record>>,
}

impl Timeline {
    /// Starts to record.
    ///
    /// # Panics
    /// When the system grants no memory.
    #[allow(clippy::new_without_default, reason = "it starts something")]
    pub fn start() -> Timeline {
        let (region, first, begin) = Region::start();
        if GOING_ON.fetch_add(1, Ordering::Relaxed) == 0 {
            NEXT_NUMBER.store(0, Ordering::Relaxed);
        }
        Timeline { region, first, begin, stopped: Mutex::new(None) }
    }

    /// Records while `work` runs.
    ///
    /// ```
    /// # use threadbook::prelude::*;
    /// let (sum, timeline) = Timeline::record(|| {
    ///     let _span = span("sum");
    ///     (0..1000).sum::<i32>()
    /// });
    /// assert_eq!(sum, 499_500);
    /// assert_eq!(timeline.tasks()[0].label, "sum");
    /// ```
    pub fn record<T>(work: impl FnOnce() -> T) -> (T, Timeline) {
        let timeline = Timeline::start();
        let value = work();
        timeline.stop();
        (value, timeline)
    }

    /// Ends the recording. Tasks that still run are kept as not finished. A second call
    /// does nothing.
    ///
    /// It returns the timeline, so that as the last line of a cell it shows the chart.
    pub fn stop(&self) -> &Timeline {
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        if stopped.is_none() {
            *stopped = Some(self.region.stop(|| self.read()));
            GOING_ON.fetch_sub(1, Ordering::Relaxed);
        }
        drop(stopped);
        self
    }

    /// As the function [`span`].
    pub fn span(&self, label: &str) -> Span {
        span(label)
    }

    /// The tasks in the order of their starts; up to now while it records.
    pub fn tasks(&self) -> Vec<Task> {
        self.with(|record| record.tasks.clone())
    }

    /// Seconds from start to stop; up to now while it records.
    pub fn duration(&self) -> f64 {
        self.with(|record| record.duration)
    }

    /// The names of the workers that ran tasks: those of this process first, and `worker
    /// 2` before `worker 10`. A second worker of the same name has ` (2)` after it.
    pub fn workers(&self) -> Vec<String> {
        self.with(|record| record.lanes.iter().map(|lane| lane.name.clone()).collect())
    }

    /// For how many seconds a worker ran tasks. Tasks within tasks count once. 0 for a
    /// worker that ran none.
    pub fn busy(&self, worker: &str) -> f64 {
        self.with(|record| record.lanes.iter().find(|lane| lane.name == worker).map_or(0.0, |lane| lane.busy))
    }

    /// The part of the time that workers ran tasks, from 0 to 1: what they were busy
    /// together, divided by their number and the duration. 0 without tasks.
    pub fn utilisation(&self) -> f64 {
        self.with(Record::utilisation)
    }

    /// Tasks that were recorded and are not kept, because more than a million followed
    /// them. About: a few dozen too many may be counted for each thread.
    pub fn lost(&self) -> u64 {
        self.with(|record| record.lost)
    }

    /// The chart as an SVG file's text, as wide as its place allows.
    pub fn svg(&self) -> String {
        self.with(chart::svg)
    }

    /// Writes the tasks as a Chrome trace (JSON), which <https://ui.perfetto.dev> and
    /// `chrome://tracing` open.
    ///
    /// # Errors
    /// When the file cannot be written; the error says which.
    pub fn save_trace(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.save_trace_at(path.as_ref())
    }

    fn save_trace_at(&self, path: &Path) -> io::Result<()> {
        let write = || self.with(|record| trace::write(record, std::fs::File::create(path)?));
        write().map_err(|error| io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display())))
    }

    fn read(&self) -> Record {
        let end = self.region.now();
        let (recorded, lost) = self.region.read(self.first);
        Record::new(recorded, lost, self.begin, end, |lane| self.region.worker(lane))
    }

    fn with<T>(&self, use_it: impl FnOnce(&Record) -> T) -> T {
        match &*self.stopped.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(record) => use_it(record),
            None => use_it(&self.read()),
        }
    }
}

impl Drop for Timeline {
    fn drop(&mut self) {
        let stopped = self.stopped.get_mut().unwrap_or_else(PoisonError::into_inner);
        if stopped.is_none() {
            self.region.stop(|| ());
            GOING_ON.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl std::fmt::Debug for Region {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Region")
    }
}

impl Rich for Timeline {
    fn rich(&self) -> MimeBundle {
        self.with(|record| {
            MimeBundle::new().with("text/html", chart::html(record)).with("text/plain", text::chart(record))
        })
    }
}

/// The chart in letters, as in a terminal.
impl std::fmt::Display for Timeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.with(text::chart))
    }
}

#[cfg(all(test, unix))]
mod executor_tests;
#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn named<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let thread = thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, work).expect("a thread");
            thread.join().expect("it does not panic")
        })
    }

    fn labels_on(timeline: &Timeline, worker: &str) -> Vec<String> {
        timeline.tasks().into_iter().filter(|task| task.worker == worker).map(|task| task.label).collect()
    }

    #[test]
    fn tasks_of_many_threads_are_all_there() {
        let timeline = Timeline::start();
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let work = move || {
                    for number in 0..1000 {
                        let _span = task("count", thread * 1000 + number);
                    }
                };
                thread::Builder::new().name(format!("many-{thread}")).spawn(work).expect("a thread")
            })
            .collect();
        for thread in threads {
            thread.join().expect("it does not panic");
        }
        timeline.stop();
        for thread in 0..8 {
            let labels = labels_on(&timeline, &format!("many-{thread}"));
            let expected: Vec<_> = (0..1000).map(|number| format!("count {}", thread * 1000 + number)).collect();
            assert_eq!(labels, expected);
        }
        assert_eq!(timeline.lost(), 0);
    }

    #[test]
    fn each_timeline_has_its_own_time() {
        named("own-time", || {
            drop(span("before"));
            let outer = Timeline::start();
            drop(span("first"));
            let inner = Timeline::start();
            drop(span("second"));
            inner.stop();
            drop(span("third"));
            outer.stop();
            drop(span("after"));
            assert_eq!(labels_on(&outer, "own-time"), ["first", "second", "third"]);
            assert_eq!(labels_on(&inner, "own-time"), ["second"]);
            assert!(inner.duration() <= outer.duration());
            assert_eq!(outer.duration(), outer.stop().duration());
        });
    }

    #[test]
    fn labels_are_cut_at_a_letter() {
        named("long-label", || {
            let (_, timeline) = Timeline::record(|| drop(span(&"ä".repeat(40))));
            assert_eq!(labels_on(&timeline, "long-label"), ["ä".repeat(28)]);
            let (_, timeline) = Timeline::record(|| drop(task("", 7)));
            assert_eq!(labels_on(&timeline, "long-label"), ["7"]);
        });
    }

    #[test]
    fn a_trace_is_a_file_or_an_error_that_names_it() {
        let (_, timeline) = Timeline::record(|| ());
        let error = timeline.save_trace("/nowhere/at/all.json").expect_err("there is no such directory");
        assert!(error.to_string().starts_with("cannot write /nowhere/at/all.json: "), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn forked_children_record_in_the_same_memory() {
        fn in_child(work: impl FnOnce()) -> i32 {
            // SAFETY: the child records, which needs no lock that another thread may hold
            // but the allocator's, which the C library takes care of, and leaves at once.
            match unsafe { libc::fork() } {
                0 => {
                    work();
                    // SAFETY: nothing of the parent's is cleaned up.
                    unsafe { libc::_exit(0) }
                }
                child => child,
            }
        }
        fn ended(child: i32) -> i32 {
            let mut status = 0;
            // SAFETY: `status` is a place for the answer.
            unsafe { libc::waitpid(child, &raw mut status, 0) };
            status
        }
        named("parent", || {
            before_fork();
            // A child that is there before the recording, as a pool's workers are.
            let (mut there, mut here) = std::os::unix::net::UnixStream::pair().expect("a pair");
            let early = in_child(|| {
                name_process("Early");
                let _ = std::io::Read::read_exact(&mut there, &mut [0]);
                drop(task("early", 1));
            });
            let timeline = Timeline::start();
            let _outer = span("outer");
            let _ = std::io::Write::write_all(&mut here, b"x");
            let late = in_child(|| drop(span("late")));
            let crashed = in_child(|| {
                let _span = span("crash");
                // SAFETY: ends the child at once.
                unsafe { libc::_exit(9) }
            });
            for child in [early, late, crashed] {
                ended(child);
            }
            timeline.stop();
            let tasks: Vec<_> = timeline
                .tasks()
                .into_iter()
                .filter(|task| [early, late, crashed].contains(&(task.process as i32)))
                .map(|task| (task.label, task.worker, task.finished, task.depth))
                .collect();
            let mut expected = [
                ("early 1".to_owned(), "Early · parent".to_owned(), true, 0),
                ("late".to_owned(), format!("process {late} · parent"), true, 0),
                ("crash".to_owned(), format!("process {crashed} · parent"), false, 0),
            ];
            let mut tasks = tasks;
            tasks.sort();
            expected.sort();
            assert_eq!(tasks, expected);
            assert_eq!(labels_on(&timeline, "parent"), ["outer"]);
        });
    }
}
