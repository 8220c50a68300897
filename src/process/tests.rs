//! Real processes.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::*;
use crate::__rt::write_line;

/// Runs work in a child and returns what it has written into the pipe it was given.
fn told_by(work: impl FnOnce(&mut dyn Write) + Send + 'static) -> (String, Process) {
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let process = Process::new(move || work(&mut { writer }));
    process.start();
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("text");
    process.join();
    (text, process)
}

/// What a child and its children print.
fn printed_by(work: impl FnOnce() + Send + 'static) -> String {
    let (text, process) = told_by(|_| ());
    assert_eq!((text.as_str(), process.exitcode()), ("", Some(0)));
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let process = Process::new(move || {
        // SAFETY: both numbers are open; this process is the test's own.
        unsafe {
            libc::dup2(writer.as_raw_fd(), libc::STDOUT_FILENO);
            libc::dup2(writer.as_raw_fd(), libc::STDERR_FILENO);
        }
        work();
    });
    process.start();
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("text");
    process.join();
    text
}

fn open_files() -> usize {
    std::fs::read_dir(if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" }).expect("there").count()
}

#[test]
fn a_child_has_copies_of_captured_values_and_of_statics() {
    static COUNT: AtomicUsize = AtomicUsize::new(3);
    let numbers = Arc::new(Mutex::new(vec![1, 2]));
    let captured = numbers.clone();
    let (text, _) = told_by(move |out| {
        captured.lock().expect("free").push(3);
        COUNT.fetch_add(1, Ordering::Relaxed);
        write!(out, "{:?} {COUNT:?}", captured.lock().expect("free")).expect("written");
    });
    assert_eq!(text, "[1, 2, 3] 4");
    assert_eq!((numbers.lock().expect("free").len(), COUNT.load(Ordering::Relaxed)), (2, 3));
    assert_eq!(Arc::strong_count(&numbers), 1);
}

#[test]
fn identities() {
    let own = current_process();
    assert_eq!((own.name(), own.pid(), own.is_daemon()), ("MainProcess", getpid(), false));
    assert_eq!(parent_process(), None);
    let process = Process::new(|| ());
    let name = process.name();
    assert!(name.starts_with("Process-"), "{name}");
    assert_eq!(process.pid(), None);
    let (text, process) = told_by(|out| {
        let (own, parent) = (current_process(), parent_process().expect("a parent"));
        let grandchild = Process::new(|| ());
        write!(
            out,
            "{} {} {} {} {} {}",
            own.name(),
            own.pid(),
            parent.name(),
            parent.pid(),
            getppid(),
            grandchild.name()
        )
        .expect("written");
    });
    let (name, pid, own) = (process.name(), process.pid().expect("started"), getpid());
    assert_eq!(text, format!("{name} {pid} MainProcess {own} {own} {name}:1"));
    let named = Process::new(|| ()).named("baker");
    assert_eq!((named.name().as_str(), format!("{named:?}").as_str()), ("baker", "Process(baker, not started)"));
}

#[test]
fn exit_codes() {
    let code = |work: fn()| {
        let process = Process::new(work);
        process.start();
        process.join();
        (process.is_alive(), process.exitcode().expect("ended"))
    };
    assert_eq!(code(|| ()), (false, 0));
    assert_eq!(code(|| panic!("a panic that belongs to the test")), (false, 1));
    assert_eq!(code(|| std::process::exit(7)), (false, 7));
    // SAFETY: it ends the child only.
    assert_eq!(
        code(|| unsafe {
            libc::raise(libc::SIGUSR1);
        }),
        (false, -libc::SIGUSR1)
    );
    assert_eq!(code(|| std::process::abort()), (false, -libc::SIGABRT));
}

#[test]
fn terminate_and_kill() {
    for (end, code) in [(Process::terminate as fn(&Process), -libc::SIGTERM), (Process::kill, -libc::SIGKILL)] {
        let process = Process::new(|| {
            loop {
                thread::park();
            }
        });
        process.start();
        assert!(!process.join_timeout(0.01));
        assert!(process.is_alive());
        assert_eq!(process.exitcode(), None);
        assert!(active_children().iter().any(|child| child.pid() == process.pid()));
        end(&process);
        assert!(process.join_timeout(f64::INFINITY));
        assert_eq!((process.is_alive(), process.exitcode()), (false, Some(code)));
        assert!(active_children().iter().all(|child| child.pid() != process.pid()));
        // Nothing more happens.
        end(&process);
        process.join();
    }
}

#[test]
fn wrong_use_is_told() {
    let message = |work: &mut dyn FnMut()| {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).expect_err("a panic");
        caught.downcast_ref::<String>().cloned().unwrap_or_default()
    };
    let process = Process::new(|| ()).named("once");
    assert!(message(&mut || process.join()).contains("once was not started: call start()"));
    assert!(message(&mut || process.terminate()).contains("was not started"));
    assert!(!process.is_alive());
    process.start();
    assert!(message(&mut || process.start()).contains("once was started already"));
    assert!(matches!(process.try_start(), Err(ProcessError::AlreadyStarted { .. })));
    assert!(message(&mut || drop(process.clone().named("twice"))).contains("after it was started"));
    process.join();

    // Join of oneself, and of a brother.
    let brother = Process::new(|| thread::sleep(Duration::from_secs(100))).named("brother");
    brother.start();
    let own = Arc::new(Mutex::new(None::<Process>));
    let (captured, child_brother) = (own.clone(), brother.clone());
    let process = Process::new(move || {
        let own = captured.lock().expect("free").clone().expect("there");
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| own.join())).expect_err("a panic");
        let text = caught.downcast_ref::<String>().expect("text");
        assert!(text.contains("is this process itself"), "{text}");
        let caught =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| child_brother.kill())).expect_err("a panic");
        let text = caught.downcast_ref::<String>().expect("text");
        assert!(text.contains("brother is no child of this process"), "{text}");
    });
    *own.lock().expect("free") = Some(process.clone());
    process.start();
    process.join();
    assert_eq!(process.exitcode(), Some(0));
    assert!(brother.is_alive());
    brother.kill();
}

#[test]
fn a_crash_is_told_with_its_signal_and_a_panic_with_the_name() {
    let text = printed_by(|| {
        let crash = Process::new(|| {
            write_line(format_args!("before"));
            crate::__rt::write_now(format_args!("half a line"));
            // SAFETY: it ends this process, as it is meant to.
            unsafe {
                libc::signal(libc::SIGSEGV, libc::SIG_DFL);
                libc::raise(libc::SIGSEGV)
            };
        });
        crash.named("crashing").start();
        for child in active_children() {
            child.join();
        }
        let ended = Process::new(|| {
            loop {
                thread::park();
            }
        });
        ended.start();
        ended.kill();
        ended.join();
        // The thread that tells may be under way.
        thread::sleep(Duration::from_millis(50));
    });
    assert!(text.contains("before\n"), "{text}");
    assert!(text.contains("crashing (process ") && text.contains(") ended by signal 11 (SIGSEGV: "), "{text}");
    assert!(!text.contains("signal 9"), "{text}");
}

#[test]
fn text_comes_in_whole_lines() {
    let text = printed_by(|| {
        let children: Vec<Process> = (0..8)
            .map(|child| {
                Process::new(move || {
                    for line in 0..200 {
                        crate::__rt::write_now(format_args!("{child}"));
                        crate::__rt::write_now(format_args!("-{line}-"));
                        write_line(format_args!("{}", "x".repeat(50)));
                    }
                    crate::__rt::write_now(format_args!("the end of {child}"));
                })
            })
            .collect();
        children.iter().for_each(Process::start);
        children.iter().for_each(Process::join);
    });
    // Each line is of one child, and each child's lines are in order.
    let mut next = HashMap::new();
    for line in text.lines().filter(|line| line.contains('-')) {
        let (before, _) = line.split_once("-x").or_else(|| line.split_once("--")).unwrap_or((line, ""));
        let (child, number) = before.rsplit_once('-').expect("a line as it was written");
        // What a child ended with stands before another's next line.
        let child = child.chars().last().expect("its number");
        let expected = next.entry(child).or_insert(0);
        assert_eq!(number.parse(), Ok(*expected), "{line}");
        *expected += 1;
    }
    assert_eq!(text.matches(&format!("-{}\n", "x".repeat(50))).count(), 1600, "{text}");
    assert_eq!(text.matches("the end of ").count(), 8);
}

#[test]
fn rayon_works_in_a_child_of_a_process_that_uses_it() {
    let work = || (0..100_000u64).into_par_iter().map(|n| n * n % 7).sum::<u64>();
    // rayon's own pool is there, and busy.
    let expected = work();
    let stop = Arc::new(AtomicBool::new(false));
    let busy: Vec<_> = (0..2)
        .map(|_| {
            let stop = stop.clone();
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::black_box(work());
                }
            })
        })
        .collect();
    for _ in 0..20 {
        let (text, _) = told_by(move |out| write!(out, "{}", work()).expect("written"));
        assert_eq!(text, expected.to_string());
    }
    // From a thread of a pool, and in one that lives longer.
    let (text, _) = rayon::join(
        || {
            told_by(move |out| {
                thread::sleep(Duration::from_millis(10));
                let threads: std::collections::HashSet<_> = (0..1000)
                    .into_par_iter()
                    .map(|_| {
                        thread::sleep(Duration::from_micros(100));
                        thread::current().id()
                    })
                    .collect();
                write!(out, "{} {}", work(), threads.len() > 1).expect("written")
            })
        },
        || (),
    )
    .0;
    assert_eq!(text, format!("{expected} true"));
    stop.store(true, Ordering::Relaxed);
    busy.into_iter().for_each(|thread| thread.join().expect("it only computes"));
}

#[test]
fn forking_among_busy_threads() {
    let stop = Arc::new(AtomicBool::new(false));
    let text = printed_by(move || {
        let busy: Vec<_> = (0..20)
            .map(|number| {
                let stop = stop.clone();
                thread::spawn(move || {
                    let mut round = 0usize;
                    while !stop.load(Ordering::Relaxed) {
                        let texts: Vec<String> = (0..50).map(|n| format!("{n}").repeat(round % 40 + 1)).collect();
                        std::hint::black_box(texts);
                        if round.is_multiple_of(64) {
                            write_line(format_args!("thread {number}"));
                            crate::__rt::write_err_line(format_args!("thread {number}"));
                        }
                        round += 1;
                    }
                })
            })
            .collect();
        for number in 0..100 {
            let process = Process::new(move || {
                let texts: Vec<String> = (0..500).map(|n| n.to_string()).collect();
                write_line(format_args!("child {number} {}", texts.len()));
            });
            process.start();
            assert!(process.join_timeout(60.0), "a child hangs");
            assert_eq!(process.exitcode(), Some(0));
        }
        stop.store(true, Ordering::Relaxed);
        busy.into_iter().for_each(|thread| thread.join().expect("it only prints"));
        write_line(format_args!("all are done"));
    });
    assert_eq!(text.matches(" 500\n").count(), 100);
    assert!(text.contains("all are done"));
}

#[test]
fn two_hundred_at_once_and_nothing_is_left() {
    // In a process of its own: other tests open files, too.
    let (text, process) = told_by(|out| {
        let round = |count: usize| {
            let children: Vec<Process> = (0..count).map(|_| Process::new(|| ())).collect();
            children.iter().for_each(Process::start);
            children.iter().for_each(Process::join);
            assert!(children.iter().all(|child| child.exitcode() == Some(0)));
        };
        round(200);
        let (files, bytes) = (open_files(), own_bytes());
        for _ in 0..5 {
            round(200);
        }
        let zombies = active_children().len();
        // SAFETY: it only asks, for any child.
        let none_left = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) } == -1;
        write!(out, "{} {zombies} {none_left} {}", open_files() == files, own_bytes() < bytes + (4 << 20))
            .expect("written");
    });
    assert_eq!((text.as_str(), process.exitcode()), ("true 0 true true", Some(0)));
}

fn own_bytes() -> u64 {
    let Ok(statm) = std::fs::read_to_string("/proc/self/statm") else { return 0 };
    let mut pages = statm.split(' ').map(|number| number.parse::<u64>().unwrap_or(0));
    (pages.nth(1).unwrap_or(0) - pages.next().unwrap_or(0)) * 4096
}

#[test]
fn a_process_that_is_not_joined_is_no_zombie() {
    let process = Process::new(|| ());
    process.start();
    let pid = process.pid().expect("started");
    drop(process);
    let deadline = Instant::now() + Duration::from_secs(60);
    // SAFETY: it only asks.
    while unsafe { libc::kill(pid as i32, 0) } == 0 {
        assert!(Instant::now() < deadline, "a zombie");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn daemons_end_with_their_parent_and_others_do_not() {
    // The pipe ends when all have ended that can write to it.
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let parent = Process::new(move || {
        let mut others = writer.try_clone().expect("a copy");
        Process::new(move || {
            drop(writer);
            loop {
                thread::park();
            }
        })
        .daemon(true)
        .start();
        Process::new(move || {
            while getppid() != 1 && parent_process().is_some_and(|parent| parent.pid() == getppid()) {
                thread::sleep(Duration::from_millis(1));
            }
            others.write_all(b"alone").expect("written");
        })
        .start();
        std::process::abort();
    });
    parent.start();
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("text");
    assert_eq!(text, "alone");
    parent.join();
    assert_eq!(parent.exitcode(), Some(-libc::SIGABRT));
}

#[test]
fn programs() {
    assert!(program(|| ()).success());
    // Threads are waited for, daemons are not.
    let (done, in_time) = (crate::shared::Event::new(), crate::shared::Event::new());
    let (captured, never) = (done.clone(), in_time.clone());
    let status = program(move || {
        crate::thread::Thread::new(move || {
            thread::sleep(Duration::from_millis(20));
            captured.set();
        })
        .start();
        crate::thread::Thread::new(move || {
            thread::sleep(Duration::from_secs(100));
            never.set();
        })
        .daemon(true)
        .start();
    });
    assert_eq!((status.success(), done.is_set(), in_time.is_set()), (true, true, false));
    assert_eq!(program(|| std::process::exit(3)).code(), Some(3));
    assert!(program(|| std::process::abort()).to_string().contains("SIGABRT"));
}
