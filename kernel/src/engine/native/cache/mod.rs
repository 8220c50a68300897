//! What the compiler has made of cells, so that no cell is compiled twice.
//!
//! A [`Key`] is a digest of all that decides what comes out: the generated text, the
//! compiler's arguments, and when the libraries among them were made. What came out is an
//! [`Entry`]: the library and the types, or the errors. A kernel has the entries of
//! its session in memory; [`disk`] keeps those of all kernels, for the next one.
//!
//! An entry that was made from other files as well (`include_str!`, `env!`) tells which, and
//! is only taken while they are as they were: [`inputs`].

mod disk;
mod inputs;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use tokio::sync::OwnedMutexGuard;

pub use disk::Disk;
pub use inputs::Inputs;

use super::mir::MirTypes;
use crate::digest::{digest_of, hexadecimal};

/// Entries of one session that are kept in memory without their libraries, which lie in its
/// directory.
const MOST_IN_MEMORY: usize = 4096;

/// A digest of all that decides what the compiler makes of a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(String);

impl Key {
    /// Of a text, a digest of what it is compiled with ([`of_tools`]) and other words for the
    /// compiler.
    pub fn of<'a>(text: &'a str, tools: &'a [u8; 32], words: impl IntoIterator<Item = &'a str>) -> Key {
        let parts = [text.as_bytes(), tools].into_iter().chain(words.into_iter().map(str::as_bytes));
        Key(hexadecimal(&digest_of(parts)))
    }

    /// Enough of it to tell the texts of one kernel apart.
    pub fn short(&self) -> &str {
        &self.0[..16]
    }
}

/// A digest of arguments for the compiler. Those that name files stand for them: another
/// file in the same place makes another digest.
pub fn of_tools<'a>(arguments: impl IntoIterator<Item = &'a OsStr>) -> [u8; 32] {
    let mut parts = Vec::new();
    for argument in arguments {
        parts.push(argument.as_encoded_bytes().to_vec());
        parts.extend(file_in(argument).map(|file| stamp(Path::new(file)).to_vec()));
    }
    digest_of(parts.iter().map(Vec::as_slice))
}

/// The file in `rand=/path/librand.rlib`.
fn file_in(argument: &OsStr) -> Option<&str> {
    let (_, file) = argument.to_str()?.split_once('=')?;
    file.starts_with('/').then_some(file)
}

/// Changes with a file: its size, and when it was written.
fn stamp(file: &Path) -> [u8; 24] {
    let mut stamp = [0; 24];
    if let Ok(metadata) = file.metadata() {
        let written = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        stamp[..8].copy_from_slice(&metadata.len().to_le_bytes());
        stamp[8..].copy_from_slice(&written.map_or(0, |time| time.as_nanos()).to_le_bytes());
    }
    stamp
}

/// What the compiler has made of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// It compiled.
    pub success: bool,
    /// The library's bytes, if one was asked for.
    pub library: Option<Vec<u8>>,
    pub types: Arc<MirTypes>,
    /// The compiler's messages, as it wrote them.
    pub messages: String,
    pub inputs: Inputs,
}

/// The entries that a kernel knows.
#[derive(Debug, Default)]
pub struct Cache {
    session: Mutex<HashMap<Key, Arc<Entry>>>,
    /// What is being compiled.
    under_way: Mutex<HashMap<Key, Arc<tokio::sync::Mutex<()>>>>,
    disk: Option<Disk>,
}

impl Cache {
    /// With what earlier kernels have left, if there is a place for it.
    pub fn new(disk: Option<Disk>) -> Cache {
        if let Some(disk) = &disk {
            disk.tidy_soon();
        }
        Cache { disk, ..Cache::default() }
    }

    /// Waits until nobody else compiles this, and lets nobody else do so meanwhile.
    pub async fn alone_with(&self, key: &Key) -> OwnedMutexGuard<()> {
        let lock = {
            let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody holds or waits for.
            under_way.retain(|_, lock| Arc::strong_count(lock) > 1);
            under_way.entry(key.clone()).or_default().clone()
        };
        lock.lock_owned().await
    }

    /// What was made of it before. The library is in the entry unless `has_library` says
    /// that this is not needed.
    pub fn get(&self, key: &Key, has_library: impl FnOnce(&Entry) -> bool) -> Option<Arc<Entry>> {
        let known = self.lock().get(key).cloned();
        let known = known.filter(|entry| entry.library.is_none() || has_library(entry));
        let found = known.or_else(|| {
            let entry = Arc::new(self.disk.as_ref()?.get(key)?);
            self.remember(key, &entry);
            Some(entry)
        })?;
        found.inputs.are_as_they_were().then_some(found)
    }

    /// Keeps it for this kernel and for others.
    pub fn put(&self, key: Key, entry: Entry) {
        let entry = Arc::new(entry);
        self.remember(&key, &entry);
        if let Some(disk) = &self.disk {
            disk.put(key, entry);
        }
    }

    fn remember(&self, key: &Key, entry: &Arc<Entry>) {
        let mut session = self.lock();
        if session.len() >= MOST_IN_MEMORY {
            session.clear();
        }
        // The session's directory has the library; that it had one is what counts here.
        let light = Entry { library: entry.library.as_ref().map(|_| Vec::new()), ..(**entry).clone() };
        session.insert(key.clone(), Arc::new(light));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Entry>>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> Entry {
        let (library, inputs) = (Some(text.as_bytes().to_vec()), Inputs::default());
        Entry { success: true, library, types: Arc::default(), messages: String::new(), inputs }
    }

    fn key(text: &str) -> Key {
        Key::of(text, &[0; 32], [])
    }

    #[test]
    fn keys_tell_apart_what_differs() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("a.rlib");
        std::fs::write(&file, "1").expect("it can be written");
        let argument = std::ffi::OsString::from(format!("a={}", file.display()));
        let with_file = || Key::of("a", &of_tools([argument.as_os_str()]), []);
        let before = with_file();
        assert!(key("a") != key("b") && key("a") != before && key("a") != Key::of("a", &[0; 32], ["-O"]));
        std::fs::write(&file, "12").expect("it can be written");
        assert_ne!(before, with_file());
    }

    #[test]
    fn an_entry_comes_back_with_its_library_only_where_that_is_not_there() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let cache = Cache::new(Some(Disk::within(directory.path(), 1 << 20)));
        assert_eq!(cache.get(&key("a"), |_| true), None);
        cache.put(key("a"), entry("library"));
        cache.disk.as_ref().expect("it was given").wait();
        let light = cache.get(&key("a"), |_| true).expect("it was put");
        assert_eq!(light.library, Some(Vec::new()));
        assert_eq!(cache.get(&key("a"), |_| false).as_deref(), Some(&entry("library")));
        // Another kernel.
        let other = Cache::new(Some(Disk::within(directory.path(), 1 << 20)));
        assert_eq!(other.get(&key("a"), |_| false).as_deref(), Some(&entry("library")));
    }

    #[test]
    fn what_was_made_from_a_file_is_old_when_the_file_changes() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("included.txt");
        std::fs::write(&file, "one").expect("it can be written");
        let rules = format!("cell.so: cell.rs {}\n", file.display());
        let inputs = Inputs::read(&rules, directory.path(), "cell.rs");
        let cache = Cache::default();
        cache.put(key("a"), Entry { inputs, ..entry("a") });
        assert!(cache.get(&key("a"), |_| true).is_some());
        std::fs::write(&file, "two").expect("it can be written");
        assert!(cache.get(&key("a"), |_| true).is_none());
    }
}
