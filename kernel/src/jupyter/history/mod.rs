//! The cells that were run, in this kernel and in those before it.
//!
//! The file `history.jsonl` in the user's data directory holds a JSON object a line:
//! `{"session":3,"line":1,"source":"…"}`. A kernel that runs its first cell takes the
//! next session number and notes it with a line `{"session":4}`. Several kernels may
//! write at once: each line is appended by one write, under the lock of a file beside
//! it, and a line that cannot be read (a kernel died, a disk was full) is passed over.
//! [`query`] says which entries a request means.
//!
//! A history that cannot be written is no reason to fail: the cells of this kernel are
//! kept in memory as well.

mod query;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::requests::HistoryAccess;
pub use query::{Entry, select};

/// The environment variable that overrides the data directory.
pub const DATA_DIR: &str = "THREADBOOK_DATA_DIR";

/// A file that is larger when a kernel starts to write is cut to its newer half.
const MOST_BYTES: u64 = 2 * 1024 * 1024;

/// Larger cells are kept in memory only.
const MOST_BYTES_OF_A_CELL: usize = 64 * 1024;

/// Of a longer result the beginning is remembered.
const MOST_BYTES_OF_A_RESULT: usize = 16 * 1024;

/// All results together; the oldest are forgotten first.
const MOST_BYTES_OF_RESULTS: usize = 4 * 1024 * 1024;

/// The history; clones are the same one. Its methods wait for the disk.
#[derive(Debug, Clone)]
pub struct History {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// `None` when there is no place to write to, or writing failed.
    file: Option<PathBuf>,
    /// Taken with the first cell.
    session: Option<i64>,
    /// The cells of this kernel: line and source.
    own: Vec<(i64, String)>,
    /// Their results as plain text, by line. They are not written, as with IPython.
    results: BTreeMap<i64, String>,
    bytes_of_results: usize,
}

/// A line of the file: a session's first line has nothing but the number.
#[derive(Serialize, Deserialize)]
struct Line {
    session: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
}

impl History {
    /// The history of the user who runs the kernel.
    pub fn of_user() -> History {
        let folder = match std::env::var_os(DATA_DIR) {
            Some(folder) if !folder.is_empty() => Some(PathBuf::from(folder)),
            _ => dirs::data_dir().map(|data| data.join("threadbook")),
        };
        History::new(folder.as_deref())
    }

    /// The history in `folder`, which is made when there is something to write; in
    /// memory only without one.
    pub fn new(folder: Option<&Path>) -> History {
        let file = folder.map(|folder| folder.join("history.jsonl"));
        History { state: Arc::new(Mutex::new(State { file, ..State::default() })) }
    }

    /// Adds the cell `In[line]`.
    pub fn store(&self, line: u32, source: &str) {
        let mut state = self.state();
        state.own.push((line.into(), source.to_owned()));
        if let Err(error) = state.write(line.into(), source) {
            let file = state.file.take().unwrap_or_default();
            tracing::warn!("the history is not kept, {} cannot be written: {error}", file.display());
        }
    }

    /// Adds the result of the cell `In[line]`, as plain text.
    pub fn store_result(&self, line: u32, mut text: String) {
        if text.len() > MOST_BYTES_OF_A_RESULT {
            let end = (0..=MOST_BYTES_OF_A_RESULT).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
            text.truncate(end);
            text.push('…');
            text.shrink_to_fit();
        }
        let mut state = self.state();
        state.bytes_of_results += text.len();
        if let Some(old) = state.results.insert(line.into(), text) {
            state.bytes_of_results -= old.len();
        }
        while state.bytes_of_results > MOST_BYTES_OF_RESULTS
            && let Some((_, oldest)) = state.results.pop_first()
        {
            state.bytes_of_results -= oldest.len();
        }
    }

    /// The entries that a request means, oldest first.
    pub fn select(&self, access: &HistoryAccess) -> Vec<Entry> {
        let state = self.state();
        let lines = state.file.as_deref().and_then(|file| read(file).ok()).unwrap_or_default();
        let current = state.session.unwrap_or_else(|| next_session(&lines));
        let mut entries: Vec<Entry> = lines
            .into_iter()
            .filter(|line| line.session != current)
            .filter_map(|line| Some(Entry::new(line.session, line.line?, line.source?)))
            .collect();
        // Kernels that run at the same time write in turn.
        entries.sort_by_key(|entry| entry.session);
        let own = state.own.iter().cloned();
        entries.extend(own.map(|(line, source)| {
            let result = state.results.get(&line).cloned().unwrap_or_default();
            Entry { result, ..Entry::new(current, line, source) }
        }));
        select(&entries, current, access)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl State {
    fn write(&mut self, line: i64, source: &str) -> io::Result<()> {
        let Some(file) = self.file.as_deref() else { return Ok(()) };
        let folder = file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        // Unlocked when closed. The history itself cannot carry the lock: cutting it
        // replaces the file.
        let lock = OpenOptions::new().create(true).append(true).open(folder.join("history.lock"))?;
        lock.lock()?;
        let session = match self.session {
            Some(session) => session,
            None => {
                if fs::metadata(file).is_ok_and(|meta| meta.len() > MOST_BYTES) {
                    cut(file)?;
                }
                let session = next_session(&read(file)?);
                append(file, &Line { session, line: None, source: None })?;
                self.session = Some(session);
                session
            }
        };
        if source.len() > MOST_BYTES_OF_A_CELL {
            return Ok(());
        }
        append(file, &Line { session, line: Some(line), source: Some(source.to_owned()) })
    }
}

fn next_session(lines: &[Line]) -> i64 {
    lines.iter().map(|line| line.session).max().unwrap_or(0).max(0) + 1
}

/// The lines that can be read; none if there is no file yet.
fn read(file: &Path) -> io::Result<Vec<Line>> {
    let text = match fs::read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text?,
    };
    Ok(text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

fn append(file: &Path, line: &Line) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(file)?;
    let mut text = Vec::new();
    if !ends_with_newline(&mut file)? {
        text.push(b'\n');
    }
    serde_json::to_writer(&mut text, line)?;
    text.push(b'\n');
    file.write_all(&text)
}

/// Whether a new line may begin at the end: not after a line that was cut off.
fn ends_with_newline(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Keeps the newer lines of a file that has grown too large.
fn cut(file: &Path) -> io::Result<()> {
    let text = fs::read(file)?;
    let middle = text.len().saturating_sub(MOST_BYTES as usize / 2);
    let start = text[middle..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |at| middle + at + 1);
    let smaller = file.with_extension("jsonl.new");
    fs::write(&smaller, &text[start..])?;
    fs::rename(smaller, file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    const ALL: HistoryAccess = HistoryAccess::Tail { n: None };

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder for the test")
    }

    fn places(history: &History) -> Vec<(i64, i64, String)> {
        let entries = history.select(&ALL).into_iter();
        entries.map(|entry| (entry.session, entry.line, entry.source)).collect()
    }

    #[test]
    fn a_later_kernel_sees_the_cells_of_an_earlier_one() {
        let folder = folder();
        let first = History::new(Some(folder.path()));
        first.store(1, "let ä = \"1\n2\";");
        let second = History::new(Some(folder.path()));
        assert_eq!(places(&second), [(1, 1, "let ä = \"1\n2\";".into())]);
        second.store(1, "b");
        first.store(2, "c");
        let expected = [(1, 1, "let ä = \"1\n2\";".into()), (1, 2, "c".into()), (2, 1, "b".into())];
        assert_eq!(places(&second), expected);
        assert_eq!(places(&History::new(Some(folder.path()))), expected);
    }

    #[test]
    fn kernels_that_start_at_once_get_sessions_of_their_own_and_lose_nothing() {
        let folder = folder();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let history = History::new(Some(folder.path()));
                    (1..=20).for_each(|line| history.store(line, &format!("cell {line}")));
                });
            }
        });
        let found = places(&History::new(Some(folder.path())));
        let expected: Vec<_> =
            (1..=8).flat_map(|session| (1..=20).map(move |line| (session, line, format!("cell {line}")))).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn long_and_many_results_are_not_all_remembered() {
        let history = History::new(None);
        (1..=1000).for_each(|line| history.store(line, "x"));
        (1..=1000).for_each(|line| history.store_result(line, "ä".repeat(1_000_000)));
        history.store_result(1000, "short".into());
        let results: Vec<String> = history.select(&ALL).into_iter().map(|entry| entry.result).collect();
        assert_eq!(results[0], "");
        assert_eq!(results[999], "short");
        assert!(results[998].starts_with("ää") && results[998].ends_with("ä…"));
        let total: usize = results.iter().map(String::len).sum();
        assert!(total <= MOST_BYTES_OF_RESULTS && total > MOST_BYTES_OF_RESULTS / 2, "{total}");
    }

    #[test]
    fn damaged_lines_are_passed_over() {
        let folder = folder();
        let history = History::new(Some(folder.path()));
        history.store(1, "a");
        let file = folder.path().join("history.jsonl");
        let mut damaged = OpenOptions::new().append(true).open(&file).expect("written above");
        damaged.write_all(b"{}\n\xff\xfe\nnull\n{\"session\":1,\"line\":2,\"sour").expect("writable");
        history.store(3, "b");
        let later = History::new(Some(folder.path()));
        assert_eq!(places(&later), [(1, 1, "a".into()), (1, 3, "b".into())]);
    }

    #[test]
    fn a_large_file_keeps_its_newer_half() {
        let folder = folder();
        let history = History::new(Some(folder.path()));
        let long = "x".repeat(60_000);
        (1..=40).for_each(|line| history.store(line, &long));
        let file = folder.path().join("history.jsonl");
        assert!(fs::metadata(&file).expect("written").len() > MOST_BYTES);

        let next = History::new(Some(folder.path()));
        next.store(1, "new");
        assert!(fs::metadata(&file).expect("written").len() < MOST_BYTES);
        let found = places(&next);
        assert_eq!(found.last(), Some(&(2, 1, "new".into())));
        assert_eq!(found[found.len() - 2].1, 40);
    }

    #[test]
    fn without_a_place_to_write_the_own_cells_are_known() {
        let folder = folder();
        let not_a_folder = folder.path().join("file");
        fs::write(&not_a_folder, "").expect("writable");
        for history in [History::new(None), History::new(Some(&not_a_folder))] {
            history.store(1, "a");
            history.store(2, "b");
            assert_eq!(places(&history), [(1, 1, "a".into()), (1, 2, "b".into())]);
        }
    }
}
