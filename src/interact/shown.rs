//! What a closure can return to be shown.

use std::any::type_name;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt::Debug;
use std::time::{Duration, Instant};

use crate::__rt::show::debug_bundle;
use crate::display::{MimeBundle, Rich};

/// A value that [`interact`](super::interact()) can show: every [`Rich`] type, and the standard
/// library's as `{:?}` prints them. `()` shows nothing.
///
/// (A cell can choose between a type's rich form and its `Debug` text when it is compiled; a
/// function that is given any type cannot.)
#[diagnostic::on_unimplemented(
    message = "`interact` does not know how to show `{Self}`",
    label = "its closure returns `{Self}`",
    note = "end the closure with `show!(value);`, return text (`format!(\"{{value:?}}\")`), or implement `Rich` for it"
)]
pub trait Shown {
    #[doc(hidden)]
    fn shown(&self) -> Option<MimeBundle>;
}

impl<T: Rich> Shown for T {
    fn shown(&self) -> Option<MimeBundle> {
        Some(self.rich())
    }
}

/// The value itself, or the error as `{:?}` prints it.
impl<T: Shown, E: Debug> Shown for Result<T, E> {
    fn shown(&self) -> Option<MimeBundle> {
        match self {
            Ok(value) => value.shown(),
            Err(error) => debug_bundle(&Err::<(), _>(error), type_name::<Self>()),
        }
    }
}

macro_rules! by_debug {
    ($([$($bounds:tt)*] $shown:ty,)*) => {$(
        impl<$($bounds)*> Shown for $shown {
            fn shown(&self) -> Option<MimeBundle> {
                debug_bundle(self, type_name::<Self>())
            }
        }
    )*};
}

/// Types without parameters of their own.
macro_rules! plain_by_debug {
    ($($shown:ty)*) => {
        by_debug! { $([] $shown,)* }
    };
}

plain_by_debug! {
    () bool char &str String
    i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64
    Duration Instant
}

by_debug! {
    [T: Debug] Option<T>,
    [T: Debug] &[T],
    [T: Debug, const N: usize] [T; N],
    [T: Debug] Vec<T>,
    [T: Debug] VecDeque<T>,
    [T: Debug] BTreeSet<T>,
    [T: Debug, S] HashSet<T, S>,
    [K: Debug, V: Debug] BTreeMap<K, V>,
    [K: Debug, V: Debug, S] HashMap<K, V, S>,
    [A: Debug] (A,),
    [A: Debug, B: Debug] (A, B),
    [A: Debug, B: Debug, C: Debug] (A, B, C),
    [A: Debug, B: Debug, C: Debug, D: Debug] (A, B, C, D),
    [A: Debug, B: Debug, C: Debug, D: Debug, E: Debug] (A, B, C, D, E),
}
