//! The names that a cell can use without importing them.

pub use crate::capture::Captured;
pub use crate::clock::{seconds, sleep};
pub use crate::display::{
    Gif, Html, Jpeg, Json, Latex, Markdown, MimeBundle, Png, Rich, Svg, clear_output, display, update_display,
};
pub use crate::display_any as show;
pub use crate::executor::{
    CallWith, Executor, Future as TaskFuture, RayonExecutor, ReturnWhen, SequentialExecutor, TaskError,
    ThreadPoolExecutor, as_completed, wait,
};
pub use crate::gil::{Gil, Holding};
pub use crate::input::{InputError, input, password};
pub use crate::interact::{checkbox, interact, menu, slider, textbox};
pub use crate::lesson::{
    Document, Element, HttpError, Response, SelectorError, Site, TestFiles, batch, check, cpu_count, deal, get,
    get_timeout, random,
};
pub use crate::lock::{Lock, LockGuard};
pub use crate::pool::ThreadPool;
pub use crate::process::{
    Process, ProcessError, ProcessInfo, active_children, current_process, getpid, getppid, parent_process, program,
};
pub use crate::process_pool::{ProcessPool, ProcessPoolExecutor};
pub use crate::progress::{Progress, ProgressIter, progress};
pub use crate::queue::{GetError, PutError, Queue};
pub use crate::shared::{
    Barrier, BarrierBroken, Connection, ConnectionError, Event, HolderDied, ProcessLock, ProcessQueue,
    ProcessQueueError, Semaphore, SharedArray, SharedValue, Transfer, pipe,
};
pub use crate::speedup::{Measured, Speedup, speedup};
pub use crate::thread::{Run, Thread, current_thread, threads, wait_for_threads};
pub use crate::timeline::{Span, Task, Timeline, span};
pub use crate::timing::{Clock, Timeit, TimeitResult, Timer, format_count, format_time, time, timeit};

#[cfg(doc)]
use crate as threadbook;
