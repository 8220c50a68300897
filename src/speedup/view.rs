//! Measured speed-up as a table and as a plot.

use std::thread;

use super::{Series, Speedup, amdahl};
use crate::picture::{Anchor, Axis, COLOURS, GREY, Svg, embedded, escaped, general, shortened, time_text};

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 40.0;
/// Points of a curve.
const STEPS: usize = 60;

const COLUMNS: [&str; 4] = ["workers", "time", "speed-up", "efficiency"];

/// The cells of a series' table.
fn rows(series: &Series) -> Vec<[String; 4]> {
    let row = |point: &super::Measured| {
        [
            point.workers.to_string(),
            time_text(point.time),
            format!("{:.2}", point.speedup),
            format!("{:.0} %", point.efficiency * 100.0),
        ]
    };
    series.measured.iter().map(row).collect()
}

/// What the fit says, and what it cannot say.
fn verdict(series: &Series) -> String {
    let Some(serial) = series.serial else {
        return "One number of workers says nothing about a serial part.".to_owned();
    };
    let slowest = series.measured.iter().map(|point| point.speedup).fold(f64::INFINITY, f64::min);
    let is_superlinear = series.measured.iter().any(|point| point.efficiency > 1.05);
    match serial {
        serial if serial >= 1.0 || slowest < 0.95 => {
            "More workers make it slower, which Amdahl's law does not describe.".to_owned()
        }
        serial if serial <= 0.0 && is_superlinear => {
            "Faster than in proportion to the workers, which Amdahl's law does not describe.".to_owned()
        }
        serial if serial < 0.0005 => "Amdahl's law fits with no serial part.".to_owned(),
        serial => format!(
            "Amdahl's law fits best with a serial part of {:.1} %: at most {} times faster, with any number of workers.",
            serial * 100.0,
            general(1.0 / serial)
        ),
    }
}

/// More workers than processors cannot compute at the same time.
fn processors(speedup: &Speedup) -> Option<String> {
    let count = thread::available_parallelism().ok()?.get();
    let most = *speedup.workers.last()?;
    let plural = if count == 1 { "" } else { "s" };
    (most > count).then(|| {
        format!("This computer has {count} processor{plural}: more workers can wait at the same time, not compute.")
    })
}

/// All series one below the other.
pub fn text(speedup: &Speedup) -> String {
    let mut blocks = Vec::new();
    for series in &speedup.series {
        let rows = rows(series);
        let mut widths = COLUMNS.map(str::len);
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let line = |cells: [&str; 4]| {
            let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:>width$}"));
            cells.collect::<Vec<_>>().join("  ")
        };
        let mut lines = Vec::new();
        if !series.name.is_empty() {
            lines.push(series.name.clone());
        }
        lines.push(line(COLUMNS));
        lines.extend(rows.iter().map(|row| line(row.each_ref().map(String::as_str))));
        lines.push(verdict(series));
        blocks.push(lines.join("\n"));
    }
    blocks.extend(processors(speedup));
    blocks.join("\n")
}

/// The tables beside the plot, or above it where there is no room.
pub fn html(speedup: &Speedup) -> String {
    let mut tables = String::new();
    for series in &speedup.series {
        let heads: String =
            COLUMNS.iter().map(|name| format!("<th style=\"text-align:right;padding:2px 8px\">{name}</th>")).collect();
        let rows: String = rows(series)
            .iter()
            .map(|row| {
                let cells = row
                    .iter()
                    .map(|cell| format!("<td style=\"text-align:right;padding:2px 8px\">{}</td>", escaped(cell)));
                format!("<tr>{}</tr>", cells.collect::<String>())
            })
            .collect();
        let name = match series.name.as_str() {
            "" => String::new(),
            name => format!("<caption style=\"text-align:left;font-weight:bold\">{}</caption>", escaped(name)),
        };
        tables += &format!(
            "<table style=\"border-collapse:collapse;font-size:inherit\">{name}<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table><p style=\"margin:4px 0 10px\">{}</p>",
            escaped(&verdict(series))
        );
    }
    if let Some(line) = processors(speedup) {
        tables += &format!("<p style=\"margin:4px 0\">{}</p>", escaped(&line));
    }
    format!(
        "<div style=\"display:flex;flex-wrap:wrap;gap:8px 32px;align-items:flex-start\"><div style=\"max-width:28em\">{tables}\
         </div><div style=\"flex:1 1 380px;max-width:780px\">{}</div></div>",
        embedded(&svg(speedup))
    )
}

/// Points as measured, the ideal line (dashed) and Amdahl's curve of each series.
pub fn svg(speedup: &Speedup) -> String {
    let most_workers = speedup.workers.last().copied().unwrap_or(1) as f64;
    let fastest =
        speedup.series.iter().flat_map(|series| &series.measured).map(|point| point.speedup).fold(1.0, f64::max);
    // The ideal line leaves the picture where it would press all else to the ground.
    let top = (fastest * 1.15).max(most_workers.min(fastest * 2.5)).max(1.2);
    let right = if most_workers > 1.0 { most_workers } else { 2.0 };
    let x = |workers: f64| LEFT + (workers - 1.0) / (right - 1.0) * (WIDTH - LEFT - RIGHT);
    let y = |speedup: f64| HEIGHT - BOTTOM - speedup / top * (HEIGHT - TOP - BOTTOM);
    let mut svg = Svg::new(WIDTH, HEIGHT, 1.5, "Speed-up by the number of workers");

    let axis = Axis::new(top, 5);
    for (mark, text) in axis.marks.iter().zip(axis.numbers()) {
        svg.line(
            [LEFT, y(*mark), WIDTH - RIGHT, y(*mark)],
            if *mark == 0.0 { " opacity=\".6\"" } else { " opacity=\".18\"" },
        );
        svg.text((LEFT - 6.0, y(*mark) + 4.0), Anchor::End, "", &text);
    }
    let mut free_from = f64::NEG_INFINITY;
    for &workers in &speedup.workers {
        let at = x(workers as f64);
        if at >= free_from {
            svg.line([at, HEIGHT - BOTTOM, at, HEIGHT - BOTTOM + 4.0], " opacity=\".6\"");
            svg.text((at, HEIGHT - BOTTOM + 16.0), Anchor::Middle, "", &workers.to_string());
            free_from = at + 18.0;
        }
    }
    let middle = (LEFT + WIDTH - RIGHT) / 2.0;
    svg.text((middle, HEIGHT - 6.0), Anchor::Middle, "", "workers");
    let up = format!(" transform=\"rotate(-90 12 {:.0})\"", (HEIGHT - BOTTOM) / 2.0);
    svg.text((12.0, (HEIGHT - BOTTOM) / 2.0), Anchor::Middle, &up, "speed-up");

    let ideal_end = top.min(right);
    svg.polyline(
        [(x(1.0), y(1.0)), (x(ideal_end), y(ideal_end))],
        "currentColor",
        " stroke-dasharray=\"5 4\" opacity=\".7\"",
    );
    let legend = WIDTH - RIGHT + 14.0;
    svg.polyline([(legend, 20.0), (legend + 18.0, 20.0)], "currentColor", " stroke-dasharray=\"5 4\" opacity=\".7\"");
    svg.text((legend + 24.0, 24.0), Anchor::Start, "", "ideal");
    for (index, series) in speedup.series.iter().enumerate() {
        let (colour, _) = COLOURS.get(index).copied().unwrap_or(GREY);
        let at = 40.0 + index as f64 * 34.0;
        let name = if series.name.is_empty() { "measured" } else { &series.name };
        svg.raw(&marker(index, legend + 9.0, at - 4.0, colour, name));
        svg.text((legend + 24.0, at), Anchor::Start, "", &shortened(name, 18));
        if let Some(serial) = series.serial {
            let curve = (0..=STEPS).map(|step| 1.0 + (right - 1.0) * step as f64 / STEPS as f64);
            let points = curve.map(|workers| (x(workers), y(amdahl::speedup(serial, workers).min(top))));
            svg.polyline(points, colour, " stroke-width=\"1.5\" opacity=\".9\"");
            svg.polyline(
                [(legend, at + 10.0), (legend + 18.0, at + 10.0)],
                colour,
                " stroke-width=\"1.5\" opacity=\".9\"",
            );
            svg.text((legend + 24.0, at + 14.0), Anchor::Start, "", &format!("Amdahl, {:.1} %", serial * 100.0));
        }
        for point in &series.measured {
            let title = format!(
                "{name}: {} workers, {}, {:.2} times faster",
                point.workers,
                time_text(point.time),
                point.speedup
            );
            svg.raw(&marker(index, x(point.workers as f64), y(point.speedup), colour, &title));
        }
    }
    svg.finish()
}

/// A shape of its own for each series, for those who do not see its colour.
fn marker(index: usize, x: f64, y: f64, colour: &str, title: &str) -> String {
    let title = escaped(title);
    let shape = match index % 4 {
        0 => format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\""),
        1 => format!("<rect x=\"{:.1}\" y=\"{:.1}\" width=\"7.4\" height=\"7.4\"", x - 3.7, y - 3.7),
        2 => format!("<path d=\"M{:.1} {:.1}l4.6 8h-9.2z\"", x, y - 4.6),
        _ => format!("<path d=\"M{:.1} {:.1}l4.8 4.8l-4.8 4.8l-4.8 -4.8z\"", x, y - 4.8),
    };
    let tag = shape[1..].split(' ').next().unwrap_or_default();
    format!("{shape} fill=\"{colour}\"><title>{title}</title></{tag}>")
}

#[cfg(test)]
mod tests {
    use super::super::tests::of;
    use super::*;

    #[test]
    fn the_table_is_lined_up() {
        let text = text(&of("threads", &[(1, 2.0), (2, 1.1), (4, 0.65)]));
        let expected = "threads
workers    time  speed-up  efficiency
      1  2.00 s      1.00       100 %
      2  1.10 s      1.82        91 %
      4  650 ms      3.08        77 %
Amdahl's law fits best with a serial part of 10.0 %: at most 10.0 times faster, with any number of workers.";
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn what_the_law_does_not_describe_is_said() {
        let slower = of("", &[(1, 1.0), (2, 1.5)]);
        assert!(text(&slower).contains("More workers make it slower"), "{}", text(&slower));
        let faster = of("", &[(1, 1.0), (2, 0.3)]);
        assert!(text(&faster).contains("Faster than in proportion"), "{}", text(&faster));
        assert!(text(&of("", &[(1, 1.0), (2, 0.5)])).contains("no serial part"));
        assert!(text(&of("", &[(1, 1.0)])).contains("says nothing"));
        assert!(text(&of("", &[(1, 1.0), (100_000, 0.5)])).contains("can wait at the same time, not compute"));
    }

    #[test]
    fn the_plot_has_points_ideal_and_curve() {
        let svg = svg(&of("<x>", &[(1, 2.0), (2, 1.1), (4, 0.65)]));
        assert_eq!(svg.matches("<circle").count(), 3 + 1);
        assert_eq!(svg.matches("<polyline").count(), 4);
        assert!(svg.contains("Amdahl, 10.0 %") && svg.contains(">ideal<") && !svg.contains("<x>"), "{svg}");
        for odd in [of("", &[(1, 1.0)]), of("", &[(1, 0.0), (2, 0.0)])] {
            assert!(!html(&odd).contains("NaN") && !html(&odd).contains("inf"), "{}", html(&odd));
        }
    }
}
