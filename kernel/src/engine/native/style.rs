//! How cells show values, and the errors that a `?` of theirs meets.

/// A format as `%fmt` and `%efmt` take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `{:?}`
    Debug,
    /// `{:#?}`
    Pretty,
    /// `{}`
    Display,
}

impl Format {
    pub const ALL: [Format; 3] = [Format::Debug, Format::Pretty, Format::Display];

    pub fn as_str(self) -> &'static str {
        match self {
            Format::Debug => "{:?}",
            Format::Pretty => "{:#?}",
            Format::Display => "{}",
        }
    }

    /// The trait that it asks of a value.
    pub fn trait_name(self) -> &'static str {
        match self {
            Format::Debug | Format::Pretty => "Debug",
            Format::Display => "Display",
        }
    }

    pub fn parse(text: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.as_str() == text)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Without one, values are laid out (`{:#?}`) when they are long.
    pub values: Option<Format>,
    pub errors: Format,
    /// Values are shown with their types.
    pub types: bool,
}

impl Default for Style {
    fn default() -> Style {
        Style { values: None, errors: Format::Debug, types: false }
    }
}

impl Style {
    /// The expression that makes a bundle of `__tb_value`, a reference to the value.
    pub fn bundle(&self) -> String {
        let bundle = match self.values {
            None => "(&&&&threadbook::__rt::show::Show(__tb_value)).bundle()".to_owned(),
            Some(format) => {
                let by_display = match format {
                    Format::Display => "use threadbook::__rt::show::ByDisplay as _; ",
                    Format::Debug | Format::Pretty => "",
                };
                let pretty = format == Format::Pretty;
                format!(
                    "{{ {by_display}(&&&&threadbook::__rt::show::ShowAs {{ value: __tb_value, pretty: {pretty} }}).bundle() }}"
                )
            }
        };
        match self.types {
            true => format!("threadbook::__rt::show::typed({bundle}, __tb_value)"),
            false => bundle,
        }
    }

    /// The type that errors are converted into.
    pub fn error_type(&self) -> &'static str {
        match self.errors {
            Format::Debug => "threadbook::__rt::CellError",
            Format::Pretty => "threadbook::__rt::PrettyError",
            Format::Display => "threadbook::__rt::DisplayedError",
        }
    }
}
