//! What the kernel can do: `%help`, `%lsmagic`.

use crate::cell::magic::group::Group;
use crate::cell::magic::table::{Form, MAGICS};

pub fn help() -> String {
    format!(
        "A cell is Rust: items, statements, and a last expression whose value is shown (`;` hides it).\n\
         Variables, functions, types, statics and threads live on in later cells. `?` and `.await` work\n\
         at the top level. TAB completes, Shift-TAB explains, `NAME?` explains below the cell, and\n\
         `NAME??` shows the source. In every cell without import: display, show!, Html, Markdown, Latex,\n\
         Svg, Png, Jpeg, Json, input, sleep, seconds, …; the crates rayon, crossbeam, tokio, serde and\n\
         serde_json can be used at once.\n\n\
         Lines for the kernel, with `%` or `:`, and first lines for a whole cell, with `%%`; `%NAME?` says\n\
         more about each.\n{}",
        table()
    )
}

/// The magics with their help, a line each, by what they are for.
fn table() -> String {
    const WIDTH: usize = 32;
    let mut text = String::new();
    let line = |usage: &str, help: &str| match usage.chars().count() < WIDTH {
        true => format!("  {usage:WIDTH$}{help}\n"),
        false => format!("  {usage}\n  {:WIDTH$}{help}\n", ""),
    };
    for group in Group::ALL {
        text.push_str(&format!("\n{}\n", group.title()));
        if group == Group::Names {
            text.push_str(&line("NAME?, NAME??", "explains a name; shows its source"));
        }
        if group == Group::Programs {
            text.push_str(&line("!COMMAND", "runs a command in the shell"));
            text.push_str(&line("let NAME = !COMMAND", "keeps what it prints"));
        }
        for magic in group.magics() {
            text.push_str(&line(&magic.usages().join(", "), magic.help));
        }
    }
    text.trim_end().to_owned()
}

/// The names of all magics.
pub fn magics() -> String {
    let names = |sign: &str, forms: [Form; 2]| -> String {
        let of_form = MAGICS.iter().filter(|magic| magic.is_listed() && forms.contains(&magic.form));
        let mut names: Vec<String> =
            of_form.flat_map(|magic| magic.names).map(|name| format!("{sign}{name}")).collect();
        names.sort_unstable();
        wrapped(names.iter().map(String::as_str))
    };
    format!(
        "Lines (`:` does as well as `%`):\n{}\n\nCells:\n{}\n\n`%help` says what they do, `%NAME?` says all about one.",
        names("%", [Form::Line, Form::Both]),
        names("%%", [Form::Cell, Form::Both])
    )
}

/// Words in lines that fit a cell's width.
pub fn wrapped<'w>(words: impl Iterator<Item = &'w str>) -> String {
    const WIDTH: usize = 90;
    let mut text = String::new();
    let mut used = 0;
    for word in words {
        let width = word.chars().count();
        if used > 0 && used + 2 + width > WIDTH {
            text.push('\n');
            used = 0;
        } else if used > 0 {
            text.push_str("  ");
            used += 2;
        }
        text.push_str(word);
        used += width;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_is_legible() {
        let help = help();
        assert!(help.lines().all(|line| line.chars().count() <= 120), "{help}");
        assert!(help.contains("\n  :dep CRATE = \"VERSION\"") && !help.contains("sccache"), "{help}");
    }

    #[test]
    fn words_are_wrapped_between_them() {
        let words = ["a".repeat(50), "b".repeat(38), "c".to_owned()];
        let text = wrapped(words.iter().map(String::as_str));
        assert_eq!(text, format!("{}  {}\nc", words[0], words[1]));
        assert_eq!(wrapped([].into_iter()), "");
    }
}
