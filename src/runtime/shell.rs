//! The programs that `!command`, `%%bash` and their like start.
//!
//! They are children of the process that runs cells and write to its stdout and stderr,
//! unless what they write is wanted as text. The kernel ends them on an interrupt; what is
//! left to do here is to see that, after they have ended.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use super::{host, interrupt};
use crate::display::MimeBundle;

/// What a variable is in a command: its `Display` text, else its `Debug` text. Which it has
/// is found while the cell compiles, as for values that are shown.
pub struct Text<'a, T: ?Sized>(pub &'a T);

pub trait ByDisplay {
    fn text(&self) -> Result<String, ScriptError>;
}

impl<T: fmt::Display + ?Sized> ByDisplay for &&Text<'_, T> {
    fn text(&self) -> Result<String, ScriptError> {
        Ok(self.0.to_string())
    }
}

pub trait ByDebug {
    fn text(&self) -> Result<String, ScriptError>;
}

impl<T: fmt::Debug + ?Sized> ByDebug for &Text<'_, T> {
    fn text(&self) -> Result<String, ScriptError> {
        Ok(format!("{:?}", self.0))
    }
}

pub trait ByName {
    fn text(&self) -> Result<String, ScriptError>;
}

impl<T: ?Sized> ByName for Text<'_, T> {
    fn text(&self) -> Result<String, ScriptError> {
        let name = std::any::type_name::<T>().replace("notebook::", "");
        Err(ScriptError(format!("a value of type `{name}` cannot stand in a command: it has no Display and no Debug")))
    }
}

/// A program did not start, or its output broke, or its command could not be written.
pub struct ScriptError(String);

// What a cell's error shows.
impl fmt::Debug for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ScriptError {
    fn not_started(program: &str, error: &io::Error) -> ScriptError {
        ScriptError(match error.kind() {
            // The system says the same when the directory to start it in is gone.
            io::ErrorKind::NotFound if std::env::current_dir().is_err() => {
                "the working directory is no longer there: `%cd` goes to another".to_owned()
            }
            io::ErrorKind::NotFound => format!("there is no program `{program}` here"),
            io::ErrorKind::PermissionDenied => {
                format!("`{program}` may not be executed: `!chmod +x {program}` allows it")
            }
            _ => format!("`{program}` could not be started: {error}"),
        })
    }

    fn broken(error: &io::Error) -> ScriptError {
        ScriptError(format!("the output of the program could not be read: {error}"))
    }
}

/// Runs a command in the shell, whose output is the cell's. Returns how it ended; with an
/// empty text if well.
///
/// # Errors
/// When there is no shell.
pub fn run(command: &str) -> Result<MimeBundle, ScriptError> {
    let mut child = start("sh", &["-c", command], [Stdio::null(), Stdio::inherit(), Stdio::inherit()])?;
    ended(&mut child)
}

/// Like [`run`], and returns the lines of the command's stdout. What is no UTF-8 in them is
/// replaced.
///
/// # Errors
/// As [`run`].
pub fn lines(command: &str) -> Result<(Vec<String>, MimeBundle), ScriptError> {
    let mut child = start("sh", &["-c", command], [Stdio::null(), Stdio::piped(), Stdio::inherit()])?;
    let mut lines = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        let mut stdout = BufReader::with_capacity(64 << 10, stdout);
        let mut line = Vec::new();
        while stdout.read_until(b'\n', &mut line).map_err(|error| ScriptError::broken(&error))? > 0 {
            let end = line.strip_suffix(b"\n").map_or(line.as_slice(), |line| line.strip_suffix(b"\r").unwrap_or(line));
            lines.push(String::from_utf8_lossy(end).into_owned());
            line.clear();
        }
    }
    Ok((lines, ended(&mut child)?))
}

/// Runs a program on a script: as its last arguments `-c script`, or as its input. Returns
/// what it wrote to stdout and stderr, as far as that is to be kept, and how it ended.
///
/// # Errors
/// When there is no such program.
pub fn script(
    program: &[&str],
    script: &str,
    as_input: bool,
    [keep_stdout, keep_stderr]: [bool; 2],
) -> Result<(String, String, MimeBundle), ScriptError> {
    let (name, arguments) = program.split_first().unwrap_or((&"sh", &[]));
    let mut arguments = arguments.to_vec();
    if !as_input {
        arguments.extend(["-c", script]);
    }
    let stdio = |piped| if piped { Stdio::piped() } else { Stdio::inherit() };
    let stdin = if as_input { Stdio::piped() } else { Stdio::null() };
    let mut child = start(name, &arguments, [stdin, stdio(keep_stdout), stdio(keep_stderr)])?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    // All at once: a program may write before it has read everything.
    let (stdout, stderr) = thread::scope(|scope| {
        if let Some(mut stdin) = stdin {
            // One that does not read it all does not want it all.
            scope.spawn(move || drop(stdin.write_all(script.as_bytes())));
        }
        let stderr = scope.spawn(move || read(stderr));
        (read(stdout), stderr.join().unwrap_or_else(|_| Err(io::Error::other("the thread that reads it failed"))))
    });
    let ending = ended(&mut child)?;
    let text = |bytes: io::Result<Vec<u8>>| {
        let bytes = bytes.map_err(|error| ScriptError::broken(&error))?;
        Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    };
    Ok((text(stdout)?, text(stderr)?, ending))
}

fn start(program: &str, arguments: &[&str], [stdin, stdout, stderr]: [Stdio; 3]) -> Result<Child, ScriptError> {
    // What the cell has printed comes before what the program prints.
    host::flush_text();
    let mut command = Command::new(program);
    command.args(arguments).stdin(stdin).stdout(stdout).stderr(stderr);
    command.spawn().map_err(|error| ScriptError::not_started(program, &error))
}

fn read(pipe: Option<impl Read>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Waits for the end.
///
/// Unwinds on an interrupt.
fn ended(child: &mut Child) -> Result<MimeBundle, ScriptError> {
    let status = child.wait();
    interrupt::check_unplaced();
    let status = status.map_err(|error| ScriptError(format!("how the program ended is not known: {error}")))?;
    Ok(MimeBundle::new().with("text/plain", told(status)))
}

/// Empty if it ended well.
fn told(status: ExitStatus) -> String {
    match status.code() {
        Some(0) => String::new(),
        Some(126) => "exit status 126: a program could not be executed".to_owned(),
        Some(127) => "exit status 127: there is no such program".to_owned(),
        Some(code) => format!("exit status {code}"),
        // `signal: 9 (SIGKILL)`, as std words it.
        None => format!("ended by {}", status.to_string().replacen(": ", " ", 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(bundle: &MimeBundle) -> &str {
        bundle.get("text/plain").and_then(|text| text.as_str()).unwrap_or("no text")
    }

    #[test]
    fn how_a_command_ended_is_told() {
        for (command, told) in [
            ("true", ""),
            ("exit 3", "exit status 3"),
            ("kill -9 $$", "ended by signal 9 (SIGKILL)"),
            ("exit 127", "exit status 127: there is no such program"),
        ] {
            let ended = run(command).expect("there is a shell");
            assert_eq!(status(&ended), told, "{command}");
        }
    }

    #[test]
    fn lines_come_without_their_ends() {
        let (lines, ended) = lines("printf 'a\\r\\n\\nb\\377\\nhalf'; exit 2").expect("there is a shell");
        assert_eq!(lines, ["a", "", "b\u{fffd}", "half"]);
        assert_eq!(status(&ended), "exit status 2");
    }

    #[test]
    fn a_script_is_an_argument_or_the_input() {
        let (out, err, ended) = script(&["sh"], "cat; echo $1; echo no >&2", false, [true, true]).expect("a shell");
        assert_eq!((out.as_str(), err.as_str(), status(&ended)), ("\n", "no\n", ""));
        // More than a pipe holds, and a program that writes all the while.
        let long = "x".repeat(1 << 20);
        let (out, err, _) = script(&["cat"], &long, true, [true, false]).expect("cat");
        assert!(out == long && err.is_empty());
        let (_, _, ended) = script(&["true"], &long, true, [false, false]).expect("true");
        assert_eq!(status(&ended), "");
    }

    #[test]
    fn a_program_that_is_not_there_is_told() {
        match script(&["no-such-program"], "", true, [false, false]) {
            Err(error) => assert_eq!(format!("{error:?}"), "there is no program `no-such-program` here"),
            Ok(_) => panic!("it is not there"),
        }
    }

    #[test]
    // As generated code writes it, which does not know the type.
    #[allow(clippy::needless_borrow)]
    fn a_value_in_a_command_is_its_display_text_if_it_has_one() {
        struct Opaque;
        let shown = |text: Result<String, ScriptError>| text.unwrap_or_else(|error| error.0);
        assert_eq!(shown((&&&Text("a b")).text()), "a b");
        assert_eq!(shown((&&&Text(&1.5)).text()), "1.5");
        assert_eq!(shown((&&&Text(&vec![1, 2])).text()), "[1, 2]");
        assert!(shown((&&&Text(&Opaque)).text()).contains("Opaque` cannot stand"));
    }
}
