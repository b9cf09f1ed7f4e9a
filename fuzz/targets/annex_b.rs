//! H.264 as a byte stream and as MP4 samples, and its parameter sets.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rillcast::media::h264::{ParameterSets, annex_b, avcc};

fuzz_target!(|input: &[u8]| {
    let mut sets = ParameterSets::new();
    for nal in annex_b::nals(input) {
        assert!(!nal.is_empty());
        sets.store(nal);
    }
    let _ = (sets.resolution(), sets.profile_level_id(), sets.is_complete());
    for length_size in 1..=4 {
        avcc::nals(input, length_size).take_while(Result::is_ok).for_each(drop);
    }
    // However the bytes arrive, the access units are the same.
    let split = |piece: usize| {
        let mut splitter = annex_b::Splitter::new();
        let mut units: Vec<Vec<Vec<u8>>> = Vec::new();
        let mut take = |splitter: &mut annex_b::Splitter| {
            while let Ok(Some(unit)) = splitter.pop() {
                units.push(unit.nals().map(<[u8]>::to_vec).collect());
            }
        };
        for piece in input.chunks(piece) {
            splitter.push(piece);
            take(&mut splitter);
        }
        splitter.finish();
        take(&mut splitter);
        units
    };
    if input.len() <= 4096 {
        assert_eq!(split(7), split(4096));
    }
});
