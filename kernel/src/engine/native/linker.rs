//! How a cell's library is linked.
//!
//! By itself the compiler starts `cc`, which starts `collect2`, which starts the linker: as long
//! again as the linking of a cell takes. Where the toolchain brings lld, cells have it
//! started at once, with the directories that `cc` would name. Elsewhere, and for the
//! prelude and added crates, which cargo builds, `cc` does it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tokio::process::Command;

/// The libraries that every cell is linked against, beside Rust's own.
const LIBRARIES: [&str; 2] = ["libc.so", "libgcc_s.so"];

/// The compiler arguments for linking a cell. `cc`: the C compiler.
pub async fn arguments(sysroot: &Path, host: &str, cc: &Path) -> Vec<OsString> {
    if !host.ends_with("linux-gnu") {
        return Vec::new();
    }
    let lld = sysroot.join("lib/rustlib").join(host).join("bin/rust-lld");
    match lld.is_file() {
        true => directly(&lld, &directories(cc).await).unwrap_or_else(by_cc),
        false => by_cc(),
    }
}

fn by_cc() -> Vec<OsString> {
    // C's start files hold nothing that Rust needs, but names that the loader looks for in
    // vain, in all cells there are: they would all stay in memory for that.
    vec!["-Clink-arg=-nostartfiles".into()]
}

/// Without `cc`, if the libraries are found.
fn directly(lld: &Path, directories: &[PathBuf]) -> Option<Vec<OsString>> {
    let with = |library: &str| directories.iter().find(|directory| directory.join(library).is_file());
    let wanted: BTreeSet<&PathBuf> = LIBRARIES.iter().map(|library| with(library)).collect::<Option<_>>()?;
    let argument = |start: &str, path: &Path| {
        let mut argument = OsString::from(start);
        argument.push(path);
        argument
    };
    // In the order of `cc`.
    let searched = directories.iter().filter(|directory| wanted.contains(directory));
    let searched = searched.map(|directory| argument("-Clink-arg=-L", directory));
    Some([argument("-Clinker=", lld), "-Clinker-flavor=ld.lld".into()].into_iter().chain(searched).collect())
}

/// Where `cc` looks for libraries; nowhere when it does not say.
async fn directories(cc: &Path) -> Vec<PathBuf> {
    let output = Command::new(cc).arg("-print-search-dirs").kill_on_drop(true).output().await;
    let Ok(output) = output else { return Vec::new() };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("libraries: ="));
    line.map(|line| std::env::split_paths(line).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_linker_is_called_directly_where_the_libraries_are_found() {
        let [one, two, none] = std::array::from_fn(|_| tempfile::tempdir().expect("a temporary directory"));
        std::fs::write(one.path().join("libgcc_s.so"), "").expect("it can be written");
        std::fs::write(two.path().join("libc.so"), "").expect("it can be written");
        let all = [one.path().to_owned(), none.path().to_owned(), two.path().to_owned()];
        let arguments = directly(Path::new("/lld"), &all).expect("all is there");
        let text: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
        assert_eq!(text[..2], ["-Clinker=/lld", "-Clinker-flavor=ld.lld"]);
        assert_eq!(text[2..], [one.path(), two.path()].map(|path| format!("-Clink-arg=-L{}", path.display())));
        assert!(directly(Path::new("/lld"), &all[..2]).is_none(), "there is no libc");
    }

    #[tokio::test]
    async fn what_is_no_compiler_finds_nothing() {
        assert!(directories(Path::new("/nowhere/cc")).await.is_empty());
    }
}
