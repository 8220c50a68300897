//! Crates that were built once, and the shared library that holds them all.
//!
//! A bundle is a directory that needs nothing of cargo's any more: copies of the
//! crates' files, the shared library, the lock file, and a manifest of what is there.
//! `rustc` reads types and generics from the `.rlib` files and takes all else from the
//! shared library.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::PackageId;
use semver::Version;
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::cargo::{Build, BuiltCrate};
use super::failure::BuildError;
use super::process;
use super::store::{Lock, MANIFEST, Store};
use crate::engine::native::toolchain::Toolchain;

/// Where in a bundle all that `rustc` looks for lies.
const LIBRARIES: &str = "lib";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bundle {
    /// The name of its directory.
    #[serde(skip)]
    pub name: String,
    #[serde(skip)]
    directory: PathBuf,
    /// The shared library's name as a crate.
    pub crate_name: String,
    /// `None` when all that it has are procedural macros.
    library: Option<String>,
    pub crates: Vec<BundledCrate>,
    /// The crates in it that a cell may name, by the names it uses: their files.
    externs: BTreeMap<String, String>,
    /// `-L` arguments for the native libraries that crates link.
    pub native_search: Vec<String>,
    pub lock: String,
}

/// A crate in a bundle.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BundledCrate {
    pub package: String,
    pub version: Version,
    pub crate_name: String,
    pub from_crates_io: bool,
    pub fixed: bool,
    pub features: Vec<String>,
    pub has_default: bool,
    pub proc_macro: bool,
    /// The file's name; cargo puts into it a hash of all that the crate was built from,
    /// except the text of crates that lie on the user's disk.
    pub file: String,
}

impl BundledCrate {
    fn new(built: &BuiltCrate) -> Result<BundledCrate, BuildError> {
        Ok(BundledCrate {
            package: built.package.clone(),
            version: built.version.clone(),
            crate_name: built.crate_name.clone(),
            from_crates_io: built.from_crates_io,
            fixed: built.fixed,
            features: built.features.clone(),
            has_default: built.has_default,
            proc_macro: built.proc_macro,
            file: file_name(&built.file)?,
        })
    }
}

pub fn file_name(path: &Path) -> Result<String, BuildError> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| BuildError::Unexpected(format!("the file name {}", path.display())))
}

/// What a new bundle is made from.
pub struct Recipe<'a> {
    pub name: String,
    pub crate_name: String,
    pub build: &'a Build,
    /// Which crates of the build go in.
    pub crates: &'a BTreeSet<PackageId>,
    /// The names of those that a cell may name.
    pub externs: &'a [(String, PackageId)],
    /// The bundles that hold the others, in the order in which they were made.
    pub below: Vec<&'a Bundle>,
}

impl Bundle {
    /// Reads a bundle; `None` when there is none, or parts of it are missing.
    pub fn load(store: &Store, name: &str) -> Option<Bundle> {
        let directory = store.bundle(name);
        let mut bundle: Bundle = serde_json::from_slice(&fs::read(directory.join(MANIFEST)).ok()?).ok()?;
        bundle.name = name.to_owned();
        bundle.directory = directory;
        let libraries = bundle.libraries();
        let whole = bundle.files().all(|file| libraries.join(file).is_file());
        whole.then_some(bundle)
    }

    /// Copies the crates, links them into one shared library and puts all that into the
    /// store.
    pub async fn make(
        recipe: Recipe<'_>,
        toolchain: &Toolchain,
        store: &Store,
        lock: &Lock,
    ) -> Result<Bundle, BuildError> {
        let stage = store.stage(lock)?;
        let libraries = stage.path().join(LIBRARIES);
        fs::create_dir(&libraries).map_err(BuildError::storage(&libraries))?;
        let mut crates = Vec::new();
        for id in recipe.crates {
            let Some(built) = recipe.build.crates.get(id) else { continue };
            let bundled = BundledCrate::new(built)?;
            let copy = libraries.join(&bundled.file);
            // A link costs no space. Compilers replace such files and never write into
            // them, so the copy stays as it is.
            fs::hard_link(&built.file, &copy)
                .or_else(|_| fs::copy(&built.file, &copy).map(drop))
                .map_err(BuildError::storage(&copy))?;
            crates.push(bundled);
        }
        let mut externs = BTreeMap::new();
        for (name, id) in recipe.externs.iter().filter(|(_, id)| recipe.crates.contains(id)) {
            if let Some(built) = recipe.build.crates.get(id) {
                externs.insert(name.clone(), file_name(&built.file)?);
            }
        }
        let linked = crates.iter().any(|bundled| !bundled.proc_macro);
        let library =
            linked.then(|| format!("{}{}{}", env::consts::DLL_PREFIX, recipe.crate_name, env::consts::DLL_SUFFIX));
        let bundle = Bundle {
            directory: store.bundle(&recipe.name),
            name: recipe.name,
            crate_name: recipe.crate_name,
            library,
            crates,
            externs,
            native_search: recipe.build.native_search.clone(),
            lock: recipe.build.lock.clone(),
        };
        if let Some(library) = &bundle.library {
            bundle.link(&libraries, library, &recipe.below, stage.path(), toolchain).await?;
        }
        let manifest = stage.path().join(MANIFEST);
        let text = serde_json::to_vec_pretty(&bundle).map_err(|error| BuildError::Unexpected(error.to_string()))?;
        fs::write(&manifest, text).map_err(BuildError::storage(&manifest))?;
        store.publish(lock, stage, &bundle.name)?;
        Ok(bundle)
    }

    async fn link(
        &self,
        staged: &Path,
        library: &str,
        below: &[&Bundle],
        scratch: &Path,
        toolchain: &Toolchain,
    ) -> Result<(), BuildError> {
        // All crates, not only those asked for: a crate that no other one mentions would
        // be left out, and then be linked into every cell that names it.
        let mut source = String::new();
        let mut command = Command::new(&toolchain.rustc);
        for bundle in below {
            command.args(bundle.rustc_args());
            source.push_str(&bundle.extern_crate());
        }
        for (number, bundled) in self.crates.iter().filter(|bundled| !bundled.proc_macro).enumerate() {
            // By a public name the compiler can name the types of a crate that the cell does not
            // mention. (Not those of the prelude that cells can mention: for each cell with a
            // variable it looks through all public names, and theirs are the most.)
            let mentioned = below.is_empty() && self.externs.values().any(|file| *file == bundled.file);
            let visibility = if mentioned { "" } else { "pub " };
            source.push_str(&format!("{visibility}extern crate c{number};\n"));
            command.arg("--extern").arg(assignment(&format!("c{number}"), &staged.join(&bundled.file)));
        }
        let file = scratch.join("bundle.rs");
        fs::write(&file, source).map_err(BuildError::storage(&file))?;

        command.arg(&file).args(["--edition=2024", "--crate-type=dylib", "--crate-name", &self.crate_name]);
        command.args(["-Cprefer-dynamic", "-Copt-level=2", "--cap-lints=allow", "--color=never"]);
        command.arg("-L").arg(prefixed("dependency=", staged)).arg("-o").arg(staged.join(library));
        for native in &self.native_search {
            command.arg("-L").arg(native);
        }
        // Found again when a cell that was linked against it is loaded: by its bare name
        // on Linux, where the loader compares names, by its place on macOS.
        let place = self.libraries().join(library);
        let name: [OsString; 2] = if cfg!(target_os = "macos") {
            ["-install_name".into(), place.into()]
        } else {
            ["-soname".into(), library.into()]
        };
        let rpaths = below.iter().map(|bundle| bundle.libraries()).chain([toolchain.libdir.clone()]);
        for argument in name.into_iter().chain(rpaths.flat_map(|path| ["-rpath".into(), path.into()])) {
            command.arg("-Clink-arg=-Xlinker").arg(prefixed("-Clink-arg=", Path::new(&argument)));
        }
        let mut text = String::new();
        let finished = process::run(&mut command, |line| {
            text.push_str(line);
            text.push('\n');
        });
        let finished =
            finished.await.map_err(|source| BuildError::NotStarted { program: toolchain.rustc.clone(), source })?;
        if !finished.status.success() {
            return Err(BuildError::Link { text });
        }
        let _ = fs::remove_file(file);
        Ok(())
    }

    /// The directory with the crates' files and the shared library.
    pub fn libraries(&self) -> PathBuf {
        self.directory.join(LIBRARIES)
    }

    /// The shared library, if there is one.
    pub fn library(&self) -> Option<PathBuf> {
        Some(self.libraries().join(self.library.as_ref()?))
    }

    pub fn file(&self, bundled: &BundledCrate) -> PathBuf {
        self.libraries().join(&bundled.file)
    }

    /// The crates in it that a cell may name, and their files.
    pub fn externs(&self) -> BTreeMap<String, PathBuf> {
        let libraries = self.libraries();
        self.externs.iter().map(|(name, file)| (name.clone(), libraries.join(file))).collect()
    }

    fn files(&self) -> impl Iterator<Item = &str> {
        self.crates.iter().map(|bundled| bundled.file.as_str()).chain(self.library.as_deref())
    }

    /// The crate of a build in this bundle: the same file by name and, where the name
    /// does not tell, by content.
    pub fn find(&self, built: &BuiltCrate) -> Found<'_> {
        let name = built.file.file_name().and_then(|name| name.to_str());
        let Some(bundled) = self.crates.iter().find(|bundled| Some(bundled.file.as_str()) == name) else {
            return Found::No;
        };
        let copy = self.file(bundled);
        if built.fixed || same_file(&copy, &built.file) { Found::Same(bundled) } else { Found::Changed }
    }

    /// Whether a file of this name is in it, whatever its content.
    pub fn has_file_of(&self, built: &BuiltCrate) -> bool {
        !matches!(self.find(built), Found::No)
    }

    /// What `rustc` needs to know to use the shared library and the crates in it.
    pub fn rustc_args(&self) -> Vec<OsString> {
        let mut arguments = vec!["-L".into(), prefixed("dependency=", &self.libraries())];
        if let Some(library) = self.library() {
            arguments.extend(["--extern".into(), assignment(&self.crate_name, &library)]);
        }
        arguments.extend(self.native_search.iter().flat_map(|native| ["-L".into(), native.into()]));
        arguments
    }

    /// The line of Rust by which a crate takes what it needs from the shared library.
    pub fn extern_crate(&self) -> String {
        self.library.as_ref().map(|_| format!("extern crate {} as _;\n", self.crate_name)).unwrap_or_default()
    }
}

pub enum Found<'a> {
    No,
    Same(&'a BundledCrate),
    /// The same file's name, but other code.
    Changed,
}

fn same_file(one: &Path, other: &Path) -> bool {
    match (fs::read(one), fs::read(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// `name=path`, as `--extern` takes it.
pub fn assignment(name: &str, path: &Path) -> OsString {
    prefixed(&format!("{name}="), path)
}

fn prefixed(prefix: &str, path: &Path) -> OsString {
    let mut text = OsString::from(prefix);
    text.push(path);
    text
}
