//! The cell with the new values.

use serde_json::{Map, Value};

use super::value::{literal, recorded, untyped};
use super::{Error, Given, INJECTED, PARAMETERS, Parameter, Parameters, read};
use crate::notebook::document::Notebook;

/// What stands above the values, as papermill writes it.
const COMMENT: &str = "Parameters";

/// What to do with a value for a parameter that the notebook does not define.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    Refused,
    /// It is injected without a type, as papermill does with it.
    Injected,
}

/// The parameters of a notebook: of its first cell that is tagged so.
///
/// # Errors
/// When that cell is not Rust.
pub fn of_notebook(notebook: &Notebook) -> Result<Parameters, Error> {
    match notebook.code_cells().into_iter().find(|cell| cell.has_tag(PARAMETERS)) {
        Some(cell) => read(&cell.source),
        None => Ok(Parameters(Vec::new())),
    }
}

/// The source of a cell that gives parameters other values of the same types.
///
/// # Errors
/// With all that is wrong at once, and a list of the parameters of `notebook`.
pub fn source(
    parameters: &Parameters,
    given: &Given,
    unknown: Unknown,
    comment: &str,
    notebook: &str,
) -> Result<String, Error> {
    let mut lines = vec![format!("// {comment}")];
    let mut problems = Vec::new();
    for (name, value) in given {
        let line = match parameters.find(name) {
            Some(parameter) => definition(parameter, value),
            None if unknown == Unknown::Injected => untyped(value)
                .map(|literal| format!("let {name} = {literal};"))
                .map_err(|why| format!("`{name}`: {why}")),
            None => Err(parameters.unknown(name)),
        };
        match line {
            Ok(line) => lines.push(line),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(lines.join("\n"))
    } else {
        Err(Error::Refused { problems: problems.join("\n"), list: parameters.list(notebook) })
    }
}

/// # Errors
/// A line that says what the parameter takes.
fn definition(parameter: &Parameter, value: &Value) -> Result<String, String> {
    let Parameter { name, keyword, .. } = parameter;
    match (&parameter.kind, &parameter.type_text) {
        (Some(kind), Some(type_text)) => {
            let literal = literal(kind, value).map_err(|takes| format!("`{name}` takes {takes}"))?;
            Ok(format!("{keyword} {name}: {type_text} = {literal};"))
        }
        (None, Some(type_text)) => {
            Err(format!("`{name}` has the type `{type_text}`, and no value of that type can be given"))
        }
        (_, None) => Err(format!("`{name}` takes no value, for its type is not written: `let {name}: TYPE = …`")),
    }
}

/// Puts a cell with these values behind the one that is tagged `parameters`, in place of one
/// from an earlier time. Returns the values for the notebook's metadata.
///
/// # Errors
/// When a value fits no parameter; then nothing is changed.
pub fn inject(notebook: &mut Notebook, given: &Given, name: &str) -> Result<Map<String, Value>, Error> {
    let parameters = of_notebook(notebook)?;
    let source = source(&parameters, given, Unknown::Refused, COMMENT, name)?;
    if given.is_empty() {
        return Ok(Map::new());
    }
    let cells = notebook.code_cells();
    let first = |tag: &str| cells.iter().find(|cell| cell.has_tag(tag)).map(|cell| cell.index);
    match (first(INJECTED), first(PARAMETERS)) {
        (Some(earlier), _) => notebook.replace_code_cell(earlier, &source, INJECTED),
        (None, tagged) => notebook.insert_code_cell(tagged.map_or(0, |index| index + 1), &source, INJECTED),
    }
    let kind = |name: &str| parameters.find(name).and_then(|parameter| parameter.kind.clone());
    Ok(given.iter().map(|(name, value)| (name.clone(), recorded(kind(name).as_ref(), value))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const CELL: &str = "let workers: usize = 4; // threads\nlet mut scale = 1.5;\nconst N: u64 = 10;\n\
                        let pause: Duration = Duration::ZERO;";

    fn written(given: &[(&str, Value)], unknown: Unknown) -> Result<String, String> {
        let parameters = read(CELL).expect("it is Rust");
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        source(&parameters, &given, unknown, COMMENT, "n.ipynb").map_err(|error| error.to_string())
    }

    #[test]
    fn values_keep_the_type_and_the_kind_of_definition() {
        let given = [("N", json!("1_000")), ("workers", json!(8)), ("scale", json!("2"))];
        let expected = "// Parameters\nconst N: u64 = 1000;\nlet workers: usize = 8;\nlet mut scale: f64 = 2.0;";
        assert_eq!(written(&given, Unknown::Refused).as_deref(), Ok(expected));
    }

    #[test]
    fn all_that_is_wrong_is_told_with_the_list() {
        let given = [("worker", json!("8")), ("workers", json!("2.5")), ("scale", json!("1")), ("pause", json!("1"))];
        let error = written(&given, Unknown::Refused).expect_err("three are wrong");
        let lines: Vec<&str> = error.lines().collect();
        assert_eq!(lines[0], "there is no parameter `worker`: did you mean `workers`?");
        assert!(lines[1].starts_with("`workers` takes a whole number") && lines[1].ends_with("not `2.5`"));
        assert!(lines[2].contains("`Duration`"));
        assert_eq!(lines[3], "Parameters of n.ipynb:");
        assert!(lines[4].starts_with("  workers: usize = 4 ") && lines[4].ends_with("  threads"), "{error}");
        assert_eq!(lines.len(), 8, "{error}");
    }

    #[test]
    fn papermill_gives_unknown_ones_without_a_type() {
        let given = [("extra", json!([1, 2])), ("workers", json!(2))];
        let expected = "// Parameters\nlet extra = vec![1, 2];\nlet workers: usize = 2;";
        assert_eq!(written(&given, Unknown::Injected).as_deref(), Ok(expected));
        assert!(written(&[("extra", json!(null))], Unknown::Injected).expect_err("no type").contains("`extra`"));
    }
}
