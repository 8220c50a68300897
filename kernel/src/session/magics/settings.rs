//! `%backtrace`, `%checkpoint`, `:opt`: how the cells to come run; `:fmt`, `:efmt`, `:types`,
//! `%timing`: what they show.

use super::{Cell, usage_error};
use crate::engine::native::compile::USUAL_LEVEL;
use crate::engine::native::style::Format;
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
    if !notebook.engine().capabilities().checkpoints {
        return Err(usage_error("This engine has no checkpoints: see `%engine`."));
    }
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

/// Without an argument from 2 to 0 and back, as in evcxr.
pub async fn opt(notebook: &mut Notebook, cell: &Cell, argument: &str) -> Result<(), CellError> {
    if !notebook.engine().capabilities().levels {
        return Err(usage_error("This engine compiles all cells at level 2: see `%engine`."));
    }
    notebook.opt_level = match argument {
        "" if notebook.opt_level == USUAL_LEVEL => 0,
        "" => USUAL_LEVEL,
        "0" | "1" | "2" | "3" => argument.parse().unwrap_or(USUAL_LEVEL),
        other => return Err(usage_error(format!("`:opt` takes a level, 0, 1, 2 or 3, not `{other}`."))),
    };
    let but = if notebook.has_backtrace() { "; `%backtrace on` keeps it at 0 until `%backtrace off`" } else { "" };
    show_text(format!("Optimization: {}{but}", notebook.opt_level), &cell.output).await;
    Ok(())
}

pub async fn fmt(notebook: &mut Notebook, cell: &Cell, argument: &str) -> Result<(), CellError> {
    notebook.style.values = format_of("fmt", argument)?;
    let format = notebook.style.values.map_or("{:?}, and {:#?} when that is long", Format::as_str);
    show_text(format!("Output format: {format}"), &cell.output).await;
    Ok(())
}

pub async fn efmt(notebook: &mut Notebook, cell: &Cell, argument: &str) -> Result<(), CellError> {
    if let Some(format) = format_of("efmt", argument)? {
        notebook.style.errors = format;
        #[cfg(feature = "evcxr")]
        notebook.format_errors_by_evcxr().await?;
    }
    let format = notebook.style.errors;
    let text = format!("Error format: {} (errors must implement {})", format.as_str(), format.trait_name());
    show_text(text, &cell.output).await;
    Ok(())
}

fn format_of(magic: &str, argument: &str) -> Result<Option<Format>, CellError> {
    if argument.is_empty() {
        return Ok(None);
    }
    let wrong = || usage_error(format!("`:{magic}` takes {{:?}}, {{:#?}} or {{}}, not `{argument}`."));
    Format::parse(argument.trim_matches('"')).map(Some).ok_or_else(wrong)
}

pub async fn types(notebook: &mut Notebook, cell: &Cell, argument: &str) -> Result<(), CellError> {
    notebook.style.types = switched("types", argument, notebook.style.types)?;
    show_text(format!("Types: {}", on_or_off(notebook.style.types)), &cell.output).await;
    Ok(())
}

pub async fn timing(notebook: &mut Notebook, cell: &Cell, argument: &str) -> Result<(), CellError> {
    notebook.timing = switched("timing", argument, notebook.timing)?;
    show_text(format!("Timing: {}", on_or_off(notebook.timing)), &cell.output).await;
    Ok(())
}

/// The new state of something that is switched.
fn switched(magic: &str, argument: &str, before: bool) -> Result<bool, CellError> {
    match argument {
        "" => Ok(!before),
        "on" | "1" => Ok(true),
        "off" | "0" => Ok(false),
        other => Err(usage_error(format!("`:{magic}` takes `on` or `off`, or nothing to switch over, not `{other}`."))),
    }
}

fn on_or_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
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
    use super::*;

    #[test]
    fn formats_are_three() {
        assert_eq!(format_of("fmt", ""), Ok(None));
        assert_eq!(format_of("fmt", "{:#?}"), Ok(Some(Format::Pretty)));
        assert_eq!(format_of("fmt", "\"{}\""), Ok(Some(Format::Display)));
        assert!(format_of("fmt", "{:x}").expect_err("no format").value.contains("{:?}, {:#?} or {}"));
    }

    #[test]
    fn switches_switch_over_or_as_they_are_told() {
        assert_eq!((switched("t", "", true), switched("t", "", false)), (Ok(false), Ok(true)));
        assert_eq!((switched("t", "on", true), switched("t", "0", true)), (Ok(true), Ok(false)));
        assert!(switched("t", "maybe", true).is_err());
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("4 GiB"), Some(4 << 30));
        assert_eq!(parse_size("512MB"), Some(512 << 20));
        for wrong in ["4", "GiB", "-1 GiB", "4 KiB", ""] {
            assert_eq!(parse_size(wrong), None, "{wrong}");
        }
    }
}
