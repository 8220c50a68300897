//! `%reset`, `:clear`, `:restart`: beginning again.

use tokio::sync::oneshot;

use super::{Cell, usage_error};
use crate::cell::magic::Call;
use crate::output::{CellError, Event};
use crate::session::notebook::Notebook;
use crate::session::notices::show_text;
use crate::session::report;

const QUESTION: &str = "Once deleted, variables cannot be recovered. Proceed (y/[n])? ";

/// Forgets variables and items, when the person agrees.
pub async fn reset(notebook: &mut Notebook, cell: &mut Cell, call: &Call) -> Result<(), CellError> {
    if !call.given.has("f") && !agrees(cell).await? {
        show_text("Nothing done.".to_owned(), &cell.output).await;
        return Ok(());
    }
    let setup = notebook.setup.clone();
    notebook.begin_again(setup).await
}

async fn agrees(cell: &mut Cell) -> Result<bool, CellError> {
    let nobody = || usage_error("There is nobody to ask: `%reset -f` forgets all without a question.");
    if !cell.allow_stdin {
        return Err(nobody());
    }
    let (answer, answered) = oneshot::channel();
    cell.output.send(Event::Input { prompt: QUESTION.to_owned(), password: false, answer }).await;
    let answer = tokio::select! {
        answer = answered => answer.map_err(|_| nobody())?,
        _ = cell.stop.changed() => {
            return Err(report::plain(report::INTERRUPTED, "the question was not answered, and nothing is forgotten"));
        }
    };
    Ok(is_yes(&answer))
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// Forgets the added crates, too.
pub async fn clear(notebook: &mut Notebook) -> Result<(), CellError> {
    let setup = notebook.setup.without_crates();
    notebook.begin_again(setup).await
}

/// Forgets variables only.
pub async fn restart(notebook: &mut Notebook, cell: &Cell) -> Result<(), CellError> {
    let setup = notebook.setup.clone();
    notebook.replace_setup(setup).await?;
    show_text("cells go on in a fresh process".to_owned(), &cell.output).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_yes;

    #[test]
    fn only_a_yes_is_one() {
        assert!(is_yes(" Y\n") && is_yes("yes"));
        assert!(!is_yes("") && !is_yes("n") && !is_yes("yep, no"));
    }
}
