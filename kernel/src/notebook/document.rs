//! The notebook file: nbformat 4, kept as JSON so that unknown fields survive.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value, json};
use tempfile::NamedTempFile;
use uuid::Uuid;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read the notebook {path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{path} is not a notebook: {source}; an .ipynb file is JSON, as Jupyter saves it")]
    NotJson { path: PathBuf, source: serde_json::Error },
    #[error("{path} is not a notebook: {reason}; open it in Jupyter and save it again")]
    NotANotebook { path: PathBuf, reason: String },
    #[error(
        "{path} is a notebook of format {version}, and this program reads format 4; \
         convert it: jupyter nbconvert --to notebook --nbformat 4 {path}"
    )]
    OtherVersion { path: PathBuf, version: Value },
    #[error("{path} is a notebook for {language}, and this kernel runs Rust; choose a Rust notebook")]
    OtherLanguage { path: PathBuf, language: String },
    #[error("cannot write the result to {path}: {source}; choose another file with `--output FILE`")]
    Unwritable { path: PathBuf, source: io::Error },
}

#[derive(Debug, Clone)]
pub struct Notebook {
    content: Value,
}

/// A cell that may be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeCell {
    /// Its place among all cells of the notebook.
    pub index: usize,
    /// Since nbformat 4.5 each cell has one.
    pub id: Option<String>,
    pub source: String,
    pub tags: Vec<String>,
}

impl CodeCell {
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|own| own == tag)
    }
}

impl Notebook {
    /// Reads a notebook and checks all that a run needs of it.
    pub fn read(path: &Path) -> Result<Notebook, Error> {
        let text = fs::read(path).map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
        let content =
            serde_json::from_slice(&text).map_err(|source| Error::NotJson { path: path.to_owned(), source })?;
        Notebook::from_json(content, path)
    }

    fn from_json(content: Value, path: &Path) -> Result<Notebook, Error> {
        let path = || path.to_owned();
        let wrong = |reason: String| Error::NotANotebook { path: path(), reason };
        match &content["nbformat"] {
            version if *version == 4 => {}
            Value::Null => return Err(wrong("it has no `nbformat` field".to_owned())),
            version => return Err(Error::OtherVersion { path: path(), version: version.clone() }),
        }
        let metadata = &content["metadata"];
        let language = [&metadata["kernelspec"]["language"], &metadata["language_info"]["name"]];
        if let Some(language) = language.into_iter().find_map(Value::as_str)
            && !language.eq_ignore_ascii_case("rust")
        {
            return Err(Error::OtherLanguage { path: path(), language: language.to_owned() });
        }
        let cells = content["cells"].as_array().ok_or_else(|| wrong("it has no list of cells".to_owned()))?;
        for (index, cell) in cells.iter().enumerate() {
            if !cell["cell_type"].is_string() || joined(&cell["source"]).is_none() {
                return Err(wrong(format!("its cell {} has no type or no source", index + 1)));
            }
        }
        Ok(Notebook { content })
    }

    pub fn code_cells(&self) -> Vec<CodeCell> {
        let cells = self.content["cells"].as_array().into_iter().flatten().enumerate();
        let code = cells.filter(|(_, cell)| cell["cell_type"] == "code");
        code.map(|(index, cell)| {
            let tags = cell["metadata"]["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
            CodeCell {
                index,
                id: cell["id"].as_str().map(str::to_owned),
                source: joined(&cell["source"]).unwrap_or_default(),
                tags: tags.map(str::to_owned).collect(),
            }
        })
        .collect()
    }

    /// Puts a cell's outputs and its number in place of those it had.
    ///
    /// # Panics
    /// When there is no cell `index`.
    pub fn set_outputs(&mut self, index: usize, execution_count: Option<u32>, outputs: Vec<Value>) {
        let cell = &mut self.content["cells"][index];
        cell["execution_count"] = json!(execution_count);
        cell["outputs"] = Value::Array(outputs);
    }

    /// Puts a code cell before the cell `index`, or at the end.
    pub fn insert_code_cell(&mut self, index: usize, source: &str, tag: &str) {
        let cell = self.new_code_cell(source, tag);
        if let Some(cells) = self.content["cells"].as_array_mut() {
            cells.insert(index.min(cells.len()), cell);
        }
    }

    /// Puts a code cell in place of the cell `index`.
    ///
    /// # Panics
    /// When there is none.
    pub fn replace_code_cell(&mut self, index: usize, source: &str, tag: &str) {
        self.content["cells"][index] = self.new_code_cell(source, tag);
    }

    fn new_code_cell(&self, source: &str, tag: &str) -> Value {
        let mut cell = json!({
            "cell_type": "code",
            "execution_count": null,
            "metadata": { "tags": [tag] },
            "outputs": [],
            "source": source.split_inclusive('\n').collect::<Vec<_>>(),
        });
        // Before nbformat 4.5 a cell must not have one.
        if self.content["nbformat_minor"].as_u64().is_some_and(|minor| minor >= 5) {
            cell["id"] = json!(Uuid::new_v4().simple().to_string()[..8]);
        }
        cell
    }

    pub fn cell_count(&self) -> usize {
        self.content["cells"].as_array().map_or(0, Vec::len)
    }

    /// The metadata of the notebook. What is there in its place becomes an object.
    pub fn metadata(&mut self) -> &mut Map<String, Value> {
        object(&mut self.content["metadata"])
    }

    /// The metadata of the cell `index`.
    ///
    /// # Panics
    /// When there is none.
    pub fn cell_metadata(&mut self, index: usize) -> &mut Map<String, Value> {
        object(&mut self.content["cells"][index]["metadata"])
    }

    /// Says that it is a notebook of Rust, with what Jupyter's front ends and converters read
    /// from it, if it does not say so yet.
    pub fn add_language_info(&mut self, rust_version: &str) {
        self.metadata().entry("language_info").or_insert_with(|| {
            json!({
                "codemirror_mode": "rust",
                "file_extension": ".rs",
                "mimetype": "text/x-rustsrc",
                "name": "rust",
                "pygments_lexer": "rust",
                "version": rust_version,
            })
        });
    }

    /// The outputs of all cells, in order.
    pub fn outputs(&self) -> impl Iterator<Item = &Value> {
        let cells = self.content["cells"].as_array().into_iter().flatten();
        cells.filter_map(|cell| cell["outputs"].as_array()).flatten()
    }

    /// The file's text, formatted as nbformat formats it, so that a version control
    /// system shows only what the run changed.
    fn to_text(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut text = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
        let mut content = self.content.clone();
        content.sort_all_objects();
        content.serialize(&mut serde_json::Serializer::with_formatter(&mut text, formatter))?;
        text.push(b'\n');
        Ok(text)
    }
}

fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = json!({});
    }
    value.as_object_mut().expect("it has just been made one")
}

/// nbformat's multi-line strings are one string or a list of lines.
fn joined(text: &Value) -> Option<String> {
    match text {
        Value::String(text) => Some(text.clone()),
        Value::Array(lines) => lines.iter().map(Value::as_str).collect::<Option<String>>(),
        _ => None,
    }
}

/// Where a result goes. Made before the run, so that a folder that cannot be written
/// is noticed before the hours that a run may take.
#[derive(Debug)]
pub struct Destination {
    path: PathBuf,
    /// Takes the place of the file at `path` in one step. `None` when that is not a
    /// plain file (a pipe, a device): then it is written to as it is.
    unfinished: Option<NamedTempFile>,
}

impl Destination {
    /// `lesson.out.ipynb` for `lesson.ipynb`.
    pub fn beside(notebook: &Path) -> PathBuf {
        notebook.with_extension("out.ipynb")
    }

    pub fn open(path: &Path) -> Result<Destination, Error> {
        Destination::try_open(path).map_err(|source| Error::Unwritable { path: path.to_owned(), source })
    }

    fn try_open(path: &Path) -> io::Result<Destination> {
        // Through a symbolic link, to what it names.
        let path = fs::canonicalize(path).or_else(|_| std::path::absolute(path))?;
        let (replace, mode) = match fs::metadata(&path) {
            Ok(there) if there.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(there) => (there.is_file(), there.permissions().mode() & 0o777),
            Err(_) => (true, 0o666),
        };
        let unfinished = if replace {
            let folder = path.parent().unwrap_or(Path::new("/"));
            let mut builder = tempfile::Builder::new();
            let builder = builder.prefix(".threadbook-").suffix(".ipynb").permissions(Permissions::from_mode(mode));
            Some(builder.tempfile_in(folder)?)
        } else {
            None
        };
        Ok(Destination { path, unfinished })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn write(self, notebook: &Notebook) -> Result<(), Error> {
        let path = self.path.clone();
        self.try_write(notebook).map_err(|source| Error::Unwritable { path, source })
    }

    fn try_write(self, notebook: &Notebook) -> io::Result<()> {
        let text = notebook.to_text()?;
        match self.unfinished {
            Some(mut file) => {
                file.write_all(&text)?;
                file.persist(&self.path).map_err(|error| error.error)?;
            }
            None => {
                let mut file = BufWriter::new(File::options().write(true).open(&self.path)?);
                file.write_all(&text)?;
                file.flush()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTEBOOK: &str = r##"{
 "cells": [
  {
   "attachments": {},
   "cell_type": "markdown",
   "id": "a1",
   "metadata": {},
   "source": [
    "# Ünïcode\n",
    "text"
   ]
  },
  {
   "cell_type": "code",
   "execution_count": 7,
   "id": "b2",
   "metadata": {
    "papermill": {
     "duration": 0.1234567890123456
    },
    "tags": [
     "skip-execution",
     "mine"
    ]
   },
   "outputs": [],
   "source": "1 + 1"
  }
 ],
 "metadata": {
  "kernelspec": {
   "display_name": "Rust",
   "language": "rust",
   "name": "threadbook"
  },
  "unknown": [
   null,
   1e-7
  ]
 },
 "nbformat": 4,
 "nbformat_minor": 5,
 "of the future": true
}
"##;

    fn parse(text: &str) -> Result<Notebook, Error> {
        let content = serde_json::from_str(text).expect("JSON");
        Notebook::from_json(content, Path::new("n.ipynb"))
    }

    #[test]
    fn a_notebook_comes_out_as_it_went_in() {
        let mut notebook = parse(NOTEBOOK).expect("a notebook");
        let text = String::from_utf8(notebook.to_text().expect("text")).expect("UTF-8");
        assert_eq!(text, NOTEBOOK);

        notebook.set_outputs(1, Some(3), vec![]);
        let text = String::from_utf8(notebook.to_text().expect("text")).expect("UTF-8");
        assert_eq!(text, NOTEBOOK.replace("\"execution_count\": 7", "\"execution_count\": 3"));
    }

    #[test]
    fn code_cells_are_found_with_their_tags() {
        let cells = parse(NOTEBOOK).expect("a notebook").code_cells();
        assert_eq!(cells.len(), 1);
        assert_eq!((cells[0].index, cells[0].source.as_str(), cells[0].id.as_deref()), (1, "1 + 1", Some("b2")));
        assert!(cells[0].has_tag("skip-execution") && cells[0].has_tag("mine") && !cells[0].has_tag("skip"));
    }

    #[test]
    fn what_is_no_rust_notebook_is_told_why() {
        let reason = |text: &str| parse(text).expect_err(text).to_string();
        assert!(reason("{}").contains("`nbformat`"));
        assert!(reason("[]").contains("`nbformat`"));
        assert!(reason(r#"{"nbformat": 3, "worksheets": []}"#).contains("--nbformat 4"));
        assert!(reason(r#"{"nbformat": 4}"#).contains("list of cells"));
        assert!(reason(r#"{"nbformat": 4, "cells": [{"cell_type": "code"}]}"#).contains("cell 1"));
        let python = r#"{"nbformat": 4, "cells": [], "metadata": {"language_info": {"name": "python"}}}"#;
        assert!(reason(python).contains("for python"));
    }

    #[test]
    fn a_result_replaces_a_file_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let notebook = parse(NOTEBOOK).expect("a notebook");
        let path = folder.path().join("n.out.ipynb");
        fs::write(&path, "old").expect("written");
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("changed");

        let unused = Destination::open(&path).expect("writable");
        drop(unused);
        assert_eq!(fs::read_to_string(&path).expect("still there"), "old");

        Destination::open(&path).expect("writable").write(&notebook).expect("written");
        assert_eq!(fs::read_to_string(&path).expect("there"), NOTEBOOK);
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 1);

        assert!(Destination::open(folder.path()).is_err());
        assert!(Destination::open(&folder.path().join("none/n.ipynb")).is_err());
        Destination::open(Path::new("/dev/null")).expect("writable").write(&notebook).expect("written");
        assert!(!fs::metadata("/dev/null").expect("there").is_file());
    }
}
