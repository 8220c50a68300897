//! Names that a glob import of the notebook brings, and the prelude has too.
//!
//! In a program, what `use std::sync::*;` brings comes before Rust's own prelude. Here both are
//! glob imports of one module, and which of them a name means is open: the compiler warns of
//! it, or refuses it. Then the name is imported by itself, from where the notebook has it.

use std::collections::BTreeSet;

use super::diagnostics::{CompilerOutput, Diagnostic};
use super::generate::Generated;
use crate::cell::use_tree::leaves;

/// The warning and the error that name the two imports.
const AMBIGUOUS: [&str; 2] = ["ambiguous_glob_imports", "E0659"];

/// The imports (`std::sync::Barrier`) by which names are the notebook's that the compiler found
/// open.
pub fn notebooks_own(output: &CompilerOutput, generated: &Generated) -> BTreeSet<String> {
    let ambiguous = output.diagnostics.iter().filter(|told| AMBIGUOUS.iter().any(|code| told.has_code(code)));
    ambiguous.filter_map(|told| notebooks_import(told, generated)).collect()
}

fn notebooks_import(told: &Diagnostic, generated: &Generated) -> Option<String> {
    let spans = told.spans.iter().chain(told.children.iter().flat_map(|note| &note.spans));
    let places: Vec<_> = spans.filter(|span| span.in_main_file).map(|span| span.range()).collect();
    if !places.iter().any(|place| generated.prelude.contains(&place.start)) {
        return None;
    }
    let globs: BTreeSet<String> = places.iter().filter_map(|place| glob_that_ends_at(place.end, generated)).collect();
    // With two globs of its own the notebook would be refused in a program, too.
    let [path] = Vec::from_iter(globs).try_into().ok()?;
    let name = told.message.split('`').nth(1)?;
    Some(format!("{path}{name}"))
}

/// `std::sync::` of a `use std::{sync::*, …}`, the end of whose `sync::*` is there.
fn glob_that_ends_at(end: usize, generated: &Generated) -> Option<String> {
    let item = generated.uses.iter().find(|item| item.contains(&end))?;
    let syn::Item::Use(parsed) = syn::parse_str(generated.source.as_str().get(item.clone())?).ok()? else {
        return None;
    };
    let leaf = leaves(&parsed.tree).into_iter().find(|leaf| item.start + leaf.end == end)?;
    Some(leaf.text.strip_suffix('*')?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::source::SourceText;

    const PRELUDE: &str = "use threadbook::prelude::*;\n";
    const USE: &str = "#[doc(hidden)] use std::{thread::*, sync::*};\n";

    /// What a compiler says that takes two glob imports of one name as an error.
    fn told(one: &str, other: &str) -> (CompilerOutput, Generated) {
        let mut source = SourceText::default();
        source.push(PRELUDE);
        source.push(USE);
        let text = source.as_str();
        let span = |glob: &str| {
            let start = text.find(glob).expect("it is there");
            serde_json::json!({ "file_name": "cell.rs", "byte_start": start, "byte_end": start + glob.len() })
        };
        let note = |glob| serde_json::json!({ "message": "could refer to", "level": "note", "spans": [span(glob)] });
        let error = serde_json::json!({
            "$message_type": "diagnostic", "message": "`Barrier` is ambiguous", "level": "error",
            "code": { "code": "E0659" }, "children": [note(one), note(other)],
        });
        let output = CompilerOutput::parse(&error.to_string(), "cell.rs");
        let (prelude, uses) = (0..PRELUDE.len(), std::iter::once(PRELUDE.len()..text.len()).collect());
        (output, Generated { source, regions: Vec::new(), old_items: Vec::new(), uses, prelude })
    }

    #[test]
    fn the_notebooks_glob_is_found_in_either_place() {
        for (one, other) in [("threadbook::prelude::*", "sync::*"), ("sync::*", "threadbook::prelude::*")] {
            let (output, generated) = told(one, other);
            assert_eq!(Vec::from_iter(notebooks_own(&output, &generated)), ["std::sync::Barrier"]);
        }
    }

    #[test]
    fn two_globs_of_the_notebook_are_its_own_affair() {
        let (output, generated) = told("sync::*", "thread::*");
        assert!(notebooks_own(&output, &generated).is_empty());
    }
}
