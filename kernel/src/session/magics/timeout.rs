//! `%%timeout`: a cell that is stopped after some time.

use std::ops::Range;
use std::time::Duration;

use tokio::sync::watch;

use super::{Cell, shell, usage_error};
use crate::cell::magic::Call;
use crate::output::CellError;
use crate::session::notebook::Notebook;
use crate::session::notices::show_notice;
use crate::session::report::INTERRUPTED;

/// Runs the bytes `body` of the cell, and interrupts them when the time is over. The time
/// counts from when the code begins to run: compiling is not what is to be limited.
pub async fn run(notebook: &mut Notebook, cell: &mut Cell, call: &Call, body: Range<usize>) -> Result<(), CellError> {
    let words = cell.words(call).to_owned();
    let words = shell::filled_in(notebook, cell, &words).await?;
    // Nothing is run there, so nothing is stopped.
    let limit = if notebook.is_imagined() { Duration::MAX } else { parse(&words).map_err(usage_error)? };
    let (stop, stopped) = watch::channel(0_u64);
    let mut outer = std::mem::replace(&mut cell.stop, stopped);
    let begun = cell.begun.clone();
    let time_is_over = async {
        begun.notified().await;
        // The timeout around this one waits for the same.
        begun.notify_one();
        tokio::time::sleep(limit).await;
    };
    let mut is_over = false;
    let result = {
        let mut running = Box::pin(super::run(notebook, cell, body));
        let mut time_is_over = std::pin::pin!(time_is_over);
        loop {
            tokio::select! {
                biased;
                result = &mut running => break result,
                changed = outer.changed() => match changed {
                    Ok(()) => stop.send_modify(|count| *count += 1),
                    // The session is gone.
                    Err(_) => break running.await,
                },
                () = &mut time_is_over, if !is_over => {
                    is_over = true;
                    stop.send_modify(|count| *count += 1);
                }
            }
        }
    };
    let by_person = outer.has_changed().unwrap_or(false) || *stop.borrow() > u64::from(is_over);
    cell.stop = outer;
    match result {
        Err(error) if is_over && !by_person && error.name == INTERRUPTED => {
            // What is kept and what is gone stands below the error's first line.
            let kept: Vec<&str> = error.traceback.iter().flat_map(|lines| lines.lines()).skip(1).collect();
            let notice = format!("stopped after {}, as `%%timeout` asks\n{}", shown(limit), kept.join("\n"));
            show_notice(notice.trim_end(), &cell.output).await;
            Ok(())
        }
        result => result,
    }
}

/// `5`, `0.5`, `5 s`, `300 ms`, `2 min`.
fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || {
        let variable = "or a variable that holds one, `%%timeout {seconds}`";
        format!("`%%timeout` takes a number of seconds, such as `%%timeout 5`, {variable}, not `{text}`.")
    };
    let number_end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(number_end);
    let factor = match unit.trim() {
        "" | "s" => 1.0,
        "ms" => 1e-3,
        "min" => 60.0,
        _ => return Err(wrong()),
    };
    let seconds = number.parse::<f64>().map_err(|_| wrong())? * factor;
    Duration::try_from_secs_f64(seconds).ok().filter(|limit| !limit.is_zero()).ok_or_else(wrong)
}

fn shown(limit: Duration) -> String {
    match limit.as_millis() {
        millis @ 0..1000 => format!("{millis} ms"),
        _ => format!("{} s", limit.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, millis) in [("5", 5000), ("0.5", 500), ("300 ms", 300), ("2min", 120_000), ("1.5 s", 1500)] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for wrong in ["", "x", "-1", "0", "5 h", "1e400", "1.2.3"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
