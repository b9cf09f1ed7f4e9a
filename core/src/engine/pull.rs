//! Streams that are fetched from other servers.

use std::time::Duration;

use crate::io::Token;
use crate::media::sdp;
use crate::relay::Kind;
use crate::rtsp::client::TrackSetup;
use crate::rtsp::{Resumed, RtpInfo, Via};

use super::asking::Feeder;
use super::client::without_credentials;
use super::command::StreamId;
use super::config::Transport;
use super::media::{Ingest, Sender};
use super::role::{Client, Job};
use super::worker::Worker;

/// How long UDP may stay silent before a pull asks for TCP.
const SILENCE: Duration = Duration::from_secs(3);

impl Worker {
    pub(super) fn set_up_pull(&mut self, token: Token, described: sdp::Session) {
        let now = self.io.now();
        let Ok(local) = self.io.local_addr(token) else { return };
        let wants_udp = self.client(token).is_some_and(|c| c.remote.transport != Transport::Tcp);
        let mut setups = Vec::new();
        let mut sockets = Vec::new();
        for (number, media) in (0u8..).zip(&described.media) {
            let bound = if wants_udp { self.bind_inlet(local.ip(), number).ok() } else { None };
            let client_port = bound.map(|(ports, pair)| {
                sockets.extend(pair);
                ports
            });
            let control = media.control.clone().unwrap_or_default();
            setups.push(TrackSetup { control, client_port });
        }
        let Some(Client { session: Some(client), job, .. }) = self.client(token) else { return };
        client.set_up(described.control.as_deref(), setups, now);
        if let Job::Pull { session, inlets, server_ports, ssrcs, .. } = job {
            *server_ports = vec![None; described.media.len()];
            *ssrcs = vec![None; described.media.len()];
            *session = Some(Box::new(described));
            inlets.sockets = sockets;
        }
    }

    /// The server plays. `resumed`: what it does about what it was told to be here.
    pub(super) fn pull_started(
        &mut self,
        token: Token,
        firsts: &[(usize, RtpInfo)],
        resumed: Option<Resumed>,
        via: &Via,
    ) {
        let node = self.node;
        let Some(client) = self.client(token) else { return };
        let (path, url) = (client.remote.path.clone(), client.remote.url.clone());
        let Job::Pull { session, stream, link, .. } = &client.job else { return };
        let (stream, session, link) = (*stream, session.clone(), *link);
        if via.contains(node) {
            return self.lose(token, "it has the stream from here itself, if by way of others");
        }
        if stream.is_none() && self.attach(token, link, resumed, via) {
            return;
        }
        let id = match (stream, session) {
            // After a fall back to TCP the stream is there already.
            (Some(id), _) => id,
            (None, None) => return,
            (None, Some(session)) => {
                match self.feed_stream(token, path.clone(), without_credentials(&url), *session) {
                    Ok(id) => id,
                    Err(error) => return self.lose(token, &error.to_string()),
                }
            }
        };
        if let Some(live) = self.streams.get_mut(&id) {
            live.feeder = Feeder::Connection(token);
            live.via = via.clone();
            // Of others it is not known whether they tell the truth.
            let firsts = firsts.iter().filter(|_| stream.is_none() && !via.is_empty());
            for (track, first) in firsts {
                if let Some(sequence) = first.sequence {
                    live.stream.begins_with(*track, sequence);
                }
            }
        }
        self.link_feeds(&path, link, token);
        self.open_inlets(token, id);
    }

    /// From now on a server that plays feeds the stream.
    pub(super) fn open_inlets(&mut self, token: Token, id: StreamId) {
        let received = self.received(id);
        let Some(client) = self.client(token) else { return };
        client.received_before = received;
        let Job::Pull { inlets, server_ports, stream, .. } = &mut client.job else { return };
        *stream = Some(id);
        let sockets = std::mem::take(&mut inlets.sockets);
        let servers = server_ports.clone();
        if !inlets.channels.is_empty() {
            return self.close_inlets(sockets.into_iter().map(|(socket, _, _)| socket).collect());
        }
        for (socket, track, kind) in sockets {
            let server = servers.get(usize::from(track)).copied().flatten();
            let ip = match server {
                Some((rtp, _)) => Some(rtp.ip()),
                None => self.connections.get(&token).map(|connection| connection.peer.ip()),
            };
            let port = server.map(|(rtp, rtcp)| match kind {
                Kind::Rtp => rtp.port(),
                Kind::Rtcp => rtcp.port(),
            });
            let sender = ip.map_or(Sender::Any, |ip| Sender::Agreed { ip, port, heard: None });
            let mut ingest = Ingest::new(id, track, kind, sender);
            ingest.session = Some(token);
            if let Some((rtp, rtcp)) = server {
                ingest.reports_to = (kind == Kind::Rtcp).then_some(rtcp);
                self.punch(socket, kind, rtp, rtcp);
            }
            self.open_inlet(socket, ingest);
        }
    }

    fn received(&self, id: StreamId) -> u64 {
        self.streams.get(&id).map_or(0, |live| live.stream.ledger().received)
    }

    /// UDP that stays silent is given up for TCP, where that is allowed.
    pub(super) fn check_silence(&mut self, token: Token, now: Duration) {
        let Some(Client { job, started, remote, received_before, .. }) = self.client(token) else {
            return;
        };
        let Job::Pull { stream: Some(id), inlets, .. } = job else { return };
        let (id, before) = (*id, *received_before);
        let waited = started.is_some_and(|at| now.saturating_sub(at) > SILENCE);
        if !waited || !inlets.channels.is_empty() || remote.transport != Transport::Auto {
            return;
        }
        if self.received(id) > before {
            return;
        }
        self.close_inlets_by(token);
        let Some(peer) = self.connections.get(&token).map(|connection| connection.peer) else {
            return;
        };
        if let Some(client) = self.client(token)
            && let Some(session) = &mut client.session
        {
            client.started = None;
            client.falling_back = session.fall_back_to_tcp(now);
            // Should the server hang up over it, it is called again where it has answered.
            client.remote.addresses = vec![peer];
        }
        self.drive(token);
    }

    /// The server has hung up over the fall-back to TCP, as some do: asks for TCP from the beginning.
    /// The stream stays; nothing has come in yet.
    pub(super) fn pull_over_tcp(&mut self, client: Client, id: StreamId) {
        let Client { mut remote, redirects, job, .. } = client;
        remote.transport = Transport::Tcp;
        let Job::Pull { link, held, .. } = job else { return };
        let mut job = Job::pull(link, held);
        if let Job::Pull { stream, .. } = &mut job {
            *stream = Some(id);
        }
        self.open(remote, job, redirects);
    }
}
