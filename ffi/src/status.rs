//! What every call returns.

use std::ffi::{CStr, c_char};

use crate::boundary::guard_value;
use crate::failure;

/// What a call came to: 0 is success, a positive number success of another kind, a negative one an
/// error. Numbers are never given a new meaning; a program should treat one that it does not know by
/// its sign.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rill_status {
    /// Done.
    RILL_OK = 0,
    /// Nothing came in the time given. Ask again, or wait for the file descriptor.
    RILL_AGAIN = 1,
    /// The reader was too slow and has lost packets; it goes on at the newest key frame. A decoder
    /// has to be reset.
    RILL_LAGGED = 2,
    /// The stream (or the engine) is over and everything was taken.
    RILL_END = 3,

    /// An argument is NULL, too large, misaligned, not UTF-8, or has no meaning.
    RILL_ERROR_ARGUMENT = -1,
    /// A handle is NULL, was freed, or is of another kind.
    RILL_ERROR_HANDLE = -2,
    /// The object is in use by another thread at this moment, and is for one thread at a time. Also
    /// what every call from within a log callback returns.
    RILL_ERROR_BUSY = -3,
    /// The system refused something: a port, a descriptor, a thread.
    RILL_ERROR_SYSTEM = -4,
    /// A URL cannot be used, or its host is not found.
    RILL_ERROR_URL = -5,
    /// A session description (SDP) cannot be used.
    RILL_ERROR_SDP = -6,
    /// The path has a stream already.
    RILL_ERROR_PATH_TAKEN = -7,
    /// There is no stream at the path; of a source, its stream has ended.
    RILL_ERROR_NO_STREAM = -8,
    /// The stream has no such track.
    RILL_ERROR_NO_TRACK = -9,
    /// The stream has no such child.
    RILL_ERROR_NO_CHILD = -10,
    /// More of something than the configuration allows.
    RILL_ERROR_TOO_MANY = -11,
    /// The reader's frames are all held: release some.
    RILL_ERROR_FRAMES_HELD = -12,
    /// The engine is not running.
    RILL_ERROR_STOPPED = -13,
    /// This version, or this object, cannot do that.
    RILL_ERROR_UNSUPPORTED = -14,
    /// A fault inside the library; please report the text of rill_last_error().
    RILL_ERROR_INTERNAL = -15,
    /// Frames that were not released, or receivers that are behind, hold all buffers that a source may have: some or
    /// all of what was pushed was dropped, and is counted (`pool_spent`). The next call may succeed.
    RILL_ERROR_NO_BUFFER = -16,
}

impl rill_status {
    fn name(value: i32) -> &'static CStr {
        match value {
            0 => c"RILL_OK",
            1 => c"RILL_AGAIN",
            2 => c"RILL_LAGGED",
            3 => c"RILL_END",
            -1 => c"RILL_ERROR_ARGUMENT",
            -2 => c"RILL_ERROR_HANDLE",
            -3 => c"RILL_ERROR_BUSY",
            -4 => c"RILL_ERROR_SYSTEM",
            -5 => c"RILL_ERROR_URL",
            -6 => c"RILL_ERROR_SDP",
            -7 => c"RILL_ERROR_PATH_TAKEN",
            -8 => c"RILL_ERROR_NO_STREAM",
            -9 => c"RILL_ERROR_NO_TRACK",
            -10 => c"RILL_ERROR_NO_CHILD",
            -11 => c"RILL_ERROR_TOO_MANY",
            -12 => c"RILL_ERROR_FRAMES_HELD",
            -13 => c"RILL_ERROR_STOPPED",
            -14 => c"RILL_ERROR_UNSUPPORTED",
            -15 => c"RILL_ERROR_INTERNAL",
            -16 => c"RILL_ERROR_NO_BUFFER",
            _ => c"unknown status",
        }
    }
}

/// The name of a status, such as "RILL_OK"; "unknown status" for any other number. The text is static.
///
/// Thread-safe.
#[unsafe(no_mangle)]
pub extern "C" fn rill_status_name(status: i32) -> *const c_char {
    rill_status::name(status).as_ptr()
}

/// The text of the last error of the calling thread: a sentence in English that names the cause.
/// Never NULL; "" when there was none.
///
/// It stays valid until the next call of this thread that fails. Only calls that return a negative
/// status change it.
#[unsafe(no_mangle)]
pub extern "C" fn rill_last_error() -> *const c_char {
    guard_value(c"".as_ptr(), failure::last)
}
