//! What the fuzz targets in `fuzz/` do with a text that a fuzzer made up.
//!
//! [`wire()`] decodes bytes as they come from sockets and pipes, [`cell()`] takes text apart as
//! cells of a notebook, [`question()`] asks about it what a front end asks. Each panics when
//! one of the promises that it states is broken; the fuzzer keeps the text then. The texts in
//! `fuzz/seeds/` are where the fuzzer begins, and what it has found once is among them: the
//! ordinary tests run all of them too.

mod cell;
mod wire;

pub use cell::{cell, question};
pub use wire::wire;

#[cfg(test)]
mod tests {
    use std::path::Path;

    fn all_seeds(folder: &str, check: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(folder);
        let files = std::fs::read_dir(&folder).expect("the seeds are part of the sources");
        let mut count = 0;
        for file in files {
            let path = file.expect("the folder can be read").path();
            let data = std::fs::read(&path).expect("a seed can be read");
            let outcome = std::panic::catch_unwind(|| check(&data));
            assert!(outcome.is_ok(), "{} breaks a promise, see above", path.display());
            count += 1;
        }
        assert!(count > 5, "there are only {count} seeds in {}", folder.display());
    }

    #[test]
    fn seeds_of_the_wire() {
        all_seeds("wire", super::wire);
    }

    #[test]
    fn seeds_of_cells() {
        all_seeds("cell", super::cell);
    }

    #[test]
    fn seeds_of_questions() {
        all_seeds("cell", super::question);
    }
}
