//! Streams sent to multicast groups: once for all who listen.
//!
//! A stream has a group from the first SETUP that asks for one until the last session that was told of it
//! is over. It is sent there while at least one of these sessions plays, by one child of the stream. Who
//! listens is known by the RTSP sessions only, and these live by their keep-alives: reports of receivers
//! go to the group, where they are not read.

mod groups;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::io::{Destination, MulticastOptions, Token, UdpOptions};
use crate::relay::{ChildKey, PairId, PlayPoint, Target, Transport};
use crate::rtsp::Status;
use crate::rtsp::server::Group;

use super::command::StreamId;
use super::error::Error;
use super::event::Event;
use super::role::{Part, Role};
use super::worker::Worker;

pub use groups::{GroupRange, Multicast};

/// The streams that have a group.
#[derive(Debug, Default)]
pub(super) struct Casts {
    groups: groups::Groups,
    streams: HashMap<StreamId, Cast>,
    /// The sockets that all are sent from.
    pair: Option<PairId>,
}

/// A stream that has a group.
#[derive(Debug)]
struct Cast {
    group: u32,
    /// Made when the first session plays.
    child: Option<ChildKey>,
    /// The sessions that were told of the group, and whether they play.
    sessions: HashMap<Token, bool>,
}

impl Cast {
    fn is_heard(&self) -> bool {
        self.sessions.values().any(|plays| *plays)
    }
}

impl Worker {
    /// Gives a session the group of a track; a stream that has none gets one.
    pub(super) fn join_group(
        &mut self,
        token: Token,
        id: StreamId,
        track: usize,
    ) -> Result<Group, Status> {
        let config = self.config.multicast.ok_or(Status::UNSUPPORTED_TRANSPORT)?;
        let peer = self.connections.get(&token).map(|connection| connection.peer.ip());
        if !matches!(peer, Some(IpAddr::V4(_))) {
            return Err(Status::UNSUPPORTED_TRANSPORT);
        }
        self.cast_pair(config).map_err(|error| {
            tracing::warn!(%error, "nothing can be sent to multicast groups");
            Status::UNSUPPORTED_TRANSPORT
        })?;
        let Casts { groups, streams, .. } = &mut self.casts;
        let group = match streams.get(&id) {
            Some(cast) => cast.group,
            None => groups.take(config.groups, id).ok_or_else(|| {
                tracing::warn!(groups = %config.groups, "every multicast group is in use");
                Status::UNSUPPORTED_TRANSPORT
            })?,
        };
        let new = || Cast { group, child: None, sessions: HashMap::new() };
        streams.entry(id).or_insert_with(new).sessions.entry(token).or_insert(false);
        let (address, rtp, rtcp) = groups::place(config.groups, group, track);
        Ok(Group { address: address.into(), ports: (rtp, rtcp), ttl: config.ttl })
    }

    /// The sockets from which groups are sent to.
    fn cast_pair(&mut self, config: Multicast) -> Result<PairId, Error> {
        if let Some(pair) = self.casts.pair {
            return Ok(pair);
        }
        let from = config.interface.unwrap_or(Ipv4Addr::UNSPECIFIED);
        let multicast = Some(MulticastOptions { ttl: config.ttl, interface: config.interface });
        let options = UdpOptions { multicast, gro: false, ..self.config.udp.clone() };
        let pair = self.add_pair_with(from.into(), &options)?;
        self.casts.pair = Some(pair);
        Ok(pair)
    }

    /// A session plays: its stream is sent to the group, if it is not yet. Those who come later are not
    /// told where it begins, since they come in somewhere in the middle.
    pub(super) fn play_group(&mut self, token: Token, id: StreamId) -> Result<PlayPoint, Status> {
        let now = self.io.now();
        let config = self.config.multicast.ok_or(Status::UNSUPPORTED_TRANSPORT)?;
        let pair = self.cast_pair(config).map_err(|_| Status::SERVICE_UNAVAILABLE)?;
        let live = self.streams.get_mut(&id).filter(|live| live.ended.is_none());
        let live = live.ok_or(Status::NOT_FOUND)?;
        let cast = self.casts.streams.get_mut(&id).ok_or(Status::SESSION_NOT_FOUND)?;
        let heard = cast.is_heard();
        let plays = cast.sessions.get_mut(&token).ok_or(Status::SESSION_NOT_FOUND)?;
        *plays = true;
        let tracks = live.stream.tracks().len();
        let key = *cast.child.get_or_insert_with(|| {
            let targets = (0..tracks).map(|track| target(config, pair, cast.group, track));
            let transport = Transport::Udp { targets: targets.map(Some).collect() };
            live.stream.add_child(transport, now)
        });
        let points = live.stream.play(key, self.config.start).ok_or(Status::SESSION_NOT_FOUND)?;
        if heard {
            // There is no burst of what has been since the last one: the others have it.
            live.stream.wish_key_frames();
        }
        let path = live.path.clone();
        self.ask_for_key_frame(id, now);
        let Some(connection) = self.connections.get_mut(&token) else { return Ok(points) };
        let peer = connection.peer.to_string();
        if let Role::Server(server) = &mut connection.role
            && let Part::Player(player) = &mut server.part
            && player.child.replace(key).is_none()
        {
            self.tell(Event::ChildStarted { path, peer, transport: "multicast" });
        }
        Ok(points)
    }

    /// A session does not play any more, but it may again.
    pub(super) fn pause_group(&mut self, token: Token, id: StreamId) {
        let Some(cast) = self.casts.streams.get_mut(&id) else { return };
        if let Some(plays) = cast.sessions.get_mut(&token) {
            *plays = false;
        }
        if let (false, Some(key)) = (cast.is_heard(), cast.child) {
            self.pause_child_of(id, key);
        }
    }

    /// A session is over.
    pub(super) fn leave_group(&mut self, token: Token, id: StreamId) {
        self.pause_group(token, id);
        let Casts { groups, streams, .. } = &mut self.casts;
        let Some(cast) = streams.get_mut(&id) else { return };
        cast.sessions.remove(&token);
        if !cast.sessions.is_empty() {
            return;
        }
        groups.give_back(cast.group);
        let child = cast.child;
        streams.remove(&id);
        if let Some(key) = child {
            self.remove_child_of(id, key);
        }
    }
}

fn target(config: Multicast, pair: PairId, group: u32, track: usize) -> Target {
    let (address, rtp, rtcp) = groups::place(config.groups, group, track);
    let to = |port| Destination::new(SocketAddr::new(address.into(), port));
    // SSRC-multiplexed retransmission is not for groups (RFC 4588 §5.3).
    Target { pair, rtp: to(rtp), rtcp: to(rtcp), retransmission: None }
}
