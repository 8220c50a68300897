//! What becomes of the notebook when a cell has run: which variables it has now, which are
//! gone and why, which items are new.

use threadbook::message::Ending;

use super::loss;
use super::notebook::Notebook;
use super::notices::{self, show_notices};
use super::report;
use crate::cell::item::{Item, ItemKind};
use crate::definitions::Gone;
use crate::engine::effects::Effects;
use crate::output::{CellError, Output};

impl Notebook {
    /// What is remembered of a cell that ran.
    pub(super) async fn ended(
        &mut self,
        ending: Ending,
        present: Vec<String>,
        effects: &Effects,
        number: u32,
        output: &Output,
    ) -> Result<(), CellError> {
        if let Ending::NotLoaded(text) = ending {
            return Err(report::plain("LoadError", &format!("The compiled cell could not be loaded: {text}")));
        }
        let misfits = self.misfits(effects);
        let reset = self.adopt(effects);
        let finished = ending == Ending::Finished;
        // One of the same name was shadowed.
        let is_gone =
            |name: &String| effects.not_kept.contains_key(name) || finished && effects.moved_new.contains(name);
        let mut unkept = Vec::new();
        let old = std::mem::take(&mut self.definitions.variables);
        for name in present {
            let made = effects.made.get(&name).filter(|_| finished);
            match made.or_else(|| old.get(&name)) {
                Some(variable) if !is_gone(&name) => {
                    self.definitions.gone.remove(&name);
                    self.definitions.variables.insert(name, variable.clone());
                }
                _ => unkept.push(name),
            }
        }
        for name in old.into_keys().filter(|name| !self.definitions.variables.contains_key(name)) {
            let gone = match finished {
                true => Gone::Moved { cell: number },
                false => Gone::Failed { cell: number },
            };
            self.definitions.gone.entry(name).or_insert(gone);
        }
        for name in effects.moved_new.iter().filter(|_| finished) {
            self.definitions.gone.insert(name.clone(), Gone::Moved { cell: number });
        }
        for (name, reason) in effects.not_kept.iter().chain(&effects.unusable) {
            self.definitions.gone.insert(name.clone(), Gone::NotKept { cell: number, reason: reason.clone() });
        }
        self.safety.forgotten(&unkept);
        self.worker().await?.forget(unkept).await;
        show_notices(&notices::of_names(effects, &reset, &misfits, finished), output).await;
        let sources = self.lock_sources();
        match ending {
            Ending::Panicked(panic) => Err(report::panic_error(&panic, &sources)),
            Ending::Failed { type_name, text } => Err(report::failure(&type_name, &text)),
            Ending::Interrupted(place) => Err(loss::interrupted(&place, false, &[], &sources)),
            Ending::Finished | Ending::Returned | Ending::NotLoaded(_) => Ok(()),
        }
    }

    /// What is told of `impl`s that do not fit a type as the cell defines it now.
    fn misfits(&self, effects: &Effects) -> Vec<String> {
        let dropped = effects.dropped.iter().filter_map(|&index| self.definitions.items.get(index));
        let fits_no_more = |item: &&Item| {
            item.kind == ItemKind::Impl && item.anchors.iter().any(|name| effects.changes.types.contains_key(name))
        };
        let told = dropped.map(|stored| &*stored.item).filter(fits_no_more).map(|item| {
            let header = item.text().split('{').next().unwrap_or_default().trim().to_owned();
            format!("`{header}` of In[{}] was dropped: it does not fit the new definition", item.source.number)
        });
        told.collect()
    }

    /// Takes over the items of a cell that was loaded. Returns the statics that start again.
    pub(super) fn adopt(&mut self, effects: &Effects) -> Vec<String> {
        let definitions = &mut self.definitions;
        let reset = definitions.reset_statics(&effects.changes.types);
        self.safety.loaded(&effects.symbols);
        definitions.adopt(&effects.cell, &effects.included, &effects.dropped, &effects.symbols);
        for name in effects.cell.items.iter().flat_map(|item| &item.names) {
            definitions.gone.remove(name);
        }
        reset
    }

    /// Takes for granted that a cell runs well.
    pub(super) fn imagine(&mut self, effects: &Effects, number: u32) {
        let forgotten = effects.changes.variables.keys().chain(effects.unusable.keys());
        for name in forgotten.chain(&effects.moved).chain(&effects.moved_new).chain(effects.not_kept.keys()) {
            self.definitions.variables.remove(name);
        }
        self.adopt(effects);
        for name in effects.moved.iter().chain(&effects.moved_new) {
            self.definitions.gone.insert(name.clone(), Gone::Moved { cell: number });
        }
        self.definitions.variables.extend(effects.made.clone());
    }
}
