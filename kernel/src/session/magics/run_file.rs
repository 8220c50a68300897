//! `%run FILE.rs`: a file as if it stood in the cell.

use std::sync::Arc;

use syn::{ItemFn, ReturnType, Type};

use super::files::{self, Given};
use super::{Cell, usage_error};
use crate::cell::source::CellSource;
use crate::output::CellError;
use crate::session::notebook::Notebook;

/// Runs a file, then its `main`, if it has one.
pub async fn run(notebook: &mut Notebook, cell: &mut Cell, words: &str) -> Result<(), CellError> {
    if words.is_empty() {
        return Err(usage_error("`%run` needs the name of a file: `%run example.rs`."));
    }
    let given = Given::read(words, &notebook.working_directory());
    let text = files::read(cell, &given).await?;
    let path = given.path.canonicalize().unwrap_or(given.path);
    if cell.files.contains(&path) {
        return Err(usage_error(format!("`{}` runs itself by `%run`.", given.name)));
    }
    cell.files.push(path);
    let source = CellSource::of_file(cell.source.number, given.name, text);
    let outer = std::mem::replace(&mut cell.source, source.clone());
    let ran = super::run(notebook, cell, 0..source.text.len()).await;
    cell.source = outer;
    cell.files.pop();
    ran?;
    match call_of_main(notebook, &source) {
        Some(call) => {
            let outputs = cell.outputs();
            notebook.run_code(&CellSource::new(source.number, call), 0..call.len(), outputs, cell).await
        }
        None => Ok(()),
    }
}

/// The code that calls the `main` which the file has defined.
fn call_of_main(notebook: &Notebook, file: &Arc<CellSource>) -> Option<&'static str> {
    let of_file = notebook.definitions.items.iter().map(|stored| &stored.item);
    let mut of_file = of_file.filter(|item| Arc::ptr_eq(&item.source, file));
    of_file.find_map(|item| call(&item.text()))
}

fn call(item: &str) -> Option<&'static str> {
    let main: ItemFn = syn::parse_str(item).ok().filter(|main: &ItemFn| main.sig.ident == "main")?;
    let may_fail = match &main.sig.output {
        ReturnType::Type(_, returned) => match &**returned {
            Type::Path(path) => path.path.segments.last().is_some_and(|last| last.ident == "Result"),
            _ => false,
        },
        ReturnType::Default => false,
    };
    // `#[tokio::main]` makes another function of it.
    let is_async = main.sig.asyncness.is_some() && main.attrs.is_empty();
    Some(match (is_async, may_fail) {
        (false, false) => "main();",
        (false, true) => "main()?;",
        (true, false) => "main().await;",
        (true, true) => "main().await?;",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn main_is_called_as_it_returns() {
        for (item, code) in [
            ("fn main() {}", Some("main();")),
            ("pub fn main() -> Result<(), Box<dyn std::error::Error>> { Ok(()) }", Some("main()?;")),
            ("fn main() -> std::io::Result<()> { Ok(()) }", Some("main()?;")),
            ("async fn main() -> anyhow::Result<()> { Ok(()) }", Some("main().await?;")),
            ("#[tokio::main]\nasync fn main() {}", Some("main();")),
            ("fn main() -> std::process::ExitCode { 0.into() }", Some("main();")),
            ("fn other() {}", None),
            ("struct Main;", None),
        ] {
            assert_eq!(call(item), code, "{item}");
        }
    }
}
