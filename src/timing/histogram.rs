//! A small picture of how the runs are spread.

use super::format::format_time;
use crate::picture::{Anchor, COLOURS, Svg, embedded, escaped};

const WIDTH: f64 = 220.0;
const BARS: f64 = 40.0;
const HEIGHT: f64 = 58.0;

/// How many of the values lie in each of equal parts between the least and the largest.
/// None when there is nothing to part.
pub fn bins(values: &[f64]) -> Option<Vec<usize>> {
    let least = values.iter().copied().reduce(f64::min)?;
    let largest = values.iter().copied().reduce(f64::max)?;
    let width = largest - least;
    if values.len() < 2 || !(width > 0.0 && width.is_finite()) {
        return None;
    }
    // Sturges' rule, which is made for few values; more bars than 30 are no picture.
    let count = ((values.len() as f64).log2().ceil() as usize + 1).clamp(2, 30);
    let mut bins = vec![0; count];
    for value in values {
        let bin = ((value - least) / width * count as f64) as usize;
        bins[bin.min(count - 1)] += 1;
    }
    Some(bins)
}

/// The histogram of times (in seconds) as SVG, with the shortest and the longest written
/// below and a line at the mean. None for a single run, or when all are the same.
pub fn svg(timings: &[f64], precision: usize) -> Option<String> {
    let bins = bins(timings)?;
    let least = timings.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = timings.iter().copied().fold(0.0, f64::max);
    let mean = timings.iter().sum::<f64>() / timings.len() as f64;
    let tallest = bins.iter().copied().max().unwrap_or(1) as f64;
    let step = WIDTH / bins.len() as f64;
    let (from, to) = (format_time(least, precision), format_time(largest, precision));
    let mut svg = Svg::new(WIDTH, HEIGHT, 1.0, &format!("{} runs from {from} to {to} per loop", timings.len()));
    for (index, &count) in bins.iter().enumerate().filter(|(_, count)| **count > 0) {
        let height = (BARS - 2.0) * count as f64 / tallest;
        let place = [index as f64 * step + 0.5, BARS - height, step - 1.0, height];
        let runs = if count == 1 { "1 run".to_owned() } else { format!("{count} runs") };
        svg.rect(place, COLOURS[0].0, 1.0, &runs);
    }
    let at_mean = (mean - least) / (largest - least) * WIDTH;
    svg.line([0.0, BARS, WIDTH, BARS], "");
    svg.line([at_mean, 0.0, at_mean, BARS], " stroke-dasharray=\"2 2\"");
    svg.text((0.0, HEIGHT - 4.0), Anchor::Start, "", &from);
    svg.text((WIDTH, HEIGHT - 4.0), Anchor::End, "", &to);
    Some(svg.finish())
}

/// HTML of a text with a picture beside it, or below it where there is no room.
pub fn beside(text: &str, picture: &str) -> String {
    format!(
        "<div style=\"display:flex;flex-wrap:wrap;align-items:center;gap:4px 24px\"><pre style=\"margin:0\">{}</pre>\
         <div style=\"width:{WIDTH}px\">{}</div></div>",
        escaped(text),
        embedded(picture)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_is_in_one_bin() {
        for count in [2, 3, 7, 100, 100_000] {
            let values: Vec<f64> = (0..count).map(|n| (n * n) as f64).collect();
            let bins = bins(&values).expect("they differ");
            assert_eq!(bins.iter().sum::<usize>(), count);
            assert!(bins.len() <= 30 && bins[0] > 0 && bins[bins.len() - 1] > 0);
        }
        assert_eq!(bins(&[1.0, 1.1, 2.0, 3.0, 3.0, 3.0, 3.0]).map(|bins| bins.len()), Some(4));
        assert_eq!(bins(&[0.0, 10.0]), Some(vec![1, 1]));
    }

    #[test]
    fn nothing_to_part_has_no_picture() {
        for none in [&[][..], &[1.0], &[2.0, 2.0], &[1.0, f64::INFINITY]] {
            assert_eq!(svg(none, 3), None, "{none:?}");
        }
    }

    #[test]
    fn the_ends_are_labelled() {
        let svg = svg(&[1e-9, 2e-9, 4.56e-9], 2).expect("they differ");
        assert!(svg.contains(">1 ns</text>") && svg.contains("text-anchor=\"end\">4.6 ns</text>"), "{svg}");
        assert!(svg.contains("aria-label=\"3 runs from 1 ns to 4.6 ns per loop\""), "{svg}");
        assert_eq!(svg.matches("<rect").count(), 2, "{svg}");
    }

    #[test]
    fn text_stays_text() {
        let html = beside("<b> & \"x\"", "<svg/>");
        assert!(html.contains("&lt;b&gt; &amp; &quot;x&quot;</pre>") && html.contains("%3Csvg/%3E"), "{html}");
    }
}
