//! What the kernel and the program that holds evcxr say to each other: one JSON object a
//! line, over a Unix socket. (That program is built on its own and takes this file in.)

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// From the kernel.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum ToEvcxr {
    /// Make crates known to all cells, and what this code declares. `offline`: with the
    /// versions that are here. All but the last are answered by [`FromEvcxr::Done`].
    Begin { dependencies: Vec<Dependency>, code: String, offline: bool },
    /// Make more crates known.
    Add { dependencies: Vec<Dependency> },
    /// Compile this code and run what comes of it.
    Execute { code: String },
    /// Compile it only.
    Check { code: String },
    /// Print errors that a `?` meets in this format.
    FormatErrors { format: String },
    /// Forget all that came after `Begin`.
    Clear,
    /// What was to be run by [`FromEvcxr::Run`] has ended so.
    Ran { ending: Ran },
}

/// A crate, as a line of `Cargo.toml` has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    pub name: String,
    /// The right side of the line.
    pub config: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ran {
    /// To its end.
    Finished,
    /// A panic ended it: what it has defined is not there.
    Panicked,
    /// A `?` ended it, likewise.
    Failed,
    /// The process that held all values is gone.
    Lost,
}

/// From evcxr.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum FromEvcxr {
    /// It can take code; or it cannot, for this reason.
    Ready {
        error: Option<String>,
    },
    /// Load this library and call its function.
    Run {
        library: String,
        symbol: String,
    },
    Done {
        outcome: Outcome,
        variables: Vec<Variable>,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Good,
    Rejected {
        errors: Vec<Rejection>,
        /// The text of the crate that was refused.
        source: String,
    },
    /// Something else went wrong: evcxr's words.
    Failed {
        text: String,
    },
}

/// An error in the code.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rejection {
    pub text: String,
    /// What rustc has said, as it writes it with `--error-format=json`; null for an error
    /// that evcxr has found itself.
    pub rustc: Value,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Variable {
    pub name: String,
    pub type_name: String,
}
