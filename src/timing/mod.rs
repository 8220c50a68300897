//! How long code takes: [`timeit()`](timeit::timeit) repeats it until the number is good,
//! [`time()`](time::time) runs it once, a [`Timer`](timer::Timer) measures the rest of a
//! block.
//!
//! What is said is said as IPython says it. The measured code is all that is generic
//! here: it runs between [`Timing::start`] and [`Timing::stop`] in a loop of the caller's
//! own, with no call and no look at the clock in a round. How often it runs is decided by
//! [`schedule`] from what a [`clock`] has shown; what came out is a [`TimeitResult`],
//! which [`histogram`] draws and [`format`](mod@format) puts into words. [`removed`] finds
//! code that the compiler did away with.

pub mod clock;
pub mod format;
mod histogram;
mod removed;
pub mod result;
mod schedule;
pub mod time;
pub mod timeit;
pub mod timer;

pub use clock::Clock;
pub use format::format_count;
pub use result::TimeitResult;
pub use time::Stopwatch;
pub use timeit::{Timeit, Timing, set_compile_time};
