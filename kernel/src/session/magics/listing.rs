//! Lists and explanations: `%help`, `%lsmagic`, `%vars`, `:explain`.

use tokio::process::Command;

use super::usage_error;
use crate::cell::magic::table::{Form, MAGICS};
use crate::language::types::shorten_type;
use crate::output::CellError;
use crate::session::notebook::Notebook;

pub fn help() -> String {
    format!(
        "A cell is Rust: items, statements, and a last expression whose value is shown (`;` hides it).\n\
         Variables, functions, types, statics and threads live on in later cells. `?` and `.await` work\n\
         at the top level. TAB completes, Shift-TAB explains, `NAME?` explains below the cell.\n\n\
         Lines for the kernel (`%name?` says more about each; `:name` works for those with one `%`, too):\n{}\n  \
         !command                                 runs a command in the shell: `!ls`, `let files = !ls`\n\n\
         In every cell without import: display, show!, Html, Markdown, Latex, Svg, Png, Jpeg, Json, input,\n\
         sleep, seconds, …; the crates rayon, crossbeam, tokio, serde and serde_json can be used at once.",
        table()
    )
}

/// The magics with their help, a line each.
fn table() -> String {
    const WIDTH: usize = 40;
    let lines = MAGICS.iter().map(|magic| format!("  {:WIDTH$} {}", magic.usage(), magic.help));
    lines.collect::<Vec<_>>().join("\n")
}

/// The names of all magics.
pub fn magics() -> String {
    let names = |sign: &str, forms: [Form; 2]| -> String {
        let of_form = MAGICS.iter().filter(|magic| forms.contains(&magic.form));
        of_form.flat_map(|magic| magic.names).map(|name| format!("  {sign}{name}")).collect()
    };
    format!(
        "Lines:\n{}\n\nCells:\n{}\n\n`%name?` explains each.",
        names("%", [Form::Line, Form::Both]),
        names("%%", [Form::Cell, Form::Both])
    )
}

pub fn variables(notebook: &Notebook) -> String {
    let variables = &notebook.definitions.variables;
    if variables.is_empty() {
        return "no variables yet".to_owned();
    }
    let width = variables.keys().map(|name| name.chars().count()).max().unwrap_or(0);
    let lines = variables.iter().map(|(name, variable)| {
        let mutable = if variable.mutable { "mut " } else { "" };
        format!("{mutable:4}{name:width$}  {}  (In[{}])", shorten_type(&variable.type_name), variable.cell)
    });
    lines.collect::<Vec<_>>().join("\n")
}

pub async fn explain(notebook: &Notebook, code: &str) -> Result<String, CellError> {
    let explained = Command::new(&notebook.setup.toolchain.rustc).arg("--explain").arg(code).output().await;
    match explained {
        Ok(explained) if explained.status.success() => Ok(String::from_utf8_lossy(&explained.stdout).into_owned()),
        Ok(_) => Err(usage_error(format!("The compiler has no error code `{code}`: write it as `:explain E0382`."))),
        Err(error) => Err(usage_error(format!("The compiler could not be started: {error}."))),
    }
}
