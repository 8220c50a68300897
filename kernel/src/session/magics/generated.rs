//! Rust that magics run in a person's name.

use tokio::sync::mpsc;

use super::Cell;
use crate::cell::source::CellSource;
use crate::engine::native::generate::identifier;
use crate::output::{CellError, MimeBundle};
use crate::session::notebook::Notebook;
use crate::session::report::{self, INTERRUPTED};
use crate::worker::router::RunOutput;

/// The errors of a process that ended, of code that did not compile, and of a `?` that met an
/// error.
const CRASH: &str = "Crash";
pub const REJECTED: &str = "CompileError";
pub const FAILED: &str = "Error";

/// Runs generated code as a part of the cell. Returns the value of its last expression,
/// which is not shown. It is not measured.
///
/// # Errors
/// As for a cell; what is wrong with the code is told in one line, since nobody knows its
/// text.
pub async fn run(notebook: &mut Notebook, cell: &mut Cell, code: String) -> Result<MimeBundle, CellError> {
    let source = CellSource::new(cell.source.number, code);
    let (result, mut value) = mpsc::unbounded_channel();
    let outputs = RunOutput { result: Some(result), ..cell.outputs() };
    let whole = 0..source.text.len();
    let measure = std::mem::take(&mut cell.measure);
    let ran = notebook.run_code(&source, whole, outputs, cell).await;
    cell.measure = measure;
    ran.map_err(|error| match error.name.as_str() {
        INTERRUPTED | CRASH => error,
        // With the place of it.
        REJECTED => report::plain(REJECTED, error.value.rsplit_once(" (In[").map_or(&error.value, |(text, _)| text)),
        name => report::plain(name, &error.value),
    })?;
    Ok(value.try_recv().unwrap_or_default())
}

/// The value's text.
pub fn text(bundle: &MimeBundle) -> &str {
    bundle.get("text/plain").and_then(|text| text.as_str()).unwrap_or_default()
}

/// Text as a literal of Rust.
pub fn literal(text: &str) -> String {
    format!("{text:?}")
}

/// A name for a new variable, as Rust writes it.
///
/// # Errors
/// A line that says that it is none.
pub fn variable_name(name: &str) -> Result<String, String> {
    let written = identifier(name);
    match syn::parse_str::<syn::Ident>(&written) {
        Ok(_) if name != "_" => Ok(written),
        _ => Err(format!("`{name}` cannot be the name of a variable.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_variables_are_names_of_rust() {
        assert_eq!(variable_name("out").as_deref(), Ok("out"));
        assert_eq!(variable_name("type").as_deref(), Ok("r#type"));
        for wrong in ["", "_", "a b", "1a", "a.b", "self", "a-b", "r#"] {
            assert!(variable_name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn literals_mean_the_text() {
        for text in ["a \"b\" \\n {x}", "ä\u{301}\u{202e}\0\n\r\t"] {
            let literal: syn::LitStr = syn::parse_str(&literal(text)).expect("a literal");
            assert_eq!(literal.value(), text);
        }
    }
}
