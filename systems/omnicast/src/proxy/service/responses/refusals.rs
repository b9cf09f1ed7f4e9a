//! What somebody is told whose request cannot be met whatever the topology is.

use crate::uscp::{Error, ErrorCode, ErrorReport, Message};

pub(super) fn unreadable(error: &Error) -> ErrorReport {
    let code = match error {
        Error::Version(_) => ErrorCode::UnsupportedVersion,
        _ => ErrorCode::BadRequest,
    };
    ErrorReport::new(code, error.to_string())
}

/// What is for the proxy server to say, or was not asked for.
pub(super) fn unasked(message: &Message) -> ErrorReport {
    let text = format!("{} is not for you to say, or not now", message.name());
    ErrorReport::new(ErrorCode::BadRequest, text)
}

pub(super) fn too_much() -> ErrorReport {
    ErrorReport::new(ErrorCode::TooManyRequests, "you ask too much in too short a time").after(1)
}

pub(super) fn logged_in_already() -> ErrorReport {
    let text = "you have logged in over this connection already";
    ErrorReport::new(ErrorCode::BadRequest, text)
}

pub(super) fn not_logged_in() -> ErrorReport {
    ErrorReport::new(ErrorCode::NotLoggedIn, "log in first")
}
