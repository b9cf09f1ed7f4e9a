//! What a client keeps between requests.

use super::TrackSetup;
use crate::rtsp::{Headers, Request};
use std::time::Duration;

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// OPTIONS, then DESCRIBE or ANNOUNCE.
    Opening,
    /// The engine is to call `set_up`.
    Ready,
    /// SETUP of this track.
    SettingUp(usize),
    /// Set up; the engine is to call `start`.
    Held,
    /// PLAY or RECORD.
    Starting,
    /// PAUSE.
    Pausing,
    /// Media flows.
    Running,
    /// TEARDOWN of the UDP session, to begin anew over TCP.
    FallingBack,
    /// TEARDOWN.
    Closing,
    /// Nothing more to come.
    Over,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The next step of the phase.
    Step,
    KeepAlive,
}

/// A request whose response is awaited.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) cseq: u32,
    /// Kept to be repeated after a 401.
    pub(super) request: Request,
    pub(super) purpose: Purpose,
    pub(super) deadline: Duration,
    /// How often it was answered with 401.
    pub(super) attempts: u8,
}

/// A track and its URLs.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) setup: TrackSetup,
    /// The URL in use.
    pub(super) url: String,
    /// Another one to try.
    pub(super) alternative: Option<String>,
}

/// The session that SETUP made.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: String,
    /// After so long without a request the server forgets it.
    pub(super) timeout: Duration,
}

impl Session {
    /// Reads `id;timeout=60`, in whatever spacing.
    pub(super) fn of(headers: &Headers) -> Option<Session> {
        let mut parts = headers.get("Session")?.split(';').map(str::trim);
        let id = parts.next().filter(|id| !id.is_empty())?.to_owned();
        let seconds = parts.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let value = value.trim().parse::<u32>().ok().filter(|seconds| *seconds > 0);
            if name.trim().eq_ignore_ascii_case("timeout") { value } else { None }
        });
        // RFC 2326, section 12.37: 60 s when the server does not say.
        Some(Session { id, timeout: Duration::from_secs(u64::from(seconds.unwrap_or(60))) })
    }
}
