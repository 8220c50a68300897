//! Comms: the kernel has no targets of its own, so every comm that a front end opens
//! is closed at once, as the protocol wants it for unknown targets.

use jupyter_protocol::messaging::{CommClose, CommId, CommInfoReply};

use super::iopub::IoPub;
use super::message::Request;
use super::requests::CommOpen;

/// No comm is open.
pub fn info() -> CommInfoReply {
    CommInfoReply::default()
}

/// Answers `comm_open` with `comm_close`.
///
/// # Errors
///
/// When the request does not name a comm.
pub async fn refuse(request: &Request, iopub: &IoPub) -> Result<(), serde_json::Error> {
    let open: CommOpen = request.content()?;
    tracing::debug!(target_name = open.target_name, buffers = request.buffers.len(), "no such comm target");
    let close = CommClose { comm_id: CommId(open.comm_id), data: Default::default() };
    iopub.publish(request.child(close)).await;
    Ok(())
}
