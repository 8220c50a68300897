//! The kernel's side of the keeper.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::Child;
use tokio::sync::{Mutex, watch};

use super::{FromKeeper, ToKeeper};
use crate::worker::{family, frame};

/// Processes that can be ended are gone by then.
const PATIENCE: Duration = Duration::from_secs(3);

/// In the environment of a keeper, and of all processes that come from it.
pub const MARK: &str = "THREADBOOK_KEEPER";

/// How long to wait before looking again whether all have ended.
const AGAIN: Duration = Duration::from_millis(5);
const LOOKS: usize = 200;

/// The running keeper. Dropping it ends it, and everybody it keeps.
pub struct Keeper {
    to_keeper: Mutex<OwnedWriteHalf>,
    family: watch::Sender<Family>,
}

#[derive(Default)]
struct Family {
    worker: Option<i32>,
    /// Those whose end somebody wants to know of.
    watched: BTreeMap<i32, Option<ExitStatus>>,
    sweeps: u64,
    /// The keeper has ended: nothing more will be known.
    gone: bool,
}

impl Keeper {
    /// `mark` is what [`MARK`] is in the keeper's environment.
    pub fn new(socket: UnixStream, child: Child, mark: String) -> Keeper {
        let (from_keeper, to_keeper) = socket.into_split();
        let family = watch::Sender::default();
        tokio::spawn(listen(from_keeper, family.clone(), child, mark));
        Keeper { to_keeper: Mutex::new(to_keeper), family }
    }

    /// The worker's process, once there is one.
    pub async fn worker(&self) -> Option<i32> {
        let mut family = self.family.subscribe();
        let family = family.wait_for(|family| family.worker.is_some() || family.gone).await;
        family.ok().and_then(|family| family.worker)
    }

    /// Remembers from now on how a process ends.
    pub fn watch(&self, process: i32) {
        self.family.send_modify(|family| {
            family.watched.insert(process, None);
        });
    }

    /// Waits for the end of a process that is watched. For ever, when the keeper is gone
    /// before.
    pub fn ended(&self, process: i32) -> impl Future<Output = ExitStatus> + Send + use<> {
        let mut family = self.family.subscribe();
        async move {
            let status = |family: &Family| family.watched.get(&process).copied().flatten();
            if let Ok(family) = family.wait_for(|family| status(family).is_some()).await
                && let Some(status) = status(&family)
            {
                return status;
            }
            std::future::pending().await
        }
    }

    /// Whether a process that is watched has ended.
    pub fn has_ended(&self, process: i32) -> bool {
        self.family.borrow().watched.get(&process).copied().flatten().is_some()
    }

    /// Ends all processes but this one and its own.
    pub async fn end_all_but(&self, process: i32) {
        let sweeps = self.family.borrow().sweeps;
        let message = serde_json::to_vec(&ToKeeper::EndAllBut { process: Some(process) });
        if let Ok(frame) = message.map_err(std::io::Error::from).and_then(|json| frame::encode(&json)) {
            // One that is gone shows on the reading side.
            let _ = self.to_keeper.lock().await.write_all(&frame).await;
        }
        let mut family = self.family.subscribe();
        let all_ended = family.wait_for(|family| family.sweeps > sweeps || family.gone);
        if tokio::time::timeout(PATIENCE, all_ended).await.is_err() {
            tracing::warn!("some processes of a cell could not be ended");
        }
    }
}

async fn listen(from_keeper: OwnedReadHalf, family: watch::Sender<Family>, mut child: Child, mark: String) {
    let mut messages = frame::Messages::new(from_keeper);
    while let Ok(Some(message)) = messages.next().await {
        match serde_json::from_slice(&message.json) {
            Ok(FromKeeper::Worker { process }) => family.send_modify(|family| {
                family.worker = Some(process);
                family.watched.insert(process, None);
            }),
            Ok(FromKeeper::Ended { process, status }) => family.send_modify(|family| {
                if let Some(known) = family.watched.get_mut(&process) {
                    *known = Some(ExitStatus::from_raw(status));
                }
            }),
            Ok(FromKeeper::AllEnded) => family.send_modify(|family| family.sweeps += 1),
            Err(error) => tracing::warn!("a message of the keeper is dropped: {error}"),
        }
    }
    // So that it does not stay as a zombie.
    let _ = child.wait().await;
    // It has ended the others, unless somebody has killed it.
    for _ in 0..LOOKS {
        if !family::end_marked(MARK, &mark) {
            break;
        }
        tokio::time::sleep(AGAIN).await;
    }
    family.send_modify(|family| family.gone = true);
}
