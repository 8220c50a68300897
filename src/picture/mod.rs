//! Small pictures as SVG, for charts that stand in a notebook.
//!
//! Crates for plots take longer to build than all the rest of this library, and draw for
//! paper. These pictures take text and lines in the colour of the page's own text, so
//! that they are read on light and on dark pages; [`COLOURS`] are seen well on both, also
//! by the colour-blind.

mod axis;
mod embedded;
mod svg;

pub use axis::{Axis, general, time_text};
pub use embedded::{embedded, image};
pub use svg::{Anchor, Svg, escaped};

/// At most so many letters: of a name that is longer, its beginning and its end, by which
/// names that are counted are told apart.
pub fn shortened(text: &str, most: usize) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= most {
        return text.to_owned();
    }
    let end = (most.saturating_sub(1) / 3).min(letters.len());
    let start = most.saturating_sub(1 + end);
    letters[..start].iter().chain(&['…']).chain(&letters[letters.len() - end..]).collect()
}

/// Okabe and Ito's colours, without those that vanish on white or black and with a lighter
/// blue, and what text on each has.
pub const COLOURS: [(&str, &str); 6] = [
    ("#1a85c9", "#000"),
    ("#e69f00", "#000"),
    ("#009e73", "#000"),
    ("#cc79a7", "#000"),
    ("#56b4e9", "#000"),
    ("#d55e00", "#000"),
];

/// For what has no colour of its own.
pub const GREY: (&str, &str) = ("#8c8c8c", "#000");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_long_name_stays() {
        assert_eq!(shortened("ThreadPoolExecutor-0_1", 16), "ThreadPool…r-0_1");
        assert_eq!(shortened("main", 16), "main");
        assert_eq!(shortened("äöüß", 2), "ä…");
    }
}
