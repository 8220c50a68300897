//! The chart of a timeline in letters, for terminals.

use super::chart::summary;
use super::record::{Lane, Record};
use crate::picture::{Axis, shortened, time_text};

const COLUMNS: usize = 64;
const LONGEST_NAME: usize = 18;
/// More lanes are only counted.
const MOST_LANES: usize = 40;

/// A line for each worker, in which each letter stands for a stretch of the time.
pub fn chart(record: &Record) -> String {
    let mut text = summary(record);
    if record.tasks.is_empty() || record.duration <= 0.0 {
        return text;
    }
    let shown = &record.lanes[..record.lanes.len().min(MOST_LANES)];
    let names: Vec<String> = shown.iter().map(|lane| shortened(&lane.name, LONGEST_NAME)).collect();
    let indent = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    for (lane, name) in shown.iter().zip(&names) {
        let percent = lane.busy / record.duration * 100.0;
        text += &format!("\n{name:>indent$} │{}│ {percent:3.0} %", cells(record, lane));
    }
    if record.lanes.len() > shown.len() {
        text += &format!("\n… and {} more workers", record.lanes.len() - shown.len());
    }
    let (line, labels) = axis(record.duration);
    text += &format!("\n{:indent$} └{line}┘\n{:indent$}  {labels}", "", "");
    text += &format!(
        "\n{:indent$}  a letter is {}: █ busy all of it, ▓ ▒ ░ less, · under a tenth of it",
        "",
        time_text(record.duration / COLUMNS as f64)
    );
    text
}

fn cells(record: &Record, lane: &Lane) -> String {
    let width = record.duration / COLUMNS as f64;
    let mut busy = [0.0; COLUMNS];
    let mut until = 0.0f64;
    for &index in &lane.tasks {
        let task = &record.tasks[index];
        // What was counted before is not counted again.
        let (from, to) = (task.start.max(until), task.end.min(record.duration));
        until = until.max(to);
        let column = |time: f64| ((time / width) as usize).min(COLUMNS - 1);
        if task.start == task.end {
            // No time at all that the clock could see, and still there.
            busy[column(task.start)] += width * 1e-6;
        }
        if from < to {
            for (index, busy) in busy.iter_mut().enumerate().take(column(to) + 1).skip(column(from)) {
                let (begin, end) = (index as f64 * width, (index + 1) as f64 * width);
                *busy += (to.min(end) - from.max(begin)).max(0.0);
            }
        }
    }
    let letter = |share: f64| match share {
        share if share >= 0.95 => '█',
        share if share >= 0.6 => '▓',
        share if share >= 0.3 => '▒',
        share if share >= 0.1 => '░',
        share if share > 0.0 => '·',
        _ => ' ',
    };
    busy.iter().map(|busy| letter(busy / width)).collect()
}

/// The line with its marks, and what stands below them.
fn axis(duration: f64) -> (String, String) {
    let axis = Axis::new(duration, 4);
    let mut line = vec!['─'; COLUMNS];
    let mut labels = String::new();
    for (mark, text) in axis.marks.iter().zip(axis.times()) {
        let column = ((mark / duration * COLUMNS as f64) as usize).min(COLUMNS - 1);
        line[column] = '┴';
        let written = labels.chars().count();
        if column >= written {
            labels += &" ".repeat(column - written);
            labels += &text;
        }
    }
    (line.into_iter().collect(), labels)
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::{recorded, workers};
    use super::*;

    #[test]
    fn letters_say_how_busy() {
        let s = 1_000_000_000;
        let tasks = vec![
            recorded("a", 0, 0, Some(32 * s)),
            recorded("half", 1, 32 * s, Some(32 * s + s / 2)),
            recorded("within", 0, s, Some(2 * s)),
            recorded("short", 1, 63 * s, Some(63 * s + s / 100)),
        ];
        let text = chart(&Record::new(tasks, 0, 0, 64 * s, workers));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "4 tasks on 2 workers in 64.0 s, busy 25 % of the time");
        assert_eq!(lines[1], format!("worker 0 │{}{}│  50 %", "█".repeat(32), " ".repeat(32)));
        assert_eq!(lines[2], format!("worker 1 │{}▒{}·│   1 %", " ".repeat(32), " ".repeat(30)));
        assert!(lines[4].trim_start().starts_with("0 s") && lines[4].contains("20 s") && lines[4].contains("60 s"));
        assert!(lines[5].contains("a letter is 1.00 s"), "{text}");
    }

    #[test]
    fn a_busy_worker_is_busy_in_every_letter() {
        // A width that is no round binary number.
        for end in [195_000_000, 333_333_333, 7_000_001] {
            let text = chart(&Record::new(vec![recorded("a", 0, 0, Some(end))], 0, 0, end, workers));
            assert!(text.contains(&"█".repeat(COLUMNS)), "{text}");
        }
    }

    #[test]
    fn no_line_is_too_long() {
        let tasks = (0..100).map(|n| recorded("x", n, u64::from(n), Some(1000))).collect();
        let text = chart(&Record::new(tasks, 0, 0, 1000, workers));
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(text.contains("… and 60 more workers"));
    }
}
