use std::sync::mpsc;
use std::thread as std_thread;

use super::*;
use crate::executor::TaskError;

#[test]
fn a_thread_is_made_started_and_asked() {
    let (sender, receiver) = mpsc::channel::<()>();
    let thread = Thread::new(move || receiver.recv().is_ok()).named("mine").daemon(true);
    assert!(!thread.is_alive() && thread.ident().is_none());
    assert_eq!(format!("{thread:?}"), "<Thread(mine, initial daemon)>");
    thread.start();
    assert!(thread.is_alive() && thread.is_daemon());
    assert!(threads().iter().any(|listed| Some(listed.ident()) == thread.ident() && listed.name() == "mine"));
    assert!(!thread.join_timeout(0.001));
    sender.send(()).expect("it waits");
    thread.join();
    assert!(thread.join_timeout(0.0) && !thread.is_alive());
    assert_eq!((thread.result(), thread.result_ref(), thread.result()), (Ok(true), Ok(&true), Ok(true)));
    assert!(!threads().iter().any(|listed| Some(listed.ident()) == thread.ident()));
    assert_eq!(thread.into_result(), Ok(true));
}

#[test]
fn names_count() {
    let number = |thread: &Thread| thread.name().strip_prefix("Thread-").and_then(|number| number.parse::<u64>().ok());
    let (first, second) = (Thread::new(|| ()), Thread::new(|| ()));
    let (first, second) = (number(&first).expect("a number"), number(&second).expect("a number"));
    assert!(first < second);
}

#[test]
fn a_panic_is_an_error() {
    let thread: Thread<u8> = Thread::spawn(|| panic!("of a thread (this line belongs to a test)"));
    thread.join();
    let error = thread.result();
    assert!(matches!(error, Err(TaskError::Panicked(text)) if text.starts_with("of a thread")));
}

#[test]
fn everybody_has_a_name_and_a_number() {
    let thread = std_thread::Builder::new().name("of std".to_owned());
    let thread = thread.spawn(|| (current_thread(), current_thread(), threads().contains(&current_thread())));
    let (first, second, is_listed) = thread.unwrap().join().expect("nothing fails");
    assert!(first == second && first.name() == "of std" && is_listed);
    // (A thread of std is joined when its variables are gone.)
    assert!(!first.is_alive() && !threads().contains(&first));
    assert_eq!(Thread::spawn(|| current_thread().name() == "main").result(), Ok(false));
    assert!(threads().iter().any(|thread| thread.name() == "main" && thread.is_alive()));
}

#[test]
fn daemons_start_daemons() {
    let is_daemon = |thread: Thread<bool>| {
        thread.start();
        thread.result()
    };
    assert_eq!(is_daemon(Thread::new(|| Thread::new(|| ()).is_daemon())), Ok(false));
    assert_eq!(is_daemon(Thread::new(|| Thread::new(|| ()).is_daemon()).daemon(true)), Ok(true));
}

#[test]
fn own_types_run() {
    struct Double(u64);
    impl Run<u64> for Double {
        fn run(self) -> u64 {
            self.0 * 2
        }

        fn name(&self) -> Option<String> {
            Some(format!("double {}", self.0))
        }
    }
    let threads: Vec<Thread<u64>> = (0..3).map(|x| Double(x).into_thread()).collect();
    threads.iter().for_each(Thread::start);
    assert_eq!(threads[2].name(), "double 2");
    let sum: u64 = threads.iter().map(|thread| thread.result().unwrap()).sum();
    assert_eq!((sum, Double(4).start().result(), Double(5).run()), (6, Ok(8), 10));
}

#[test]
fn a_thousand_threads_live_at_once() {
    let (sender, receiver) = crossbeam::channel::bounded::<()>(0);
    let all: Vec<Thread> = (0..1000)
        .map(|_| {
            let receiver = receiver.clone();
            Thread::spawn(move || assert!(receiver.recv().is_err()))
        })
        .collect();
    assert!(all.iter().all(Thread::is_alive) && threads().len() >= 1000);
    drop(sender);
    all.iter().for_each(Thread::join);
    assert!(!all.iter().any(Thread::is_alive));
}

#[test]
fn a_thread_cannot_join_itself() {
    let (sender, receiver) = mpsc::channel::<std::sync::Arc<Thread>>();
    let thread = std::sync::Arc::new(Thread::new(move || {
        let myself = receiver.recv().expect("sent below");
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| myself.join()));
        assert!(caught.is_err());
    }));
    thread.start();
    sender.send(thread.clone()).expect("it waits");
    assert_eq!(thread.result(), Ok(()));
}

#[test]
#[should_panic(expected = "was not started: call its start() first")]
fn a_join_before_the_start_is_refused() {
    Thread::new(|| ()).join();
}

#[test]
#[should_panic(expected = "started only once")]
fn a_second_start_is_refused() {
    let thread = Thread::new(|| ());
    thread.start();
    thread.join();
    thread.start();
}
