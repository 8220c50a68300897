//! The kernel's side of checkpoints: the latest one that can take over.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use threadbook::message::NoCheckpoint;
use tokio::io::Interest;
use tokio::net::UnixDatagram;

use super::descriptors;

/// How often it is looked whether the worker is still wanted.
const LOOK_AROUND: Duration = Duration::from_secs(1);

/// A sleeping copy of the worker. Dropping it dismisses the copy.
#[derive(Debug)]
pub struct Checkpoint {
    /// That of the order.
    pub id: u64,
    pub process: i32,
    socket: OwnedFd,
}

impl Checkpoint {
    /// Makes the copy the worker, with these files.
    ///
    /// # Errors
    /// When it is gone.
    pub fn wake(self, run: u64, files: &[BorrowedFd<'_>; 3]) -> io::Result<()> {
        descriptors::send(self.socket.as_fd(), [run, 0], files)
    }
}

/// Takes in the checkpoints that a worker announces, and keeps the latest.
pub struct Checkpoints {
    socket: UnixDatagram,
    latest: Mutex<Latest>,
}

#[derive(Default)]
struct Latest {
    checkpoint: Option<Checkpoint>,
    /// Why there is none, and the order that was refused.
    refused: Option<(u64, NoCheckpoint)>,
    /// Orders up to this one are withdrawn; what still comes for them is dismissed.
    withdrawn: u64,
}

impl Checkpoints {
    /// Listens on the kernel's end of the worker's channel for files.
    ///
    /// # Errors
    /// When the system does not let the socket be watched.
    pub fn new(socket: OwnedFd) -> io::Result<Arc<Checkpoints>> {
        let socket = std::os::unix::net::UnixDatagram::from(socket);
        socket.set_nonblocking(true)?;
        let socket = UnixDatagram::from_std(socket)?;
        let checkpoints = Arc::new(Checkpoints { socket, latest: Mutex::default() });
        let listener = Arc::downgrade(&checkpoints);
        tokio::spawn(async move {
            // So that it ends with the worker.
            while let Some(checkpoints) = listener.upgrade() {
                let readable = tokio::time::timeout(LOOK_AROUND, checkpoints.socket.readable()).await;
                if matches!(readable, Ok(Err(_))) {
                    return;
                }
                checkpoints.receive_now();
            }
        });
        Ok(checkpoints)
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The kernel's end, to send files to the worker.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn put(&self, parcel: descriptors::Parcel) {
        let [id, process] = parcel.numbers;
        let (Ok(process), Some(socket)) = (i32::try_from(process), parcel.files.into_iter().next()) else { return };
        let mut latest = self.lock();
        let old = id <= latest.withdrawn || latest.checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.id > id);
        if !old {
            latest.checkpoint = Some(Checkpoint { id, process, socket });
            latest.refused.take_if(|(refused, _)| *refused < id);
        }
    }

    /// An order was refused: what there was before it is not true any more.
    pub fn refuse(&self, id: u64, reason: NoCheckpoint) {
        let mut latest = self.lock();
        latest.checkpoint.take_if(|checkpoint| checkpoint.id < id);
        latest.refused = Some((id, reason));
    }

    /// Why the last order gave no checkpoint.
    pub fn refused(&self) -> Option<NoCheckpoint> {
        self.lock().refused.as_ref().map(|(_, reason)| reason.clone())
    }

    pub fn is_there(&self) -> bool {
        self.receive_now();
        self.lock().checkpoint.is_some()
    }

    /// The latest checkpoint, for the one who wakes it.
    pub fn take(&self) -> Option<Checkpoint> {
        self.receive_now();
        self.lock().checkpoint.take()
    }

    /// Dismisses what there is, and what still comes for orders up to this one.
    pub fn withdraw(&self, id: u64) {
        *self.lock() = Latest { withdrawn: id, ..Latest::default() };
    }

    /// What the worker had sent when it ended may not have been looked at.
    fn receive_now(&self) {
        let receive = || descriptors::receive(self.socket.as_fd());
        while let Ok(Some(parcel)) = self.socket.try_io(Interest::READABLE, receive) {
            self.put(parcel);
        }
    }
}
