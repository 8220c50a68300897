//! What an entry was made from beside the text of its cell: files and variables of the
//! environment that macros have read while it was compiled.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::{self, hexadecimal};

/// Files and variables, and what they were.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    /// With a digest of what was in them.
    files: Vec<(PathBuf, String)>,
    variables: Vec<(String, Option<String>)>,
}

impl Inputs {
    /// Reads the rules that the compiler writes for `make` (`--emit=dep-info`). It ran in
    /// `directory`; `main` is the compiled file itself.
    pub fn read(rules: &str, directory: &Path, main: &str) -> Inputs {
        let mut inputs = Inputs::default();
        for line in rules.lines() {
            if let Some(variable) = line.strip_prefix("# env-dep:") {
                let (name, value) = match variable.split_once('=') {
                    Some((name, value)) => (name, Some(unescaped(value))),
                    None => (variable, None),
                };
                inputs.variables.push((unescaped(name), value));
                continue;
            }
            // Each file has a rule of its own, too, without anything behind the colon.
            let Some((_, files)) = line.split_once(": ") else { continue };
            for file in names(files) {
                let path = directory.join(&file);
                if file != main && !inputs.files.iter().any(|(known, _)| *known == path) {
                    let now = digest_of(&path);
                    inputs.files.push((path, now));
                }
            }
        }
        inputs
    }

    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.variables.is_empty()
    }

    /// Tells what they were.
    pub fn short_hash(&self) -> String {
        let files =
            self.files.iter().flat_map(|(path, content)| [path.as_os_str().as_encoded_bytes(), content.as_bytes()]);
        let variables = self.variables.iter().flat_map(|(name, value)| {
            let value = value.as_ref().map_or(&b"-"[..], |value| value.as_bytes());
            [name.as_bytes(), value]
        });
        digest::short_hash(files.chain(variables))
    }

    /// Whether all of them are now what they were.
    pub fn are_as_they_were(&self) -> bool {
        let same_variable = |(name, value): &(String, Option<String>)| std::env::var(name).ok() == *value;
        self.files.iter().all(|(path, before)| digest_of(path) == *before) && self.variables.iter().all(same_variable)
    }
}

/// Empty for a file that cannot be read.
fn digest_of(path: &Path) -> String {
    std::fs::read(path).map_or_else(|_| String::new(), |bytes| hexadecimal(&digest::digest_of([bytes.as_slice()])))
}

/// File names between spaces; a space in a name is written `\ `.
fn names(text: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters.peek() == Some(&' ') => {
                characters.next();
                names.last_mut().expect("there is always one").push(' ');
            }
            ' ' => names.push(String::new()),
            other => names.last_mut().expect("there is always one").push(other),
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn unescaped(text: &str) -> String {
    text.replace("\\n", "\n").replace("\\r", "\r").replace("\\\\", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_variables_are_read() {
        let rules = "lib.so: cell.rs a\\ file.txt /b\n\ncell.d: cell.rs a\\ file.txt /b\n\ncell.rs:\n/b:\n\n\
                     # env-dep:HOME_OF_IT=a\\nb\n# env-dep:NOT_SET\n";
        let inputs = Inputs::read(rules, Path::new("/d"), "cell.rs");
        let files: Vec<_> = inputs.files.iter().map(|(path, _)| path.as_path()).collect();
        assert_eq!(files, [Path::new("/d/a file.txt"), Path::new("/b")]);
        assert_eq!(inputs.variables, [("HOME_OF_IT".into(), Some("a\nb".into())), ("NOT_SET".into(), None)]);
        assert!(!inputs.are_as_they_were());
    }
}
