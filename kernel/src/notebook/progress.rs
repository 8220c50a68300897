//! How far a run is: a bar in the last line of a terminal.

use std::time::{Duration, Instant};

use threadbook::picture::time_text;
use unicode_width::UnicodeWidthChar;

/// The bar's own width.
const CELLS: usize = 20;

/// Cells that are run, and the one that is being run.
#[derive(Debug, Default)]
pub struct Progress {
    pub done: usize,
    pub total: usize,
    /// Stands before all else: which run this is.
    pub title: String,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    number: u32,
    /// The first line of it that says something.
    line: String,
    began: Instant,
}

impl Progress {
    pub fn begin_cell(&mut self, number: u32, source: &str) {
        let mut lines = source.lines().map(str::trim).filter(|line| !line.is_empty());
        let line = lines.next().unwrap_or_default().to_owned();
        self.running = Some(Running { number, line, began: Instant::now() });
    }

    /// Returns how long the cell took.
    pub fn end_cell(&mut self) -> Duration {
        self.done += 1;
        self.running.take().map(|running| running.began.elapsed()).unwrap_or_default()
    }

    /// The bar as a line of at most so many columns.
    pub fn line(&self, width: usize) -> String {
        let filled = (self.done * CELLS).checked_div(self.total).unwrap_or(CELLS).min(CELLS);
        let mut line = format!("{}{}/{} ", self.title, self.done, self.total);
        line.extend(std::iter::repeat_n('━', filled).chain(std::iter::repeat_n('─', CELLS - filled)));
        if let Some(Running { number, line: source, began }) = &self.running {
            let seconds = began.elapsed().as_secs_f64();
            // Digits that run by tell nobody anything.
            let time = if seconds < 60.0 { format!("{seconds:.1} s") } else { time_text(seconds) };
            line.push_str(&format!(" In[{number}] {time}  {source}"));
        }
        cut(&line, width)
    }
}

fn cut(text: &str, width: usize) -> String {
    let mut used = 0;
    let fits = |character: &char| {
        used += character.width().unwrap_or(0);
        used <= width
    };
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_and_names_the_cell() {
        let mut progress = Progress { total: 4, ..Progress::default() };
        assert_eq!(progress.line(80), format!("0/4 {}", "─".repeat(20)));
        progress.begin_cell(1, "\n  let a = 1;\nf()");
        assert!(progress.line(80).starts_with(&format!("0/4 {} In[1] 0.", "─".repeat(20))));
        assert!(progress.line(80).ends_with(" s  let a = 1;"));
        progress.end_cell();
        progress.title = "run 2 of 3  ".to_owned();
        assert_eq!(progress.line(80), format!("run 2 of 3  1/4 {}{}", "━".repeat(5), "─".repeat(15)));
        assert_eq!(progress.line(10), "run 2 of 3");
    }

    #[test]
    fn a_line_is_never_too_wide() {
        assert_eq!(cut("ab界界", 5), "ab界");
        assert_eq!(cut("a\x1bb\tc", 80), "a b c");
        assert_eq!(Progress::default().line(80), format!("0/0 {}", "━".repeat(20)));
    }
}
