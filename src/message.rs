//! The messages between the code of a notebook and the kernel that hosts it.
//!
//! Control and rich output travel here, as JSON; plain text goes through the process's
//! own stdout and stderr. A program that uses the prelude without a kernel sends none
//! of these.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// From the running code to the kernel.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum FromCell {
    /// The process is ready for cells.
    Ready {
        /// The controls whose closures it holds.
        #[serde(default)]
        controls: Vec<u64>,
    },
    /// `interact` wants controls. What the run shows from here to [`FromCell::ControlsShown`] is
    /// what their closure shows of their first values.
    Controls {
        run: u64,
        /// Chosen at random.
        id: u64,
        controls: Vec<Control>,
        /// As in [`FromCell::Display`].
        ticket: u64,
    },
    ControlsShown {
        run: u64,
        ticket: u64,
    },
    /// A value in several formats, MIME type to content.
    Display {
        /// Which run of a cell it belongs to.
        run: u64,
        data: Map<String, Value>,
        #[serde(default)]
        metadata: Map<String, Value>,
        display_id: Option<String>,
        update: bool,
        /// Send [`ToCell::Seen`] with this number once it was handed to the front end.
        ticket: u64,
    },
    /// The value of a cell's last expression.
    Result {
        run: u64,
        data: Map<String, Value>,
    },
    ClearOutput {
        run: u64,
        wait: bool,
        ticket: u64,
    },
    /// Ask the person for a line of text; answered by [`ToCell::InputReply`].
    Input {
        run: u64,
        ticket: u64,
        prompt: String,
        password: bool,
    },
    /// Nobody waits for an answer to this ticket any more.
    GivenUp {
        ticket: u64,
    },
    /// A panic that did not end a cell: on another thread, or caught.
    Panic {
        run: u64,
        panic: PanicReport,
    },
    /// The process is about to end by a signal. Nothing else comes from it.
    Crash {
        run: u64,
        crash: CrashReport,
    },
    /// A checkpoint was asked for and is not there.
    NoCheckpoint {
        id: u64,
        reason: NoCheckpoint,
    },
    /// A cell has ended. What is left of its text is in the pipes already.
    Ended {
        run: u64,
        ending: Ending,
        variables: Vec<String>,
    },
}

/// How a cell's code ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Finished,
    /// A `return` at the top level ended it, where the engine allows one: what it has defined
    /// is not there.
    Returned,
    /// A `?` at the top level met an error.
    Failed {
        type_name: String,
        text: String,
    },
    Panicked(PanicReport),
    /// Stopped by [`ToCell::Interrupt`] while it waited there.
    Interrupted(Place),
    /// The compiled cell could not be loaded or called.
    NotLoaded(String),
}

/// A place in a source file, as the compiler knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The path the compiler was given for the source file.
    pub file: String,
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters.
    pub column: u32,
}

/// What a signal that ends the process was about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrashReport {
    pub signal: i32,
    /// The memory that was accessed.
    pub address: Option<u64>,
    /// The access was just beyond the stack's end.
    pub stack_overflow: bool,
    /// The thread's name, if it has one.
    pub thread: Option<String>,
    /// The calls that led there, the latest first.
    pub calls: Vec<CodeAddress>,
}

/// A place in loaded code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeAddress {
    /// The library's file.
    pub library: String,
    /// Bytes from where the library begins in memory.
    pub offset: u64,
}

/// Why there is no checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoCheckpoint {
    /// The process has more memory of its own than is to be copied.
    TooLarge { bytes: u64 },
    /// A thread keeps stdout or another lock that a copy would need.
    Locked,
    /// The system refused; with its words.
    Failed(String),
}

/// Asks for a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointOrder {
    /// Told with the checkpoint.
    pub id: u64,
    /// None is made of a process with more memory of its own.
    pub most_bytes: u64,
}

/// What a panic said and where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PanicReport {
    /// The panicking thread's name, if it has one.
    pub thread: Option<String>,
    pub text: String,
    /// The path the compiler was given for the source file.
    pub file: String,
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters.
    pub column: u32,
    /// The calls that led there, the latest first, when `RUST_BACKTRACE` asks for them:
    /// for each function a line `name`, or `name at file:line:column` where known.
    pub backtrace: Option<String>,
}

/// From the kernel to the running code.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum ToCell {
    /// Load these shared libraries, so that cells find them.
    Load {
        libraries: Vec<String>,
    },
    /// Load a compiled cell and call its entry point.
    Run {
        run: u64,
        library: String,
        symbol: String,
        /// evcxr has compiled it: its entry point is of another kind.
        #[serde(default)]
        foreign: bool,
        /// The cell may use rayon.
        rayon: bool,
        /// Make a checkpoint first, unless the last one is still true.
        checkpoint: Option<CheckpointOrder>,
        /// What the compiler took for the cell, in seconds.
        #[serde(default)]
        compile_seconds: f64,
    },
    /// Call the closure of these controls with their values, in their order. It ends as a cell does.
    Call {
        run: u64,
        controls: u64,
        values: Vec<Value>,
        rayon: bool,
        checkpoint: Option<CheckpointOrder>,
    },
    /// Nobody will use these controls any more.
    DropControls {
        ids: Vec<u64>,
    },
    /// Make a checkpoint now that no cell runs, unless the last one is still true.
    Checkpoint(CheckpointOrder),
    /// Stop the run: the cell's waits unwind, with `everyone` those of its threads too.
    /// Child processes that it has started are ended.
    Interrupt {
        run: u64,
        everyone: bool,
    },
    /// Drop variables.
    Forget {
        names: Vec<String>,
    },
    /// A line of text, or none when nobody can answer.
    InputReply {
        ticket: u64,
        text: Option<String>,
    },
    Seen {
        ticket: u64,
    },
    /// End the process with a [`FromCell::Crash`] that tells where the run's cell is.
    Abort {
        run: u64,
    },
    /// Set or unset environment variables of the process.
    Environment {
        name: String,
        value: Option<String>,
    },
    /// Change the working directory of the process.
    Directory {
        path: String,
    },
}

/// Something by which a person sets a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// What stands beside it.
    pub name: String,
    pub kind: ControlKind,
    /// The first value: a number, true or false, a text; of a menu the place of the choice,
    /// from 0.
    pub value: Value,
    /// Values count while it is still being moved or typed, else when that is done.
    pub continuous: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlKind {
    IntegerSlider { min: i64, max: i64, step: i64 },
    FloatSlider { min: f64, max: f64, step: f64 },
    Menu { options: Vec<String> },
    Checkbox,
    Text,
}

impl Control {
    /// The nearest value that it can have; `None` when this is none at all.
    pub fn fitting(&self, value: &Value) -> Option<Value> {
        match &self.kind {
            ControlKind::IntegerSlider { min, max, .. } => {
                // (A cast of a float saturates.)
                let number = value.as_i64().or_else(|| Some(value.as_f64()?.round() as i64))?;
                Some(number.clamp(*min, *max.max(min)).into())
            }
            ControlKind::FloatSlider { min, max, .. } => {
                value.as_f64().map(|number| number.clamp(*min, max.max(*min)).into())
            }
            ControlKind::Menu { options } => {
                let is_there = |index: &u64| usize::try_from(*index).is_ok_and(|index| index < options.len());
                value.as_u64().filter(is_there).map(Value::from)
            }
            ControlKind::Checkbox => value.as_bool().map(Value::from),
            ControlKind::Text => value.as_str().map(Value::from),
        }
    }
}

/// `workers = 4`
impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let choice = match &self.kind {
            ControlKind::Menu { options } => {
                self.value.as_u64().and_then(|index| options.get(usize::try_from(index).ok()?))
            }
            _ => None,
        };
        match choice {
            Some(choice) => write!(f, "{} = {choice}", self.name),
            None => write!(f, "{} = {}", self.name, self.value),
        }
    }
}

/// The variable of the environment that names the file with what `%%capture` has kept. (The
/// code that reads it is the same for all files: it is compiled once.)
pub const CAPTURED: &str = "THREADBOOK_CAPTURED";

/// A part of what a cell has shown that is kept for a variable, in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapturedPiece {
    Stdout(String),
    Stderr(String),
    /// One with an id that was there before takes the place of that one.
    Display {
        data: Map<String, Value>,
        display_id: Option<String>,
    },
}
