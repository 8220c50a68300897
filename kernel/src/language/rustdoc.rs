//! Text as rustdoc reads it: Markdown with blocks of Rust, of which some lines are hidden.

/// With blocks of code that front ends show as Rust: behind the mark stands "no_run",
/// "compile_fail,E0382" or nothing.
pub fn as_markdown(text: &str) -> String {
    read(text, true)
}

/// To be read as it is.
pub fn as_text(text: &str) -> String {
    read(text, false)
}

/// What a block of code has in it.
#[derive(Clone, Copy, PartialEq)]
enum Block {
    Rust,
    Other,
}

fn read(text: &str, with_marks: bool) -> String {
    let mut inside = None;
    let mut lines = Vec::new();
    for line in text.lines() {
        if let Some(about) = line.trim_start().strip_prefix("```") {
            let is_other = ["text", "toml", "none"].iter().any(|other| about.starts_with(other));
            let (block, mark) = match inside {
                Some(_) => (None, "```"),
                None if is_other => (Some(Block::Other), "```"),
                None => (Some(Block::Rust), "```rust"),
            };
            inside = block;
            lines.extend(with_marks.then_some(mark));
        } else if inside != Some(Block::Rust) || !(line == "#" || line.starts_with("# ")) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "A.\n\n```compile_fail,E0382\n# hidden\nlet x = 1;\n```\n\n```\nlet y = 2;\n```\n\n```text\n# shown\n```";

    #[test]
    fn code_is_marked_as_rust() {
        let markdown = "A.\n\n```rust\nlet x = 1;\n```\n\n```rust\nlet y = 2;\n```\n\n```\n# shown\n```";
        assert_eq!(as_markdown(TEXT), markdown);
    }

    #[test]
    fn plain_text_has_no_marks() {
        assert_eq!(as_text(TEXT), "A.\n\nlet x = 1;\n\nlet y = 2;\n\n# shown");
    }
}
