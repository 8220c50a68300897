//! The entries of all kernels of one person, a file each.
//!
//! A file appears whole or not at all, and begins with a digest of what follows: one that
//! was damaged, or is of another version, is not there. Whoever uses an entry dates it; when
//! all of them take more room than they may, those go that were used longest ago. Nothing is
//! locked: several kernels that write the same entry write the same bytes, and a file that
//! another one has just removed is compiled again.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::inputs::Inputs;
use super::{Entry, Key, MirTypes};
use crate::engine::native::build::store::cache_directory;

/// Begins every file; another number follows when its form changes.
const MAGIC: &[u8] = b"threadbook cell 2\n";
const MAGIC_OF_ALL: &[u8] = b"threadbook cell ";
const DIGEST_BYTES: usize = 32;
/// In MiB. `THREADBOOK_CACHE_SIZE` says otherwise; 0 keeps nothing.
const USUAL_MIB: u64 = 512;
/// After so many new files it is looked whether all have room.
const TIDY_AFTER: usize = 100;
/// Left by a kernel that was killed while it wrote.
const OLD_TEMPORARY: Duration = Duration::from_secs(3600);

#[derive(Debug, Clone)]
pub struct Disk {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    directory: PathBuf,
    most_bytes: u64,
    writing: Mutex<Writing>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Writing {
    left: usize,
    since_tidied: usize,
}

/// What is kept, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    pub directory: PathBuf,
    pub entries: usize,
    pub bytes: u64,
    pub most_bytes: u64,
}

/// What stands before the bytes of library and messages.
#[derive(Serialize, Deserialize)]
struct Header {
    key: String,
    success: bool,
    library: Option<usize>,
    types: MirTypes,
    messages: usize,
    inputs: Inputs,
}

impl Disk {
    /// In the person's directory for such things; `None` without one, or if nothing is to
    /// be kept.
    pub fn open() -> Option<Disk> {
        let asked = std::env::var("THREADBOOK_CACHE_SIZE").ok().and_then(|size| size.trim().parse().ok());
        let mib: u64 = asked.unwrap_or(USUAL_MIB);
        let directory = cache_directory().ok()?.join("cells");
        (mib > 0).then(|| Disk::within(&directory, mib.saturating_mul(1 << 20)))
    }

    pub fn within(directory: &Path, most_bytes: u64) -> Disk {
        let directory = directory.to_owned();
        Disk { shared: Arc::new(Shared { directory, most_bytes, writing: Mutex::default(), changed: Condvar::new() }) }
    }

    pub fn get(&self, key: &Key) -> Option<Entry> {
        let path = self.shared.path(key);
        let bytes = fs::read(&path).ok()?;
        let Some(entry) = read(&bytes, key) else {
            // That of another version is nothing to complain about.
            if bytes.starts_with(MAGIC) || !bytes.starts_with(MAGIC_OF_ALL) {
                tracing::warn!("{} is damaged and will be made again", path.display());
            }
            let _ = fs::remove_file(&path);
            return None;
        };
        // It was used.
        let _ = File::options().append(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        Some(entry)
    }

    /// Writes an entry, later. What goes wrong costs only the entry.
    pub fn put(&self, key: Key, entry: Arc<Entry>) {
        self.later(move |shared| {
            if let Err(error) = shared.write(&key, &entry) {
                tracing::debug!("a compiled cell could not be kept: {error}");
            }
        });
    }

    /// Removes what there is no room for, later.
    pub fn tidy_soon(&self) {
        self.later(|shared| shared.tidy());
    }

    fn later(&self, work: impl FnOnce(&Shared) + Send + 'static) {
        self.shared.lock().left += 1;
        let shared = self.shared.clone();
        let run = move || {
            work(&shared);
            shared.lock().left -= 1;
            shared.changed.notify_all();
        };
        if std::thread::Builder::new().name("threadbook-cache".to_owned()).spawn(run).is_err() {
            // Without a thread it is not done at all.
            self.shared.lock().left -= 1;
        }
    }

    /// Waits until all is written.
    #[cfg(test)]
    pub fn wait(&self) {
        let mut writing = self.shared.lock();
        while writing.left > 0 {
            writing = self.shared.changed.wait(writing).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub fn usage(&self) -> Usage {
        let files = self.shared.files();
        Usage {
            directory: self.shared.directory.clone(),
            entries: files.len(),
            bytes: files.iter().map(|file| file.bytes).sum(),
            most_bytes: self.shared.most_bytes,
        }
    }

    /// Removes all entries.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn clear(&self) -> std::io::Result<()> {
        self.shared.files().iter().try_for_each(|file| match fs::remove_file(&file.path) {
            // Another kernel was faster.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            done => done,
        })
    }
}

struct Found {
    used: SystemTime,
    bytes: u64,
    path: PathBuf,
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.directory.join(&key.0)
    }

    fn write(&self, key: &Key, entry: &Entry) -> std::io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.directory)?;
        file.write_all(&written(key, entry)?)?;
        file.persist(self.path(key)).map_err(|error| error.error)?;
        let is_time = {
            let mut writing = self.lock();
            writing.since_tidied += 1;
            writing.since_tidied >= TIDY_AFTER
        };
        if is_time {
            self.tidy();
        }
        Ok(())
    }

    fn files(&self) -> Vec<Found> {
        let Ok(entries) = self.directory.read_dir() else { return Vec::new() };
        let found = entries.flatten().filter_map(|entry| {
            let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            Some(Found { used: metadata.modified().ok()?, bytes: metadata.len(), path: entry.path() })
        });
        found.collect()
    }

    /// Removes what was used longest ago until the rest has room, with some to spare.
    fn tidy(&self) {
        self.lock().since_tidied = 0;
        let now = SystemTime::now();
        let is_left = |file: &Found| {
            let name = file.path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(".new-") && now.duration_since(file.used).is_ok_and(|age| age > OLD_TEMPORARY)
        };
        let (left, mut files): (Vec<_>, Vec<_>) = self.files().into_iter().partition(is_left);
        for file in left {
            let _ = fs::remove_file(file.path);
        }
        let mut bytes: u64 = files.iter().map(|file| file.bytes).sum();
        if bytes <= self.most_bytes {
            return;
        }
        files.sort_by_key(|file| file.used);
        for file in files {
            if bytes <= self.most_bytes / 10 * 9 {
                return;
            }
            if fs::remove_file(&file.path).is_ok() {
                bytes -= file.bytes;
            }
        }
    }
}

fn written(key: &Key, entry: &Entry) -> std::io::Result<Vec<u8>> {
    let header = Header {
        key: key.0.clone(),
        success: entry.success,
        library: entry.library.as_ref().map(Vec::len),
        types: (*entry.types).clone(),
        messages: entry.messages.len(),
        inputs: entry.inputs.clone(),
    };
    let mut content = serde_json::to_vec(&header)?;
    content.push(b'\n');
    for part in [entry.library.as_deref().unwrap_or_default(), entry.messages.as_bytes()] {
        content.extend_from_slice(part);
    }
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(digest(&SHA256, &content).as_ref());
    bytes.extend_from_slice(&content);
    Ok(bytes)
}

/// `None` when it is damaged.
fn read(bytes: &[u8], key: &Key) -> Option<Entry> {
    let (expected, content) = bytes.strip_prefix(MAGIC)?.split_at_checked(DIGEST_BYTES)?;
    if digest(&SHA256, content).as_ref() != expected {
        return None;
    }
    let end = content.iter().position(|byte| *byte == b'\n')?;
    let header: Header = serde_json::from_slice(&content[..end]).ok()?;
    let (library, rest) = content[end + 1..].split_at_checked(header.library.unwrap_or(0))?;
    let (messages, rest) = rest.split_at_checked(header.messages)?;
    if !rest.is_empty() || header.key != key.0 {
        return None;
    }
    Some(Entry {
        success: header.success,
        library: header.library.map(|_| library.to_vec()),
        types: Arc::new(header.types),
        messages: std::str::from_utf8(messages).ok()?.to_owned(),
        inputs: header.inputs,
    })
}

impl Usage {
    /// For people, in a line.
    pub fn text(&self) -> String {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let cells = if self.entries == 1 { "1 compiled cell" } else { &format!("{} compiled cells", self.entries) };
        let (used, most) = (mib(self.bytes), mib(self.most_bytes));
        format!("{cells}, {used:.1} of at most {most:.0} MiB, in {}", self.directory.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key::of(text, &[0; 32], [])
    }

    fn entry(bytes: usize) -> Arc<Entry> {
        let types = MirTypes { kept: [("n".to_owned(), "i32".to_owned())].into(), ..MirTypes::default() };
        let (library, types) = (Some(vec![7; bytes]), Arc::new(types));
        Arc::new(Entry { success: true, library, types, messages: "{}".into(), inputs: Inputs::default() })
    }

    fn disk(most_bytes: u64) -> (tempfile::TempDir, Disk) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let disk = Disk::within(&directory.path().join("cells"), most_bytes);
        (directory, disk)
    }

    fn put(disk: &Disk, text: &str, bytes: usize, age: u64) {
        disk.put(key(text), entry(bytes));
        disk.wait();
        let file = File::options().append(true).open(disk.shared.path(&key(text))).expect("it was written");
        file.set_modified(SystemTime::now() - Duration::from_secs(age)).expect("its time can be set");
    }

    #[test]
    fn every_damage_is_noticed() {
        let (_directory, disk) = disk(1 << 20);
        put(&disk, "a", 100, 0);
        let path = disk.shared.path(&key("a"));
        let whole = fs::read(&path).expect("it was written");
        assert_eq!(disk.get(&key("a")).as_ref(), Some(&*entry(100)));
        for damaged in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[damaged] ^= 1;
            assert_eq!(read(&bytes, &key("a")), None, "byte {damaged}");
            assert_eq!(read(&whole[..damaged], &key("a")), None, "cut at {damaged}");
        }
        fs::write(&path, &whole[..50]).expect("it can be written");
        assert_eq!(disk.get(&key("a")), None);
        assert!(!path.exists(), "a damaged file is removed");
        // The right content under another key's name.
        fs::write(&path, &whole).expect("it can be written");
        fs::rename(&path, disk.shared.path(&key("b"))).expect("it can be renamed");
        assert_eq!(disk.get(&key("b")), None);
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let (_directory, disk) = disk(10_000);
        for (text, age) in [("a", 40), ("b", 30), ("c", 20), ("d", 10)] {
            put(&disk, text, 3000, age);
        }
        // It was the oldest, and is used now.
        assert!(disk.get(&key("a")).is_some());
        disk.tidy_soon();
        disk.wait();
        let there = ["a", "b", "c", "d"].map(|text| disk.shared.path(&key(text)).exists());
        assert_eq!(there, [true, false, false, true]);
        assert!(disk.usage().bytes <= 9000 && disk.usage().entries == 2);
    }

    #[test]
    fn many_writers_do_no_harm() {
        let (_directory, disk) = disk(1 << 30);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let disk = Disk::within(&disk.shared.directory, 1 << 30);
                scope.spawn(move || {
                    for number in 0..50 {
                        disk.put(key(&format!("{}", number % 10)), entry(5000));
                        if let Some(found) = disk.get(&key(&format!("{}", (number + thread) % 10))) {
                            assert_eq!(found, *entry(5000));
                        }
                    }
                    disk.wait();
                });
            }
        });
        assert_eq!(disk.usage().entries, 10);
        disk.clear().expect("it can be cleared");
        assert_eq!(disk.usage().entries, 0);
    }
}
