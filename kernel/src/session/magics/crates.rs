//! `:dep`: crates that a notebook adds.

use tokio::sync::watch;

use super::Cell;
use crate::engine::native::dependencies::AddedCrate;
use crate::engine::native::dependency_spec::DependencySpec;
use crate::engine::native::setup::AddedCrates;
use crate::output::CellError;
use crate::session::notebook::Notebook;
use crate::session::notices::show_text;
use crate::session::{progress, report};

/// Adds the crates of `:dep` lines that follow each other, in one step.
pub async fn add(notebook: &mut Notebook, cell: &mut Cell, lines: &[&str]) -> Result<(), CellError> {
    let specs = lines.iter().map(|line| DependencySpec::parse(line)).collect::<Result<Vec<_>, _>>();
    let mut specs = specs.map_err(|error| report::plain("DependencyError", &error.to_string()))?;
    let directory = notebook.working_directory();
    specs.iter_mut().for_each(|spec| spec.resolve_path(&directory));
    let output = &cell.output;
    #[cfg(feature = "evcxr")]
    if notebook.evcxr.is_some() {
        return notebook.add_by_evcxr(&specs, output).await;
    }
    let (say, lines) = watch::channel(String::new());
    let mut setup = notebook.setup.clone();
    let work = setup.add(specs, move |line| drop(say.send(line.to_owned())));
    let added = tokio::select! {
        added = progress::show_while(work, lines, output) => added,
        _ = cell.stop.changed() => return Err(report::interrupted_compile()),
    };
    let added = added.map_err(|error| report::plain("DependencyError", &error.to_string()))?;
    match added {
        AddedCrates::AlreadyHere(crates) => {
            notebook.setup = setup;
            show_text(format!("already here: {}", list(&crates)), output).await;
        }
        AddedCrates::New { crates, libraries } => {
            notebook.setup = setup;
            notebook.load_libraries(&libraries).await?;
            show_text(format!("added: {}", list(&crates)), output).await;
        }
        AddedCrates::NeedsFreshWorker { setup, because } => {
            if !notebook.definitions.variables.is_empty() {
                let names: Vec<_> = notebook.definitions.variables.keys().map(String::as_str).collect();
                return Err(report::plain(
                    "DependencyError",
                    &format!(
                        "This crate would need a fresh process, and {} would be lost ({because}): restart the kernel and \
                         put this line into its first cell.",
                        names.join(", ")
                    ),
                ));
            }
            notebook.replace_setup(*setup).await?;
            show_text(format!("added, in a fresh process ({because})"), output).await;
        }
    }
    Ok(())
}

fn list(crates: &[AddedCrate]) -> String {
    crates.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
