//! Streams that are carried to other servers.

use std::net::SocketAddr;

use crate::io::{Destination, Token};
use crate::relay::{Layout, Target, Transport as ChildTransport};
use crate::rtsp::client::{Negotiated, TrackSetup};

use super::client::without_credentials;
use super::command::Remote;
use super::config::Transport;
use super::error::Error;
use super::event::Event;
use super::role::{Client, Job, Role};
use super::worker::Worker;

impl Worker {
    /// Begins to push a stream, or notes that it is to be pushed.
    pub(super) fn push(&mut self, remote: Remote) -> Result<(), Error> {
        if self.paths.contains_key(&remote.path) {
            self.begin_push(remote);
        } else {
            self.pushes.push(remote);
        }
        Ok(())
    }

    pub(super) fn begin_push(&mut self, remote: Remote) {
        let Some(stream) = self.paths.get(&remote.path).copied() else { return };
        self.open(remote, Job::push(stream), 0);
    }

    pub(super) fn set_up_push(&mut self, token: Token) {
        let now = self.io.now();
        let Ok(local) = self.io.local_addr(token) else { return };
        let Some(client) = self.client(token) else { return };
        let wants_udp = client.remote.transport != Transport::Tcp;
        let Job::Push { stream, .. } = client.job else { return };
        let count = self.streams.get(&stream).map_or(0, |live| live.stream.tracks().len());
        let mut setups = Vec::new();
        let mut own = Vec::new();
        for number in 0..count {
            let pair = if wants_udp { self.add_pair(local.ip()).ok() } else { None };
            own.extend(pair);
            let client_port = pair.and_then(|id| self.pairs.get(id)).map(|pair| pair.ports);
            setups.push(TrackSetup { control: format!("streamid={number}"), client_port });
        }
        let Some(Client { session: Some(client), job, .. }) = self.client(token) else { return };
        client.set_up(None, setups, now);
        if let Job::Push { tracks, pairs, .. } = job {
            *tracks = vec![None; count];
            *pairs = own;
        }
    }

    pub(super) fn push_started(&mut self, token: Token) {
        let (now, start) = (self.io.now(), self.config.start);
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let server = connection.peer.ip();
        let Role::Client(client) = &mut connection.role else { return };
        let (path, url) = (client.remote.path.clone(), client.remote.url.clone());
        let Job::Push { stream, tracks, pairs, child } = &mut client.job else { return };
        let transport = push_transport(token, server, tracks, pairs);
        let id = *stream;
        if let ChildTransport::Udp { targets } = &transport {
            for (track, target) in targets.iter().enumerate() {
                let Some(target) = target else { continue };
                // Some servers take all that is pushed to them at the same ports: those are held already.
                self.reporters.hold(token, track, [target.rtp.addr(), target.rtcp.addr()]);
            }
        }
        let Some(live) = self.streams.get_mut(&id).filter(|live| live.ended.is_none()) else {
            return self.lose(token, "the stream has ended");
        };
        let key = live.stream.add_child(transport, now);
        *child = Some(key);
        live.stream.play(key, start);
        self.tell(Event::PushStarted { path, url: without_credentials(&url) });
        self.kick_child(id, key);
    }
}

/// The transport of a push's child, as the server agreed to it.
fn push_transport(
    token: Token,
    server: std::net::IpAddr,
    tracks: &[Option<Negotiated>],
    pairs: &[usize],
) -> ChildTransport {
    if tracks.iter().flatten().any(|agreed| matches!(agreed, Negotiated::Tcp { .. })) {
        let channels = tracks.iter().map(|agreed| match agreed {
            Some(Negotiated::Tcp { rtp, rtcp }) => Some((*rtp, *rtcp)),
            _ => None,
        });
        return ChildTransport::Tcp { conn: token, layout: Layout::new(channels.collect()) };
    }
    let target = |agreed: &Option<Negotiated>, pair: &usize| match agreed {
        Some(Negotiated::Udp { server_port: Some((rtp, rtcp)), source }) => {
            let to = source.unwrap_or(server);
            let address = |port: &u16| Destination::new(SocketAddr::new(to, *port));
            Some(Target {
                pair: *pair,
                rtp: address(rtp),
                rtcp: address(rtcp),
                retransmission: None,
            })
        }
        _ => None,
    };
    let targets = tracks.iter().zip(pairs).map(|(agreed, pair)| target(agreed, pair));
    ChildTransport::Udp { targets: targets.collect() }
}
