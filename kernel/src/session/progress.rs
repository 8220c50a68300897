//! A line that tells how a longer work is getting on, and changes in place.

use std::future::Future;

use serde_json::Map;
use tokio::sync::watch;

use crate::output::{Event, MimeBundle, Output};

/// Waits for `work` and shows meanwhile what `lines` says, if it says anything.
pub async fn show_while<T>(work: impl Future<Output = T>, mut lines: watch::Receiver<String>, output: &Output) -> T {
    let mut shown: Option<String> = None;
    let mut talking = true;
    tokio::pin!(work);
    loop {
        let line = lines.borrow_and_update().clone();
        if talking && !line.is_empty() {
            shown = Some(show(line, shown, output).await);
        }
        tokio::select! {
            done = &mut work => {
                if let Some(id) = shown {
                    show("ready".to_owned(), Some(id), output).await;
                }
                return done;
            }
            changed = lines.changed(), if talking => talking = changed.is_ok(),
        }
    }
}

async fn show(line: String, id: Option<String>, output: &Output) -> String {
    let update = id.is_some();
    let id = id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let data = MimeBundle::from_iter([("text/plain".to_owned(), format!("\x1b[2m{line}\x1b[0m").into())]);
    output.send(Event::Display { data, metadata: Map::new(), display_id: Some(id.clone()), update }).await;
    id
}
