//! What can be wrong with the start of a process.

use std::fmt;
use std::io;

/// Why a process was not started.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProcessError {
    /// It was started before.
    AlreadyStarted {
        /// Its name.
        name: String,
    },
    /// The system makes no more processes: there are too many, or too little memory.
    Fork(io::Error),
}

impl fmt::Display for ProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProcessError::AlreadyStarted { name } => {
                write!(f, "{name} was started already: a process runs once, make a new one with Process::new")
            }
            ProcessError::Fork(error) => write!(
                f,
                "the system makes no process: {error}. Let some end first (join them), or start fewer at once"
            ),
        }
    }
}

impl std::error::Error for ProcessError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ProcessError::AlreadyStarted { .. } => None,
            ProcessError::Fork(error) => Some(error),
        }
    }
}
