//! Where built crates are kept.
//!
//! ```text
//! <data>/builds/<compiler>-<sources>/     kept: what cells are compiled with
//!     threadbook/                         the prelude's package
//!     prelude/, prelude-<hash>/, …        bundles
//! <cache>/lock                            held while anything is built
//! <cache>/builds/<compiler>-<sources>/    can be deleted: generated cargo projects
//! <cache>/targets/<compiler>/             can be deleted: cargo's target directory
//! <cache>/cells/                          can be deleted: compiled cells (see the module `cache`)
//! ```
//!
//! A directory of a bundle appears whole or not at all: it is made under another name
//! and renamed. `THREADBOOK_DATA_DIR` and `THREADBOOK_CACHE_DIR` take the place of
//! `<data>` and `<cache>`.

use std::env;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::Progress;
use super::failure::BuildError;

/// How many versions (of compiler and Threadbook together) are kept.
const KEPT_VERSIONS: usize = 2;
/// How many sets of added crates are kept for one version.
const KEPT_BUNDLES: usize = 100;
/// A bundle is dated by its last use through this file in it.
pub const MANIFEST: &str = "bundle.json";
const UNFINISHED: &str = ".new-";

/// Where things lie that can be made again.
///
/// # Errors
/// Without a home directory.
pub fn cache_directory() -> Result<PathBuf, BuildError> {
    place("THREADBOOK_CACHE_DIR", dirs::cache_dir())
}

fn place(name: &str, usual: Option<PathBuf>) -> Result<PathBuf, BuildError> {
    let chosen = env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let chosen = chosen.or_else(|| Some(usual?.join("threadbook")));
    // Another working directory must not mean another store.
    chosen.and_then(|path| std::path::absolute(path).ok()).ok_or_else(|| BuildError::Storage {
        path: name.into(),
        source: io::Error::new(io::ErrorKind::NotFound, "there is no home directory"),
    })
}

/// The directories of one compiler and one version of Threadbook.
#[derive(Debug, Clone)]
pub struct Store {
    data: PathBuf,
    cache: PathBuf,
    version: String,
}

/// Held while building; given back when dropped, or when the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Store {
    /// The store in the environment's directories. Touches nothing on disk.
    pub fn open(version: String) -> Result<Store, BuildError> {
        let data = place("THREADBOOK_DATA_DIR", dirs::data_local_dir())?;
        Ok(Store { data, cache: cache_directory()?, version })
    }

    /// A store in other directories than the environment's.
    #[cfg(test)]
    pub fn within(directory: &Path, version: String) -> Store {
        Store { data: directory.join("data"), cache: directory.join("cache"), version }
    }

    fn data(&self) -> PathBuf {
        self.data.join("builds").join(&self.version)
    }

    fn cache(&self) -> PathBuf {
        self.cache.join("builds").join(&self.version)
    }

    /// Where the bundle of this name is, or will be.
    pub fn bundle(&self, name: &str) -> PathBuf {
        self.data().join(name)
    }

    pub fn sources(&self) -> PathBuf {
        self.data().join("threadbook")
    }

    /// Shared by all versions of Threadbook with one compiler: an update then builds
    /// only what has changed.
    pub fn target_dir(&self) -> PathBuf {
        let compiler = self.version.rsplit_once('-').map_or(self.version.as_str(), |(compiler, _)| compiler);
        self.cache.join("targets").join(compiler)
    }

    pub fn project(&self, name: &str) -> PathBuf {
        self.cache().join(name)
    }

    /// Waits until no other kernel builds. Also makes the directories.
    pub async fn lock(&self, progress: Progress<'_>) -> Result<Lock, BuildError> {
        for directory in [self.data(), self.cache()] {
            fs::create_dir_all(&directory).map_err(BuildError::storage(&directory))?;
        }
        let path = self.cache.join("lock");
        let file =
            File::options().create(true).truncate(false).write(true).open(&path).map_err(BuildError::storage(&path))?;
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(TryLockError::WouldBlock) => {
                    if !told {
                        progress("Waiting for another kernel, which is building");
                        told = true;
                    }
                    // Not a blocking lock: that could not be given up.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                // A file system without locks: two builds at once only cost time.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                    return Ok(Lock { _file: file });
                }
                Err(TryLockError::Error(source)) => return Err(BuildError::Storage { path, source }),
            }
        }
    }

    /// An empty directory on the disk of the bundles, removed when dropped.
    pub fn stage(&self, _lock: &Lock) -> Result<TempDir, BuildError> {
        let directory = self.data();
        tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(&directory).map_err(BuildError::storage(&directory))
    }

    /// Makes a staged directory the bundle of this name.
    pub fn publish(&self, _lock: &Lock, stage: TempDir, name: &str) -> Result<PathBuf, BuildError> {
        let place = self.bundle(name);
        if place.exists() {
            fs::remove_dir_all(&place).map_err(BuildError::storage(&place))?;
        }
        fs::rename(stage.path(), &place).map_err(BuildError::storage(&place))?;
        let _ = stage.keep();
        Ok(place)
    }

    /// Notes that a bundle is in use, so that it is kept.
    pub fn touch(&self, name: &str) {
        let manifest = self.bundle(name).join(MANIFEST);
        let _ = File::options().append(true).open(manifest).and_then(|file| file.set_modified(SystemTime::now()));
    }

    /// Removes the versions and the bundles that have not been used for longest, and
    /// what broken-off builds have left.
    pub fn tidy(&self, _lock: &Lock) {
        let versions = newest_first(&self.data.join("builds"), |path| path.join("prelude").join(MANIFEST));
        let own = versions.iter().filter(|path| path.ends_with(&self.version));
        let others = versions.iter().filter(|path| !path.ends_with(&self.version));
        let kept: Vec<_> = own.chain(others).take(KEPT_VERSIONS).filter_map(|path| path.file_name()).collect();
        let caches = newest_first(&self.cache.join("builds"), Path::to_owned);
        for path in versions.iter().chain(&caches) {
            if path.file_name().is_some_and(|name| !kept.contains(&name)) {
                let _ = fs::remove_dir_all(path);
            }
        }
        for path in newest_first(&self.cache.join("targets"), Path::to_owned) {
            let compiler = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !kept.iter().any(|version| version.to_string_lossy().starts_with(&compiler)) {
                let _ = fs::remove_dir_all(path);
            }
        }

        let bundles = newest_first(&self.data(), |path| path.join(MANIFEST));
        let (unfinished, bundles): (Vec<_>, Vec<_>) = bundles
            .into_iter()
            .partition(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(UNFINISHED)));
        let removable = |path: &PathBuf| path.join(MANIFEST).is_file() && !path.ends_with("prelude");
        let old = bundles.into_iter().filter(removable).skip(KEPT_BUNDLES);
        for path in unfinished.into_iter().chain(old) {
            let _ = fs::remove_dir_all(path);
        }
    }
}

/// The directories in `directory`, the one whose `dated` file changed last at first.
fn newest_first(directory: &Path, dated: impl Fn(&Path) -> PathBuf) -> Vec<PathBuf> {
    let Ok(entries) = directory.read_dir() else { return Vec::new() };
    let modified = |path: &Path| path.metadata().and_then(|metadata| metadata.modified());
    let mut found: Vec<(SystemTime, PathBuf)> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .map(|path| (modified(&dated(&path)).or_else(|_| modified(&path)).unwrap_or(SystemTime::UNIX_EPOCH), path))
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(store: &Store, lock: &Lock, name: &str) -> PathBuf {
        let stage = store.stage(lock).expect("a stage");
        fs::write(stage.path().join(MANIFEST), name).expect("it can be written");
        store.publish(lock, stage, name).expect("published")
    }

    #[tokio::test]
    async fn a_bundle_appears_whole_and_replaces_another() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = Store::within(directory.path(), "a".into());
        let lock = store.lock(&mut |_| ()).await.expect("free");
        let first = made(&store, &lock, "prelude");
        fs::write(first.join("old"), "").expect("it can be written");
        assert_eq!(made(&store, &lock, "prelude"), first);
        assert!(!first.join("old").exists());
        drop(store.stage(&lock).expect("a stage that is given up"));
        assert_eq!(fs::read_dir(store.data()).expect("it is there").count(), 1);
    }

    #[tokio::test]
    async fn the_two_versions_used_last_are_kept() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let stores = ["a", "b", "c"].map(|version| Store::within(directory.path(), version.into()));
        let mut places = Vec::new();
        for (age, store) in (1..).zip(&stores) {
            let lock = store.lock(&mut |_| ()).await.expect("free");
            places.push(made(store, &lock, "prelude"));
            let manifest =
                File::options().append(true).open(store.bundle("prelude").join(MANIFEST)).expect("just made");
            manifest.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(age)).expect("its time can be set");
        }
        stores[0].touch("prelude");
        let lock = stores[2].lock(&mut |_| ()).await.expect("free");
        stores[2].tidy(&lock);
        assert_eq!(places.iter().map(|place| place.exists()).collect::<Vec<_>>(), [true, false, true]);
        assert!(!stores[1].cache().exists() && stores[0].cache().exists());
    }

    #[tokio::test]
    async fn one_builds_and_the_other_waits() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = Store::within(directory.path(), "a".into());
        let mut lock = Some(store.lock(&mut |_| ()).await.expect("free"));
        let mut lines = Vec::new();
        // The holder lets go when the other says that it waits.
        store
            .lock(&mut |line| {
                lines.push(line.to_owned());
                lock = None;
            })
            .await
            .expect("free again");
        assert_eq!(lines.len(), 1, "{lines:?}");
    }
}
