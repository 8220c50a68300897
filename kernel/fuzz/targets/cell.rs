#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    threadbook_fuzz::keep_last(data);
    threadbook_kernel::fuzz::cell(data);
});
