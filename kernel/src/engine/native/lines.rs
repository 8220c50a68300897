//! The lines of optimised code, found when they are needed.
//!
//! Cells are compiled without debug information, since it would cost every cell time. When
//! one crashes, the libraries that were on its way are compiled once more, with lines; the
//! code in them is the same, so the same place is the same line.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use threadbook::message::CodeAddress;

use super::compile::{Environment, compile_with_lines};
use crate::worker::symbols::Libraries;

/// A line `name`, or `name at file:line:column` where known, for each function at each of
/// these places, inlined ones too. `directory` holds the libraries of cells. The compiler gets no more than
/// `patience` for each: names without lines are better than a long wait.
pub async fn describe(
    environment: &Environment,
    directory: &Path,
    calls: &[CodeAddress],
    patience: Duration,
) -> String {
    let mut with_lines = HashMap::new();
    let mut libraries = Libraries::default();
    let mut text = String::new();
    for call in calls {
        if !with_lines.contains_key(&call.library) {
            let found = find(environment, directory, &call.library, patience).await;
            with_lines.insert(call.library.clone(), found);
        }
        let better = with_lines[&call.library].clone().map(|library| CodeAddress { library, offset: call.offset });
        // Should the code have come out differently, its lines would be wrong.
        let same = better.filter(|better| {
            let symbol = libraries.symbol(call).map(str::to_owned);
            symbol.is_some() && libraries.symbol(better) == symbol.as_deref()
        });
        text.push_str(&libraries.describe(same.as_ref().unwrap_or(call)));
    }
    text
}

/// The library of a cell once more, with lines.
async fn find(environment: &Environment, directory: &Path, library: &str, patience: Duration) -> Option<String> {
    let library = Path::new(library);
    if library.parent() != Some(directory) {
        return None;
    }
    let stem = library.file_stem()?.to_str()?.strip_prefix("lib")?;
    let compiled = tokio::time::timeout(patience, compile_with_lines(environment, directory, stem)).await.ok()??;
    Some(compiled.to_str()?.to_owned())
}
