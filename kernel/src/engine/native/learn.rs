//! What the compiler's refusals teach: which variables a cell moves, which of its own
//! only borrow, which macro calls are items.
//!
//! Each error is held against the stretches of generated code ([`Purpose`]). One that is
//! about such a stretch changes the plan of the next try; all others are the person's.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::diagnostics::{CompilerOutput, Diagnostic};
use super::generate::{Generated, Plan, Purpose};
use super::globs;
use super::mir::MirTypes;
use crate::cell::item::ItemKind;
use crate::cell::parse::Cell;
use crate::definitions::Changes;

/// What was learnt from the tries so far.
#[derive(Default)]
pub struct Learnt {
    /// Macro calls (by place) to read the other way.
    pub flipped: Vec<usize>,
    /// How often a variable could not be put back.
    pub moved: BTreeMap<String, u32>,
    /// New variables that the cell itself moves away.
    pub moved_new: BTreeSet<String>,
    /// New variables not to keep, and why.
    pub not_kept: BTreeMap<String, String>,
    pub unusable: BTreeMap<String, String>,
    /// New variables that cannot be dropped early: they are moved, or not always set.
    pub ends_itself: BTreeSet<String>,
    /// Closures that are not `Send + Sync`.
    pub local_closures: BTreeSet<String>,
    pub as_type: BTreeMap<String, (String, String)>,
    pub dropped: BTreeSet<usize>,
    pub all_items: bool,
    pub awaits: bool,
    pub tail_is_statement: bool,
    pub no_evcxr_display: bool,
    /// The signatures of closures are known.
    pub probed: bool,
    /// Variables of a measured cell that something else borrows.
    pub not_opaque: BTreeSet<String>,
    /// What a measured body promises cannot be told.
    pub no_promises: bool,
    pub types: Arc<MirTypes>,
    /// Names to import by themselves.
    pub imports: BTreeSet<String>,
}

impl Learnt {
    /// Says whether there is something new among them.
    pub fn learn_imports(&mut self, output: &CompilerOutput, generated: &Generated) -> bool {
        let before = self.imports.len();
        self.imports.append(&mut globs::notebooks_own(output, generated));
        self.imports.len() > before
    }
}

/// What to do after a refused try.
pub enum Next {
    /// With what was learnt it may compile.
    Retry,
    /// As [`Retry`](Next::Retry), but if that does not help, these errors are the ones to tell.
    Guess(Vec<Diagnostic>),
    Report(Vec<Diagnostic>),
}

/// Names and methods that may be in an item that was left out.
const NOT_FOUND: [&str; 12] =
    ["E0405", "E0412", "E0422", "E0423", "E0425", "E0432", "E0433", "E0277", "E0531", "E0574", "E0599", "E0576"];
const DEFINED_TWICE: [&str; 6] = ["E0119", "E0201", "E0252", "E0255", "E0428", "E0592"];

/// A form of a cell that the compiler refused.
pub struct Try<'a> {
    pub cell: &'a Cell,
    pub changes: &'a Changes,
    pub plan: &'a Plan,
    pub generated: &'a Generated,
    /// Items of the notebook are not in it.
    pub left_out: bool,
}

/// Changes what is known by what the compiler refused.
pub fn learn(output: &CompilerOutput, tried: &Try, learnt: &mut Learnt) -> Next {
    let mut own = Vec::new();
    let dropped = learnt.dropped.len();
    for error in output.errors() {
        if !learn_from(error, tried, learnt) {
            own.push(error.clone());
        }
    }
    // Other errors may come of an item that is dropped now.
    if own.is_empty() || learnt.dropped.len() > dropped {
        return Next::Retry;
    }
    if tried.left_out
        && !learnt.all_items
        && own.iter().any(|error| NOT_FOUND.iter().any(|code| error.has_code(code)) || error.code.is_none())
    {
        learnt.all_items = true;
        return Next::Guess(own);
    }
    if let Some(call) = misread_macro(&own, tried, learnt) {
        learnt.flipped.push(call);
        return Next::Guess(own);
    }
    Next::Report(own)
}

/// A macro call that was read as a statement (or as items) and that the compiler
/// complains of.
fn misread_macro(errors: &[Diagnostic], tried: &Try, learnt: &Learnt) -> Option<usize> {
    let Try { cell, generated, .. } = tried;
    let calls = cell.macro_calls.iter().map(|&start| (start, start));
    let items = cell
        .items
        .iter()
        .filter(|item| item.kind == ItemKind::MacroCall)
        .map(|item| (item.range.start, item.range.end));
    calls.chain(items).map(|(start, end)| (start, end.max(start + 1))).find_map(|(start, end)| {
        let touched = errors.iter().filter(|error| error.code.is_none()).flat_map(|error| &error.spans).any(|span| {
            span.with_callers().filter(|span| span.in_main_file).any(|span| {
                generated.source.locate(span.range()).is_some_and(|place| {
                    Arc::ptr_eq(&place.cell, &cell.source) && place.range.start < end && place.range.end > start
                })
            })
        });
        (touched && !learnt.flipped.contains(&start)).then_some(start)
    })
}

/// Whether an error is about a generated line, and so dealt with by another plan.
fn learn_from(error: &Diagnostic, tried: &Try, learnt: &mut Learnt) -> bool {
    let Try { cell, changes, plan, generated, .. } = tried;
    if error.has_code("E0728") && !plan.awaits {
        learnt.awaits = true;
        return true;
    }
    if DEFINED_TWICE.iter().any(|code| error.has_code(code)) {
        let in_cell = |range: &Range<usize>| {
            generated.source.locate(range.clone()).is_some_and(|place| Arc::ptr_eq(&place.cell, &cell.source))
        };
        let twice: Vec<usize> = generated
            .old_items
            .iter()
            .filter(|(range, _)| error.spans_in(range.clone()).next().is_some())
            .map(|(_, index)| *index)
            .collect();
        let by_this_cell = error.spans.iter().flat_map(|span| span.with_callers()).any(|span| in_cell(&span.range()));
        if by_this_cell && !twice.is_empty() {
            learnt.dropped.extend(twice);
            return true;
        }
    }
    // What was written for the old definition of a type may not fit the new one.
    let misfit = generated.old_items.iter().find(|(range, index)| {
        error.primary().is_some_and(|primary| touches(&primary.range(), range))
            && plan.old.iter().any(|old| {
                old.index == *index
                    && old.item.kind == ItemKind::Impl
                    && old.item.anchors.iter().any(|name| changes.types.contains_key(name))
            })
    });
    if let Some((_, index)) = misfit {
        learnt.dropped.insert(*index);
        return true;
    }
    let in_primary = |range: &Range<usize>| error.primary().is_some_and(|primary| touches(&primary.range(), range));
    // What is borrowed for longer than the cell lives is to blame, not what it borrows.
    let borrower = generated.regions.iter().find_map(|(range, purpose)| match purpose {
        Purpose::Keep(name)
            if error.spans.iter().any(|span| {
                touches(&span.range(), range)
                    && span.label.as_deref().is_some_and(|label| label.contains("requires that"))
            }) =>
        {
            Some(name)
        }
        _ => None,
    });
    if let Some(name) = borrower {
        learnt.not_kept.insert(name.clone(), borrow_reason(name, error, is_closure(name, cell)));
        return true;
    }
    // What is borrowed for a line below the last expression is that line's fault.
    let by_a_later_line = generated.regions.iter().any(|(range, purpose)| {
        matches!(purpose, Purpose::Keep(_) | Purpose::End(_)) && error.spans_in(range.clone()).next().is_some()
    });
    for (range, purpose) in &generated.regions {
        match purpose {
            Purpose::Take(name) if in_primary(range) => {
                learnt.unusable.insert(name.clone(), error.message.clone());
                return true;
            }
            Purpose::KeepBack(name) if in_primary(range) => {
                *learnt.moved.entry(name.clone()).or_default() += 1;
                return true;
            }
            Purpose::End(name) if error.spans_in(range.clone()).next().is_some() => {
                learnt.ends_itself.insert(name.clone());
                return true;
            }
            Purpose::Keep(name) if mentions_place(error, range) => {
                learn_keep(name, error, tried, learnt);
                return true;
            }
            Purpose::Signature(name) if error.spans_in(range.clone()).next().is_some() => {
                let reason = "its signature cannot be read off: annotate its arguments, or define a `fn`".to_owned();
                if error.has_code("E0382") {
                    learnt.moved_new.insert(name.to_owned());
                } else {
                    learnt.not_kept.insert(name.clone(), reason);
                }
                return true;
            }
            Purpose::Opaque(name) if error.spans_in(range.clone()).next().is_some() => {
                learnt.not_opaque.insert(name.clone());
                return true;
            }
            Purpose::Promise if error.spans_in(range.clone()).next().is_some() => {
                learnt.no_promises = true;
                return true;
            }
            Purpose::ShowTail if in_primary(range) && !by_a_later_line => {
                let own = error.primary().is_some_and(|primary| generated.source.locate(primary.range()).is_some());
                if error.has_code("E0689") && plan.evcxr_display && !own {
                    learnt.no_evcxr_display = true;
                    return true;
                }
                let is_macro = cell.tail.as_ref().is_some_and(|tail| cell.macro_calls.contains(&tail.start));
                if !learnt.tail_is_statement && (!own || (is_macro && error.code.is_none())) {
                    learnt.tail_is_statement = true;
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}

/// Whether an error is about a stretch of code, perhaps only in its notes ("function
/// requires argument type to outlive `'static`").
fn mentions_place(error: &Diagnostic, range: &Range<usize>) -> bool {
    error.spans_in(range.clone()).next().is_some()
        || (error.has_code("E0373") && error.children.iter().any(|note| note.spans_in(range.clone()).next().is_some()))
}

fn touches(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start < other.end && other.start < one.end
}

/// A line that keeps a new variable was refused.
fn learn_keep(name: &str, error: &Diagnostic, tried: &Try, learnt: &mut Learnt) {
    let cell = tried.cell;
    let was_local = tried.plan.kept.iter().any(|kept| kept.name == name && kept.boxed_locally);
    if learnt.as_type.contains_key(name) && error.has_code("E0277") && !was_local {
        // Not `Send + Sync` (there may be an error for each).
        learnt.local_closures.insert(name.to_owned());
        match learnt.types.boxed_closure(name, false) {
            Some(local) => drop(learnt.as_type.insert(name.to_owned(), local)),
            None => drop(learnt.not_kept.insert(name.to_owned(), error.message.clone())),
        }
    } else if error.has_code("E0382") {
        learnt.moved_new.insert(name.to_owned());
    } else if error.has_code("E0381") {
        learnt.not_kept.insert(name.to_owned(), "it does not get a value on every way through the cell".to_owned());
    } else {
        learnt.not_kept.insert(name.to_owned(), borrow_reason(name, error, is_closure(name, cell)));
    }
}

fn is_closure(name: &str, cell: &Cell) -> bool {
    cell.bindings.iter().any(|binding| binding.name == name && binding.closure.is_some())
}

fn borrow_reason(name: &str, error: &Diagnostic, closure: bool) -> String {
    let borrowed =
        error.message.split('`').nth(1).filter(|borrowed| *borrowed != name && error.message.starts_with('`'));
    match (closure, borrowed) {
        (true, Some(borrowed)) => format!("it borrows `{borrowed}`: write `move |…|` (with a clone of what it needs) to keep it"),
        (true, None) => "it borrows from this cell: write `move |…|` to keep it".to_owned(),
        (false, Some(borrowed)) => {
            format!("it borrows `{borrowed}`, and a reference cannot outlive its cell: clone the value, or make the reference again where it is needed")
        }
        (false, None) => "it borrows from this cell, and a reference cannot outlive its cell: keep an owned value (`.clone()`, `.to_owned()`, `Arc`)".to_owned(),
    }
}
