//! What cells are compiled with and run in: the compiler, the prelude, added crates.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::cache;
use super::compile::{Environment, Tools, USUAL_LEVEL};
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
    /// What cells are compiled with, once they are.
    tools: OnceLock<Arc<Tools>>,
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
        let dependencies = Dependencies::new(directory);
        Ok(Setup { toolchain, plain_prelude: prelude.clone(), prelude, dependencies, tools: OnceLock::new() })
    }

    /// The same without the crates that were added. It fits only a fresh worker.
    pub fn without_crates(&self) -> Setup {
        Setup {
            prelude: self.plain_prelude.clone(),
            dependencies: self.dependencies.none_in_the_same_place(),
            tools: OnceLock::new(),
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
        let added = self.dependencies.add_all(specs, &self.toolchain, &self.prelude, progress).await?;
        self.tools.take();
        Ok(match added {
            Added::AlreadyHere(crates) => AddedCrates::AlreadyHere(crates),
            Added::New { crates, libraries } => AddedCrates::New { crates, libraries },
            Added::NeedsFreshWorker { prelude, dependencies, because } => {
                let setup = Setup { prelude: *prelude, dependencies, tools: OnceLock::new(), ..self.clone() };
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

    /// The compiler, and the crates a cell may name.
    pub fn tools(&self) -> &Arc<Tools> {
        self.tools.get_or_init(|| {
            let rustc = self.toolchain.rustc.clone();
            let mut crates: Vec<String> = self.prelude.externs.iter().map(|(name, _)| name.clone()).collect();
            crates.extend(
                self.dependencies.externs().keys().filter(|name| !crates.contains(name)).cloned().collect::<Vec<_>>(),
            );
            let mut arguments = self.prelude.rustc_args();
            arguments.extend(self.dependencies.rustc_args());
            arguments.extend(self.toolchain.linker.iter().cloned());
            let digest =
                cache::of_tools([rustc.as_os_str()].into_iter().chain(arguments.iter().map(OsString::as_os_str)));
            Arc::new(Tools {
                rustc,
                arguments,
                digest,
                extern_crates: self.prelude.extern_crate() + &self.dependencies.extern_crates(),
                crates,
                has_dependencies: !self.dependencies.specs().is_empty(),
            })
        })
    }

    pub fn environment(&self) -> Environment {
        Environment { tools: self.tools().clone(), opt_level: USUAL_LEVEL, debug_lines: false, style: Style::default() }
    }
}
