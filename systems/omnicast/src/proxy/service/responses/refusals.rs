//! What somebody is told whose request cannot be met whatever the topology is.

use crate::uscp::{Error, ErrorCode, ErrorReport, Message};

pub(super) fn unreadable(error: &Error) -> ErrorReport {
    let code = match error {
        Error::Version(_) => ErrorCode::UnsupportedVersion,
        _ => ErrorCode::BadRequest,
    };
    ErrorReport { code, text: error.to_string(), retry_after: None }
}

/// What is for the proxy server to say, or was not asked for.
pub(super) fn unasked(message: &Message) -> ErrorReport {
    let text = format!("{} is not for you to say, or not now", message.name());
    ErrorReport { code: ErrorCode::BadRequest, text, retry_after: None }
}

pub(super) fn too_much() -> ErrorReport {
    let text = "you ask too much in too short a time".to_owned();
    ErrorReport { code: ErrorCode::TooManyRequests, text, retry_after: Some(1) }
}

pub(super) fn logged_in_already() -> ErrorReport {
    let text = "you have logged in over this connection already".to_owned();
    ErrorReport { code: ErrorCode::BadRequest, text, retry_after: None }
}

pub(super) fn not_logged_in() -> ErrorReport {
    let text = "log in first".to_owned();
    ErrorReport { code: ErrorCode::NotLoggedIn, text, retry_after: None }
}
