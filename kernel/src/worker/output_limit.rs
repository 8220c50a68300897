//! How much text a run of a cell may show.
//!
//! Up to the limit everything passes. After it nothing more does, it is only counted;
//! the latest of it is kept and shown when the cell ends. Text that threads of the run
//! print after its end goes on counting.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde_json::Map;
use threadbook::limits::{self, size};

use crate::output::{Event, MimeBundle, Output, StreamName};

/// As much of what was left out is kept for the end.
const KEPT: usize = 64 << 10;

/// What is to be shown now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    Text(StreamName, String),
    /// A line of the kernel's own.
    Notice(String),
}

/// Counts the text of one run.
#[derive(Debug)]
pub struct OutputLimit {
    /// In bytes, stdout and stderr together.
    limit: usize,
    passed: usize,
    /// Filled when the limit is reached.
    left_out: Option<Tail>,
    ended: bool,
    /// That text after the end is left out was told.
    told_late: bool,
}

impl OutputLimit {
    pub fn new(limit: usize) -> OutputLimit {
        OutputLimit { limit, passed: 0, left_out: None, ended: false, told_late: false }
    }

    /// Takes in what was printed.
    pub fn push(&mut self, name: StreamName, mut text: String) -> Vec<Shown> {
        if text.is_empty() {
            return Vec::new();
        }
        if let Some(tail) = &mut self.left_out {
            if !self.ended {
                tail.push(name, &text);
            } else if !std::mem::replace(&mut self.told_late, true) {
                return vec![Shown::Notice(self.told_late())];
            }
            return Vec::new();
        }
        let room = self.limit - self.passed;
        if text.len() <= room {
            self.passed += text.len();
            return vec![Shown::Text(name, text)];
        }
        let rest = text.split_off(line_end(&text, room));
        self.passed = self.limit;
        let tail = self.left_out.insert(Tail::default());
        let mut shown = Vec::new();
        if !text.is_empty() {
            shown.push(Shown::Text(name, text));
        }
        if self.ended {
            self.told_late = true;
            shown.push(Shown::Notice(self.told_late()));
        } else {
            tail.push(name, &rest);
            shown.push(Shown::Notice(format!(
                "this cell has printed {}. What it prints from here on is left out; the last of it is shown when the \
                 cell ends. ({} sets the limit.)",
                size(self.limit as u64),
                limits::OUTPUT.variable
            )));
        }
        shown
    }

    fn told_late(&self) -> String {
        format!(
            "a thread of this cell goes on printing; it is left out, since the cell has printed {}",
            size(self.limit as u64)
        )
    }

    /// What the cell has shown is cleared from the notebook: it counts anew.
    pub fn clear(&mut self) {
        self.passed = 0;
        self.left_out = None;
        self.told_late = false;
    }

    /// The run has ended: the last of what was left out. Nothing when called again.
    pub fn end(&mut self) -> Vec<Shown> {
        if std::mem::replace(&mut self.ended, true) {
            return Vec::new();
        }
        match &mut self.left_out {
            Some(tail) => std::mem::take(tail).shown(),
            None => Vec::new(),
        }
    }
}

/// The latest text, and how much there was before it.
#[derive(Debug, Default)]
struct Tail {
    text: String,
    /// Whose text it is, in order, and how many bytes of it.
    runs: VecDeque<(StreamName, usize)>,
    gone_bytes: u64,
    gone_lines: u64,
    /// The text begins within a line.
    within_line: bool,
}

impl Tail {
    fn push(&mut self, name: StreamName, text: &str) {
        self.text.push_str(text);
        match self.runs.back_mut() {
            Some((last, length)) if *last == name => *length += text.len(),
            _ => self.runs.push_back((name, text.len())),
        }
        // Not at every call: what stays has to be moved.
        if self.text.len() > 4 * KEPT {
            self.forget_up_to(self.text.len() - KEPT);
        }
    }

    /// Drops the text before `at`, or before the next character's end.
    fn forget_up_to(&mut self, mut at: usize) {
        while !self.text.is_char_boundary(at) {
            at += 1;
        }
        self.gone_bytes += at as u64;
        self.gone_lines += memchr::memchr_iter(b'\n', &self.text.as_bytes()[..at]).count() as u64;
        self.within_line = self.text[..at].bytes().next_back().is_some_and(|last| last != b'\n');
        self.text.drain(..at);
        while let Some((_, length)) = self.runs.front_mut() {
            if *length > at {
                *length -= at;
                break;
            }
            at -= *length;
            self.runs.pop_front();
        }
    }

    fn shown(mut self) -> Vec<Shown> {
        if self.text.len() > KEPT {
            self.forget_up_to(self.text.len() - KEPT);
        }
        if self.within_line
            && let Some(newline) = memchr::memchr(b'\n', self.text.as_bytes())
            && newline + 1 < self.text.len()
        {
            self.forget_up_to(newline + 1);
        }
        let notice = match (self.gone_bytes, self.gone_lines) {
            (0, _) => "the rest of it is short enough to be shown whole:".to_owned(),
            (bytes, 0) => format!("{} were left out here. The last of it:", size(bytes)),
            (bytes, lines) => format!("{} were left out here ({lines} lines). The last of it:", size(bytes)),
        };
        let mut shown = vec![Shown::Notice(notice)];
        let mut text = self.text.as_str();
        for (name, length) in self.runs {
            let (own, rest) = text.split_at(length);
            shown.push(Shown::Text(name, own.to_owned()));
            text = rest;
        }
        shown
    }
}

/// The last place up to `most` where a line ends, else a character.
fn line_end(text: &str, most: usize) -> usize {
    let at = (0..=most).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    memchr::memrchr(b'\n', &text.as_bytes()[..at]).map_or(at, |newline| newline + 1)
}

/// Where the text of one run goes: to the cell's [`Output`], up to the limit.
#[derive(Debug)]
pub struct RunText {
    output: Output,
    limit: Mutex<OutputLimit>,
}

impl RunText {
    /// With the limit that the environment sets.
    pub fn new(output: Output) -> RunText {
        RunText { output, limit: Mutex::new(OutputLimit::new(super::limits::output())) }
    }

    /// Shows text, or leaves it out.
    pub async fn print(&self, name: StreamName, text: String) {
        let shown = self.with(|limit| limit.push(name, text));
        self.show(shown).await;
    }

    /// The run has ended, and all that it printed before has been handed over.
    pub async fn end(&self) {
        let shown = self.with(OutputLimit::end);
        self.show(shown).await;
    }

    /// What the cell has shown is cleared.
    pub fn clear(&self) {
        self.with(OutputLimit::clear);
    }

    fn with<T>(&self, work: impl FnOnce(&mut OutputLimit) -> T) -> T {
        work(&mut self.limit.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn show(&self, shown: Vec<Shown>) {
        for one in shown {
            let event = match one {
                Shown::Text(name, text) => Event::Stream { name, text },
                // A display: text on stderr would count as the cell's own complaint.
                Shown::Notice(line) => {
                    let text = format!("\x1b[1;36mnote\x1b[0m: {line}");
                    let data = MimeBundle::from_iter([("text/plain".to_owned(), text.into())]);
                    Event::Display { data, metadata: Map::new(), display_id: None, update: false }
                }
            };
            self.output.send(event).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::StreamName::{Stderr, Stdout};
    use super::*;

    fn text(name: StreamName, text: &str) -> Shown {
        Shown::Text(name, text.to_owned())
    }

    fn texts(shown: &[Shown]) -> String {
        let texts = shown.iter().filter_map(|one| match one {
            Shown::Text(_, text) => Some(text.as_str()),
            Shown::Notice(_) => None,
        });
        texts.collect()
    }

    fn notices(shown: &[Shown]) -> Vec<&str> {
        let notices = shown.iter().filter_map(|one| match one {
            Shown::Notice(line) => Some(line.as_str()),
            Shown::Text(..) => None,
        });
        notices.collect()
    }

    #[test]
    fn up_to_the_limit_all_passes_as_it_came() {
        let mut limit = OutputLimit::new(6);
        assert_eq!(limit.push(Stdout, "ab".to_owned()), [text(Stdout, "ab")]);
        assert_eq!(limit.push(Stdout, String::new()), []);
        assert_eq!(limit.push(Stderr, "cdä".to_owned()), [text(Stderr, "cdä")]);
        assert_eq!(limit.end(), []);
    }

    #[test]
    fn the_limit_is_told_at_once_and_a_short_rest_is_shown_whole() {
        let mut limit = OutputLimit::new(8);
        let shown = limit.push(Stdout, "one\ntwo\nthree\n".to_owned());
        assert_eq!(shown[0], text(Stdout, "one\ntwo\n"));
        assert!(matches!(&shown[1..], [Shown::Notice(line)] if line.contains("has printed 8 bytes")));
        assert_eq!(limit.push(Stderr, "four\n".to_owned()), []);
        let end = limit.end();
        assert!(notices(&end)[0].contains("whole"));
        assert_eq!(end[1..], [text(Stdout, "three\n"), text(Stderr, "four\n")]);
        assert_eq!(limit.end(), []);
    }

    #[test]
    fn a_long_line_is_cut_at_a_character() {
        let mut limit = OutputLimit::new(2);
        let shown = limit.push(Stdout, "aää".to_owned());
        assert_eq!(texts(&shown), "a");
        assert_eq!(texts(&limit.end()), "ää");
        let mut limit = OutputLimit::new(1);
        assert_eq!(texts(&limit.push(Stdout, "ä\n".to_owned())), "");
    }

    #[test]
    fn what_is_shown_and_what_is_told_add_up() {
        let line = |i: u32| format!("{i:07}\n");
        let mut limit = OutputLimit::new(800);
        let mut shown = Vec::new();
        for i in 0..100_000_u32 {
            let name = if i.is_multiple_of(7) { Stderr } else { Stdout };
            shown.extend(limit.push(name, line(i)));
        }
        assert_eq!(texts(&shown), (0..100).map(line).collect::<String>());
        let end = limit.end();
        let tail = texts(&end);
        assert!(tail.len() <= KEPT && tail.len() > KEPT - 8);
        let first = 100_000 - tail.len() as u32 / 8;
        assert_eq!(tail, (first..100_000).map(line).collect::<String>());
        let told = format!("({} lines)", first - 100);
        assert!(notices(&end)[0].contains(&told), "{end:?}");
        // Each line is of the stream that it was printed on.
        let mut i = first;
        for one in &end[1..] {
            let Shown::Text(name, text) = one else { panic!("a notice between: {one:?}") };
            for _ in 0..text.len() / 8 {
                assert_eq!(*name, if i.is_multiple_of(7) { Stderr } else { Stdout });
                i += 1;
            }
        }
    }

    #[test]
    fn one_endless_line_keeps_its_end() {
        let mut limit = OutputLimit::new(10);
        for _ in 0..1000 {
            limit.push(Stdout, "€".repeat(1000));
        }
        let end = limit.end();
        assert!(texts(&end).chars().all(|c| c == '€') && texts(&end).len() > KEPT - 4);
        assert!(notices(&end)[0].contains("2.8 MiB were left out here. "), "{:?}", notices(&end));
    }

    #[test]
    fn what_threads_print_later_counts_on_and_is_told_once() {
        let mut limit = OutputLimit::new(10);
        limit.push(Stdout, "12345678".to_owned());
        assert_eq!(limit.end(), []);
        assert_eq!(limit.push(Stdout, "9".to_owned()), [text(Stdout, "9")]);
        let shown = limit.push(Stdout, "abc".to_owned());
        assert_eq!(texts(&shown), "a");
        assert!(notices(&shown)[0].contains("goes on printing"));
        assert_eq!(limit.push(Stdout, "d".to_owned()), []);

        let mut limit = OutputLimit::new(1);
        limit.push(Stdout, "ab".to_owned());
        assert_eq!(texts(&limit.end()), "b");
        assert_eq!(notices(&limit.push(Stdout, "c".to_owned())).len(), 1);
        assert_eq!(limit.push(Stdout, "d".to_owned()), []);
    }

    #[test]
    fn what_was_cleared_does_not_count() {
        let mut limit = OutputLimit::new(3);
        assert_eq!(texts(&limit.push(Stdout, "abcd".to_owned())), "abc");
        limit.clear();
        assert_eq!(limit.push(Stdout, "ef".to_owned()), [text(Stdout, "ef")]);
        assert_eq!(limit.end(), []);
    }
}
