#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| threadbook_kernel::fuzz::wire(data));
