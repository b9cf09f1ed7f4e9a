//! MP4 files, as `rillcast publish` reads them.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| rillcast_cli::fuzzing::mp4(input));
