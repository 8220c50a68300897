//! What ends or interrupts the kernel from outside the protocol: signals, and the end
//! of the Jupyter process that started it.

use std::future::Future;
use std::io;
use std::os::unix::process::parent_id;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::interpreter::Interpreter;

pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    jupyter: Option<u32>,
}

impl Signals {
    /// From now on these signals do not end the process by themselves.
    pub fn install() -> io::Result<Signals> {
        let jupyter = std::env::var("JPY_PARENT_PID").ok().and_then(|pid| pid.parse().ok());
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            // Only a direct child notices by its parent's number that Jupyter is gone.
            jupyter: jupyter.filter(|pid| *pid == parent_id()),
        })
    }

    /// Hands interrupts on to the interpreter and returns when the kernel has to end.
    pub fn watch(self, interpreter: Arc<impl Interpreter>) -> impl Future<Output = ()> + Send {
        let Signals { mut interrupt, mut terminate, mut hang_up, jupyter } = self;
        let interrupts = async move {
            while interrupt.recv().await.is_some() {
                interpreter.interrupt().await;
            }
            std::future::pending().await
        };
        async move {
            tokio::select! {
                _ = terminate.recv() => tracing::info!("SIGTERM: the kernel ends"),
                _ = hang_up.recv() => tracing::info!("SIGHUP: the kernel ends"),
                () = orphaned(jupyter) => tracing::info!("Jupyter is gone: the kernel ends"),
                () = interrupts => {}
            }
        }
    }
}

async fn orphaned(jupyter: Option<u32>) {
    let Some(jupyter) = jupyter else { return std::future::pending().await };
    while parent_id() == jupyter {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
