//! The least that the work can cost: the same without the prelude.

use std::hint::black_box;
use std::io::{Read, Write};
use std::sync::mpsc;

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

pub fn rayon_pool(workers: usize) -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(workers).build().expect("the system grants threads")
}

pub fn rayon_map(pool: &ThreadPool, count: u64, f: impl Fn(u64) -> u64 + Sync + Send) -> Vec<u64> {
    pool.install(|| (0..count).into_par_iter().map(f).collect())
}

pub fn rayon_round_trips(pool: &ThreadPool, count: u64) {
    for number in 0..count {
        let (sender, receiver) = mpsc::channel();
        pool.spawn(move || sender.send(black_box(number) + 1).expect("somebody waits for it"));
        assert_eq!(receiver.recv(), Ok(number + 1));
    }
}

pub fn fork_and_wait() {
    // SAFETY: the child does nothing but end.
    unsafe {
        let child = libc::fork();
        assert!(child >= 0, "the system grants processes");
        if child == 0 {
            libc::_exit(0);
        }
        libc::waitpid(child, std::ptr::null_mut(), 0);
    }
}

/// Each of so many children calls `f` for its part of the numbers, and writes what comes
/// of it to a pipe.
pub fn fork_map(workers: usize, count: u64, f: impl Fn(u64) -> u64) -> Vec<u64> {
    let part = count.div_ceil(workers as u64);
    let children: Vec<_> = (0..workers as u64)
        .map(|worker| {
            let (reader, writer) = std::io::pipe().expect("the system grants pipes");
            // SAFETY: the child calls `f`, takes memory and writes, and nothing of it waits
            // for another thread: those that exist sleep while this is measured.
            let child = unsafe { libc::fork() };
            assert!(child >= 0, "the system grants processes");
            if child == 0 {
                write_part(writer, worker * part..count.min((worker + 1) * part), &f);
            }
            (child, reader)
        })
        .collect();
    let mut all = Vec::with_capacity(count as usize);
    for (child, mut reader) in children {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).expect("a pipe can be read");
        all.extend(bytes.as_chunks().0.iter().copied().map(u64::from_ne_bytes));
        // SAFETY: it waits for a child of ours.
        unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    }
    assert_eq!(all.len() as u64, count);
    all
}

fn write_part(mut writer: std::io::PipeWriter, numbers: std::ops::Range<u64>, f: impl Fn(u64) -> u64) -> ! {
    let mut bytes = Vec::with_capacity(1 << 20);
    for number in numbers {
        bytes.extend_from_slice(&f(number).to_ne_bytes());
        if bytes.len() + 8 > bytes.capacity() {
            let _ = writer.write_all(&bytes);
            bytes.clear();
        }
    }
    let _ = writer.write_all(&bytes);
    // SAFETY: nothing of the parent's is to be run here.
    unsafe { libc::_exit(0) }
}
