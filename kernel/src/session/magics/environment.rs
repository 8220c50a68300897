//! `%env`: environment variables of the process that runs the cells.

use serde_json::Map;

use super::{Cell, generated, usage_error};
use crate::output::CellError;
use crate::session::notebook::Notebook;
use crate::session::notices::show_text;
use crate::worker::keeper;

/// Values of variables with such words in their names are not listed: notebooks are shown
/// to others. (IPython's list.)
const SECRET: [&str; 4] = ["KEY", "TOKEN", "SECRET", "PASSWORD"];

/// What `%env` was given.
#[derive(Debug, PartialEq, Eq)]
enum Wanted<'a> {
    All,
    One(&'a str),
    Set(&'a str, &'a str),
}

/// Lists, shows or sets environment variables.
pub async fn run(notebook: &mut Notebook, cell: &mut Cell, words: &str) -> Result<(), CellError> {
    let text = match parse(words).map_err(usage_error)? {
        Wanted::Set(name, value) => {
            notebook.set_environment(name, value, &cell.output).await?;
            format!("env: {name}={value}")
        }
        Wanted::One(name) => match environment(notebook, cell).await?.remove(name) {
            Some(value) => value.as_str().unwrap_or_default().to_owned(),
            None => {
                return Err(usage_error(format!(
                    "There is no environment variable `{name}`: `%env {name}=VALUE` sets it."
                )));
            }
        },
        Wanted::All => {
            let mut lines: Vec<String> =
                environment(notebook, cell).await?.iter().map(|(name, value)| listed(name, value.as_str())).collect();
            lines.sort();
            lines.join("\n")
        }
    };
    show_text(text, &cell.output).await;
    Ok(())
}

fn listed(name: &str, value: Option<&str>) -> String {
    let is_secret = SECRET.iter().any(|word| name.to_uppercase().contains(word));
    let value = if is_secret { "<hidden>" } else { value.unwrap_or_default() };
    format!("{name}={value}")
}

/// All variables, as cells see them, which may have set some themselves.
async fn environment(notebook: &mut Notebook, cell: &mut Cell) -> Result<Map<String, serde_json::Value>, CellError> {
    let code = "threadbook::__rt::environment()".to_owned();
    let mut bundle = generated::run(notebook, cell, code).await?;
    let mut variables = match bundle.remove("application/json") {
        Some(serde_json::Value::Object(variables)) => variables,
        _ => Map::new(),
    };
    // Of no meaning to anybody else.
    variables.remove(keeper::MARK);
    Ok(variables)
}

fn parse(words: &str) -> Result<Wanted<'_>, String> {
    if words.is_empty() {
        return Ok(Wanted::All);
    }
    let end = words.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(words.len());
    let (name, rest) = (&words[..end], words[end..].trim_start());
    if name.is_empty() {
        return Err("`%env` takes a name: `%env NAME`, `%env NAME=VALUE`.".to_owned());
    }
    if words.contains('\0') {
        return Err("No environment variable can hold the character NUL.".to_owned());
    }
    Ok(match rest.strip_prefix('=') {
        Some(value) => Wanted::Set(name, value.trim()),
        None if rest.is_empty() => Wanted::One(name),
        None => Wanted::Set(name, rest.trim_end()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_ask_or_set() {
        assert_eq!(parse(""), Ok(Wanted::All));
        assert_eq!(parse("A"), Ok(Wanted::One("A")));
        for set in ["A=b c", "A b c", "A = b c", "A  b c "] {
            assert_eq!(parse(set), Ok(Wanted::Set("A", "b c")), "{set}");
        }
        assert_eq!(parse("A=x=y"), Ok(Wanted::Set("A", "x=y")));
        assert_eq!(parse("A="), Ok(Wanted::Set("A", "")));
        assert!(parse("=1").is_err());
        assert!(parse("A=\0").is_err());
    }

    #[test]
    fn secrets_are_not_listed() {
        assert_eq!(listed("LANG", Some("C")), "LANG=C");
        assert_eq!(listed("Api_Token", Some("x")), "Api_Token=<hidden>");
    }
}
