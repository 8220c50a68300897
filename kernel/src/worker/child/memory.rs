//! The process's own memory: how much there is, and making it its own.

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

/// Pages that are looked at together. A map of more than a thousand times that is left
/// alone: to look at it would take longer than it saves.
const PAGES_AT_ONCE: usize = 16 << 10;

/// Copies what the process shares with its checkpoint, so that a cell does not have to
/// wait for it page by page when it first writes (which would show in what it times).
/// Only pages that are there, and of not too large a memory. `interrupted` is asked now
/// and then.
#[cfg(target_os = "linux")]
pub fn unshare(mut interrupted: impl FnMut() -> bool) {
    use procfs::process::{MMPermissions, MMapPath, Process};

    if own_bytes() > MOST_UNSHARED {
        return;
    }
    let Ok(process) = Process::myself() else { return };
    let (Ok(maps), Ok(mut pages)) = (process.maps(), process.pagemap()) else { return };
    let page_bytes = procfs::page_size();
    let wanted = MMPermissions::READ | MMPermissions::WRITE | MMPermissions::PRIVATE;
    // Statics lie in the maps of files, one page a cell: that many copies would add up.
    let is_wanted = |path: &MMapPath| matches!(path, MMapPath::Heap | MMapPath::Stack | MMapPath::Anonymous);
    for map in maps.iter().filter(|map| map.perms.contains(wanted) && is_wanted(&map.pathname)) {
        if interrupted() {
            return;
        }
        let (first, end) = ((map.address.0 / page_bytes) as usize, (map.address.1 / page_bytes) as usize);
        if end - first > 1000 * PAGES_AT_ONCE {
            continue;
        }
        for first in (first..end).step_by(PAGES_AT_ONCE) {
            let range = first..end.min(first + PAGES_AT_ONCE);
            let Ok(infos) = pages.get_range_info(range) else { break };
            let mut at = first as u64;
            for run in infos.chunk_by(|one, next| is_there(one) == is_there(next)) {
                if is_there(&run[0]) {
                    write_once(at * page_bytes, run.len() as u64 * page_bytes);
                }
                at += run.len() as u64;
            }
        }
    }
}

#[cfg(target_os = "linux")]
fn is_there(page: &procfs::process::PageInfo) -> bool {
    use procfs::process::{MemoryPageFlags, PageInfo};
    matches!(page, PageInfo::MemoryPage(flags) if flags.contains(MemoryPageFlags::PRESENT))
}

#[cfg(target_os = "linux")]
fn write_once(start: u64, bytes: u64) {
    // SAFETY: it only makes pages the process's own that can be written; where the map
    // has changed meanwhile the system refuses, or does so there.
    unsafe { libc::madvise(start as *mut libc::c_void, bytes as usize, libc::MADV_POPULATE_WRITE) };
}

#[cfg(not(target_os = "linux"))]
pub fn unshare(_interrupted: impl FnMut() -> bool) {}
