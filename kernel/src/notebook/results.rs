//! What a notebook says are its results: the values that `%result` has put into the metadata
//! of outputs.

use serde_json::{Map, Value, json};

use super::document::Notebook;

/// A value with a name, as it stands in an output's metadata under `threadbook`, `result`.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    pub name: String,
    /// A number, a truth value or a text.
    pub value: Value,
    /// Of a number: `s`.
    pub unit: Option<&'static str>,
}

const UNITS: [&str; 1] = ["s"];

impl Recorded {
    /// What a value's `Debug` text says. A `Duration` becomes a number of seconds.
    pub fn of_text(name: &str, text: &str) -> Recorded {
        let name = name.to_owned();
        let text = text.trim();
        let (value, unit) = match (number(text), seconds(text), text) {
            (Some(number), ..) => (number, None),
            (_, Some(seconds), _) => (json!(seconds), Some("s")),
            (.., "true") => (json!(true), None),
            (.., "false") => (json!(false), None),
            _ => (Value::String(unquoted(text)), None),
        };
        Recorded { name, value, unit }
    }

    pub fn metadata(&self) -> Map<String, Value> {
        let mut result = json!({ "name": self.name, "value": self.value });
        if let Some(unit) = self.unit {
            result["unit"] = json!(unit);
        }
        Map::from_iter([("threadbook".to_owned(), json!({ "result": result }))])
    }

    fn of_metadata(metadata: &Value) -> Option<Recorded> {
        let result = &metadata["threadbook"]["result"];
        let unit = result["unit"].as_str();
        Some(Recorded {
            name: result["name"].as_str()?.to_owned(),
            value: result.get("value")?.clone(),
            unit: UNITS.into_iter().find(|known| Some(*known) == unit),
        })
    }
}

/// The results of a notebook that was run, in the order in which they first appear. One
/// that is recorded again has its last value.
pub fn of_notebook(notebook: &Notebook) -> Vec<Recorded> {
    let mut results: Vec<Recorded> = Vec::new();
    for found in notebook.outputs().filter_map(|output| Recorded::of_metadata(&output["metadata"])) {
        match results.iter_mut().find(|known| known.name == found.name) {
            Some(known) => *known = found,
            None => results.push(found),
        }
    }
    results
}

fn number(text: &str) -> Option<Value> {
    // `inf` and `nan` are no numbers of JSON.
    let is_number = text.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit());
    serde_json::from_str::<serde_json::Number>(text).ok().filter(|_| is_number).map(Value::Number)
}

/// The seconds of a `Duration`'s `Debug` text: `1.5ms`.
fn seconds(text: &str) -> Option<f64> {
    let units = [("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0)];
    let (digits, in_seconds) = units.into_iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, size)))?;
    // Text such as `infs` is none.
    let is_number = digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    digits.parse::<f64>().ok().filter(|_| is_number).map(|number| number * in_seconds)
}

/// A text without the quotes and escapes of its `Debug` form.
fn unquoted(text: &str) -> String {
    syn::parse_str::<syn::LitStr>(text).map_or_else(|_| text.to_owned(), |literal| literal.value())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_values() {
        for (text, value, unit) in [
            ("3", json!(3), None),
            ("-2.5", json!(-2.5), None),
            ("1e-7", json!(1e-7), None),
            ("18446744073709551615", json!(u64::MAX), None),
            ("true", json!(true), None),
            ("\"a \\\"b\\\"\"", json!("a \"b\""), None),
            ("Some(3)", json!("Some(3)"), None),
            ("NaN", json!("NaN"), None),
            ("inf", json!("inf"), None),
            ("1.5s", json!(1.5), Some("s")),
            ("250ms", json!(0.25), Some("s")),
            ("seconds", json!("seconds"), None),
            ("\"2s\"", json!("2s"), None),
        ] {
            let recorded = Recorded::of_text("r", text);
            assert_eq!((&recorded.value, recorded.unit), (&value, unit), "{text}");
            let metadata = Value::Object(recorded.metadata());
            assert_eq!(Recorded::of_metadata(&metadata), Some(recorded), "{text}");
        }
        assert_eq!(Recorded::of_metadata(&json!({})), None);
    }
}
