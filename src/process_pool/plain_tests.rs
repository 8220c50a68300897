//! Numbers, which come back as they lie in memory, and items that go wrong among them.

use std::fmt::Debug;
use std::io;
#[cfg(target_os = "linux")]
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize, Serializer};

use super::*;
use crate::executor::TaskError;
use crate::process::Process;
use crate::shared::Transfer;

/// More than fits into a small chunk, and not a whole number of chunks.
const MANY: usize = 70_001;

/// They come back as they were, however they travel.
fn come_back<T: Transfer + Copy + PartialEq + Debug + Send + Sync + 'static>(values: impl IntoIterator<Item = T>) {
    let values: Vec<T> = values.into_iter().collect();
    let pool = ProcessPool::new(2);
    let given = values.clone();
    let at = move |index: usize| given[index % given.len()];
    for (count, chunk) in [(0, 1), (1, 1), (values.len(), 2), (MANY, 10), (MANY, 20_000), (MANY, 1 << 20)] {
        let results = pool.chunk_size(chunk).map(at.clone(), 0..count).expect("no errors");
        assert_eq!(results.len(), count);
        assert!(results.iter().enumerate().all(|(index, result)| *result == at(index)), "{count} {chunk}");
    }
    let results = pool.map(at.clone(), 0..MANY).expect("no errors");
    assert!(results.len() == MANY && results.iter().enumerate().all(|(index, result)| *result == at(index)));
    let results: Vec<T> =
        pool.chunk_size(20_000).imap(at.clone(), 0..MANY).map(|result| result.expect("well")).collect();
    assert!(results.len() == MANY && results.iter().enumerate().all(|(index, result)| *result == at(index)));
    assert_eq!(pool.apply(move || at(0)), Ok(values[0]));
}

#[test]
fn numbers_of_each_type_come_back() {
    come_back([0, 1, u8::MAX]);
    come_back([0, -1, i8::MIN]);
    come_back([0, 1, u16::MAX]);
    come_back([0, -1, i16::MIN]);
    come_back([0, 1, u32::MAX]);
    come_back([0, -1, i32::MIN]);
    come_back([0, 1, u64::MAX]);
    come_back([0, -1, i64::MIN]);
    come_back([0, 1, u128::MAX]);
    come_back([0, -1, i128::MIN]);
    come_back([0, 1, usize::MAX]);
    come_back([0, -1, isize::MIN]);
    come_back([0.0, -1.5, f32::INFINITY]);
    come_back([0.0, -1.5, f64::MIN_POSITIVE]);
    come_back([true, false, false]);
    come_back(['a', 'é', '\u{10FFFF}']);
    come_back([()]);
    // These are no numbers, and as small.
    come_back([(1u8, 'x'), (2, 'y'), (3, 'z')]);
    come_back([Some(0u32), None, Some(u32::MAX)]);
}

#[test]
fn all_bits_of_numbers_come_back() {
    let bits = |index: u64| 0x7FF8_0000_0000_0000 | index << 51 << 12 | index;
    let pool = ProcessPool::new(2);
    let results = pool.map(move |index: u64| f64::from_bits(bits(index)), 0..MANY as u64).expect("no errors");
    assert!(
        results.iter().enumerate().all(|(index, number)| number.is_nan() && number.to_bits() == bits(index as u64))
    );
    let results = pool.map(|index: u32| f32::from_bits(0xFFC0_0000 | index), 0..MANY as u32).expect("no errors");
    assert!(results.iter().zip(0..).all(|(number, index)| number.to_bits() == 0xFFC0_0000 | index));
    let zeros = pool.map(|_: u8| -0.0f64, [1]).expect("no errors");
    assert!(zeros[0].is_sign_negative());
}

#[test]
fn panics_among_numbers() {
    let pool = ProcessPool::new(2);
    let work = |x: usize| if x % 9_999 == 17 { panic!("no {x}") } else { x as u64 * 3 };
    for chunk in [1_000, 25_000, MANY, 1 << 20] {
        let mut results: Vec<_> = pool.chunk_size(chunk).imap(work, 0..MANY).collect();
        assert_eq!(results.len(), MANY);
        for (index, result) in results.drain(..).enumerate() {
            match result {
                Ok(number) => assert!(number == index as u64 * 3 && index % 9_999 != 17),
                Err(TaskError::Panicked(text)) => assert!(text.starts_with(&format!("no {index}")), "{text}"),
                Err(error) => panic!("{error}"),
            }
        }
        let error = pool.chunk_size(chunk).map(work, 0..MANY).expect_err("17 panics");
        assert!(matches!(&error, TaskError::Panicked(text) if text.starts_with("no 17")), "{error}");
    }
    let error = pool.map(|x: u64| -> u64 { panic!("all of {x}") }, 0..MANY as u64).expect_err("all panic");
    assert!(matches!(&error, TaskError::Panicked(text) if text.starts_with("all of 0")), "{error}");
    assert_eq!(pool.imap(|x: u8| assert!(x != 1), 0..3).filter(Result::is_ok).count(), 2);
}

#[test]
fn a_worker_that_is_killed_among_numbers() {
    let pool = ProcessPool::new(2);
    let work = |x: usize| {
        if x == 30_000 {
            // SAFETY: it ends this process, as it is meant to.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
        }
        x as u64
    };
    let error = pool.map(work, 0..MANY).expect_err("a worker ends");
    assert!(matches!(&error, TaskError::Crashed(text) if text.contains("SIGKILL")), "{error}");
    for workers in [1, 2] {
        let results: Vec<_> = ProcessPool::new(workers).chunk_size(7_000).imap(work, 0..MANY).collect();
        assert_eq!(results.len(), MANY);
        for (index, result) in results.into_iter().enumerate() {
            match result {
                Ok(number) => assert!(number == index as u64 && !(28_000..35_000).contains(&index)),
                Err(TaskError::Crashed(_)) => assert!((28_000..35_000).contains(&index)),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// What cannot be written: too late, not at all, or with a panic.
#[derive(Debug, PartialEq, Deserialize)]
struct Odd(u32);

impl Serialize for Odd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::{Error, SerializeTupleStruct};
        let mut parts = serializer.serialize_tuple_struct("Odd", 1)?;
        parts.serialize_field(&self.0)?;
        match self.0 {
            3 => Err(S::Error::custom("never 3")),
            5 => panic!("not 5"),
            _ => parts.end(),
        }
    }
}

#[test]
fn values_that_cannot_be_written_leave_the_others_whole() {
    let pool = ProcessPool::new(2);
    for chunk in [1, 4, 100] {
        let results: Vec<_> = pool.chunk_size(chunk).imap(Odd, 0..10).collect();
        assert_eq!(results.len(), 10);
        for (index, result) in (0..10).zip(results) {
            match index {
                3 => assert!(matches!(result, Err(TaskError::NotSendable(_)))),
                5 => assert!(matches!(result, Err(TaskError::Panicked(text)) if text.starts_with("not 5"))),
                _ => assert!(matches!(result, Ok(Odd(number)) if number == index)),
            }
        }
    }
    assert!(matches!(pool.map(Odd, 0..10), Err(TaskError::NotSendable(_))));
    assert!(matches!(pool.apply(|| Odd(5)), Err(TaskError::Panicked(text)) if text.starts_with("not 5")));
    assert!(matches!(pool.apply(|| Odd(3)), Err(TaskError::NotSendable(_))));
}

/// In a process of its own.
fn alone(test: impl FnOnce() + Send + 'static) {
    let process = Process::new(test);
    process.start();
    process.join();
    assert_eq!(process.exitcode(), Some(0));
}

#[test]
#[cfg(target_os = "linux")]
fn numbers_leave_nothing_behind() {
    alone(|| {
        // Memory that is shared, and files.
        let left = || {
            let maps = std::fs::read_to_string("/proc/self/maps").expect("there");
            let shared = maps.lines().filter(|line| line.contains("rw-s")).count();
            (shared, std::fs::read_dir("/proc/self/fd").expect("there").count())
        };
        let pool = ProcessPool::new(2);
        let round = || {
            assert_eq!(pool.map(|x: u64| x, 0..MANY as u64).expect("no errors").len(), MANY);
            // Dropped in the middle, with workers that wait for a slot.
            let mut results = pool.chunk_size(5_000).imap(|x: u64| x, 0..10_000_000);
            assert_eq!(results.next(), Some(Ok(0)));
            drop(results);
            let crash = |x: u64| if x == 40_000 { std::process::abort() } else { x };
            assert!(pool.map(crash, 0..MANY as u64).is_err());
        };
        (0..3).for_each(|_| round());
        let before = left();
        (0..10).for_each(|_| round());
        // Workers that were ended are gone a moment later. (So `before` may count some of these.)
        let until = Instant::now() + Duration::from_secs(30);
        while (left().0 > before.0 || left().1 > before.1) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        let after = left();
        assert!(after.0 <= before.0 && after.1 <= before.1, "{before:?} became {after:?}");
    });
}

#[test]
#[cfg(target_os = "linux")]
fn without_shared_memory_there_is_the_pipe() {
    alone(|| {
        let statm = std::fs::read_to_string("/proc/self/statm").expect("there");
        let pages: u64 = statm.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a number");
        let bytes = pages * 4096 + (48 << 20);
        let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
        // SAFETY: it reads the limit, and is for this process alone.
        let set = unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
        assert_eq!(set, 0, "{}", io::Error::last_os_error());
        // Their slots would need 64 MB.
        let (workers, chunk) = (16, 250_000u64);
        let pool = ProcessPool::new(workers);
        let results = pool.chunk_size(chunk as usize).imap_unordered(|x: u64| x, 0..workers as u64 * chunk);
        let (count, sum) = results.fold((0, 0), |(count, sum), result| (count + 1, sum + result.expect("no errors")));
        assert_eq!((count, sum), (4_000_000u64, 4_000_000 * 3_999_999 / 2));
    });
}
