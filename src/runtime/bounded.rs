//! What is shown of a value stays within limits, however large the value is: the text is
//! not even made beyond them.

use std::fmt::{self, Debug, Display, Write};
use std::sync::OnceLock;

use serde_json::{Map, Value};

use crate::limits::{self, size};

/// `Debug` text of a value that is shown, in bytes.
pub const SHOWN: usize = 1 << 20;
/// Text of an error, a panic or a question, in bytes.
pub const MESSAGE: usize = 64 << 10;
/// What is left out is counted so far, to tell how much it is. Then the value is asked to
/// stop.
const COUNTED: u64 = 64 << 20;

/// Collects text up to a length and counts the rest.
struct Bounded {
    text: String,
    longest: usize,
    left_out: u64,
}

impl Write for Bounded {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let room = if self.left_out == 0 { self.longest - self.text.len() } else { 0 };
        let taken = boundary(more, room);
        self.text.push_str(&more[..taken]);
        self.left_out += (more.len() - taken) as u64;
        // Nearly every `Debug` hands the error on and ends early.
        if self.left_out > COUNTED { Err(fmt::Error) } else { Ok(()) }
    }
}

impl Bounded {
    fn new(longest: usize) -> Bounded {
        Bounded { text: String::new(), longest, left_out: 0 }
    }

    fn finish(mut self) -> String {
        if self.left_out > 0 {
            let more = if self.left_out > COUNTED { "more than " } else { "" };
            let left_out = size(self.left_out.min(COUNTED));
            self.text.push_str(&format!("… [{more}{left_out} of this text left out]"));
        }
        self.text
    }
}

/// The last place up to `most` where a character ends.
fn boundary(text: &str, most: usize) -> usize {
    if text.len() <= most {
        return text.len();
    }
    (0..=most).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// The `Debug` text of a value up to `longest` bytes, and how much was left out.
pub fn debug_text(value: &dyn Debug, pretty: bool, longest: usize) -> String {
    let mut text = Bounded::new(longest);
    // An error means that it is long enough, or comes from the value: what it has written
    // is shown.
    let _ = if pretty { write!(text, "{value:#?}") } else { write!(text, "{value:?}") };
    text.finish()
}

/// The `Display` text of a value up to `longest` bytes, and how much was left out.
pub fn display_text(value: &dyn Display, longest: usize) -> String {
    let mut text = Bounded::new(longest);
    let _ = write!(text, "{value}");
    text.finish()
}

/// The text up to `longest` bytes, and how much was left out.
pub fn cut(text: &str, longest: usize) -> String {
    let mut bounded = Bounded::new(longest);
    let _ = bounded.write_str(text);
    bounded.finish()
}

/// The formats of a display, or in their place a line that says that they are too large.
pub fn fitting(data: Map<String, Value>) -> Map<String, Value> {
    static MOST: OnceLock<u64> = OnceLock::new();
    fitting_in(data, *MOST.get_or_init(|| limits::DISPLAY.or_usual()))
}

fn fitting_in(data: Map<String, Value>, most: u64) -> Map<String, Value> {
    let bytes = json_bytes(&data);
    if bytes <= most {
        return data;
    }
    let text = format!(
        "[not shown: this display has {}, and the notebook takes up to {}. Show less (a smaller picture, a part of the \
         data), or save it to a file with std::fs::write. {} sets the limit in MiB.]",
        size(bytes),
        size(most),
        limits::DISPLAY.variable
    );
    Map::from_iter([("text/plain".to_owned(), Value::String(text))])
}

fn json_bytes(data: &Map<String, Value>) -> u64 {
    struct Counter(u64);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // Maps with string keys, and a writer that takes everything.
    let _ = serde_json::to_writer(&mut counter, data);
    counter.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_text_is_left_alone() {
        assert_eq!(debug_text(&"ä", false, 4), "\"ä\"");
        assert_eq!(debug_text(&[1, 2], false, 100), "[1, 2]");
        assert_eq!(cut("abc", 3), "abc");
    }

    #[test]
    fn long_text_is_cut_at_a_character_and_counted() {
        assert_eq!(cut("ääb", 3), "ä… [3 bytes of this text left out]");
        let text = debug_text(&vec![0u8; 1_000_000], false, 1000);
        assert!(text.starts_with("[0, 0, ") && text.len() < 1100, "{text}");
        assert!(text.ends_with("… [2.9 MiB of this text left out]"), "{text}");
        // Nothing is taken once something was left out.
        assert!(debug_text(&["ä", "b"], false, 3).starts_with("[\"… ["));
    }

    #[test]
    fn endless_text_ends() {
        struct Endless;
        impl Debug for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str(&"x".repeat(1 << 16))?;
                }
            }
        }
        let text = debug_text(&vec![Endless], true, 100);
        assert!(text.ends_with("… [more than 64 MiB of this text left out]"), "{text}");
    }

    #[test]
    fn a_display_that_is_too_large_is_replaced() {
        let data = |length| Map::from_iter([("text/html".to_owned(), Value::String("\"".repeat(length)))]);
        // {"text/html":""} and two bytes for each quotation mark.
        assert_eq!(fitting_in(data(492), 1000), data(492));
        let replaced = fitting_in(data(493), 1000);
        let text = replaced["text/plain"].as_str().unwrap_or_default();
        assert!(replaced.len() == 1 && text.contains("has 1002 bytes") && text.contains("up to 1000 bytes"), "{text}");
    }
}
