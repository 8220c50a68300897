//! What `%%capture NAME` keeps of a cell.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use crate::__rt;
use crate::display::{self, MimeBundle};
use crate::limits::size;
use crate::message::{CAPTURED, CapturedPiece};

/// What a cell has shown, kept instead of shown: `%%capture NAME` makes the variable NAME of
/// this type.
///
/// As text (`{name}`) it is what went to stdout.
#[derive(Clone, Default, PartialEq)]
pub struct Captured {
    /// What was printed.
    pub stdout: String,
    /// What was printed to stderr.
    pub stderr: String,
    /// What was displayed, in order; the value of the cell's last expression comes last.
    pub displays: Vec<MimeBundle>,
}

impl Captured {
    /// Shows all of it: stdout, then stderr, then the displays.
    ///
    /// ```
    /// # use threadbook::prelude::*;
    /// let captured = Captured { stdout: "printed\n".to_owned(), ..Captured::default() };
    /// captured.show();
    /// ```
    pub fn show(&self) {
        __rt::write_now(format_args!("{}", self.stdout));
        if !self.stderr.is_empty() {
            __rt::write_err_now(format_args!("{}", self.stderr));
        }
        for bundle in &self.displays {
            display::display(bundle);
        }
    }
}

impl fmt::Display for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.stdout)
    }
}

/// Short: how much there is of each.
impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [stdout, stderr] = [&self.stdout, &self.stderr].map(|text| size(text.len() as u64));
        // On one line even where all is laid out.
        write!(f, "Captured {{ stdout: {stdout}, stderr: {stderr}, displays: {} }}", self.displays.len())
    }
}

/// Reads what the kernel has captured into the file that the variable [`CAPTURED`] names, pieces as JSON one after the other.
///
/// # Errors
/// When the file cannot be read.
#[doc(hidden)]
pub fn read() -> io::Result<Captured> {
    read_file(Path::new(&std::env::var_os(CAPTURED).ok_or(io::ErrorKind::NotFound)?))
}

fn read_file(path: &Path) -> io::Result<Captured> {
    let pieces = serde_json::Deserializer::from_reader(BufReader::new(File::open(path)?)).into_iter();
    let mut captured = Captured::default();
    // The place of each display that can be updated.
    let mut places = std::collections::HashMap::new();
    for piece in pieces {
        match piece.map_err(io::Error::from)? {
            CapturedPiece::Stdout(text) => captured.stdout.push_str(&text),
            CapturedPiece::Stderr(text) => captured.stderr.push_str(&text),
            CapturedPiece::Display { data, display_id } => {
                let bundle = MimeBundle::from_map(data);
                let place = display_id.as_ref().and_then(|id| places.get(id).copied());
                match place.and_then(|place: usize| captured.displays.get_mut(place)) {
                    Some(shown) => *shown = bundle,
                    None => {
                        places.extend(display_id.map(|id| (id, captured.displays.len())));
                        captured.displays.push(bundle);
                    }
                }
            }
        }
    }
    Ok(captured)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_put_together() {
        let path = std::env::temp_dir().join(format!("threadbook-capture-test-{}", std::process::id()));
        let display = |text: &str, id: Option<&str>| {
            let data = MimeBundle::new().with("text/plain", text).into_map();
            CapturedPiece::Display { data, display_id: id.map(str::to_owned) }
        };
        let pieces = [
            CapturedPiece::Stdout("a".to_owned()),
            display("first", Some("bar")),
            CapturedPiece::Stderr("e\n".to_owned()),
            display("second", None),
            display("newer", Some("bar")),
            CapturedPiece::Stdout("b".to_owned()),
        ];
        let text: String = pieces.iter().map(|piece| serde_json::to_string(piece).expect("text")).collect();
        std::fs::write(&path, text).expect("a file");
        let captured = read_file(&path).expect("it was written");
        std::fs::remove_file(&path).expect("it is there");
        let texts: Vec<_> = captured.displays.iter().map(|bundle| bundle.get("text/plain").cloned()).collect();
        assert_eq!(texts, [Some("newer".into()), Some("second".into())]);
        assert_eq!((captured.to_string().as_str(), captured.stderr.as_str()), ("ab", "e\n"));
        assert_eq!(format!("{captured:?}"), "Captured { stdout: 2 bytes, stderr: 2 bytes, displays: 2 }");
    }
}
