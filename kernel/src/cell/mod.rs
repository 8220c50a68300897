//! One cell as text: what in it are items, statements, magics, a last expression.

pub mod source;
