//! From a cell and what the notebook has defined to the source of a crate.
//!
//! ```text
//! #![…]                                   lints, the cell's own inner attributes
//! use threadbook::prelude::*;
//! macros, items and `use`s of earlier cells that this cell needs
//! the cell's items
//! fn body() -> Ended {
//!     let mut v: std::vec::Vec<u8> = take("v");        // a variable it mentions
//!     let ending = catch(|| {
//!         the cell's statements
//!         match &(last expression) { value => show }
//!         keep("new", …);                              // a variable it makes
//!         Ok(())
//!     });
//!     keep_back("v", …);                               // unless the cell moved it
//!     ending
//! }
//! ```
//!
//! The closure takes by reference what the statements only use, and by value what they
//! move: so after a panic everything that was not moved is still there, and a moved
//! variable makes the compiler refuse its `keep_back`, which is how the engine learns
//! of it and compiles again without that line.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::measure;
use super::style::Style;
use crate::cell::item::{Item, ItemKind};
use crate::cell::parse::Cell;
use crate::cell::source::SourceText;
use crate::cell::statics::{self, StaticSite, StaticUse};

/// An item of an earlier cell that this cell's crate contains.
#[derive(Debug, Clone)]
pub struct OldItem {
    pub item: Arc<Item>,
    /// Its place in the notebook's list of items.
    pub index: usize,
    /// The symbols of its statics and who makes them.
    pub symbols: String,
    pub usage: StaticUse,
}

/// A variable of an earlier cell that the cell may use.
#[derive(Debug, Clone)]
pub struct Taken {
    pub name: String,
    pub type_name: String,
    pub mutable: bool,
    pub back: Back,
}

/// What becomes of a taken variable at the end of the cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Back {
    /// It is put back, after a panic too.
    Always,
    /// The cell moves it and gives it a new value: it is put back by the statements.
    WhenFinished,
    /// The cell moves it away.
    Never,
}

/// A variable that the cell makes.
#[derive(Debug, Clone)]
pub struct Kept {
    pub name: String,
    /// The type to keep it as, where that differs from its own: a boxed closure, a
    /// function pointer. With the expression that makes it from the variable.
    pub as_type: Option<(String, String)>,
    /// It is a boxed closure that other threads cannot have.
    pub boxed_locally: bool,
    /// How many arguments it takes, when it is a closure whose signature is asked for.
    pub closure_arguments: Option<usize>,
}

/// What a crate does with its last expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// It is shown.
    Show,
    /// It is a statement only.
    Statement,
    /// The compiler is to write out its type: see [`TAIL_TYPE`]. Nothing is shown.
    Type,
}

/// The name under which the type of a reference to the last expression is told.
pub const TAIL_TYPE: &str = "__tb_tail";

/// Everything that decides the crate's text.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The exported entry point.
    pub entry: String,
    pub old: Vec<OldItem>,
    /// How the symbols of this cell's own statics begin.
    pub symbols: String,
    pub taken: Vec<Taken>,
    pub kept: Vec<Kept>,
    /// New variables that are not kept, to be dropped before what they may borrow is.
    pub ended: Vec<String>,
    pub awaits: bool,
    /// The cell may call tokio, which wants to find its runtime.
    pub uses_tokio: bool,
    /// What is done with the last expression.
    pub tail: Tail,
    /// How it is shown, and errors are.
    pub style: Style,
    /// Ask the value for its method `evcxr_display` first.
    pub evcxr_display: bool,
    /// Lines that link the shared libraries with the crates that a cell may name.
    pub extern_crates: String,
    /// Names of the notebook's own glob imports that the prelude has, too: see [`super::globs`].
    pub imports: BTreeSet<String>,
    pub measure: measure::Plan,
}

/// What a stretch of generated code is for: an error in it is dealt with accordingly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    Take(String),
    Keep(String),
    End(String),
    KeepBack(String),
    Signature(String),
    ShowTail,
    /// Makes the compiler forget what it knows of a variable that is measured with.
    Opaque(String),
    /// Tells what a measured body promises to do.
    Promise,
}

pub struct Generated {
    pub source: SourceText,
    pub regions: Vec<(Range<usize>, Purpose)>,
    /// Where the text of each old item is, by its place in the notebook's list.
    pub old_items: Vec<(Range<usize>, usize)>,
    /// Where the notebook's `use`s are, and where that of the prelude is.
    pub uses: Vec<Range<usize>>,
    pub prelude: Range<usize>,
}

/// Lints that are noise in a notebook, where a name is used in a later cell.
const LINTS: &str = "#![allow(unused, nonstandard_style, private_interfaces, private_bounds, improper_ctypes, \
     clashing_extern_declarations, mixed_script_confusables, uncommon_codepoints, confusable_idents, unpredictable_function_pointer_comparisons)]\n#![warn(unused_must_use)]\n";

pub fn generate(cell: &Cell, plan: &Plan) -> Generated {
    let mut generator = Generator::default();
    generator.head(cell, plan);
    generator.items(cell, plan);
    generator.entry(cell, plan);
    let Generator { out: source, regions, old_items, uses, prelude } = generator;
    Generated { source, regions, old_items, uses, prelude }
}

#[derive(Default)]
struct Generator {
    out: SourceText,
    regions: Vec<(Range<usize>, Purpose)>,
    old_items: Vec<(Range<usize>, usize)>,
    uses: Vec<Range<usize>>,
    prelude: Range<usize>,
}

impl Generator {
    fn head(&mut self, cell: &Cell, plan: &Plan) {
        self.out.push(LINTS);
        for attribute in &cell.inner_attributes {
            self.out.push_cell(&cell.source, attribute.clone());
            self.out.push("\n");
        }
        self.out.push(&plan.extern_crates);
        // A glob import could not shadow std's `print!` and its sisters.
        self.out.push("#[macro_use(print, println, eprint, eprintln)] extern crate threadbook;\n");
        let start = self.out.len();
        self.out.push("use threadbook::prelude::*;\n");
        self.prelude = start..self.out.len();
        for import in &plan.imports {
            self.out.push(&format!("use {import};\n"));
        }
    }

    fn items(&mut self, cell: &Cell, plan: &Plan) {
        // Macros are found only below their definition.
        let (macros, others): (Vec<_>, Vec<_>) = plan.old.iter().partition(|old| old.item.kind == ItemKind::MacroRules);
        for old in macros.into_iter().chain(others) {
            let start = self.out.len();
            self.item(&old.item, old.usage, &old.symbols);
            self.old_items.push((start..self.out.len(), old.index));
        }
        for item in &cell.items {
            let symbols = crate::definitions::symbols_for(&plan.symbols, item);
            self.item(item, StaticUse::Define, &symbols);
        }
    }

    fn item(&mut self, item: &Item, usage: StaticUse, symbols: &str) {
        let start = self.out.len();
        self.write_item(item, usage, symbols);
        if item.kind == ItemKind::Use {
            self.uses.push(start..self.out.len());
        }
    }

    /// An item's text with its statics rewritten and without the members it lost.
    fn write_item(&mut self, item: &Item, usage: StaticUse, symbols: &str) {
        if let Some(text) = &item.rewritten {
            self.out.push(text);
            self.out.push("\n");
            return;
        }
        let mut edits: Vec<(&Range<usize>, Option<&StaticSite>)> =
            item.statics.iter().map(|site| (&site.range, Some(site))).collect();
        edits.extend(item.left_out.iter().map(|range| (range, None)));
        edits.sort_by_key(|(range, _)| range.start);
        let mut at = item.range.start;
        for (range, site) in edits {
            // A static inside a member that is left out.
            if range.start < at {
                continue;
            }
            self.out.push_cell(&item.source, at..range.start);
            if let Some(site) = site {
                statics::write(site, &item.source, usage, symbols, &mut self.out);
            }
            at = range.end;
        }
        self.out.push_cell(&item.source, at..item.range.end);
        self.out.push("\n");
    }

    fn region(&mut self, purpose: Purpose, text: &str) {
        let start = self.out.len();
        self.out.push(text);
        self.regions.push((start..self.out.len(), purpose));
    }

    fn entry(&mut self, cell: &Cell, plan: &Plan) {
        let entry = &plan.entry;
        self.out.push(&format!(
            "#[unsafe(export_name = \"{entry}\")] extern \"C\" fn __tb_entry() {{ threadbook::__rt::enter(__tb_body) }}\n\
             fn __tb_body() -> threadbook::__rt::Ended {{\n"
        ));
        if plan.uses_tokio {
            self.out.push("threadbook::__rt::enter_runtime();\n");
        }
        for taken in &plan.taken {
            let mutable = if taken.mutable { "mut " } else { "" };
            let name = identifier(&taken.name);
            let text =
                format!("let {mutable}{name}: {} = threadbook::__rt::take(\"{}\");\n", taken.type_name, taken.name);
            self.region(Purpose::Take(taken.name.clone()), &text);
        }
        let (open, close) = match plan.awaits {
            true => ("threadbook::__rt::block_on(async {", "})"),
            false => ("{", "}"),
        };
        self.out.push(&format!(
            "let __tb_ending = threadbook::__rt::catch(|| -> ::core::result::Result<(), {}> {{ {open}\n",
            plan.style.error_type()
        ));
        match &plan.measure {
            measure::Plan::No => self.statements(cell, plan, ""),
            measure::Plan::Time => {
                self.out.push("let __tb_timing = threadbook::__rt::timing::Stopwatch::begin();\n");
                self.statements(cell, plan, "__tb_timing.end();\n");
            }
            measure::Plan::Timeline { variable } => {
                self.out.push("let mut __tb_timeline = threadbook::__rt::Recorder::begin();\n");
                self.statements(cell, plan, "__tb_timeline.end();\n");
                if let Some(name) = variable {
                    self.out.push(&format!("let {} = __tb_timeline.timeline();\n", identifier(name)));
                }
            }
            measure::Plan::Timeit(timeit) => {
                let attributes = &cell.inner_attributes;
                measure::write(&mut self.out, &mut self.regions, &cell.source, attributes, timeit, &plan.taken);
            }
        }
        for name in &plan.ended {
            self.region(Purpose::End(name.clone()), &format!("::core::mem::drop({});\n", identifier(name)));
        }
        for taken in plan.taken.iter().filter(|taken| taken.back == Back::WhenFinished) {
            let text = keep_call("keep_back", &taken.name);
            self.region(Purpose::KeepBack(taken.name.clone()), &text);
        }
        for kept in &plan.kept {
            self.keep(kept);
        }
        let error_type = plan.style.error_type();
        self.out.push(&format!("::core::result::Result::<(), {error_type}>::Ok(())\n{close} }});\n"));
        for taken in plan.taken.iter().filter(|taken| taken.back == Back::Always) {
            let text = keep_call("keep_back", &taken.name);
            self.region(Purpose::KeepBack(taken.name.clone()), &text);
        }
        self.out.push("__tb_ending\n}\n");
    }

    /// The cell's text between its items, with the last expression wrapped to be shown.
    /// `ended` is done when all of it is computed, before anything is shown.
    fn statements(&mut self, cell: &Cell, plan: &Plan, ended: &str) {
        let tail = cell.tail.clone().filter(|_| plan.tail != Tail::Statement);
        let end = tail.as_ref().map_or(cell.code.end, |tail| tail.start);
        let mut at = cell.inner_attributes.iter().map(|attribute| attribute.end).fold(cell.code.start, usize::max);
        for item in &cell.items {
            self.out.push_cell(&cell.source, at..item.range.start);
            at = item.range.end;
        }
        self.out.push_cell(&cell.source, at..end.max(at));
        // A comment may stand at the end.
        self.out.push("\n");
        let Some(tail) = tail else {
            // An expression that is not shown still is a statement.
            self.out.push(";\n");
            self.out.push(ended);
            return;
        };
        let start = self.out.len();
        self.out.push("match &(");
        self.out.push_cell(&cell.source, tail);
        self.out.push("\n) { __tb_value => {\n");
        self.out.push(ended);
        if plan.tail == Tail::Type {
            self.out.push(&format!(
                "let mut __tb_kept = ::core::mem::ManuallyDrop::new(__tb_value); \
                 threadbook::__rt::signature::tell(\"{TAIL_TYPE}\", &mut __tb_kept);\n}} }}\n"
            ));
        } else {
            self.out.push("use threadbook::__rt::show::{ByDebug as _, ByLibrary as _, ByName as _, ByRich as _, Displayed as _, EvcxrFallback as _};\n");
            let condition = if plan.evcxr_display { "if !(*__tb_value).evcxr_display().displayed() " } else { "" };
            let bundle = plan.style.bundle();
            self.out.push(&format!("{condition}{{ threadbook::__rt::show::result({bundle}); }}\n}} }}\n"));
        }
        self.regions.push((start..self.out.len(), Purpose::ShowTail));
    }

    fn keep(&mut self, kept: &Kept) {
        let name = identifier(&kept.name);
        if let Some(arguments) = kept.closure_arguments {
            let text = format!(
                "{{ let mut __tb_kept = ::core::mem::ManuallyDrop::new(threadbook::__rt::signature::arguments_{arguments}(&{name})); \
                 threadbook::__rt::signature::tell(\"{}\", &mut __tb_kept); }}\n",
                kept.name
            );
            self.region(Purpose::Signature(kept.name.clone()), &text);
        }
        let convert = match &kept.as_type {
            Some((as_type, expression)) => format!("let {name}: {as_type} = {expression};\n"),
            None => String::new(),
        };
        let text = format!("{convert}{}", keep_call("keep", &kept.name));
        self.region(Purpose::Keep(kept.name.clone()), &text);
    }
}

fn keep_call(function: &str, name: &str) -> String {
    let variable = identifier(name);
    format!(
        "{{ let mut __tb_kept = ::core::mem::ManuallyDrop::new({variable}); threadbook::__rt::{function}(\"{name}\", &mut __tb_kept); }}\n"
    )
}

/// The name as an identifier: keywords need `r#`.
pub fn identifier(name: &str) -> String {
    match syn::parse_str::<syn::Ident>(name) {
        Ok(_) => name.to_owned(),
        Err(_) => format!("r#{name}"),
    }
}
