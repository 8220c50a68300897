//! `%%capture`: what a cell shows is kept instead.
//!
//! The cell's output is replaced by a channel of its own. A task takes what comes there: as
//! long as the cell runs, what is to be kept goes into a file, from which the variable is
//! read afterwards; all else, and later what threads still show, goes on to the cell's own
//! output.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::ops::Range;
use std::path::Path;

use tempfile::NamedTempFile;
use threadbook::message::{CAPTURED, CapturedPiece};
use tokio::sync::{mpsc, oneshot};

use super::generated::{self, variable_name};
use super::{Cell, usage_error};
use crate::cell::magic::Call;
use crate::output::{CellError, Event, Output, StreamName};
use crate::session::notebook::Notebook;
use crate::session::notices::show_notice;
use crate::session::report;

/// Runs the bytes `body` of the cell.
pub async fn run(notebook: &mut Notebook, cell: &mut Cell, call: &Call, body: Range<usize>) -> Result<(), CellError> {
    let name = match cell.words(call) {
        "" => None,
        name => Some(variable_name(name).map_err(usage_error)?),
    };
    let kept = Kept {
        stdout: !call.given.has("no-stdout"),
        stderr: !call.given.has("no-stderr"),
        displays: !call.given.has("no-display"),
    };
    let directory = notebook.directory().to_owned();
    let file = match name {
        Some(_) => Some(NamedTempFile::new_in(&directory).map_err(|error| not_kept(&directory, &error))?),
        None => None,
    };
    let pieces = file.as_ref().map(|file| file.reopen().map(Pieces::new)).transpose();
    let pieces = pieces.map_err(|error| not_kept(&directory, &error))?;

    let (output, events) = Output::channel();
    let (end, ended) = oneshot::channel();
    let outer = std::mem::replace(&mut cell.output, output);
    // Displays include the value.
    let outer_result = if kept.displays { cell.result.take() } else { cell.result.clone() };
    let capture = Capture { kept, file: pieces, clear_first: false, ids: BTreeSet::new() };
    // On its own: it goes on for the threads that outlive the cell.
    tokio::spawn(capture.take(events, outer.clone(), ended));
    let result = Box::pin(super::run(notebook, cell, body)).await;
    cell.output.flush().await;
    let (written, has_written) = oneshot::channel();
    let _ = end.send(written);
    let written = has_written.await.unwrap_or(Ok(()));
    cell.output = outer;
    cell.result = outer_result;

    if let (Some(name), Some(file)) = (name, file) {
        let kept = match written {
            Ok(()) => {
                let path = file.path().to_string_lossy().into_owned();
                notebook.set_variable(CAPTURED, Some(path)).await?;
                let code = format!("let {name} = threadbook::capture::read()?;");
                let read = generated::run(notebook, cell, code).await.map(drop);
                notebook.set_variable(CAPTURED, None).await?;
                read
            }
            Err(error) => Err(not_kept(&directory, &error)),
        };
        match (&result, kept) {
            (Ok(()), kept) => return kept,
            // The cell's own error is the one to show.
            (Err(_), Err(error)) => show_notice(&error.value, &cell.output).await,
            (Err(_), Ok(())) => {}
        }
    }
    result
}

fn not_kept(directory: &Path, error: &io::Error) -> CellError {
    let text = format!("What the cell shows could not be kept in {}: {error}. Is the disk full?", directory.display());
    report::plain("CaptureError", &text)
}

/// What is not shown.
#[derive(Debug, Clone, Copy)]
struct Kept {
    stdout: bool,
    stderr: bool,
    displays: bool,
}

struct Capture {
    kept: Kept,
    /// Nothing is remembered without it.
    file: Option<Pieces>,
    /// What is there goes as soon as something new comes (`clear_output(true)`).
    clear_first: bool,
    /// Ids of displays that are kept.
    ids: BTreeSet<String>,
}

impl Capture {
    /// Takes events until nobody can send any more.
    async fn take(
        mut self,
        mut events: mpsc::Receiver<Event>,
        outer: Output,
        mut ended: oneshot::Receiver<oneshot::Sender<io::Result<()>>>,
    ) {
        loop {
            tokio::select! {
                // All that came before it has been taken then.
                biased;
                written = &mut ended => {
                    if let Ok(written) = written {
                        let _ = written.send(self.file.map_or(Ok(()), Pieces::finish));
                    }
                    break;
                }
                event = events.recv() => match event {
                    Some(Event::Flush { done }) => drop(done.send(())),
                    Some(event) => {
                        if let Some(event) = self.keep(event) {
                            outer.send(event).await;
                        }
                    }
                    None => return,
                },
            }
        }
        while let Some(event) = events.recv().await {
            outer.send(event).await;
        }
    }

    /// Keeps an event, or gives it back to be shown.
    fn keep(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::Stream { name: StreamName::Stdout, text } if self.kept.stdout => {
                self.write(&CapturedPiece::Stdout(text));
            }
            Event::Stream { name: StreamName::Stderr, text } if self.kept.stderr => {
                self.write(&CapturedPiece::Stderr(text));
            }
            // One that was shown before is shown as it is now.
            Event::Display { update: true, display_id: Some(id), data, metadata } if !self.ids.contains(&id) => {
                return Some(Event::Display { update: true, display_id: Some(id), data, metadata });
            }
            Event::Display { data, display_id, .. } if self.kept.displays => {
                self.write(&CapturedPiece::Display { data, display_id: display_id.clone() });
                self.ids.extend(display_id);
            }
            Event::Result { data, .. } if self.kept.displays => {
                self.write(&CapturedPiece::Display { data, display_id: None });
            }
            Event::ClearOutput { wait } if self.kept.displays => match wait {
                true => self.clear_first = true,
                false => self.clear(),
            },
            // What their closure shows is kept; controls need a place in the notebook.
            Event::Controls { .. } | Event::ControlsShown => {}
            event => return Some(event),
        }
        None
    }

    fn write(&mut self, piece: &CapturedPiece) {
        if std::mem::take(&mut self.clear_first) {
            self.clear();
        }
        if let Some(file) = &mut self.file {
            file.write(piece);
        }
    }

    fn clear(&mut self) {
        self.clear_first = false;
        self.ids.clear();
        if let Some(file) = &mut self.file {
            file.clear();
        }
    }
}

/// The file for what is kept: pieces as JSON one after the other. The kernel's memory is not
/// to grow with it.
struct Pieces {
    file: BufWriter<File>,
    /// What went wrong first.
    error: Option<io::Error>,
}

impl Pieces {
    fn new(file: File) -> Pieces {
        Pieces { file: BufWriter::new(file), error: None }
    }

    fn write(&mut self, piece: &CapturedPiece) {
        if self.error.is_none() {
            self.error = serde_json::to_writer(&mut self.file, piece).err().map(io::Error::from);
        }
    }

    fn clear(&mut self) {
        if self.error.is_none() {
            let clear = |file: &mut BufWriter<File>| file.rewind().and_then(|()| file.get_ref().set_len(0));
            self.error = clear(&mut self.file).err();
        }
    }

    fn finish(mut self) -> io::Result<()> {
        match self.error {
            Some(error) => Err(error),
            None => self.file.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What goes on to the cell's own output, and what is in the file.
    fn kept(kept: Kept, events: Vec<Event>) -> (usize, String) {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let pieces = Pieces::new(file.reopen().expect("it is there"));
        let mut capture = Capture { kept, file: Some(pieces), clear_first: false, ids: BTreeSet::new() };
        let shown = events.into_iter().filter_map(|event| capture.keep(event)).count();
        capture.file.take().expect("it is there").finish().expect("written");
        (shown, std::fs::read_to_string(file.path()).expect("text"))
    }

    fn stream(name: StreamName, text: &str) -> Event {
        Event::Stream { name, text: text.to_owned() }
    }

    fn display(id: &str, update: bool) -> Event {
        let (data, metadata) = Default::default();
        Event::Display { data, metadata, display_id: Some(id.to_owned()), update }
    }

    const ALL: Kept = Kept { stdout: true, stderr: true, displays: true };

    #[test]
    fn what_is_kept_is_not_shown() {
        let events = || vec![stream(StreamName::Stdout, "a"), stream(StreamName::Stderr, "b"), display("c", false)];
        assert_eq!(kept(ALL, events()).0, 0);
        let (shown, file) = kept(Kept { stderr: false, ..ALL }, events());
        assert_eq!((shown, file.contains("\"a\""), file.contains("\"b\"")), (1, true, false), "{file}");
        assert_eq!(kept(Kept { displays: false, ..ALL }, events()).0, 1);
    }

    #[test]
    fn what_is_cleared_is_gone() {
        let cleared = |wait| {
            let clear = Event::ClearOutput { wait };
            vec![stream(StreamName::Stdout, "old"), clear, stream(StreamName::Stdout, "new")]
        };
        for wait in [false, true] {
            assert_eq!(kept(ALL, cleared(wait)).1, r#"{"stdout":"new"}"#);
        }
        let mut last = cleared(true);
        last.pop();
        assert_eq!(kept(ALL, last).1, r#"{"stdout":"old"}"#);
    }

    #[test]
    fn what_was_shown_before_is_updated_there() {
        assert_eq!(kept(ALL, vec![display("a", false), display("a", true), display("b", true)]).0, 1);
    }
}
