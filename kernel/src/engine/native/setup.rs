//! What cells are compiled with and run in: the compiler, the prelude, added crates.

use std::path::PathBuf;

use super::compile::{Environment, USUAL_LEVEL};
use super::dependencies::{Added, AddedCrate, Dependencies, DependencyError};
use super::dependency_spec::DependencySpec;
use super::prelude::{Prelude, PreludeError};
use super::style::Style;
use super::toolchain::{Toolchain, ToolchainError};

#[derive(Debug, Clone)]
pub struct Setup {
    pub toolchain: Toolchain,
    prelude: Prelude,
    /// The one without what added crates want of it.
    plain_prelude: Prelude,
    dependencies: Dependencies,
}

#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    #[error(transparent)]
    Prelude(#[from] PreludeError),
}

/// How crates came in.
pub enum AddedCrates {
    AlreadyHere(Vec<AddedCrate>),
    /// The worker must load these libraries.
    New {
        crates: Vec<AddedCrate>,
        libraries: Vec<PathBuf>,
    },
    /// They fit only a fresh worker, with this setup; nothing has changed.
    NeedsFreshWorker {
        setup: Box<Setup>,
        because: String,
    },
}

impl Setup {
    /// Finds the compiler, and builds the prelude for it unless it is there. `progress`
    /// gets a line for each step of a build.
    ///
    /// # Errors
    /// Without a usable compiler, or when the prelude cannot be built.
    pub async fn find(progress: impl FnMut(&str) + Send) -> Result<Setup, SetupError> {
        let toolchain = Toolchain::find().await?;
        let prelude = Prelude::load_or_build(&toolchain, progress).await?;
        let directory = std::env::current_dir().unwrap_or_default();
        Ok(Setup { toolchain, plain_prelude: prelude.clone(), prelude, dependencies: Dependencies::new(directory) })
    }

    /// The same without the crates that were added. It fits only a fresh worker.
    pub fn without_crates(&self) -> Setup {
        Setup {
            prelude: self.plain_prelude.clone(),
            dependencies: self.dependencies.none_in_the_same_place(),
            ..self.clone()
        }
    }

    /// The crates that were added, as they were asked for.
    pub fn added(&self) -> &[DependencySpec] {
        self.dependencies.specs()
    }

    /// Adds crates for the cells to come.
    ///
    /// # Errors
    /// When there is no such crate or it cannot be built. Nothing has changed then.
    pub async fn add(
        &mut self,
        specs: Vec<DependencySpec>,
        progress: impl FnMut(&str) + Send,
    ) -> Result<AddedCrates, DependencyError> {
        Ok(match self.dependencies.add_all(specs, &self.toolchain, &self.prelude, progress).await? {
            Added::AlreadyHere(crates) => AddedCrates::AlreadyHere(crates),
            Added::New { crates, libraries } => AddedCrates::New { crates, libraries },
            Added::NeedsFreshWorker { prelude, dependencies, because } => {
                let setup = Setup { prelude: *prelude, dependencies, ..self.clone() };
                AddedCrates::NeedsFreshWorker { setup: Box::new(setup), because }
            }
        })
    }

    /// What a worker loads before any cell, in this order. The standard library comes
    /// first: the others name it without saying where it lies.
    pub fn libraries(&self) -> Vec<PathBuf> {
        let own = [self.toolchain.std_library.clone(), self.prelude.dylib.clone()];
        own.into_iter().chain(self.dependencies.libraries()).collect()
    }

    pub fn environment(&self) -> Environment {
        let mut crates: Vec<String> = self.prelude.externs.iter().map(|(name, _)| name.clone()).collect();
        crates.extend(
            self.dependencies.externs().keys().filter(|name| !crates.contains(name)).cloned().collect::<Vec<_>>(),
        );
        let mut arguments = self.prelude.rustc_args();
        arguments.extend(self.dependencies.rustc_args());
        Environment {
            rustc: self.toolchain.rustc.clone(),
            arguments,
            extern_crates: self.prelude.extern_crate() + &self.dependencies.extern_crates(),
            crates,
            has_dependencies: !self.dependencies.specs().is_empty(),
            opt_level: USUAL_LEVEL,
            debug_lines: false,
            style: Style::default(),
        }
    }
}
