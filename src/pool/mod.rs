//! A pool of threads to spread a function over many items with (Python's
//! `multiprocessing.pool.ThreadPool`).
//!
//! The way of a call: [`ThreadPool::map`] puts its items into one array ([`items`];
//! [`numbers`] need none) and hands a runner to each worker ([`workers`], which [`rota`] wakes); the runners take
//! chunks of the array in turn ([`chunks`]) and write the results to a second one
//! ([`in_place`]; both arrays are [`places`], memory for values of a type that is not
//! known). [`results`] hands results out one by one while others are still being made.

pub(crate) mod chunks;
mod in_place;
pub(crate) mod items;
pub(crate) mod numbers;
pub(crate) mod places;
mod results;
mod rota;
mod sync;
#[cfg(test)]
mod tests;
mod thread_pool;
pub(crate) mod workers;

pub use results::Results;
pub use thread_pool::{Chunked, ThreadPool};
