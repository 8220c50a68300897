//! What the command lines of a cell do.

use tokio::process::Command;
use tokio::sync::watch;

use super::loss;
use super::notebook::{Notebook, Stop};
use super::notices::show_text;
use super::progress;
use super::report;
use crate::cell::magic::{self, COMMANDS, CommandLine};
use crate::engine::native::dependencies::AddedCrate;
use crate::engine::native::dependency_spec::DependencySpec;
use crate::engine::native::setup::AddedCrates;
use crate::language::types::shorten_type;
use crate::output::{CellError, Output};

/// Carries out the command lines of a cell in their order. `:dep` lines that follow
/// each other are one step.
pub async fn run(
    notebook: &mut Notebook,
    lines: &[CommandLine],
    output: &Output,
    stop: &mut Stop,
) -> Result<(), CellError> {
    // Nothing is done when a later line cannot be read.
    for line in lines {
        if !COMMANDS.iter().any(|command| command.name == line.name) {
            return Err(unknown(line));
        }
    }
    let mut rest = lines;
    while let Some((line, after)) = rest.split_first() {
        rest = after;
        match line.name.as_str() {
            "dep" => {
                let more = rest.iter().take_while(|line| line.name == "dep").count();
                let (together, after) = rest.split_at(more);
                rest = after;
                let specs = std::iter::once(line).chain(together);
                let specs = specs.map(|line| DependencySpec::parse(&line.argument)).collect::<Result<Vec<_>, _>>();
                let specs = specs.map_err(|error| report::plain("DependencyError", &error.to_string()))?;
                add(notebook, specs, output, stop).await?;
            }
            "help" => show_text(help(), output).await,
            "vars" => show_text(variables(notebook), output).await,
            "explain" => show_text(explain(notebook, &line.argument).await?, output).await,
            "checkpoint" => checkpoint(notebook, &line.argument, output).await?,
            "backtrace" => backtrace(notebook, &line.argument).await?,
            _ => return Err(unknown(line)),
        }
    }
    Ok(())
}

fn unknown(line: &CommandLine) -> CellError {
    let sign = &line.text[..1];
    let hint = match magic::nearest(&line.name) {
        Some(command) => format!("did you mean `{sign}{}`?", command.name),
        None => "`%help` lists those there are.".to_owned(),
    };
    report::plain("UsageError", &format!("There is no command `{sign}{}`: {hint}", line.name))
}

async fn add(
    notebook: &mut Notebook,
    specs: Vec<DependencySpec>,
    output: &Output,
    stop: &mut Stop,
) -> Result<(), CellError> {
    let (say, lines) = watch::channel(String::new());
    let mut setup = notebook.setup.clone();
    let work = setup.add(specs, move |line| drop(say.send(line.to_owned())));
    let added = tokio::select! {
        added = progress::show_while(work, lines, output) => added,
        _ = stop.changed() => return Err(report::interrupted_compile()),
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

fn help() -> String {
    let width = COMMANDS.iter().map(|command| command.usage.len()).max().unwrap_or(0);
    let lines = COMMANDS.iter().map(|command| format!("  {:width$}  {}\n", command.usage, command.help));
    format!(
        "A cell is Rust: items, statements, and a last expression whose value is shown (`;` hides it).\n\
         Variables, functions, types, statics and threads live on in later cells. `?` and `.await` work\n\
         at the top level. TAB completes, Shift-TAB explains.\n\n\
         Lines at the beginning of a cell, with `:` or `%`:\n{}\n\
         In every cell without import: display, show!, Html, Markdown, Latex, Svg, Png, Jpeg, Json, input,\n\
         sleep, seconds, …; the crates rayon, crossbeam, tokio, serde and serde_json can be used at once.",
        lines.collect::<String>()
    )
}

fn variables(notebook: &Notebook) -> String {
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

async fn explain(notebook: &Notebook, code: &str) -> Result<String, CellError> {
    let explained = Command::new(&notebook.setup.toolchain.rustc).arg("--explain").arg(code).output().await;
    match explained {
        Ok(explained) if explained.status.success() => Ok(String::from_utf8_lossy(&explained.stdout).into_owned()),
        Ok(_) => Err(report::plain(
            "UsageError",
            &format!("The compiler has no error code `{code}`: write it as `:explain E0382`."),
        )),
        Err(error) => Err(report::plain("UsageError", &format!("The compiler could not be started: {error}."))),
    }
}

async fn backtrace(notebook: &mut Notebook, argument: &str) -> Result<(), CellError> {
    let on = match argument {
        "on" | "" => true,
        "off" => false,
        other => return Err(report::plain("UsageError", &format!("`%backtrace` takes `on` or `off`, not `{other}`."))),
    };
    notebook.set_backtrace(on).await
}

async fn checkpoint(notebook: &mut Notebook, argument: &str, output: &Output) -> Result<(), CellError> {
    let safety = &mut notebook.safety;
    match argument {
        "" => {}
        "on" => safety.on = true,
        "off" => {
            safety.on = false;
            notebook.drop_checkpoint();
        }
        other => match parse_size(other) {
            Some(bytes) => (safety.on, safety.most_bytes) = (true, bytes),
            None => {
                let usage = format!("`%checkpoint` takes `on`, `off` or a size such as `4 GiB`, not `{other}`.");
                return Err(report::plain("UsageError", &usage));
            }
        },
    }
    let safety = &notebook.safety;
    let state = match safety.on {
        true => format!(
            "checkpoints are on, for up to {} of memory: after a crash or the stop of a computing cell, \
             all variables are as before that cell",
            loss::size(safety.most_bytes)
        ),
        false => "checkpoints are off: a crash or the stop of a computing cell loses all variables".to_owned(),
    };
    show_text(state, output).await;
    Ok(())
}

/// `4 GiB`, `512MB`: all units count by 1024.
fn parse_size(text: &str) -> Option<u64> {
    let unit_start = text.find(|c: char| c.is_alphabetic())?;
    let (number, unit) = text.split_at(unit_start);
    let number: f64 = number.trim().parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0)?;
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "mib" | "mb" | "m" => 1u64 << 20,
        "gib" | "gb" | "g" => 1 << 30,
        _ => return None,
    };
    Some((number * factor as f64) as u64)
}

#[cfg(test)]
mod tests {
    use super::parse_size;

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("4 GiB"), Some(4 << 30));
        assert_eq!(parse_size("512MB"), Some(512 << 20));
        for wrong in ["4", "GiB", "-1 GiB", "4 KiB", ""] {
            assert_eq!(parse_size(wrong), None, "{wrong}");
        }
    }
}
