//! Variables in commands: `!echo {name}`, `{point.x}`, `{list[0]}`.

/// A part of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Text(String),
    /// An expression whose value stands there.
    Value(String),
}

/// Cuts a command at the braces that hold a variable, as `is_variable` says; other braces
/// are the shell's own. `{{name}}` is the text `{name}`. The first part is always text.
pub fn parts(command: &str, is_variable: impl Fn(&str) -> bool) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = command;
    while let Some(brace) = rest.find('{') {
        let before = &rest[..brace];
        let doubled = rest[brace..].starts_with("{{");
        let inside = &rest[brace + if doubled { 2 } else { 1 }..];
        let close = if doubled { "}}" } else { "}" };
        let found = expression(inside).filter(|(name, end)| is_variable(name) && inside[*end..].starts_with(close));
        text.push_str(before);
        match found {
            // `${name}` is the shell's variable.
            Some((_, end)) if !before.ends_with('$') => {
                if doubled {
                    text.push_str(&format!("{{{}}}", &inside[..end]));
                } else {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                    parts.push(Part::Value(inside[..end].to_owned()));
                }
                rest = &inside[end + close.len()..];
            }
            _ => {
                let opened = if doubled { "{{" } else { "{" };
                text.push_str(opened);
                rest = inside;
            }
        }
    }
    text.push_str(rest);
    if !text.is_empty() || parts.is_empty() {
        parts.push(Part::Text(text));
    }
    parts
}

/// The name at the beginning, with its fields and indices: the name, and where all of it
/// ends.
fn expression(text: &str) -> Option<(&str, usize)> {
    let word = |from: usize| {
        let length = text[from..].find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len() - from);
        from + length
    };
    let name = &text[..word(0)];
    if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return None;
    }
    let mut end = name.len();
    loop {
        if text[end..].starts_with('.') && word(end + 1) > end + 1 {
            end = word(end + 1);
        } else if text[end..].starts_with('[') {
            let close = end + text[end..].find(']')?;
            let index = &text[end + 1..close];
            let is_string = index.len() > 1 && index.starts_with('"') && index.ends_with('"');
            let is_plain = !index.is_empty() && index.chars().all(|c| c.is_alphanumeric() || c == '_');
            let is_inside_plain = is_string && !index[1..index.len() - 1].contains(['"', '\\']);
            if !is_plain && !is_inside_plain {
                return None;
            }
            end = close + 1;
        } else {
            return Some((name, end));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(command: &str) -> String {
        let parts = parts(command, |name| ["name", "point", "list", "größe"].contains(&name));
        assert!(matches!(parts[0], Part::Text(_)), "{parts:?}");
        let show = |part| match part {
            Part::Text(text) => text,
            Part::Value(expression) => format!("<{expression}>"),
        };
        parts.into_iter().map(show).collect()
    }

    #[test]
    fn variables_are_replaced() {
        for (command, parts) in [
            ("echo {name}", "echo <name>"),
            ("{name}", "<name>"),
            ("a{name}{point.x}b", "a<name><point.x>b"),
            ("{point.0.y} {list[0]} {list[i].z}", "<point.0.y> <list[0]> <list[i].z>"),
            ("{list[\"a b\"]}", "<list[\"a b\"]>"),
            ("echo {größe}", "echo <größe>"),
            ("{{name}}", "{name}"),
        ] {
            assert_eq!(shown(command), parts);
        }
    }

    #[test]
    fn other_braces_are_the_shells() {
        for command in [
            "awk '{print $1}'",
            "echo ${name} ${point.x}",
            "echo {a,b} {1..3} {} { name }",
            "f() { echo; }; f",
            "{other}",
            "{name",
            "{name,other}",
            "{list[}",
            "{list[0",
            "{list[a b]} {name.} {name+1} {point.x()}",
            "{{other}} {{name} {",
            "",
        ] {
            assert_eq!(shown(command), command);
        }
    }
}
