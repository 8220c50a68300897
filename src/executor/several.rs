//! Waiting for several futures at once.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Instant;

use super::core::{Core, RESULTS};
use super::future::{Future, Handle, deadline};
use super::looks::Looks;
use crate::__rt::guarded::Guarded;
use crate::__rt::interrupt::{Wait, Waker};
use crate::__rt::owned::owner;

/// Tasks in the order of their ends.
pub(crate) struct Ends {
    cores: Vec<Arc<Core>>,
    shared: Arc<Guarded<Ended>>,
    /// So many have not been handed out.
    left: usize,
}

#[derive(Default)]
struct Ended {
    indices: VecDeque<usize>,
    waker: Option<Waker>,
}

impl Ends {
    pub fn of(cores: Vec<Arc<Core>>) -> Ends {
        let shared = Arc::new(Guarded::new(Ended::default()));
        for (index, core) in cores.iter().enumerate() {
            let shared = Arc::downgrade(&shared);
            core.at_end(Box::new(move |_| {
                let Some(shared) = shared.upgrade() else { return };
                let mut shared = shared.lock();
                shared.indices.push_back(index);
                let waker = shared.waker.take();
                drop(shared);
                if let Some(waker) = waker {
                    waker.wake();
                }
            }));
        }
        Ends { left: cores.len(), cores, shared }
    }

    pub fn left(&self) -> usize {
        self.left
    }

    /// The next one that has ended, by its index; `None` when there is none left or the
    /// time has come.
    ///
    /// Unwinds on an interrupt.
    #[track_caller]
    pub fn next(&mut self, deadline: Option<Instant>) -> Option<usize> {
        if self.left == 0 {
            return None;
        }
        let mut next = self.pop();
        if next.is_none() {
            // In a copy of the process nothing else would end them.
            let lost = self.cores.iter().filter(|core| core.has_ended()).count();
            if deadline.is_none() && lost < self.cores.len() {
                // One at most: what it waits for may have ended meanwhile.
                let _ = self.cores.iter().any(|core| core.run_if_worker());
            }
            next = self.pop().or_else(|| self.wait(deadline));
        }
        self.left -= usize::from(next.is_some());
        next
    }

    fn pop(&self) -> Option<usize> {
        self.shared.lock().indices.pop_front()
    }

    #[track_caller]
    fn wait(&self, deadline: Option<Instant>) -> Option<usize> {
        let mut looks = Looks::new(&RESULTS);
        while looks.again() {
            if let Some(next) = self.pop() {
                looks.found();
                return Some(next);
            }
        }
        let wait = Wait::begin();
        loop {
            {
                let mut shared = self.shared.lock();
                if let Some(next) = shared.indices.pop_front() {
                    return Some(next);
                }
                shared.waker = Some(wait.waker());
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return None;
            }
            wait.pause(deadline);
        }
    }
}

/// The futures in the order in which their tasks end, each as soon as it has ended
/// (Python's `as_completed`).
///
/// Each step waits, and unwinds on an interrupt.
///
/// ```
/// # use threadbook::prelude::*;
/// let executor = ThreadPoolExecutor::new(2);
/// let futures: Vec<_> = [0.1, 0.0].map(|time| executor.submit(move || { sleep(time); time })).into();
/// let times: Vec<f64> = as_completed(&futures).map(|future| future.result().unwrap()).collect();
/// assert_eq!(times, [0.0, 0.1]);
/// ```
pub fn as_completed<'a, T: 'a>(futures: impl IntoIterator<Item = &'a Future<T>>) -> AsCompleted<'a, T> {
    AsCompleted { asked: Asked::begin(handles(futures)), futures: PhantomData }
}

/// See [`as_completed`].
pub struct AsCompleted<'a, T> {
    asked: OwnAsked<'a>,
    futures: PhantomData<&'a Future<T>>,
}

// SAFETY: it is what references to the futures are, which can be sent then.
unsafe impl<T: Sync> Send for AsCompleted<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for AsCompleted<'_, T> {}

owner! {
    /// See [`Asked`].
    OwnAsked<'a> of Asked<'a>
}

/// Futures whose ends are waited for, whatever their type.
pub(crate) struct Asked<'a> {
    handles: Vec<&'a Handle>,
    ends: Ends,
}

impl<'a> Asked<'a> {
    fn begin(handles: Handles<'a>) -> OwnAsked<'a> {
        let ends = Ends::of(cores(&handles));
        OwnAsked::own(Asked { handles: handles.into_inner(), ends })
    }

    #[track_caller]
    fn next(&mut self) -> Option<&'a Handle> {
        self.ends.next(None).map(|index| self.handles[index])
    }
}

impl<'a, T> Iterator for AsCompleted<'a, T> {
    type Item = &'a Future<T>;

    #[track_caller]
    fn next(&mut self) -> Option<&'a Future<T>> {
        match self.asked.next() {
            // SAFETY: it is that of such a future.
            Some(handle) => Some(unsafe { Future::of_handle(handle) }),
            None => None,
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.asked.ends.left();
        (left, Some(left))
    }
}

owner! {
    /// Those of several futures.
    Handles<'a> of Vec<&'a Handle>
}

impl<'a> Handles<'a> {
    #[inline(never)]
    fn add(&mut self, handle: &'a Handle) {
        self.push(handle);
    }

    /// # Safety
    /// The futures are of this type.
    unsafe fn into_futures<T>(self) -> Vec<&'a Future<T>> {
        let mut handles = ManuallyDrop::new(self.into_inner());
        // SAFETY: a future is a handle, so this is the memory of a vector of such references,
        // which is not used there again.
        unsafe { Vec::from_raw_parts(handles.as_mut_ptr().cast(), handles.len(), handles.capacity()) }
    }
}

fn handles<'a, T: 'a>(futures: impl IntoIterator<Item = &'a Future<T>>) -> Handles<'a> {
    let mut handles = Handles::own(Vec::new());
    for future in futures {
        handles.add(future.handle());
    }
    handles
}

fn cores(handles: &[&Handle]) -> Vec<Arc<Core>> {
    handles.iter().map(|handle| handle.core().clone()).collect()
}

/// What [`wait`] waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReturnWhen {
    /// All have ended.
    #[default]
    AllCompleted,
    /// One has ended.
    FirstCompleted,
    /// One has ended without a result, or all have ended.
    FirstException,
}

/// Waits for several futures, for `timeout` seconds at most (`None`: without limit), and
/// gives those that have ended and those that have not, both in the order given (Python's
/// `wait` gives sets).
///
/// Unwinds on an interrupt.
///
/// ```
/// # use threadbook::prelude::*;
/// let executor = ThreadPoolExecutor::new(2);
/// let futures = [executor.submit(|| 1), executor.submit(|| 2)];
/// let (done, not_done) = wait(&futures, None, ReturnWhen::AllCompleted);
/// assert_eq!((done.len(), not_done.len()), (2, 0));
/// ```
#[track_caller]
pub fn wait<'a, T: 'a>(
    futures: impl IntoIterator<Item = &'a Future<T>>,
    timeout: impl Into<Option<f64>>,
    when: ReturnWhen,
) -> (Vec<&'a Future<T>>, Vec<&'a Future<T>>) {
    let (done, not_done) = wait_handles(handles(futures), timeout.into(), when);
    // SAFETY: they are those of such futures.
    unsafe { (done.into_futures(), not_done.into_futures()) }
}

/// Gives those that have ended and those that have not.
#[track_caller]
fn wait_handles(handles: Handles<'_>, timeout: Option<f64>, when: ReturnWhen) -> (Handles<'_>, Handles<'_>) {
    wait_cores(cores(&handles), timeout, when);
    let (done, not_done) = handles.into_inner().into_iter().partition(|handle| handle.core().has_ended());
    (Handles::own(done), Handles::own(not_done))
}

#[track_caller]
fn wait_cores(cores: Vec<Arc<Core>>, timeout: Option<f64>, when: ReturnWhen) {
    let deadline = deadline(timeout);
    let mut ends = Ends::of(cores.clone());
    while let Some(index) = ends.next(deadline) {
        let enough = match when {
            ReturnWhen::AllCompleted => false,
            ReturnWhen::FirstCompleted => true,
            ReturnWhen::FirstException => cores[index].error().is_some(),
        };
        if enough {
            return;
        }
    }
}
