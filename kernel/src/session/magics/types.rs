//! `:type`: what type an expression has.

use super::{Cell, usage_error};
use crate::cell::magic::Call;
use crate::engine::native::type_text;
use crate::language::types::shorten_type;
use crate::output::CellError;
use crate::session::notebook::Notebook;
use crate::session::notices::show_text;

pub async fn show(notebook: &mut Notebook, cell: &mut Cell, call: &Call) -> Result<(), CellError> {
    let expression = cell.words(call).trim_end_matches(';').trim_end().to_owned();
    if expression.is_empty() {
        return Err(usage_error(format!("`{}` takes an expression: `:type 1 + 1`.", call.text)));
    }
    let type_name = match notebook.definitions.variables.get(&expression) {
        Some(variable) => shown(&variable.type_name),
        None => {
            let start = call.given.rest.start;
            let code = start..start + expression.len();
            let source = cell.source.clone();
            match notebook.type_of(&source, code, &mut cell.stop).await? {
                Some(printed) => legible(&printed),
                None => "! (it never has a value)".to_owned(),
            }
        }
    };
    show_text(format!("{expression}: {type_name}"), &cell.output).await;
    Ok(())
}

/// As a person would write it, as far as it can be written.
fn legible(printed: &str) -> String {
    shown(&type_text::function_pointer(printed).unwrap_or_else(|| type_text::without_unnamed_crates(printed)))
}

/// A type without its modules. All that a variable borrows is static: that goes without saying.
pub fn shown(type_name: &str) -> String {
    shorten_type(type_name).replace("&'static ", "&")
}

#[cfg(test)]
mod tests {
    use super::legible;

    #[test]
    fn types_are_as_people_write_them() {
        for (printed, shown) in [
            ("std::vec::Vec<std::string::String>", "Vec<String>"),
            ("fn(i32) -> i32 {double}", "fn(i32) -> i32"),
            ("&'static mut [&'static str]", "&mut [&str]"),
        ] {
            assert_eq!(legible(printed), shown);
        }
    }
}
