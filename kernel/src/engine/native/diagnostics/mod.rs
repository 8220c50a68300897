//! From rustc's JSON messages to what a learner reads, in the cell's own lines.
//!
//! A cell is compiled inside a generated file, so rustc's own text would show lines
//! that nobody wrote. Its JSON form is rendered again instead:
//!
//! 1. `json`: standard error of `rustc --error-format=json` becomes [`Diagnostic`]s
//!    and the plain text between them (linker, panic of the compiler);
//! 2. `place`: each span is followed to bytes of a cell, through macro expansions
//!    where it has to be, and dropped where it only touches generated text;
//! 3. `render` and `suggestion`: what is left goes through `annotate-snippets`, the
//!    renderer that rustc itself uses, with `In[7]` in the place of a file name.
//!
//! The JSON form says less than rustc knows: not whether a suggestion stands inline,
//! in a block or not at all, nor which macro an error came from. Each message carries
//! rustc's own rendering too, and these decisions are read off there.

pub mod json;
mod place;
mod render;
mod suggestion;
#[cfg(test)]
mod tests;

pub use json::{CompilerOutput, Diagnostic};
pub use render::{render, summary, worth_showing};
