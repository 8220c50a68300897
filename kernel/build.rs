//! Tells cargo that the kernel carries the prelude's sources: without this, a change
//! to them would not make the kernel new.

fn main() {
    for carried in ["../src", "../Cargo.toml", "../Cargo.lock"] {
        println!("cargo::rerun-if-changed={carried}");
    }
}
