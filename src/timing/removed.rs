//! Finds measured code that the compiler did away with.
//!
//! A loop whose result nobody sees is removed, a sum over a range becomes a formula, a
//! call with constant arguments is made once while compiling. Then the number is right
//! and says nothing. Two signs tell it, both held against what the text of the body
//! promises: fewer picoseconds a round than any processor needs; or no more time than an
//! empty body takes, where there is a loop or a call.

use std::fmt;
use std::hint::black_box;
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// What the text of a body promises to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Promise {
    /// So many rounds of its loops, as far as they are known before.
    pub rounds: u64,
    /// A loop or a call that cannot take no time at all.
    pub works: bool,
}

/// What the compiler has made of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Removed {
    /// So many rounds did not take place.
    Rounds(u64),
    /// All of it.
    Everything,
}

/// Seconds a round takes at the least: four loads of 16 one-byte numbers in a cycle of 5 GHz would be 3 ps.
const ROUND: f64 = 2e-12;
/// Beyond this, in seconds, a body has taken time: it is not compared with an empty one.
const SURELY_SOMETHING: f64 = 2e-9;
/// How much longer than an empty body nothing at all may seem to take, in parts of it: its
/// result still has to be stored. An empty body takes a cycle, two rounds may take two.
const AS_EMPTY: f64 = 1.4;
/// The same for [`MANY`] rounds or a call, which cannot be done in so few cycles, on a
/// machine that has other things to do as well.
const NEARLY_AS_EMPTY: f64 = 2.5;
const MANY: u64 = 16;

/// Whether a body whose fastest run took `best` seconds a loop did what it promises.
/// `empty` measures what an empty body takes.
pub fn find(promise: Promise, best: f64, empty: impl FnOnce() -> f64) -> Option<Removed> {
    if promise.rounds > 1 && best < promise.rounds as f64 * ROUND {
        return Some(Removed::Rounds(promise.rounds));
    }
    let works = promise.works || promise.rounds > 1;
    let tolerance = if promise.works || promise.rounds >= MANY { NEARLY_AS_EMPTY } else { AS_EMPTY };
    (works && best < SURELY_SOMETHING && best <= empty() * tolerance).then_some(Removed::Everything)
}

/// What an empty body takes, in seconds a loop: the fastest of some runs.
pub fn empty_body() -> f64 {
    const LOOPS: u64 = 1_000_000;
    let run = |_| {
        let begin = Instant::now();
        for _ in 0..LOOPS {
            black_box(());
        }
        begin.elapsed().as_secs_f64() / LOOPS as f64
    };
    (0..5).map(run).fold(f64::INFINITY, f64::min)
}

impl fmt::Display for Removed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Removed::Rounds(rounds) => write!(
                f,
                "This is too fast for {} rounds: the compiler has removed the loop, or put a formula in its place.",
                super::format_count(*rounds)
            )?,
            Removed::Everything => {
                f.write_str("This takes no longer than an empty body: the compiler has removed it, or computed it once for all.")?;
            }
        }
        f.write_str(
            "\nTo measure the work, pass what it works on, or each step's result, through std::hint::black_box(…).",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: f64 = 0.3e-9;

    fn find_in(rounds: u64, works: bool, best: f64) -> Option<Removed> {
        find(Promise { rounds, works }, best, || EMPTY)
    }

    #[test]
    fn rounds_cannot_be_faster_than_a_processor() {
        let million = 1_000_000;
        assert_eq!(find_in(10 * million, true, 0.3e-9), Some(Removed::Rounds(10 * million)));
        assert_eq!(find_in(10 * million, true, 2e-9), Some(Removed::Rounds(10 * million)));
        assert_eq!(find_in(1_000, true, 1.5e-9), Some(Removed::Rounds(1_000)));
        // Sums that are done, sixteen at a time and one after the other.
        assert_eq!(find_in(10 * million, true, 150e-6), None);
        assert_eq!(find_in(10 * million, true, 3e-3), None);
        assert_eq!(find_in(1_000, true, 10e-9), None);
    }

    #[test]
    fn work_takes_longer_than_nothing() {
        assert_eq!(find_in(0, true, EMPTY), Some(Removed::Everything));
        assert_eq!(find_in(20, false, EMPTY), Some(Removed::Everything));
        assert_eq!(find_in(0, true, 1e-9), None);
        assert_eq!(find_in(2, false, EMPTY), Some(Removed::Everything));
        assert_eq!(find_in(2, false, 2.0 * EMPTY), None, "two rounds may be as fast");
    }

    #[test]
    fn what_promises_nothing_may_take_no_time() {
        let asked = || panic!("an empty body is measured only when needed");
        assert_eq!(find(Promise::default(), 0.0, asked), None);
        assert_eq!(find(Promise { rounds: 1, works: false }, 0.0, asked), None);
        assert_eq!(find(Promise { rounds: 3, works: true }, 20e-9, asked), None);
    }

    #[test]
    fn the_hint_names_black_box_and_takes_two_lines() {
        for removed in [Removed::Rounds(10_000_000), Removed::Everything] {
            let text = removed.to_string();
            assert_eq!(text.lines().count(), 2);
            assert!(text.contains("std::hint::black_box"));
        }
        assert!(Removed::Rounds(10_000_000).to_string().contains("10,000,000 rounds"));
    }
}
