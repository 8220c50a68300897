mod cell;
mod engine;
mod interpreter;
mod jupyter;
mod language;
mod notebook;
mod output;
mod session;
mod worker;

fn main() {}
