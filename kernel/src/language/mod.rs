//! Completion and inspection.

pub mod scope;

pub mod types { pub fn shorten_type(t: &str) -> String { t.to_owned() } }
pub struct Magic { pub name: &'static str, pub help: &'static str }
pub fn completeness(_: &str) -> crate::interpreter::Completeness { crate::interpreter::Completeness::Complete }
pub fn complete(_: &scope::Scope, _: &[Magic], _: &str, _: usize) -> crate::interpreter::Completions { Default::default() }
pub fn inspect(_: &scope::Scope, _: &[Magic], _: &str, _: usize, _: u8) -> Option<crate::output::MimeBundle> { None }
