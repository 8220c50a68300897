//! Which entries of the history a request means.

use glob::Pattern;
use serde::{Deserialize, Serialize};

use crate::jupyter::requests::HistoryAccess;

/// One cell that was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts the kernels that have run cells, from 1.
    pub session: i64,
    /// The number in `In[line]`.
    pub line: i64,
    pub source: String,
    /// The value of its last expression as plain text, if it is known.
    #[serde(default)]
    pub result: String,
}

impl Entry {
    pub fn new(session: i64, line: i64, source: String) -> Entry {
        Entry { session, line, source, result: String::new() }
    }
}

/// The entries that `access` asks for, oldest first. `entries` are in that order, and
/// `current` is the session of this kernel.
pub fn select(entries: &[Entry], current: i64, access: &HistoryAccess) -> Vec<Entry> {
    match access {
        HistoryAccess::Tail { n } => latest(entries.iter().collect(), *n),
        HistoryAccess::Range { session, start, stop } => {
            let session = if *session <= 0 { current + session } else { *session };
            let lines: Vec<&Entry> = entries.iter().filter(|entry| entry.session == session).collect();
            let after_last = lines.iter().map(|entry| entry.line + 1).max().unwrap_or(1);
            // Counted from the end when negative, as IPython has it.
            let from_end = |line: i64| if line < 0 { line + after_last } else { line };
            let stop = stop.filter(|stop| *stop != 0).map_or(after_last, from_end);
            let range = from_end(*start)..stop;
            lines.into_iter().filter(|entry| range.contains(&entry.line)).cloned().collect()
        }
        HistoryAccess::Search { pattern, n, unique } => {
            let pattern = glob_pattern(pattern);
            let mut found: Vec<&Entry> = entries.iter().filter(|entry| pattern.matches(&entry.source)).collect();
            if *unique {
                let mut seen = std::collections::HashSet::new();
                found.reverse();
                found.retain(|entry| seen.insert(entry.source.as_str()));
                found.reverse();
            }
            latest(found, *n)
        }
    }
}

fn latest(entries: Vec<&Entry>, n: Option<usize>) -> Vec<Entry> {
    let skipped = n.map_or(0, |n| entries.len().saturating_sub(n));
    entries.into_iter().skip(skipped).cloned().collect()
}

/// The pattern as the crate `glob` wants it: `**` has a meaning there that it has not
/// here, and what it cannot read (an open `[`) is taken literally.
fn glob_pattern(pattern: &str) -> Pattern {
    let mut stars = pattern.to_owned();
    while stars.contains("**") {
        stars = stars.replace("**", "*");
    }
    Pattern::new(&stars).or_else(|_| Pattern::new(&Pattern::escape(pattern))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        [(1, 1, "let a = 1;"), (1, 2, "a"), (2, 1, "fn f() {}\nf()"), (2, 2, "a"), (2, 3, "[a]")]
            .map(|(session, line, source)| Entry::new(session, line, source.into()))
            .into()
    }

    fn places(access: HistoryAccess) -> Vec<(i64, i64)> {
        select(&entries(), 2, &access).iter().map(|entry| (entry.session, entry.line)).collect()
    }

    fn range(session: i64, start: i64, stop: Option<i64>) -> Vec<(i64, i64)> {
        places(HistoryAccess::Range { session, start, stop })
    }

    fn search(pattern: &str, n: Option<usize>, unique: bool) -> Vec<(i64, i64)> {
        places(HistoryAccess::Search { pattern: pattern.into(), n, unique })
    }

    #[test]
    fn tail_is_the_latest_of_all_sessions() {
        assert_eq!(places(HistoryAccess::Tail { n: Some(4) }), [(1, 2), (2, 1), (2, 2), (2, 3)]);
        assert_eq!(places(HistoryAccess::Tail { n: Some(0) }), []);
        assert_eq!(places(HistoryAccess::Tail { n: None }).len(), 5);
        assert_eq!(places(HistoryAccess::Tail { n: Some(99) }).len(), 5);
    }

    #[test]
    fn ranges_of_this_session_and_of_earlier_ones() {
        assert_eq!(range(0, 1, Some(3)), [(2, 1), (2, 2)]);
        assert_eq!(range(0, 0, None), [(2, 1), (2, 2), (2, 3)]);
        assert_eq!(range(2, 2, Some(9)), [(2, 2), (2, 3)]);
        assert_eq!(range(-1, 1, None), [(1, 1), (1, 2)]);
        assert_eq!(range(0, -1, None), [(2, 3)]);
        assert_eq!(range(0, 1, Some(-1)), [(2, 1), (2, 2)]);
        assert_eq!(range(7, 0, None), []);
    }

    #[test]
    fn a_pattern_matches_whole_cells_over_lines() {
        assert_eq!(search("a", None, false), [(1, 2), (2, 2)]);
        assert_eq!(search("a", None, true), [(2, 2)]);
        assert_eq!(search("*a*", Some(2), false), [(2, 2), (2, 3)]);
        assert_eq!(search("fn*f()", None, false), [(2, 1)]);
        assert_eq!(search("?", None, false), [(1, 2), (2, 2)]);
        assert_eq!(search("**", None, false).len(), 5);
        assert_eq!(search("[a", None, false), []);
    }
}
