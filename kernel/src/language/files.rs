//! Completion of paths of files.

use std::path::{Path, PathBuf};

/// An entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, with a `/` behind a folder's.
    pub name: String,
    pub is_folder: bool,
}

/// The magics behind which a file or a folder is named.
pub const MAGICS: &[&str] = &["writefile", "file", "run", "load", "cd"];

/// More than this nobody reads.
const LIMIT: usize = 500;

/// The entries that go on from `typed` (`./da`, `~/no`), in order, and how many bytes at
/// its end they replace. Relative paths begin in `directory`. Hidden ones only after a dot; nothing if there is no such folder.
pub fn entries(typed: &str, directory: &Path) -> (usize, Vec<Entry>) {
    let (folder, begin) = typed.rsplit_once('/').map_or(("", typed), |(folder, begin)| (folder, begin));
    let path = match folder.strip_prefix('~') {
        Some(rest) => dirs::home_dir().unwrap_or_default().join(rest.trim_start_matches('/')),
        None if typed.starts_with('/') => PathBuf::from(format!("{folder}/")),
        None if folder.is_empty() && directory.as_os_str().is_empty() => PathBuf::from("."),
        None => directory.join(folder),
    };
    let Ok(listing) = std::fs::read_dir(path) else { return (begin.len(), Vec::new()) };
    let mut entries: Vec<Entry> = listing
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let visible = !name.starts_with('.') || begin.starts_with('.');
            // These would need an escape inside of the string.
            let plain = !name.contains(['"', '\\', '\n']);
            if !(visible && plain && name.starts_with(begin)) {
                return None;
            }
            let is_folder = entry.path().is_dir();
            Some(Entry { name: if is_folder { name + "/" } else { name }, is_folder })
        })
        .take(LIMIT)
        .collect();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    (begin.len(), entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_a_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["data.csv", "day.txt", ".hidden", "other"] {
            std::fs::write(folder.path().join(name), "").expect("a file");
        }
        std::fs::create_dir(folder.path().join("days")).expect("a folder");
        let names = |typed: &str| {
            let (replaced, absolute) = entries(&format!("{}/{typed}", folder.path().display()), Path::new("/"));
            assert_eq!(replaced, typed.len());
            assert_eq!(entries(typed, folder.path()), (replaced, absolute.clone()));
            absolute.into_iter().map(|entry| entry.name).collect::<Vec<_>>()
        };
        assert_eq!(names("da"), ["data.csv", "day.txt", "days/"]);
        assert_eq!(names(""), ["data.csv", "day.txt", "days/", "other"]);
        assert_eq!(names(".h"), [".hidden"]);
        assert_eq!(entries("/no/such/folder/", Path::new("")).1, []);
    }
}
