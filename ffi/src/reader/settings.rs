//! How a reader reads.

use crate::args::{OutSized, Versioned};
use crate::boundary::guard_done;
use crate::config::rill_start;
use crate::status::rill_status;

/// What a reader gives.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rill_format {
    /// Whole frames; H.264 with start codes (annex B).
    RILL_FORMAT_ANNEX_B = 0,
    /// Whole frames; H.264 with 4-byte lengths, as in MP4.
    RILL_FORMAT_AVCC = 1,
    /// RTP packets as they come, without waiting for the frame to be whole: of one track and one frame
    /// at a time. Sender reports are among them.
    RILL_FORMAT_RTP = 2,
}

/// How a reader reads. Fill it by rill_reader_config_init().
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct rill_reader_config {
    /// Bytes of this struct, as the program was compiled; set by the init function.
    pub struct_size: usize,
    /// A number of rill_format.
    pub format: i32,
    /// Where it begins: a number of rill_start. From a key frame, frames before the first one are held
    /// back.
    pub start: i32,
    /// Index of the only track to be read; all of them when negative.
    pub track: i32,
    /// Frames that may be held at once, 1 to 4,096.
    pub max_frames: u32,
    /// How long rill_reader_new() waits for the stream to come, in ms: 0 does not wait. By default
    /// 10,000.
    pub wait_ms: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: numbers only, the first of which is its size.
unsafe impl Versioned for rill_reader_config {
    const FIRST: usize = 32;
}

impl Default for rill_reader_config {
    fn default() -> rill_reader_config {
        rill_reader_config {
            struct_size: size_of::<rill_reader_config>(),
            format: rill_format::RILL_FORMAT_ANNEX_B as i32,
            start: rill_start::RILL_START_KEY_FRAME as i32,
            track: -1,
            max_frames: 64,
            wait_ms: 10_000,
            reserved: 0,
        }
    }
}

/// Fills a reader's configuration with the defaults: all tracks, annex B, from the newest key frame on. Thread-safe.
///
/// @param config  where they go
/// @param size    sizeof(rill_reader_config)
/// @return RILL_OK, or RILL_ERROR_ARGUMENT
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rill_reader_config_init(
    config: *mut rill_reader_config,
    size: usize,
) -> rill_status {
    // SAFETY: the caller's: writable for `size` bytes.
    guard_done(|| unsafe { OutSized::init(config, size, &rill_reader_config::default()) })
}
