//! A text taken apart as cells of a notebook, and asked about as a front end asks.

use std::ops::Range;
use std::sync::Arc;

use crate::cell::magic::{self, Call, Step};
use crate::cell::names::Names;
use crate::cell::parse::{self, Cell, MacroReading};
use crate::cell::source::CellSource;
use crate::cell::statics::StaticUse;
use crate::definitions::{Definitions, Variable, symbols_for};
use crate::engine::native::generate::{self, Back, Kept, OldItem, Plan, Taken};
use crate::interpreter::Completeness;
use crate::language::{self, scope};
use crate::session::scope_of;

/// Parts the cells of a text.
const BETWEEN_CELLS: &str = "\n---\n";

/// Goes through the text as the kernel does, cell by cell, with what the cells before
/// have defined.
pub fn cell(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut definitions = Definitions::default();
    for (number, text) in (1..).zip(text.split(BETWEEN_CELLS)) {
        for code in code_of(&definitions, text) {
            code_goes_through(&mut definitions, number, text, code);
        }
    }
}

fn code_goes_through(definitions: &mut Definitions, number: u32, text: &str, code: Range<usize>) {
    let source = CellSource::new(number, text);
    let item_macros = |name: &str| definitions.is_item_macro(name);
    let reading = MacroReading { item_macros: &item_macros, flipped: &[] };
    let Ok(cell) = parse::parse(&source, code.clone(), &reading) else { return };
    parts_are_in_order(&cell);
    // The compiler may want macro calls to be read as items.
    let reading = MacroReading { item_macros: reading.item_macros, flipped: &cell.macro_calls };
    let flipped = parse::parse(&source, code, &reading);
    let flipped = flipped.unwrap_or_else(|error| panic!("cannot be parsed any more: {error}"));
    assert!(flipped.macro_calls.is_empty(), "macro calls that were flipped still stand");
    parts_are_in_order(&flipped);
    becomes_a_crate(definitions, &flipped);
    becomes_a_crate(definitions, &cell);
    remember(definitions, &cell);
}

/// The Rust of a cell, as the lines for the kernel leave it.
fn code_of(definitions: &Definitions, text: &str) -> Vec<Range<usize>> {
    // What cannot be read is not run.
    let Ok(steps) = magic::steps(text, 0..text.len(), definitions) else { return Vec::new() };
    let mut at = 0;
    let mut code = Vec::new();
    for step in &steps {
        match step {
            Step::Code(range) => {
                assert!(text.get(range.clone()).is_some(), "the code {range:?} is not in the text");
                assert!(at <= range.start, "the code {range:?} begins before {at}");
                at = range.end;
                code.push(range.clone());
            }
            Step::Line(call) => call_is_text(text, call),
            Step::Cell(call, body) => {
                call_is_text(text, call);
                assert_eq!(body.end, text.len());
                assert!(text.get(body.clone()).is_some() && at <= body.start, "the body {body:?} is not in the text");
                at = body.end;
            }
            Step::Shell(_) | Step::ShellInto { .. } | Step::Question { .. } => {}
        }
    }
    code
}

fn call_is_text(text: &str, call: &Call) {
    assert!(text.contains(&call.text), "{call:?}");
    assert!(text.get(call.given.rest.clone()).is_some(), "{call:?}");
}

/// Asks about the last cell of the text what a front end asks, at two places that the
/// text itself decides, with what the cells before have defined.
pub fn question(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut definitions = Definitions::default();
    let mut cells: Vec<&str> = text.split(BETWEEN_CELLS).collect();
    let asked = cells.pop().unwrap_or_default();
    for (number, text) in (1..).zip(cells) {
        let source = CellSource::new(number, text);
        for code in code_of(&definitions, text) {
            let reading = MacroReading { item_macros: &|name| definitions.is_item_macro(name), flipped: &[] };
            if let Ok(cell) = parse::parse(&source, code, &reading) {
                remember(&mut definitions, &cell);
            }
        }
    }
    let scope = scope_of(&definitions, vec!["serde_json".to_owned()]);
    if let Completeness::Incomplete { indent } = language::completeness(asked) {
        assert!(indent.trim().is_empty(), "{indent:?} is no indent");
    }
    // As the kernel does it, but for the panics, which it keeps to itself.
    std::thread::scope(|threads| {
        let thread = std::thread::Builder::new().stack_size(language::depth::USUAL_STACK);
        let thread = thread.spawn_scoped(threads, || complete_and_inspect(&scope, asked));
        let thread = thread.unwrap_or_else(|error| panic!("there is no thread for it: {error}"));
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

fn complete_and_inspect(scope: &scope::Scope, text: &str) {
    let sum = text.bytes().fold(7_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
    for cursor in [text.len(), sum % (text.len() + 1)] {
        let found = language::ask(scope, magic::table::as_typed(), text, cursor);
        assert!(text.get(found.start..found.end).is_some(), "{}..{} is not text", found.start, found.end);
        assert!(found.end <= cursor, "{} is behind the cursor at {cursor}", found.end);
    }
}

/// Every part is text of the cell's code, and none begins before the last one's end.
fn parts_are_in_order(cell: &Cell) {
    let text = &cell.source.text;
    let is_inside = |part: &Range<usize>, whole: &Range<usize>, what: &str| {
        assert!(text.get(part.clone()).is_some(), "{what} {part:?} is not text");
        assert!(whole.start <= part.start && part.end <= whole.end, "{what} {part:?} is outside of {whole:?}");
    };
    let mut at = cell.code.start;
    let items = cell.items.iter().map(|item| (&item.range, "item"));
    for (part, what) in cell.inner_attributes.iter().map(|part| (part, "attribute")).chain(items) {
        is_inside(part, &(at..cell.code.end), what);
        at = part.end;
    }
    if let Some(tail) = &cell.tail {
        is_inside(tail, &(at..cell.code.end), "last expression");
        assert!(!text[tail.clone()].trim().is_empty(), "the last expression is empty");
    }
    for item in &cell.items {
        assert!(Arc::ptr_eq(&item.source, &cell.source));
        item.members.iter().for_each(|member| is_inside(&member.range, &item.range, "member"));
        item.statics.iter().for_each(|site| is_inside(&site.range, &item.range, "static"));
        assert_eq!(item.text(), text[item.range.clone()]);
    }
}

/// Writes the crate of a cell that uses and keeps all that it can.
fn becomes_a_crate(definitions: &Definitions, cell: &Cell) {
    let _ = definitions.changes(cell);
    let needed = definitions.needed(cell, &cell.mentions, None);
    let possible = definitions.possible(cell);
    assert!(needed.iter().all(|index| possible.contains(index)), "{needed:?} of {possible:?}");
    for usage in [StaticUse::Define, StaticUse::Refer] {
        let old = possible.iter().map(|&index| {
            let item = definitions.without_replaced_members(index, cell);
            OldItem { symbols: symbols_for("s", &item), item, index, usage }
        });
        let taken = definitions.variables.iter().map(|(name, variable)| Taken {
            name: name.clone(),
            type_name: variable.type_name.clone(),
            mutable: variable.mutable,
            back: if cell.assigned.contains(name) { Back::WhenFinished } else { Back::Always },
        });
        let kept = cell.bindings.iter().map(|binding| Kept {
            name: binding.name.clone(),
            as_type: None,
            boxed_locally: false,
            closure_arguments: binding.closure,
        });
        let plan = Plan {
            entry: "entry".to_owned(),
            old: old.collect(),
            symbols: "s".to_owned(),
            taken: taken.collect(),
            kept: kept.collect(),
            ended: Vec::new(),
            awaits: cell.awaits,
            uses_tokio: false,
            tail: if usage == StaticUse::Define { generate::Tail::Show } else { generate::Tail::Statement },
            style: crate::engine::native::style::Style::default(),
            evcxr_display: false,
            measure: Default::default(),
            extern_crates: String::new(),
            imports: Default::default(),
        };
        let generated = generate::generate(cell, &plan);
        let source = generated.source;
        for at in (0..source.len()).step_by(7) {
            if let Some(place) = source.locate(at..at + 1)
                && source.as_str().is_char_boundary(at)
            {
                let written = place.cell.text[place.range.start..].chars().next();
                assert_eq!(
                    written,
                    source.as_str()[at..].chars().next(),
                    "{} is not where {at} comes from",
                    place.place()
                );
            }
        }
        for line in 1..source.as_str().lines().count() + 2 {
            let _ = source.locate_line(line, 1 + line % 40);
        }
    }
}

/// What is known after the cell has run: its items, and its variables with some type.
fn remember(definitions: &mut Definitions, cell: &Cell) {
    let included = definitions.needed(cell, &Names::new(), None);
    let changes = definitions.changes(cell);
    let _ = definitions.reset_statics(&changes.types);
    definitions.adopt(cell, &included, &[], "s");
    let types = ["i32", "std::vec::Vec<std::string::String>", "std::option::Option<Point>", "<< none"];
    for (binding, type_name) in cell.bindings.iter().zip(types.iter().cycle()) {
        let variable =
            Variable { type_name: (*type_name).to_owned(), mutable: binding.mutable, cell: cell.source.number };
        definitions.variables.insert(binding.name.clone(), variable);
    }
}
