//! The calls that led to a place, as addresses. What they mean, the worker process says,
//! which knows the libraries that were loaded since.

use std::ffi::{c_int, c_void};

// From the platform's unwinder, which std is linked with.
unsafe extern "C" {
    fn _Unwind_Backtrace(visit: extern "C" fn(*mut c_void, *mut c_void) -> c_int, addresses: *mut c_void) -> c_int;
    fn _Unwind_GetIP(frame: *mut c_void) -> usize;
}

/// More are endless recursion.
const MOST: usize = 200;
const GO_ON: c_int = 0;
const STOP: c_int = 5;

/// The return addresses of the calling thread, the latest first.
pub fn capture() -> Vec<usize> {
    extern "C" fn visit(frame: *mut c_void, addresses: *mut c_void) -> c_int {
        // SAFETY: `addresses` is the vector below, `frame` the unwinder's.
        let (addresses, address) = unsafe { (&mut *addresses.cast::<Vec<usize>>(), _Unwind_GetIP(frame)) };
        if addresses.len() == MOST || address == 0 {
            return STOP;
        }
        // Before the return: the call itself.
        addresses.push(address - 1);
        GO_ON
    }
    let mut addresses: Vec<usize> = Vec::with_capacity(MOST);
    // SAFETY: the unwinder calls `visit` with its frames until it returns something else
    // than 0, and keeps neither pointer.
    unsafe { _Unwind_Backtrace(visit, (&raw mut addresses).cast()) };
    addresses
}

#[cfg(test)]
mod tests {
    #[test]
    fn there_are_calls() {
        assert!(super::capture().len() > 2);
    }
}
