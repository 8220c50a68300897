//! Bytes of a pipe as text, in pieces as they come.
//!
//! A character that is cut in two by a read waits for its rest; bytes that are no
//! UTF-8 become `\u{FFFD}`. On stdout the markers of evcxr's display convention are
//! taken out and become displays:
//!
//! ```text
//! EVCXR_BEGIN_CONTENT text/html
//! <b>bold</b>
//! EVCXR_END_CONTENT
//! ```

use serde_json::Value;

use crate::output::MimeBundle;

#[derive(Debug, PartialEq)]
pub enum Piece {
    Text(String),
    Display(MimeBundle),
}

const BEGIN: &str = "EVCXR_BEGIN_CONTENT ";
const END: &str = "EVCXR_END_CONTENT";

/// One pipe's state between reads.
#[derive(Debug, Default)]
pub struct TextStream {
    /// The first bytes of a character that is not complete yet.
    partial: Vec<u8>,
    /// Text from a marker on, while its end has not come.
    held: String,
    markers: bool,
    /// The text so far does not end with its line: what comes next does not begin one.
    in_line: bool,
    /// The end of the line after a display's end marker is still to come.
    in_end_line: bool,
}

impl TextStream {
    /// `markers`: look for evcxr's display markers.
    pub fn new(markers: bool) -> TextStream {
        TextStream { markers, ..TextStream::default() }
    }

    pub fn push(&mut self, bytes: &[u8]) -> Vec<Piece> {
        self.partial.extend_from_slice(bytes);
        let text = take_complete(&mut self.partial);
        self.pieces(text)
    }

    /// What is still held back, when no more will come for now.
    pub fn finish(&mut self) -> Vec<Piece> {
        let mut rest = std::mem::take(&mut self.held);
        self.in_line = false;
        if !self.partial.is_empty() {
            rest.push_str(&String::from_utf8_lossy(&std::mem::take(&mut self.partial)));
        }
        if rest.is_empty() { Vec::new() } else { vec![Piece::Text(rest)] }
    }

    fn pieces(&mut self, text: String) -> Vec<Piece> {
        if text.is_empty() {
            return Vec::new();
        }
        let nothing_open = self.held.is_empty() && !self.in_end_line;
        if !self.markers || (nothing_open && !may_hold_marker(&text)) {
            self.in_line = !text.ends_with('\n');
            return vec![Piece::Text(text)];
        }
        let mut pieces = Vec::new();
        let held = std::mem::take(&mut self.held) + &text;
        let mut rest = held.as_str();
        if std::mem::take(&mut self.in_end_line) {
            rest = rest.strip_prefix('\n').unwrap_or(rest);
        }
        loop {
            let Some(begin) = find_line(rest, BEGIN, self.in_line) else {
                // The last line may be the first half of a marker.
                let line = rest.rfind('\n').map_or(0, |newline| newline + 1);
                let is_line = line > 0 || !self.in_line;
                let (ready, kept) = match is_line && !rest[line..].is_empty() && BEGIN.starts_with(&rest[line..]) {
                    true => rest.split_at(line),
                    false => (rest, ""),
                };
                if !ready.is_empty() {
                    self.in_line = !ready.ends_with('\n');
                }
                push_text(&mut pieces, ready);
                self.held = kept.to_owned();
                return pieces;
            };
            push_text(&mut pieces, &rest[..begin]);
            self.in_line = false;
            let from = &rest[begin..];
            let (Some(header), Some(end)) = (from.find('\n'), find_line(from, END, false)) else {
                self.held = from.to_owned();
                return pieces;
            };
            let mime_type = from[BEGIN.len()..header].trim();
            let content = from[(header + 1).min(end)..end].trim_end_matches('\n');
            pieces.push(Piece::Display(bundle(mime_type, content)));
            let after = &from[end + END.len()..];
            rest = after.strip_prefix('\n').unwrap_or(after);
            self.in_end_line = after.is_empty();
        }
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
}

/// A cheap look before lines are searched.
fn may_hold_marker(text: &str) -> bool {
    let line = text.rfind('\n').map_or(0, |newline| newline + 1);
    text.contains(BEGIN) || (!text[line..].is_empty() && BEGIN.starts_with(&text[line..]))
}

/// Where a line that begins with `start` begins. `in_line`: the text's beginning is not
/// the beginning of a line.
fn find_line(text: &str, start: &str, in_line: bool) -> Option<usize> {
    let begins = |at: usize| if at == 0 { !in_line } else { text.as_bytes()[at - 1] == b'\n' };
    text.match_indices(start).map(|(at, _)| at).find(|&at| begins(at))
}

fn bundle(mime_type: &str, content: &str) -> MimeBundle {
    let is_json = mime_type == "application/json" || mime_type.ends_with("+json");
    let value = match serde_json::from_str(content) {
        Ok(value) if is_json => value,
        _ => Value::from(content),
    };
    MimeBundle::from_iter([(mime_type.to_owned(), value)])
}

/// Takes all complete characters out of `bytes`.
fn take_complete(bytes: &mut Vec<u8>) -> String {
    let complete = match std::str::from_utf8(bytes) {
        Ok(_) => bytes.len(),
        // No error length: the end is missing, not wrong.
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Err(_) => incomplete_end(bytes),
    };
    let rest = bytes.split_off(complete);
    let taken = std::mem::replace(bytes, rest);
    String::from_utf8(taken).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Where a character begins that the end of `bytes` cuts in two, or the end.
fn incomplete_end(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(3);
    (tail..bytes.len())
        .find(|&at| matches!(std::str::from_utf8(&bytes[at..]), Err(error) if error.valid_up_to() == 0 && error.error_len().is_none()))
        .unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pieces: Vec<Piece>) -> String {
        pieces
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) => text,
                Piece::Display(bundle) => format!("{bundle:?}"),
            })
            .collect()
    }

    #[test]
    fn characters_are_not_cut() {
        let mut stream = TextStream::new(true);
        let bytes = "aä€😀".as_bytes();
        let whole: String = bytes.iter().map(|byte| text(stream.push(&[*byte]))).collect();
        assert_eq!(whole, "aä€😀");
        assert_eq!(text(stream.push(b"\xff\xfeok\xe2\x82")), "\u{fffd}\u{fffd}ok");
        assert_eq!(text(stream.finish()), "\u{fffd}");
    }

    #[test]
    fn a_marker_inside_a_line_is_text_however_it_is_cut() {
        let whole = "a EVCXR_BEGIN_CONTENT text/html\n<b>x</b>\nEVCXR_END_CONTENT\n";
        for cut in 0..whole.len() {
            let mut stream = TextStream::new(true);
            let mut pieces = stream.push(&whole.as_bytes()[..cut]);
            pieces.extend(stream.push(&whole.as_bytes()[cut..]));
            pieces.extend(stream.finish());
            assert_eq!(text(pieces), whole, "cut at {cut}");
        }
    }

    #[test]
    fn bytes_that_make_no_character_yet_do_not_end_a_display() {
        let mut stream = TextStream::new(true);
        assert_eq!(stream.push(b"EVCXR_BEGIN_CONTENT text/html\nx\nEVCXR_END_CONTENT").len(), 1);
        assert!(stream.push(b"").is_empty());
        assert_eq!(text(stream.push(b"\nafter")), "after");
    }

    #[test]
    fn markers_become_displays_however_they_are_cut() {
        let whole = "before\nEVCXR_BEGIN_CONTENT text/html\n<b>x</b>\nEVCXR_END_CONTENT\nafter EVCXR_\n";
        for cut in 0..whole.len() {
            let mut stream = TextStream::new(true);
            let mut pieces = stream.push(&whole.as_bytes()[..cut]);
            pieces.extend(stream.push(&whole.as_bytes()[cut..]));
            pieces.extend(stream.finish());
            let displays: Vec<_> = pieces.iter().filter(|piece| matches!(piece, Piece::Display(_))).collect();
            assert_eq!(displays, [&Piece::Display(bundle("text/html", "<b>x</b>"))], "cut at {cut}");
            pieces.retain(|piece| matches!(piece, Piece::Text(_)));
            assert_eq!(text(pieces), "before\nafter EVCXR_\n", "cut at {cut}");
        }
    }
}
