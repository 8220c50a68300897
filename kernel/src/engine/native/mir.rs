//! Types of variables, read from the compiler's own output (`--emit=mir`).
//!
//! Generated code hands each variable to `keep("name", &mut kept)`. The emitted text
//! has that call and declares the local that is passed, with its full type:
//!
//! ```text
//! let mut _6: &mut std::mem::ManuallyDrop<std::vec::Vec<u8>>;
//! _5 = keep::<Vec<u8>>(const "v", move _6) -> …
//! ```

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::type_text;

/// What a cell's compiled code says of its variables.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirTypes {
    /// As the compiler prints it, by variable.
    pub kept: BTreeMap<String, String>,
    /// `fn(i32) -> i32`, by the closure's variable.
    pub signatures: BTreeMap<String, String>,
    /// How the closures among the kept variables are called, by their types as printed.
    pub closures: BTreeMap<String, ClosureKind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClosureKind {
    Fn,
    FnMut,
    FnOnce,
}

impl ClosureKind {
    pub fn trait_name(self) -> &'static str {
        match self {
            ClosureKind::Fn => "std::ops::Fn",
            ClosureKind::FnMut => "std::ops::FnMut",
            ClosureKind::FnOnce => "std::ops::FnOnce",
        }
    }
}

const KEPT_PREFIX: &str = "&mut std::mem::ManuallyDrop<";

/// Reads the text of a `.mir` file.
pub fn read(mir: &str) -> MirTypes {
    let mut types = MirTypes::default();
    let mut locals: HashMap<&str, &str> = HashMap::new();
    let mut texts: HashMap<&str, &str> = HashMap::new();
    for line in mir.lines() {
        if line.starts_with("fn ") {
            locals.clear();
            texts.clear();
            if let Some((closure, kind)) = closure_header(line) {
                types.closures.insert(closure, kind);
            }
            continue;
        }
        let line = line.trim_start();
        if let Some(declaration) = line.strip_prefix("let ") {
            let declaration = declaration.strip_prefix("mut ").unwrap_or(declaration);
            if let Some((local, type_name)) = declaration.split_once(": ") {
                locals.insert(local, type_name.trim_end_matches(';'));
            }
            continue;
        }
        if let Some((local, text)) = line.strip_suffix("\";").and_then(|line| line.split_once(" = const \"")) {
            texts.insert(local, text);
            continue;
        }
        let (function, into) = if line.contains("keep::<") {
            ("keep::<", &mut types.kept)
        } else if line.contains("tell::<") {
            ("tell::<", &mut types.signatures)
        } else {
            continue;
        };
        if let Some((name, local)) = call_arguments(line, function)
            && let Some(name) =
                name.strip_prefix("const \"").map_or_else(|| texts.get(name).copied(), |text| text.strip_suffix('"'))
            && let Some(type_name) = locals.get(local).and_then(|type_name| inner(type_name))
        {
            into.insert(name.to_owned(), type_name.to_owned());
        }
    }
    for signature in types.signatures.values_mut() {
        if let Some(inner) = signature.strip_prefix("std::marker::PhantomData<").and_then(|rest| rest.strip_suffix('>'))
        {
            *signature = inner.to_owned();
        }
    }
    let kept: HashSet<&String> = types.kept.values().collect();
    types.closures.retain(|closure, _| kept.contains(closure));
    types
}

/// `T` of `&mut std::mem::ManuallyDrop<T>`.
fn inner(type_name: &str) -> Option<&str> {
    type_name.strip_prefix(KEPT_PREFIX)?.strip_suffix('>')
}

/// The two arguments of `_5 = …keep::<…>(const "v", move _6) -> …`. The first may be a
/// local, too.
fn call_arguments<'a>(line: &'a str, function: &str) -> Option<(&'a str, &'a str)> {
    let call = &line[line.find(function)?..];
    let call = &call[..call.rfind(") -> ")?];
    let arguments = &call[call.rfind(">(")? + ">(".len()..];
    let (name, local) = arguments.split_once(", ")?;
    let plain = |argument: &'a str| argument.trim_start_matches("move ").trim_start_matches("copy ");
    Some((plain(name), plain(local)))
}

/// The closure's type and kind in `fn a::{closure#0}(_1: &{closure@cell.rs:1:2: 1:9}, …`.
fn closure_header(line: &str) -> Option<(String, ClosureKind)> {
    let first = line.split_once("(_1: ")?.1;
    let (kind, rest) = if let Some(rest) = first.strip_prefix("&mut {closure@") {
        (ClosureKind::FnMut, rest)
    } else if let Some(rest) = first.strip_prefix("&{closure@") {
        (ClosureKind::Fn, rest)
    } else {
        (ClosureKind::FnOnce, first.strip_prefix("{closure@")?)
    };
    let end = rest.find('}')?;
    Some((format!("{{closure@{}}}", &rest[..end]), kind))
}

impl MirTypes {
    /// The boxed form of a closure variable: type and making expression. `thread_safe`
    /// adds `Send + Sync`.
    pub fn boxed_closure(&self, name: &str, thread_safe: bool) -> Option<(String, String)> {
        let kind = self.closures.get(self.kept.get(name)?)?;
        let signature = self.signatures.get(name)?;
        let signature = type_text::nameable(signature)?;
        let (_, arguments) = signature.split_once("fn")?;
        let bounds = if thread_safe { " + Send + Sync" } else { "" };
        let boxed = format!("std::boxed::Box<dyn {}{arguments}{bounds}>", kind.trait_name());
        Some((boxed, format!("std::boxed::Box::new({})", super::generate::identifier(name))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = r#"
fn __tb_body::{closure#0}(_1: {closure@cell.rs:7:14: 7:38}) -> Result<(), String> {
    let mut _25: &mut std::mem::ManuallyDrop<std::vec::Vec<u8>>;
    let mut _27: &mut std::mem::ManuallyDrop<{closure@cell.rs:9:17: 9:33}>;
    let mut _28: &mut std::mem::ManuallyDrop<std::marker::PhantomData<fn(i32, &str) -> std::string::String>>;
    bb3: {
        _24 = keep::<Vec<u8>>(const "v", move _25) -> [return: bb4, unwind continue];
        _26 = threadbook::__rt::keep::<{closure@cell.rs:9:17: 9:33}>(const "f", copy _27) -> [return: bb4];
        _30 = const "f";
        _29 = tell::<PhantomData<fn(i32, &str) -> String>>(move _30, move _28) -> [return: bb4];
    }
}
fn __tb_body::{closure#0}::{closure#0}(_1: &mut {closure@cell.rs:9:17: 9:33}, _2: i32, _3: &str) -> String {
"#;

    #[test]
    fn variables_and_closures_are_read() {
        let types = read(SAMPLE);
        assert_eq!(types.kept["v"], "std::vec::Vec<u8>");
        let (boxed, expression) = types.boxed_closure("f", true).expect("a closure");
        assert_eq!(boxed, "std::boxed::Box<dyn std::ops::FnMut(i32, &str) -> std::string::String + Send + Sync>");
        assert_eq!(expression, "std::boxed::Box::new(f)");
    }
}
