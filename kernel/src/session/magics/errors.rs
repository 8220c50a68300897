//! `:explain`: the compiler's own explanation of an error code.

use serde_json::Value;
use tokio::process::Command;

use super::usage_error;
use crate::language::rustdoc;
use crate::output::{CellError, MimeBundle};
use crate::session::notebook::Notebook;

/// Explains `code`, or the codes of the last compile error.
pub async fn explain(notebook: &Notebook, code: &str) -> Result<MimeBundle, CellError> {
    let codes = match (code, &notebook.last_error) {
        ("", None) => return Err(usage_error("There was no compile error yet: `:explain E0382` explains that code.")),
        ("", Some(codes)) if codes.is_empty() => {
            return Err(usage_error(
                "The last compile error has no code: all that the compiler says of it is shown there.",
            ));
        }
        ("", Some(codes)) => codes.clone(),
        (code, _) => vec![code.to_owned()],
    };
    let mut pages = Vec::new();
    for code in &codes {
        let text = explanation(notebook, code).await?;
        pages.push(if codes.len() > 1 { format!("{code}\n\n{}", text.trim()) } else { text.trim().to_owned() });
    }
    let text = pages.join("\n\n");
    let markdown = rustdoc::as_markdown(&text);
    Ok(MimeBundle::from_iter([
        ("text/plain".to_owned(), Value::String(text)),
        ("text/markdown".to_owned(), Value::String(markdown)),
    ]))
}

async fn explanation(notebook: &Notebook, code: &str) -> Result<String, CellError> {
    let explained = Command::new(&notebook.setup.toolchain.rustc).arg("--explain").arg(code).output().await;
    match explained {
        Ok(explained) if explained.status.success() => Ok(String::from_utf8_lossy(&explained.stdout).into_owned()),
        Ok(_) => Err(usage_error(format!("The compiler has no error code `{code}`: write it as `:explain E0382`."))),
        Err(error) => Err(usage_error(format!("The compiler could not be started: {error}."))),
    }
}
