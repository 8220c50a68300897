//! From a cell's source to code that a worker can load.
//!
//! Two engines do that: [`native`] calls `rustc` itself; `evcxr` leaves it to the crate of that
//! name and is there only in a build with the cargo feature `evcxr`. Where they differ, the
//! rest of the kernel asks [`Engine::capabilities`].

pub mod effects;
#[cfg(feature = "evcxr")]
pub mod evcxr;
pub mod native;

/// What is said of an engine that this build does not have.
pub const NOT_THERE: &str =
    "this program was built without the engine evcxr: `./install.sh install --engine evcxr` builds one with it";

/// What compiles cells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    /// Threadbook's own: one `rustc` call a cell
    #[default]
    Native,
    /// The crate evcxr: cargo, and rust-analyzer for the types of variables
    Evcxr,
}

/// What an engine can do that not every engine can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// After a crash, or the stop of a cell that computes, the notebook is what it was before
    /// that cell.
    pub checkpoints: bool,
    /// The compiler can be stopped.
    pub stops_compiling: bool,
    /// A `static` is one place in memory for all cells.
    pub statics: bool,
    /// A `let` can keep closures, and types that cannot be written down.
    pub closures: bool,
    /// The type of any expression can be told without running it.
    pub types: bool,
    /// Cells can be compiled at other levels of optimisation, measured ones as for `--release`.
    pub levels: bool,
    /// A cell of the same text is not compiled again, and one that waits is compiled ahead.
    pub cache: bool,
}

impl Engine {
    pub fn name(self) -> &'static str {
        match self {
            Engine::Native => "native",
            Engine::Evcxr => "evcxr",
        }
    }

    /// Whether this build has it.
    pub fn is_there(self) -> bool {
        match self {
            Engine::Native => true,
            Engine::Evcxr => cfg!(feature = "evcxr"),
        }
    }

    pub fn capabilities(self) -> Capabilities {
        let has = self == Engine::Native;
        Capabilities {
            checkpoints: has,
            stops_compiling: has,
            statics: has,
            closures: has,
            types: has,
            levels: has,
            cache: has,
        }
    }

    /// How it compiles a cell, in a line.
    pub fn how(self) -> &'static str {
        match self {
            Engine::Native => "one rustc call a cell",
            Engine::Evcxr => "the crate evcxr 0.22: cargo, and rust-analyzer for the types of variables",
        }
    }
}

impl Capabilities {
    /// Each with what it means for a notebook, and what happens without it.
    pub fn told(self) -> [Told; 9] {
        let told = |what, with, has| Told { what, has, without: with };
        [
            told("output appears while the cell runs, under the cell whose thread wrote it", "", true),
            told("variables stay when a cell that waits is interrupted", "", true),
            told(
                "variables stay when a cell that computes is interrupted, and after a crash",
                "all variables are lost",
                self.checkpoints,
            ),
            told("a cell that is being compiled stops at once", "when the compiler has ended", self.stops_compiling),
            told(
                "a static is one place for all cells",
                "each cell has statics of its own, which begin anew",
                self.statics,
            ),
            told(
                "a `let` keeps closures",
                "write `let f: Box<dyn Fn(i32) -> i32> = Box::new(|x| x + 1);`",
                self.closures,
            ),
            told("`:type` tells the type of any expression", "of variables only", self.types),
            told(
                "`:opt` sets the level of optimisation; measured cells are compiled as for --release",
                "all cells are compiled at level 2, with overflow checks and debug assertions",
                self.levels,
            ),
            told(
                "a cell that is run again is not compiled again, and waiting cells are compiled ahead",
                "every cell is compiled when it is run",
                self.cache,
            ),
        ]
    }
}

/// A capability in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    pub what: &'static str,
    pub has: bool,
    /// What happens instead.
    pub without: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_engine_cannot_do_says_what_happens_instead() {
        for told in Engine::Evcxr.capabilities().told() {
            assert_eq!(told.has, told.without.is_empty(), "{told:?}");
        }
        assert!(Engine::Native.capabilities().told().iter().all(|told| told.has));
    }
}
