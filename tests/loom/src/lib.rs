//! Parts of the prelude with [loom](https://docs.rs/loom)'s threads, locks and atomics in the
//! place of the real ones. Loom runs each test once for every order in which its threads can
//! take their steps (with a few changes between threads in places where none has to be), and
//! ends it when all threads wait for each other.

#![cfg(test)]

#[path = "../../../src/pool/rota.rs"]
mod rota;
mod sync;

use std::collections::VecDeque;
use std::io;

use loom::sync::Notify;
use rota::{Rota, Sleeper};
use sync::{Arc, AtomicUsize, Guarded, Ordering, Wait, thread};

#[derive(Clone, Copy)]
enum Task {
    Nothing,
    /// Waits for another one, which rings.
    Waits,
    Rings,
}

struct Crew {
    queue: Guarded<VecDeque<Task>>,
    /// A queue may tell how long it is as late as the memory model allows.
    length: AtomicUsize,
    /// So many threads are granted.
    granted: usize,
    done: AtomicUsize,
    refused: AtomicUsize,
    bell: Notify,
    rota: Rota,
}

impl Crew {
    fn new(most: usize, granted: usize) -> Arc<Crew> {
        Arc::new(Crew {
            queue: Guarded::new(VecDeque::new()),
            length: AtomicUsize::new(0),
            granted,
            done: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            bell: Notify::new(),
            rota: Rota::new(most, false),
        })
    }

    /// As a pool's: a closed one refuses.
    fn submit(self: &Arc<Crew>, tasks: &[Task]) {
        if self.rota.is_closed() {
            self.refused.fetch_add(tasks.len(), Ordering::Relaxed);
            return;
        }
        for task in tasks {
            let mut queue = self.queue.lock();
            queue.push_back(*task);
            self.length.store(queue.len(), Ordering::Relaxed);
        }
        self.rota.help(tasks.len(), self);
    }

    fn pop(&self) -> Option<Task> {
        let mut queue = self.queue.lock();
        let task = queue.pop_front();
        self.length.store(queue.len(), Ordering::Relaxed);
        task
    }

    fn work(self: &Arc<Crew>) {
        let sleeper = Sleeper::new();
        while let Some(task) = self.rota.next(self, &sleeper, || ()) {
            match task {
                Task::Nothing => {}
                Task::Waits => self.bell.wait(),
                Task::Rings => self.bell.notify(),
            }
            self.done.fetch_add(1, Ordering::Relaxed);
            self.rota.has_done();
        }
    }

    /// Waits for the end of all threads, and returns how many tasks were done and refused.
    fn join(&self) -> (usize, usize) {
        let wait = Wait::begin();
        while !self.rota.is_left(&wait) {
            wait.pause();
        }
        assert!(self.queue.lock().is_empty(), "a task was overlooked");
        (self.done.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }
}

impl rota::Crew for Crew {
    type Task = Task;

    fn look(&self) -> Option<Task> {
        // The only one who looks does so twice.
        self.pop().or_else(|| if self.rota.has_enough() { None } else { self.pop() })
    }

    fn has_tasks(&self) -> bool {
        self.length.load(Ordering::Relaxed) > 0
    }

    fn start(self: &Arc<Crew>, number: usize) -> io::Result<()> {
        if number >= self.granted {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let crew = self.clone();
        thread::spawn(move || crew.work());
        Ok(())
    }

    fn refuse(&self, _error: Option<io::Error>) {
        while self.pop().is_some() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Every order in which threads change at most `changes` times where they need not.
fn in_every_order(changes: usize, test: impl Fn() + Sync + Send + 'static) {
    let mut orders = loom::model::Builder::new();
    orders.preemption_bound = Some(changes);
    orders.check(test);
}

mod tests {
    use super::*;

    #[test]
    fn a_worker_takes_what_comes_one_after_the_other() {
        in_every_order(3, || {
            let crew = Crew::new(1, 1);
            crew.submit(&[Task::Nothing]);
            crew.submit(&[Task::Nothing]);
            crew.rota.close();
            assert_eq!(crew.join(), (2, 0));
        });
    }

    #[test]
    fn two_workers_take_what_comes_at_once() {
        in_every_order(2, || {
            let crew = Crew::new(2, 2);
            crew.submit(&[Task::Nothing; 2]);
            crew.rota.close();
            assert_eq!(crew.join(), (2, 0));
        });
    }

    #[test]
    fn a_task_that_waits_for_another_does_not_keep_it_from_the_other_worker() {
        for together in [false, true] {
            in_every_order(3, move || {
                let crew = Crew::new(2, 2);
                if together {
                    crew.submit(&[Task::Waits, Task::Rings]);
                } else {
                    crew.submit(&[Task::Waits]);
                    crew.submit(&[Task::Rings]);
                }
                crew.rota.close();
                assert_eq!(crew.join(), (2, 0));
            });
        }
    }

    #[test]
    fn a_worker_takes_what_two_threads_submit() {
        in_every_order(3, || {
            let crew = Crew::new(1, 1);
            let other = crew.clone();
            let other = thread::spawn(move || other.submit(&[Task::Nothing]));
            crew.submit(&[Task::Nothing]);
            other.join().expect("it does not panic");
            crew.rota.close();
            assert_eq!(crew.join(), (2, 0));
        });
    }

    #[test]
    fn two_workers_take_what_two_threads_submit() {
        in_every_order(2, || {
            let crew = Crew::new(2, 2);
            let other = crew.clone();
            let other = thread::spawn(move || other.submit(&[Task::Nothing]));
            crew.submit(&[Task::Nothing]);
            other.join().expect("it does not panic");
            crew.rota.close();
            assert_eq!(crew.join(), (2, 0));
        });
    }

    #[test]
    fn what_comes_while_it_is_closed_is_done_or_refused() {
        in_every_order(3, || {
            let crew = Crew::new(1, 1);
            let other = crew.clone();
            let other = thread::spawn(move || other.submit(&[Task::Nothing]));
            crew.submit(&[Task::Nothing]);
            crew.rota.close();
            other.join().expect("it does not panic");
            let (done, refused) = crew.join();
            assert!(done >= 1 && done + refused == 2, "{done} done, {refused} refused");
        });
    }

    #[test]
    fn without_threads_all_is_refused() {
        in_every_order(3, || {
            let crew = Crew::new(1, 0);
            let other = crew.clone();
            let other = thread::spawn(move || other.submit(&[Task::Nothing]));
            crew.submit(&[Task::Nothing]);
            other.join().expect("it does not panic");
            crew.rota.close();
            assert_eq!(crew.join(), (0, 2));
        });
    }

    #[test]
    fn a_thread_that_is_not_granted_leaves_its_tasks_to_the_others() {
        in_every_order(2, || {
            let crew = Crew::new(2, 1);
            crew.submit(&[Task::Nothing; 2]);
            crew.rota.close();
            assert_eq!(crew.join(), (2, 0));
        });
    }
}
