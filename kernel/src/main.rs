mod cell;
mod command;
mod definitions;
mod engine;
mod interpreter;
mod jupyter;
mod kernelspec;
mod language;
mod notebook;
mod output;
mod session;
mod worker;

fn main() -> std::process::ExitCode {
    command::main()
}
