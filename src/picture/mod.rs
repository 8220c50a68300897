//! Small pictures as SVG, for charts that stand in a notebook.
//!
//! Crates for plots take longer to build than all the rest of this library, and draw for
//! paper. These pictures take text and lines in the colour of the page's own text, so
//! that they are read on light and on dark pages; [`COLOURS`] are seen well on both, also
//! by the colour-blind.

mod axis;
mod svg;

pub use axis::{Axis, general, time_text};
pub use svg::{Anchor, Svg, escaped};

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
