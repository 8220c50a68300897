//! Values for parameters, from text or YAML to Rust.

use serde_json::{Number, Value};

use super::kind::Kind;

/// Writes a value as Rust of that kind. A text (as on the command line) is read as the kind
/// asks for: `8` for a number, YAML for lists and maps.
///
/// # Errors
/// What the kind takes, to stand behind "`name` takes": `a whole number …, not `2.5``.
pub fn literal(kind: &Kind, value: &Value) -> Result<String, String> {
    let not = |takes: &str| Err(format!("{takes} ({kind}), not `{}`", shown(value)));
    match (kind, value) {
        (Kind::Bool, Value::Bool(value)) => Ok(value.to_string()),
        (Kind::Bool, Value::String(text)) => match text.trim() {
            "true" | "True" => Ok("true".to_owned()),
            "false" | "False" => Ok("false".to_owned()),
            _ => not("true or false"),
        },
        (Kind::Bool, _) => not("true or false"),
        (Kind::Char, Value::String(text)) => {
            let mut characters = text.chars();
            match (characters.next(), characters.next()) {
                (Some(character), None) => Ok(format!("{character:?}")),
                _ => not("one character"),
            }
        }
        // YAML and papermill take a digit for a number.
        (Kind::Char, Value::Number(number)) if number.as_u64().is_some_and(|digit| digit < 10) => {
            Ok(format!("'{number}'"))
        }
        (Kind::Char, _) => not("one character"),
        (Kind::Integer(name), Value::Number(number)) => integer(name, &number.to_string()).or_else(|why| not(&why)),
        (Kind::Integer(name), Value::String(text)) => integer(name, text).or_else(|why| not(&why)),
        (Kind::Integer(name), _) => not(&range_text(name)),
        (Kind::Float(name), Value::Number(number)) => float(name, &number.to_string()).or_else(|why| not(&why)),
        (Kind::Float(name), Value::String(text)) => float(name, text).or_else(|why| not(&why)),
        (Kind::Float(_), _) => not("a number"),
        (Kind::Str, Value::String(text)) => Ok(format!("{text:?}")),
        (Kind::String, Value::String(text)) => Ok(format!("String::from({text:?})")),
        (Kind::Path, Value::String(text)) => Ok(format!("std::path::PathBuf::from({text:?})")),
        (Kind::Str | Kind::String | Kind::Path, _) => not("a text, in quotes"),
        (Kind::Optional(_), Value::Null) => Ok("None".to_owned()),
        (Kind::Optional(_), Value::String(text)) if matches!(text.trim(), "None" | "null") => Ok("None".to_owned()),
        (Kind::Optional(inner), value) => Ok(format!("Some({})", literal(inner, value)?)),
        (Kind::Reference(inner), value) => match (&**inner, value) {
            // The compiler must not take the reference for one to an array of another length.
            (Kind::Slice(element), value) => Ok(format!("&[{}]", elements(kind, element, value, None)?)),
            (inner, value) => Ok(format!("&{}", literal(inner, value)?)),
        },
        (Kind::Vec(element), value) => Ok(format!("vec![{}]", elements(kind, element, value, None)?)),
        (Kind::Array(element, length), value) => Ok(format!("[{}]", elements(kind, element, value, *length)?)),
        (Kind::Slice(element), value) => Ok(format!("[{}]", elements(kind, element, value, None)?)),
        (Kind::Set(name, element), value) => {
            Ok(format!("std::collections::{name}::from([{}])", elements(kind, element, value, None)?))
        }
        (Kind::Tuple(kinds), value) => tuple(kind, kinds, value),
        (Kind::Map(name, key, element), value) => {
            let read = structured(value);
            let Some(Value::Object(entries)) = &read else { return not("names with values, as `{a: 1, b: 2}`") };
            let entries = entries.iter().map(|(name, value)| {
                Ok(format!("({}, {})", literal(key, &Value::String(name.clone()))?, literal(element, value)?))
            });
            let entries = entries.collect::<Result<Vec<_>, String>>()?;
            Ok(format!("std::collections::{name}::from([{}])", entries.join(", ")))
        }
    }
}

/// The same for a value of which only its own form is known.
///
/// # Errors
/// A line that says why there is none.
pub fn untyped(value: &Value) -> Result<String, String> {
    match value {
        Value::Bool(value) => Ok(value.to_string()),
        Value::Number(number) if number.is_f64() => float("f64", &number.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::String(text) => Ok(format!("{text:?}")),
        Value::Array(values) => {
            let values = values.iter().map(untyped).collect::<Result<Vec<_>, _>>()?;
            Ok(format!("vec![{}]", values.join(", ")))
        }
        Value::Null | Value::Object(_) => {
            Err(format!("`{value}` says nothing of its type: define the parameter in the cell tagged `parameters`"))
        }
    }
}

/// The elements as they stand between brackets.
fn elements(kind: &Kind, element: &Kind, value: &Value, length: Option<usize>) -> Result<String, String> {
    let read = structured(value);
    let Some(Value::Array(values)) = &read else {
        return Err(format!("a list as `[…, …]` ({kind}), not `{}`", shown(value)));
    };
    if let Some(length) = length
        && values.len() != length
    {
        return Err(format!("a list of {length} values ({kind}), not of {}", values.len()));
    }
    let in_list = |why: String| format!("a list ({kind}), each value {why}");
    let values: Result<Vec<_>, _> = values.iter().map(|value| literal(element, value).map_err(in_list)).collect();
    Ok(values?.join(", "))
}

fn tuple(kind: &Kind, kinds: &[Kind], value: &Value) -> Result<String, String> {
    let read = structured(value);
    match &read {
        Some(Value::Array(values)) if values.len() == kinds.len() => {
            let values = kinds.iter().zip(values).map(|(kind, value)| literal(kind, value));
            let values = values.collect::<Result<Vec<_>, _>>()?;
            Ok(format!("({}{})", values.join(", "), if values.len() == 1 { "," } else { "" }))
        }
        _ => Err(format!("a list of {} values ({kind}), not `{}`", kinds.len(), shown(value))),
    }
}

/// What a text means as YAML; other values are what they are.
fn structured(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) => super::given::yaml(text).ok(),
        value => Some(value.clone()),
    }
}

/// How a person would have written it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// The least and the greatest value. `isize` and `usize` are taken to be the same where the
/// notebook runs as here.
fn range(name: &str) -> (i128, u128) {
    match name {
        "u8" => (0, u8::MAX.into()),
        "u16" => (0, u16::MAX.into()),
        "u32" => (0, u32::MAX.into()),
        "u64" => (0, u64::MAX.into()),
        "usize" => (0, usize::MAX as u128),
        "u128" => (0, u128::MAX),
        "i8" => (i8::MIN.into(), i8::MAX as u128),
        "i16" => (i16::MIN.into(), i16::MAX as u128),
        "i32" => (i32::MIN.into(), i32::MAX as u128),
        "i64" => (i64::MIN.into(), i64::MAX as u128),
        "isize" => (isize::MIN as i128, isize::MAX as u128),
        _ => (i128::MIN, i128::MAX as u128),
    }
}

fn range_text(name: &str) -> String {
    let (least, greatest) = range(name);
    format!("a whole number from {least} to {greatest}")
}

/// # Errors
/// What it takes.
fn integer(name: &str, text: &str) -> Result<String, String> {
    let takes = || range_text(name);
    let text = text.trim().replace('_', "");
    let text = text.strip_suffix(name).unwrap_or(&text);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, radix) = [("0x", 16), ("0o", 8), ("0b", 2)]
        .into_iter()
        .find_map(|(prefix, radix)| Some((digits.strip_prefix(prefix)?, radix)))
        .unwrap_or((digits, 10));
    // A second sign is no digit.
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return Err(takes());
    }
    let size = u128::from_str_radix(digits, radix).map_err(|_| takes())?;
    let (least, greatest) = range(name);
    match negative {
        false if size <= greatest => Ok(size.to_string()),
        true if size <= least.unsigned_abs() => Ok(if size == 0 { "0".to_owned() } else { format!("-{size}") }),
        _ => Err(takes()),
    }
}

/// # Errors
/// What it takes.
fn float(name: &str, text: &str) -> Result<String, String> {
    let text = text.trim().replace('_', "");
    let text = text.strip_suffix(name).unwrap_or(&text);
    // YAML writes `.inf` and `.nan`.
    let plain = text.replace(".inf", "inf").replace(".nan", "nan");
    let value: f64 = plain.parse().map_err(|_| "a number".to_owned())?;
    let (written, infinite) = match name {
        "f32" => (format!("{:?}", value as f32), (value as f32).is_infinite()),
        _ => (format!("{value:?}"), value.is_infinite()),
    };
    if value.is_nan() {
        return Ok(format!("{name}::NAN"));
    }
    if !infinite {
        return Ok(written);
    }
    if !plain.to_lowercase().contains("inf") {
        return Err("a number of its size".to_owned());
    }
    Ok(format!("{name}::{}", if value < 0.0 { "NEG_INFINITY" } else { "INFINITY" }))
}

/// A number as YAML or JSON may hold it, infinities as text.
pub fn number(value: f64) -> Value {
    Number::from_f64(value).map_or_else(|| Value::String(value.to_string()), Value::Number)
}

/// What a notebook's metadata keeps of a value: a number that was given as text is one there.
pub fn recorded(kind: Option<&Kind>, value: &Value) -> Value {
    let Value::String(text) = value else { return value.clone() };
    let as_json = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| value.clone());
    match kind {
        Some(Kind::Bool) => as_json(&text.trim().to_lowercase()),
        Some(kind @ (Kind::Integer(_) | Kind::Float(_))) => {
            literal(kind, value).map_or_else(|_| value.clone(), |literal| as_json(&literal))
        }
        Some(Kind::Optional(_)) if matches!(text.trim(), "None" | "null") => Value::Null,
        Some(Kind::Optional(inner)) => recorded(Some(inner), value),
        None | Some(Kind::Char | Kind::Str | Kind::String | Kind::Path) => value.clone(),
        Some(_) => structured(value).unwrap_or_else(|| value.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written(kind: &str, value: Value) -> Result<String, String> {
        literal(&Kind::of_type(&syn::parse_str(kind).expect(kind)).expect(kind), &value)
    }

    #[test]
    fn texts_are_read_as_the_type_asks() {
        for (kind, text, rust) in [
            ("usize", "8", "8"),
            ("usize", " 1_000 ", "1000"),
            ("u8", "0xff", "255"),
            ("i32", "-3", "-3"),
            ("u64", "8u64", "8"),
            ("i8", "-128", "-128"),
            ("u128", "340282366920938463463374607431768211455", "340282366920938463463374607431768211455"),
            ("f64", "2", "2.0"),
            ("f64", "-1e-3", "-0.001"),
            ("f32", "0.1", "0.1"),
            ("f64", "inf", "f64::INFINITY"),
            ("f32", "-inf", "f32::NEG_INFINITY"),
            ("f64", "NaN", "f64::NAN"),
            ("bool", "True", "true"),
            ("char", "ä", "'ä'"),
            ("char", "'", "'\\''"),
            ("&str", "a \"b\" \\ {c}\n", "\"a \\\"b\\\" \\\\ {c}\\n\""),
            ("String", "8", "String::from(\"8\")"),
            ("PathBuf", "/a b", "std::path::PathBuf::from(\"/a b\")"),
            ("Option<u8>", "None", "None"),
            ("Option<u8>", "7", "Some(7)"),
            ("Vec<f64>", "[1, 2.5]", "vec![1.0, 2.5]"),
            ("Vec<&str>", "[a, \"b c\"]", "vec![\"a\", \"b c\"]"),
            ("[u8; 2]", "[1, 2]", "[1, 2]"),
            ("&[u8]", "[]", "&[]"),
            ("(u8, char)", "[1, x]", "(1, 'x')"),
            ("BTreeMap<String, u8>", "{a: 1}", "std::collections::BTreeMap::from([(String::from(\"a\"), 1)])"),
        ] {
            assert_eq!(written(kind, json!(text)), Ok(rust.to_owned()), "{kind} {text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_says_what_would() {
        for (kind, text, why) in [
            ("usize", "2.5", "a whole number from 0 to 18446744073709551615 (usize), not `2.5`"),
            ("usize", "-1", "a whole number from 0 to 18446744073709551615 (usize), not `-1`"),
            ("u8", "256", "a whole number from 0 to 255 (u8), not `256`"),
            ("i8", "-129", "a whole number from -128 to 127 (i8), not `-129`"),
            ("i32", "", "a whole number from -2147483648 to 2147483647 (i32), not ``"),
            ("i32", "--3", "a whole number from -2147483648 to 2147483647 (i32), not `--3`"),
            ("f64", "fast", "a number (f64), not `fast`"),
            ("f32", "1e39", "a number of its size (f32), not `1e39`"),
            ("bool", "1", "true or false (bool), not `1`"),
            ("char", "ab", "one character (char), not `ab`"),
            ("Vec<u8>", "7", "a list as `[…, …]` (Vec<u8>), not `7`"),
            ("Vec<u8>", "[7, 256]", "a list (Vec<u8>), each value a whole number from 0 to 255 (u8), not `256`"),
            ("[u8; 2]", "[1]", "a list of 2 values ([u8; 2]), not of 1"),
            ("(u8, u8)", "[1]", "a list of 2 values ((u8, u8)), not `[1]`"),
        ] {
            assert_eq!(written(kind, json!(text)), Err(why.to_owned()), "{kind} {text}");
        }
        for (kind, value) in
            [("usize", json!(2.0)), ("usize", json!(true)), ("&str", json!(1)), ("bool", json!(1)), ("u8", json!(null))]
        {
            written(kind, value).expect_err(kind);
        }
    }

    #[test]
    fn values_of_yaml_keep_their_type() {
        assert_eq!(written("f64", json!(2)), Ok("2.0".to_owned()));
        assert_eq!(written("Option<u8>", json!(null)), Ok("None".to_owned()));
        assert_eq!(written("Vec<Option<i8>>", json!([1, null])), Ok("vec![Some(1), None]".to_owned()));
        assert_eq!(untyped(&json!([1, 2])), Ok("vec![1, 2]".to_owned()));
        assert_eq!(untyped(&json!(1e300)), Ok("1e300".to_owned()));
        untyped(&json!(null)).expect_err("no type");
    }

    #[test]
    fn metadata_holds_numbers_and_lists() {
        let recorded =
            |kind: &str, text: &str| recorded(Kind::of_type(&syn::parse_str(kind).expect(kind)).as_ref(), &json!(text));
        assert_eq!(recorded("usize", "1_000"), json!(1000));
        assert_eq!(recorded("f64", "2"), json!(2.0));
        assert_eq!(recorded("f64", "inf"), json!("inf"));
        assert_eq!(recorded("bool", "True"), json!(true));
        assert_eq!(recorded("&str", "8"), json!("8"));
        assert_eq!(recorded("Vec<u8>", "[1, 2]"), json!([1, 2]));
        assert_eq!(recorded("Option<u8>", "None"), json!(null));
    }

    /// Whatever is written is an expression of Rust.
    #[test]
    fn strange_texts_stay_texts() {
        for text in ["\"); panic!(\"", "\u{0}\u{7f}\u{301}", "{}", "\\", "'", "\r\n\t", "\u{202e}evil"] {
            let rust = written("&str", json!(text)).expect("a text");
            let parsed: syn::LitStr = syn::parse_str(&rust).expect("a literal");
            assert_eq!(parsed.value(), text);
        }
    }
}
