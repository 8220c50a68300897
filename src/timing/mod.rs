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

mod clock;
mod format;
mod histogram;
mod removed;
mod result;
mod schedule;
mod time;
mod timeit;
mod timer;

pub use clock::Clock;
pub use format::{format_count, format_time};
pub use result::TimeitResult;
pub use time::{Stopwatch, time};
pub use timeit::{Timeit, Timing, set_compile_time, timeit};
pub use timer::Timer;
