//! What the notebook's cells have defined so far: items and variables.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cell::item::{Item, ItemKind};
use crate::cell::names::{self, Names};
use crate::cell::parse::Cell;
use crate::digest::short_hash;

/// A variable that the worker holds a value of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// The type as Rust source.
    pub type_name: String,
    pub mutable: bool,
    /// The `In[n]` that made it.
    pub cell: u32,
}

/// Why a name that once was a variable is none any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gone {
    Moved {
        cell: u32,
    },
    /// Its type was defined anew.
    Retyped {
        cell: u32,
        type_name: String,
    },
    /// It could not be kept; the text says why and what to do.
    NotKept {
        cell: u32,
        reason: String,
    },
    /// The cell that had taken it by value failed.
    Failed {
        cell: u32,
    },
    /// The process that held it ended.
    Lost,
}

/// An item that later cells can use.
#[derive(Debug, Clone)]
pub struct StoredItem {
    pub item: Arc<Item>,
    /// The beginning of its statics' symbols, once a loaded cell has made them.
    pub symbols: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub struct Definitions {
    pub items: Vec<StoredItem>,
    pub variables: BTreeMap<String, Variable>,
    pub gone: BTreeMap<String, Gone>,
}

/// What a cell's items change about those that are there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Types whose values no longer fit, by the type that was defined anew.
    pub types: BTreeMap<String, String>,
    /// Variables of such types, with that type.
    pub variables: BTreeMap<String, String>,
}

impl Definitions {
    /// Whether a cell compiles to the same for both.
    pub fn compiles_as(&self, other: &Definitions) -> bool {
        let variable =
            |(name, variable): (&String, &Variable)| (name.clone(), variable.type_name.clone(), variable.mutable);
        let same_item = |(own, other): (&StoredItem, &StoredItem)| {
            own.symbols == other.symbols && own.item.normalized == other.item.normalized
        };
        self.variables.iter().map(variable).eq(other.variables.iter().map(variable))
            && self.items.len() == other.items.len()
            && self.items.iter().zip(&other.items).all(same_item)
    }

    /// Whether a type of the notebook or of the cell may have a method `evcxr_display`.
    pub fn has_evcxr_display(&self, cell: &Cell) -> bool {
        let defines = |item: &Item| item.mentions.contains("evcxr_display");
        cell.items.iter().any(defines) || self.items.iter().any(|stored| defines(&stored.item))
    }

    /// What the cell's definitions do to types and variables that are there. The same
    /// definition once more changes nothing.
    pub fn changes(&self, cell: &Cell) -> Changes {
        let mut changes = Changes::default();
        for new in cell.items.iter().filter(|item| item.kind.is_type() || item.kind == ItemKind::Use) {
            for old in &self.items {
                let replaced = old.item.keys.iter().any(|key| new.keys.contains(key));
                if replaced && old.item.kind.is_type() && old.item.normalized != new.normalized {
                    changes.types.extend(old.item.names.iter().map(|name| (name.clone(), name.clone())));
                }
            }
        }
        // Types that contain a changed type change with it.
        loop {
            let before = changes.types.len();
            for stored in self.items.iter().filter(|stored| stored.item.kind.is_type()) {
                let cause = stored.item.mentions.iter().find_map(|name| changes.types.get(name)).cloned();
                if let Some(cause) = cause {
                    for name in &stored.item.names {
                        changes.types.entry(name.clone()).or_insert_with(|| cause.clone());
                    }
                }
            }
            if changes.types.len() == before {
                break;
            }
        }
        if !changes.types.is_empty() {
            for (name, variable) in &self.variables {
                let mentioned = names::mentioned_in(&variable.type_name);
                if let Some(cause) = mentioned.iter().find_map(|type_name| changes.types.get(type_name)) {
                    changes.variables.insert(name.clone(), cause.clone());
                }
            }
        }
        changes
    }

    /// The stored items that a cell needs which mentions `names`: those it names, what
    /// they name in turn, and the `impl`s that go with them. Indices in order.
    ///
    /// A `use` that nobody names may bring a method, or names of a module. Where `uses` are given, the cell is
    /// known to get by with these.
    pub fn needed(&self, cell: &Cell, names: &Names, uses: Option<&BTreeSet<String>>) -> Vec<usize> {
        let may_matter = |item: &Item| uses.is_none_or(|uses| uses.contains(&item.normalized));
        let mut needed = BTreeSet::new();
        let mut mentioned = names.clone();
        for item in &cell.items {
            mentioned.extend(item.mentions.iter().cloned());
        }
        // Types and traits whose impls are wanted.
        let mut present: Names = cell.items.iter().flat_map(|item| item.names.iter().cloned()).collect();
        let own: Names = self.items.iter().flat_map(|stored| stored.item.names.iter().cloned()).collect();
        loop {
            let before = needed.len();
            for (index, stored) in self.items.iter().enumerate() {
                let item = &stored.item;
                if needed.contains(&index) || self.is_replaced(item, cell) {
                    continue;
                }
                let wanted = item.always
                    || !item.provides.is_disjoint(&mentioned)
                    || match item.kind {
                        ItemKind::Impl => {
                            !item.anchors.is_disjoint(&present)
                                || item.anchors.iter().all(|name| !own.contains(name) && !present.contains(name))
                        }
                        // Names from outside cost nothing.
                        ItemKind::Use => {
                            may_matter(item)
                                && (item.is_blind_use()
                                    || item.anchors.iter().all(|root| present.contains(root) || !own.contains(root)))
                        }
                        _ => false,
                    };
                if wanted {
                    needed.insert(index);
                    mentioned.extend(item.mentions.iter().cloned());
                    present.extend(item.names.iter().cloned());
                }
            }
            if needed.len() == before {
                return needed.into_iter().collect();
            }
        }
    }

    /// All stored items that the cell does not replace.
    pub fn possible(&self, cell: &Cell) -> Vec<usize> {
        (0..self.items.len()).filter(|&index| !self.is_replaced(&self.items[index].item, cell)).collect()
    }

    /// Whether an item of the cell takes the stored item's place.
    fn is_replaced(&self, old: &Item, cell: &Cell) -> bool {
        if !old.members.is_empty() {
            return old.members.iter().all(|member| is_member_replaced(old, &member.name, cell));
        }
        cell.items.iter().any(|new| {
            let derived = new.derived_keys();
            old.keys.iter().any(|key| new.keys.contains(key) || derived.contains(key))
        })
    }

    /// A stored item without those of its members that the cell defines anew.
    pub fn without_replaced_members(&self, index: usize, cell: &Cell) -> Arc<Item> {
        let old = &self.items[index].item;
        let is_replaced = |name: &str| is_member_replaced(old, name, cell);
        if !old.members.iter().any(|member| is_replaced(&member.name)) {
            return old.clone();
        }
        let mut item = Item::clone(old);
        item.members.retain(|member| {
            let replaced = is_replaced(&member.name);
            if replaced {
                item.left_out.push(member.range.clone());
            }
            !replaced
        });
        Arc::new(item)
    }

    /// Takes over a cell's items after it was compiled and loaded. Its crate contains the
    /// stored items `included`; `dropped` ones are defined anew in a way that only the
    /// compiler saw. `symbols` begins the names of the statics that the crate exports.
    pub fn adopt(&mut self, cell: &Cell, included: &[usize], dropped: &[usize], symbols: &str) {
        for &index in included {
            let stored = &mut self.items[index];
            if stored.symbols.is_none() && !stored.item.statics.is_empty() {
                stored.symbols = Some(symbols_for(symbols, &stored.item));
            }
        }
        let mut kept = Vec::new();
        for index in 0..self.items.len() {
            if dropped.contains(&index) || self.is_replaced(&self.items[index].item, cell) {
                continue;
            }
            let mut stored = self.items[index].clone();
            if !stored.item.members.is_empty() {
                stored.item = self.without_replaced_members(index, cell);
                let header_keys =
                    stored.item.members.iter().map(|member| format!(":: {}", member.name)).collect::<Vec<_>>();
                Arc::make_mut(&mut stored.item).keys.retain(|key| header_keys.iter().any(|end| key.ends_with(end)));
            }
            kept.push(stored);
        }
        self.items = kept;
        for item in &cell.items {
            let symbols = (!item.statics.is_empty()).then(|| symbols_for(symbols, item));
            self.items.extend(
                item.clone()
                    .split()
                    .into_iter()
                    .map(|item| StoredItem { item: Arc::new(item), symbols: symbols.clone() }),
            );
        }
    }

    /// The statics whose type mentions one of these types must be made anew. Returns
    /// their names.
    pub fn reset_statics(&mut self, types: &BTreeMap<String, String>) -> Vec<String> {
        let mut reset = Vec::new();
        for stored in &mut self.items {
            let item = &stored.item;
            if has_static_of(item, types) && stored.symbols.take().is_some() {
                reset.extend(item.names.iter().cloned());
            }
        }
        reset
    }

    /// The process that held all values is gone.
    pub fn lose_values(&mut self) -> Vec<String> {
        for stored in &mut self.items {
            stored.symbols = None;
        }
        let lost: Vec<String> = std::mem::take(&mut self.variables).into_keys().collect();
        self.gone.extend(lost.iter().map(|name| (name.clone(), Gone::Lost)));
        lost
    }

    /// Whether a macro of this name makes items, by a definition in the notebook.
    pub fn is_item_macro(&self, name: &str) -> bool {
        self.items.iter().any(|stored| {
            stored.item.kind == ItemKind::MacroRules && stored.item.names == [name] && stored.item.makes_items
        })
    }
}

/// Whether a static of the item is of one of these types.
pub fn has_static_of(item: &Item, types: &BTreeMap<String, String>) -> bool {
    item.statics.iter().flat_map(|site| &site.statics).any(|part| {
        let type_text = &item.source.text[part.type_.clone()];
        names::mentioned_in(type_text).iter().any(|name| types.contains_key(name))
    })
}

/// How the symbols of an item's statics begin: those of one crate are told apart by the
/// item's text, so that the same items make the same crate.
pub fn symbols_for(symbols: &str, item: &Item) -> String {
    let text = item.rewritten.as_deref().unwrap_or(&item.source.text[item.range.clone()]);
    format!("{symbols}_{}", short_hash([text.as_bytes()]))
}

fn is_member_replaced(old: &Item, member: &str, cell: &Cell) -> bool {
    let end = format!(":: {member}");
    let keys: Vec<&String> = old.keys.iter().filter(|key| key.ends_with(&end)).collect();
    cell.items.iter().any(|new| new.keys.iter().any(|key| keys.contains(&key)))
}
