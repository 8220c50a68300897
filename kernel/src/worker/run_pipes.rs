//! The pipes of all runs of cells that somebody can still write to.

use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::task::Poll;

use super::pipe::{CHUNK, Pipe};
use super::text::Piece;
use crate::output::StreamName;

/// The pipes of one run of a cell.
pub struct RunPipes {
    run: u64,
    pub stdout: Pipe,
    pub stderr: Pipe,
}

impl RunPipes {
    /// With the ends for writing.
    pub fn open(run: u64) -> io::Result<(RunPipes, [OwnedFd; 2])> {
        let (stdout, stdout_writer) = io::pipe()?;
        let (stderr, stderr_writer) = io::pipe()?;
        let pipes = RunPipes { run, stdout: Pipe::new(stdout.into(), true)?, stderr: Pipe::new(stderr.into(), false)? };
        Ok((pipes, [stdout_writer.into(), stderr_writer.into()]))
    }

    fn is_closed(&self) -> bool {
        self.stdout.is_closed() && self.stderr.is_closed()
    }
}

/// All pipes of a worker.
pub struct Texts {
    pipes: Vec<RunPipes>,
    buffer: Vec<u8>,
}

impl Default for Texts {
    fn default() -> Texts {
        Texts { pipes: Vec::new(), buffer: vec![0; CHUNK] }
    }
}

impl Texts {
    pub fn attach(&mut self, pipes: RunPipes) {
        self.pipes.retain(|pipes| !pipes.is_closed());
        self.pipes.push(pipes);
    }

    /// Waits for the next text of any run.
    pub async fn next(&mut self) -> (u64, StreamName, Vec<Piece>) {
        poll_fn(|context| {
            // Who was read goes to the end: one that floods does not keep the others waiting.
            for index in 0..self.pipes.len() {
                let pipes = &mut self.pipes[index];
                let mut read = Poll::Pending;
                for (name, pipe) in [(StreamName::Stdout, &mut pipes.stdout), (StreamName::Stderr, &mut pipes.stderr)] {
                    if let Poll::Ready(pieces) = pipe.poll_read(&mut self.buffer, context) {
                        read = Poll::Ready((pipes.run, name, pieces));
                        break;
                    }
                }
                if read.is_ready() {
                    let pipes = self.pipes.remove(index);
                    self.pipes.push(pipes);
                    return read;
                }
            }
            Poll::Pending
        })
        .await
    }

    pub fn of(&mut self, run: u64) -> Option<(&mut RunPipes, &mut Vec<u8>)> {
        let pipes = self.pipes.iter_mut().find(|pipes| pipes.run == run)?;
        Some((pipes, &mut self.buffer))
    }

    /// The runs that have pipes.
    pub fn runs(&self) -> Vec<u64> {
        self.pipes.iter().map(|pipes| pipes.run).collect()
    }
}
