//! A notebook as a web page, made by Jupyter's own nbconvert.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "`--html` needs Jupyter's nbconvert, and there is no `jupyter-nbconvert` on the PATH; \
         install it (python3 -m pip install nbconvert), or run without `--html`"
    )]
    Missing,
    #[error("{program} does not start: {source}; mend that, or run without `--html`")]
    CannotStart { program: PathBuf, source: io::Error },
    #[error("{page} was not written, for nbconvert says: {said}")]
    Failed { page: PathBuf, said: String },
}

/// The program that converts notebooks.
#[derive(Debug)]
pub struct Converter {
    program: PathBuf,
}

impl Converter {
    /// Looks on the PATH, then in the environment that was installed beside this program.
    ///
    /// # Errors
    /// When there is none.
    pub fn find() -> Result<Converter, Error> {
        let own = env::current_exe().ok().and_then(|program| Some(program.parent()?.parent()?.join("venv/bin")));
        Converter::find_in(env::var_os("PATH"), own)
    }

    fn find_in(path: Option<OsString>, own: Option<PathBuf>) -> Result<Converter, Error> {
        let path = path.unwrap_or_default();
        let mut folders = env::split_paths(&path).filter(|folder| folder.is_absolute()).chain(own);
        let program = folders.find_map(|folder| Some(folder.join("jupyter-nbconvert")).filter(|file| file.is_file()));
        program.map(|program| Converter { program }).ok_or(Error::Missing)
    }

    /// Writes the page beside the notebook and returns where it is.
    ///
    /// # Errors
    /// When the converter fails, with the last line that it says.
    pub fn convert(&self, notebook: &Path) -> Result<PathBuf, Error> {
        let page = notebook.with_extension("html");
        let said = Command::new(&self.program)
            .args(["--to", "html", "--log-level", "ERROR", "--output"])
            .arg(page.file_name().unwrap_or_default())
            .arg("--output-dir")
            .arg(page.parent().unwrap_or(Path::new("/")))
            .arg(notebook)
            .stdin(Stdio::null())
            .output()
            .map_err(|source| Error::CannotStart { program: self.program.clone(), source })?;
        if said.status.success() {
            return Ok(page);
        }
        let text = String::from_utf8_lossy(&said.stderr);
        let last = text.lines().rev().find(|line| !line.trim().is_empty());
        let said = last.map_or_else(|| said.status.to_string(), |line| line.trim().to_owned());
        Err(Error::Failed { page, said })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    fn program(folder: &Path, script: &str) -> PathBuf {
        let path = folder.join("jupyter-nbconvert");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("changed");
        path
    }

    #[test]
    fn the_converter_is_found_on_the_path_or_beside_the_program() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let (first, own) = (folder.path().join("first"), folder.path().join("own"));
        fs::create_dir_all(&first).expect("made");
        fs::create_dir_all(&own).expect("made");
        let find = || Converter::find_in(Some(first.clone().into_os_string()), Some(own.clone()));
        assert!(find().expect_err("there is none").to_string().contains("pip install nbconvert"));
        program(&own, "");
        assert_eq!(find().expect("beside").program.parent(), Some(&*own));
        program(&first, "");
        assert_eq!(find().expect("on the path").program.parent(), Some(&*first));
    }

    #[test]
    fn what_the_converter_says_is_told() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let converter = Converter { program: program(folder.path(), "echo traceback >&2\necho 'no disk' >&2\nexit 1") };
        let error = converter.convert(&folder.path().join("n.out.ipynb")).expect_err("it fails").to_string();
        assert!(error.contains("n.out.html was not written") && error.ends_with("no disk"), "{error}");
    }
}
