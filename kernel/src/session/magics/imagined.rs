//! What magics do in a notebook that runs nothing: see [`ahead`](crate::session::ahead).

use crate::cell::magic::Step;
use crate::cell::magic::table::Id;
use crate::output::CellError;
use crate::session::report;

/// What a step does there.
pub enum Effect {
    /// What it always does: that is only to compile, or to change the notebook's settings.
    AsUsual,
    /// Nothing that matters to what comes.
    None,
    /// Nobody knows before it is done.
    Unknown,
}

pub fn effect(step: &Step) -> Effect {
    match step {
        Step::Code(_) | Step::ShellInto { .. } => Effect::AsUsual,
        Step::Shell(_) | Step::Question { .. } => Effect::None,
        Step::Line(call) => match call.magic.id {
            Id::Time | Id::Timeit | Id::Timeline | Id::Opt | Id::Fmt | Id::Efmt | Id::Result => Effect::AsUsual,
            Id::Checkpoint
            | Id::Doc
            | Id::Evcxr
            | Id::Explain
            | Id::Help
            | Id::History
            | Id::LastCompileDir
            | Id::Lsmagic
            | Id::Pwd
            | Id::Engine
            | Id::ShowDeps
            | Id::Timing
            | Id::Type
            | Id::Types
            | Id::Vars
            | Id::Version
            | Id::Who
            | Id::Whos => Effect::None,
            _ => Effect::Unknown,
        },
        Step::Cell(call, _) => match call.magic.id {
            Id::Capture
            | Id::CompileFail
            | Id::Result
            | Id::ShouldPanic
            | Id::Time
            | Id::Timeit
            | Id::Timeline
            | Id::Timeout => Effect::AsUsual,
            Id::Writefile => Effect::None,
            _ => Effect::Unknown,
        },
    }
}

/// Ends the way through a cell.
pub fn stop() -> CellError {
    report::plain("Imagined", "what this does is not known before it is done")
}
