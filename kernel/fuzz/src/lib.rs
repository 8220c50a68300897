//! What the fuzz targets have in common.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::LazyLock;

static LAST: LazyLock<Option<File>> = LazyLock::new(|| {
    let path = std::env::var_os("THREADBOOK_FUZZ_LAST")?;
    Some(File::create(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
});

/// Writes the text to the file that the environment names, before it is tried: after a
/// stack overflow libFuzzer can write none.
pub fn keep_last(data: &[u8]) {
    if let Some(file) = &*LAST {
        let written = file.set_len(data.len() as u64).and_then(|()| file.write_all_at(data, 0));
        written.unwrap_or_else(|error| panic!("the text cannot be written down: {error}"));
    }
}
