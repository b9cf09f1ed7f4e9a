//! What a connection knows of its session.

use super::target::Mount;
use super::{Chosen, ServerConfig, TrackStart};
use crate::rtsp::{Method, Mode, RtpInfo, Transport};

/// A session: what SETUP made.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) mount: Mount,
    pub(super) mode: Mode,
    /// In SDP order.
    pub(super) tracks: Vec<Track>,
}

/// A track that is set up.
#[derive(Debug)]
pub(super) struct Track {
    /// Its number in the SDP.
    pub(super) index: usize,
    pub(super) control: String,
    /// The URI of its SETUP, for `RTP-Info`: FFmpeg compares it letter by letter with its own.
    pub(super) uri: String,
    pub(super) transport: Chosen,
    /// Playing or recording.
    pub(super) active: bool,
}

impl Session {
    pub(super) fn is_active(&self) -> bool {
        self.tracks.iter().any(|track| track.active)
    }

    pub(super) fn is_udp(&self) -> bool {
        self.tracks.iter().all(|track| !matches!(track.transport, Chosen::Tcp { .. }))
    }

    /// Whether the connection itself is the sign of life (packets flow over it).
    pub(super) fn lives_by_connection(&self) -> bool {
        let tcp = |track: &Track| matches!(track.transport, Chosen::Tcp { .. });
        self.is_active() && self.tracks.iter().any(tcp)
    }

    pub(super) fn indices(&self) -> Vec<usize> {
        self.tracks.iter().map(|track| track.index).collect()
    }

    /// The tracks a URL means: all for the mount, one for a track; `None` for an unknown track.
    pub(super) fn select(&self, control: &str) -> Option<Vec<usize>> {
        if control.is_empty() {
            return Some(self.indices());
        }
        let track = self.tracks.iter().find(|track| track.control == control)?;
        Some(vec![track.index])
    }

    /// Transports of the tracks other than the one of `control`.
    pub(super) fn in_use(&self, control: &str) -> Vec<Chosen> {
        let others = self.tracks.iter().filter(|track| track.control != control);
        others.map(|track| track.transport).collect()
    }

    pub(super) fn put(&mut self, track: Track) {
        self.tracks.retain(|t| t.index != track.index && t.control != track.control);
        self.tracks.push(track);
        self.tracks.sort_by_key(|t| t.index);
    }

    pub(super) fn activate(&mut self, tracks: &[usize]) {
        for track in &mut self.tracks {
            track.active |= tracks.contains(&track.index);
        }
    }

    /// `RTP-Info` of the tracks that are set up, in SDP order; empty when nothing is known.
    pub(super) fn rtp_info(&self, starts: &[TrackStart]) -> String {
        let entries = self.tracks.iter().filter_map(|track| {
            let start = starts.iter().find(|start| start.track == track.index)?;
            let info = RtpInfo {
                url: track.uri.clone(),
                sequence: Some(start.sequence),
                timestamp: Some(start.timestamp),
            };
            Some(info.to_string())
        });
        entries.collect::<Vec<_>>().join(",")
    }
}

/// What an open question needs when its answer comes.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) cseq: u32,
    pub(super) ask: PendingAsk,
}

#[derive(Debug)]
pub(super) enum PendingAsk {
    Describe { mount: Mount, base: String },
    Announce { mount: Mount },
    Setup(PendingSetup),
    Play { tracks: Vec<usize> },
    Pause,
    Record,
    Teardown { tracks: Vec<usize>, last: bool },
}

#[derive(Debug)]
pub(super) struct PendingSetup {
    /// Id of the session it makes or extends.
    pub(super) id: String,
    pub(super) mount: Mount,
    pub(super) mode: Mode,
    pub(super) control: String,
    pub(super) uri: String,
    /// The offer taken.
    pub(super) offer: Transport,
    pub(super) transport: Chosen,
}

/// The methods offered at all: `Public`, and `Allow` of a 405.
pub(super) fn public(config: &ServerConfig) -> String {
    use Method::*;
    let all = [
        Options,
        Describe,
        Announce,
        Setup,
        Play,
        Pause,
        Record,
        GetParameter,
        SetParameter,
        Teardown,
    ];
    list(all.into_iter().filter(|m| config.record || !matches!(m, Announce | Record)))
}

/// The methods that make sense now: `Allow` of a 455.
pub(super) fn allow(config: &ServerConfig, announced: bool, session: Option<&Session>) -> String {
    use Method::*;
    let mut methods = vec![Options, Describe, GetParameter, SetParameter];
    match session {
        None if announced => methods.extend([Setup, Teardown]),
        None => {
            methods.push(Setup);
            methods.extend(config.record.then_some(Announce));
        }
        Some(session) => {
            methods.push(if session.mode == Mode::Play { Play } else { Record });
            methods.push(if session.is_active() { Pause } else { Setup });
            methods.push(Teardown);
        }
    }
    list(methods.into_iter())
}

fn list(methods: impl Iterator<Item = Method>) -> String {
    methods.map(|m| m.as_str().to_owned()).collect::<Vec<_>>().join(", ")
}
