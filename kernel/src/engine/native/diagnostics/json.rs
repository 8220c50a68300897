//! The messages of `rustc --error-format=json`, as far as they are used here.

use std::ops::Range;

use serde::Deserialize;

/// What rustc wrote to standard error.
#[derive(Debug, Clone, Default)]
pub struct CompilerOutput {
    /// In rustc's order, without its closing lines ("aborting due to …").
    pub diagnostics: Vec<Diagnostic>,
    /// Lines that are not JSON: a panic of the compiler, a dynamic loader's complaint.
    pub text: String,
}

impl CompilerOutput {
    /// Reads a whole standard error. `main_file` is the compiled file as rustc names
    /// it, which is as it stands on rustc's command line.
    pub fn parse(stderr: &str, main_file: &str) -> CompilerOutput {
        let mut output = CompilerOutput::default();
        for line in stderr.lines() {
            match Message::parse(line) {
                Some(Message::Diagnostic(mut diagnostic)) => {
                    if !diagnostic.closes_output() {
                        diagnostic.mark_main_file(main_file);
                        output.diagnostics.push(*diagnostic);
                    }
                }
                Some(Message::Other) => {}
                None => {
                    output.text.push_str(line);
                    output.text.push('\n');
                }
            }
        }
        output
    }

    /// Whether compiling the same text again gives the same errors: all of them point at
    /// it, and nothing else went wrong.
    pub fn is_about_the_text(&self) -> bool {
        let mut errors = self.errors().peekable();
        errors.peek().is_some()
            && errors.all(|error| error.level == Level::Error && error.spans.iter().any(|span| span.in_main_file))
    }

    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.is_error())
    }
}

#[derive(Deserialize)]
#[serde(tag = "$message_type", rename_all = "snake_case")]
enum Message {
    Diagnostic(Box<Diagnostic>),
    /// Written files, timings and what later compilers add.
    #[serde(other)]
    Other,
}

impl Message {
    fn parse(line: &str) -> Option<Message> {
        // A program's own output may begin with a number or a quote, which is JSON too.
        if !line.starts_with('{') {
            return None;
        }
        serde_json::from_str(line).ok()
    }
}

/// One message of the compiler, or a note or help below it.
#[derive(Debug, Clone, Deserialize)]
pub struct Diagnostic {
    pub message: String,
    #[serde(default)]
    pub code: Option<Code>,
    pub level: Level,
    #[serde(default)]
    pub spans: Vec<Span>,
    /// Notes, helps and suggestions; these have no children of their own.
    #[serde(default)]
    pub children: Vec<Diagnostic>,
    /// rustc's own rendering, with the generated file's lines.
    #[serde(default)]
    pub rendered: Option<String>,
}

/// `E0382`, or the name of a lint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Code {
    pub code: String,
    /// Markdown, as `rustc --explain` prints it. Lints have none.
    #[serde(default)]
    pub explanation: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Level {
    #[serde(rename = "error: internal compiler error")]
    InternalError,
    #[serde(rename = "error")]
    Error,
    #[serde(rename = "warning")]
    Warning,
    #[serde(rename = "note")]
    Note,
    #[serde(rename = "help")]
    Help,
    /// `failure-note` and what later compilers add.
    #[serde(other)]
    Other,
}

/// Bytes of a file that a message points to.
#[derive(Debug, Clone, Deserialize)]
pub struct Span {
    pub file_name: String,
    pub byte_start: usize,
    pub byte_end: usize,
    #[serde(default)]
    pub is_primary: bool,
    #[serde(default)]
    pub label: Option<String>,
    /// Set on every span of a suggestion: the text to put in the span's place.
    #[serde(default)]
    pub suggested_replacement: Option<String>,
    /// The macro call that made this code.
    #[serde(default)]
    pub expansion: Option<Box<Expansion>>,
    /// The file is the compiled one, not one of std or of another crate.
    #[serde(skip)]
    pub in_main_file: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Expansion {
    /// The call.
    pub span: Span,
    /// `println!`, `#[derive(Clone)]`, `desugaring of …`
    #[serde(default)]
    pub macro_decl_name: String,
    #[serde(default)]
    pub def_site_span: Option<Span>,
}

impl Diagnostic {
    /// Compilation failed because of this.
    pub fn is_error(&self) -> bool {
        matches!(self.level, Level::Error | Level::InternalError)
    }

    pub fn is_warning(&self) -> bool {
        self.level == Level::Warning
    }

    /// Whether the code is this one, for example `E0382` or `unused_must_use`.
    pub fn has_code(&self, code: &str) -> bool {
        self.code.as_ref().is_some_and(|own| own.code == code)
    }

    /// The span that the message is about; messages about no place have none.
    pub fn primary(&self) -> Option<&Span> {
        self.spans.iter().find(|span| span.is_primary)
    }

    /// Spans of the compiled file that touch `range` (bytes of the generated text),
    /// macro calls that spans came from included, spans of children not.
    pub fn spans_in(&self, range: Range<usize>) -> impl Iterator<Item = &Span> {
        self.spans.iter().flat_map(Span::with_callers).filter(move |span| span.touches(&range))
    }

    /// The alternatives and parts of a suggestion lie in its spans.
    pub(super) fn is_suggestion(&self) -> bool {
        !self.spans.is_empty() && self.spans.iter().all(|span| span.suggested_replacement.is_some())
    }

    /// The count of errors and the advice to call `rustc --explain` that end a run.
    fn closes_output(&self) -> bool {
        let counts = |rest: &str| rest.starts_with(|first: char| first.is_ascii_digit());
        self.spans.is_empty()
            && self.code.is_none()
            && self.children.is_empty()
            && (self.level == Level::Other
                || self.message.starts_with("aborting due to ")
                || (self.is_warning() && counts(&self.message) && self.message.ends_with(" emitted")))
    }

    fn mark_main_file(&mut self, main_file: &str) {
        for span in &mut self.spans {
            span.mark_main_file(main_file);
        }
        for child in &mut self.children {
            child.mark_main_file(main_file);
        }
    }
}

impl Span {
    /// This span, then the call of the macro that made it, outwards.
    pub fn with_callers(&self) -> impl Iterator<Item = &Span> {
        std::iter::successors(Some(self), |span| Some(&span.expansion.as_ref()?.span))
    }

    /// The outermost macro call that made this code; the span itself when there is none.
    pub(super) fn outermost(&self) -> &Span {
        self.with_callers().last().unwrap_or(self)
    }

    pub fn range(&self) -> Range<usize> {
        self.byte_start..self.byte_end
    }

    fn touches(&self, range: &Range<usize>) -> bool {
        let overlaps = self.byte_start < range.end && range.start < self.byte_end;
        let stands_in =
            self.byte_start == self.byte_end && range.start <= self.byte_start && self.byte_start <= range.end;
        self.in_main_file && (overlaps || stands_in)
    }

    fn mark_main_file(&mut self, main_file: &str) {
        let mut next = Some(self);
        while let Some(span) = next {
            span.in_main_file = span.file_name == main_file;
            next = span.expansion.as_deref_mut().map(|expansion| &mut expansion.span);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERROR: &str = r#"{"$message_type":"diagnostic","message":"mismatched types","code":{"code":"E0308","explanation":"…"},"level":"error","spans":[{"file_name":"cell.rs","byte_start":5,"byte_end":8,"is_primary":true,"label":null,"suggested_replacement":null,"expansion":{"span":{"file_name":"cell.rs","byte_start":40,"byte_end":50,"expansion":null},"macro_decl_name":"m!","def_site_span":null}},{"file_name":"/rustc/x.rs","byte_start":5,"byte_end":8,"is_primary":false,"expansion":null}],"children":[],"rendered":"error[E0308]: …"}"#;

    #[test]
    fn messages_and_plain_text_are_told_apart() {
        let stderr = [
            r#"{"$message_type":"artifact","artifact":"/tmp/x.so","emit":"link"}"#,
            ERROR,
            "{ this is no JSON",
            r#"{"$message_type":"diagnostic","message":"aborting due to 1 previous error; 2 warnings emitted","code":null,"level":"error","spans":[],"children":[],"rendered":"…"}"#,
            r#"{"$message_type":"diagnostic","message":"2 warnings emitted","code":null,"level":"warning","spans":[],"children":[]}"#,
            r#"{"$message_type":"diagnostic","message":"For more information …","code":null,"level":"failure-note","spans":[],"children":[]}"#,
            r#"{"$message_type":"diagnostic","message":"linking with `cc` failed","code":null,"level":"error","spans":[],"children":[]}"#,
            "thread 'rustc' panicked at",
        ]
        .join("\n");
        let output = CompilerOutput::parse(&stderr, "cell.rs");
        let messages: Vec<&str> = output.errors().map(|error| error.message.as_str()).collect();
        assert_eq!(messages, ["mismatched types", "linking with `cc` failed"]);
        assert_eq!(output.diagnostics.len(), 2);
        assert_eq!(output.text, "{ this is no JSON\nthread 'rustc' panicked at\n");
    }

    #[test]
    fn spans_of_the_main_file_are_found_by_bytes_and_by_macro_call() {
        let output = CompilerOutput::parse(ERROR, "cell.rs");
        let error = &output.diagnostics[0];
        assert!(error.is_error() && error.has_code("E0308"));
        assert_eq!(error.primary().map(Span::range), Some(5..8));
        let found = |range| error.spans_in(range).map(Span::range).collect::<Vec<_>>();
        assert_eq!(found(0..6), vec![5..8; 1]);
        assert_eq!(found(45..60), vec![40..50; 1]);
        assert!(found(8..40).is_empty());
    }
}
