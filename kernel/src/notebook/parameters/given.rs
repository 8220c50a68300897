//! Values for parameters as a person gives them: `-p name=value`, and YAML files.

use std::fs;
use std::path::Path;

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value};

use super::value::{literal, number};
use super::{Error, Parameters};

/// A value for each of some parameters, in order; of two for one name the later one counts.
pub type Given = Vec<(String, Value)>;

/// Several values for each of some parameters.
pub type Alternatives = Vec<(String, Vec<Value>)>;

/// Takes `name=value` apart. The value stays a text until its parameter's type is known.
///
/// # Errors
/// When there is no `=`.
pub fn from_command_line(argument: &str) -> Result<(String, Value), Error> {
    match argument.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), Value::String(value.to_owned()))),
        _ => Err(Error::NoValue { argument: argument.to_owned() }),
    }
}

/// Reads a file with a line `name: value` for each parameter.
///
/// # Errors
/// When it cannot be read, is not YAML, or is YAML for something else.
pub fn from_yaml_file(path: &Path) -> Result<Given, Error> {
    let shown = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|source| Error::Unreadable { path: shown.clone(), source })?;
    match yaml(&text).map_err(|source| Error::NotYaml { place: shown.clone(), source })? {
        Value::Object(values) => Ok(values.into_iter().collect()),
        Value::Null => Ok(Given::new()),
        _ => Err(Error::NotValues { path: shown }),
    }
}

/// Puts the later of two lists of values on top of the earlier.
pub fn merged<T>(earlier: Vec<(String, T)>, later: Vec<(String, T)>) -> Vec<(String, T)> {
    let mut all: Vec<(String, T)> = Vec::new();
    for (name, value) in earlier.into_iter().chain(later) {
        match all.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => all.push((name, value)),
        }
    }
    all
}

/// The alternatives in `1,2,4`: commas within brackets and quotes separate nothing.
pub fn alternatives_in_text(text: &str) -> Vec<Value> {
    let mut parts = vec![String::new()];
    let (mut depth, mut quote) = (0_usize, None);
    for character in text.chars() {
        match (character, quote) {
            (',', None) if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            ('[' | '{' | '(', None) => depth += 1,
            (']' | '}' | ')', None) => depth = depth.saturating_sub(1),
            ('"' | '\'', None) if parts.last().is_some_and(|part| depth > 0 || part.trim().is_empty()) => {
                quote = Some(character);
            }
            (character, Some(open)) if character == open => quote = None,
            _ => {}
        }
        parts.last_mut().expect("it has one from the start").push(character);
    }
    let unquoted = |part: String| {
        let trimmed = part.trim();
        let inner = ['"', '\''].into_iter().find_map(|quote| trimmed.strip_prefix(quote)?.strip_suffix(quote));
        Value::String(inner.unwrap_or(trimmed).to_owned())
    };
    parts.into_iter().map(unquoted).collect()
}

/// The alternatives that a value of a YAML file has: it is one itself where it fits the
/// parameter's type, else it is a list of them.
pub fn alternatives_in_yaml(parameters: &Parameters, name: &str, value: Value) -> Vec<Value> {
    let kind = parameters.find(name).and_then(|parameter| parameter.kind.as_ref());
    match value {
        Value::Array(values) if kind.is_none_or(|kind| literal(kind, &Value::Array(values.clone())).is_err()) => values,
        value => vec![value],
    }
}

/// The value that a YAML text has, as JSON.
///
/// # Errors
/// When it is not YAML.
pub fn yaml(text: &str) -> Result<Value, saphyr::ScanError> {
    let documents = Yaml::load_from_str(text)?;
    Ok(documents.first().map_or(Value::Null, to_json))
}

fn to_json(node: &Yaml) -> Value {
    match node {
        Yaml::Value(Scalar::Boolean(value)) => Value::Bool(*value),
        Yaml::Value(Scalar::Integer(value)) => Value::from(*value),
        Yaml::Value(Scalar::FloatingPoint(value)) => number(value.0),
        Yaml::Value(Scalar::String(text)) => Value::String(text.clone().into_owned()),
        Yaml::Sequence(values) => Value::Array(values.iter().map(to_json).collect()),
        Yaml::Mapping(entries) => {
            let entries = entries.iter().map(|(key, value)| {
                let key = match to_json(key) {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                (key, to_json(value))
            });
            Value::Object(entries.collect::<Map<_, _>>())
        }
        Yaml::Tagged(_, inner) => to_json(inner),
        Yaml::Representation(text, ..) => Value::String(text.clone().into_owned()),
        Yaml::Value(Scalar::Null) | Yaml::Alias(_) | Yaml::BadValue => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notebook::parameters::read;
    use serde_json::json;

    #[test]
    fn a_value_may_have_an_equals_sign() {
        let given = |text| from_command_line(text).expect(text);
        assert_eq!(given("a=b=c"), ("a".to_owned(), json!("b=c")));
        assert_eq!(given("a="), ("a".to_owned(), json!("")));
        for bad in ["a", "=a", ""] {
            assert!(from_command_line(bad).expect_err(bad).to_string().contains("-p workers=8"));
        }
    }

    #[test]
    fn yaml_becomes_json() {
        let text = "a: 1\nb: [1.5, -2, x, null, true]\nc: {d: \"1\", 2: e}\nf: &x [1]\ng: *x\nh: .inf";
        let expected = json!({
            "a": 1, "b": [1.5, -2, "x", null, true], "c": { "d": "1", "2": "e" }, "f": [1], "g": [1], "h": "inf"
        });
        assert_eq!(yaml(text).expect("YAML"), expected);
        assert_eq!(yaml("").expect("nothing"), json!(null));
        yaml("a: [").expect_err("not closed");
    }

    #[test]
    fn files_that_hold_no_values_are_refused() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("p.yaml");
        let read = |text: &str| {
            fs::write(&path, text).expect("written");
            from_yaml_file(&path)
        };
        assert_eq!(read("b: 1\na: x\n").expect("values").len(), 2);
        assert_eq!(read("# nothing\n").expect("values"), []);
        assert!(read("- 1").expect_err("a list").to_string().contains("workers: 8"));
        assert!(read("a: b: c").expect_err("no YAML").to_string().contains("p.yaml"));
        assert!(from_yaml_file(&folder.path().join("none")).expect_err("not there").to_string().contains("none"));
    }

    #[test]
    fn alternatives_are_parted_by_commas() {
        let parts = |text| Value::Array(alternatives_in_text(text));
        assert_eq!(parts("1, 2,4"), json!(["1", "2", "4"]));
        assert_eq!(parts("[1,2],[3]"), json!(["[1,2]", "[3]"]));
        assert_eq!(parts("\"a, b\",c's,'d'"), json!(["a, b", "c's", "d"]));
        assert_eq!(parts(""), json!([""]));

        let parameters = read("let n = 1; let v = vec![1];").expect("Rust");
        let of = |name, value| Value::Array(alternatives_in_yaml(&parameters, name, value));
        assert_eq!(of("n", json!([1, 2])), json!([1, 2]));
        assert_eq!(of("n", json!(1)), json!([1]));
        assert_eq!(of("v", json!([1, 2])), json!([[1, 2]]));
        assert_eq!(of("v", json!([[1], [2]])), json!([[1], [2]]));
    }

    #[test]
    fn the_later_value_counts() {
        let pair = |name: &str, value: i32| (name.to_owned(), value);
        let all = merged(vec![pair("a", 1), pair("b", 2)], vec![pair("a", 3), pair("c", 4)]);
        assert_eq!(all, [pair("a", 3), pair("b", 2), pair("c", 4)]);
    }
}
