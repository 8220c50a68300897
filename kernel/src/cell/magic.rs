//! Commands of the notebook itself, at the beginning of a cell: `:dep rand = "0.9"`,
//! `%help`.
//!
//! Every command is defined once, in [`COMMANDS`]: help, completion and errors read it.

use std::ops::Range;
use std::sync::LazyLock;

use crate::language::Magic;

/// A command's name and what it does, in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command {
    pub name: &'static str,
    /// How it is written.
    pub usage: &'static str,
    pub help: &'static str,
}

pub const COMMANDS: &[Command] = &[
    Command {
        name: "dep",
        usage: ":dep rand = \"0.9\"",
        help: "adds a crate: a version, { path = … } or { git = … }, features = […]",
    },
    Command { name: "help", usage: "%help", help: "lists what the kernel can do beside running Rust" },
    Command { name: "vars", usage: "%vars", help: "lists the variables with their types" },
    Command { name: "explain", usage: ":explain E0382", help: "explains an error code of the compiler" },
    Command {
        name: "backtrace",
        usage: "%backtrace on",
        help: "panics show the calls that led to them; cells run unoptimised (on or off)",
    },
    Command {
        name: "checkpoint",
        usage: "%checkpoint off",
        help: "whether variables survive a crash (on, off, or the most memory it is done for: 4 GiB)",
    },
];

/// The commands as they are typed, with either sign, for completion and inspection.
pub fn as_typed() -> &'static [Magic] {
    static TYPED: LazyLock<Vec<Magic>> = LazyLock::new(|| {
        let signs = COMMANDS.iter().flat_map(|command| [(":", command), ("%", command)]);
        // Made once for the life of the program.
        signs
            .map(|(sign, command)| Magic { name: String::leak(format!("{sign}{}", command.name)), help: command.help })
            .collect()
    });
    &TYPED
}

/// A command line of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    pub name: String,
    pub argument: String,
    /// As written, with its sign.
    pub text: String,
}

/// Takes the command lines off the beginning of a cell. Returns them and the bytes of
/// the Rust code that follows. Empty lines and line comments between them are passed over.
pub fn split(text: &str) -> (Vec<CommandLine>, Range<usize>) {
    let mut commands = Vec::new();
    // A byte order mark, as some editors put it before a text.
    let mut code_start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let mut at = code_start;
    for line in text[code_start..].split_inclusive('\n') {
        at += line.len();
        let trimmed = line.trim();
        if let Some(command) = command_line(trimmed) {
            commands.push(command);
            code_start = at;
        } else if !trimmed.is_empty() && !trimmed.starts_with("//") {
            break;
        }
    }
    (commands, code_start..text.len())
}

/// `:name …` or `%name …`. A path that begins with `::` is Rust.
fn command_line(line: &str) -> Option<CommandLine> {
    let rest = line.strip_prefix(':').or_else(|| line.strip_prefix('%'))?;
    let name_end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
    let (name, argument) = rest.split_at(name_end);
    if !name.starts_with(char::is_alphabetic) {
        return None;
    }
    Some(CommandLine { name: name.to_owned(), argument: argument.trim().to_owned(), text: line.to_owned() })
}

/// The defined command that is written most like `name`.
pub fn nearest(name: &str) -> Option<&'static Command> {
    COMMANDS
        .iter()
        .map(|command| (strsim::damerau_levenshtein(command.name, name), command))
        .filter(|(distance, command)| *distance <= 1 + command.name.len() / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, command)| command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_come_off_the_beginning() {
        let text = "// needed\n:dep rand = \"0.9\"\n\n%help\nlet x = 1;\n:dep late";
        let (commands, code) = split(text);
        assert_eq!(commands.len(), 2);
        assert_eq!((commands[0].name.as_str(), commands[0].argument.as_str()), ("dep", "rand = \"0.9\""));
        assert_eq!(&text[code], "let x = 1;\n:dep late");
    }

    #[test]
    fn a_byte_order_mark_is_no_code() {
        assert_eq!(split("\u{feff}1").1, 3..4);
        assert_eq!(split("\u{feff}%help").0.len(), 1);
    }

    #[test]
    fn rust_is_not_a_command() {
        for text in ["::std::process::id()", "let x = 5 % 3;", "", "// only"] {
            assert!(split(text).0.is_empty(), "{text}");
        }
    }

    #[test]
    fn a_slip_finds_its_command() {
        assert_eq!(nearest("hlep").map(|command| command.name), Some("help"));
        assert_eq!(nearest("zzzzzz"), None);
    }
}
