//! USCP: the bytes of a connection, cut into documents; what is read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rillcast_omnicast::uscp::{Envelope, FrameDecoder, MAX_MESSAGE, frame};

fuzz_target!(|input: &[u8]| {
    // A document by itself, which the fuzzer finds more easily than one behind its length.
    read(input);
    let mut decoder = FrameDecoder::default();
    for piece in input.chunks(7) {
        decoder.push(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(document)) => read(&document),
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
});

fn read(document: &[u8]) {
    let Ok(envelope) = Envelope::parse(document) else { return };
    assert!(document.len() <= MAX_MESSAGE);
    // A message near the limit may grow beyond it when it is escaped.
    let Ok(framed) = frame(&envelope) else { return };
    let mut decoder = FrameDecoder::default();
    decoder.push(&framed);
    let again = decoder.next_frame().expect("its length is right").expect("it is complete");
    assert_eq!(Envelope::parse(&again), Ok(envelope));
}
