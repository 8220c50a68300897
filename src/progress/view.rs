//! How a state of work looks.

use crate::display::{MimeBundle, Rich};
use crate::picture::{COLOURS, escaped, general, time_text};

const CELLS: u64 = 24;
/// Before that a rate says nothing about the rest.
const EVIDENCE_SECONDS: f64 = 0.3;

pub struct State {
    pub label: String,
    pub done: u64,
    pub total: Option<u64>,
    pub seconds: f64,
    /// Nothing more is coming.
    pub is_over: bool,
}

impl State {
    fn share(&self) -> Option<f64> {
        let total = self.total?;
        Some(if total == 0 { 1.0 } else { (self.done as f64 / total as f64).min(1.0) })
    }

    fn is_complete(&self) -> bool {
        self.total.is_none_or(|total| self.done >= total)
    }

    /// `43/100, 1.30 s, 33.1 a second, about 1.72 s left`
    fn words(&self) -> String {
        let count = match self.total {
            Some(total) if self.is_over && self.done < total => format!("stopped at {} of {total}", self.done),
            Some(total) => format!("{}/{total}", self.done),
            None => format!("{} done", self.done),
        };
        let mut words = format!("{count}, {}", time_text(self.seconds));
        if self.done > 0 && self.seconds > 0.0 {
            let a_second = self.done as f64 / self.seconds;
            // Slow work is told by the step.
            words += &match a_second < 1.0 {
                true => format!(", {} a step", time_text(1.0 / a_second)),
                false => format!(", {} a second", thousands(a_second)),
            };
            if let Some(left) = self.left(a_second) {
                words += &format!(", about {} left", time_text(left));
            }
        }
        words
    }

    fn left(&self, a_second: f64) -> Option<f64> {
        let left = self.total?.saturating_sub(self.done);
        (left > 0 && !self.is_over && self.seconds >= EVIDENCE_SECONDS).then(|| left as f64 / a_second)
    }

    /// One line for terminals and files.
    pub fn line(&self) -> String {
        let label = if self.label.is_empty() { String::new() } else { format!("{}: ", self.label) };
        let Some(share) = self.share() else { return format!("{label}{}", self.words()) };
        // Full only when everything is done.
        let full = (share * CELLS as f64).floor() as usize;
        let bar = format!("{}{}", "█".repeat(full), "░".repeat(CELLS as usize - full));
        format!("{label}{:3.0} % {bar} {}", (share * 100.0).floor(), self.words())
    }

    fn html(&self) -> String {
        let (colour, _) = match (self.is_over, self.is_complete()) {
            (true, true) => COLOURS[2],
            (true, false) => COLOURS[5],
            _ => COLOURS[0],
        };
        let label =
            if self.label.is_empty() { String::new() } else { format!("<span>{}</span>", escaped(&self.label)) };
        let bar = self.share().map_or_else(String::new, |share| {
            let percent = (share * 100.0).floor();
            format!(
                "<span>{percent} %</span><div role=\"progressbar\" aria-valuenow=\"{percent}\" style=\"flex:0 1 20em;\
                 height:.8em;border:1px solid currentColor;border-radius:2px\"><div style=\"width:{:.1}%;height:100%;\
                 background:{colour}\"></div></div>",
                share * 100.0
            )
        });
        format!(
            "<div style=\"display:flex;gap:.7em;align-items:center;flex-wrap:wrap;font-variant-numeric:tabular-nums\">\
             {label}{bar}<span>{}</span></div>",
            escaped(&self.words())
        )
    }
}

fn thousands(number: f64) -> String {
    match number {
        number if number >= 1e9 => format!("{} billion", general(number / 1e9)),
        number if number >= 1e6 => format!("{} million", general(number / 1e6)),
        number if number >= 1e4 => format!("{} thousand", general(number / 1e3)),
        number => general(number),
    }
}

impl Rich for State {
    fn rich(&self) -> MimeBundle {
        MimeBundle::new().with("text/html", self.html()).with("text/plain", self.line())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(done: u64, total: Option<u64>, seconds: f64, is_over: bool) -> State {
        State { label: String::new(), done, total, seconds, is_over }
    }

    #[test]
    fn lines_say_what_is_known() {
        let line = |done, total, seconds, is_over| state(done, total, seconds, is_over).line();
        let (full, empty) = ("█", "░");
        assert_eq!(
            line(43, Some(100), 1.3, false),
            format!(" 43 % {}{} 43/100, 1.30 s, 33.1 a second, about 1.72 s left", full.repeat(10), empty.repeat(14))
        );
        assert_eq!(line(0, Some(9), 5.0, false), format!("  0 % {} 0/9, 5.00 s", empty.repeat(24)));
        assert_eq!(line(5, None, 10.0, false), "5 done, 10.0 s, 2.00 s a step");
        assert_eq!(line(50_000, None, 0.1, true), "50000 done, 100 ms, 500 thousand a second");
        assert!(line(4, Some(10), 2.0, true).contains(" stopped at 4 of 10, 2.00 s"));
        assert!(!line(4, Some(10), 2.0, true).contains("left"));
        // Too early to tell.
        assert!(!line(1, Some(10), 0.2, false).contains("left"));
        assert!(
            line(999, Some(1000), 1.0, false).starts_with(" 99 % ") && line(0, Some(0), 0.1, true).starts_with("100 %")
        );
        // More than was said.
        assert!(line(11, Some(10), 1.0, true).starts_with("100 % "));
    }

    #[test]
    fn it_is_shown_in_both_forms() {
        let bundle = State { label: "<b>".to_owned(), ..state(1, Some(4), 1.0, false) }.rich();
        let html = bundle.get("text/html").and_then(|html| html.as_str()).unwrap_or_default();
        assert!(html.contains("&lt;b&gt;") && html.contains("width:25.0%") && html.contains("1/4"), "{html}");
        assert!(
            bundle.get("text/plain").is_some_and(|text| text.as_str().unwrap_or_default().starts_with("<b>:  25 %"))
        );
    }
}
