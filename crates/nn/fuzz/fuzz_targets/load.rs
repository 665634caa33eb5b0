//!     cargo +nightly fuzz run load

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nn_fuzz::model(bytes));
