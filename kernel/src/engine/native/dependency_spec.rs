//! What `:dep` is given: a crate, as `Cargo.toml` or `cargo add` write it.

use std::fmt;
use std::path::Path;

use semver::VersionReq;
use thiserror::Error;
use toml::{Table, Value};

/// A crate that a session asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct DependencySpec {
    /// The name before the `=`; with `package`, the one that the session gives it.
    name: String,
    /// What `Cargo.toml` has behind the name, in its long form.
    table: Table,
}

#[derive(Debug, Error, PartialEq)]
pub enum SpecError {
    #[error("`:dep` wants the name of a crate: `:dep rand`, `:dep rand@0.9` or `:dep rand = \"0.9\"`.")]
    NoName,
    #[error("`{0}` cannot be the name of a crate: letters, digits, `-` and `_` can be in it.")]
    Name(String),
    #[error(
        "`{text}` is not TOML: {why}. Write it as `rand = \"0.9\"` or `rand = {{ version = \"0.9\", features = [\"small_rng\"] }}`."
    )]
    Toml { text: String, why: String },
    #[error("`{0}` is not a version: write `0.9`, `0.9.1` or `=0.9.1`.")]
    Version(String),
    #[error(
        "`{0}` is not known here: version, features, default-features, package, path, git, branch, tag, rev and registry are."
    )]
    Key(String),
    #[error("`{key}` must be {wanted}.")]
    Value { key: String, wanted: &'static str },
    #[error(
        "`{0}` is not an option of `:dep`: --features, --no-default-features, --path, --git, --branch, --tag and --rev are."
    )]
    Option(String),
    #[error("`{0}` wants something behind it.")]
    OptionValue(String),
}

/// As `Cargo.toml` has it.
impl fmt::Display for DependencySpec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.table.get("version"), self.table.len()) {
            (Some(version), 1) => write!(formatter, "{} = {version}", self.name),
            (_, 0) => write!(formatter, "{} = \"*\"", self.name),
            _ => write!(formatter, "{} = {}", self.name, Value::Table(self.table.clone())),
        }
    }
}

impl DependencySpec {
    /// Reads `rand`, `rand@0.9`, `rand@0.9 --features small_rng,std`, `rand = "0.9"` or
    /// `rand = { version = "0.9", features = ["small_rng"] }`.
    pub fn parse(text: &str) -> Result<DependencySpec, SpecError> {
        let text = text.trim();
        let end = text.find(|c: char| c.is_whitespace() || matches!(c, '=' | '@')).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let rest = rest.trim_start();
        if name.is_empty() {
            return Err(SpecError::NoName);
        }
        let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if !letters || !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return Err(SpecError::Name(name.to_owned()));
        }
        let table = if rest.starts_with('=') { from_toml(text)? } else { from_words(rest)? };
        check(&table)?;
        Ok(DependencySpec { name: name.to_owned(), table })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The package's own name.
    pub fn package(&self) -> &str {
        self.table.get("package").and_then(Value::as_str).unwrap_or(&self.name)
    }

    pub fn is_renamed(&self) -> bool {
        self.table.contains_key("package")
    }

    /// The versions that fit; any, when the spec names none.
    pub fn requirement(&self) -> VersionReq {
        let version = self.table.get("version").and_then(Value::as_str);
        version.and_then(|version| version.parse().ok()).unwrap_or(VersionReq::STAR)
    }

    pub fn features(&self) -> impl Iterator<Item = &str> {
        let features = self.table.get("features").and_then(Value::as_array);
        features.into_iter().flatten().filter_map(Value::as_str)
    }

    pub fn default_features(&self) -> bool {
        self.table.get("default-features").and_then(Value::as_bool).unwrap_or(true)
    }

    /// A directory of the user's, whose content may change at any time.
    pub fn is_path(&self) -> bool {
        self.table.contains_key("path")
    }

    /// From crates.io, not from a path, a repository or another registry.
    pub fn is_from_crates_io(&self) -> bool {
        !["path", "git", "registry"].into_iter().any(|key| self.table.contains_key(key))
    }

    /// Takes a relative path from `directory`.
    pub fn resolve_path(&mut self, directory: &Path) {
        if let Some(Value::String(path)) = self.table.get_mut("path") {
            let home = path.strip_prefix("~/").and_then(|rest| Some(dirs::home_dir()?.join(rest)));
            let absolute = home.unwrap_or_else(|| directory.join(&*path));
            // Links and `..` removed: one directory is one crate to cargo.
            let absolute = absolute.canonicalize().unwrap_or(absolute);
            if let Some(absolute) = absolute.to_str() {
                *path = absolute.to_owned();
            }
        }
    }

    /// The entry for a manifest's `[dependencies]`.
    pub fn entry(&self) -> (String, Value) {
        (self.name.clone(), Value::Table(self.table.clone()))
    }
}

fn from_toml(text: &str) -> Result<Table, SpecError> {
    let whole: Table = text
        .parse()
        .map_err(|error: toml::de::Error| SpecError::Toml { text: text.to_owned(), why: error.message().to_owned() })?;
    let value = whole.into_iter().next().map(|(_, value)| value);
    match value {
        Some(Value::String(version)) => Ok(Table::from_iter([("version".to_owned(), Value::String(version))])),
        Some(Value::Table(table)) => Ok(table),
        _ => Err(SpecError::Toml { text: text.to_owned(), why: "a version or a table is wanted".to_owned() }),
    }
}

fn from_words(rest: &str) -> Result<Table, SpecError> {
    let mut table = Table::new();
    let mut features = Vec::new();
    let mut words = rest.split_whitespace();
    while let Some(word) = words.next() {
        let (option, value) = match word.split_once('=').filter(|_| word.starts_with("--")) {
            Some((option, value)) => (option, Some(value)),
            None => (word, None),
        };
        let mut value = || value.or_else(|| words.next()).ok_or_else(|| SpecError::OptionValue(option.to_owned()));
        match option {
            "-F" | "--features" => {
                features.extend(
                    value()?.split(',').filter(|name| !name.is_empty()).map(|name| Value::String(name.to_owned())),
                );
            }
            "--no-default-features" => drop(table.insert("default-features".into(), Value::Boolean(false))),
            "--path" | "--git" | "--branch" | "--tag" | "--rev" => {
                let value = Value::String(value()?.to_owned());
                table.insert(option.trim_start_matches('-').to_owned(), value);
            }
            _ => match word.strip_prefix('@') {
                Some(version) => drop(table.insert("version".into(), Value::String(version.to_owned()))),
                None => return Err(SpecError::Option(word.to_owned())),
            },
        }
    }
    if !features.is_empty() {
        table.insert("features".into(), Value::Array(features));
    }
    // Cargo wants one of these.
    if !["version", "path", "git"].into_iter().any(|key| table.contains_key(key)) {
        table.insert("version".into(), Value::String("*".into()));
    }
    Ok(table)
}

fn check(table: &Table) -> Result<(), SpecError> {
    for (key, value) in table {
        let (fits, wanted) = match key.as_str() {
            "version" | "package" | "path" | "git" | "branch" | "tag" | "rev" | "registry" => {
                (value.is_str(), "a text")
            }
            "default-features" => (value.is_bool(), "true or false"),
            "features" => {
                let texts = value.as_array().is_some_and(|features| features.iter().all(Value::is_str));
                (texts, "a list of texts")
            }
            _ => return Err(SpecError::Key(key.clone())),
        };
        if !fits {
            return Err(SpecError::Value { key: key.clone(), wanted });
        }
    }
    match table.get("version").and_then(Value::as_str) {
        Some(version) if version.parse::<VersionReq>().is_err() => Err(SpecError::Version(version.to_owned())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> String {
        let table: Table = text.parse().expect("TOML");
        table.to_string()
    }

    #[test]
    fn it_is_shown_as_in_a_manifest() {
        for (given, shown) in [
            ("rand = \"0.9\"", "rand = \"0.9\""),
            ("rand@0.9", "rand = \"0.9\""),
            ("rand", "rand = \"*\""),
            ("a = { path = \"b\" }", "a = { path = \"b\" }"),
        ] {
            assert_eq!(DependencySpec::parse(given).map(|spec| spec.to_string()).as_deref(), Ok(shown), "{given}");
        }
    }

    #[test]
    fn every_spelling_becomes_a_manifest_entry() {
        for (text, name, entry) in [
            ("rand", "rand", "version = '*'"),
            (" rand@0.9 ", "rand", "version = '0.9'"),
            ("rand@=0.9.1", "rand", "version = '=0.9.1'"),
            ("rand = \"0.9\"", "rand", "version = '0.9'"),
            ("rand=\"0.9\"", "rand", "version = '0.9'"),
            ("rand@0.9 --features small_rng,std", "rand", "version = '0.9'\nfeatures = ['small_rng', 'std']"),
            (
                "rand -F small_rng -F std --no-default-features",
                "rand",
                "version = '*'\nfeatures = ['small_rng', 'std']\ndefault-features = false",
            ),
            ("serde-x --path=../x", "serde-x", "path = '../x'"),
            ("x = { path = \"../x\" }", "x", "path = '../x'"),
            ("x = { git = \"https://example.org/x\", rev = \"1\" }", "x", "git = 'https://example.org/x'\nrev = '1'"),
            (
                "r = { version = \"0.9\", package = \"rand\", features = [\"small_rng\"] }",
                "r",
                "version = '0.9'\npackage = 'rand'\nfeatures = ['small_rng']",
            ),
        ] {
            let spec = DependencySpec::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((spec.name(), spec.table.to_string()), (name, table(entry)), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (text, error) in [
            ("", SpecError::NoName),
            ("= \"0.9\"", SpecError::NoName),
            ("ra!nd", SpecError::Name("ra!nd".into())),
            ("9rand", SpecError::Name("9rand".into())),
            ("rand@newest", SpecError::Version("newest".into())),
            ("rand = \"0.9.x.y\"", SpecError::Version("0.9.x.y".into())),
            ("rand small_rng", SpecError::Option("small_rng".into())),
            ("rand --features", SpecError::OptionValue("--features".into())),
            ("rand = { optional = true }", SpecError::Key("optional".into())),
            ("rand = { features = \"std\" }", SpecError::Value { key: "features".into(), wanted: "a list of texts" }),
        ] {
            assert_eq!(DependencySpec::parse(text), Err(error), "{text}");
        }
        for text in ["rand = 0.9", "rand = \"0.9", "rand = { version = }"] {
            let error = DependencySpec::parse(text).expect_err(text);
            assert!(matches!(error, SpecError::Toml { .. }), "{text}: {error}");
        }
    }

    #[test]
    fn a_relative_path_is_taken_from_the_given_directory() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let place = directory.path().canonicalize().expect("it exists");
        std::fs::create_dir_all(place.join("here")).expect("it can be made");
        std::fs::create_dir_all(place.join("x")).expect("it can be made");
        let mut spec = DependencySpec::parse("x --path ../x").expect("right");
        spec.resolve_path(&place.join("here"));
        assert_eq!(spec.table["path"].as_str(), place.join("x").to_str());
    }
}
