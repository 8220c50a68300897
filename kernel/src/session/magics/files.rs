//! `%%writefile`, `%load`, `%cd`: files and directories.
//!
//! Relative paths are those of the cells: they begin in the working directory of the
//! process that runs them.

use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::{Cell, usage_error};
use crate::cell::magic::Call;
use crate::interpreter::NextInput;
use crate::output::CellError;
use crate::session::notebook::Notebook;
use crate::session::notices::show_text;
use crate::session::report;

/// More bytes than this nobody wants in a cell.
const MOST_LOADED: u64 = 1 << 20;

/// A file or directory as a magic was given it.
pub struct Given {
    /// As it was written, without quotes.
    pub name: String,
    pub path: PathBuf,
}

impl Given {
    /// Quotes allow for spaces; `~` is the home directory.
    pub fn read(words: &str, directory: &Path) -> Given {
        let unquoted = ['"', '\''].iter().find_map(|quote| words.strip_prefix(*quote)?.strip_suffix(*quote));
        let name = unquoted.unwrap_or(words);
        let in_home = match name.strip_prefix('~') {
            Some("") => dirs::home_dir(),
            Some(rest) => rest.strip_prefix('/').and_then(|rest| Some(dirs::home_dir()?.join(rest))),
            None => None,
        };
        Given { name: name.to_owned(), path: in_home.unwrap_or_else(|| directory.join(name)) }
    }
}

/// Writes the bytes `body` of the cell into a file.
pub async fn write(notebook: &Notebook, cell: &Cell, call: &Call, body: Range<usize>) -> Result<(), CellError> {
    let words = cell.words(call);
    if words.is_empty() {
        return Err(usage_error("`%%writefile` needs the name of a file: `%%writefile notes.txt`."));
    }
    let Given { name, path } = Given::read(words, &notebook.working_directory());
    let mut text = cell.source.text[body].to_owned();
    // Front ends leave the last line's end out.
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let append = call.given.has("a");
    let said = match (path.exists(), append) {
        (false, _) => format!("Writing {name}"),
        (true, true) => format!("Appending to {name}"),
        (true, false) => format!("Overwriting {name}"),
    };
    let target = path.clone();
    let written = unless_stopped(cell, move || {
        let mut options = std::fs::OpenOptions::new();
        options.create(true).append(append).truncate(!append).write(true);
        options.open(target)?.write_all(text.as_bytes())
    });
    written.await?.map_err(|error| not_written(&name, &path, &error))?;
    show_text(said, &cell.output).await;
    Ok(())
}

fn not_written(name: &str, path: &Path, error: &io::Error) -> CellError {
    let parent = path.parent().unwrap_or(path);
    file_error(match error.kind() {
        ErrorKind::NotFound if !parent.exists() => {
            let directory = shown_parent(name);
            format!("There is no directory `{directory}`: `!mkdir -p {}` makes it.", quoted(&directory))
        }
        ErrorKind::NotADirectory => format!("`{}` is not a directory.", shown_parent(name)),
        ErrorKind::IsADirectory => format!("`{name}` is a directory: give the name of a file in it."),
        ErrorKind::PermissionDenied => format!("`{name}` may not be written by you: choose another place."),
        _ => format!("`{name}` could not be written: {error}."),
    })
}

/// What is before the last part of a name.
fn shown_parent(name: &str) -> String {
    Path::new(name).parent().unwrap_or(Path::new(name)).display().to_string()
}

/// As the shell needs it.
fn quoted(name: &str) -> String {
    if name.contains(char::is_whitespace) { format!("'{name}'") } else { name.to_owned() }
}

/// Puts a file into the cell.
pub async fn load(notebook: &Notebook, cell: &mut Cell, words: &str) -> Result<(), CellError> {
    if words.is_empty() {
        return Err(usage_error("`%load` needs the name of a file: `%load example.rs`."));
    }
    let given = Given::read(words, &notebook.working_directory());
    let text = read(cell, &given).await?;
    cell.next_input = Some(NextInput { text: format!("// %load {words}\n{text}"), replace: true });
    Ok(())
}

/// The text of a file for a cell, without a byte order mark.
///
/// # Errors
/// In one line, why there is none.
pub async fn read(cell: &Cell, given: &Given) -> Result<String, CellError> {
    let (name, path) = (&given.name, given.path.clone());
    let read = unless_stopped(cell, move || {
        let length = path.metadata()?.len();
        if length > MOST_LOADED { Ok(Err(length)) } else { std::fs::read(path).map(Ok) }
    });
    let bytes = read.await?.map_err(|error| {
        file_error(match error.kind() {
            ErrorKind::NotFound => {
                let directory = notebook_place(&given.path);
                format!("There is no file `{name}`{directory}.")
            }
            ErrorKind::PermissionDenied => format!("`{name}` may not be read by you."),
            ErrorKind::IsADirectory => format!("`{name}` is a directory: give the name of a file in it."),
            _ => format!("`{name}` could not be read: {error}."),
        })
    })?;
    let bytes = bytes.map_err(|length| {
        let size = threadbook::limits::size(length);
        file_error(format!("`{name}` has {size}, too much for a cell: read it with `std::fs::read`."))
    })?;
    let text = String::from_utf8(bytes)
        .map_err(|_| file_error(format!("`{name}` is not UTF-8 text: read it with `std::fs::read`.")))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Where a file was looked for.
fn notebook_place(path: &Path) -> String {
    path.parent().map(|parent| format!(" in {}", parent.display())).unwrap_or_default()
}

/// Changes the working directory.
pub async fn change_directory(notebook: &mut Notebook, cell: &Cell, words: &str) -> Result<(), CellError> {
    let here = notebook.working_directory();
    let Given { name, path } = match words {
        "" => Given::read("~", &here),
        "-" => match notebook.surroundings.previous() {
            Some(previous) => Given { name: previous.display().to_string(), path: previous.to_owned() },
            None => return Err(usage_error("`%cd -` goes back, and there was no `%cd` yet.")),
        },
        words => Given::read(words, &here),
    };
    let directory = path.canonicalize().and_then(|directory| {
        // Its entries can be looked at, and it can be entered.
        directory.read_dir().map(drop)?;
        nix::unistd::access(&directory, nix::unistd::AccessFlags::X_OK)?;
        Ok(directory)
    });
    let directory = directory.map_err(|error| {
        file_error(match error.kind() {
            ErrorKind::NotFound => {
                let place = notebook_place(&path);
                format!("There is no directory `{name}`{place}.")
            }
            ErrorKind::NotADirectory => format!("`{name}` is not a directory."),
            ErrorKind::PermissionDenied => format!("`{name}` may not be entered by you."),
            _ => format!("`{name}` cannot be entered: {error}."),
        })
    })?;
    let Some(directory) = directory.to_str() else {
        return Err(file_error(format!("The name of `{}` is not UTF-8 text.", directory.display())));
    };
    notebook.set_working_directory(directory.to_owned(), &cell.output).await?;
    show_text(directory.to_owned(), &cell.output).await;
    Ok(())
}

fn file_error(text: String) -> CellError {
    report::plain("FileError", &text)
}

/// Does what can wait for long: a file can be a pipe, or lie on a disk that is far away.
async fn unless_stopped<T: Send + 'static>(
    cell: &Cell,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<io::Result<T>, CellError> {
    let mut stop = cell.stop.clone();
    tokio::select! {
        done = tokio::task::spawn_blocking(work) => Ok(done.unwrap_or_else(|error| Err(io::Error::other(error)))),
        _ = stop.changed() => Err(report::plain(report::INTERRUPTED, "it was stopped while it waited for a file")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_have_quotes_and_a_home() {
        let path = |words: &str| Given::read(words, Path::new("/work")).path;
        assert_eq!(path("a b.txt"), Path::new("/work/a b.txt"));
        assert_eq!(path("\"a b.txt\""), Path::new("/work/a b.txt"));
        assert_eq!(path("'sub/a'"), Path::new("/work/sub/a"));
        assert_eq!(path("/a"), Path::new("/a"));
        assert_eq!(path("\"a"), Path::new("/work/\"a"));
        assert_eq!(path("a~"), Path::new("/work/a~"));
        let home = dirs::home_dir().expect("there is a home");
        assert_eq!((path("~"), path("~/a")), (home.clone(), home.join("a")));
    }

    #[test]
    fn what_is_in_the_way_is_told() {
        let told = |name: &str, path: &str, kind: ErrorKind| not_written(name, Path::new(path), &kind.into()).value;
        assert!(told("out dir/a", "/no/such/a", ErrorKind::NotFound).contains("`!mkdir -p 'out dir'`"));
        assert!(told("/tmp", "/tmp", ErrorKind::IsADirectory).contains("is a directory"));
        assert!(told("/etc/a", "/etc/a", ErrorKind::PermissionDenied).contains("choose another place"));
    }
}
