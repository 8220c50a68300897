//! One cell as text: what in it are items, statements, magics, a last expression.
//!
//! [`source`] holds the text and remembers it through code generation, [`parse`] takes
//! a cell apart ([`parsed`] remembers them), [`item`] says what each item defines, replaces and needs ([`use_tree`] for
//! a `use`, [`macros`] for what stands for items), [`statics`] lets statics keep their
//! values ([`lifetimes`] for their types), [`measured`] takes apart a body to be measured,
//! [`names`] reads off which names a text mentions, [`magic`] takes command lines off its
//! beginning.

pub mod item;
pub mod lifetimes;
pub mod macros;
pub mod magic;
pub mod measured;
pub mod names;
pub mod parse;
pub mod parsed;
pub mod source;
pub mod statics;
pub mod use_tree;
