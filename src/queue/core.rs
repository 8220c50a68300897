//! What every queue is inside, whatever the type of its items: compiled once, here.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::taken;
use crate::__rt::guarded::{Guarded, generation};
use crate::__rt::waiters::{Waiters, wait_until};

pub(crate) type Item = Box<dyn Any + Send>;

/// What is said when an item comes too late.
pub(crate) const CLOSED: &str = "the queue is closed and takes no more items";

/// Why an item was not put or got.
#[derive(Clone, Copy)]
pub(crate) enum Refused {
    TimedOut,
    Closed,
}

pub(crate) struct Core {
    most: Option<usize>,
    state: Guarded<State>,
}

struct State {
    items: VecDeque<Item>,
    is_closed: bool,
    /// Items that were put and not declared done.
    unfinished: usize,
    /// Of those that were taken, so many were declared done by another thread than had
    /// taken them, which still thinks it has them.
    done_by_others: usize,
    /// Those that ended threads had taken: somebody else may declare them done yet.
    given_up: usize,
    getting: Waiters,
    putting: Waiters,
    joining: Waiters,
    generation: u32,
}

impl State {
    /// In a copy of the process: those who had taken items or waited do not exist in it.
    fn check_generation(&mut self) {
        let now = generation();
        if self.generation != now {
            self.generation = now;
            self.unfinished = self.items.len();
            self.done_by_others = 0;
            self.given_up = 0;
            self.getting.forget();
            self.putting.forget();
            self.joining.forget();
        }
    }

    fn finish(&mut self, items: usize) {
        self.unfinished -= items;
        if self.unfinished == 0 {
            self.joining.wake_all();
        }
    }
}

impl Core {
    pub fn new(most: Option<usize>) -> Arc<Core> {
        let state = State {
            items: VecDeque::new(),
            is_closed: false,
            unfinished: 0,
            done_by_others: 0,
            given_up: 0,
            getting: Waiters::new(),
            putting: Waiters::new(),
            joining: Waiters::new(),
            generation: generation(),
        };
        Arc::new(Core { most, state: Guarded::new(state) })
    }

    #[track_caller]
    pub fn put(&self, item: Item, deadline: Option<Instant>) -> Result<(), (Item, Refused)> {
        let most = self.most.unwrap_or(usize::MAX);
        let (mut item, mut is_closed) = (Some(item), false);
        wait_until(&self.state, |state| &mut state.putting, deadline, &mut |state| {
            state.check_generation();
            is_closed = state.is_closed;
            let has_room = state.items.len() < most;
            if has_room && !is_closed {
                state.items.extend(item.take());
                state.unfinished += 1;
                state.getting.wake_one();
            }
            has_room || is_closed
        });
        match item {
            None => Ok(()),
            Some(item) => Err((item, if is_closed { Refused::Closed } else { Refused::TimedOut })),
        }
    }

    /// As [`put`](Core::put), without a time limit.
    ///
    /// # Panics
    /// When the queue was closed.
    #[track_caller]
    pub fn put_in(&self, item: Item) {
        assert!(self.put(item, None).is_ok(), "{CLOSED}");
    }

    #[track_caller]
    pub fn get(self: &Arc<Core>, deadline: Option<Instant>) -> Result<Item, Refused> {
        let (mut item, mut is_closed) = (None, false);
        wait_until(&self.state, |state| &mut state.getting, deadline, &mut |state| {
            state.check_generation();
            is_closed = state.is_closed;
            item = state.items.pop_front();
            if item.is_some() {
                state.putting.wake_one();
            }
            item.is_some() || is_closed
        });
        match item {
            Some(item) => {
                taken::note(self);
                Ok(item)
            }
            None => Err(if is_closed { Refused::Closed } else { Refused::TimedOut }),
        }
    }

    /// An item is done; false if there is none that could be.
    pub fn done(self: &Arc<Core>) -> bool {
        let is_own = taken::forget_one(self);
        let mut state = self.state.lock();
        state.check_generation();
        if !is_own && state.given_up > 0 {
            state.given_up -= 1;
            return true;
        }
        if state.unfinished == 0 {
            return false;
        }
        state.done_by_others += usize::from(!is_own);
        state.finish(1);
        true
    }

    /// A thread will not declare done what it has taken.
    pub fn give_up(&self, items: usize) {
        let mut state = self.state.lock();
        state.check_generation();
        let by_others = items.min(state.done_by_others);
        state.done_by_others -= by_others;
        let left = (items - by_others).min(state.unfinished);
        if left > 0 {
            state.given_up += left;
            state.finish(left);
        }
    }

    #[track_caller]
    pub fn join(&self, deadline: Option<Instant>) -> bool {
        wait_until(&self.state, |state| &mut state.joining, deadline, &mut |state| {
            state.check_generation();
            state.unfinished == 0
        })
    }

    pub fn len(&self) -> usize {
        self.state.lock().items.len()
    }

    pub fn most(&self) -> Option<usize> {
        self.most
    }

    pub fn close(&self) {
        let mut state = self.state.lock();
        state.check_generation();
        state.is_closed = true;
        state.getting.wake_all();
        state.putting.wake_all();
    }

    pub fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }
}
