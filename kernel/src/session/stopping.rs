//! A run of a cell that may be interrupted.
//!
//! It is asked first: waits of the prelude end, then those of the cell's threads. A cell
//! that does not hear it is left to the caller, who falls back to the checkpoint; a second
//! interrupt says not to wait for that. Without a checkpoint the caller would have to end
//! the process with all variables, so then only a second interrupt does it.

use std::pin::pin;
use std::time::Duration;

use super::notebook::Stop;
use super::notices::show_notice;
use crate::output::Output;
use crate::worker::process::{RunEnd, Worker};

/// The cell itself has that long to end its wait.
const ALONE: Duration = Duration::from_millis(300);
/// And together with its threads that long more.
const TOGETHER: Duration = Duration::from_millis(700);

/// Interrupts that come together leave it that long.
const AT_ONCE: Duration = Duration::from_millis(50);

/// How a run ended.
pub enum Stopped {
    /// By itself.
    Ended(RunEnd),
    /// It was interrupted, and ended then.
    Interrupted(RunEnd),
    /// It was interrupted, and goes on.
    Stuck,
}

/// Waits for the end of a run, and sees to it when it is to be stopped.
pub async fn wait(
    worker: &Worker,
    run: u64,
    end: impl Future<Output = RunEnd>,
    stop: &mut Stop,
    output: &Output,
) -> Stopped {
    let mut end = pin!(end);
    let before = *stop.borrow();
    tokio::select! {
        biased;
        end = &mut end => return Stopped::Ended(end),
        _ = stop.changed() => {}
    }
    for (everyone, patience) in [(false, ALONE), (true, TOGETHER)] {
        worker.interrupt(run, everyone).await;
        // Several that came before this task could see the first show as one change.
        let is_urgent = *stop.borrow_and_update() > before + 1;
        let patience = if is_urgent { AT_ONCE } else { patience };
        tokio::select! {
            biased;
            end = &mut end => return Stopped::Interrupted(end),
            _ = stop.changed() => return Stopped::Stuck,
            () = tokio::time::sleep(patience), if is_urgent => return Stopped::Stuck,
            () = tokio::time::sleep(patience) => {}
        }
    }
    if worker.has_checkpoint() {
        return Stopped::Stuck;
    }
    show_notice(
        "the cell computes, or waits where it cannot be stopped, and there is no checkpoint to fall back to: \
         a second interrupt ends its process, and all variables with it",
        output,
    )
    .await;
    tokio::select! {
        biased;
        end = &mut end => Stopped::Interrupted(end),
        _ = stop.changed() => Stopped::Stuck,
    }
}
