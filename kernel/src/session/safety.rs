//! What the notebook was when a checkpoint of its process was made, and whether any is to
//! be made.

use std::collections::{BTreeMap, BTreeSet};

use threadbook::message::{CheckpointOrder, NoCheckpoint};

use crate::definitions::{Definitions, Gone, Variable};

/// Checkpoints of a process with more memory of its own are not made, unless asked for:
/// the time and the memory that they take grow with it.
const MOST_BYTES: u64 = 1 << 30;
/// Orders can be overtaken by a few others, not by more.
const KEPT_SNAPSHOTS: usize = 8;

pub struct Safety {
    pub on: bool,
    pub most_bytes: u64,
    next: u64,
    snapshots: Vec<Snapshot>,
    /// How the symbols of statics begin that the process has.
    loaded: BTreeSet<String>,
    /// What was told already.
    told: Option<NoCheckpoint>,
}

/// What the kernel knew when a checkpoint was ordered.
struct Snapshot {
    id: u64,
    variables: BTreeMap<String, Variable>,
    /// Dropped since: their values must not come back.
    outdated: BTreeSet<String>,
    /// How the symbols of statics begin that were made since.
    symbols: Vec<String>,
}

/// What became of the notebook when its process fell back.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Values that the process has and the notebook does not want.
    pub outdated: Vec<String>,
    /// Variables that were made after the checkpoint.
    pub lost: Vec<String>,
}

impl Default for Safety {
    fn default() -> Safety {
        Safety { on: true, most_bytes: MOST_BYTES, next: 1, snapshots: Vec::new(), loaded: BTreeSet::new(), told: None }
    }
}

impl Safety {
    /// For a notebook whose process has loaded these crates.
    pub fn of_loaded(loaded: &BTreeSet<String>) -> Safety {
        Safety { loaded: loaded.clone(), ..Safety::default() }
    }

    /// An order for a checkpoint of the notebook as it is now.
    pub fn order(&mut self, definitions: &Definitions) -> Option<CheckpointOrder> {
        if !self.on {
            return None;
        }
        let id = self.next;
        self.next += 1;
        let variables = definitions.variables.clone();
        self.snapshots.push(Snapshot { id, variables, outdated: BTreeSet::new(), symbols: Vec::new() });
        if self.snapshots.len() > KEPT_SNAPSHOTS {
            self.snapshots.remove(0);
        }
        Some(CheckpointOrder { id, most_bytes: self.most_bytes })
    }

    /// Whether what was ordered is the notebook as it was when the process was lost: in a
    /// cell, or after the last one.
    pub fn is_latest(&self, id: u64, in_cell: bool) -> bool {
        // A cell's own order gives nothing new when that after its predecessor did.
        let orders = if in_cell { 2 } else { 1 };
        id + orders >= self.next
    }

    /// The number of the last order.
    pub fn last_order(&self) -> u64 {
        self.next - 1
    }

    /// The worker is told to drop these variables.
    pub fn forgotten(&mut self, names: &[String]) {
        for snapshot in &mut self.snapshots {
            snapshot.outdated.extend(names.iter().cloned());
        }
    }

    /// A crate was loaded whose statics' symbols begin like that.
    pub fn loaded(&mut self, symbols: &str) {
        // A cell that was run again has nothing new.
        if self.loaded.insert(symbols.to_owned()) {
            for snapshot in &mut self.snapshots {
                snapshot.symbols.push(symbols.to_owned());
            }
        }
    }

    /// How the symbols begin of the crates that the process has loaded.
    pub fn loaded_symbols(&self) -> &BTreeSet<String> {
        &self.loaded
    }

    /// All that the process had is gone.
    pub fn process_lost(&mut self) {
        self.loaded.clear();
        self.snapshots.clear();
    }

    /// The process is again what it was at an order.
    pub fn restore(&mut self, id: u64, definitions: &mut Definitions) -> Restored {
        let Some(at) = self.snapshots.iter().position(|snapshot| snapshot.id == id) else {
            // Too old to know what it holds: nothing in it is used. (`loaded` may name more than
            // it has, which costs at most another name.)
            self.snapshots.clear();
            return Restored { outdated: Vec::new(), lost: definitions.lose_values() };
        };
        let Snapshot { variables, outdated, symbols, .. } = self.snapshots.swap_remove(at);
        self.snapshots.clear();
        self.loaded.retain(|loaded| !symbols.contains(loaded));
        for stored in &mut definitions.items {
            stored.symbols.take_if(|made| symbols.iter().any(|symbols| made.starts_with(symbols)));
        }
        let restored: BTreeMap<_, _> = variables.into_iter().filter(|(name, _)| !outdated.contains(name)).collect();
        let before = std::mem::replace(&mut definitions.variables, restored);
        let lost: Vec<String> = before.into_keys().filter(|name| !definitions.variables.contains_key(name)).collect();
        for name in definitions.variables.keys() {
            definitions.gone.remove(name);
        }
        definitions.gone.extend(lost.iter().map(|name| (name.clone(), Gone::Lost)));
        Restored { outdated: outdated.into_iter().collect(), lost }
    }

    /// Why there is no checkpoint, if that is news.
    pub fn news(&mut self, refused: Option<NoCheckpoint>) -> Option<NoCheckpoint> {
        let kind = |reason: &NoCheckpoint| std::mem::discriminant(reason);
        let is_new = refused.as_ref().map(kind) != self.told.as_ref().map(kind);
        self.told = refused;
        self.told.clone().filter(|_| is_new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(cell: u32) -> Variable {
        Variable { type_name: "i32".to_owned(), mutable: false, cell }
    }

    #[test]
    fn a_notebook_is_again_what_it_was() {
        let mut definitions = Definitions::default();
        definitions.variables.extend([("a".to_owned(), variable(1)), ("b".to_owned(), variable(1))]);
        let mut safety = Safety::default();
        let order = safety.order(&definitions).expect("it is on");
        // `b` is dropped for a type that is defined anew; `a` is moved; `c` is made.
        safety.forgotten(&["b".to_owned()]);
        definitions.variables = BTreeMap::from([("c".to_owned(), variable(2))]);
        definitions.gone.insert("a".to_owned(), Gone::Moved { cell: 2 });

        let restored = safety.restore(order.id, &mut definitions);
        assert_eq!(restored, Restored { outdated: vec!["b".to_owned()], lost: vec!["c".to_owned()] });
        assert_eq!(definitions.variables.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(definitions.gone, BTreeMap::from([("c".to_owned(), Gone::Lost)]));
    }

    #[test]
    fn news_are_told_once() {
        let mut safety = Safety::default();
        assert!(safety.news(Some(NoCheckpoint::TooLarge { bytes: 1 })).is_some());
        assert!(safety.news(Some(NoCheckpoint::TooLarge { bytes: 2 })).is_none());
        assert!(safety.news(None).is_none());
        assert!(safety.news(Some(NoCheckpoint::TooLarge { bytes: 1 })).is_some());
    }
}
