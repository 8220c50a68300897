//! The closures of all controls, by the numbers that the kernel knows them by.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::SystemTime;

use serde_json::Value;

use super::control::Values;
use crate::__rt::host;
use crate::display::{self, MimeBundle};
use crate::message::{Control, FromCell};

/// Gives what is to be shown for these values.
pub type Closure = Box<dyn FnMut(&mut Values<'_>) -> Option<MimeBundle> + Send>;

/// `None`: it is being called.
static KEPT: Mutex<BTreeMap<u64, Option<Closure>>> = Mutex::new(BTreeMap::new());

thread_local! {
    /// A closure of controls is being called by the thread.
    static IS_CALLING: Cell<bool> = const { Cell::new(false) };
}

fn kept() -> MutexGuard<'static, BTreeMap<u64, Option<Closure>>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Held while the process forks.
pub(crate) fn lock_all() -> impl Drop {
    kept()
}

/// The numbers of all controls.
pub(crate) fn ids() -> Vec<u64> {
    kept().keys().copied().collect()
}

/// Drops closures.
pub(crate) fn forget(ids: &[u64]) {
    // A drop can run any code: not under the lock.
    let closures: Vec<_> = ids.iter().filter_map(|id| kept().remove(id)).collect();
    drop(closures);
}

/// Makes controls and shows what their first values give.
#[track_caller]
pub fn begin(controls: Vec<Control>, mut closure: Closure) {
    assert!(
        !IS_CALLING.get(),
        "`interact` was called in the closure of another one: give both their controls, `interact((slider(…), menu(…)), …)`"
    );
    let values: Vec<Value> = controls.iter().map(|control| control.value.clone()).collect();
    if !host::is_connected() {
        let texts: Vec<String> = controls.iter().map(Control::to_string).collect();
        println!("{}", texts.join(", "));
        let _calling = Calling::begin();
        show(closure(&mut Values(values.iter())));
        return;
    }
    let id = new_id();
    let mut lent = Lent { id, closure: Some(closure), _calling: Calling::begin() };
    kept().insert(id, None);
    host::flush_text();
    host::ask(|ticket| FromCell::Controls { run: host::current_run(), id, controls, ticket });
    let _shown = TellShown;
    lent.call(&values);
}

/// Calls the closure of controls with new values.
///
/// # Errors
/// When there is none, or it is being called by another thread.
pub(crate) fn call(id: u64, values: &[Value]) -> Result<(), String> {
    let closure = match kept().get_mut(&id) {
        Some(closure) => closure.take().ok_or("its closure is still busy in another thread: change it again later"),
        None => Err("its closure is gone: run the cell again that made it"),
    };
    let closure = closure.map_err(str::to_owned)?;
    Lent { id, closure: Some(closure), _calling: Calling::begin() }.call(values);
    Ok(())
}

fn show(bundle: Option<MimeBundle>) {
    if let Some(bundle) = bundle {
        display::send(bundle, None, false);
    }
}

/// A closure while it is called, by this thread.
struct Lent {
    id: u64,
    closure: Option<Closure>,
    _calling: Calling,
}

impl Lent {
    fn call(&mut self, values: &[Value]) {
        if let Some(closure) = &mut self.closure {
            show(closure(&mut Values(values.iter())));
        }
    }
}

impl Drop for Lent {
    /// It goes back to its place, also after a panic.
    fn drop(&mut self) {
        // Nobody may want it any more; then it is dropped, not under the lock.
        let _unwanted = match kept().get_mut(&self.id) {
            Some(place) => std::mem::replace(place, self.closure.take()),
            None => None,
        };
    }
}

struct Calling;

impl Calling {
    fn begin() -> Calling {
        IS_CALLING.set(true);
        Calling
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        IS_CALLING.set(false);
    }
}

/// When dropped: what comes now is the cell's own again.
struct TellShown;

impl Drop for TellShown {
    fn drop(&mut self) {
        host::flush_text();
        let run = host::current_run();
        if thread::panicking() {
            // Without a wait: what unwinds prints nothing more.
            host::send(&FromCell::ControlsShown { run, ticket: 0 });
        } else {
            host::ask(|ticket| FromCell::ControlsShown { run, ticket });
        }
    }
}

/// Unlike all before, in other processes too. Front ends know it as a number, exactly.
fn new_id() -> u64 {
    RandomState::new().hash_one((SystemTime::now(), std::process::id())) >> 11
}
