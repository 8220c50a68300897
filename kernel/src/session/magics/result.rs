//! `%result`: a value that a notebook is run for.

use std::ops::Range;

use serde_json::Value;
use tokio::sync::mpsc;

use super::{Cell, generated, usage_error};
use crate::cell::magic::Call;
use crate::notebook::results::Recorded;
use crate::output::{CellError, Event, MimeBundle};
use crate::session::notebook::Notebook;
use crate::worker::router::RunOutput;

/// Records the variable NAME, or the expression behind it.
pub async fn line(notebook: &mut Notebook, cell: &mut Cell, call: &Call) -> Result<(), CellError> {
    let words = &cell.source.text[call.given.rest.clone()];
    let end = words.find(char::is_whitespace).unwrap_or(words.len());
    let name = name(&words[..end], "%result")?;
    let rest = words[end..].trim_start();
    // With nothing behind the name, that is the expression.
    let code = if rest.is_empty() { words[..end].trim_end_matches(';') } else { rest.trim_end().trim_end_matches(';') };
    let start = call.given.rest.start + words.len() - if rest.is_empty() { words.len() } else { rest.len() };
    let range = start..start + code.len();
    let source = cell.source.clone();
    let bundle = with_usual_style(notebook, cell, async |notebook, cell, result| {
        let outputs = RunOutput { result: Some(result), ..cell.outputs() };
        notebook.run_code(&source, range, outputs, cell).await
    })
    .await?;
    if notebook.is_imagined() {
        return Ok(());
    }
    record(&name, bundle, cell).await
}

/// Records the value of the last expression among the bytes `body`.
pub async fn whole(notebook: &mut Notebook, cell: &mut Cell, call: &Call, body: Range<usize>) -> Result<(), CellError> {
    let name = name(cell.words(call), "%%result")?;
    let bundle = with_usual_style(notebook, cell, async |notebook, cell, result| {
        let outer = cell.result.replace(result);
        let ran = Box::pin(super::run(notebook, cell, body)).await;
        cell.result = outer;
        ran
    })
    .await?;
    if notebook.is_imagined() {
        return Ok(());
    }
    record(&name, bundle, cell).await
}

/// # Errors
/// When it is none, with how the magic is used.
fn name(word: &str, magic: &str) -> Result<String, CellError> {
    let name = word.trim().trim_end_matches(';');
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
    match is_name {
        true => Ok(name.to_owned()),
        false => Err(usage_error(format!(
            "`{magic}` takes a name of letters, digits, `_`, `-` and `.`: `%result speedup serial / parallel`."
        ))),
    }
}

/// Runs code whose value is caught. Values look the same whatever `%fmt` and `%types` say.
async fn with_usual_style(
    notebook: &mut Notebook,
    cell: &mut Cell,
    run: impl AsyncFnOnce(&mut Notebook, &mut Cell, mpsc::UnboundedSender<MimeBundle>) -> Result<(), CellError>,
) -> Result<MimeBundle, CellError> {
    let (result, mut value) = mpsc::unbounded_channel();
    let style = std::mem::take(&mut notebook.style);
    let ran = run(notebook, cell, result).await;
    notebook.style = style;
    ran?;
    Ok(value.try_recv().unwrap_or_default())
}

async fn record(name: &str, mut data: MimeBundle, cell: &Cell) -> Result<(), CellError> {
    let text = generated::text(&data).to_owned();
    if text.is_empty() {
        return Err(usage_error(format!(
            "`%result {name}` has no value to record: write an expression behind the name, without `;`."
        )));
    }
    let recorded = Recorded::of_text(name, &text);
    data.insert("text/plain".to_owned(), Value::String(format!("{name} = {text}")));
    let event = Event::Display { data, metadata: recorded.metadata(), display_id: None, update: false };
    cell.output.send(event).await;
    Ok(())
}
