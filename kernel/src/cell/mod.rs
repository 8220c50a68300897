//! One cell as text: what in it are items, statements, magics, a last expression.
//!
//! [`source`] holds the text and remembers it through code generation, [`parse`] takes
//! a cell apart, [`item`] says what each item defines, replaces and needs, [`statics`]
//! lets statics keep their values, [`names`] reads off which names a text mentions,
//! [`magic`] takes command lines off its beginning.

pub mod item;
pub mod lifetimes;
pub mod magic;
pub mod names;
pub mod parse;
pub mod source;
pub mod statics;
