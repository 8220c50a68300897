//! Files to work on, in a directory that goes away by itself.

use std::fs::{self, DirBuilder, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::random::Random;
use crate::__rt::forked::Owner;
use crate::__rt::interrupt;

/// Written at a time.
const BLOCK: usize = 1 << 20;

/// Files in a directory of their own below the system's directory for temporary files.
/// Dropping the value removes the directory and all that is in it.
///
/// A process that is killed leaves the directory behind. A forked child may use the
/// files; only the process that made them removes them.
///
/// ```
/// # use threadbook::prelude::*;
/// let files = TestFiles::numbers(3, 100)?;
/// let text = std::fs::read_to_string(&files.paths()[0])?;
/// assert_eq!(text.lines().count(), 100);
/// assert_eq!(files.paths()[2].file_name().unwrap(), "file_2.txt");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct TestFiles {
    directory: PathBuf,
    paths: Vec<PathBuf>,
    owner: Owner,
}

impl TestFiles {
    /// An empty directory.
    ///
    /// # Errors
    /// What the system says when no directory can be made; the error names it.
    pub fn empty() -> io::Result<TestFiles> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let directory = std::env::temp_dir().join(format!("threadbook-files-{}-{number}", std::process::id()));
            match private_directory(&directory) {
                Ok(()) => return Ok(TestFiles { directory, paths: Vec::new(), owner: Owner::here() }),
                // Left behind by an earlier process of the same number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(named(error, "make", &directory)),
            }
        }
    }

    /// `count` files `file_0.bin`, `file_1.bin`, … of `bytes` bytes each, with random
    /// content that is the same each time.
    ///
    /// # Errors
    /// What the system says when a file cannot be written, when the disk is full for
    /// example; the error names the file. Those written before are removed.
    #[track_caller]
    pub fn new(count: usize, bytes: u64) -> io::Result<TestFiles> {
        TestFiles::written(count, "bin", &mut |index, file| {
            let mut random = Random::seeded(index as u64);
            let block_bytes = usize::try_from(bytes).unwrap_or(BLOCK).min(BLOCK);
            let block: Vec<u8> =
                (0..block_bytes.div_ceil(8)).flat_map(|_| random.getrandbits(64).to_le_bytes()).collect();
            let mut left = bytes;
            while left > 0 {
                interrupt::check();
                let part = left.min(block_bytes as u64);
                file.write_all(&block[..part as usize])?;
                left -= part;
            }
            Ok(())
        })
    }

    /// `count` files `file_0.txt`, `file_1.txt`, … of `lines` lines each. Each line is a
    /// random number of seven digits, which is another each time.
    ///
    /// # Errors
    /// As [`TestFiles::new`].
    #[track_caller]
    pub fn numbers(count: usize, lines: usize) -> io::Result<TestFiles> {
        let mut random = Random::new();
        TestFiles::written(count, "txt", &mut |_, file| {
            for line in 0..lines {
                if line % 10_000 == 0 {
                    interrupt::check();
                }
                writeln!(file, "{}", random.randrange(1_000_000..10_000_000))?;
            }
            Ok(())
        })
    }

    #[track_caller]
    fn written(
        count: usize,
        extension: &str,
        write: &mut dyn FnMut(usize, &mut BufWriter<File>) -> io::Result<()>,
    ) -> io::Result<TestFiles> {
        let mut files = TestFiles::empty()?;
        for index in 0..count {
            let path = files.directory.join(format!("file_{index}.{extension}"));
            let written = File::create(&path).map(BufWriter::new).and_then(|mut file| {
                write(index, &mut file)?;
                file.flush()
            });
            written.map_err(|error| named(error, "write", &path))?;
            files.paths.push(path);
        }
        Ok(files)
    }

    /// The files that were made, in their order.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Where they are. What else is put there goes away with them.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The path of a file in the directory, which may not be there yet.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

impl Drop for TestFiles {
    fn drop(&mut self) {
        if self.owner.is_here_or_gone() {
            // Without success they stay in the directory for temporary files.
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

fn private_directory(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn named(error: io::Error, what: &str, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_their_size_and_go_away() {
        let files = TestFiles::new(2, (BLOCK + 5) as u64).expect("they can be written");
        let contents: Vec<Vec<u8>> = files.paths().iter().map(|path| fs::read(path).expect("it is there")).collect();
        assert_eq!(contents.iter().map(Vec::len).collect::<Vec<_>>(), [BLOCK + 5; 2]);
        assert_ne!(contents[0], contents[1]);
        assert_eq!(contents[0][..5], contents[0][BLOCK..]);
        fs::copy(&files.paths()[0], files.path("copy")).expect("there is room");
        let directory = files.directory().to_owned();
        drop(files);
        assert!(!directory.exists());
    }

    #[test]
    fn sizes_may_be_odd() {
        let sizes = [0, 1, 7, 9].map(|bytes| {
            let files = TestFiles::new(1, bytes).expect("it can be written");
            fs::metadata(&files.paths()[0]).expect("it is there").len()
        });
        assert_eq!(sizes, [0, 1, 7, 9]);
    }

    #[test]
    fn numbers_have_seven_digits() {
        let files = TestFiles::numbers(2, 100).expect("they can be written");
        for path in files.paths() {
            let text = fs::read_to_string(path).expect("it is there");
            assert_eq!(text.lines().count(), 100);
            assert!(text.lines().all(|line| line.len() == 7 && line.parse::<u32>().is_ok()));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_forked_child_does_not_remove_them() {
        let files = TestFiles::new(1, 10).expect("it can be written");
        let directory = files.directory().to_owned();
        // SAFETY: the child drops the value and leaves.
        let child = unsafe { libc::fork() };
        if child == 0 {
            drop(files);
            // SAFETY: nothing else of the parent's is cleaned up.
            unsafe { libc::_exit(0) };
        }
        let mut status = 0;
        // SAFETY: `status` is a place for the answer.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert!(directory.join("file_0.bin").exists());
        drop(files);
        assert!(!directory.exists());
    }
}
