//! evcxr's context, and the conversation with the kernel.

use std::env;
use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use evcxr::{EvalContext, EvalContextOutputs, EvalOutputs};

use crate::bridge::Bridge;
use crate::message::{FromEvcxr, Outcome, Ran, Rejection, ToEvcxr, Variable};

/// Serves the kernel behind `socket` until it goes away.
pub fn serve(socket: UnixStream) -> Result<(), Box<dyn Error>> {
    let (to_kernel, messages) = mpsc::channel::<FromEvcxr>();
    let mut writer = socket.try_clone()?;
    let writing = thread::spawn(move || {
        for message in messages {
            let Ok(json) = serde_json::to_string(&message) else { continue };
            let is_last = matches!(message, FromEvcxr::Ready { error: Some(_) });
            if writeln!(writer, "{json}").is_err() || is_last {
                break;
            }
        }
    });

    let bridge = Bridge::open()?;
    let mut subprocess = Command::new(env::current_exe()?);
    subprocess.arg("bridge").arg(bridge.path());
    let (to_bridge, ran) = mpsc::channel();
    let is_starting = Arc::new(AtomicBool::new(true));
    let starting = is_starting.clone();
    bridge.serve(move || starting.load(Ordering::Acquire), to_kernel.clone(), ran);

    // What cells print comes from the worker; here is only what goes wrong with the relay.
    let (eval, EvalContextOutputs { stdout, stderr }) = match EvalContext::with_subprocess_command(subprocess) {
        Ok(started) => started,
        Err(error) => {
            to_kernel.send(FromEvcxr::Ready { error: Some(error.to_string()) })?;
            let _ = writing.join();
            return Ok(());
        }
    };
    thread::spawn(move || stdout.iter().for_each(drop));
    thread::spawn(move || stderr.iter().for_each(|line| eprintln!("{line}")));
    is_starting.store(false, Ordering::Release);
    to_kernel.send(FromEvcxr::Ready { error: None })?;

    let (hand_over, jobs) = mpsc::channel();
    thread::spawn(move || read(socket, &to_bridge, &hand_over));
    answer(eval, &jobs, &to_kernel)
}

/// Hands on what the kernel says, until it is gone.
fn read(socket: UnixStream, to_bridge: &Sender<Ran>, hand_over: &Sender<ToEvcxr>) {
    for line in BufReader::new(socket).lines().map_while(Result::ok) {
        match serde_json::from_str(&line) {
            Ok(ToEvcxr::Ran { ending }) => drop(to_bridge.send(ending)),
            Ok(job) => drop(hand_over.send(job)),
            Err(error) => eprintln!("threadbook-evcxr: a message of the kernel is dropped: {error}"),
        }
    }
    // A job may wait for the kernel.
    std::process::exit(0);
}

/// Does one job after the other. (All in one function: the type of a state has no public name.)
fn answer(
    mut eval: EvalContext,
    jobs: &Receiver<ToEvcxr>,
    to_kernel: &Sender<FromEvcxr>,
) -> Result<(), Box<dyn Error>> {
    let lock = LockFile::read();
    let mut fresh = eval.state();
    for job in jobs {
        let outcome = match job {
            ToEvcxr::Begin { dependencies, code, offline } => {
                let mut state = fresh.clone();
                state.set_offline_mode(offline);
                let added = dependencies.iter().try_for_each(|crate_| state.add_dep(&crate_.name, &crate_.config));
                lock.restore();
                state.set_offline_mode(false);
                let result = added.and_then(|()| eval.eval_with_state(&code, state));
                if result.is_ok() {
                    fresh = eval.state();
                }
                outcome(&eval, result)
            }
            ToEvcxr::Add { dependencies } => {
                let lock = LockFile::read();
                let mut state = eval.state();
                let added = dependencies.iter().try_for_each(|crate_| state.add_dep(&crate_.name, &crate_.config));
                lock.restore();
                let result = added.and_then(|()| eval.eval_with_state("", state));
                outcome(&eval, result)
            }
            ToEvcxr::Execute { code } => {
                let result = eval.eval(&code);
                outcome(&eval, result)
            }
            ToEvcxr::Check { code } => {
                let before = eval.state();
                let outcome = {
                    let result = eval.eval(&code);
                    outcome(&eval, result)
                };
                // The kernel has run nothing, but what the code defines is known now.
                if matches!(outcome, Outcome::Good) {
                    let _ = eval.eval_with_state("", before);
                }
                outcome
            }
            ToEvcxr::FormatErrors { format } => {
                let mut state = eval.state();
                let result = state.set_error_format(&format).and_then(|()| eval.eval_with_state("", state));
                outcome(&eval, result)
            }
            ToEvcxr::Clear => {
                let result = eval.eval_with_state("", fresh.clone());
                outcome(&eval, result)
            }
            ToEvcxr::Ran { .. } => continue,
        };
        let variables = eval
            .variables_and_types()
            .map(|(name, type_name)| Variable { name: name.to_owned(), type_name: type_name.to_owned() })
            .collect();
        to_kernel.send(FromEvcxr::Done { outcome, variables })?;
    }
    Ok(())
}

fn outcome(eval: &EvalContext, result: Result<EvalOutputs, evcxr::Error>) -> Outcome {
    match result {
        Ok(_) => Outcome::Good,
        Err(evcxr::Error::CompilationErrors(errors)) => Outcome::Rejected {
            errors: errors.into_iter().map(|error| Rejection { text: error.message(), rustc: error.json }).collect(),
            source: eval.last_source().unwrap_or_default(),
        },
        Err(error) => Outcome::Failed { text: error.to_string() },
    }
}

/// The lock file of evcxr's project. evcxr looks at each crate that is added by itself, and
/// cargo then takes all others out of the file.
struct LockFile {
    path: PathBuf,
    text: Option<Vec<u8>>,
}

impl LockFile {
    fn read() -> LockFile {
        let path = env::var_os("EVCXR_TMPDIR").map(PathBuf::from).unwrap_or_default().join("Cargo.lock");
        LockFile { text: fs::read(&path).ok(), path }
    }

    /// Without it cargo chooses versions anew.
    fn restore(&self) {
        if let Some(text) = &self.text {
            let _ = fs::write(&self.path, text);
        }
    }
}
