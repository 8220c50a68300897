//! What the kernel and the processes that it has started hold in memory.

use std::fs;
use std::ops::Add;

/// Sizes in KiB.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// Resident pages; those that two processes share count in both.
    pub rss: u64,
    /// The same, each shared page divided among those that have it.
    pub pss: u64,
}

impl Add for Memory {
    type Output = Memory;

    fn add(self, other: Memory) -> Memory {
        Memory { rss: self.rss + other.rss, pss: self.pss + other.pss }
    }
}

/// Of one process. `None` where the system has no `/proc`.
pub fn of_process(id: u32) -> Option<Memory> {
    let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?;
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    Some(Memory { rss: field("Rss:")?, pss: field("Pss:")? })
}

/// Of the largest of the processes that have come from a process: the worker.
pub fn of_largest_descendant(id: u32) -> Option<Memory> {
    let children = children(id).into_iter();
    children
        .filter_map(|id| of_process(id).into_iter().chain(of_largest_descendant(id)).max_by_key(|memory| memory.rss))
        .max_by_key(|memory| memory.rss)
}

/// Of all processes together that have come from a process.
pub fn of_descendants(id: u32) -> Option<Memory> {
    let children = children(id);
    (!children.is_empty()).then_some(())?;
    let memory = |id: u32| {
        let own = of_process(id).unwrap_or_default();
        own + of_descendants(id).unwrap_or_default()
    };
    Some(children.into_iter().map(memory).fold(Memory::default(), Memory::add))
}

fn children(id: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{id}/task")) else { return Vec::new() };
    let lists = threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().flat_map(str::parse).collect::<Vec<_>>()).collect()
}
