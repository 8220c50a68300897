//! The options of a magic: `-n 10`, `-qo`, `--no-raise-error`, before its other words.

use std::ops::Range;
use std::str::FromStr;

/// An option that a magic takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opt {
    /// One letter, given as `-n`, or a word, given as `--out`.
    pub name: &'static str,
    /// What its value is, if it has one.
    pub value: Option<&'static str>,
    pub help: &'static str,
}

impl Opt {
    /// As it is typed: `-n N`.
    pub fn usage(&self) -> String {
        let dashes = if self.name.len() == 1 { "-" } else { "--" };
        match self.value {
            Some(value) => format!("{dashes}{} {value}", self.name),
            None => format!("{dashes}{}", self.name),
        }
    }
}

/// What was given to a magic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    options: Vec<(&'static str, String)>,
    /// The bytes of the cell that follow the options.
    pub rest: Range<usize>,
}

impl Given {
    pub fn has(&self, name: &str) -> bool {
        self.options.iter().any(|(given, _)| *given == name)
    }

    /// The value of an option; of the last one when it is given twice.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|(given, _)| *given == name).map(|(_, value)| value.as_str())
    }

    /// The value of an option as a number.
    ///
    /// # Errors
    /// A line that says what is wrong with it.
    pub fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, String> {
        let parse = |value: &str| {
            value
                .parse()
                .map_err(|_| format!("option -{name} takes a whole number that is not negative, not `{value}`"))
        };
        self.value(name).map(parse).transpose()
    }
}

/// Reads the options at the beginning of `argument`, the bytes from `start` on of a cell. Without
/// options of its own a magic takes everything as it is. `--` ends the options.
///
/// # Errors
/// A line that says which options there are.
pub fn parse(known: &'static [Opt], argument: &str, start: usize) -> Result<Given, String> {
    let mut given = Given { options: Vec::new(), rest: start..start + argument.trim_end().len() };
    let mut rest = argument;
    while !known.is_empty() && rest.trim_start().starts_with('-') {
        let word_start = rest.len() - rest.trim_start().len();
        let word = rest[word_start..].split_whitespace().next().unwrap_or_default();
        rest = &rest[word_start + word.len()..];
        if word == "--" {
            break;
        }
        if let Some(name) = word.strip_prefix("--") {
            let (name, value) = name.split_once('=').map_or((name, None), |(name, value)| (name, Some(value)));
            let opt = find(known, name).ok_or_else(|| unknown(known, word))?;
            let value = match (opt.value, value) {
                (None, Some(_)) => return Err(format!("option {word} takes no value")),
                (None, None) => String::new(),
                (Some(_), Some(value)) => value.to_owned(),
                (Some(_), None) => next_word(&mut rest, opt)?,
            };
            given.options.push((opt.name, value));
            continue;
        }
        let letters = &word[1..];
        for (at, letter) in letters.char_indices() {
            let after = &letters[at + letter.len_utf8()..];
            let opt =
                find(known, letter.encode_utf8(&mut [0; 4])).ok_or_else(|| unknown(known, &format!("-{letter}")))?;
            match opt.value {
                None => given.options.push((opt.name, String::new())),
                // The rest of the word is its value, or the next word is.
                Some(_) => {
                    let value = if after.is_empty() { next_word(&mut rest, opt)? } else { after.to_owned() };
                    given.options.push((opt.name, value));
                    break;
                }
            }
        }
        if letters.is_empty() {
            return Err(unknown(known, "-"));
        }
    }
    let rest_start = start + argument.len() - rest.trim_start().len();
    given.rest.start = rest_start.min(given.rest.end);
    Ok(given)
}

fn find(known: &'static [Opt], name: &str) -> Option<&'static Opt> {
    known.iter().find(|opt| opt.name == name)
}

fn next_word(rest: &mut &str, opt: &Opt) -> Result<String, String> {
    let word = rest.split_whitespace().next().ok_or_else(|| format!("option {} has no value", opt.usage()))?;
    let start = rest.len() - rest.trim_start().len();
    *rest = &rest[start + word.len()..];
    Ok(word.to_owned())
}

fn unknown(known: &[Opt], word: &str) -> String {
    let allowed: Vec<String> = known.iter().map(Opt::usage).collect();
    format!("option {word} not recognized (allowed: {})", allowed.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Opt] = &[
        Opt { name: "n", value: Some("N"), help: "" },
        Opt { name: "q", value: None, help: "" },
        Opt { name: "o", value: None, help: "" },
        Opt { name: "out", value: Some("NAME"), help: "" },
    ];

    fn given(argument: &str) -> (Given, &str) {
        let given = parse(KNOWN, argument, 10).unwrap_or_else(|error| panic!("{argument}: {error}"));
        let rest = given.rest.clone();
        (given, &argument[rest.start - 10..rest.end - 10])
    }

    #[test]
    fn values_stand_beside_or_behind_their_option() {
        for argument in ["-n 5 -q f(-1)", "-n5 -q f(-1) ", "-qn5 f(-1)", "  -qn 5   f(-1)", "-q -n 5 -- f(-1)"] {
            let (given, rest) = given(argument);
            assert_eq!((given.number("n"), given.has("q"), given.has("o"), rest), (Ok(Some(5)), true, false, "f(-1)"));
        }
        assert_eq!(given("--out=a x").0.value("out"), Some("a"));
        assert_eq!(given("--out a").1, "");
        assert_eq!(given("-- -1").1, "-1");
        assert_eq!(given("").1, "");
        assert_eq!(given("-n 1 -n 2").0.number("n"), Ok(Some(2)));
    }

    #[test]
    fn mistakes_say_what_there_is() {
        let error = |argument| parse(KNOWN, argument, 0).expect_err(argument);
        assert_eq!(error("-x f()"), "option -x not recognized (allowed: -n N, -q, -o, --out NAME)");
        assert!(error("--what").contains("--what not recognized"));
        assert_eq!(error("-n"), "option -n N has no value");
        assert!(error("-").contains("not recognized"));
        let (given, _) = given("-n x");
        assert!(given.number::<u64>("n").expect_err("no number").contains("not `x`"));
    }

    #[test]
    fn a_magic_without_options_takes_all_as_it_is() {
        assert_eq!(parse(&[], " -la", 3).map(|given| given.rest), Ok(4..7));
    }
}
