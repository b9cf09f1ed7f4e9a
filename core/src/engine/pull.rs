//! Streams that are fetched from other servers.

use std::time::Duration;

use crate::io::Token;
use crate::media::sdp;
use crate::relay::Kind;
use crate::rtsp::client::TrackSetup;

use super::asking::Feeder;
use super::client::without_credentials;
use super::command::{Remote, StreamId};
use super::config::Transport;
use super::error::Error;
use super::media::{Ingest, Sender};
use super::role::{Client, Inlets, Job};
use super::worker::Worker;

/// How long UDP may stay silent before a pull asks for TCP.
const SILENCE: Duration = Duration::from_secs(3);

impl Worker {
    /// Begins to pull a stream.
    pub(super) fn pull(&mut self, remote: Remote) -> Result<(), Error> {
        if self.has_source(&remote.path) {
            return Err(Error::PathTaken(remote.path));
        }
        self.open(remote, Job::pull(), 0);
        Ok(())
    }

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
        if let Job::Pull { session, inlets, server_ports, .. } = job {
            *server_ports = vec![None; described.media.len()];
            *session = Some(Box::new(described));
            inlets.sockets = sockets;
        }
    }

    pub(super) fn pull_started(&mut self, token: Token) {
        let Some(client) = self.client(token) else { return };
        let (path, url) = (client.remote.path.clone(), client.remote.url.clone());
        let Job::Pull { session, inlets, server_ports, stream } = &mut client.job else { return };
        let sockets = std::mem::take(&mut inlets.sockets);
        if let Some(id) = *stream {
            // After a fall back to TCP the stream is there already.
            if let Some(live) = self.streams.get_mut(&id) {
                live.feeder = Feeder::Connection(token);
            }
            return self.close_inlets(sockets.into_iter().map(|(socket, _, _)| socket).collect());
        }
        let interleaved = !inlets.channels.is_empty();
        let servers = server_ports.clone();
        let Some(session) = session.clone() else { return };
        let id = match self.feed_stream(token, path, without_credentials(&url), *session) {
            Ok(id) => id,
            Err(error) => {
                self.close_inlets(sockets.into_iter().map(|(socket, _, _)| socket).collect());
                return self.lose(token, &error.to_string());
            }
        };
        let received = self.received(id);
        if let Some(client) = self.client(token)
            && let Job::Pull { stream, .. } = &mut client.job
        {
            *stream = Some(id);
            client.received_before = received;
        }
        if interleaved {
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
        self.close_inlets_of(id);
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
        let Client { mut remote, redirects, .. } = client;
        remote.transport = Transport::Tcp;
        let inlets = Inlets::default();
        let job = Job::Pull { session: None, inlets, server_ports: Vec::new(), stream: Some(id) };
        self.open(remote, job, redirects);
    }
}
