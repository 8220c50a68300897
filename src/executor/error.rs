//! Why a task has no result.

use std::fmt;

/// Why a task has no result.
#[derive(PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskError {
    /// The task panicked; with its message (and in a program the place).
    Panicked(String),
    /// The task was cancelled before it began.
    Cancelled,
    /// The time limit of this question has passed. The task goes on: ask again.
    TimedOut,
    /// The executor takes no tasks any more.
    Shutdown,
    /// The task was waiting when the cell that it worked for was interrupted.
    Interrupted,
    /// The task was in a process that is no more, or whose copy this is.
    Lost,
    /// The process that worked on the task ended; with how.
    Crashed(String),
    /// The task or its result cannot be sent to another process; with why.
    NotSendable(String),
    /// The system refused what the task needs, a thread for example; with its words.
    System(String),
}

// Derived, these two would be compiled again in every cell that uses them.

impl Clone for TaskError {
    #[inline(never)]
    fn clone(&self) -> TaskError {
        match self {
            TaskError::Panicked(message) => TaskError::Panicked(message.clone()),
            TaskError::Cancelled => TaskError::Cancelled,
            TaskError::TimedOut => TaskError::TimedOut,
            TaskError::Shutdown => TaskError::Shutdown,
            TaskError::Interrupted => TaskError::Interrupted,
            TaskError::Lost => TaskError::Lost,
            TaskError::Crashed(how) => TaskError::Crashed(how.clone()),
            TaskError::NotSendable(why) => TaskError::NotSendable(why.clone()),
            TaskError::System(why) => TaskError::System(why.clone()),
        }
    }
}

impl fmt::Debug for TaskError {
    #[inline(never)]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, text) = match self {
            TaskError::Panicked(message) => ("Panicked", Some(message)),
            TaskError::Cancelled => ("Cancelled", None),
            TaskError::TimedOut => ("TimedOut", None),
            TaskError::Shutdown => ("Shutdown", None),
            TaskError::Interrupted => ("Interrupted", None),
            TaskError::Lost => ("Lost", None),
            TaskError::Crashed(how) => ("Crashed", Some(how)),
            TaskError::NotSendable(why) => ("NotSendable", Some(why)),
            TaskError::System(why) => ("System", Some(why)),
        };
        match text {
            Some(text) => f.debug_tuple(name).field(text).finish(),
            // An `unwrap` shows no more than this, and it is to say what to do.
            None => write!(f, "{name} ({self})"),
        }
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskError::Panicked(message) => write!(f, "the task panicked: {message}"),
            TaskError::Cancelled => f.write_str("the task was cancelled before it began"),
            TaskError::TimedOut => f.write_str("the task has not ended within the time limit; it goes on"),
            TaskError::Shutdown => f.write_str("the executor was shut down and takes no more tasks: make a new one"),
            TaskError::Interrupted => f.write_str("the task was interrupted"),
            TaskError::Lost => f.write_str(
                "the task ended with the process that it ran in (this one is a copy, without its threads): submit it \
                 again",
            ),
            TaskError::Crashed(how) => write!(f, "the process that worked on the task ended: {how}"),
            TaskError::NotSendable(why) => write!(f, "this cannot be sent to another process: {why}"),
            TaskError::System(why) => write!(f, "the system refused what the task needs: {why}"),
        }
    }
}

impl std::error::Error for TaskError {}
