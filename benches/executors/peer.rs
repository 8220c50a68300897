//! Python's side: a process that measures what it is asked for.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// `peer.py`, if there is a Python to run it.
pub struct Peer(Option<Running>);

struct Running {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    pub fn start(workers: usize) -> Peer {
        let running = start(workers);
        if running.is_none() {
            println!("(There is no python3 here: its columns stay empty.)");
        }
        Peer(running)
    }

    /// How long a piece of work takes there; `None` without Python.
    pub fn measure(&mut self, task: &str) -> Option<Duration> {
        let running = self.0.as_mut()?;
        let mut answer = String::new();
        writeln!(running.questions, "{task}").ok()?;
        running.answers.read_line(&mut answer).ok()?;
        let seconds = answer.trim().parse().expect("peer.py answers with seconds; what it says stands above");
        Some(Duration::from_secs_f64(seconds))
    }
}

fn start(workers: usize) -> Option<Running> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/executors/peer.py");
    let mut command = Command::new("python3");
    command.args([script, &workers.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().ok()?;
    let (questions, answers) = (process.stdin.take()?, BufReader::new(process.stdout.take()?));
    Some(Running { process, questions, answers })
}

impl Drop for Running {
    fn drop(&mut self) {
        // It waits for a question, and nothing of it is needed any more.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
