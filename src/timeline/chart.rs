//! The chart of a timeline as SVG: a lane for each worker, a bar for each task.

use std::collections::BTreeMap;

use super::record::{Record, covered};
use crate::picture::{Anchor, Axis, COLOURS, GREY, Svg, embedded, escaped, shortened, time_text};

const WIDTH: f64 = 860.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 6.0;
const AXIS: f64 = 22.0;
const LEGEND: f64 = 18.0;
/// A letter at the size of labels, about.
const LETTER: f64 = 6.2;
/// More lanes than that are drawn several to a row.
const MOST_ROWS: usize = 200;
/// Bars in one picture. Narrower ones are drawn as one until there are no more.
const MOST_BARS: usize = 3000;

/// Workers that share a row, usually one.
struct Row {
    name: String,
    /// Which of the record's tasks, in the order of their starts.
    tasks: Vec<usize>,
    busy: f64,
}

/// One task, or several that are too narrow to be told apart.
#[derive(Debug, Clone, PartialEq)]
struct Bar {
    /// Seconds.
    start: f64,
    end: f64,
    /// Seconds in which tasks ran.
    busy: f64,
    first: usize,
    count: usize,
    depth: u16,
    kind: usize,
}

/// The chart with a line above it that says what it shows.
pub fn html(record: &Record) -> String {
    format!("<div><div style=\"margin:2px 0 4px\">{}</div>{}</div>", escaped(&summary(record)), embedded(&svg(record)))
}

/// `12 tasks on 4 workers in 1.20 s, busy 83 % of the time`
pub fn summary(record: &Record) -> String {
    let plural = |count: usize, name: &str| format!("{count} {name}{}", if count == 1 { "" } else { "s" });
    let time = time_text(record.duration);
    if record.tasks.is_empty() {
        return format!(
            "no tasks in {time}: what executors, `Thread`, `Process` and `span` run is recorded, threads of `std` are not"
        );
    }
    let lost =
        if record.lost > 0 { format!(" (and some {} earlier ones, not kept)", record.lost) } else { String::new() };
    let going_on = record.tasks.iter().filter(|task| !task.finished).count();
    let going_on = if going_on > 0 { format!(", {going_on} not finished") } else { String::new() };
    format!(
        "{}{lost} on {} in {time}, busy {:.0} % of the time{going_on}",
        plural(record.tasks.len(), "task"),
        plural(record.lanes.len(), "worker"),
        record.utilisation() * 100.0
    )
}

pub fn svg(record: &Record) -> String {
    let rows = rows(record);
    let longest = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).min(26);
    let left = longest as f64 * LETTER + 12.0;
    let plot = WIDTH - RIGHT - left;
    let row_height = match rows.len() {
        0..=24 => 20.0,
        25..=60 => 12.0,
        _ => (720.0 / rows.len() as f64).max(3.0),
    };
    let kinds = kinds(record);
    let legend = if kinds.len() > 1 { LEGEND } else { 0.0 };
    let bottom = TOP + row_height * rows.len() as f64;
    let mut svg = Svg::new(WIDTH, bottom + AXIS + legend, 1.6, &summary(record));
    let scale = if record.duration > 0.0 { plot / record.duration } else { 0.0 };
    let x = |seconds: f64| left + seconds * scale;

    let axis = Axis::new(record.duration, 8);
    for (mark, text) in axis.marks.iter().zip(axis.times()) {
        svg.line([x(*mark), TOP, x(*mark), bottom + 4.0], " opacity=\".2\"");
        // Under its mark, unless the picture ends before.
        let half = text.chars().count() as f64 * LETTER / 2.0;
        svg.text((x(*mark).min(WIDTH - half), bottom + 16.0), Anchor::Middle, "", &text);
    }
    svg.line([left, bottom, WIDTH - RIGHT, bottom], " opacity=\".6\"");

    // Every so many rows have room for a name.
    let named = (11.0 / row_height).ceil() as usize;
    for (index, row) in rows.iter().enumerate().step_by(named) {
        let middle = TOP + (index as f64 + 0.5) * row_height;
        svg.raw("<g>");
        svg.text((left - 6.0, middle + 4.0), Anchor::End, "", &shortened(&row.name, 26));
        let told = format!("{}: {} tasks, busy {}", row.name, row.tasks.len(), time_text(row.busy));
        svg.raw(&format!("<title>{}</title></g>", escaped(&told)));
    }

    let bars = bars(record, &rows, &kinds, scale);
    for (index, (row, bars)) in rows.iter().zip(&bars).enumerate() {
        let gap = if row_height >= 10.0 { 2.0 } else { 0.5 };
        for bar in bars {
            // A task within another leaves some of it to be seen.
            let inset = (f64::from(bar.depth) * 3.0).min(row_height / 2.0 - gap);
            let (top, height) = (TOP + index as f64 * row_height + gap + inset, row_height - 2.0 * gap - inset);
            let width = (bar.end - bar.start) * scale;
            let (fill, on_it) = COLOURS.get(bar.kind).copied().unwrap_or(GREY);
            let share = if bar.count > 1 && bar.end > bar.start { bar.busy / (bar.end - bar.start) } else { 1.0 };
            // What touches its neighbour is still seen to be another.
            let drawn = if width > 3.0 { width - 0.7 } else { width.max(0.5) };
            svg.rect([x(bar.start), top, drawn, height], fill, share.clamp(0.35, 1.0), &title(record, row, bar));
            let label = &record.tasks[bar.first].label;
            if bar.count == 1 && row_height >= 15.0 && label.chars().count() as f64 * LETTER + 8.0 < width {
                let style = format!(" font-size=\"10\" style=\"fill:{on_it};pointer-events:none\"");
                svg.text((x(bar.start) + 4.0, top + height / 2.0 + 3.5), Anchor::Start, &style, label);
            }
        }
    }
    if legend > 0.0 {
        draw_legend(&mut svg, &kinds, left, bottom + AXIS + 11.0);
    }
    svg.finish()
}

fn draw_legend(svg: &mut Svg, kinds: &[String], left: f64, base: f64) {
    let mut at = left;
    let rest = kinds.len().saturating_sub(COLOURS.len());
    let others = (rest > 0).then(|| format!("{rest} others"));
    let named = kinds.iter().take(COLOURS.len()).map(String::as_str).chain(others.as_deref());
    for (index, name) in named.enumerate() {
        let (fill, _) = COLOURS.get(index).copied().unwrap_or(GREY);
        let name = if name.is_empty() { "(no label)".to_owned() } else { shortened(name, 24) };
        let width = name.chars().count() as f64 * LETTER + 28.0;
        if at + width > WIDTH {
            return;
        }
        svg.rect([at, base - 9.0, 10.0, 10.0], fill, 1.0, &name);
        svg.text((at + 14.0, base), Anchor::Start, "", &name);
        at += width;
    }
}

fn title(record: &Record, row: &Row, bar: &Bar) -> String {
    let times = format!("from {} to {}", time_text(bar.start), time_text(bar.end));
    if bar.count > 1 {
        return format!("{} tasks on {}\n{times}, busy {}", bar.count, row.name, time_text(bar.busy));
    }
    let task = &record.tasks[bar.first];
    let end = if task.finished { "" } else { ", not finished" };
    format!("{}\n{} on {}, {times}{end}", task.label, time_text(task.duration()), task.worker)
}

/// The kinds of tasks: labels without the numbers at their ends, the most frequent first.
fn kinds(record: &Record) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for task in &record.tasks {
        *counts.entry(kind(&task.label)).or_insert(0) += 1;
    }
    let mut kinds: Vec<_> = counts.into_iter().collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    kinds.into_iter().map(|(kind, _)| kind.to_owned()).collect()
}

fn kind(label: &str) -> &str {
    label.trim_end_matches(|c: char| c.is_ascii_digit() || " #-_.:,()[]/".contains(c))
}

fn rows(record: &Record) -> Vec<Row> {
    let together = record.lanes.len().div_ceil(MOST_ROWS).max(1);
    let rows = record.lanes.chunks(together).map(|lanes| {
        let name = match lanes {
            [only] => only.name.clone(),
            [first, .., last] => format!("{} … {}", first.name, last.name),
            [] => String::new(),
        };
        let mut tasks: Vec<usize> = lanes.iter().flat_map(|lane| &lane.tasks).copied().collect();
        // Indices are in the order of starts.
        tasks.sort_unstable();
        Row { name, tasks, busy: lanes.iter().map(|lane| lane.busy).sum() }
    });
    rows.collect()
}

/// The bars of each row: tasks that are narrower than half a pixel are drawn together
/// with those beside them, and wider ones too if there would be too many bars.
fn bars(record: &Record, rows: &[Row], kinds: &[String], scale: f64) -> Vec<Vec<Bar>> {
    let kind_of: BTreeMap<&str, usize> = kinds.iter().enumerate().map(|(index, kind)| (kind.as_str(), index)).collect();
    let mut narrow = 0.5;
    loop {
        let least = if scale > 0.0 { narrow / scale } else { 0.0 };
        let bars: Vec<Vec<Bar>> = rows.iter().map(|row| merged(record, row, &kind_of, least)).collect();
        if bars.iter().map(Vec::len).sum::<usize>() <= MOST_BARS.max(rows.len() * 4) || narrow > WIDTH {
            return bars;
        }
        narrow *= 2.0;
    }
}

/// `least`: seconds that are not to be told apart.
fn merged(record: &Record, row: &Row, kind_of: &BTreeMap<&str, usize>, least: f64) -> Vec<Bar> {
    let mut by_depth: BTreeMap<u16, Vec<Bar>> = BTreeMap::new();
    for &index in &row.tasks {
        let task = &record.tasks[index];
        let kind = kind_of.get(kind(&task.label)).copied().unwrap_or(usize::MAX);
        let (start, end) = (task.start, task.end);
        let bars = by_depth.entry(task.depth).or_default();
        if let Some(last) = bars.last_mut()
            && start - last.end < least
            && (end - start < least || last.end - last.start < least)
        {
            last.busy += covered([(last.start, last.end), (start, end)].into_iter()) - (last.end - last.start);
            last.end = last.end.max(end);
            last.count += 1;
            if kind != last.kind {
                last.kind = usize::MAX;
            }
            continue;
        }
        bars.push(Bar { start, end, busy: end - start, first: index, count: 1, depth: task.depth, kind });
    }
    by_depth.into_values().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::{recorded, workers};
    use super::*;

    #[test]
    fn each_task_is_a_bar_with_its_title() {
        let ms = 1_000_000;
        let tasks = vec![recorded("load 1", 0, 0, Some(40 * ms)), recorded("<sum>", 1, 50 * ms, Some(100 * ms))];
        let svg = svg(&Record::new(tasks, 0, 0, 100 * ms, workers));
        assert!(svg.contains("<title>load 1\n40.0 ms on worker 0, from 0 s to 40.0 ms</title>"), "{svg}");
        assert!(svg.contains("&lt;sum&gt;") && !svg.contains("<sum>"));
        assert!(svg.contains(">worker 1</text>") && svg.contains(">100 ms</text>"));
    }

    #[test]
    fn what_is_too_narrow_is_drawn_together() {
        // 100,000 tasks of 1 µs, each 2 µs after the other, on four workers.
        let tasks = (0..100_000).map(|n| recorded("map", (n % 4) as u32, n * 2000, Some(n * 2000 + 1000))).collect();
        let record = Record::new(tasks, 0, 0, 200_000_000, workers);
        let svg = svg(&record);
        assert!(svg.len() < 600_000, "{} bytes", svg.len());
        let rows = rows(&record);
        let bars = bars(&record, &rows, &kinds(&record), 700.0 / record.duration);
        assert_eq!(bars.iter().flatten().map(|bar| bar.count).sum::<usize>(), 100_000);
        // A worker runs a task for 1 µs in every 8 µs.
        let share: f64 = bars.iter().flatten().map(|bar| bar.busy).sum();
        assert!((share - 0.1).abs() < 1e-6, "{share}");
    }

    #[test]
    fn many_workers_share_rows() {
        let tasks = (0..1000).map(|n| recorded("sleep", n, 0, Some(1_000_000))).collect();
        let record = Record::new(tasks, 0, 0, 2_000_000, workers);
        let rows = rows(&record);
        assert_eq!(rows.len(), 200);
        assert_eq!(rows[0].name, "worker 0 … worker 4");
        assert!(svg(&record).len() < 600_000);
    }

    #[test]
    fn nothing_is_a_chart_too() {
        let record = Record::new(Vec::new(), 0, 0, 0, workers);
        assert!(html(&record).contains("no tasks in 0 s"));
        assert!(!svg(&record).contains("NaN"));
    }

    #[test]
    fn kinds_are_labels_without_numbers() {
        assert_eq!(["load 12", "load #3", "x-1.5", "12", "ab"].map(kind), ["load", "load", "x", "", "ab"]);
    }
}
