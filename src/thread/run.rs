//! Own types as threads.

use super::Thread;

/// What a thread does, as a type of one's own: its fields take the place of arguments.
/// (In Python: a class that inherits from `threading.Thread` and has a `run`.)
///
/// [`start`](Run::start) runs it on a thread of its own; `run`, called directly, runs it
/// here and now as any method does.
///
/// ```
/// # use threadbook::prelude::*;
/// struct Greeter {
///     whom: &'static str,
/// }
///
/// impl Run for Greeter {
///     fn run(self) {
///         println!("Hello {}", self.whom);
///     }
/// }
///
/// let thread = Greeter { whom: "thread" }.start();
/// thread.join();
/// Greeter { whom: "caller" }.run();
/// ```
///
/// `T` is what `run` gives, if it gives something:
///
/// ```
/// # use threadbook::prelude::*;
/// struct Sum(Vec<u64>);
///
/// impl Run<u64> for Sum {
///     fn run(self) -> u64 {
///         self.0.iter().sum()
///     }
/// }
///
/// assert_eq!(Sum(vec![1, 2, 3]).start().result(), Ok(6));
/// ```
pub trait Run<T = ()>: Sized + Send + 'static
where
    T: Send + 'static,
{
    /// The work.
    fn run(self) -> T;

    /// A name for the thread; `None` has them counted.
    fn name(&self) -> Option<String> {
        None
    }

    /// Makes a thread that is not started yet.
    fn into_thread(self) -> Thread<T> {
        let name = self.name();
        let thread = Thread::new(move || self.run());
        match name {
            Some(name) => thread.named(name),
            None => thread,
        }
    }

    /// Makes a thread and starts it.
    ///
    /// # Panics
    /// As [`Thread::start`].
    #[track_caller]
    fn start(self) -> Thread<T> {
        let thread = self.into_thread();
        thread.start();
        thread
    }
}
