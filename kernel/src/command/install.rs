//! `threadbook install` and `threadbook uninstall`: the kernelspec, where Jupyter finds it.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{CommandResult, EngineChoice};
use crate::kernelspec::{self, Location};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    engine: EngineChoice,
}

#[derive(clap::Args)]
#[group(multiple = false)]
struct Place {
    /// For the present user, in every Jupyter of theirs (the default)
    #[arg(long)]
    user: bool,
    /// For the Python environment that is active, or the first on PATH
    #[arg(long)]
    sys_prefix: bool,
    /// For the Python environment at DIR: into DIR/share/jupyter/kernels
    #[arg(long, value_name = "DIR")]
    prefix: Option<PathBuf>,
}

impl Place {
    fn location(&self) -> Location {
        match &self.prefix {
            Some(directory) => Location::Prefix(directory.clone()),
            None if self.sys_prefix => Location::SysPrefix,
            None => Location::User,
        }
    }
}

/// Prints the kernelspec's folder on stdout, for scripts, as `uninstall` does.
pub fn install(arguments: &Arguments) -> CommandResult {
    let engine = arguments.engine.get()?;
    let folder = kernelspec::folder(&arguments.place.location(), engine)?;
    kernelspec::install(&folder, &kernelspec::this_program()?, engine)?;
    eprintln!("Jupyter now offers the kernel \"{}\":", kernelspec::display_name(engine));
    println!("{}", folder.display());
    Ok(ExitCode::SUCCESS)
}

pub fn uninstall(arguments: &Arguments) -> CommandResult {
    // One whose engine this program does not have can be removed all the same.
    let folder = kernelspec::folder(&arguments.place.location(), arguments.engine.engine)?;
    if kernelspec::uninstall(&folder)? {
        eprintln!("Removed the kernelspec:");
        println!("{}", folder.display());
    } else {
        eprintln!("There is nothing to remove in {}", folder.display());
    }
    Ok(ExitCode::SUCCESS)
}
