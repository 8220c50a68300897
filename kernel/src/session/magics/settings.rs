//! `%backtrace`, `%checkpoint`: how the cells to come run.

use super::{Cell, usage_error};
use crate::output::CellError;
use crate::session::loss;
use crate::session::notebook::Notebook;
use crate::session::notices::show_text;

pub async fn backtrace(notebook: &mut Notebook, argument: &str) -> Result<(), CellError> {
    let on = match argument {
        "on" | "" => true,
        "off" => false,
        other => return Err(usage_error(format!("`%backtrace` takes `on` or `off`, not `{other}`."))),
    };
    notebook.set_backtrace(on).await
}

pub async fn checkpoint(notebook: &mut Notebook, cell: &Cell, argument: &str) -> Result<(), CellError> {
    let safety = &mut notebook.safety;
    match argument {
        "" => {}
        "on" => safety.on = true,
        "off" => {
            safety.on = false;
            notebook.drop_checkpoint();
        }
        other => match parse_size(other) {
            Some(bytes) => (safety.on, safety.most_bytes) = (true, bytes),
            None => {
                let usage = format!("`%checkpoint` takes `on`, `off` or a size such as `4 GiB`, not `{other}`.");
                return Err(usage_error(usage));
            }
        },
    }
    let safety = &notebook.safety;
    let state = match safety.on {
        true => format!(
            "checkpoints are on, for up to {} of memory: after a crash or the stop of a computing cell, \
             all variables are as before that cell",
            loss::size(safety.most_bytes)
        ),
        false => "checkpoints are off: a crash or the stop of a computing cell loses all variables".to_owned(),
    };
    show_text(state, &cell.output).await;
    Ok(())
}

/// `4 GiB`, `512MB`: all units count by 1024.
fn parse_size(text: &str) -> Option<u64> {
    let unit_start = text.find(|c: char| c.is_alphabetic())?;
    let (number, unit) = text.split_at(unit_start);
    let number: f64 = number.trim().parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0)?;
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "mib" | "mb" | "m" => 1u64 << 20,
        "gib" | "gb" | "g" => 1 << 30,
        _ => return None,
    };
    Some((number * factor as f64) as u64)
}

#[cfg(test)]
mod tests {
    use super::parse_size;

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("4 GiB"), Some(4 << 30));
        assert_eq!(parse_size("512MB"), Some(512 << 20));
        for wrong in ["4", "GiB", "-1 GiB", "4 KiB", ""] {
            assert_eq!(parse_size(wrong), None, "{wrong}");
        }
    }
}
