//! From a cell to a library, in as few compiler calls as it takes: one for most cells.
//!
//! What a cell moves, which of its variables only borrow, whether its macro calls are
//! items: the compiler knows best, so a plan is made as if all went well, and where the
//! compiler refuses a generated line, the plan is changed accordingly and tried again.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::compile::{self, CompileError, Compiled, Environment, Goal};
use super::diagnostics::{CompilerOutput, Diagnostic};
use super::generate::{self, Back, Generated, Kept, OldItem, Plan, TAIL_TYPE, Tail, Taken};
use super::learn::{self, Learnt, Next, Try};
use super::measure::{self, Measure};
use super::mir;
use super::type_text;
use crate::cell::item::Item;
use crate::cell::measured::{self, Measured};
use crate::cell::names;
use crate::cell::parse::{self, Cell, LetBinding, MacroReading};
use crate::cell::source::{CellSource, SourceText};
use crate::cell::statics::StaticUse;
use crate::definitions::{Changes, Definitions, Variable, has_static_of, symbols_for};

/// A cell that compiled.
pub struct Resolved {
    pub cell: Cell,
    pub library: PathBuf,
    pub entry: String,
    pub symbols: String,
    pub source: SourceText,
    /// Stored items that the crate contains.
    pub included: Vec<usize>,
    /// Stored items to drop: the cell defines them anew in a way only the compiler saw.
    pub dropped: Vec<usize>,
    pub changes: Changes,
    /// Variables that the cell makes and that can be used later.
    pub made: BTreeMap<String, Variable>,
    /// Those that cannot, and why.
    pub not_kept: BTreeMap<String, String>,
    /// Variables whose type turned out to have no name here.
    pub unusable: BTreeMap<String, String>,
    pub output: CompilerOutput,
    /// From the cell's text to its library.
    pub compile_time: Duration,
}

pub enum Refused {
    /// The cell has errors.
    Rejected {
        errors: Vec<Diagnostic>,
        text: String,
        source: SourceText,
    },
    Failed(CompileError),
}

/// More tries than any sensible cell needs: each removes a reason of the one before.
const MOST_TRIES: usize = 16;

pub struct Resolver<'a> {
    pub environment: &'a Environment,
    pub definitions: &'a Definitions,
    pub directory: &'a Path,
    /// Tells this run's files and symbols from all others'.
    pub run: u64,
}

const TOKIO: &str = "tokio";

impl Resolver<'_> {
    /// Compiles the bytes `code` of a cell, to be measured as `measure` says. (Of one for
    /// `%timeit`, the bytes given there.)
    ///
    /// # Errors
    /// [`Refused`], with what to tell.
    pub async fn resolve(
        &self,
        source: &Arc<CellSource>,
        code: Range<usize>,
        measure: &Measure,
    ) -> Result<Resolved, Refused> {
        Ok(self.search(source, code, measure, Goal::Library).await?.0)
    }

    /// The type of the last expression among the bytes `code` of a cell, as the compiler
    /// prints it; `None` when it is never reached.
    ///
    /// # Errors
    /// [`Refused`], with what to tell.
    pub async fn type_of(&self, source: &Arc<CellSource>, code: Range<usize>) -> Result<Option<String>, Refused> {
        let (resolved, mir) = self.search(source, code, &Measure::No, Goal::Types).await?;
        if resolved.cell.tail.is_none() {
            return Ok(Some("()".to_owned()));
        }
        let told = mir::read(&mir).signatures.remove(TAIL_TYPE);
        // It is the type of a reference to it.
        Ok(told.map(|told| told.strip_prefix('&').unwrap_or(&told).to_owned()))
    }

    /// Compiles until it fits. Returns the text of the `.mir` file, too.
    async fn search(
        &self,
        source: &Arc<CellSource>,
        code: Range<usize>,
        measure: &Measure,
        aim: Goal,
    ) -> Result<(Resolved, String), Refused> {
        let begin = Instant::now();
        let release = match measure {
            Measure::No => "",
            Measure::Time | Measure::Timeit(_) => compile::RELEASE,
        };
        let mut learnt = Learnt::default();
        let mut first: Option<Refused> = None;
        for attempt in 0..MOST_TRIES {
            let (cell, measured) = match self.parse(source, code.clone(), measure, &learnt) {
                Ok(parsed) => parsed,
                Err(range) => return Err(self.syntax_errors(source, range).await),
            };
            let changes = self.definitions.changes(&cell);
            let (mut plan, left_out) = self.plan(&cell, &changes, &learnt, aim);
            plan.measure = match (measure, &measured) {
                (Measure::Timeit(timeit), Some(measured)) => {
                    measure::plan(timeit, measured, &plan.taken, self.definitions, &learnt)
                }
                (Measure::Time, _) => measure::Plan::Time,
                _ => measure::Plan::No,
            };
            let generated = generate::generate(&cell, &plan);
            let asks_signatures = plan.kept.iter().any(|kept| kept.closure_arguments.is_some());
            let goal = if asks_signatures { Goal::Types } else { aim };
            let stem = format!("cell_{}_{attempt}{release}", self.run);
            match compile::compile(self.environment, self.directory, &stem, &generated, goal).await {
                Ok(mut compiled) => {
                    if let Some(made) = accept(&plan, &compiled, source.number, &cell, &mut learnt) {
                        let mir = std::mem::take(&mut compiled.mir);
                        let mut resolved = self.resolved(cell, changes, plan, generated, compiled, made, learnt);
                        resolved.compile_time = begin.elapsed();
                        return Ok((resolved, mir));
                    }
                }
                Err(CompileError::Rejected(output)) => {
                    let tried = Try { cell: &cell, changes: &changes, plan: &plan, generated: &generated, left_out };
                    let text = output.text.clone();
                    let refused = |mut errors: Vec<Diagnostic>| {
                        measure::explain_moves(&mut errors, &plan.measure, &generated);
                        Refused::Rejected { errors, text, source: generated.source.clone() }
                    };
                    match learn::learn(&output, &tried, &mut learnt) {
                        Next::Retry => {}
                        Next::Guess(errors) => drop(first.get_or_insert_with(|| refused(errors))),
                        Next::Report(errors) => return Err(first.unwrap_or_else(|| refused(errors))),
                    }
                }
                Err(other) => return Err(Refused::Failed(other)),
            }
        }
        let errors = Vec::new();
        let text = "the compiler refused every form of this cell that was tried: please report it".to_owned();
        Err(first.unwrap_or(Refused::Rejected { errors, text, source: SourceText::default() }))
    }

    /// # Errors
    /// The bytes that do not parse.
    fn parse(
        &self,
        source: &Arc<CellSource>,
        code: Range<usize>,
        measure: &Measure,
        learnt: &Learnt,
    ) -> Result<(Cell, Option<Measured>), Range<usize>> {
        if let Measure::Timeit(timeit) = measure {
            let measured = measured::parse(source, timeit.setup.clone(), timeit.body.clone())?;
            let result = timeit.options.variable.iter();
            let bindings =
                result.map(|name| LetBinding { name: name.clone(), mutable: false, closure: None }).collect();
            return Ok((Cell { bindings, ..measured.cell.clone() }, Some(measured)));
        }
        let item_macros = |name: &str| self.definitions.is_item_macro(name);
        let reading = MacroReading { item_macros: &item_macros, flipped: &learnt.flipped };
        parse::parse(source, code.clone(), &reading).map(|cell| (cell, None)).map_err(|_| code)
    }

    /// The plan, and whether items of the notebook are left out of it.
    fn plan(&self, cell: &Cell, changes: &Changes, learnt: &Learnt, aim: Goal) -> (Plan, bool) {
        let symbols = format!("threadbook_static_{}", self.run);
        let taken: Vec<Taken> = self
            .definitions
            .variables
            .iter()
            .filter(|(name, _)| {
                cell.mentions.contains(*name)
                    && !changes.variables.contains_key(*name)
                    && !learnt.unusable.contains_key(*name)
            })
            .map(|(name, variable)| Taken {
                name: name.clone(),
                type_name: variable.type_name.clone(),
                mutable: variable.mutable,
                back: match learnt.moved.get(name) {
                    None => Back::Always,
                    // Shadowed by a `let`, it is another variable that gets the value.
                    Some(1)
                        if cell.assigned.contains(name)
                            && !cell.bindings.iter().any(|binding| binding.name == *name) =>
                    {
                        Back::WhenFinished
                    }
                    Some(_) => Back::Never,
                },
            })
            .collect();
        let mut names = cell.mentions.clone();
        for taken in &taken {
            names.append(&mut names::mentioned_in(&taken.type_name));
        }
        let needed = match learnt.all_items {
            true => self.definitions.possible(cell),
            false => self.definitions.needed(cell, &names),
        };
        let left_out = needed.len() < self.definitions.items.len();
        let old: Vec<OldItem> = needed
            .into_iter()
            .filter(|index| !learnt.dropped.contains(index))
            .map(|index| {
                let item = self.definitions.without_replaced_members(index, cell);
                let stored = &self.definitions.items[index];
                let (symbols, usage) = match &stored.symbols {
                    Some(symbols) if !has_static_of(&item, &changes.types) => (symbols.clone(), StaticUse::Refer),
                    _ => (symbols_for(&symbols, &item), StaticUse::Define),
                };
                OldItem { item, index, symbols, usage }
            })
            .collect();
        let kept = cell
            .bindings
            .iter()
            .filter(|binding| !learnt.not_kept.contains_key(&binding.name) && !learnt.moved_new.contains(&binding.name))
            .map(|binding| Kept {
                name: binding.name.clone(),
                as_type: learnt.as_type.get(&binding.name).cloned(),
                boxed_locally: learnt.local_closures.contains(&binding.name),
                closure_arguments: binding.closure.filter(|&arguments| arguments <= 6 && !learnt.probed),
            })
            .collect();
        let ended = cell.bindings.iter().map(|binding| &binding.name);
        let ended = ended.filter(|name| learnt.not_kept.contains_key(*name) && !learnt.ends_itself.contains(*name));
        let plan = Plan {
            ended: ended.cloned().collect(),
            entry: format!("threadbook_cell_{}", self.run),
            symbols,
            taken,
            kept,
            awaits: cell.awaits || learnt.awaits,
            uses_tokio: names.contains(TOKIO)
                || cell.items.iter().chain(old.iter().map(|old| &old.item)).any(|item| item.mentions.contains(TOKIO)),
            tail: match aim {
                _ if learnt.tail_is_statement => Tail::Statement,
                Goal::Types => Tail::Type,
                Goal::Library => Tail::Show,
            },
            style: self.environment.style,
            evcxr_display: !learnt.no_evcxr_display && self.may_use_evcxr_display(cell),
            extern_crates: self.environment.extern_crates.clone(),
            measure: measure::Plan::No,
            old,
        };
        (plan, left_out)
    }

    /// The method is looked for only where a type could have it.
    fn may_use_evcxr_display(&self, cell: &Cell) -> bool {
        let defines = |item: &Item| item.mentions.contains("evcxr_display");
        self.environment.has_dependencies
            || cell.items.iter().any(defines)
            || self.definitions.items.iter().any(|stored| defines(&stored.item))
    }

    #[allow(clippy::too_many_arguments)]
    fn resolved(
        &self,
        cell: Cell,
        changes: Changes,
        plan: Plan,
        generated: Generated,
        compiled: Compiled,
        made: BTreeMap<String, Variable>,
        learnt: Learnt,
    ) -> Resolved {
        Resolved {
            library: compiled.library,
            entry: plan.entry,
            symbols: plan.symbols,
            source: generated.source,
            included: plan.old.iter().map(|old| old.index).collect(),
            // What a measured body defines is its own, and leaves the notebook's as it is.
            dropped: match plan.measure {
                measure::Plan::Timeit(_) => Vec::new(),
                _ => learnt.dropped.into_iter().collect(),
            },
            changes,
            made,
            not_kept: learnt.not_kept,
            unusable: learnt.unusable,
            output: compiled.output,
            compile_time: Duration::ZERO,
            cell,
        }
    }

    /// What the compiler says of text that does not parse.
    async fn syntax_errors(&self, source: &Arc<CellSource>, code: Range<usize>) -> Refused {
        let mut text = SourceText::default();
        // Unbalanced delimiters would pair with those around them.
        let balanced = source.text[code.clone()].parse::<proc_macro2::TokenStream>().is_ok();
        text.push(if balanced { "fn __tb_body() {\n" } else { "" });
        text.push_cell(source, code);
        let end = text.len();
        text.push(if balanced { "\n}" } else { "" });
        let generated = Generated { source: text, regions: Vec::new(), old_items: Vec::new() };
        let stem = format!("cell_{}_syntax", self.run);
        match compile::compile(self.environment, self.directory, &stem, &generated, Goal::Types).await {
            Ok(_) => {
                let text = "this cell has a form that Threadbook cannot take apart. If it nests very deeply, \
                            make several statements of it; else please report it"
                    .to_owned();
                Refused::Rejected { errors: Vec::new(), text, source: generated.source }
            }
            Err(CompileError::Rejected(output)) => Refused::Rejected {
                errors: output
                    .errors()
                    .cloned()
                    .map(|error| at_the_end_of_the_cell(error, &generated.source, end))
                    .collect(),
                text: output.text,
                source: generated.source,
            },
            Err(other) => Refused::Failed(other),
        }
    }
}

/// The brace that closes the generated function is the end of the cell to a learner.
fn at_the_end_of_the_cell(mut error: Diagnostic, source: &SourceText, end: usize) -> Diagnostic {
    let text = source.as_str();
    let cell_end = text[..end].trim_end().len();
    let closes_ours = error.primary().is_some_and(|primary| {
        text[primary.byte_end.min(cell_end)..cell_end].trim().is_empty() || primary.byte_start >= cell_end
    });
    if closes_ours {
        error.message = error.message.replace("found `}`", "found the end of the cell");
        for span in &mut error.spans {
            if span.byte_start >= cell_end {
                (span.byte_start, span.byte_end) = (cell_end, cell_end);
            }
        }
    }
    error
}

/// Reads the types of the new variables. `None` when the cell must be compiled once
/// more, with a closure boxed or a function as a pointer.
fn accept(
    plan: &Plan,
    compiled: &Compiled,
    number: u32,
    cell: &Cell,
    learnt: &mut Learnt,
) -> Option<BTreeMap<String, Variable>> {
    let types = mir::read(&compiled.mir);
    let mut again = false;
    if plan.kept.iter().any(|kept| kept.closure_arguments.is_some()) {
        for kept in plan.kept.iter().filter(|kept| kept.closure_arguments.is_some()) {
            let thread_safe = !learnt.local_closures.contains(&kept.name);
            if let Some(boxed) = types.boxed_closure(&kept.name, thread_safe) {
                learnt.as_type.insert(kept.name.clone(), boxed);
            } else if let Some(printed) = types.kept.get(&kept.name) {
                learnt.not_kept.insert(kept.name.clone(), type_text::why_unnameable(&kept.name, printed));
            }
        }
        learnt.probed = true;
        learnt.types = types;
        return None;
    }
    let mut made = BTreeMap::new();
    for kept in &plan.kept {
        // Code that never ends keeps nothing.
        let Some(printed) = types.kept.get(&kept.name) else { continue };
        let type_name = match &kept.as_type {
            Some((as_type, _)) => Some(as_type.clone()),
            None => type_text::nameable(printed),
        };
        match type_name {
            Some(type_name) => {
                let mutable = cell.bindings.iter().any(|binding| binding.name == kept.name && binding.mutable);
                made.insert(kept.name.clone(), Variable { type_name, mutable, cell: number });
            }
            None => match type_text::function_pointer(printed) {
                Some(pointer) => {
                    learnt.as_type.insert(kept.name.clone(), (pointer, generate::identifier(&kept.name)));
                    again = true;
                }
                None => drop(learnt.not_kept.insert(kept.name.clone(), type_text::why_unnameable(&kept.name, printed))),
            },
        }
    }
    (!again).then_some(made)
}
