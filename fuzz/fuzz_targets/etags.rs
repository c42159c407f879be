#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fastflow_archive::fuzzing::etags(data));
