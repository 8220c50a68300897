//! `!command`, `let lines = !command`, `%%bash`, `%%sh`, `%%script`: programs that the
//! process of the cells starts.
//!
//! They are started by generated code, so that they are the cells' children: with their
//! working directory and environment, ended by an interrupt, their output the cell's own.

use std::ops::Range;

use super::generated::{self, literal, variable_name};
use super::interpolate::{self, Part};
use super::{Cell, usage_error};
use crate::cell::magic::Call;
use crate::cell::magic::options::Given;
use crate::cell::magic::table::Id;
use crate::output::CellError;
use crate::session::notebook::Notebook;
use crate::session::notices::show_notice;
use crate::session::report;

/// Runs `!command`.
pub async fn run(notebook: &mut Notebook, cell: &mut Cell, command: &str) -> Result<(), CellError> {
    let (command, names) = command_code(notebook, command);
    let code = format!("threadbook::__rt::shell::run(&{command})?");
    let ended = generated::run(notebook, cell, code).await.map_err(|error| told(error, &names))?;
    show_status(generated::text(&ended), cell).await;
    Ok(())
}

/// Runs `let name = !command`: the lines of its stdout.
pub async fn run_into(
    notebook: &mut Notebook,
    cell: &mut Cell,
    (name, mutable): (&str, bool),
    command: &str,
) -> Result<(), CellError> {
    let (command, names) = command_code(notebook, command);
    let name = variable_name(name).map_err(usage_error)?;
    let mutable = if mutable { "mut " } else { "" };
    let code = format!(
        "let {mutable}{name}: ::std::vec::Vec<::std::string::String>;\n\
         {{ let (__tb_lines, __tb_ended) = threadbook::__rt::shell::lines(&{command})?; {name} = __tb_lines; __tb_ended }}"
    );
    let ended = generated::run(notebook, cell, code).await.map_err(|error| told(error, &names))?;
    show_status(generated::text(&ended), cell).await;
    Ok(())
}

/// Runs the bytes `body` of the cell by a program.
pub async fn script(
    notebook: &mut Notebook,
    cell: &mut Cell,
    call: &Call,
    body: Range<usize>,
) -> Result<(), CellError> {
    let id = call.magic.id;
    let code = script_code(id, &call.given, cell.words(call), &cell.source.text[body]).map_err(usage_error)?;
    let ended = generated::run(notebook, cell, code).await.map_err(|error| told(error, &[]))?;
    let status = generated::text(&ended);
    if status.is_empty() {
        return Ok(());
    }
    if call.given.has("no-raise-error") {
        show_status(status, cell).await;
        return Ok(());
    }
    Err(script_error(&format!("the script failed: {status} (with `--no-raise-error` the cell would not fail).")))
}

/// The longest script that a program takes as an argument; a longer one is its input. (Linux
/// takes 128 KiB.)
const MOST_ARGUMENT: usize = 100 << 10;

/// The code that runs a script.
fn script_code(id: Id, given: &Given, words: &str, body: &str) -> Result<String, String> {
    let mut program: Vec<&str> = words.split_whitespace().collect();
    let shell = match id {
        Id::Bash => Some("bash"),
        Id::Sh => Some("sh"),
        _ => None,
    };
    if let Some(shell) = shell {
        program.insert(0, shell);
    }
    if program.is_empty() {
        return Err("`%%script` needs the name of a program: `%%script python3`.".to_owned());
    }
    // A shell that reads its script from its input shares it with all that it starts.
    let as_input = shell.is_none() || body.len() > MOST_ARGUMENT;
    let program: Vec<String> = program.into_iter().map(literal).collect();
    let mut script = body.to_owned();
    // Front ends leave the last line's end out.
    if !script.ends_with('\n') {
        script.push('\n');
    }
    let kept = [given.value("out"), given.value("err")];
    if kept[0].is_some() && kept[0] == kept[1] {
        return Err("`--out` and `--err` need a variable each.".to_owned());
    }
    let mut variables = String::new();
    let mut assignments = String::new();
    for (name, text) in kept.iter().zip(["__tb_out", "__tb_err"]) {
        if let Some(name) = name {
            let name = variable_name(name)?;
            variables.push_str(&format!("let {name}: ::std::string::String;\n"));
            assignments.push_str(&format!("{name} = {text}; "));
        }
    }
    Ok(format!(
        "{variables}{{ let (__tb_out, __tb_err, __tb_ended) = threadbook::__rt::shell::script(&[{}], {}, {as_input}, {:?})?; \
         {assignments}__tb_ended }}",
        program.join(", "),
        literal(&script),
        kept.map(|name| name.is_some()),
    ))
}

/// A text with the values of variables that stand in braces in it.
pub async fn filled_in(notebook: &mut Notebook, cell: &mut Cell, text: &str) -> Result<String, CellError> {
    let (code, names) = command_code(notebook, text);
    if names.is_empty() || notebook.is_imagined() {
        return Ok(text.to_owned());
    }
    // Whatever `begun` tells, it is not about this.
    let begun = std::mem::take(&mut cell.begun);
    let value = generated::run(notebook, cell, code).await;
    cell.begun = begun;
    let value = value.map_err(|error| told(error, &names))?;
    // The value is shown as a literal.
    Ok(syn::parse_str::<syn::LitStr>(generated::text(&value)).map_or_else(|_| text.to_owned(), |text| text.value()))
}

/// An expression for the command with the values of variables in it, and the expressions
/// that stand in braces there.
fn command_code(notebook: &Notebook, command: &str) -> (String, Vec<String>) {
    let parts = interpolate::parts(command, |name| notebook.definitions.variables.contains_key(name));
    let mut names = Vec::new();
    let code = parts.into_iter().map(|part| match part {
        Part::Text(text) => literal(&text),
        Part::Value(expression) => {
            let code = format!("(&&&threadbook::__rt::shell::Text(&{expression})).text()?.as_str()");
            names.push(expression);
            code
        }
    });
    let code: Vec<String> = code.collect();
    if names.is_empty() {
        return (code.concat(), names);
    }
    let code = format!(
        "{{ use threadbook::__rt::shell::{{ByDebug as _, ByDisplay as _, ByName as _}}; [{}].concat() }}",
        code.join(", ")
    );
    (code, names)
}

/// What went wrong when a command was run whose expressions in braces these are.
fn told(error: CellError, names: &[String]) -> CellError {
    match error.name.as_str() {
        generated::FAILED => script_error(&format!("{}.", error.value)),
        generated::REJECTED if !names.is_empty() => {
            let what = match names {
                [name] => format!("`{{{name}}}`"),
                _ => "What is in braces".to_owned(),
            };
            usage_error(format!("{what} cannot stand there: {}", error.value))
        }
        _ => error,
    }
}

fn script_error(text: &str) -> CellError {
    report::plain("ScriptError", text)
}

async fn show_status(status: &str, cell: &Cell) {
    if !status.is_empty() {
        show_notice(status, &cell.output).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::magic::{Known, Step, steps};

    struct Nothing;

    impl Known for Nothing {
        fn is_rust(&self, _: &str) -> bool {
            false
        }
        fn is_fallible(&self, _: &str) -> bool {
            false
        }
    }

    fn code(text: &str) -> Result<String, String> {
        match steps(text, 0..text.len(), &Nothing)?.as_slice() {
            [Step::Cell(call, body)] => {
                script_code(call.magic.id, &call.given, &text[call.given.rest.clone()], &text[body.clone()])
            }
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn shells_get_an_argument_and_programs_their_input() {
        let bash = code("%%bash\necho \"a\"").expect("code");
        assert!(bash.contains(r#"script(&["bash"], "echo \"a\"\n", false, [false, false])"#), "{bash}");
        let python = code("%%script python3 -q\nprint(1)").expect("code");
        assert!(python.contains(r#"script(&["python3", "-q"], "print(1)\n", true, [false, false])"#), "{python}");
        assert!(code(&format!("%%sh\n{}", "#".repeat(200 << 10))).expect("code").contains("\\n\", true, [false"));
        assert!(code("%%script").is_err());
    }

    #[test]
    fn what_is_kept_goes_into_variables() {
        let both = code("%%bash --out a --err=b\nls").expect("code");
        assert!(both.starts_with("let a: ::std::string::String;\nlet b: "), "{both}");
        assert!(both.contains("[true, true]") && both.ends_with("a = __tb_out; b = __tb_err; __tb_ended }"), "{both}");
        assert!(code("%%bash --out a --err a\nls").is_err());
        assert!(code("%%bash --out a-b\nls").expect_err("no name").contains("`a-b`"));
    }
}
