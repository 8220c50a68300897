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

/// Text that was held back comes in pieces of that many bytes.
const PIECE: usize = 64 << 10;

/// One pipe's state between reads.
#[derive(Debug, Default)]
pub struct TextStream {
    /// The first bytes of a character that is not complete yet.
    partial: Vec<u8>,
    /// Text from a marker on, while its end has not come.
    held: String,
    /// How far the end of a display was looked for in `held`; 0 when none has begun.
    searched: usize,
    /// A display that becomes longer than that is text after all.
    longest: usize,
    markers: bool,
    /// The text so far does not end with its line: what comes next does not begin one.
    in_line: bool,
    /// The end of the line after a display's end marker is still to come.
    in_end_line: bool,
}

impl TextStream {
    /// `markers`: look for evcxr's display markers.
    pub fn new(markers: bool) -> TextStream {
        TextStream { markers, longest: super::limits::display(), ..TextStream::default() }
    }

    pub fn push(&mut self, bytes: &[u8]) -> Vec<Piece> {
        self.partial.extend_from_slice(bytes);
        let text = take_complete(&mut self.partial);
        self.pieces(text)
    }

    /// What is still held back, when no more will come for now.
    pub fn finish(&mut self) -> Vec<Piece> {
        self.searched = 0;
        let mut rest = std::mem::take(&mut self.held);
        self.in_line = false;
        if !self.partial.is_empty() {
            rest.push_str(&String::from_utf8_lossy(&std::mem::take(&mut self.partial)));
        }
        let mut pieces = Vec::new();
        push_text(&mut pieces, &rest);
        pieces
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
        self.held.push_str(&text);
        let searched = std::mem::take(&mut self.searched);
        if searched > 0 && find_line(&self.held, END, searched, false).is_none() {
            if self.held.len() > self.longest {
                let mut pieces = Vec::new();
                self.in_line = !self.held.ends_with('\n');
                push_text(&mut pieces, &std::mem::take(&mut self.held));
                return pieces;
            }
            self.searched = self.held.len() - END.len();
            return Vec::new();
        }
        let mut pieces = Vec::new();
        let held = std::mem::take(&mut self.held);
        let mut rest = held.as_str();
        if std::mem::take(&mut self.in_end_line) {
            rest = rest.strip_prefix('\n').unwrap_or(rest);
        }
        loop {
            let Some(begin) = find_line(rest, BEGIN, 0, self.in_line) else {
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
            let (Some(header), Some(end)) = (from.find('\n'), find_line(from, END, 0, false)) else {
                self.held = from.to_owned();
                // Its beginning is longer than the marker of the end.
                self.searched = from.len() - END.len();
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

fn push_text(pieces: &mut Vec<Piece>, mut text: &str) {
    while !text.is_empty() {
        let end = (0..=text.len().min(PIECE)).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
        let (piece, rest) = text.split_at(end);
        pieces.push(Piece::Text(piece.to_owned()));
        text = rest;
    }
}

/// A cheap look before lines are searched.
fn may_hold_marker(text: &str) -> bool {
    let line = memchr::memrchr(b'\n', text.as_bytes()).map_or(0, |newline| newline + 1);
    (!text[line..].is_empty() && BEGIN.starts_with(&text[line..]))
        || memchr::memmem::find(text.as_bytes(), BEGIN.as_bytes()).is_some()
}

/// Where a line that begins with `start` begins, from the byte `from` on. `in_line`: the
/// text's beginning is not the beginning of a line.
fn find_line(text: &str, start: &str, from: usize, in_line: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let begins = |at: usize| if at == 0 { !in_line } else { bytes[at - 1] == b'\n' };
    memchr::memmem::find_iter(&bytes[from..], start.as_bytes()).map(|at| from + at).find(|&at| begins(at))
}

fn bundle(mime_type: &str, content: &str) -> MimeBundle {
    let is_json = mime_type == "application/json" || mime_type.ends_with("+json");
    let value = is_json.then(|| serde_json::from_str(content).ok()).flatten().unwrap_or_else(|| Value::from(content));
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

    #[test]
    fn a_display_in_small_pieces_is_whole() {
        let content = "äöü€\n EVCXR_END_CONTENT\n".repeat(50);
        let whole = format!("EVCXR_BEGIN_CONTENT text/html\n{content}EVCXR_END_CONTENT\nafter");
        for size in [1, 2, 3, 16, 17, 18, 1000] {
            let mut stream = TextStream::new(true);
            let mut pieces: Vec<_> = whole.as_bytes().chunks(size).flat_map(|bytes| stream.push(bytes)).collect();
            pieces.extend(stream.finish());
            assert_eq!(pieces[0], Piece::Display(bundle("text/html", content.trim_end())), "pieces of {size}");
            assert_eq!(text(pieces.split_off(1)), "after", "pieces of {size}");
        }
    }

    #[test]
    fn a_display_without_end_becomes_text() {
        let mut stream = TextStream { longest: 1000, ..TextStream::new(true) };
        let line = "no end in sight\n";
        let mut shown = text(stream.push(b"before\nEVCXR_BEGIN_CONTENT text/html\n"));
        for _ in 0..200 {
            shown += &text(stream.push(line.as_bytes()));
            assert!(stream.held.len() <= 1000);
        }
        shown += &text(stream.finish());
        assert_eq!(shown, format!("before\nEVCXR_BEGIN_CONTENT text/html\n{}", line.repeat(200)));
        let after = stream.push(b"EVCXR_BEGIN_CONTENT text/html\n<b>\nEVCXR_END_CONTENT\n");
        assert_eq!(after, [Piece::Display(bundle("text/html", "<b>"))]);
    }
}
