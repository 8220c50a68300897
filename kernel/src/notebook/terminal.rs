//! Shows a run in the terminal while it goes on: sources dimmed, outputs as they come, and
//! how far it is: on a terminal by a bar below them, else by a line behind each cell.

use std::io::Write;

use base64::Engine;
use serde_json::Value;
use threadbook::picture::time_text;

use super::document::CodeCell;
use super::progress::Progress;
use crate::output::{CellError, Event, MimeBundle};

const DIM: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";
/// Back to the line's start, and nothing on it any more.
const ERASE: &str = "\r\x1b[K";

/// Formats that are legible as they are, the best first.
const LEGIBLE: [&str; 3] = ["text/plain", "text/markdown", "text/latex"];

/// Tells how many columns there are.
pub type Width = fn() -> usize;

/// Writes to a terminal or whatever stands in its place. A reader that goes away
/// (`| head`) does not stop the run: what cannot be written is dropped.
pub struct Terminal {
    to: Box<dyn Write + Send>,
    /// The last thing written ended its line.
    at_line_start: bool,
    progress: Progress,
    /// There is somebody who watches a bar.
    bar: Option<Width>,
    bar_is_drawn: bool,
    /// Only the bar is shown, not the cells.
    only_progress: bool,
}

impl Terminal {
    /// `to` takes text with ANSI colours; with `bar` also what erases a line.
    pub fn new(to: Box<dyn Write + Send>, bar: Option<Width>) -> Terminal {
        let progress = Progress::default();
        Terminal { to, at_line_start: true, progress, bar, bar_is_drawn: false, only_progress: false }
    }

    /// One that shows no cells, only a bar with a title before it.
    pub fn of_progress(to: Box<dyn Write + Send>, bar: Option<Width>, title: String) -> Terminal {
        let mut terminal = Terminal::new(to, bar);
        terminal.only_progress = true;
        terminal.progress.title = title;
        terminal
    }

    /// There are so many cells to run.
    pub fn begin(&mut self, cells: usize) {
        self.progress.total = cells;
        self.redraw();
    }

    pub fn has_bar(&self) -> bool {
        self.bar.is_some()
    }

    pub fn show_source(&mut self, cell: &CodeCell, number: u32) {
        self.progress.begin_cell(number, &cell.source);
        let label = format!("In[{number}]: ");
        self.show_dimmed(&label, &cell.source);
        self.redraw();
    }

    /// The cell whose source was shown last is done.
    pub fn end_cell(&mut self) {
        let took = self.progress.end_cell();
        if self.bar.is_none() {
            let Progress { done, total, .. } = self.progress;
            self.start_line();
            self.write(&format!("{DIM}({done} of {total}, {}){PLAIN}\n", time_text(took.as_secs_f64())));
        }
        self.redraw();
    }

    /// Draws the bar as it is now.
    pub fn redraw(&mut self) {
        // Below a line that is not ended there is no room for it.
        if let Some(width) = self.bar.filter(|_| self.at_line_start) {
            // A full line would move the cursor to the next.
            let line = self.progress.line(width().saturating_sub(1));
            self.put(&format!("{ERASE}{line}"));
            self.bar_is_drawn = true;
        }
    }

    /// The run is over: takes the bar away.
    pub fn end(&mut self) {
        self.start_line();
        if std::mem::take(&mut self.bar_is_drawn) {
            self.put(ERASE);
        }
        self.bar = None;
    }

    pub fn show_skipped(&mut self, cell: &CodeCell) {
        self.show_dimmed("In[ ]: ", &format!("(skipped)\n{}", cell.source));
    }

    fn show_dimmed(&mut self, label: &str, text: &str) {
        self.start_line();
        let margin = " ".repeat(label.len());
        for (index, line) in text.lines().enumerate() {
            let margin = if index == 0 { label } else { &margin };
            self.write(&format!("{DIM}{margin}{line}{PLAIN}\n"));
        }
    }

    /// Shows an event of the cell `In[number]`.
    pub fn show(&mut self, event: &Event, number: u32) {
        match event {
            Event::Stream { text, .. } => self.write(text),
            Event::Display { data, .. } => self.show_bundle("", data),
            Event::Result { data, .. } => self.show_bundle(&format!("Out[{number}]: "), data),
            Event::Error(error) => self.show_error(error),
            // What was shown stays: a terminal's reader may have scrolled on.
            Event::ClearOutput { .. }
            | Event::Input { .. }
            | Event::Flush { .. }
            | Event::Controls { .. }
            | Event::ControlsShown => {}
        }
    }

    /// The legible form of a value and a line for each picture or page that it has.
    pub fn show_bundle(&mut self, label: &str, data: &MimeBundle) {
        self.start_line();
        let legible = LEGIBLE.iter().find_map(|mime| data.get(*mime)?.as_str());
        let others = data.iter().filter(|(mime, _)| legible.is_none() || is_image(mime));
        let others = others.map(|(mime, content)| describe(mime, content));
        let legible = legible.map(|text| text.strip_suffix('\n').unwrap_or(text).to_owned());
        let blocks: Vec<String> = legible.into_iter().chain(others).collect();
        for (index, block) in blocks.iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            let separator = if !label.is_empty() && block.contains('\n') { "\n" } else { "" };
            self.write(&format!("{label}{separator}{block}\n"));
        }
    }

    fn show_error(&mut self, error: &CellError) {
        self.start_line();
        if error.traceback.is_empty() {
            self.write(&format!("{RED}{}: {}{PLAIN}\n", error.name, error.value));
        }
        for line in &error.traceback {
            self.write(line);
            self.start_line();
        }
    }

    /// Ends a line that was left open.
    pub fn start_line(&mut self) {
        if !self.at_line_start {
            self.write("\n");
        }
    }

    fn write(&mut self, text: &str) {
        let Some(last) = text.bytes().last().filter(|_| !self.only_progress) else { return };
        self.at_line_start = last == b'\n';
        match std::mem::take(&mut self.bar_is_drawn) {
            true => self.put(&format!("{ERASE}{text}")),
            false => self.put(text),
        }
        self.redraw();
    }

    fn put(&mut self, text: &str) {
        let _ = self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush());
    }
}

fn is_image(mime: &str) -> bool {
    mime.starts_with("image/")
}

/// `[image/png 640x480]`, or without the size where it cannot be told.
fn describe(mime: &str, content: &Value) -> String {
    match picture_size(mime, content) {
        Some((width, height)) => format!("[{mime} {width}x{height}]"),
        None => format!("[{mime}]"),
    }
}

/// Width and height in pixels.
fn picture_size(mime: &str, content: &Value) -> Option<(usize, usize)> {
    if !is_image(mime) {
        return None;
    }
    let base64: String = content.as_str()?.split_ascii_whitespace().collect();
    let picture = base64::engine::general_purpose::STANDARD.decode(base64).ok()?;
    let size = imagesize::blob_size(&picture).ok()?;
    Some((size.width, size.height))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    use serde_json::json;

    /// Keeps what is written, for a test to look at.
    #[derive(Clone, Default)]
    pub struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Kept {
        pub fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("UTF-8")
        }
    }

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn shown(show: impl FnOnce(&mut Terminal)) -> String {
        let kept = Kept::default();
        show(&mut Terminal::new(Box::new(kept.clone()), None));
        kept.text()
    }

    fn bundle(formats: &[(&str, Value)]) -> MimeBundle {
        formats.iter().map(|(mime, content)| ((*mime).to_owned(), content.clone())).collect()
    }

    #[test]
    fn a_value_is_shown_as_text_and_pictures_by_their_size() {
        let png = base64::engine::general_purpose::STANDARD.encode(include_bytes!("../../assets/logo-32x32.png"));
        let (head, tail) = png.split_at(40);
        let data = bundle(&[
            ("text/plain", json!("a logo")),
            ("text/html", json!("<img>")),
            ("image/png", json!(format!("{head}\n{tail}\n"))),
        ]);
        assert_eq!(shown(|terminal| terminal.show_bundle("Out[1]: ", &data)), "Out[1]: a logo\n[image/png 32x32]\n");
        let data = bundle(&[("text/html", json!("<p>")), ("image/svg+xml", json!("<svg/>"))]);
        assert_eq!(shown(|terminal| terminal.show_bundle("", &data)), "[image/svg+xml]\n[text/html]\n");
        let data = bundle(&[("text/plain", json!("1\n2\n"))]);
        assert_eq!(shown(|terminal| terminal.show_bundle("Out[1]: ", &data)), "Out[1]: \n1\n2\n");
    }

    #[test]
    fn an_open_line_is_ended_before_the_next_block() {
        let text = shown(|terminal| {
            let stream = |text: &str| Event::Stream { name: crate::output::StreamName::Stdout, text: text.to_owned() };
            terminal.show(&stream("half"), 1);
            terminal.show(&stream(" line"), 1);
            let traceback = vec!["one".into(), "two\n".into()];
            terminal.show(&Event::Error(CellError { name: "E".into(), value: "v".into(), traceback }), 1);
            terminal.show(&stream("next"), 1);
        });
        assert_eq!(text, "half line\none\ntwo\nnext");
    }

    fn code(source: &str) -> CodeCell {
        CodeCell { index: 0, id: None, source: source.to_owned(), tags: Vec::new() }
    }

    /// What a person sees at the end: an erased line has nothing on it.
    fn seen(written: &str) -> String {
        let lines = written.split('\n').map(|line| line.rsplit(ERASE).next().unwrap_or_default());
        anstream::adapter::strip_str(&lines.collect::<Vec<_>>().join("\n")).to_string()
    }

    #[test]
    fn a_bar_stays_below_what_is_shown() {
        let stdout = |text: &str| Event::Stream { name: crate::output::StreamName::Stdout, text: text.to_owned() };
        let kept = Kept::default();
        let mut terminal = Terminal::new(Box::new(kept.clone()), Some(|| 60));
        terminal.begin(2);
        terminal.show_source(&code("f();\ng()"), 1);
        terminal.show(&stdout("one\n"), 1);
        let bar = "━".repeat(0) + &"─".repeat(20);
        assert!(seen(&kept.text()).starts_with(&format!("In[1]: f();\n       g()\none\n0/2 {bar} In[1] 0.")));
        terminal.show(&stdout("half"), 1);
        terminal.redraw();
        assert!(seen(&kept.text()).ends_with("one\nhalf"), "no bar on an open line");
        terminal.end_cell();
        terminal.show(&stdout(" line\n"), 1);
        assert!(seen(&kept.text()).ends_with(&format!("half line\n1/2 {}{}", "━".repeat(10), "─".repeat(10))));
        terminal.end();
        assert_eq!(seen(&kept.text()), "In[1]: f();\n       g()\none\nhalf line\n");
    }

    #[test]
    fn without_a_bar_a_line_tells_how_far_it_is() {
        let text = shown(|terminal| {
            terminal.begin(2);
            terminal.show_source(&code("f()"), 1);
            terminal.end_cell();
            terminal.end();
        });
        let plain = anstream::adapter::strip_str(&text).to_string();
        assert!(plain.starts_with("In[1]: f()\n(1 of 2, ") && plain.ends_with("s)\n"), "{plain}");
        assert!(!text.contains(ERASE));
    }

    #[test]
    fn only_progress_shows_no_cell() {
        let kept = Kept::default();
        let mut terminal = Terminal::of_progress(Box::new(kept.clone()), Some(|| 60), "a=1  ".to_owned());
        terminal.begin(1);
        terminal.show_source(&code("f()"), 1);
        terminal.end_cell();
        assert_eq!(seen(&kept.text()), format!("a=1  1/1 {}", "━".repeat(20)));
        terminal.end();
        assert_eq!(seen(&kept.text()), "");
    }
}
