//! What the calling thread has taken from queues and not declared done.
//!
//! When the thread ends, or the task on it panics, it never will: the queues are told.

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use super::core::Core;

#[derive(Default)]
struct Taken(Vec<(Weak<Core>, usize)>);

impl Taken {
    fn add(&mut self, queue: Weak<Core>, items: usize) {
        match self.0.iter_mut().find(|(known, _)| known.ptr_eq(&queue)) {
            Some((_, count)) => *count += items,
            None => {
                // Queues that are gone need nothing more.
                self.0.retain(|(known, _)| known.strong_count() > 0);
                self.0.push((queue, items));
            }
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        for (queue, items) in self.0.drain(..) {
            if let Some(queue) = queue.upgrade() {
                queue.give_up(items);
            }
        }
    }
}

thread_local! {
    static TAKEN: RefCell<Taken> = const { RefCell::new(Taken(Vec::new())) };
}

/// The calling thread has taken an item.
pub(super) fn note(queue: &Arc<Core>) {
    // A thread that ends already takes nothing for long.
    let noted = TAKEN.try_with(|taken| taken.borrow_mut().add(Arc::downgrade(queue), 1));
    if noted.is_err() {
        queue.give_up(1);
    }
}

/// The calling thread has done an item; whether it had taken one.
pub(super) fn forget_one(queue: &Arc<Core>) -> bool {
    TAKEN
        .try_with(|taken| {
            let taken = &mut taken.borrow_mut().0;
            let found = taken.iter().position(|(known, _)| known.as_ptr() == Arc::as_ptr(queue));
            if let Some(index) = found {
                taken[index].1 -= 1;
                if taken[index].1 == 0 {
                    taken.swap_remove(index);
                }
            }
            found.is_some()
        })
        .unwrap_or(false)
}

/// What the calling thread had taken before a task.
pub(crate) struct Before(Taken);

/// A task begins on the calling thread.
pub(crate) fn begin() -> Before {
    Before(TAKEN.try_with(RefCell::take).unwrap_or_default())
}

/// The task has ended: if not well, what it has taken is given up.
pub(crate) fn end(mut before: Before, well: bool) {
    let Ok(mut since) = TAKEN.try_with(RefCell::take) else { return };
    if well {
        for (queue, items) in since.0.drain(..) {
            before.0.add(queue, items);
        }
    }
    let _ = TAKEN.try_with(|taken| taken.replace(std::mem::take(&mut before.0)));
}

/// What runs on the calling thread has failed: what it has taken is given up.
pub(crate) fn give_up_all() {
    drop(begin());
}
