//! A program that keeps a processor busy while something is measured.

use std::env;
use std::hint::black_box;
use std::io::{self, Read};
use std::process::{self, Child, Command, Stdio};
use std::thread;

const ASKED: &str = "--keep-a-processor-busy";

/// The program, until this is dropped.
pub struct Busy(Child);

impl Busy {
    /// # Panics
    /// If the system starts no program.
    pub fn start() -> Busy {
        let this = env::current_exe().expect("a program knows its file");
        let program = Command::new(this).arg(ASKED).stdin(Stdio::piped()).spawn();
        Busy(program.expect("this program can be started once more"))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Computes, if this process is such a program, until the one that has started it is gone.
pub fn compute_if_asked() {
    if env::args().all(|argument| argument != ASKED) {
        return;
    }
    thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        process::exit(0);
    });
    loop {
        black_box(());
    }
}
