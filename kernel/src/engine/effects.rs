//! What a cell that compiled does to the notebook's names, whichever engine has compiled it.

use std::collections::{BTreeMap, BTreeSet};

use crate::cell::parse::Cell;
use crate::definitions::{Changes, Variable};

pub struct Effects {
    pub cell: Cell,
    /// How the symbols of its own statics begin.
    pub symbols: String,
    /// Stored items that the crate contains.
    pub included: Vec<usize>,
    /// Stored items to drop: the cell defines them anew in a way only the compiler saw.
    pub dropped: Vec<usize>,
    pub changes: Changes,
    /// Variables of earlier cells that it moves away.
    pub moved: Vec<String>,
    /// Variables that the cell makes and moves away itself.
    pub moved_new: BTreeSet<String>,
    /// Variables that the cell makes and that can be used later.
    pub made: BTreeMap<String, Variable>,
    /// Those that cannot, and why.
    pub not_kept: BTreeMap<String, String>,
    /// Variables whose type turned out to have no name here.
    pub unusable: BTreeMap<String, String>,
}

impl Effects {
    /// Those of a cell that defines its items and makes these variables, and does nothing else.
    pub fn new(cell: Cell, changes: Changes, made: BTreeMap<String, Variable>) -> Effects {
        Effects {
            cell,
            changes,
            made,
            symbols: String::new(),
            included: Vec::new(),
            dropped: Vec::new(),
            moved: Vec::new(),
            moved_new: BTreeSet::new(),
            not_kept: BTreeMap::new(),
            unusable: BTreeMap::new(),
        }
    }
}
