//! The place under a cell where a closure shows its outputs, each call in place of the one before.
//!
//! The outputs of a call are displays with ids, counted through from its beginning: the first one
//! is an update of what the first one of the last call was, and so on. Text that is printed without
//! another output between makes one display. What a call leaves over of the last one is emptied
//! at its end, so nothing jumps while it shows its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};

use crate::output::{CellError, MimeBundle};

/// So much is kept of the text of one display; its end, since that is the latest.
const TEXT: usize = 64 << 10;

/// Shared by all calls of one closure.
pub struct Area {
    /// What the ids of its displays begin with.
    name: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The latest call.
    turn: u64,
    /// Displays that the front end knows.
    known: usize,
    /// Displays of this call.
    used: usize,
    /// The text of the last one, if it is text.
    text: Option<String>,
    /// The next output takes the place of all.
    clear: bool,
}

/// One call's outputs.
#[derive(Clone)]
pub struct Turn {
    area: Arc<Area>,
    number: u64,
}

/// A display, new or in place of an old one.
#[derive(Debug, PartialEq)]
pub struct Shown {
    pub id: String,
    pub update: bool,
    pub data: MimeBundle,
    pub metadata: Map<String, Value>,
}

impl Area {
    pub fn new(name: String) -> Arc<Area> {
        Arc::new(Area { name, state: Mutex::default() })
    }

    /// A call begins. What still comes from those before it is shown no more.
    pub fn begin(self: &Arc<Area>) -> Turn {
        let mut state = self.lock();
        let State { turn, known, .. } = *state;
        *state = State { turn: turn + 1, known, ..State::default() };
        Turn { area: self.clone(), number: state.turn }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn display(&self, state: &mut State, index: usize, data: MimeBundle, metadata: Map<String, Value>) -> Shown {
        let update = index < state.known;
        state.known = state.known.max(index + 1);
        Shown { id: format!("{}-{index}", self.name), update, data, metadata }
    }
}

impl Turn {
    fn lock(&self) -> Option<MutexGuard<'_, State>> {
        Some(self.area.lock()).filter(|state| state.turn == self.number)
    }

    /// Something that the call displays.
    pub fn show(&self, data: MimeBundle, metadata: Map<String, Value>) -> Option<Shown> {
        let mut state = self.lock()?;
        if std::mem::take(&mut state.clear) {
            state.used = 0;
        }
        state.text = None;
        let index = state.used;
        state.used += 1;
        Some(self.area.display(&mut state, index, data, metadata))
    }

    /// Something that the call prints, to stdout or stderr.
    pub fn print(&self, more: &str) -> Option<Shown> {
        let mut state = self.lock()?;
        if std::mem::take(&mut state.clear) {
            (state.used, state.text) = (0, None);
        }
        let text = match state.text.take() {
            Some(text) => text + more,
            None => {
                state.used += 1;
                more.to_owned()
            }
        };
        let text = end_of(text);
        let data = plain(text.trim_end_matches('\n'));
        state.text = Some(text);
        let index = state.used - 1;
        Some(self.area.display(&mut state, index, data, Map::new()))
    }

    /// The error that ended the call.
    pub fn fail(&self, error: &CellError) -> Option<Shown> {
        self.show(plain(&error.traceback.join("\n")), Map::new())
    }

    /// What the call has shown goes: at once, or when the next output comes.
    pub fn clear(&self, wait: bool) -> Vec<Shown> {
        let Some(mut state) = self.lock() else { return Vec::new() };
        if wait {
            state.clear = true;
            return Vec::new();
        }
        (state.used, state.text, state.clear) = (0, None, false);
        drop(state);
        self.end()
    }

    /// The call has ended: what is left of the one before goes.
    pub fn end(&self) -> Vec<Shown> {
        let Some(mut state) = self.lock() else { return Vec::new() };
        let left = state.used..state.known;
        left.map(|index| self.area.display(&mut state, index, plain(""), Map::new())).collect()
    }
}

fn plain(text: &str) -> MimeBundle {
    MimeBundle::from_iter([("text/plain".to_owned(), json!(text))])
}

fn end_of(text: String) -> String {
    if text.len() <= TEXT {
        return text;
    }
    // Half of it, so that this is not done for each line.
    let from = (text.len() - TEXT / 2..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
    let from = text[from..].find('\n').map_or(from, |newline| from + newline + 1);
    format!("… [the text before this is left out]\n{}", &text[from..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(shown: Option<Shown>) -> (String, bool, String) {
        let shown = shown.expect("it is shown");
        (shown.id, shown.update, shown.data["text/plain"].as_str().expect("text").to_owned())
    }

    fn is(id: &str, update: bool, text: &str) -> (String, bool, String) {
        (id.to_owned(), update, text.to_owned())
    }

    #[test]
    fn each_call_takes_the_place_of_the_one_before() {
        let area = Area::new("a".to_owned());
        let first = area.begin();
        assert_eq!(told(first.print("one\n")), is("a-0", false, "one"));
        assert_eq!(told(first.print("two\n")), is("a-0", true, "one\ntwo"));
        assert_eq!(told(first.show(plain("value"), Map::new())), is("a-1", false, "value"));
        assert_eq!(told(first.print("more")), is("a-2", false, "more"));
        assert!(first.end().is_empty());

        let second = area.begin();
        assert_eq!(told(second.show(plain("new"), Map::new())), is("a-0", true, "new"));
        let left: Vec<_> = second.end().into_iter().map(|shown| told(Some(shown))).collect();
        assert_eq!(left, [is("a-1", true, ""), is("a-2", true, "")]);
        // A thread of the first call is late.
        assert_eq!(first.print("late"), None);
        assert!(first.end().is_empty());
    }

    #[test]
    fn what_is_cleared_goes_when_it_should() {
        let area = Area::new("a".to_owned());
        let turn = area.begin();
        turn.print("text");
        turn.show(plain("value"), Map::new());
        assert!(turn.clear(true).is_empty());
        assert_eq!(told(turn.print("again")), is("a-0", true, "again"));
        let cleared: Vec<_> = turn.clear(false).into_iter().map(|shown| told(Some(shown))).collect();
        assert_eq!(cleared, [is("a-0", true, ""), is("a-1", true, "")]);
    }

    #[test]
    fn of_a_flood_the_end_is_shown() {
        let turn = Area::new("a".to_owned()).begin();
        let mut last = String::new();
        for number in 0..20_000 {
            last = told(turn.print(&format!("line {number} é\n"))).2;
            assert!(last.len() <= TEXT);
        }
        assert!(last.starts_with("… [the text before") && last.ends_with("line 19999 é"), "{}", &last[..80]);
    }
}
