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
    for map in maps.iter().filter(|map| map.perms.contains(wanted) && map.pathname != MMapPath::Vvar) {
        if interrupted() {
            return;
        }
        let first = (map.address.0 / page_bytes) as usize;
        let last = (map.address.1 / page_bytes) as usize;
        let Ok(infos) = pages.get_range_info(first..last) else { continue };
        let is_there = |info: &procfs::process::PageInfo| match info {
            procfs::process::PageInfo::MemoryPage(flags) => flags.contains(procfs::process::MemoryPageFlags::PRESENT),
            procfs::process::PageInfo::SwapPage(_) => false,
        };
        let mut page = 0;
        while page < infos.len() {
            let there = infos[page..].iter().take_while(|info| is_there(info)).count();
            if there > 0 {
                let (start, bytes) = ((first + page) as u64 * page_bytes, there as u64 * page_bytes);
                // SAFETY: it only makes pages present that can be written; where the map
                // has changed meanwhile the system refuses or does so there.
                unsafe {
                    libc::madvise(start as *mut libc::c_void, bytes as usize, libc::MADV_POPULATE_WRITE);
                }
            }
            page += there + infos[page + there..].iter().take_while(|info| !is_there(info)).count();
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub fn unshare(_interrupted: impl FnMut() -> bool) {}
