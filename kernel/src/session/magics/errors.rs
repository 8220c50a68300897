//! `:explain`: the compiler's own explanation of an error code.

use serde_json::Value;
use tokio::process::Command;

use super::usage_error;
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
    let markdown = as_markdown(&text);
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

/// With blocks of code that front ends show as Rust: the compiler writes "compile_fail,E0382"
/// or nothing behind the mark.
fn as_markdown(text: &str) -> String {
    let mut inside = false;
    let mut markdown = String::with_capacity(text.len());
    for line in text.lines() {
        match line.strip_prefix("```") {
            Some(about) => {
                let is_text = about.starts_with("text") || about.starts_with("toml") || about.starts_with("none");
                markdown.push_str(if inside || is_text { "```" } else { "```rust" });
                inside = !inside;
            }
            // A line that rustdoc hides.
            None if inside && (line == "#" || line.starts_with("# ")) => continue,
            None => markdown.push_str(line),
        }
        markdown.push('\n');
    }
    markdown
}

#[cfg(test)]
mod tests {
    use super::as_markdown;

    #[test]
    fn code_is_marked_as_rust() {
        let text = "A.\n\n```compile_fail,E0382\n# hidden\nlet x = 1;\n```\n\n```\nlet y = 2;\n```";
        assert_eq!(as_markdown(text), "A.\n\n```rust\nlet x = 1;\n```\n\n```rust\nlet y = 2;\n```\n");
    }
}
