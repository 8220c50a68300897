//! The process's own memory: how much there is, and making it its own.

use std::ops::Range;

use nix::libc;

/// Bytes of memory that are this process's own (not a library's or another process's).
pub fn own_bytes() -> u64 {
    #[cfg(target_os = "linux")]
    {
        let own = procfs::process::Process::myself().and_then(|process| process.statm());
        own.map_or(0, |pages| pages.resident.saturating_sub(pages.shared) * procfs::page_size())
    }
    #[cfg(not(target_os = "linux"))]
    {
        // SAFETY: `getrusage` fills the struct.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(libc::RUSAGE_SELF, &mut usage);
            usage
        };
        usage.ru_maxrss.unsigned_abs()
    }
}

/// Up to this size the memory is made the process's own after a fork.
const MOST_UNSHARED: u64 = 64 << 20;

/// Pages that are looked at together.
const PAGES_AT_ONCE: u64 = 512;

/// Pages of the process, by their addresses.
#[derive(Default)]
pub struct Pages(Vec<Range<u64>>);

impl Pages {
    /// Those that the process shares with no other: after a fork, the ones that it has
    /// written to since. None of a very large memory.
    #[cfg(target_os = "linux")]
    pub fn unshared() -> Pages {
        use procfs::process::{MMPermissions, MMapPath, Process};

        let mut found = Pages::default();
        if own_bytes() > MOST_UNSHARED {
            return found;
        }
        let Ok(process) = Process::myself() else { return found };
        let (Ok(maps), Ok(mut pages)) = (process.maps(), process.pagemap()) else { return found };
        let page_bytes = procfs::page_size();
        let wanted = MMPermissions::READ | MMPermissions::WRITE | MMPermissions::PRIVATE;
        // Statics lie in the maps of files, one page a cell: that many copies would add up.
        let is_wanted = |path: &MMapPath| matches!(path, MMapPath::Heap | MMapPath::Stack | MMapPath::Anonymous);
        for map in maps.iter().filter(|map| map.perms.contains(wanted) && is_wanted(&map.pathname)) {
            let (first, mut end) = (map.address.0 / page_bytes, map.address.1 / page_bytes);
            // From the top down, as stacks grow, until nothing is there: most of a stack, and
            // of what is kept in reserve, never is.
            while end > first {
                let start = first.max(end.saturating_sub(PAGES_AT_ONCE));
                let Ok(infos) = pages.get_range_info(start as usize..end as usize) else { break };
                if !infos.iter().any(is_present) {
                    break;
                }
                let mut at = start;
                for run in infos.chunk_by(|one, next| is_unshared(one) == is_unshared(next)) {
                    let next = at + run.len() as u64;
                    if is_unshared(&run[0]) {
                        found.0.push(at * page_bytes..next * page_bytes);
                    }
                    at = next;
                }
                end = start;
            }
        }
        found
    }

    #[cfg(not(target_os = "linux"))]
    pub fn unshared() -> Pages {
        Pages::default()
    }

    /// Copies those pages that the process shares with its checkpoint, so that a cell does
    /// not have to wait for each when it first writes there, which would show in what it
    /// times. `is_enough` is asked now and then.
    pub fn unshare(&self, mut is_enough: impl FnMut() -> bool) {
        for pages in &self.0 {
            if is_enough() {
                return;
            }
            #[cfg(target_os = "linux")]
            // SAFETY: it only makes pages the process's own that can be written; where the
            // map has changed meanwhile the system refuses, or does so there.
            unsafe {
                let length = (pages.end - pages.start) as usize;
                libc::madvise(pages.start as *mut libc::c_void, length, libc::MADV_POPULATE_WRITE);
            }
            #[cfg(not(target_os = "linux"))]
            let _ = pages;
        }
    }
}

#[cfg(target_os = "linux")]
fn is_present(page: &procfs::process::PageInfo) -> bool {
    use procfs::process::{MemoryPageFlags, PageInfo};
    matches!(page, PageInfo::MemoryPage(flags) if flags.contains(MemoryPageFlags::PRESENT))
}

#[cfg(target_os = "linux")]
fn is_unshared(page: &procfs::process::PageInfo) -> bool {
    use procfs::process::{MemoryPageFlags, PageInfo};
    let wanted = MemoryPageFlags::PRESENT | MemoryPageFlags::MMAP_EXCLUSIVE;
    matches!(page, PageInfo::MemoryPage(flags) if flags.contains(wanted))
}
