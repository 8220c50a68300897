//! What was recorded, in seconds and sorted by workers.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::region::{Recorded, Worker};

/// A task that a [`Timeline`](super::Timeline) has recorded. Times are in seconds since
/// its start.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Task {
    /// What it was called, cut to 56 bytes.
    pub label: String,
    /// The thread that ran it.
    pub worker: String,
    /// The number of the process that ran it.
    pub process: u32,
    /// When it began.
    pub start: f64,
    /// When it ended, or the timeline did.
    pub end: f64,
    /// Whether it has ended while the timeline recorded. A task that has not was still
    /// running, or its process has ended within it.
    pub finished: bool,
    /// In how many other tasks of the same worker it lies.
    pub depth: u16,
}

impl Task {
    /// How long it took, in seconds.
    pub fn duration(&self) -> f64 {
        self.end - self.start
    }

    #[cfg(test)]
    pub fn is_on_this_thread(&self) -> bool {
        std::thread::current().name() == Some(&self.worker)
    }
}

#[derive(Debug, Clone)]
pub struct Record {
    /// In the order of their starts.
    pub tasks: Vec<Task>,
    /// Seconds.
    pub duration: f64,
    pub lanes: Vec<Lane>,
    pub lost: u64,
}

/// A worker and what it did.
#[derive(Debug, Clone, PartialEq)]
pub struct Lane {
    pub name: String,
    pub process: u32,
    /// Which of the record's tasks are its own, in the order of their starts.
    pub tasks: Vec<usize>,
    /// Seconds in which it ran any.
    pub busy: f64,
}

impl Record {
    /// `begin` and `end` are nanoseconds since the region's epoch.
    pub fn new(
        mut recorded: Vec<Recorded>,
        lost: u64,
        begin: u64,
        end: u64,
        worker: impl Fn(u32) -> Option<Worker>,
    ) -> Record {
        recorded.retain(|task| (begin..=end).contains(&task.start));
        recorded.sort_by_key(|task| task.start);
        let seconds = |time: u64| time.saturating_sub(begin) as f64 / 1e9;

        let mut by_lane: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (index, task) in recorded.iter().enumerate() {
            by_lane.entry(task.lane).or_default().push(index);
        }
        let unknown = || Worker { name: "a thread".to_owned(), process: 0 };
        let mut workers: Vec<_> =
            by_lane.into_iter().map(|(lane, tasks)| (worker(lane).unwrap_or_else(unknown), tasks)).collect();
        let own = std::process::id();
        workers.sort_by(|(a, _), (b, _)| {
            (a.process != own)
                .cmp(&(b.process != own))
                .then_with(|| natural(&a.name, &b.name))
                .then(a.process.cmp(&b.process))
        });

        let mut tasks: Vec<Task> = recorded
            .into_iter()
            .map(|task| Task {
                label: task.label,
                worker: String::new(),
                process: 0,
                start: seconds(task.start),
                end: seconds(task.end.unwrap_or(end).min(end)),
                finished: task.end.is_some_and(|ended| ended <= end),
                depth: task.depth,
            })
            .collect();
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let lanes = workers.into_iter().map(|(worker, own_tasks)| {
            let count = seen.entry(worker.name.clone()).or_insert(0);
            *count += 1;
            let name = if *count > 1 { format!("{} ({count})", worker.name) } else { worker.name };
            for &index in &own_tasks {
                tasks[index].worker.clone_from(&name);
                tasks[index].process = worker.process;
            }
            let busy = covered(own_tasks.iter().map(|&index| (tasks[index].start, tasks[index].end)));
            Lane { name, process: worker.process, tasks: own_tasks, busy }
        });
        let lanes = lanes.collect();
        Record { tasks, duration: seconds(end), lanes, lost }
    }

    pub fn utilisation(&self) -> f64 {
        let possible = self.duration * self.lanes.len() as f64;
        if possible > 0.0 { self.lanes.iter().map(|lane| lane.busy).sum::<f64>() / possible } else { 0.0 }
    }
}

/// The length of what intervals cover together. They come in the order of their starts.
pub fn covered(intervals: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (mut sum, mut until) = (0.0, f64::NEG_INFINITY);
    for (start, end) in intervals {
        if end > until {
            sum += end - start.max(until);
            until = end;
        }
    }
    sum
}

/// Numbers within names count as numbers: `worker 2` is before `worker 10`.
fn natural(a: &str, b: &str) -> Ordering {
    fn parts(name: &str) -> Vec<(&str, Option<u128>)> {
        let mut parts = Vec::new();
        let mut rest = name;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
            let (text, from_digits) = rest.split_at(digits);
            let end = from_digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(from_digits.len());
            let (number, after) = from_digits.split_at(end);
            parts.push((text, (!number.is_empty()).then(|| number.parse().unwrap_or(u128::MAX))));
            rest = after;
        }
        parts
    }
    parts(a).cmp(&parts(b)).then_with(|| a.cmp(b))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn recorded(label: &str, lane: u32, start: u64, end: Option<u64>) -> Recorded {
        Recorded { label: label.to_owned(), lane, depth: 0, start, end }
    }

    pub fn workers(lane: u32) -> Option<Worker> {
        Some(Worker { name: format!("worker {lane}"), process: std::process::id() })
    }

    #[test]
    fn tasks_go_to_their_workers() {
        let s = 1_000_000_000;
        let tasks = vec![
            recorded("b", 10, 3 * s, Some(4 * s)),
            recorded("before", 2, s - 1, Some(4 * s)),
            recorded("a", 2, 2 * s, Some(4 * s)),
            recorded("goes on", 2, 3 * s, None),
        ];
        let record = Record::new(tasks, 0, s, 6 * s, workers);
        assert_eq!(record.lanes.iter().map(|lane| lane.name.as_str()).collect::<Vec<_>>(), ["worker 2", "worker 10"]);
        assert_eq!(record.lanes[0].busy, 4.0);
        assert_eq!(record.lanes[1].busy, 1.0);
        assert_eq!((record.duration, record.utilisation()), (5.0, 0.5));
        let ends: Vec<_> = record.tasks.iter().map(|task| (task.label.as_str(), task.end, task.finished)).collect();
        assert_eq!(ends.iter().filter(|(_, _, finished)| !finished).collect::<Vec<_>>(), [&("goes on", 5.0, false)]);
        assert_eq!(record.tasks[0].label, "a");
    }

    #[test]
    fn workers_of_the_same_name_are_told_apart() {
        let tasks = vec![recorded("x", 0, 1, Some(2)), recorded("x", 1, 1, Some(2))];
        let same = |_| Some(Worker { name: "pool-0".to_owned(), process: 1 });
        let record = Record::new(tasks, 0, 0, 9, same);
        assert_eq!(record.tasks[1].worker, "pool-0 (2)");
        assert_eq!(Record::new(Vec::new(), 0, 0, 9, same).utilisation(), 0.0);
    }

    #[test]
    fn what_overlaps_is_covered_once() {
        let intervals = [(0.0, 10.0), (1.0, 2.0), (5.0, 12.0), (20.0, 21.0)];
        assert_eq!(covered(intervals.into_iter()), 13.0);
    }

    #[test]
    fn names_with_numbers_are_sorted_by_them() {
        let mut names = ["w10", "w9", "a", "w", "w10b2", "w10b10"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["a", "w", "w9", "w10", "w10b2", "w10b10"]);
    }
}
