//! A cell's text as evcxr gets it, and the way back: which bytes of the crate that evcxr
//! makes a person has written.
//!
//! evcxr takes the text apart itself. What is written into it: the last expression is shown
//! by the prelude, as in every cell; a measured body stands in its loop; and the last
//! statement tells that the end was reached.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use syn::Stmt;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;

use crate::cell::item::ItemKind;
use crate::cell::measured;
use crate::cell::parse::{self, Cell, LetBinding, MacroReading};
use crate::cell::source::{CellSource, SourceText};
use crate::definitions::Definitions;
use crate::engine::native::generate::{Back, Taken, identifier};
use crate::engine::native::measure::{self, Measure, Plan};
use crate::engine::native::style::Style;

/// A cell and its text for evcxr.
pub struct Written {
    pub cell: Cell,
    pub text: String,
}

/// Says that the cell has its variables.
pub const BEGUN: &str = "threadbook::__rt::foreign::begun();\n";
/// Says that the cell has come to its end.
pub const FINISHED: &str = "threadbook::__rt::foreign::finished();\n";

/// Writes the bytes `code` of a cell; `None` when they are no Rust. `added`: there are crates
/// of the person's own.
pub fn write(
    source: &Arc<CellSource>,
    code: Range<usize>,
    measure: &Measure,
    definitions: &Definitions,
    style: &Style,
    added: bool,
) -> Option<Written> {
    let item_macros = |name: &str| definitions.is_item_macro(name);
    let reading = MacroReading { item_macros: &item_macros, flipped: &[] };
    let variable = measure.variable();
    let binding = variable.map(|name| LetBinding { name: name.clone(), mutable: false, closure: None });
    let assigned = variable.map_or_else(String::new, |name| format!("let {} = ", identifier(name)));
    let mut text = String::new();
    let mut cell = match measure {
        Measure::Timeit(timeit) => {
            let measured = measured::parse(source, timeit.setup.clone(), timeit.body.clone()).ok()?;
            let mentioned: Vec<Taken> = definitions
                .variables
                .iter()
                .filter(|(name, _)| measured.cell.mentions.contains(*name))
                .map(|(name, variable)| Taken {
                    name: name.clone(),
                    type_name: variable.type_name.clone(),
                    mutable: variable.mutable,
                    back: Back::Always,
                })
                .collect();
            let mut inner = timeit.clone();
            inner.options.variable = None;
            let Plan::Timeit(plan) = measure::first_plan(&inner, &measured, &mentioned, definitions) else {
                return None;
            };
            let mut loops = SourceText::default();
            let attributes = &measured.cell.inner_attributes;
            measure::write(&mut loops, &mut Vec::new(), source, attributes, &plan, &mentioned);
            let value = if variable.is_some() { "__tb_result" } else { "" };
            text.push_str(BEGUN);
            text.push_str(&format!("{assigned}{{\n{}{value} }};\n", loops.as_str()));
            Cell { bindings: Vec::new(), ..measured.cell.clone() }
        }
        _ => {
            let cell = parse::parse(source, code, &reading).ok()?;
            let (begin, end) = match measure {
                Measure::Time => ("threadbook::__rt::foreign::time();\n", "threadbook::__rt::foreign::measured();\n"),
                Measure::Timeline { .. } => {
                    ("threadbook::__rt::foreign::timeline();\n", "threadbook::__rt::foreign::measured();\n")
                }
                Measure::No | Measure::Timeit(_) => ("", ""),
            };
            let start = cell.inner_attributes.iter().map(|attribute| attribute.end).fold(cell.code.start, usize::max);
            text.push_str(&source.text[cell.code.start..start]);
            text.push_str(BEGUN);
            text.push_str(begin);
            let tail = cell.tail.clone();
            let end_of_statements = tail.as_ref().map_or(cell.code.end, |tail| tail.start).max(start);
            let mut at = start;
            for place in hidden_macros(&cell) {
                text.push_str(&source.text[at..place]);
                text.push_str(FOUND_ANYWHERE);
                at = place;
            }
            text.push_str(&source.text[at..end_of_statements]);
            // A comment may stand at the end.
            text.push('\n');
            match tail {
                Some(tail) => {
                    let tail = &source.text[tail];
                    // The method of a number is not known while its type is not.
                    let is_number = tail.starts_with(|first: char| first.is_ascii_digit());
                    let own = match (added || definitions.has_evcxr_display(&cell)) && !is_number {
                        true => "if !(*__tb_value).evcxr_display().displayed() ",
                        false => "",
                    };
                    text.push_str(&format!(
                        "{SHOWN}{tail}\n) {{ __tb_value => {{\n{end}{SHOW}{own}{{ threadbook::__rt::show::result({}); }} }} }};\n",
                        style.bundle()
                    ));
                }
                None => text.push_str(end),
            }
            if variable.is_some() {
                text.push_str(&format!("{assigned}threadbook::__rt::foreign::recorded();\n"));
            }
            cell
        }
    };
    if let Some(binding) = binding {
        cell.bindings.retain(|other| other.name != binding.name);
        cell.bindings.push(binding);
    }
    text.push_str(FINISHED);
    Some(Written { cell, text })
}

/// evcxr writes items in any order, and other macros are found only below their definition.
const FOUND_ANYWHERE: &str = "#[macro_export]\n";

/// Where the `macro_rules!` of a cell begin that lack it.
fn hidden_macros(cell: &Cell) -> impl Iterator<Item = usize> {
    let macros = cell.items.iter().filter(|item| item.kind == ItemKind::MacroRules);
    macros.filter(|item| !item.text().contains("macro_export")).map(|item| item.range.start)
}

/// What stands before the last expression.
const SHOWN: &str = "match &(";
const SHOW: &str = "use threadbook::__rt::show::{ByDebug as _, ByLibrary as _, ByName as _, ByRich as _, Displayed as _, EvcxrFallback as _};\n";

/// The crate that evcxr has made, with the bytes known that come from the cell or from
/// items of earlier ones.
pub fn locate(crate_text: &str, source: &Arc<CellSource>, code: Range<usize>, definitions: &Definitions) -> SourceText {
    // Where each begins in the crate: its cell and bytes there.
    let mut pieces: BTreeMap<usize, (Arc<CellSource>, Range<usize>)> = BTreeMap::new();
    let statements = statements(&source.text[code.clone()]);
    // evcxr begins a line with each statement and item; the last expression stands in ours.
    let find = |text: &str, from: usize| {
        let places = crate_text[from..].match_indices(text).map(|(at, _)| at + from);
        places.into_iter().find(|&at| {
            let line = crate_text[..at].rfind('\n').map_or(0, |newline| newline + 1);
            let before = crate_text[line..at].trim_start();
            before.is_empty() || before == SHOWN
        })
    };
    // What stands in the function comes in order, items may be anywhere.
    let functions = ["fn run_user_code_", "fn evcxr_analysis_wrapper("];
    let mut from = functions.iter().filter_map(|function| crate_text.rfind(function)).max().unwrap_or(0);
    for range in statements {
        let range = range.start + code.start..range.end + code.start;
        let text = &source.text[range.clone()];
        if let Some(at) = find(text, from).or_else(|| find(text, 0)) {
            if at >= from {
                from = at + text.len();
            }
            pieces.insert(at, (source.clone(), range));
        }
    }
    for item in definitions.items.iter().map(|stored| &stored.item) {
        if let Some(at) = find(&item.source.text[item.range.clone()], 0) {
            pieces.entry(at).or_insert_with(|| (item.source.clone(), item.range.clone()));
        }
    }
    let mut located = SourceText::default();
    for (at, (cell, range)) in pieces {
        if at >= located.len() {
            located.push(&crate_text[located.len()..at]);
            located.push_cell(&cell, range);
        }
    }
    located.push(&crate_text[located.len()..]);
    located
}

/// The bytes of each statement and item; all of them where there is a mistake in it.
fn statements(code: &str) -> Vec<Range<usize>> {
    let parser = |input: ParseStream| {
        syn::Attribute::parse_inner(input)?;
        syn::Block::parse_within(input)
    };
    match parser.parse_str(code) {
        Ok(statements) => statements.iter().map(|statement| span(statement, code)).collect(),
        Err(_) => {
            let trimmed = code.trim();
            let start = code.find(trimmed).unwrap_or(0);
            std::iter::once(start..start + trimmed.len()).collect()
        }
    }
}

fn span(statement: &Stmt, code: &str) -> Range<usize> {
    let range = statement.span().byte_range();
    range.start..range.end.min(code.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str, measure: &Measure) -> String {
        let source = CellSource::new(1, text);
        let code = 0..text.len();
        write(&source, code, measure, &Definitions::default(), &Style::default(), false).expect("it is Rust").text
    }

    #[test]
    fn the_last_expression_is_shown_and_the_end_is_told() {
        let text = written("let a = 1;\na + 1 // more", &Measure::No);
        assert!(text.contains("begun();\nlet a = 1;\n\nmatch &(a + 1\n) { __tb_value => {"), "{text}");
        assert!(text.ends_with(FINISHED), "{text}");
        assert!(!written("let a = 1;", &Measure::No).contains("match"));
    }

    #[test]
    fn macros_are_found_wherever_they_stand() {
        let text =
            written("let a = 1; /// One.\nmacro_rules! one { () => { 1 } }\nfn f() -> i32 { one!() }", &Measure::No);
        assert!(text.contains("let a = 1; #[macro_export]\n/// One.\nmacro_rules! one"), "{text}");
        let told = "#[macro_export] macro_rules! one { () => { 1 } }";
        assert!(written(told, &Measure::No).contains(&format!("begun();\n{told}")));
    }

    #[test]
    fn what_a_person_wrote_is_found_again_in_the_crate() {
        let text = "fn two() -> i32 { 2 }\nlet n = two();\nn + x";
        let source = CellSource::new(3, text);
        let crate_text = "#![allow(unused)]\nfn two() -> i32 { 2 }\npub extern \"C\" fn run_user_code_1() {\n\
                          let n = two();\nmatch &(n + x\n) { v => {} };\n}";
        let whole = 0..text.len();
        let located = locate(crate_text, &source, whole, &Definitions::default());
        assert_eq!(located.as_str(), crate_text);
        let at = crate_text.find("x\n").expect("it is there");
        let place = located.locate(at..at + 1).expect("it is the cell's");
        assert_eq!(place.place(), "In[3]:3:5");
        let at = crate_text.find("two() -> i32").expect("it is there");
        assert_eq!(located.locate(at..at + 3).map(|place| place.place()).as_deref(), Some("In[3]:1:4"));
        assert!(located.locate(0..3).is_none(), "nobody wrote that");
    }
}
