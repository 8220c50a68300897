//! Parameters: variables that a notebook can be run with other values of.
//!
//! As papermill has it, they are what the cell tagged `parameters` defines. [`cell`] reads
//! them off its source with their types ([`kind`]), defaults and comments. [`given`] takes
//! what the command line and YAML files say, [`value`] writes such a value as Rust of the
//! parameter's type or says why it does not fit, and [`inject`] puts a cell with the new
//! values behind the tagged one.

mod cell;
mod given;
mod inject;
mod kind;
mod value;

use strsim::damerau_levenshtein;

pub use cell::{Parameter, Parameters, read};
pub use given::{
    Alternatives, Given, alternatives_in_text, alternatives_in_yaml, from_command_line, from_yaml_file, merged,
};
pub use inject::{Unknown, inject, of_notebook, source};

/// The tags by which papermill knows the cells.
pub const PARAMETERS: &str = "parameters";
pub const INJECTED: &str = "injected-parameters";

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{place} cannot be read: {source}; look for the mistake in a text editor")]
    NotYaml { place: String, source: saphyr::ScanError },
    #[error("cannot read {path}: {source}")]
    Unreadable { path: String, source: std::io::Error },
    #[error("{path} must have lines such as `workers: 8`, a value for each parameter")]
    NotValues { path: String },
    #[error("`-p {argument}` names no value; write it so: -p workers=8")]
    NoValue { argument: String },
    #[error(
        "the cell tagged `parameters` cannot be read: {0}; it needs lines such as `let workers: usize = 4; // threads`"
    )]
    UnreadableCell(String),
    /// With all that is wrong, a line each, and the parameters that there are.
    #[error("{problems}\n{list}")]
    Refused { problems: String, list: String },
}

impl Parameters {
    /// Why there is no parameter of that name.
    fn unknown(&self, name: &str) -> String {
        let near = self.0.iter().min_by_key(|known| damerau_levenshtein(&known.name, name));
        let near = near.filter(|known| damerau_levenshtein(&known.name, name) <= 1 + known.name.len() / 3);
        match near {
            Some(near) => format!("there is no parameter `{name}`: did you mean `{}`?", near.name),
            None => format!("there is no parameter `{name}`"),
        }
    }

    /// The parameters with types, defaults and comments, a line each.
    pub fn list(&self, notebook: &str) -> String {
        if self.0.is_empty() {
            return format!(
                "{notebook} has no parameters: tag a cell `parameters` (in JupyterLab: the gears at the right) and give it \
                 lines such as `let workers: usize = 4; // threads`"
            );
        }
        let definitions: Vec<String> = self.0.iter().map(Parameter::definition).collect();
        let widest =
            definitions.iter().map(|text| text.chars().count()).filter(|width| *width <= 40).max().unwrap_or(0);
        let mut list = format!("Parameters of {notebook}:");
        for (parameter, definition) in self.0.iter().zip(&definitions) {
            list.push_str(format!("\n  {definition:widest$}  {}", parameter.help).trim_end());
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_parameter() {
        let parameters = read("let workers: usize = 4; let scale = 1.0;").expect("it is Rust");
        assert!(parameters.unknown("worker").ends_with("did you mean `workers`?"));
        assert_eq!(parameters.unknown("pictures"), "there is no parameter `pictures`");
    }

    #[test]
    fn the_list_tells_all() {
        let parameters =
            read("let workers: usize = 4; // threads\nlet title = \"a\";\nlet when = now();").expect("it is Rust");
        let expected = "Parameters of n.ipynb:\n  workers: usize = 4  threads\n  title: &str = \"a\"\n  when = now()        its type \
                        is not written, so it takes no other value";
        assert_eq!(parameters.list("n.ipynb"), expected);
        assert!(read("").expect("it is Rust").list("n.ipynb").contains("tag a cell"));
    }
}
