//! From the engine's answer to a response.

use super::question::{Answer, Refusal, SetupAnswer, TrackStart};
use super::state::{PendingAsk, PendingSetup, Session, Track};
use super::{Chosen, ServerSession};
use crate::rtsp::{Range, Response, Status, Transport};

impl ServerSession {
    pub(super) fn conclude(&mut self, cseq: u32, ask: PendingAsk, answer: Answer) -> Response {
        match (ask, answer) {
            (_, Answer::Refuse(refusal)) => self.refusal(cseq, refusal),
            (PendingAsk::Describe { mount, base }, Answer::Describe { sdp }) => {
                self.described = Some(mount);
                let mut response = self.respond(Some(cseq), Status::OK);
                response.headers.push("Content-Base", base);
                response.headers.push("Content-Type", "application/sdp");
                response.body = sdp.into_bytes();
                response
            }
            (PendingAsk::Announce { mount }, Answer::Done) => {
                self.announced = Some(mount);
                self.respond(Some(cseq), Status::OK)
            }
            (PendingAsk::Setup(setup), Answer::Setup(answer)) => {
                self.conclude_setup(cseq, setup, answer)
            }
            (PendingAsk::Play { tracks }, Answer::Play { range, rtp_info, headers }) => {
                let mut response = self.conclude_play(cseq, &tracks, range, &rtp_info);
                headers.iter().for_each(|(name, value)| response.headers.push(name, value));
                response
            }
            (PendingAsk::Record, Answer::Done) => {
                if let Some(session) = &mut self.session {
                    let all = session.indices();
                    session.activate(&all);
                }
                self.session_response(cseq)
            }
            (PendingAsk::Pause, Answer::Done) => {
                for track in self.session.iter_mut().flat_map(|s| &mut s.tracks) {
                    track.active = false;
                }
                self.session_response(cseq)
            }
            (PendingAsk::Teardown { tracks, last }, Answer::Done) => {
                let response = self.session_response(cseq);
                if last {
                    self.session = None;
                    self.announced = None;
                } else if let Some(session) = &mut self.session {
                    session.tracks.retain(|track| !tracks.contains(&track.index));
                }
                response
            }
            // The engine answered another question than was asked.
            (_, _) => self.respond(Some(cseq), Status::INTERNAL_SERVER_ERROR),
        }
    }

    fn conclude_setup(&mut self, cseq: u32, setup: PendingSetup, answer: SetupAnswer) -> Response {
        let PendingSetup { id, mount, mode, control, uri, offer, transport } = setup;
        let mut spec = Transport {
            profile: offer.profile,
            lower: offer.lower,
            explicit_udp: offer.explicit_udp,
            source: answer.source,
            ssrc: answer.ssrc,
            mode: Some(mode),
            ..Transport::default()
        };
        match transport {
            Chosen::Udp { client_rtp, client_rtcp } => {
                spec.client_port = Some((client_rtp, client_rtcp));
                spec.server_port = answer.server_port;
            }
            Chosen::Multicast => {
                spec.multicast = true;
                spec.destination = answer.group.map(|group| group.address);
                spec.port = answer.group.map(|group| group.ports);
                spec.ttl = answer.group.map(|group| group.ttl);
            }
            Chosen::Tcp { rtp, rtcp } => spec.interleaved = Some((rtp, rtcp)),
        }
        let session =
            self.session.get_or_insert_with(|| Session { id, mount, mode, tracks: Vec::new() });
        session.put(Track { index: answer.track, control, uri, transport, active: false });
        let mut response = self.session_response(cseq);
        response.headers.push("Transport", spec.to_string());
        response
    }

    fn conclude_play(
        &mut self,
        cseq: u32,
        tracks: &[usize],
        range: Option<Range>,
        starts: &[TrackStart],
    ) -> Response {
        let mut response = self.session_response(cseq);
        if let Some(range) = range {
            response.headers.push("Range", range.to_string());
        }
        if let Some(session) = &mut self.session {
            session.activate(tracks);
            let starts: Vec<TrackStart> =
                starts.iter().filter(|start| tracks.contains(&start.track)).copied().collect();
            let rtp_info = session.rtp_info(&starts);
            if !rtp_info.is_empty() {
                response.headers.push("RTP-Info", rtp_info);
            }
        }
        response
    }

    fn refusal(&self, cseq: u32, refusal: Refusal) -> Response {
        // A refusal is no success, whatever the engine says.
        let status = match refusal.status {
            status if status.code() < 300 => Status::INTERNAL_SERVER_ERROR,
            status => status,
        };
        let mut response = *self.refuse(cseq, status);
        if let Some(detail) = refusal.detail {
            response.reason = format!("{}: {detail}", response.reason);
        }
        for (name, value) in refusal.headers.iter() {
            response.headers.push(name, value);
        }
        response
    }

    /// 200 with the session's id.
    fn session_response(&self, cseq: u32) -> Response {
        let mut response = self.respond(Some(cseq), Status::OK);
        if let Some(session) = &self.session {
            response.headers.push("Session", self.session_value(&session.id));
        }
        response
    }
}
