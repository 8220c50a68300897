//! The results of a sweep drawn over one of its parameters.

use serde_json::Value;
use threadbook::picture::{Anchor, Axis, COLOURS, Svg, general};

use super::table::{Table, exact};

const WIDTH: f64 = 560.0;
/// Of one result's chart.
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 42.0;
/// Between the middles of two texts below an axis.
const LABEL_DISTANCE: f64 = 26.0;

/// What lies along the horizontal axis.
struct Across {
    /// Which of the parameters.
    parameter: usize,
    /// Its values, in order, each with its place from 0 to 1.
    places: Vec<(Value, f64)>,
}

/// A line of a chart: what its runs have in common, and its points from 0 to 1 and in the
/// result's unit.
struct Series {
    label: String,
    points: Vec<(f64, f64)>,
}

/// Charts of all results that are numbers, one below the other, as SVG; of the time that the
/// runs took when there are none. `None` when there is nothing to draw.
pub fn plot(table: &Table) -> Option<String> {
    let across = across(table)?;
    let result = |name: &str| -> Option<(String, Vec<Option<f64>>)> {
        let values: Vec<Option<f64>> = table.rows.iter().map(|row| row.result(name)?.value.as_f64()).collect();
        values.iter().any(Option::is_some).then(|| (table.heading(name), values))
    };
    let mut charts: Vec<(String, Vec<Option<f64>>)> = table.results().into_iter().filter_map(result).collect();
    if charts.is_empty() {
        charts.push(("run (s)".to_owned(), table.rows.iter().map(|row| Some(row.seconds)).collect()));
    }
    let name = &table.parameters[across.parameter];
    let names: Vec<&str> = charts.iter().map(|(name, _)| name.as_str()).collect();
    let height = HEIGHT * charts.len() as f64;
    let mut svg = Svg::new(WIDTH, height, 1.5, &format!("{} over {name}", names.join(", ")));
    for (index, (heading, values)) in charts.iter().enumerate() {
        draw(&mut svg, HEIGHT * index as f64, heading, name, &across, &series(table, &across, values));
    }
    Some(svg.finish())
}

/// The parameter with the most different values, of several the first; numbers go before
/// texts.
fn across(table: &Table) -> Option<Across> {
    let differing = |parameter: usize| -> Vec<Value> {
        let mut values: Vec<Value> = Vec::new();
        for row in &table.rows {
            if !values.contains(&row.parameters[parameter]) {
                values.push(row.parameters[parameter].clone());
            }
        }
        values
    };
    let candidates = (0..table.parameters.len()).map(|parameter| (parameter, differing(parameter)));
    let rank = |values: &[Value]| {
        let numbers = values.iter().all(Value::is_number);
        (values.len() > 1, numbers, values.len())
    };
    let (parameter, mut values) =
        candidates.max_by_key(|(parameter, values)| (rank(values), std::cmp::Reverse(*parameter)))?;
    if values.is_empty() {
        return None;
    }
    let numbers: Option<Vec<f64>> = values.iter().map(Value::as_f64).collect();
    let places = match numbers {
        Some(numbers) if values.len() > 1 => {
            let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
            let most = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            values.sort_by(|a, b| a.as_f64().unwrap_or_default().total_cmp(&b.as_f64().unwrap_or_default()));
            let place = |value: &Value| (value.as_f64().unwrap_or(least) - least) / (most - least);
            values.iter().map(|value| (value.clone(), place(value))).collect()
        }
        _ => {
            let count = values.len() as f64;
            values.into_iter().enumerate().map(|(index, value)| (value, (index as f64 + 0.5) / count)).collect()
        }
    };
    Some(Across { parameter, places })
}

/// One line for each combination of the other parameters.
fn series(table: &Table, across: &Across, values: &[Option<f64>]) -> Vec<Series> {
    let others = (0..table.parameters.len()).filter(|index| *index != across.parameter);
    let varied: Vec<usize> = others
        .filter(|index| table.rows.iter().any(|row| row.parameters[*index] != table.rows[0].parameters[*index]))
        .collect();
    let mut lines: Vec<Series> = Vec::new();
    for (row, value) in table.rows.iter().zip(values) {
        let Some(value) = *value else { continue };
        let parts =
            varied.iter().map(|index| format!("{}={}", table.parameters[*index], exact(&row.parameters[*index])));
        let label = parts.collect::<Vec<_>>().join(", ");
        let place = across.places.iter().find(|(known, _)| *known == row.parameters[across.parameter]);
        let point = (place.map_or(0.0, |(_, place)| *place), value);
        match lines.iter_mut().find(|line| line.label == label) {
            Some(line) => line.points.push(point),
            None => lines.push(Series { label, points: vec![point] }),
        }
    }
    for line in &mut lines {
        line.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    lines
}

fn draw(svg: &mut Svg, top: f64, heading: &str, parameter: &str, across: &Across, lines: &[Series]) {
    let (left, right) = (LEFT, WIDTH - RIGHT);
    let (upper, lower) = (top + TOP, top + HEIGHT - BOTTOM);
    let values = || lines.iter().flat_map(|line| &line.points).map(|point| point.1);
    // The axis begins at 0, so that a line that is twice as high stands for twice as much.
    let (least, most) = (values().fold(0.0, f64::min), values().fold(0.0, f64::max));
    let span = if most > least { most - least } else { 1.0 };
    let step = Axis::new(span, 5).step;
    let height = |value: f64| lower - (value - least) / span * (lower - upper);
    let column = |place: f64| left + place * (right - left);

    svg.text((left - 40.0, top + 14.0), Anchor::Start, " font-weight=\"bold\"", heading);
    let first = (least / step).ceil() as i64;
    let end = least + span * (1.0 + 1e-9);
    let marks = (first..).map(|index| index as f64 * step).take_while(|mark| *mark <= end).collect();
    let axis = Axis { step, marks };
    for (mark, text) in axis.marks.iter().zip(axis.numbers()) {
        let y = height(*mark);
        svg.line([left, y, right, y], " opacity=\".2\"");
        svg.text((left - 6.0, y + 4.0), Anchor::End, "", &text);
    }
    let mut last_label = f64::NEG_INFINITY;
    for (value, place) in &across.places {
        let x = column(*place);
        svg.line([x, lower, x, lower + 4.0], " opacity=\".6\"");
        if x - last_label >= LABEL_DISTANCE {
            svg.text((x, lower + 16.0), Anchor::Middle, "", &exact(value));
            last_label = x;
        }
    }
    svg.text(((left + right) / 2.0, lower + 34.0), Anchor::Middle, "", parameter);
    for (index, line) in lines.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()].0;
        let dashes = if index < COLOURS.len() { "" } else { " stroke-dasharray=\"5 3\"" };
        let points: Vec<(f64, f64)> =
            line.points.iter().map(|(place, value)| (column(*place), height(*value))).collect();
        svg.polyline(points.iter().copied(), colour, &format!(" stroke-width=\"2\"{dashes}"));
        for ((x, y), (_, value)) in points.iter().zip(&line.points) {
            svg.rect([x - 3.0, y - 3.0, 6.0, 6.0], colour, 1.0, &format!("{} {}", line.label, general(*value)));
        }
        if !line.label.is_empty() {
            let y = upper + 8.0 + 16.0 * index as f64;
            svg.rect([right + 14.0, y - 7.0, 10.0, 8.0], colour, 1.0, &line.label);
            svg.text((right + 28.0, y), Anchor::Start, "", &line.label);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::tests::table;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_is_drawn_for_each_combination_of_the_others() {
        let table = table(
            &["mode", "workers"],
            &[
                (&[json!("a"), json!(1)], &[("speedup", "1.0"), ("name", "\"x\"")]),
                (&[json!("a"), json!(2)], &[("speedup", "2.0")]),
                (&[json!("a"), json!(4)], &[("speedup", "3.0")]),
                (&[json!("b"), json!(1)], &[("speedup", "1.0")]),
                (&[json!("b"), json!(4)], &[]),
            ],
        );
        let svg = plot(&table).expect("numbers");
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"));
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(svg.contains(">mode=a<") && svg.contains(">mode=b<") && svg.contains(">workers<"), "{svg}");
        assert!(svg.contains(">speedup<") && !svg.contains(">name<"));
    }

    #[test]
    fn without_results_the_time_is_drawn() {
        let table = table(&["mode"], &[(&[json!("a")], &[]), (&[json!("b")], &[])]);
        assert!(plot(&table).expect("times").contains(">run (s)<"));
        assert_eq!(plot(&Table::default()), None);
    }

    #[test]
    fn negative_values_lie_below_zero() {
        let table = table(&["n"], &[(&[json!(1)], &[("r", "-5")]), (&[json!(2)], &[("r", "5")])]);
        let svg = plot(&table).expect("numbers");
        assert!(svg.contains(">-4<") && svg.contains(">0<") && svg.contains(">4<"), "{svg}");
    }

    #[test]
    fn one_value_and_equal_values_can_be_drawn() {
        let table = table(&["n"], &[(&[json!(7)], &[("r", "0")])]);
        assert!(!plot(&table).expect("a number").contains("NaN"));
    }
}
