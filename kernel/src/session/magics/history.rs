//! `%history`: the cells of this session.

use std::ops::RangeInclusive;
use std::sync::Arc;

use super::{Cell, usage_error};
use crate::cell::magic::Call;
use crate::cell::source::CellSource;
use crate::output::CellError;
use crate::session::notebook::Notebook;
use crate::session::notices::show_text;

/// The cells in the order in which they were run.
#[derive(Debug, Default)]
pub struct History {
    cells: Vec<Arc<CellSource>>,
}

impl History {
    /// A cell that was not to be stored has the number of the next one, which takes its
    /// place.
    pub fn remember(&mut self, cell: &Arc<CellSource>) {
        self.cells.pop_if(|last| last.number == cell.number);
        self.cells.push(cell.clone());
    }
}

pub async fn show(notebook: &Notebook, cell: &Cell, call: &Call) -> Result<(), CellError> {
    let cells = &notebook.history.cells;
    let last: Option<usize> =
        call.given.number("l").map_err(|error| usage_error(format!("`{}`: {error}.", call.text)))?;
    let wanted = ranges(cell.words(call))?;
    let mut chosen: Vec<&Arc<CellSource>> = match wanted.is_empty() {
        true => cells.iter().collect(),
        false => {
            let in_range = |range: &RangeInclusive<u32>| {
                let range = range.clone();
                cells.iter().filter(move |cell| range.contains(&cell.number))
            };
            wanted.iter().flat_map(in_range).collect()
        }
    };
    if let Some(last) = last {
        // Not this one.
        chosen.retain(|chosen| chosen.number != cell.source.number);
        chosen.drain(..chosen.len().saturating_sub(last));
    }
    let text = if chosen.is_empty() {
        "no such cell in this session".to_owned()
    } else {
        listed(&chosen, call.given.has("n"))
    };
    show_text(text, &cell.output).await;
    Ok(())
}

fn listed(cells: &[&Arc<CellSource>], numbered: bool) -> String {
    let width = cells.iter().map(|cell| cell.number.to_string().len()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for cell in cells {
        for (index, line) in cell.text.trim_end().lines().enumerate() {
            lines.push(match (numbered, index) {
                (false, _) => line.to_owned(),
                (true, 0) => format!("{:width$}: {line}", cell.number),
                (true, _) => format!("{:width$}  {line}", "").trim_end().to_owned(),
            });
        }
    }
    lines.join("\n")
}

/// `4`, `2-4`, `5-`, several of them.
fn ranges(words: &str) -> Result<Vec<RangeInclusive<u32>>, CellError> {
    let range = |word: &str| -> Option<RangeInclusive<u32>> {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        let first = first.parse().ok()?;
        Some(first..=if last.is_empty() { u32::MAX } else { last.parse().ok()? })
    };
    let wrong =
        |word: &str| usage_error(format!("`%history` takes numbers of cells, `3` or `2-4` or `5-`, not `{word}`."));
    words.split_whitespace().map(|word| range(word).ok_or_else(|| wrong(word))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_numbers_of_cells() {
        assert_eq!(ranges("3 2-4  5-"), Ok(vec![3..=3, 2..=4, 5..=u32::MAX]));
        assert_eq!(ranges(""), Ok(Vec::new()));
        for wrong in ["x", "1-y", "1..3", "~1/2"] {
            assert!(ranges(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_cell_that_does_not_count_makes_room() {
        let mut history = History::default();
        for (number, text) in [(1, "a"), (2, "hidden"), (2, "b\nc"), (10, "d")] {
            history.remember(&CellSource::new(number, text));
        }
        let cells: Vec<_> = history.cells.iter().collect();
        assert_eq!(listed(&cells, false), "a\nb\nc\nd");
        assert_eq!(listed(&cells, true), " 1: a\n 2: b\n    c\n10: d");
    }
}
