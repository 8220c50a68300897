//! Sliders, menus and other controls that call a closure again with new values, without
//! compiling anything.
//!
//! ```text
//! interact ─► kept (the closure, by a number) ─► message: Controls ─► kernel, front end
//!                └◄── thread that runs cells ◄── message: Call, with the values ◄──┘
//! ```
//!
//! [`control`] are the builders, [`number`] what a slider can count in, [`shown`] what a closure
//! can return. [`kept`] needs no types: a cell compiles little more than its own closure.

mod control;
mod kept;
mod number;
mod shown;

pub use control::{Checkbox, Controls, Menu, Slider, Textbox, checkbox, menu, slider, textbox};
pub use number::SliderNumber;
pub use shown::Shown;

pub(crate) use kept::{call, forget, ids, lock_all};

/// Shows controls, and what `closure` returns for their values: at once for the first ones, and
/// again each time that someone changes one. The closure is compiled once, with its cell.
///
/// `controls` is one control or a tuple of up to six: [`slider`], [`menu`], [`checkbox`],
/// [`textbox`]. The closure gets their values in the same form. What it returns is shown as a cell's
/// last expression is; all that it prints and shows takes the place of what it showed for the
/// values before. It runs between cells, never beside one. While it runs, further changes wait,
/// and only the latest counts. An interrupt ends it; a panic is shown in place of its value, and
/// the next change calls it again.
///
/// It lives on after its cell, so it takes what it uses by value (`move`): clone what other
/// cells need, too. The controls need ipywidgets at the front end. Without them, and in a program
/// without a kernel, the first values are used and that is all. Running the cell again makes the
/// controls anew.
///
/// # Panics
/// Inside of another such closure; and as the closure does for the first values.
///
/// ```
/// # use threadbook::prelude::*;
/// interact(slider("workers", 1..=8), |workers| {
///     let pool = ThreadPool::new(workers);
///     pool.map(|n: u64| n * n, 0..4)
/// });
/// let controls = (slider("workers", 1..=8).value(2), menu("kind", ["threads", "processes"]), checkbox("locked"));
/// interact(controls, |(workers, kind, locked)| format!("{workers} {kind}, locked: {locked}"));
/// ```
#[track_caller]
pub fn interact<C, R>(controls: C, mut closure: impl FnMut(C::Values) -> R + Send + 'static)
where
    C: Controls,
    R: Shown,
{
    let mut described = Vec::new();
    controls.describe(&mut described);
    kept::begin(described, Box::new(move |values| closure(controls.read(values)).shown()));
}

#[cfg(test)]
mod tests;
