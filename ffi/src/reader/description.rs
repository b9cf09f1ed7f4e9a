//! What a reader's stream is made of, and how its clocks go together.

use std::ffi::c_char;

use crate::args::{Out, OutSized};
use crate::boundary::{guard, guard_done};
use crate::failure::Failure;
use crate::status::rill_status;
use crate::track::rill_track;

use super::reading::{Reader, Reading};
use super::rill_reader;

/// Number of tracks of the stream. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_reader_track_count(
    reader: *const rill_reader,
    out: *mut usize,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::claim(out, "out") }?;
        out.set(Reader::with(reader, |reader| Ok(reader.tracks.len()))?);
        Ok(())
    })
}

/// What a track is, as the session description has it when the reader is made. Thread-safe.
///
/// @param track  its index, from 0
/// @param out    what it is; begin with rill_track_init()
/// @return RILL_OK; RILL_ERROR_NO_TRACK
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_reader_track(
    reader: *const rill_reader,
    track: usize,
    out: *mut rill_track,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { OutSized::claim(out, "out") }?;
        Reader::with(reader, |reader| {
            out.set(&reader.tracks.get(track).ok_or_else(|| Failure::no_track(track))?.to_c());
            Ok(())
        })
    })
}

/// Zeroes a track's struct and sets its size. Thread-safe.
///
/// @param track  the struct
/// @param size   sizeof(rill_track)
/// @return RILL_OK, or RILL_ERROR_ARGUMENT
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_track_init(track: *mut rill_track, size: usize) -> rill_status {
    // SAFETY: the caller's: writable for `size` bytes.
    guard_done(|| unsafe { OutSized::init(track, size, &rill_track::EMPTY) })
}

/// The stream's session description (SDP), as it was when the reader was made. The text is valid until
/// the reader is freed. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_reader_sdp(
    reader: *const rill_reader,
    out: *mut *const c_char,
) -> rill_status {
    guard_done(|| {
        // SAFETY: the caller's.
        let out = unsafe { Out::claim(out, "out") }?;
        out.set(Reader::with(reader, |reader| Ok(reader.sdp.as_ptr()))?);
        Ok(())
    })
}

/// A moment on a track's own clock and on the wall clock of its source, by the newest sender report
/// (RFC 3550 section 6.4.1). It is what keeps sound and picture together: each track counts time from
/// an origin of its own. For one thread at a time.
///
/// @param track  its index
/// @param time   as rill_frame.time
/// @param ntp    the same moment as an NTP time: seconds since 1900, 32.32 bits
/// @return RILL_OK; RILL_AGAIN while no report or no frame has come; RILL_ERROR_NO_TRACK;
///         RILL_ERROR_UNSUPPORTED with RILL_FORMAT_RTP, where the reports are among the packets
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_reader_clock(
    reader: *mut rill_reader,
    track: usize,
    time: *mut i64,
    ntp: *mut u64,
) -> rill_status {
    guard(|| {
        // SAFETY: the caller's, both.
        let (time, ntp) = unsafe { (Out::claim(time, "time")?, Out::claim(ntp, "ntp")?) };
        let reference = Reader::at_desk(reader, |reader, desk| {
            if track >= reader.tracks.len() {
                return Err(Failure::no_track(track));
            }
            let Reading::Frames(frames, _) = &desk.reading else {
                let text = "the reports are among the packets of a reader with RILL_FORMAT_RTP";
                return Err(Failure::new(rill_status::RILL_ERROR_UNSUPPORTED, text));
            };
            Ok(frames.reference(track))
        })?;
        let Some(reference) = reference else { return Ok(rill_status::RILL_AGAIN) };
        time.set(reference.time);
        ntp.set(reference.ntp);
        Ok(rill_status::RILL_OK)
    })
}
