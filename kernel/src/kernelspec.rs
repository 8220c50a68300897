//! The kernelspec: the folder by which Jupyter knows a kernel and how to start it.

use std::ffi::OsString;
use std::path::{Path, PathBuf, absolute};
use std::process::{Command, Stdio};
use std::{env, fs, io};

use serde_json::json;

use crate::engine::Engine;

/// The name for `jupyter console --kernel NAME`, and the folder's name.
fn name(engine: Engine) -> &'static str {
    match engine {
        Engine::Native => "threadbook",
        Engine::Evcxr => "threadbook-evcxr",
    }
}

/// The name in JupyterLab's launcher.
pub fn display_name(engine: Engine) -> &'static str {
    match engine {
        Engine::Native => "Rust (Threadbook)",
        Engine::Evcxr => "Rust (Threadbook, evcxr)",
    }
}

/// What the name of every kernel of ours begins with.
const DISPLAY_NAMES: &str = "Rust (Threadbook";

/// They name other folders than the usual ones for what the kernel keeps.
const FOLDER_VARIABLES: [&str; 2] = ["THREADBOOK_DATA_DIR", "THREADBOOK_CACHE_DIR"];

const LOGOS: [(&str, &[u8]); 3] = [
    ("logo-svg.svg", include_bytes!("../assets/logo-svg.svg")),
    ("logo-32x32.png", include_bytes!("../assets/logo-32x32.png")),
    ("logo-64x64.png", include_bytes!("../assets/logo-64x64.png")),
];

/// Which of the places that Jupyter searches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// The user's own data folder.
    User,
    /// The active Python environment, or that of the first Python on `PATH`.
    SysPrefix,
    /// The Python environment in this folder.
    Prefix(PathBuf),
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot tell where your home is; set HOME, or name a folder: `threadbook install --prefix DIR`")]
    NoHome,
    #[error(
        "--sys-prefix found no Python: activate an environment, put `python3` on PATH, \
         or name the environment's folder: `threadbook install --prefix DIR`"
    )]
    NoPython,
    #[error(
        "cannot write {path}: {source}; make the folder writable, or choose another: `threadbook install --prefix DIR`"
    )]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot remove {path}: {source}; remove it by hand")]
    Remove { path: PathBuf, source: io::Error },
    #[error("{path} does not hold a kernelspec of Threadbook's; look at it and remove it by hand")]
    NotOurs { path: PathBuf },
    #[error("cannot tell where this program is: {0}; start it by its full path")]
    NoProgram(io::Error),
}

/// The folder that holds, or would hold, the kernelspec.
pub fn folder(location: &Location, engine: Engine) -> Result<PathBuf, Error> {
    let data = match location {
        Location::User => user_data_folder(|name| env::var_os(name), env::home_dir()).ok_or(Error::NoHome)?,
        Location::SysPrefix => sys_prefix().ok_or(Error::NoPython)?.join("share/jupyter"),
        Location::Prefix(prefix) => prefix.join("share/jupyter"),
    };
    let folder = data.join("kernels").join(name(engine));
    absolute(&folder).map_err(|source| Error::Write { path: folder, source })
}

/// Where jupyter_core keeps a user's data (`jupyter --data-dir`).
fn user_data_folder(variable: impl Fn(&str) -> Option<OsString>, home: Option<PathBuf>) -> Option<PathBuf> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = set("JUPYTER_DATA_DIR") {
        return Some(folder);
    }
    let home = home.filter(|home| !home.as_os_str().is_empty());
    if cfg!(target_os = "macos") {
        return Some(home?.join("Library/Jupyter"));
    }
    let data = set("XDG_DATA_HOME").or_else(|| Some(home?.join(".local/share")))?;
    Some(data.join("jupyter"))
}

fn sys_prefix() -> Option<PathBuf> {
    let active = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(env::var_os).find(|value| !value.is_empty());
    active.map(PathBuf::from).or_else(prefix_of_python).or_else(prefix_of_jupyter)
}

fn prefix_of_python() -> Option<PathBuf> {
    let output = Command::new("python3")
        .args(["-c", "import sys; print(sys.prefix)"])
        .stdin(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let prefix = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(prefix.trim_end_matches('\n'))).filter(|prefix| prefix.is_absolute())
}

/// PREFIX of a `jupyter` at PREFIX/bin/jupyter.
fn prefix_of_jupyter() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let jupyter = env::split_paths(&path).map(|folder| folder.join("jupyter")).find(|file| file.is_file())?;
    let jupyter = fs::canonicalize(jupyter).ok()?;
    Some(jupyter.parent()?.parent()?.to_owned())
}

/// The program to name in the kernelspec: this one, without symbolic links, so that
/// a link that goes away does not take the kernel along.
pub fn this_program() -> Result<PathBuf, Error> {
    env::current_exe().and_then(fs::canonicalize).map_err(Error::NoProgram)
}

/// Writes the kernelspec that starts `program` into `folder`, over an older one.
pub fn install(folder: &Path, program: &Path, engine: Engine) -> Result<(), Error> {
    let write = |path: &Path, content: &[u8]| {
        fs::write(path, content).map_err(|source| Error::Write { path: path.to_owned(), source })
    };
    fs::create_dir_all(folder).map_err(|source| Error::Write { path: folder.to_owned(), source })?;
    for (name, content) in LOGOS {
        write(&folder.join(name), content)?;
    }
    // Last, and in one step: Jupyter lists a folder as soon as it has this file.
    let unfinished = folder.join(".kernel.json");
    write(&unfinished, kernel_json(program, engine, |name| env::var_os(name)).as_bytes())?;
    let path = folder.join("kernel.json");
    fs::rename(&unfinished, &path).map_err(|source| Error::Write { path, source })
}

/// Jupyter may be started where the variables that name the kernel's folders are not
/// set: the kernelspec hands them on.
fn kernel_json(program: &Path, engine: Engine, variable: impl Fn(&str) -> Option<OsString>) -> String {
    let mut spec = json!({
        "argv": [program.to_string_lossy(), "kernel", "--connection-file", "{connection_file}"],
        "display_name": display_name(engine),
        "language": "rust",
        "interrupt_mode": "message",
        "metadata": { "debugger": false },
    });
    if engine != Engine::default()
        && let Some(argv) = spec["argv"].as_array_mut()
    {
        argv.extend(["--engine".into(), engine.name().into()]);
    }
    for name in FOLDER_VARIABLES {
        if let Some(folder) = variable(name).filter(|folder| !folder.is_empty()) {
            let folder = absolute(&folder).unwrap_or_else(|_| folder.into());
            spec["env"][name] = folder.to_string_lossy().into();
        }
    }
    format!("{spec:#}\n")
}

/// Removes the kernelspec; `false` when there was none.
pub fn uninstall(folder: &Path) -> Result<bool, Error> {
    if fs::symlink_metadata(folder).is_err() {
        return Ok(false);
    }
    let ours = fs::read_to_string(folder.join("kernel.json")).is_ok_and(|spec| spec.contains(DISPLAY_NAMES));
    if !ours {
        return Err(Error::NotOurs { path: folder.to_owned() });
    }
    fs::remove_dir_all(folder).map_err(|source| Error::Remove { path: folder.to_owned(), source })?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_folder_is_jupyters() {
        let folder = |variables: &'static [(&str, &str)], home: Option<&str>| {
            let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
            user_data_folder(lookup, home.map(PathBuf::from))
        };
        assert_eq!(folder(&[("JUPYTER_DATA_DIR", "/data")], None), Some("/data".into()));
        assert_eq!(folder(&[], None), None);
        let default = if cfg!(target_os = "macos") { "/h/Library/Jupyter" } else { "/h/.local/share/jupyter" };
        assert_eq!(folder(&[("JUPYTER_DATA_DIR", "")], Some("/h")), Some(default.into()));
        if !cfg!(target_os = "macos") {
            assert_eq!(folder(&[("XDG_DATA_HOME", "/x")], Some("/h")), Some("/x/jupyter".into()));
        }
    }

    #[test]
    fn what_is_installed_can_be_removed_and_nothing_else() {
        let prefix = tempfile::tempdir().expect("a temporary directory");
        let folder = folder(&Location::Prefix(prefix.path().to_owned()), Engine::Native).expect("a folder");
        assert_eq!(folder, prefix.path().join("share/jupyter/kernels/threadbook"));
        assert!(!uninstall(&folder).expect("nothing there yet"));

        install(&folder, Path::new("/somewhere/threadbook"), Engine::Native).expect("installed");
        install(&folder, Path::new("/elsewhere/thread\"book"), Engine::Native).expect("installed over the first");
        let spec = fs::read(folder.join("kernel.json")).expect("kernel.json");
        let spec: serde_json::Value = serde_json::from_slice(&spec).expect("JSON");
        let argv = json!(["/elsewhere/thread\"book", "kernel", "--connection-file", "{connection_file}"]);
        assert_eq!(spec["argv"], argv);
        for (logo, _) in LOGOS {
            assert!(folder.join(logo).is_file(), "{logo}");
        }
        assert!(uninstall(&folder).expect("removed"));
        assert!(!folder.exists());

        fs::create_dir_all(&folder).expect("made");
        fs::write(folder.join("kernel.json"), "{}").expect("written");
        assert!(matches!(uninstall(&folder), Err(Error::NotOurs { .. })));
        assert!(folder.join("kernel.json").exists());
    }

    #[test]
    fn the_other_engine_has_a_kernelspec_of_its_own() {
        let place = Location::Prefix("/p".into());
        let own = folder(&place, Engine::Evcxr).expect("a folder");
        assert_ne!(own, folder(&place, Engine::Native).expect("a folder"));
        let spec = kernel_json(Path::new("/p"), Engine::Evcxr, |_| None);
        let spec: serde_json::Value = serde_json::from_str(&spec).expect("JSON");
        assert_eq!(spec["display_name"], "Rust (Threadbook, evcxr)");
        assert_eq!(spec["argv"].as_array().and_then(|argv| argv.last()), Some(&json!("evcxr")));
    }

    #[test]
    fn folders_that_were_chosen_are_handed_on() {
        let spec = |folder: &str| -> serde_json::Value {
            let lookup = |name: &str| (name == FOLDER_VARIABLES[1]).then(|| folder.into());
            serde_json::from_str(&kernel_json(Path::new("/p"), Engine::Native, lookup)).expect("JSON")
        };
        assert_eq!(spec("/cache of it")["env"], json!({ "THREADBOOK_CACHE_DIR": "/cache of it" }));
        assert!(spec("").get("env").is_none());
    }

    #[test]
    fn the_png_logos_have_the_size_that_their_name_says() {
        for (name, content) in LOGOS {
            let size = imagesize::blob_size(content).ok().map(|size| (size.width, size.height));
            match name {
                "logo-32x32.png" => assert_eq!(size, Some((32, 32))),
                "logo-64x64.png" => assert_eq!(size, Some((64, 64))),
                _ => {}
            }
        }
    }
}
