//! From a cell to a library, in as few compiler calls as it takes: one for most cells.
//!
//! What a cell moves, which of its variables only borrow, whether its macro calls are
//! items: the compiler knows best, so a plan is made as if all went well, and where the
//! compiler refuses a generated line, the plan is changed accordingly and tried again.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cache::{Cache, Key};
use super::compile::{CompileError, Compiled, Compiler, Environment, Goal};
use super::diagnostics::{CompilerOutput, Diagnostic};
use super::generate::{self, Back, Generated, Kept, OldItem, Plan, TAIL_TYPE, Tail, Taken};
use super::learn::{self, Learnt, Next, Try};
use super::measure::{self, Measure};
use super::mir::MirTypes;
use super::type_text;
use crate::cell::item::ItemKind;
use crate::cell::measured::{self, Measured};
use crate::cell::names;
use crate::cell::parse::{Cell, LetBinding, MacroReading};
use crate::cell::parsed::Parsed;
use crate::cell::source::{CellSource, SourceText};
use crate::cell::statics::StaticUse;
use crate::definitions::{Changes, Definitions, Variable, has_static_of, symbols_for};
use crate::digest::short_hash;
use crate::engine::effects::Effects;

/// A cell that compiled.
pub struct Resolved {
    pub library: PathBuf,
    pub entry: String,
    pub source: SourceText,
    pub needs: Needs,
    pub effects: Effects,
    pub output: CompilerOutput,
    /// From the cell's text to its library.
    pub compile_time: Duration,
}

pub enum Refused {
    Rejected(Rejection),
    Failed(CompileError),
}

/// What the compiler says of a cell that has errors.
#[derive(Default)]
pub struct Rejection {
    pub errors: Vec<Diagnostic>,
    /// What it says beside them.
    pub text: String,
    /// The crate that they are in.
    pub source: SourceText,
    /// Variables that the crate does without, as their types have no name there, and why.
    pub unusable: BTreeMap<String, String>,
}

/// More tries than any sensible cell needs: each removes a reason of the one before.
const MOST_TRIES: usize = 16;

/// What a cell has needed of the notebook. Where that is still there, what was added since
/// does not make it another crate.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    /// Names of variables.
    pub variables: BTreeSet<String>,
    /// The `use`s that it could see.
    pub uses: BTreeSet<String>,
}

pub struct Resolver<'a> {
    pub environment: &'a Environment,
    pub definitions: &'a Definitions,
    /// Where the compiled cells of this kernel lie.
    pub directory: &'a Path,
    pub cache: &'a Cache,
    /// How the symbols begin of crates that the process for cells has loaded.
    pub loaded: &'a BTreeSet<String>,
    /// What cells needed when they ran before, by their code.
    pub ran_before: &'a BTreeMap<String, Needs>,
    pub parsed: &'a Parsed,
    /// Nobody waits for it.
    pub ahead: bool,
}

/// The entry point of every cell's crate. (It is looked for in that one only.)
const ENTRY: &str = "threadbook_cell";
/// Stands for the beginning of a crate's own symbols until it is known what is in it.
const SYMBOLS: &str = "threadbook_static_0000000000000000";

/// The text of an item that can stand anywhere.
fn text_of_unordered(old: &OldItem) -> Option<&str> {
    (old.item.kind != ItemKind::MacroRules).then_some(old.item.normalized.as_str())
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
        let (resolved, types) = self.search(source, code, &Measure::No, Goal::Types).await?;
        if resolved.effects.cell.tail.is_none() {
            return Ok(Some("()".to_owned()));
        }
        // It is the type of a reference to it.
        Ok(types.signatures.get(TAIL_TYPE).map(|told| told.strip_prefix('&').unwrap_or(told).to_owned()))
    }

    /// Compiles until it fits.
    async fn search(
        &self,
        source: &Arc<CellSource>,
        code: Range<usize>,
        measure: &Measure,
        aim: Goal,
    ) -> Result<(Resolved, Arc<MirTypes>), Refused> {
        let begin = Instant::now();
        let compiler = self.compiler(*measure != Measure::No);
        let mut learnt = Learnt::default();
        let mut first: Option<Refused> = None;
        // A cell that was run before is the same crate again, though it has made its variables
        // since, and others have added theirs.
        let mut before = self.ran_before.get(&source.text[code.clone()]);
        for _ in 0..MOST_TRIES {
            let (cell, measured) = match self.parse(source, code.clone(), measure, &learnt) {
                Ok(parsed) => parsed,
                Err(range) => return Err(self.syntax_errors(source, range).await),
            };
            let changes = self.definitions.changes(&cell);
            let (mut plan, left_out) = self.plan(&cell, &changes, &learnt, aim, before);
            plan.measure = match (measure, &measured) {
                (Measure::Timeit(timeit), Some(measured)) => {
                    measure::plan(timeit, measured, &plan.taken, self.definitions, &learnt)
                }
                (Measure::Time, _) => measure::Plan::Time,
                (Measure::Timeline { variable }, _) => measure::Plan::Timeline { variable: variable.clone() },
                _ => measure::Plan::No,
            };
            let mut generated = generate::generate(&cell, &plan);
            let asks_signatures = plan.kept.iter().any(|kept| kept.closure_arguments.is_some());
            let goal = match aim {
                _ if asks_signatures => Goal::Types,
                // The types of all that it makes are known.
                Goal::Library if plan.kept.iter().all(|kept| kept.as_type.is_some()) => Goal::Code,
                aim => aim,
            };
            let key = self.name_symbols(&compiler, goal, &mut plan, &mut generated);
            match compiler.compile(generated.source.as_str(), goal, &key).await {
                Ok(compiled) if learnt.learn_imports(&compiled.output, &generated) => {}
                Err(CompileError::Rejected(output)) if learnt.learn_imports(&output, &generated) => {}
                Ok(compiled) => {
                    if let Some(made) = accept(&plan, &compiled, source.number, &cell, &mut learnt) {
                        let types = compiled.types.clone();
                        let mut resolved = self.resolved(cell, changes, plan, generated, compiled, made, learnt);
                        resolved.compile_time = begin.elapsed();
                        return Ok((resolved, types));
                    }
                }
                Err(CompileError::Rejected(output)) => {
                    let tried = Try { cell: &cell, changes: &changes, plan: &plan, generated: &generated, left_out };
                    let text = output.text.clone();
                    let unusable = learnt.unusable.clone();
                    let refused = |mut errors: Vec<Diagnostic>| {
                        measure::explain_moves(&mut errors, &plan.measure, &generated);
                        Refused::Rejected(Rejection { errors, text, source: generated.source.clone(), unusable })
                    };
                    match learn::learn(&output, &tried, &mut learnt) {
                        Next::Retry => {}
                        Next::Guess(errors) => drop(first.get_or_insert_with(|| refused(errors))),
                        // Something else has changed since the cell was run.
                        Next::Report(_) if before.is_some() => {
                            before = None;
                            learnt = Learnt::default();
                            first = None;
                        }
                        Next::Report(errors) => return Err(first.unwrap_or_else(|| refused(errors))),
                    }
                }
                Err(other) => return Err(Refused::Failed(other)),
            }
        }
        let text = "the compiler refused every form of this cell that was tried: please report it".to_owned();
        Err(first.unwrap_or(Refused::Rejected(Rejection { text, ..Rejection::default() })))
    }

    fn compiler(&self, release: bool) -> Compiler<'_> {
        let Resolver { environment, directory, cache, ahead, .. } = *self;
        Compiler { environment, directory, cache, release, ahead }
    }

    /// Gives the crate's own symbols names that only the same crate has, and returns its key.
    ///
    /// The same crate once more is the one that is loaded, with its statics as they are.
    /// But when the notebook has defined them anew since, or has forgotten them, they are to
    /// begin anew: then it is made another one.
    fn name_symbols(&self, compiler: &Compiler<'_>, goal: Goal, plan: &mut Plan, generated: &mut Generated) -> Key {
        let key = compiler.key(generated.source.as_str(), goal);
        if !generated.source.as_str().contains(SYMBOLS) {
            return key;
        }
        let in_use = |symbols: &str| {
            let mut made = self.definitions.items.iter().filter_map(|stored| stored.symbols.as_ref());
            made.any(|made| made.starts_with(symbols))
        };
        let prefix = SYMBOLS.trim_end_matches('0');
        let name = |again: u64| format!("{prefix}{}", short_hash([key.short().as_bytes(), &again.to_le_bytes()]));
        let is_free = |symbols: &String| !self.loaded.contains(symbols) || in_use(symbols);
        plan.symbols = (0..).map(name).find(is_free).expect("there are more numbers than crates");
        generated.source.replace_by(SYMBOLS, &plan.symbols);
        compiler.key(generated.source.as_str(), goal)
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
        let result = measure.variable().map(|name| LetBinding { name: name.clone(), mutable: false, closure: None });
        if let Measure::Timeit(timeit) = measure {
            let measured = measured::parse(source, timeit.setup.clone(), timeit.body.clone())?;
            let bindings = result.into_iter().collect();
            return Ok((Cell { bindings, ..measured.cell.clone() }, Some(measured)));
        }
        let item_macros = |name: &str| self.definitions.is_item_macro(name);
        let reading = MacroReading { item_macros: &item_macros, flipped: &learnt.flipped };
        let mut cell = self.parsed.parse(source, code.clone(), &reading).map_err(|_| code)?;
        if let Some(result) = result {
            cell.bindings.retain(|binding| binding.name != result.name);
            cell.bindings.push(result);
        }
        Ok((cell, None))
    }

    /// The plan, and whether items of the notebook are left out of it.
    fn plan(&self, cell: &Cell, changes: &Changes, learnt: &Learnt, aim: Goal, before: Option<&Needs>) -> (Plan, bool) {
        let is_made_again = |name: &String| {
            before.is_some_and(|before| !before.variables.contains(name))
                && cell.bindings.iter().any(|binding| binding.name == *name)
        };
        let symbols = SYMBOLS;
        let taken: Vec<Taken> = self
            .definitions
            .variables
            .iter()
            .filter(|(name, _)| {
                cell.mentions.contains(*name)
                    && !changes.variables.contains_key(*name)
                    && !learnt.unusable.contains_key(*name)
                    && !is_made_again(name)
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
            false => self.definitions.needed(cell, &names, before.map(|before| &before.uses)),
        };
        let left_out = needed.len() < self.definitions.items.len();
        let mut old: Vec<OldItem> = needed
            .into_iter()
            .filter(|index| !learnt.dropped.contains(index))
            .map(|index| {
                let item = self.definitions.without_replaced_members(index, cell);
                let stored = &self.definitions.items[index];
                let (symbols, usage) = match &stored.symbols {
                    Some(symbols) if !has_static_of(&item, &changes.types) => (symbols.clone(), StaticUse::Refer),
                    _ => (symbols_for(symbols, &item), StaticUse::Define),
                };
                OldItem { item, index, symbols, usage }
            })
            .collect();
        // In which order the notebook has defined them does not make another crate of it,
        // but for macros: the last one of a name counts.
        old.sort_by(|one, other| text_of_unordered(one).cmp(&text_of_unordered(other)));
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
            entry: ENTRY.to_owned(),
            symbols: symbols.to_owned(),
            taken,
            kept,
            awaits: cell.awaits || learnt.awaits,
            uses_tokio: names.contains(TOKIO)
                || cell.items.iter().chain(old.iter().map(|old| &*old.item)).any(|item| item.mentions.contains(TOKIO)),
            tail: match aim {
                _ if learnt.tail_is_statement => Tail::Statement,
                Goal::Types => Tail::Type,
                Goal::Library | Goal::Code => Tail::Show,
            },
            style: self.environment.style,
            evcxr_display: !learnt.no_evcxr_display && self.may_use_evcxr_display(cell),
            extern_crates: self.environment.tools.extern_crates.clone(),
            imports: learnt.imports.clone(),
            measure: measure::Plan::No,
            old,
        };
        (plan, left_out)
    }

    /// The method is looked for only where a type could have it.
    fn may_use_evcxr_display(&self, cell: &Cell) -> bool {
        self.environment.tools.has_dependencies || self.definitions.has_evcxr_display(cell)
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
        let uses = plan.old.iter().filter(|old| old.item.kind == ItemKind::Use);
        let needs = Needs {
            variables: plan.taken.iter().map(|taken| taken.name.clone()).collect(),
            uses: uses.map(|old| old.item.normalized.clone()).collect(),
        };
        let moved = plan.taken.into_iter().filter(|taken| taken.back == Back::Never);
        let effects = Effects {
            symbols: plan.symbols,
            included: plan.old.iter().map(|old| old.index).collect(),
            // What a measured body defines is its own, and leaves the notebook's as it is.
            dropped: match plan.measure {
                measure::Plan::Timeit(_) => Vec::new(),
                _ => learnt.dropped.into_iter().collect(),
            },
            moved: moved.map(|taken| taken.name).collect(),
            moved_new: learnt.moved_new,
            not_kept: learnt.not_kept,
            unusable: learnt.unusable,
            ..Effects::new(cell, changes, made)
        };
        Resolved {
            library: compiled.library,
            entry: plan.entry,
            source: generated.source,
            needs,
            effects,
            output: compiled.output,
            compile_time: Duration::ZERO,
        }
    }

    /// What the compiler says of text that does not parse.
    pub async fn syntax_errors(&self, source: &Arc<CellSource>, code: Range<usize>) -> Refused {
        let mut text = SourceText::default();
        // Unbalanced delimiters would pair with those around them.
        let balanced = source.text[code.clone()].parse::<proc_macro2::TokenStream>().is_ok();
        text.push(if balanced { "fn __tb_body() {\n" } else { "" });
        text.push_cell(source, code);
        let end = text.len();
        text.push(if balanced { "\n}" } else { "" });
        let compiler = self.compiler(false);
        let key = compiler.key(text.as_str(), Goal::Types);
        match compiler.compile(text.as_str(), Goal::Types, &key).await {
            Ok(_) => {
                let told = "this cell has a form that Threadbook cannot take apart. If it nests very deeply, \
                            make several statements of it; else please report it"
                    .to_owned();
                Refused::Rejected(Rejection { text: told, source: text, ..Rejection::default() })
            }
            Err(CompileError::Rejected(output)) => Refused::Rejected(Rejection {
                errors: output.errors().cloned().map(|error| at_the_end_of_the_cell(error, &text, end)).collect(),
                text: output.text,
                source: text,
                ..Rejection::default()
            }),
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
    let types = &compiled.types;
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
        learnt.types = types.clone();
        return None;
    }
    let mut made = BTreeMap::new();
    for kept in &plan.kept {
        let mut make = |type_name: String| {
            let mutable = cell.bindings.iter().any(|binding| binding.name == kept.name && binding.mutable);
            made.insert(kept.name.clone(), Variable { type_name, mutable, cell: number });
        };
        if let Some((as_type, _)) = &kept.as_type {
            make(as_type.clone());
            continue;
        }
        // Code that never ends keeps nothing.
        let Some(printed) = types.kept.get(&kept.name) else { continue };
        match type_text::nameable(printed) {
            Some(type_name) => make(type_name),
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
