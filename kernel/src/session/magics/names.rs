//! `%who`, `%whos`, `%vars`: what the notebook has defined.

use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use super::types;
use crate::cell::item::ItemKind;
use crate::language::known::{Known, Place};
use crate::language::types::shorten_type;
use crate::output::MimeBundle;
use crate::session::notebook::Notebook;
use crate::session::scope_of;

/// A variable or an item.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    name: String,
    /// `let`, `let mut`, `fn`, `struct`, …
    kind: &'static str,
    /// What can be said in short: a variable's type, a function's signature.
    about: String,
    cell: u32,
}

impl Row {
    fn is_variable(&self) -> bool {
        self.kind.starts_with("let")
    }

    /// Whether it is of the kind `fn`, `mut`, or of the type `Vec` or `Vec<i32>`.
    fn is(&self, wanted: &str) -> bool {
        let of_kind = self.kind.split(' ').any(|word| word == wanted);
        let bare = self.about.trim_start_matches(['&', '*']);
        let bare = bare.split(['<', '(', '[']).next().unwrap_or(bare);
        of_kind || self.is_variable() && (self.about == wanted || !bare.is_empty() && bare == wanted)
    }
}

/// Variables, then items, each by name.
fn rows(notebook: &Notebook) -> Vec<Row> {
    let definitions = &notebook.definitions;
    let variables = definitions.variables.iter().map(|(name, variable)| Row {
        name: name.clone(),
        kind: if variable.mutable { "let mut" } else { "let" },
        about: types::shown(&variable.type_name),
        cell: variable.cell,
    });
    let known = Known::new(&scope_of(definitions, Vec::new()), "");
    let about = |name: &str, kind: &str, cell: u32| {
        let found = known.definitions.iter().rev().find(|known| {
            known.name == name && known.kind == kind && known.module.is_empty() && known.place == Place::Cell(cell)
        });
        found.and_then(|found| after_name(&shorten_type(&found.signature()), name)).unwrap_or_default()
    };
    let mut items: Vec<Row> = Vec::new();
    for item in definitions.items.iter().map(|stored| &stored.item) {
        if matches!(item.kind, ItemKind::Impl | ItemKind::Use | ItemKind::ExternCrate | ItemKind::Other) {
            continue;
        }
        let (kind, cell) = (item.kind.keyword(), item.source.number);
        items.extend(item.names.iter().map(|name| Row {
            name: name.clone(),
            kind,
            about: about(name, kind, cell),
            cell,
        }));
    }
    items.sort_by(|one, other| one.name.cmp(&other.name));
    variables.chain(items).collect()
}

/// `(n: i32) -> i32` of `fn double(n: i32) -> i32`.
fn after_name(signature: &str, name: &str) -> Option<String> {
    let at = signature.find(&format!(" {name}"))? + 1 + name.len();
    Some(signature[at..].trim_start_matches([':', '=', ' ']).trim().to_owned())
}

fn chosen(notebook: &Notebook, kinds: &str) -> Result<Vec<Row>, String> {
    let mut rows = rows(notebook);
    if rows.is_empty() {
        return Err("no variables and no items yet".to_owned());
    }
    let kinds: Vec<&str> = kinds.split_whitespace().collect();
    rows.retain(|row| kinds.is_empty() || kinds.iter().any(|kind| row.is(kind)));
    if rows.is_empty() {
        return Err(format!("nothing is of the kind `{}`", kinds.join("` or `")));
    }
    Ok(rows)
}

/// `%who`: the names.
pub fn who(notebook: &Notebook, kinds: &str) -> String {
    match chosen(notebook, kinds) {
        Ok(rows) => super::listing::wrapped(rows.iter().map(|row| row.name.as_str())),
        Err(none) => none,
    }
}

/// `%whos`: a table, as text and as HTML.
pub fn whos(notebook: &Notebook, kinds: &str) -> MimeBundle {
    bundle(chosen(notebook, kinds))
}

/// `%vars`: the variables of the same table.
pub fn vars(notebook: &Notebook) -> MimeBundle {
    let mut rows = rows(notebook);
    rows.retain(Row::is_variable);
    bundle(if rows.is_empty() { Err("no variables yet".to_owned()) } else { Ok(rows) })
}

fn bundle(rows: Result<Vec<Row>, String>) -> MimeBundle {
    let entry = |mime: &str, text: String| (mime.to_owned(), Value::String(text));
    match rows {
        Ok(rows) => MimeBundle::from_iter([entry("text/plain", text(&rows)), entry("text/html", html(&rows))]),
        Err(none) => MimeBundle::from_iter([entry("text/plain", none)]),
    }
}

const HEADINGS: [&str; 4] = ["Name", "Kind", "Type", "Cell"];

fn cells(row: &Row) -> [String; 4] {
    [row.name.clone(), row.kind.to_owned(), row.about.clone(), format!("In[{}]", row.cell)]
}

fn text(rows: &[Row]) -> String {
    let table: Vec<[String; 4]> = std::iter::once(HEADINGS.map(str::to_owned)).chain(rows.iter().map(cells)).collect();
    let width = |column: usize| table.iter().map(|cells| cells[column].width()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    let line = |cells: &[String; 4]| {
        let padded =
            cells.iter().zip(widths).map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.width())));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let rule = "-".repeat(widths.iter().sum::<usize>() + 2 * (widths.len() - 1));
    let mut lines: Vec<String> = table.iter().map(line).collect();
    lines.insert(1, rule);
    lines.join("\n")
}

fn html(rows: &[Row]) -> String {
    const LEFT: &str = " style=\"text-align: left\"";
    let mut html = String::from("<table><thead><tr>");
    html.extend(HEADINGS.map(|heading| format!("<th{LEFT}>{heading}</th>")));
    html.push_str("</tr></thead><tbody>");
    for row in rows {
        let [name, kind, about, cell] = cells(row).map(|cell| escaped(&cell));
        let code = |text: String| if text.is_empty() { text } else { format!("<code>{text}</code>") };
        html.push_str("<tr>");
        html.extend([code(name), code(kind), code(about), cell].map(|cell| format!("<td{LEFT}>{cell}</td>")));
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table>");
    html
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, kind: &'static str, about: &str) -> Row {
        Row { name: name.to_owned(), kind, about: about.to_owned(), cell: 12 }
    }

    #[test]
    fn columns_are_aligned_whatever_the_script() {
        let text = text(&[row("größe", "let", "f64"), row("数", "let mut", "Vec<i32>"), row("Point", "struct", "")]);
        let wanted = [
            "Name   Kind     Type      Cell",
            "--------------------------------",
            "größe  let      f64       In[12]",
            "数     let mut  Vec<i32>  In[12]",
            "Point  struct             In[12]",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn html_is_escaped() {
        let html = html(&[row("v", "let", "Vec<&str>")]);
        assert!(html.contains("<code>Vec&lt;&amp;str&gt;</code>"), "{html}");
    }

    #[test]
    fn kinds_are_types_and_keywords() {
        let vec = row("v", "let mut", "Vec<i32>");
        for kind in ["Vec", "Vec<i32>", "mut", "let"] {
            assert!(vec.is(kind), "{kind}");
        }
        assert!(!vec.is("i32") && !vec.is("fn"));
        assert!(row("s", "let", "&str").is("str") && row("s", "let", "&str").is("&str"));
        let function = row("f", "fn", "(n: i32) -> i32");
        assert!(function.is("fn") && !function.is(""));
    }

    #[test]
    fn a_signature_is_shown_without_its_name() {
        for (signature, name, wanted) in [
            ("fn double(n: i32) -> i32", "double", "(n: i32) -> i32"),
            ("struct Point", "Point", ""),
            ("static N: AtomicU64", "N", "AtomicU64"),
            ("type Id = u64", "Id", "u64"),
            ("struct Pair<T>(T, T)", "Pair", "<T>(T, T)"),
        ] {
            assert_eq!(after_name(signature, name).as_deref(), Some(wanted), "{signature}");
        }
    }
}
