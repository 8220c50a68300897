//! Where cells find themselves: the working directory and the environment variables of the
//! process that runs them, as far as magics have set them.
//!
//! The process's checkpoints have both, so they are as they were after a crash. A process
//! that is started anew is given them again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::notebook::Notebook;
use crate::output::{CellError, Output};
use crate::worker::process::Worker;

#[derive(Debug, Default)]
pub struct Surroundings {
    /// As `%cd` set it.
    directory: Option<String>,
    /// The number of the last run when it did: the process has not run anything since.
    set_after_run: Option<u64>,
    /// Where the notebook was before.
    previous: Option<PathBuf>,
    /// As `%env` set them.
    variables: BTreeMap<String, String>,
}

impl Surroundings {
    /// The directory before the last `%cd`.
    pub fn previous(&self) -> Option<&Path> {
        self.previous.as_deref()
    }

    /// Tells them to a new process.
    pub async fn give_to(&self, worker: &Worker) {
        for (name, value) in &self.variables {
            worker.set_environment(name.clone(), Some(value.clone())).await;
        }
        if let Some(directory) = &self.directory {
            worker.set_directory(directory.clone()).await;
        }
    }
}

impl Notebook {
    /// Where relative paths of cells begin. (Cells can change it themselves; where the system
    /// does not tell, it is what `%cd` set last.)
    pub fn working_directory(&self) -> PathBuf {
        let as_set = self.surroundings.directory.as_ref().map(PathBuf::from);
        // The process may not have got there yet.
        if self.surroundings.set_after_run == Some(self.runs)
            && let Some(directory) = as_set
        {
            return directory;
        }
        let of_worker = self.worker.as_ref().and_then(Worker::directory);
        of_worker.or(as_set).or_else(|| std::env::current_dir().ok()).unwrap_or_default()
    }

    /// Changes the working directory for the cells to come. `directory` is absolute and there.
    pub async fn set_working_directory(&mut self, directory: String, output: &Output) -> Result<(), CellError> {
        let previous = self.working_directory();
        self.worker().await?.set_directory(directory.clone()).await;
        self.surroundings.previous = Some(previous);
        self.surroundings.directory = Some(directory);
        self.surroundings.set_after_run = Some(self.runs);
        // A crash of the next cell is not to undo it.
        self.checkpoint(output).await;
        Ok(())
    }

    /// Sets an environment variable for the cells to come.
    pub async fn set_environment(&mut self, name: &str, value: &str, output: &Output) -> Result<(), CellError> {
        self.worker().await?.set_environment(name.to_owned(), Some(value.to_owned())).await;
        self.surroundings.variables.insert(name.to_owned(), value.to_owned());
        self.checkpoint(output).await;
        Ok(())
    }
}
