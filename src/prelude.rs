//! The names that a cell can use without importing them.

pub use crate::capture::Captured;
pub use crate::clock::{seconds, sleep};
pub use crate::display::{
    Gif, Html, Jpeg, Json, Latex, Markdown, MimeBundle, Png, Rich, Svg, clear_output, display, update_display,
};
pub use crate::display_any as show;
pub use crate::input::{InputError, input, password};
// Under the files that define them: completion and inspection read those.
pub use crate::timing::{
    clock::Clock,
    format::{format_count, format_time},
    result::TimeitResult,
    time::time,
    timeit::{Timeit, timeit},
    timer::Timer,
};

#[cfg(doc)]
use crate as threadbook;
