//! Those who play from here.

use std::net::{IpAddr, SocketAddr};

use crate::io::{Destination, Token};
use crate::relay::{ChildKey, Continuation, Layout, OtherPackets, PlayPoint, Target, Transport};
use crate::rtsp::server::{Chosen, Setup, SetupAnswer, TrackStart};
use crate::rtsp::{Answer, Headers, Profile, RESUME, Range, Resume, Resumed, Status, VIA};

use super::super::command::StreamId;
use super::super::egress::Sockets;
use super::super::event::Event;
use super::super::role::{Part, Player, Role};
use super::super::shards::ShardId;
use super::super::worker::Worker;

/// Lower ports belong to services of the system (RFC 6335 §6), never to a player.
const FIRST_USER_PORT: u16 = 1024;

impl Worker {
    pub(super) fn set_up_player(
        &mut self,
        token: Token,
        path: &str,
        setup: &Setup,
    ) -> Result<Answer, Status> {
        if let Some(player) = self.player(token) {
            let shard = player.shard;
            return self.set_up_track(token, path, setup, shard);
        }
        let shard = match setup.transport {
            Chosen::Multicast => None,
            Chosen::Udp { .. } => self.choose_shard(token, false),
            Chosen::Tcp { .. } => self.choose_shard(token, true),
        };
        let answer = self.set_up_track(token, path, setup, shard);
        if let Some(shard) = shard
            && self.player(token).is_none()
        {
            self.shards.leave(shard);
        }
        answer
    }

    fn set_up_track(
        &mut self,
        token: Token,
        path: &str,
        setup: &Setup,
        shard: Option<ShardId>,
    ) -> Result<Answer, Status> {
        let local = self.io.local_addr(token).map_err(|_| Status::INTERNAL_SERVER_ERROR)?.ip();
        let connection = self.connections.get(&token).ok_or(Status::SESSION_NOT_FOUND)?;
        let peer = connection.peer.ip();
        let (id, live) = self.stream_at(path).ok_or(Status::NOT_FOUND)?;
        let tracks = live.stream.tracks().len();
        let described = live.stream.session().for_players(local);
        let track = match described.track_of_url(&setup.control) {
            Some(track) => track,
            None if !setup.control.is_empty() => return Err(Status::NOT_FOUND),
            None if tracks == 1 => 0,
            None => return Err(Status::AGGREGATE_OPERATION_NOT_ALLOWED),
        };
        let ssrc = live.stream.tracks().get(track).and_then(|track| track.ssrc());
        let server_port = match setup.transport {
            Chosen::Udp { client_rtp, client_rtcp } => {
                if !self.may_send_to(token, peer, &[client_rtp, client_rtcp]) {
                    return Err(Status::UNSUPPORTED_TRANSPORT);
                }
                let (_, ports) = self.pair_on(shard, local).map_err(|error| {
                    tracing::warn!(%error, "a player cannot be served over UDP");
                    Status::UNSUPPORTED_TRANSPORT
                })?;
                Some(ports)
            }
            Chosen::Multicast | Chosen::Tcp { .. } => None,
        };
        // The profile tells that the offer is taken (RFC 4588 §9.1).
        let offered = self.config.retransmission && setup.profile == Profile::Avpf;
        let retransmission = described.retransmission_types().get(track).copied().flatten();
        let server = self.server(token).ok_or(Status::INTERNAL_SERVER_ERROR)?;
        if let Part::Idle = server.part {
            let tracks = vec![None; tracks];
            let retransmissions = tracks.iter().map(|_| None).collect();
            let player = Player { stream: id, shard, tracks, retransmissions, child: None };
            server.part = Part::Player(player);
        }
        let Part::Player(player) = &mut server.part else {
            return Err(Status::METHOD_NOT_VALID_IN_THIS_STATE);
        };
        if player.stream != id {
            return Err(Status::AGGREGATE_OPERATION_NOT_ALLOWED);
        }
        if player.child.is_some() {
            return Err(Status::METHOD_NOT_VALID_IN_THIS_STATE);
        }
        let kind = std::mem::discriminant::<Chosen>;
        if player.tracks.iter().flatten().any(|other| kind(other) != kind(&setup.transport)) {
            return Err(Status::UNSUPPORTED_TRANSPORT);
        }
        let group = match setup.transport {
            Chosen::Multicast => Some(self.join_group(token, id, track)?),
            Chosen::Udp { .. } | Chosen::Tcp { .. } => None,
        };
        let player = self.player(token).ok_or(Status::INTERNAL_SERVER_ERROR)?;
        *player.tracks.get_mut(track).ok_or(Status::NOT_FOUND)? = Some(setup.transport);
        if let Some(agreed) = player.retransmissions.get_mut(track) {
            *agreed = retransmission.filter(|_| offered);
        }
        if let Chosen::Udp { client_rtp, client_rtcp } = setup.transport {
            // From now on they are nobody else's: it has been looked at above that they may be.
            let addresses = [client_rtp, client_rtcp].map(|port| SocketAddr::new(peer, port));
            self.reporters.hold(token, track, addresses);
        }
        Ok(Answer::Setup(SetupAnswer { track, server_port, group, source: None, ssrc }))
    }

    fn player(&mut self, token: Token) -> Option<&mut Player> {
        match &mut self.server(token)?.part {
            Part::Player(player) => Some(player),
            Part::Idle | Part::Publisher(_) => None,
        }
    }

    /// Whether a player may have packets sent to these ports of its address: no well-known ones, none
    /// that another player has named, playing or not yet (it could not tell the packets apart: all come from
    /// the same sockets), and none of our own, from which they would come in again.
    ///
    /// Of a publisher this is not asked: we send nothing to the ports that it names, but reports to where
    /// its own have come from; and behind a NAT many may name the same.
    fn may_send_to(&self, token: Token, peer: IpAddr, ports: &[u16]) -> bool {
        let local = self.io.local_addr(token).map(|local| local.ip());
        let here = peer.is_loopback() || local.is_ok_and(|local| local == peer);
        ports.iter().all(|port| {
            *port >= FIRST_USER_PORT
                && self.reporters.is_free(token, &SocketAddr::new(peer, *port))
                && !(here && self.is_own_port(*port))
        })
    }

    fn is_own_port(&self, port: u16) -> bool {
        let paired = |ports: (u16, u16)| port == ports.0 || port == ports.1;
        self.pairs.iter().any(|(_, pair)| paired(pair.ports))
            || self.shards.has_port(port)
            || self
                .ingests
                .keys()
                .any(|token| self.io.local_addr(*token).is_ok_and(|at| at.port() == port))
    }

    pub(super) fn play(&mut self, token: Token, asked: &Headers) -> Result<Answer, Status> {
        let player = self.player(token).ok_or(Status::METHOD_NOT_VALID_IN_THIS_STATE)?;
        let wanted: Vec<bool> = player.tracks.iter().map(Option::is_some).collect();
        let (id, multicast) = (player.stream, player.is_multicast());
        let mut headers = Headers::new();
        let points = if multicast {
            self.play_group(token, id)?
        } else {
            let (id, key) = self.child_of(token)?;
            let (points, resumed) = self.begin_child(id, key, asked.get(RESUME))?;
            if let Some(resumed) = resumed {
                headers.push(RESUME, resumed.to_string());
            }
            points
        };
        if let Some(live) = self.streams.get(&id) {
            headers.push(VIA, live.via.through(self.node).to_string());
        }
        let known = (0..).zip(points).zip(wanted).filter(|(_, wanted)| *wanted);
        let starts: Option<Vec<TrackStart>> = known
            .map(|((track, point), _)| {
                point.map(|(sequence, timestamp)| TrackStart { track, sequence, timestamp })
            })
            .collect();
        // live555 matches entries by their order: all tracks or none.
        let rtp_info = starts.unwrap_or_default();
        let range = Some(Range::from_start(std::time::Duration::ZERO));
        Ok(Answer::Play { range, rtp_info, headers })
    }

    /// Decides where a child begins: behind what it has, if it tells.
    fn begin_child(
        &mut self,
        id: StreamId,
        key: ChildKey,
        resume: Option<&str>,
    ) -> Result<(PlayPoint, Option<Resumed>), Status> {
        let start = self.config.start;
        let live = self.streams.get_mut(&id).ok_or(Status::SESSION_NOT_FOUND)?;
        let marks =
            resume.map(|value| Resume::parse(value).marks).filter(|marks| !marks.is_empty());
        let Some(marks) = marks else {
            let points = live.play(key, start).ok_or(Status::SESSION_NOT_FOUND)?;
            return Ok((points, None));
        };
        if live.orphaned.is_some() {
            // Nobody feeds this stream, and he who asks might come to be the one: a circle of two that have
            // nothing.
            return Err(Status::SERVICE_UNAVAILABLE);
        }
        match live.play_from(key, &marks) {
            Ok(Some(Continuation { start, replayed, .. })) => {
                Ok((start, Some(replayed.map_or(Resumed::Gone, Resumed::Replayed))))
            }
            Ok(None) => Err(Status::SESSION_NOT_FOUND),
            Err(OtherPackets) => Err(Status::PRECONDITION_FAILED),
        }
    }

    /// The child of a player; made at its first PLAY, when all its tracks are set up.
    fn child_of(&mut self, token: Token) -> Result<(StreamId, ChildKey), Status> {
        let connection = self.connections.get(&token).ok_or(Status::SESSION_NOT_FOUND)?;
        let peer = connection.peer;
        let Role::Server(server) = &connection.role else {
            return Err(Status::METHOD_NOT_VALID_IN_THIS_STATE);
        };
        let Part::Player(player) = &server.part else {
            return Err(Status::METHOD_NOT_VALID_IN_THIS_STATE);
        };
        let id = player.stream;
        if let Some(key) = player.child {
            return Ok((id, key));
        }
        let (tracks, retransmissions) = (player.tracks.clone(), player.retransmissions.clone());
        let shard = player.shard;
        let transport = self.transport_of(token, peer, &tracks, &retransmissions)?;
        let name = transport.name();
        let mut reporters = None;
        if let Transport::Udp { targets } = &transport {
            let addresses = targets.iter().flatten().map(|target| target.rtcp.addr());
            reporters = Some((token, addresses.collect()));
        }
        let live = self.streams.get(&id).filter(|live| live.ended.is_none());
        let path = live.ok_or(Status::NOT_FOUND)?.path.clone();
        let child = (transport, self.config.limits.of_child(), 0);
        let key = self.add_child_on(id, shard, child, reporters).ok_or(Status::NOT_FOUND)?;
        if let Some(player) = self.player(token) {
            player.child = Some(key);
        }
        self.tell(Event::ChildStarted { path, peer: peer.to_string(), transport: name });
        Ok((id, key))
    }

    fn transport_of(
        &mut self,
        token: Token,
        peer: SocketAddr,
        tracks: &[Option<Chosen>],
        retransmissions: &[Option<u8>],
    ) -> Result<Transport, Status> {
        let interleaved =
            tracks.iter().flatten().any(|chosen| matches!(chosen, Chosen::Tcp { .. }));
        if interleaved {
            let channels = tracks.iter().map(|chosen| match chosen {
                Some(Chosen::Tcp { rtp, rtcp }) => Some((*rtp, *rtcp)),
                _ => None,
            });
            return Ok(Transport::Tcp { conn: token, layout: Layout::new(channels.collect()) });
        }
        let local = self.io.local_addr(token).map_err(|_| Status::INTERNAL_SERVER_ERROR)?.ip();
        let shard = self.player(token).and_then(|player| player.shard);
        let (pair, _) = self.pair_on(shard, local).map_err(|_| Status::SERVICE_UNAVAILABLE)?;
        // Only ever to the address that the request came from: a server that sends where it is
        // told to is a weapon.
        let to = |port| Destination::new(SocketAddr::new(peer.ip(), port));
        let targets = tracks.iter().zip(retransmissions).map(|(chosen, agreed)| match chosen {
            Some(Chosen::Udp { client_rtp, client_rtcp }) => {
                let (rtp, rtcp) = (to(*client_rtp), to(*client_rtcp));
                Some(Target { pair, rtp, rtcp, retransmission: *agreed })
            }
            _ => None,
        });
        Ok(Transport::Udp { targets: targets.collect() })
    }

    pub(super) fn pause(&mut self, token: Token) -> Result<Answer, Status> {
        if let Some(id) = self.player(token).filter(|p| p.is_multicast()).map(|p| p.stream) {
            self.pause_group(token, id);
            return Ok(Answer::Done);
        }
        let child = self.connections.get(&token).and_then(|connection| connection.role.child());
        if let Some((id, key)) = child {
            self.pause_child_of(id, key);
        }
        Ok(Answer::Done)
    }

    /// Some of a player's tracks end; the others go on.
    pub(super) fn tear_down_tracks(
        &mut self,
        token: Token,
        tracks: &[usize],
    ) -> Result<Answer, Status> {
        let now = self.io.now();
        let server = self.server(token).ok_or(Status::SESSION_NOT_FOUND)?;
        let Part::Player(player) = &mut server.part else { return Ok(Answer::Done) };
        let shared = player.is_multicast();
        for track in tracks {
            if let Some(transport) = player.tracks.get_mut(*track) {
                *transport = None;
            }
        }
        // Others may still listen to what one leaves.
        let (id, child) = (player.stream, player.child.filter(|_| !shared));
        for track in tracks {
            self.reporters.let_go(token, *track);
        }
        if child.is_some_and(|key| self.drop_distant_tracks(id, key, tracks)) {
            return Ok(Answer::Done);
        }
        let Worker { io, connections, pairs, streams, .. } = self;
        if let (Some(key), Some(live)) = (child, streams.get_mut(&id)) {
            let sockets = &mut Sockets { io: &mut **io, connections, pairs };
            live.stream.drop_tracks(key, tracks, now, sockets);
        }
        Ok(Answer::Done)
    }

    /// The answer to PLAY is on its way: media may follow.
    pub(super) fn kick(&mut self, token: Token) {
        let child = self.connections.get(&token).and_then(|connection| connection.role.child());
        if let Some((id, key)) = child {
            self.kick_child(id, key);
        }
    }
}
