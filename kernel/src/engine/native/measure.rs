//! Cells that are compiled to be measured: `%time`, `%timeline` and `%timeit`.
//!
//! `%time` compiles a cell as any other, with a stopwatch before its statements that
//! prints when they have ended, however they end; `%timeline` does so with a recorder. `%timeit` writes the body into a loop:
//!
//! ```text
//! let mut __tb_timing = threadbook::__rt::timing::begin(…);
//! opaque(&v); __tb_timing.rounds(…);     // of what the notebook knows
//! while __tb_timing.run() { '__tb_round: {
//!     the setup;
//!     opaque(&made_by_the_setup);
//!     __tb_timing.start();
//!     while let Some(__tb_loops) = __tb_timing.part() {
//!         for _ in 0..__tb_loops { let __tb_value = black_box('__tb_body: { the body }); }
//!     }
//!     __tb_timing.stop();
//! } }
//! let __tb_result = __tb_timing.finish();
//! ```
//!
//! There is no closure around the body, so `?` and `.await` mean what they mean in the
//! cell. The labels keep a stray `break` from ending our loops. With one loop and one run
//! there are no loops at all, so the body may use its variables up.

use std::ops::Range;

use super::diagnostics::Diagnostic;
use super::diagnostics::json::Level;
use super::generate::{self, Generated, Purpose, Taken};
use super::learn::Learnt;
use crate::cell::item::ItemKind;
use crate::cell::measured::Measured;
use crate::cell::measured::promise::{Bound, Rounds, function_works};
use crate::cell::source::{CellSource, SourceText};
use crate::definitions::Definitions;
use std::sync::Arc;

/// Whether and how a cell is measured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Measure {
    #[default]
    No,
    /// Once, as it is: what it defines stays.
    Time,
    /// Once, as it is, with the tasks that it runs recorded.
    Timeline {
        /// `-v`: the variable that the timeline is kept in.
        variable: Option<String>,
    },
    Timeit(Timeit),
}

impl Measure {
    /// The variable that what was measured is kept in.
    pub fn variable(&self) -> Option<&String> {
        match self {
            Measure::No | Measure::Time => None,
            Measure::Timeline { variable } => variable.as_ref(),
            Measure::Timeit(timeit) => timeit.options.variable.as_ref(),
        }
    }
}

/// A body to be measured again and again. Nothing that it defines stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeit {
    /// Bytes of the cell's text that are done before every run, untimed.
    pub setup: Option<Range<usize>>,
    /// Bytes of the cell's text.
    pub body: Range<usize>,
    pub options: TimeitOptions,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeitOptions {
    /// `-n`: loops of a run; 0: as many as it takes.
    pub loops: u64,
    /// `-r`: runs; 0 counts as 1.
    pub repeat: u64,
    /// `-p`: significant digits.
    pub precision: usize,
    /// `-t`, `-c`
    pub clock: Clock,
    /// `-q`: nothing is printed.
    pub quiet: bool,
    /// `-o`: the result is the cell's value. It is shown as that, and not printed before.
    pub show: bool,
    /// `-v`: the variable that the result is kept in.
    pub variable: Option<String>,
}

impl Default for TimeitOptions {
    fn default() -> TimeitOptions {
        let clock = Clock::Monotonic;
        TimeitOptions { loops: 0, repeat: 7, precision: 3, clock, quiet: false, show: false, variable: None }
    }
}

/// What the time is taken from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Clock {
    #[default]
    Monotonic,
    /// `-t`: the time of day.
    Wall,
    /// `-c`: the processor time of the process.
    ProcessCpu,
}

/// What decides the text of a measured cell.
#[derive(Debug, Clone, Default)]
pub enum Plan {
    #[default]
    No,
    Time,
    Timeline {
        variable: Option<String>,
    },
    Timeit(Box<TimeitPlan>),
}

#[derive(Debug, Clone)]
pub struct TimeitPlan {
    timeit: Timeit,
    body_needs_semicolon: bool,
    /// Variables of the setup that the compiler is made to forget the values of.
    opaque: Vec<String>,
    /// Lines that tell what the body promises to do.
    promises: Vec<String>,
    /// Bytes of the cell that are loops of the body itself.
    loops: Vec<Range<usize>>,
}

impl TimeitOptions {
    /// The body runs once, and so may use up its variables.
    fn runs_once(&self) -> bool {
        self.loops == 1 && self.repeat <= 1
    }
}

/// The plan for a body, by what the notebook knows and the compiler has refused.
pub fn plan(timeit: &Timeit, measured: &Measured, taken: &[Taken], notebook: &Definitions, learnt: &Learnt) -> Plan {
    let opaque = measured.setup_variables.iter().filter(|name| !learnt.not_opaque.contains(*name));
    let promises = match learnt.no_promises {
        true => Vec::new(),
        false => promises(measured, taken, notebook),
    };
    Plan::Timeit(Box::new(TimeitPlan {
        timeit: timeit.clone(),
        body_needs_semicolon: measured.body_needs_semicolon,
        opaque: opaque.cloned().collect(),
        promises,
        loops: measured.loops.clone(),
    }))
}

/// The plan for a body of which the compiler has refused nothing.
#[cfg(feature = "evcxr")]
pub fn first_plan(timeit: &Timeit, measured: &Measured, taken: &[Taken], notebook: &Definitions) -> Plan {
    plan(timeit, measured, taken, notebook, &Learnt::default())
}

const INTEGERS: [&str; 12] = ["u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize"];

fn promises(measured: &Measured, taken: &[Taken], notebook: &Definitions) -> Vec<String> {
    let item = |name: &str, kind| {
        let stored = notebook.items.iter().rev().map(|stored| &stored.item);
        stored.filter(|item| item.kind == kind).find(|item| item.names.iter().any(|own| own == name))
    };
    let variable = |name: &str| taken.iter().find(|taken| taken.name == name);
    let bound = |bound: &Bound| match bound {
        Bound::Number(number) => Some(format!("{number}")),
        Bound::Name(name) => {
            let is_integer = variable(name).is_some_and(|taken| INTEGERS.contains(&taken.type_name.as_str()));
            (is_integer || item(name, ItemKind::Const).is_some())
                .then(|| format!("{} as i128", generate::identifier(name)))
        }
    };
    let rounds = |rounds: &Rounds| match rounds {
        Rounds::Range { start, end, inclusive } => {
            let end = bound(end)? + if *inclusive { " + 1" } else { "" };
            Some(format!("threadbook::__rt::timing::span({}, {end})", bound(start)?))
        }
        Rounds::Some { start, end } => {
            Some(format!("threadbook::__rt::timing::span({}, {}).min(2)", bound(start)?, bound(end)?))
        }
        Rounds::Elements(name) => {
            let has_length = |type_name: &str| type_name.starts_with("std::vec::Vec<") || type_name.starts_with('[');
            variable(name)
                .filter(|taken| has_length(&taken.type_name))
                .map(|_| format!("({}.len() as u64)", generate::identifier(name)))
        }
    };
    let product = |loops: &Vec<Rounds>| {
        let factors: Option<Vec<String>> = loops.iter().map(rounds).collect();
        let product = factors?.into_iter().reduce(|product, factor| format!("{product}.saturating_mul({factor})"))?;
        Some(format!("__tb_timing.rounds({product});\n"))
    };
    let mut lines: Vec<String> = measured.promises.loops.iter().filter_map(product).collect();
    let own = |name: &str| measured.cell.source.text.contains(&format!("fn {name}"));
    let works = |name: &String| match item(name, ItemKind::Function) {
        Some(function) if !own(name) => function_works(name, &function.text()),
        _ => false,
    };
    if measured.promises.calls.iter().any(works) {
        lines.push("__tb_timing.works();\n".to_owned());
    }
    lines
}

/// Writes a measured body in the place of a cell's statements. `taken`: the notebook's
/// variables that it may use.
pub fn write(
    out: &mut SourceText,
    regions: &mut Vec<(Range<usize>, Purpose)>,
    source: &Arc<CellSource>,
    attributes: &[Range<usize>],
    plan: &TimeitPlan,
    taken: &[Taken],
) {
    let TimeitPlan { timeit, .. } = plan;
    let TimeitOptions { loops, repeat, precision, clock, quiet, show, variable } = &timeit.options;
    let clock = match clock {
        Clock::Monotonic => "monotonic",
        Clock::Wall => "wall",
        Clock::ProcessCpu => "cpu",
    };
    let region = |out: &mut SourceText, regions: &mut Vec<(Range<usize>, Purpose)>, text: &str, purpose| {
        let start = out.len();
        out.push(text);
        regions.push((start..out.len(), purpose));
    };
    let opaque = |name: &str| format!("threadbook::__rt::timing::opaque(&{});\n", generate::identifier(name));
    let code = |out: &mut SourceText, range: &Range<usize>| {
        let inside = attributes.iter().filter(|attribute| range.contains(&attribute.start));
        let start = inside.map(|attribute| attribute.end).fold(range.start, usize::max);
        out.push_cell(source, start..range.end);
    };

    out.push(&format!(
        "let mut __tb_timing = threadbook::__rt::timing::begin({loops}, {repeat}, {precision}, \"{clock}\", {});\n",
        *quiet || *show
    ));
    taken.iter().for_each(|taken| out.push(&opaque(&taken.name)));
    for line in &plan.promises {
        region(out, regions, line, Purpose::Promise);
    }
    let once = timeit.options.runs_once();
    out.push(if once {
        "if __tb_timing.run() { '__tb_round: {\n"
    } else {
        "while __tb_timing.run() { '__tb_round: {\n"
    });
    if let Some(setup) = &timeit.setup {
        code(out, setup);
        out.push("\n;\n");
    }
    for name in &plan.opaque {
        region(out, regions, &opaque(name), Purpose::Opaque(name.clone()));
    }
    out.push("__tb_timing.start();\n");
    out.push(match once {
        true => "{ { ",
        false => "while let ::core::option::Option::Some(__tb_loops) = __tb_timing.part() { for _ in 0..__tb_loops { ",
    });
    out.push("let __tb_value = ::core::hint::black_box('__tb_body: {\n");
    code(out, &timeit.body);
    out.push(if plan.body_needs_semicolon { "\n;" } else { "" });
    out.push("\n}); } }\n__tb_timing.stop();\n} }\nlet __tb_result = __tb_timing.finish();\n");
    if *show {
        out.push("threadbook::__rt::timing::value(&__tb_result);\n");
    }
    if let Some(variable) = variable {
        out.push(&format!("let {} = __tb_result;\n", generate::identifier(variable)));
    }
}

/// Adds a line to errors that come only of the loop which a body is measured in.
pub fn explain_moves(errors: &mut [Diagnostic], plan: &Plan, generated: &Generated) {
    let Plan::Timeit(plan) = plan else { return };
    if plan.timeit.options.runs_once() {
        return;
    }
    for error in errors {
        let labelled = |text: &'static str| {
            error.spans.iter().filter(move |span| span.label.as_deref().is_some_and(|label| label.contains(text)))
        };
        let moves = || labelled("in previous iteration of loop");
        let in_loop = error.has_code("E0382") && moves().next().is_some();
        // The body's own loop would move it twice even if it ran once.
        let own_loop = moves()
            .filter_map(|span| generated.source.locate(span.range()))
            .any(|place| plan.loops.iter().any(|own| own.start <= place.range.start && place.range.end <= own.end));
        let captured = error.has_code("E0507") && error.message.contains("captured variable");
        let Some(name) = error.message.split('`').nth(1) else { continue };
        if (in_loop && !own_loop) || captured {
            let message = format!(
                "the body runs many times to be measured, so it cannot use up `{name}`: clone it, make it in the setup \
                 (the first line, behind `%%timeit`), or measure a single run with `-n 1 -r 1`"
            );
            error.children.push(Diagnostic {
                message,
                code: None,
                level: Level::Help,
                spans: Vec::new(),
                children: Vec::new(),
                rendered: None,
            });
        }
    }
}
