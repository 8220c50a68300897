//! What the cells of a run showed, collected as nbformat outputs.
//!
//! The rules are nbclient's: streams of one name that follow each other are one
//! output, a carriage return overwrites its line, `clear_output` empties the cell
//! (with `wait`, when its next output comes), and an update of a display changes
//! every output of the notebook that shows this display.

use serde_json::{Map, Value, json};

use crate::output::{CellError, Event, MimeBundle, StreamName};

/// The outputs of all cells that have run, by the order in which they began.
#[derive(Debug, Default)]
pub struct Outputs {
    cells: Vec<CellOutputs>,
}

#[derive(Debug, Default)]
struct CellOutputs {
    outputs: Vec<CellOutput>,
    /// The number for `Out[n]`.
    number: u32,
    /// `clear_output(wait=True)` came: the next output replaces all.
    clear_before_next: bool,
}

#[derive(Debug)]
enum CellOutput {
    Stream { name: StreamName, text: String },
    Display { data: MimeBundle, metadata: Map<String, Value>, display_id: Option<String> },
    Result { data: MimeBundle, metadata: Map<String, Value> },
    Error(CellError),
}

impl Outputs {
    /// Makes room for one more cell; the answer names it in the other calls.
    pub fn begin_cell(&mut self, number: u32) -> usize {
        self.cells.push(CellOutputs { number, ..CellOutputs::default() });
        self.cells.len() - 1
    }

    /// Takes in what a cell showed. Questions and flushes are not for showing and are
    /// passed over.
    pub fn take(&mut self, cell: usize, event: Event) {
        let output = match event {
            Event::Stream { text, .. } if text.is_empty() => return,
            Event::Stream { name, text } => return self.cells[cell].append_stream(name, &text),
            Event::ClearOutput { wait } => {
                let cell = &mut self.cells[cell];
                cell.clear_before_next = wait;
                if !wait {
                    cell.outputs.clear();
                }
                return;
            }
            Event::Display { data, metadata, display_id, update } => {
                if let Some(id) = &display_id {
                    self.update_displays(id, &data, &metadata);
                }
                if update {
                    return;
                }
                CellOutput::Display { data, metadata, display_id }
            }
            Event::Result { data, metadata } => CellOutput::Result { data, metadata },
            Event::Error(error) => CellOutput::Error(error),
            Event::Input { .. } | Event::Flush { .. } | Event::Controls { .. } | Event::ControlsShown => return,
        };
        self.cells[cell].push(output);
    }

    fn update_displays(&mut self, id: &str, new_data: &MimeBundle, new_metadata: &Map<String, Value>) {
        for output in self.cells.iter_mut().flat_map(|cell| &mut cell.outputs) {
            if let CellOutput::Display { data, metadata, display_id } = output
                && display_id.as_deref() == Some(id)
            {
                data.clone_from(new_data);
                metadata.clone_from(new_metadata);
            }
        }
    }

    /// The cell's list of outputs as nbformat 4 wants it.
    pub fn to_json(&self, cell: usize) -> Vec<Value> {
        let cell = &self.cells[cell];
        cell.outputs.iter().map(|output| output.to_json(cell.number)).collect()
    }
}

impl CellOutputs {
    fn push(&mut self, output: CellOutput) {
        self.clear_if_asked();
        self.outputs.push(output);
    }

    fn append_stream(&mut self, name: StreamName, new: &str) {
        self.clear_if_asked();
        match self.outputs.last_mut() {
            Some(CellOutput::Stream { name: last, text }) if *last == name => append_as_terminal(text, new),
            _ => {
                let mut text = String::new();
                append_as_terminal(&mut text, new);
                self.outputs.push(CellOutput::Stream { name, text });
            }
        }
    }

    fn clear_if_asked(&mut self) {
        if std::mem::take(&mut self.clear_before_next) {
            self.outputs.clear();
        }
    }
}

/// Appends text, letting carriage returns and backspaces take back what they would
/// on a terminal: a progress bar leaves its last state only. A carriage return acts
/// when the next character comes, for before that its line is still to be seen.
fn append_as_terminal(text: &mut String, new: &str) {
    // What was appended before holds a carriage return at its very end or none that acts.
    if memchr::memchr2(b'\r', 8, new.as_bytes()).is_none() && !text.ends_with('\r') {
        return text.push_str(new);
    }
    let line_start = memchr::memrchr(b'\n', text.as_bytes()).map_or(0, |newline| newline + 1);
    let mut line = text.split_off(line_start);
    for character in new.chars() {
        match character {
            '\n' => {
                text.push_str(&line);
                text.push('\n');
                line.clear();
            }
            '\u{8}' => {
                line.pop();
            }
            '\r' => line.push('\r'),
            character => {
                if line.ends_with('\r') {
                    line.clear();
                }
                line.push(character);
            }
        }
    }
    text.push_str(&line);
}

impl CellOutput {
    fn to_json(&self, number: u32) -> Value {
        match self {
            CellOutput::Stream { name, text } => {
                json!({ "output_type": "stream", "name": name.as_str(), "text": lines(text) })
            }
            CellOutput::Display { data, metadata, .. } => {
                json!({ "output_type": "display_data", "data": with_lines(data), "metadata": metadata })
            }
            CellOutput::Result { data, metadata } => json!({
                "output_type": "execute_result",
                "execution_count": number,
                "data": with_lines(data),
                "metadata": metadata,
            }),
            CellOutput::Error(error) => json!({
                "output_type": "error",
                "ename": error.name,
                "evalue": error.value,
                "traceback": error.traceback,
            }),
        }
    }
}

/// nbformat stores text as a list of lines, so that differences are legible.
fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn with_lines(data: &MimeBundle) -> MimeBundle {
    let is_text = |mime: &str| mime.starts_with("text/") || mime == "image/svg+xml" || mime == "application/javascript";
    let split = |(mime, content): (&String, &Value)| match content {
        Value::String(text) if is_text(mime) => (mime.clone(), json!(lines(text))),
        _ => (mime.clone(), content.clone()),
    };
    data.iter().map(split).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(name: StreamName, text: &str) -> Event {
        Event::Stream { name, text: text.to_owned() }
    }

    fn bundle(text: &str) -> MimeBundle {
        MimeBundle::from_iter([("text/plain".to_owned(), json!(text))])
    }

    fn display(text: &str, id: Option<&str>, update: bool) -> Event {
        Event::Display { data: bundle(text), metadata: Map::new(), display_id: id.map(str::to_owned), update }
    }

    fn streamed(pieces: &[&str]) -> String {
        let mut text = String::new();
        pieces.iter().for_each(|piece| append_as_terminal(&mut text, piece));
        text
    }

    #[test]
    fn streams_of_one_name_are_one_output() {
        let mut outputs = Outputs::default();
        let cell = outputs.begin_cell(1);
        for (name, text) in [
            (StreamName::Stdout, "a"),
            (StreamName::Stdout, "b\nc"),
            (StreamName::Stdout, ""),
            (StreamName::Stderr, "e"),
            (StreamName::Stdout, "d"),
        ] {
            outputs.take(cell, stream(name, text));
        }
        let expected = json!([
            { "output_type": "stream", "name": "stdout", "text": ["ab\n", "c"] },
            { "output_type": "stream", "name": "stderr", "text": ["e"] },
            { "output_type": "stream", "name": "stdout", "text": ["d"] },
        ]);
        assert_eq!(Value::Array(outputs.to_json(cell)), expected);
    }

    #[test]
    fn a_carriage_return_overwrites_its_line_only() {
        assert_eq!(streamed(&["head\n10%\r20%", "\r", "30%\ntail"]), "head\n30%\ntail");
        assert_eq!(streamed(&["10%\r"]), "10%\r");
        assert_eq!(streamed(&["10%\r", "20%\r"]), "20%\r");
        assert_eq!(streamed(&["windows\r\nline\r", "\n"]), "windows\r\nline\r\n");
        assert_eq!(streamed(&["abc\u{8}\u{8}", "\u{8}\u{8}d\n\u{8}e"]), "d\ne");
    }

    #[test]
    fn clear_output_clears_now_or_before_the_next_output() {
        let mut outputs = Outputs::default();
        let cell = outputs.begin_cell(1);
        outputs.take(cell, stream(StreamName::Stdout, "one"));
        outputs.take(cell, Event::ClearOutput { wait: true });
        assert_eq!(outputs.to_json(cell).len(), 1);
        outputs.take(cell, display("two", None, false));
        assert_eq!(
            outputs.to_json(cell),
            [json!({
                "output_type": "display_data", "data": { "text/plain": ["two"] }, "metadata": {},
            })]
        );
        outputs.take(cell, Event::ClearOutput { wait: false });
        assert!(outputs.to_json(cell).is_empty());
    }

    #[test]
    fn an_update_reaches_every_output_of_its_display() {
        let mut outputs = Outputs::default();
        let (first, second) = (outputs.begin_cell(1), outputs.begin_cell(2));
        outputs.take(first, display("old", Some("id"), false));
        outputs.take(first, display("other", Some("other"), false));
        outputs.take(second, display("newer", Some("id"), true));
        let text = |output: &Value| output["data"]["text/plain"][0].clone();
        let texts = |outputs: &Outputs| outputs.to_json(first).iter().map(text).collect::<Vec<_>>();
        assert_eq!(texts(&outputs), ["newer", "other"]);
        assert!(outputs.to_json(second).is_empty());

        outputs.take(second, display("newest", Some("id"), false));
        assert_eq!(texts(&outputs), ["newest", "other"]);
        assert_eq!(outputs.to_json(second).len(), 1);
    }

    #[test]
    fn results_and_errors_have_nbformats_fields() {
        let mut outputs = Outputs::default();
        let cell = outputs.begin_cell(4);
        let mut data = bundle("1\n2");
        data.insert("image/png".to_owned(), json!("aGk=\n"));
        data.insert("application/json".to_owned(), json!({ "a": "b\nc" }));
        outputs.take(cell, Event::Result { data, metadata: Map::new() });
        let error = CellError { name: "Panic".into(), value: "oh".into(), traceback: vec!["a".into(), "b".into()] };
        outputs.take(cell, Event::Error(error));
        let expected = json!([
            {
                "output_type": "execute_result",
                "execution_count": 4,
                "data": { "text/plain": ["1\n", "2"], "image/png": "aGk=\n", "application/json": { "a": "b\nc" } },
                "metadata": {},
            },
            { "output_type": "error", "ename": "Panic", "evalue": "oh", "traceback": ["a", "b"] },
        ]);
        assert_eq!(Value::Array(outputs.to_json(cell)), expected);
    }
}
