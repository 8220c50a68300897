//! `NAME?`, `NAME??` and `:doc NAME`: what is known about a name.
//!
//! The page goes to the front end's pager, as IPython's does: jupyter console pages it,
//! JupyterLab, Notebook and VS Code put it below the cell. Programs that run a notebook
//! without a person (nbclient, papermill, `threadbook run`) have no pager and drop it; they
//! are those that do not let a cell ask for input. For them it is a display, so that the
//! notebook that they save is the one that JupyterLab would save. Doing both everywhere
//! would show it twice in JupyterLab.

use serde_json::Value;

use super::{Cell, usage_error};
use crate::cell::magic::table::{self, as_typed};
use crate::language;
use crate::language::scope::Scope;
use crate::output::{CellError, MimeBundle};
use crate::session::notebook::Notebook;
use crate::session::notices::{show_data, show_text};
use crate::session::scope_of;

/// Shows what is known about `name`; with `more` the source of the notebook's own items.
pub async fn answer(notebook: &Notebook, cell: &mut Cell, name: &str, more: bool) {
    let scope = scope_of(&notebook.definitions, notebook.setup.tools().crates.clone());
    match page(&scope, name, more) {
        Some(page) => show_page(cell, page).await,
        None => {
            let hint = nearest(&scope, name).map(|near| format!(": did you mean `{near}`?"));
            show_text(format!("Nothing is known of `{name}`{}", hint.unwrap_or(".".to_owned())), &cell.output).await;
        }
    }
}

/// `:doc NAME`.
pub async fn doc(notebook: &Notebook, cell: &mut Cell, words: &str) -> Result<(), CellError> {
    let name = words.trim_end_matches(['?', ';']).trim();
    if name.is_empty() {
        return Err(usage_error("`:doc` takes a name: `:doc Vec`, `:doc std::thread::spawn`."));
    }
    answer(notebook, cell, name, words.ends_with("??")).await;
    Ok(())
}

fn page(scope: &Scope, name: &str, more: bool) -> Option<MimeBundle> {
    let inspect = |code: &str| {
        let end = code.trim_end_matches('!').len();
        language::inspect(scope, as_typed(), code, end, u8::from(more))
    };
    if let Some(page) = inspect(name) {
        return Some(page);
    }
    let (sign, plain) = name.split_at(name.len() - name.trim_start_matches(['%', ':']).len());
    let magic = match sign {
        "" | "%" | ":" => table::find(plain, false).or_else(|| table::find(plain, true)),
        "%%" => table::find(plain, true),
        _ => None,
    };
    magic.map(|magic| {
        let text = |mime: &str| (mime.to_owned(), Value::String(magic.page()));
        MimeBundle::from_iter([text("text/plain"), text("text/markdown")])
    })
}

/// The known name that is written most like this one.
fn nearest(scope: &Scope, name: &str) -> Option<String> {
    if name.starts_with(['%', ':']) {
        return table::nearest(name.trim_start_matches(['%', ':']), name.starts_with("%%"));
    }
    let (owner, last) = name.split_at(name.rfind(['.', ':']).map_or(0, |at| at + 1));
    let known = language::complete(scope, as_typed(), owner, owner.len()).matches;
    let far = (last.chars().count() + 1) / 3;
    known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(known.text.trim_end_matches('!'), last.trim_end_matches('!')), known))
        .filter(|(distance, _)| *distance <= far)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, near)| format!("{owner}{}", near.text))
}

/// Adds to what the cell pages, or displays it where nobody pages.
async fn show_page(cell: &mut Cell, page: MimeBundle) {
    if !cell.allow_stdin {
        return show_data(page, &cell.output).await;
    }
    let pages = cell.page.get_or_insert_default();
    for (mime, text) in page {
        match (pages.get_mut(&mime), text) {
            (Some(Value::String(before)), Value::String(text)) => {
                before.push_str(if mime == "text/markdown" { "\n\n---\n\n" } else { "\n\n\n" });
                before.push_str(&text);
            }
            (_, text) => drop(pages.insert(mime, text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::scope::{Item, Variable};

    fn scope() -> Scope {
        let variable =
            Variable { name: "numbers".into(), type_name: "std::vec::Vec<i32>".into(), mutable: true, cell: 3 };
        let source = "/// Twice as much.\nfn double(n: i32) -> i32 { n * 2 }".into();
        Scope {
            variables: vec![variable],
            items: vec![Item { name: "double".into(), kind: "fn", source, cell: 2 }],
            ..Scope::default()
        }
    }

    fn plain(name: &str, more: bool) -> String {
        let page = page(&scope(), name, more).unwrap_or_else(|| panic!("nothing on {name}"));
        page["text/plain"].as_str().unwrap_or_default().to_owned()
    }

    #[test]
    fn every_kind_of_name_has_a_page() {
        for (name, words) in [
            ("numbers", "let mut numbers: Vec<i32>"),
            ("numbers.push", "fn push"),
            ("double", "Twice as much."),
            ("Vec", "struct Vec"),
            ("HashMap", "HashMap"),
            ("std::thread::spawn", "fn spawn"),
            ("Vec::with_capacity", "with_capacity"),
            ("println!", "println!"),
            ("println", "println!"),
            ("match", "keyword"),
            ("std::sync", "mod std::sync"),
            ("%timeit", "loops in a run"),
            ("%%timeit", "loops in a run"),
            ("timeit", "fn timeit"),
            ("lsmagic", "Lists the magics"),
            (":dep", "crate"),
            ("%sccache", "does nothing here"),
        ] {
            assert!(plain(name, false).contains(words), "{name}: {}", plain(name, false));
        }
        assert!(!plain("double", false).contains("n * 2"));
        assert!(plain("double", true).contains("n * 2"));
    }

    #[test]
    fn a_slip_finds_its_name() {
        let near = |name| nearest(&scope(), name);
        assert_eq!(near("numbres").as_deref(), Some("numbers"));
        assert_eq!(near("duoble").as_deref(), Some("double"));
        assert_eq!(near("HasMap").as_deref(), Some("HashMap"));
        assert_eq!(near("numbers.psuh").as_deref(), Some("numbers.push"));
        assert_eq!(near("std::thread::spwan").as_deref(), Some("std::thread::spawn"));
        assert_eq!(near("printn!").as_deref(), Some("print!"));
        assert_eq!(near("%tiemit").as_deref(), Some("%timeit"));
        assert_eq!(near("qqqqqq"), None);
    }
}
