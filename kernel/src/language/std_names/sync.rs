//! Threads, locks, channels and atomics.

use super::{Member, Type};

const fn atomic(head: &'static str, page: &'static str) -> Type {
    Type {
        head,
        page,
        about: "A whole number that threads change without a lock.",
        also: &["Default"],
        members: ATOMIC_NUMBER,
    }
}

macro_rules! atomic_value {
    ($($more:expr),* $(,)?) => { &[
        ("fn new(value: Value) -> Self", "An atomic with a value."),
        ("fn load(&self, order: std::sync::atomic::Ordering) -> Value", "Reads the value."),
        ("fn store(&self, value: Value, order: std::sync::atomic::Ordering)", "Sets the value."),
        ("fn swap(&self, value: Value, order: std::sync::atomic::Ordering) -> Value", "Sets the value and gives the old one."),
        ("fn compare_exchange(&self, current: Value, new: Value, success: std::sync::atomic::Ordering, failure: std::sync::atomic::Ordering) -> Result<Value, Value>", "Sets a new value if the current one is as expected."),
        ("fn compare_exchange_weak(&self, current: Value, new: Value, success: std::sync::atomic::Ordering, failure: std::sync::atomic::Ordering) -> Result<Value, Value>", "The same, may fail for no reason; for loops."),
        ("fn fetch_update(&self, set: std::sync::atomic::Ordering, fetch: std::sync::atomic::Ordering, f: impl FnMut(Value) -> Option<Value>) -> Result<Value, Value>", "Changes the value by a function, again until no other thread came between."),
        ("fn fetch_and(&self, value: Value, order: std::sync::atomic::Ordering) -> Value", "Bitwise and; gives the old value."),
        ("fn fetch_or(&self, value: Value, order: std::sync::atomic::Ordering) -> Value", "Bitwise or; gives the old value."),
        ("fn fetch_xor(&self, value: Value, order: std::sync::atomic::Ordering) -> Value", "Bitwise exclusive or; gives the old value."),
        ("fn get_mut(&mut self) -> &mut Value", "The value without synchronisation, which owning it allows."),
        ("fn into_inner(self) -> Value", "The value."),
        $($more),*
    ] };
}

const ATOMIC_NUMBER: &[Member] = atomic_value![
    ("fn fetch_add(&self, value: Value, order: std::sync::atomic::Ordering) -> Value", "Adds; gives the old value."),
    (
        "fn fetch_sub(&self, value: Value, order: std::sync::atomic::Ordering) -> Value",
        "Subtracts; gives the old value."
    ),
    (
        "fn fetch_max(&self, value: Value, order: std::sync::atomic::Ordering) -> Value",
        "The larger of both; gives the old value."
    ),
    (
        "fn fetch_min(&self, value: Value, order: std::sync::atomic::Ordering) -> Value",
        "The smaller of both; gives the old value."
    ),
];

pub const TYPES: &[Type] = &[
    Type {
        head: "Arc<T>",
        page: "std/sync/struct.Arc.html",
        about: "A value with several owners in several threads.",
        also: &["T", "Clone"],
        members: &[
            ("fn new(value: T) -> Arc<T>", "A value with one owner."),
            ("fn clone(&self) -> Arc<T>", "One more owner of the same value, for another thread say."),
            ("fn downgrade(this: &Arc<T>) -> std::sync::Weak<T>", "A pointer that does not keep the value alive."),
            ("fn strong_count(this: &Arc<T>) -> usize", "How many owners there are."),
            ("fn weak_count(this: &Arc<T>) -> usize", "How many weak pointers there are."),
            ("fn ptr_eq(this: &Arc<T>, other: &Arc<T>) -> bool", "Whether both own the same value."),
            ("fn get_mut(this: &mut Arc<T>) -> Option<&mut T>", "The value, to change it, if there is no other owner."),
            (
                "fn make_mut(this: &mut Arc<T>) -> &mut T",
                "The value, to change it; cloned first if there are other owners.",
            ),
            ("fn try_unwrap(this: Arc<T>) -> Result<T, Arc<T>>", "The value itself, if there is no other owner."),
            ("fn into_inner(this: Arc<T>) -> Option<T>", "The value itself, if there is no other owner."),
        ],
    },
    Type {
        head: "Weak<T>",
        page: "std/sync/struct.Weak.html",
        about: "A pointer beside `Arc` that does not keep the value alive.",
        also: &["Clone", "Default"],
        members: &[
            ("fn new() -> std::sync::Weak<T>", "A pointer to nothing."),
            ("fn upgrade(&self) -> Option<Arc<T>>", "An owner, if the value is still there."),
            ("fn strong_count(&self) -> usize", "How many owners there are."),
        ],
    },
    Type {
        head: "Mutex<T>",
        page: "std/sync/struct.Mutex.html",
        about: "A value that one thread at a time can use.",
        also: &["Default"],
        members: &[
            ("fn new(value: T) -> Mutex<T>", "A value behind a lock."),
            (
                "fn lock(&self) -> Result<MutexGuard<'_, T>, PoisonError<MutexGuard<'_, T>>>",
                "Waits for the lock; it is free again when the guard goes. An error if a thread panicked with it.",
            ),
            (
                "fn try_lock(&self) -> Result<MutexGuard<'_, T>, std::sync::TryLockError<MutexGuard<'_, T>>>",
                "The lock if it is free, without waiting.",
            ),
            ("fn is_poisoned(&self) -> bool", "Whether a thread panicked with the lock."),
            ("fn clear_poison(&self)", "Forgets that a thread panicked with the lock."),
            (
                "fn get_mut(&mut self) -> Result<&mut T, PoisonError<&mut T>>",
                "The value without locking, which owning it allows.",
            ),
            ("fn into_inner(self) -> Result<T, PoisonError<T>>", "The value."),
        ],
    },
    Type {
        head: "MutexGuard<T>",
        page: "std/sync/struct.MutexGuard.html",
        about: "A locked `Mutex`; dropping it unlocks.",
        also: &["T"],
        members: &[],
    },
    Type {
        head: "RwLock<T>",
        page: "std/sync/struct.RwLock.html",
        about: "A value that many threads can read or one can write.",
        also: &["Default"],
        members: &[
            ("fn new(value: T) -> RwLock<T>", "A value behind a lock."),
            (
                "fn read(&self) -> Result<RwLockReadGuard<'_, T>, PoisonError<RwLockReadGuard<'_, T>>>",
                "Waits until it may read.",
            ),
            (
                "fn write(&self) -> Result<RwLockWriteGuard<'_, T>, PoisonError<RwLockWriteGuard<'_, T>>>",
                "Waits until it may write.",
            ),
            (
                "fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, std::sync::TryLockError<RwLockReadGuard<'_, T>>>",
                "Reads if no one writes, without waiting.",
            ),
            (
                "fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, std::sync::TryLockError<RwLockWriteGuard<'_, T>>>",
                "Writes if no one uses it, without waiting.",
            ),
            ("fn is_poisoned(&self) -> bool", "Whether a thread panicked while it wrote."),
            (
                "fn get_mut(&mut self) -> Result<&mut T, PoisonError<&mut T>>",
                "The value without locking, which owning it allows.",
            ),
            ("fn into_inner(self) -> Result<T, PoisonError<T>>", "The value."),
        ],
    },
    Type {
        head: "RwLockReadGuard<T>",
        page: "std/sync/struct.RwLockReadGuard.html",
        about: "An `RwLock` locked to read.",
        also: &["T"],
        members: &[],
    },
    Type {
        head: "RwLockWriteGuard<T>",
        page: "std/sync/struct.RwLockWriteGuard.html",
        about: "An `RwLock` locked to write.",
        also: &["T"],
        members: &[],
    },
    Type {
        head: "PoisonError<T>",
        page: "std/sync/struct.PoisonError.html",
        about: "A thread panicked while it held the lock.",
        also: &["Error"],
        members: &[
            ("fn into_inner(self) -> T", "The guard all the same."),
            ("fn get_ref(&self) -> &T", "The guard, by reference."),
        ],
    },
    Type {
        head: "TryLockError<T>",
        page: "std/sync/enum.TryLockError.html",
        about: "Why a lock was not taken at once.",
        also: &["Error"],
        members: &[
            ("Poisoned(PoisonError<T>)", "A thread panicked while it held the lock."),
            ("WouldBlock", "Another thread holds the lock."),
        ],
    },
    Type {
        head: "Condvar",
        page: "std/sync/struct.Condvar.html",
        about: "Lets threads wait, with a `Mutex`, until another one tells them to look again.",
        also: &["Default"],
        members: &[
            ("fn new() -> Condvar", "A condition variable."),
            (
                "fn wait<T>(&self, guard: MutexGuard<'_, T>) -> Result<MutexGuard<'_, T>, PoisonError<MutexGuard<'_, T>>>",
                "Unlocks, waits to be woken, and locks again. May wake for no reason.",
            ),
            (
                "fn wait_while<T>(&self, guard: MutexGuard<'_, T>, condition: impl FnMut(&mut T) -> bool) -> Result<MutexGuard<'_, T>, PoisonError<MutexGuard<'_, T>>>",
                "Waits as long as a condition holds.",
            ),
            (
                "fn wait_timeout<T>(&self, guard: MutexGuard<'_, T>, duration: Duration) -> Result<(MutexGuard<'_, T>, WaitTimeoutResult), PoisonError<MutexGuard<'_, T>>>",
                "Waits at most so long.",
            ),
            (
                "fn wait_timeout_while<T>(&self, guard: MutexGuard<'_, T>, duration: Duration, condition: impl FnMut(&mut T) -> bool) -> Result<(MutexGuard<'_, T>, WaitTimeoutResult), PoisonError<MutexGuard<'_, T>>>",
                "Waits as long as a condition holds, at most so long.",
            ),
            ("fn notify_one(&self)", "Wakes one waiting thread."),
            ("fn notify_all(&self)", "Wakes all waiting threads."),
        ],
    },
    Type {
        head: "WaitTimeoutResult",
        page: "std/sync/struct.WaitTimeoutResult.html",
        about: "How a wait with a limit ended.",
        also: &["Clone"],
        members: &[("fn timed_out(&self) -> bool", "Whether the time ran out.")],
    },
    Type {
        head: "Barrier",
        page: "std/sync/struct.Barrier.html",
        about: "Lets several threads wait for each other.",
        also: &[],
        members: &[
            ("fn new(n: usize) -> Barrier", "A barrier for n threads."),
            ("fn wait(&self) -> BarrierWaitResult", "Waits until all n threads wait."),
        ],
    },
    Type {
        head: "BarrierWaitResult",
        page: "std/sync/struct.BarrierWaitResult.html",
        about: "What a thread learns at a barrier.",
        also: &[],
        members: &[("fn is_leader(&self) -> bool", "True for exactly one of the threads.")],
    },
    Type {
        head: "Once",
        page: "std/sync/struct.Once.html",
        about: "Runs a closure once, whichever thread comes first.",
        also: &[],
        members: &[
            ("fn new() -> Once", "Nothing has run yet."),
            ("fn call_once(&self, f: impl FnOnce())", "Runs the closure if none has run."),
            ("fn is_completed(&self) -> bool", "Whether one has run."),
        ],
    },
    Type {
        head: "OnceLock<T>",
        page: "std/sync/struct.OnceLock.html",
        about: "A place that is filled once, by whichever thread comes first.",
        also: &["Clone", "Default"],
        members: &[
            ("fn new() -> OnceLock<T>", "An empty place."),
            ("fn get(&self) -> Option<&T>", "The value, if there is one."),
            ("fn set(&self, value: T) -> Result<(), T>", "Fills it, or gives the value back."),
            ("fn get_or_init(&self, f: impl FnOnce() -> T) -> &T", "The value, computed the first time."),
            ("fn wait(&self) -> &T", "Waits until another thread has filled it."),
            ("fn into_inner(self) -> Option<T>", "The value, if there is one."),
        ],
    },
    Type {
        head: "LazyLock<T>",
        page: "std/sync/struct.LazyLock.html",
        about: "A value that is computed when it is first used; for statics.",
        also: &["T"],
        members: &[
            ("fn new(f: impl FnOnce() -> T) -> LazyLock<T>", "A value to compute later."),
            ("fn force(this: &LazyLock<T>) -> &T", "The value, computed now if need be."),
        ],
    },
    Type {
        head: "JoinHandle<T>",
        page: "std/thread/struct.JoinHandle.html",
        about: "A started thread, to wait for its result.",
        also: &[],
        members: &[
            ("fn join(self) -> Result<T, Box<dyn Any + Send>>", "Waits for the end; an error if the thread panicked."),
            ("fn is_finished(&self) -> bool", "Whether it has ended."),
            ("fn thread(&self) -> &Thread", "Its name and id."),
        ],
    },
    Type {
        head: "ScopedJoinHandle<T>",
        page: "std/thread/struct.ScopedJoinHandle.html",
        about: "A thread started in `thread::scope`.",
        also: &[],
        members: &[
            ("fn join(self) -> Result<T, Box<dyn Any + Send>>", "Waits for the end; an error if the thread panicked."),
            ("fn is_finished(&self) -> bool", "Whether it has ended."),
            ("fn thread(&self) -> &Thread", "Its name and id."),
        ],
    },
    Type {
        head: "Scope",
        page: "std/thread/struct.Scope.html",
        about: "Starts threads that may borrow; all are joined at the end of `thread::scope`.",
        also: &[],
        members: &[(
            "fn spawn<T>(&self, f: impl FnOnce() -> T) -> ScopedJoinHandle<'_, T>",
            "Starts a thread that may borrow.",
        )],
    },
    Type {
        head: "Thread",
        page: "std/thread/struct.Thread.html",
        about: "A thread's name and id.",
        also: &["Clone"],
        members: &[
            ("fn id(&self) -> ThreadId", "Its number in this process."),
            ("fn name(&self) -> Option<&str>", "Its name, if it has one."),
            ("fn unpark(&self)", "Wakes it from `thread::park`."),
        ],
    },
    Type {
        head: "ThreadId",
        page: "std/thread/struct.ThreadId.html",
        about: "A thread's number in this process.",
        also: &["Clone"],
        members: &[],
    },
    Type {
        head: "LocalKey<T>",
        page: "std/thread/struct.LocalKey.html",
        about: "A static of which every thread has its own.",
        also: &[],
        members: &[
            ("fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R", "Uses this thread's value."),
            ("fn get(&self) -> T::Inside", "This thread's value, copied (for a `Cell`)."),
            ("fn set(&self, value: T::Inside)", "Sets this thread's value (for `Cell` and `RefCell`)."),
            ("fn take(&self) -> T::Inside", "Takes this thread's value and leaves the default."),
            ("fn with_borrow<R>(&self, f: impl FnOnce(&T::Inside) -> R) -> R", "Reads this thread's `RefCell`."),
            (
                "fn with_borrow_mut<R>(&self, f: impl FnOnce(&mut T::Inside) -> R) -> R",
                "Writes this thread's `RefCell`.",
            ),
        ],
    },
    Type {
        head: "Builder",
        page: "std/thread/struct.Builder.html",
        about: "Starts a thread with a name or another stack size.",
        also: &[],
        members: &[
            ("fn new() -> Builder", "A thread to be set up."),
            ("fn name(self, name: String) -> Builder", "Gives it a name."),
            ("fn stack_size(self, bytes: usize) -> Builder", "Sets the size of its stack."),
            ("fn spawn<T>(self, f: impl FnOnce() -> T) -> std::io::Result<JoinHandle<T>>", "Starts it."),
            (
                "fn spawn_scoped<T>(self, scope: &Scope, f: impl FnOnce() -> T) -> std::io::Result<ScopedJoinHandle<'_, T>>",
                "Starts it in a scope.",
            ),
        ],
    },
    Type {
        head: "Sender<T>",
        page: "std/sync/mpsc/struct.Sender.html",
        about: "The end of a channel that sends; can be cloned.",
        also: &["Clone"],
        members: &[(
            "fn send(&self, value: T) -> Result<(), SendError<T>>",
            "Sends a value; an error if the receiver is gone.",
        )],
    },
    Type {
        head: "SyncSender<T>",
        page: "std/sync/mpsc/struct.SyncSender.html",
        about: "The end of a bounded channel that sends.",
        also: &["Clone"],
        members: &[
            ("fn send(&self, value: T) -> Result<(), SendError<T>>", "Sends a value, waits while the channel is full."),
            ("fn try_send(&self, value: T) -> Result<(), TrySendError<T>>", "Sends a value if there is room."),
        ],
    },
    Type {
        head: "Receiver<T>",
        page: "std/sync/mpsc/struct.Receiver.html",
        about: "The end of a channel that receives.",
        also: &[],
        members: &[
            ("fn recv(&self) -> Result<T, RecvError>", "Waits for a value; an error when every sender is gone."),
            ("fn try_recv(&self) -> Result<T, TryRecvError>", "A value if one is there, without waiting."),
            (
                "fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError>",
                "Waits for a value at most so long.",
            ),
            (
                "fn iter(&self) -> std::sync::mpsc::Iter<'_, T>",
                "Waits for value after value until every sender is gone.",
            ),
            ("fn try_iter(&self) -> std::sync::mpsc::TryIter<'_, T>", "The values that are there now."),
            ("fn into_iter(self) -> std::sync::mpsc::IntoIter<T>", "The same as `iter`, taking the receiver."),
        ],
    },
    atomic("AtomicUsize", "std/sync/atomic/struct.AtomicUsize.html"),
    atomic("AtomicIsize", "std/sync/atomic/struct.AtomicIsize.html"),
    atomic("AtomicU64", "std/sync/atomic/struct.AtomicU64.html"),
    atomic("AtomicI64", "std/sync/atomic/struct.AtomicI64.html"),
    atomic("AtomicU32", "std/sync/atomic/struct.AtomicU32.html"),
    atomic("AtomicI32", "std/sync/atomic/struct.AtomicI32.html"),
    atomic("AtomicU16", "std/sync/atomic/struct.AtomicU16.html"),
    atomic("AtomicI16", "std/sync/atomic/struct.AtomicI16.html"),
    atomic("AtomicU8", "std/sync/atomic/struct.AtomicU8.html"),
    atomic("AtomicI8", "std/sync/atomic/struct.AtomicI8.html"),
    Type {
        head: "AtomicBool",
        page: "std/sync/atomic/struct.AtomicBool.html",
        about: "A `bool` that threads change without a lock.",
        also: &["Default"],
        members: atomic_value![(
            "fn fetch_not(&self, order: std::sync::atomic::Ordering) -> bool",
            "Turns it round; gives the old value."
        )],
    },
    Type {
        head: "Ordering",
        page: "std/sync/atomic/enum.Ordering.html",
        about: "How an atomic operation orders the memory around it.",
        also: &["Clone"],
        members: &[
            ("Relaxed", "No order, only atomicity: for plain counters."),
            ("Release", "For stores: what was written before is seen by whoever acquires this value."),
            ("Acquire", "For loads: sees what was written before the matching release."),
            ("AcqRel", "Both, for operations that read and write."),
            ("SeqCst", "One order for all threads: the safest choice."),
        ],
    },
];
