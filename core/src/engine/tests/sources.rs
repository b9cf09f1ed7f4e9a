//! Sources in this process: their memory, and their end.

use std::time::Duration;

use super::{Audited, PATIENCE, check, engine, session, slice, time, write};
use crate::engine::{Config, Engine, Error, PushError};
use crate::media::sdp;
use crate::relay::{Frame, FrameReader, Next};
use crate::ring::Pool;
use crate::stats::Cause;

fn video() -> sdp::Session {
    sdp::Session { media: session().media.into_iter().take(1).collect(), ..session() }
}

/// An RTP packet of 1,400 bytes: with its prefix, 186 fill a buffer but for some bytes.
fn packet(sequence: u16) -> Vec<u8> {
    let mut bytes = vec![0x80, 0xe0];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(u32::from(sequence).to_be_bytes());
    bytes.extend([0, 0, 0, 9, 0x65, 0x88]);
    bytes.resize(1400, 1);
    bytes
}

fn frame(reader: &mut FrameReader) -> Frame {
    match reader.next(PATIENCE) {
        Next::Frame(frame) => frame,
        other => panic!("{other:?} where a frame was due"),
    }
}

/// Packets of the only stream that found no buffer.
fn without_buffer(engine: &Engine) -> u64 {
    engine.figures().expect("figures").streams[0].ledger.dropped(Cause::PoolSpent)
}

#[test]
fn one_whose_stream_was_ended_is_told_so_at_once() {
    let engine = engine();
    let mut media = engine.source("media", session()).expect("a source");
    let mut rtp = engine.rtp_source("rtp", video()).expect("a source");
    write(&mut media, 0);
    rtp.push(0, &packet(0)).expect("gathered");
    for path in ["media", "rtp"] {
        engine.end(path).expect("there is a stream");
    }
    assert_eq!(media.write_h264(0, &[&slice(1)], time(1)), Err(PushError::Ended));
    assert_eq!(media.write_aac(1, &[1; 300], time(1)), Err(PushError::Ended));
    assert_eq!(rtp.flush(), Err(PushError::Ended));
    assert_eq!(rtp.push(0, &packet(1)), Err(PushError::Ended));
    // The paths are free, and the old sources do not disturb those that come.
    let mut next = engine.source("media", session()).expect("the path is free");
    drop(media);
    write(&mut next, 0);
    check(&engine);
}

#[test]
fn one_takes_less_memory_when_others_come_and_loses_nothing_by_it() {
    // Four buffers for each of two parties, a stream and its source.
    let bytes = 8 * Pool::CHUNK_SIZE;
    let config = Config { buffer: bytes, total_buffer: bytes, ..Config::default() };
    let engine = Audited::start(config);
    let mut source = engine.rtp_source("s", video()).expect("a source");
    let mut reader = engine.reader("s", PATIENCE).expect("a reader");
    // Far more than they hold: the stream gives up its oldest packets in time.
    for sequence in 0..2000 {
        source.push(0, &packet(sequence)).expect("taken");
        source.flush().expect("there is a buffer");
        assert_eq!(frame(&mut reader).data.timestamp, u32::from(sequence));
    }
    assert_eq!(without_buffer(&engine), 0);
    check(&engine);
}

#[test]
fn one_whose_buffers_are_all_held_is_told_what_was_dropped() {
    let bytes = 4 * Pool::CHUNK_SIZE;
    let config = Config { buffer: bytes, total_buffer: bytes, ..Config::default() };
    let engine = Audited::start(config);
    let mut source = engine.rtp_source("s", video()).expect("a source");
    let mut reader = engine.reader("s", PATIENCE).expect("a reader");
    let mut held = Vec::new();
    let (sequence, refused) = loop_until_refused(&mut source, &mut reader, &mut held);
    assert_eq!(refused, 1);
    // Four buffers of 186 packets.
    assert_eq!(held.len(), 4 * 186);
    assert_eq!(without_buffer(&engine), refused);
    // It goes on as soon as something is let go; what comes behind a hole waits a while for what is missing.
    held.clear();
    let first = sequence + 1;
    for sequence in first..first + 100 {
        source.push(0, &packet(sequence)).expect("taken");
        source.flush().expect("there is a buffer again");
    }
    let next = frame(&mut reader);
    assert_eq!((next.data.timestamp, next.data.lost), (u32::from(first), 1));
    check(&engine);
}

/// Pushes, and keeps what is read, until something is dropped: its number, and how many.
fn loop_until_refused(
    source: &mut crate::engine::RtpSource,
    reader: &mut FrameReader,
    held: &mut Vec<Frame>,
) -> (u16, u64) {
    for sequence in 0..u16::MAX {
        source.push(0, &packet(sequence)).expect("taken");
        match source.flush() {
            Ok(()) => held.push(frame(reader)),
            Err(PushError::NoRoom(packets)) => return (sequence, packets),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("its memory has no bound")
}

#[test]
fn one_that_stays_after_its_end_leaves_its_memory_to_others() {
    let engine = engine();
    let mut source = engine.rtp_source("s", video()).expect("a source");
    let mut reader = engine.reader("s", PATIENCE).expect("a reader");
    source.push(0, &packet(0)).expect("taken");
    source.flush().expect("there is a buffer");
    let kept = frame(&mut reader);
    engine.end("s").expect("there is a stream");
    assert_eq!(source.flush(), Err(PushError::Ended));
    // What is held stays as it is.
    assert_eq!(kept.data.payload.size(), 1400 - 12);
    assert!(matches!(engine.end("s"), Err(Error::NoStream(_))));
    assert!(matches!(reader.next(Duration::ZERO), Next::TimedOut | Next::Ended));
}
