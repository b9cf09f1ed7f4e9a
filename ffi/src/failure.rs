//! Why a call fails, and the text of it that its thread can ask for.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};

use rillcast::engine;

use crate::status::rill_status;

/// An error on its way to the caller.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: rill_status,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(status: rill_status, text: impl Into<String>) -> Failure {
        Failure { status, text: text.into() }
    }

    pub(crate) fn argument(text: impl Into<String>) -> Failure {
        Failure::new(rill_status::RILL_ERROR_ARGUMENT, text)
    }

    pub(crate) fn system(doing: &str, error: &std::io::Error) -> Failure {
        Failure::new(rill_status::RILL_ERROR_SYSTEM, format!("cannot {doing}: {error}"))
    }

    pub(crate) fn busy(what: &str) -> Failure {
        let text = format!("{what} is in use by another thread; it is for one thread at a time");
        Failure::new(rill_status::RILL_ERROR_BUSY, text)
    }

    pub(crate) fn no_track(track: usize) -> Failure {
        let text = format!("the stream has no track {track} (the first is 0)");
        Failure::new(rill_status::RILL_ERROR_NO_TRACK, text)
    }

    pub(crate) fn stopped() -> Failure {
        Failure::from(engine::Error::Stopped)
    }
}

impl From<engine::Error> for Failure {
    fn from(error: engine::Error) -> Failure {
        use engine::Error;
        let status = match &error {
            Error::Io { .. } => rill_status::RILL_ERROR_SYSTEM,
            Error::Url { .. } => rill_status::RILL_ERROR_URL,
            Error::Session(_) => rill_status::RILL_ERROR_SDP,
            Error::PathTaken(_) => rill_status::RILL_ERROR_PATH_TAKEN,
            Error::NoStream(_) => rill_status::RILL_ERROR_NO_STREAM,
            Error::NoTrack { .. } => rill_status::RILL_ERROR_NO_TRACK,
            Error::NoChild(_) => rill_status::RILL_ERROR_NO_CHILD,
            Error::TooMany(_) => rill_status::RILL_ERROR_TOO_MANY,
            Error::Circle(_) => rill_status::RILL_ERROR_ARGUMENT,
            Error::Stopped => rill_status::RILL_ERROR_STOPPED,
            // The enum may grow; what this version has no number for is still an error.
            _ => rill_status::RILL_ERROR_INTERNAL,
        };
        Failure::new(status, error.to_string())
    }
}

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

/// Keeps the text for [`last`].
pub(crate) fn remember(text: String) {
    let mut bytes = text.into_bytes();
    bytes.retain(|byte| *byte != 0);
    let text = CString::new(bytes).unwrap_or_default();
    // Fails only while the thread is being torn down: then nobody will ask.
    let _ = LAST.try_with(|last| last.replace(text));
}

/// The calling thread's last text.
pub(crate) fn last() -> *const c_char {
    let empty: &CStr = c"";
    LAST.try_with(|last| last.borrow().as_ptr()).unwrap_or(empty.as_ptr())
}
