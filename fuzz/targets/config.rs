//! The configuration file of `rillcast serve`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| rillcast_cli::fuzzing::config(input));
