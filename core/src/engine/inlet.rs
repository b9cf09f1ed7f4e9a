//! Sockets by which streams come in over UDP.

use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::io::{Run, Token, UdpOptions};
use crate::media::sdp;
use crate::relay::{Kind, MAX_BACKLOG};

use super::asking::Feeder;
use super::children::{ChildOptions, Receiver};
use super::command::StreamId;
use super::error::Error;
use super::media::{Ingest, Sender};
use super::worker::Worker;

/// Ports of a pair of sockets, and the sockets with the track and kind that they are for.
pub(super) type Inlet = ((u16, u16), [(Token, u8, Kind); 2]);

/// How often those who send to us over UDP are told what arrives.
const REPORTS: Duration = Duration::from_secs(5);
/// What is still read from the socket of a source that is gone, in batches and bytes: more than its buffer
/// holds, and not without end when somebody goes on sending.
const LAST_BATCHES: usize = 512;
const LAST_BYTES: u64 = 8 << 20;

fn cannot_bind(source: std::io::Error) -> Error {
    Error::Io { doing: "bind a pair of UDP ports", source }
}

impl Worker {
    /// Binds a pair of sockets for a track. They are not listened to before
    /// [`open_inlet`](Worker::open_inlet).
    pub(super) fn bind_inlet(&mut self, local: IpAddr, track: u8) -> Result<Inlet, Error> {
        let options = self.config.udp.clone();
        let (rtp, rtcp) = self.io.bind_udp_pair(local, &options).map_err(cannot_bind)?;
        for socket in [rtp.token, rtcp.token] {
            self.io.set_reading(socket, false).map_err(cannot_bind)?;
        }
        let ports = (rtp.local_addr.port(), rtcp.local_addr.port());
        Ok((ports, [(rtp.token, track, Kind::Rtp), (rtcp.token, track, Kind::Rtcp)]))
    }

    /// From now on the socket feeds its stream.
    pub(super) fn open_inlet(&mut self, socket: Token, ingest: Ingest) {
        self.add_ingest(socket, ingest);
        if let Err(error) = self.io.set_reading(socket, true) {
            tracing::warn!(%error, "a media socket cannot be listened to");
        }
    }

    /// Closes sockets by which a stream came, or was to come.
    pub(super) fn close_inlets(&mut self, sockets: Vec<Token>) {
        for socket in sockets {
            self.ingests.remove(&socket);
            self.close_socket(socket);
        }
    }

    /// As [`close_inlets`](Worker::close_inlets), for all those of a stream, whose source is gone. What it
    /// has sent before and nobody has read yet is taken in: the word that it goes comes by another socket.
    pub(super) fn close_inlets_of(&mut self, id: StreamId) {
        let fed = self.ingests.iter().filter(|(_, ingest)| ingest.stream == id);
        let sockets: Vec<Token> = fed.map(|(socket, _)| *socket).collect();
        for socket in &sockets {
            self.empty_inlet(*socket, id);
        }
        if let Some(live) = self.streams.get_mut(&id).filter(|_| !sockets.is_empty()) {
            // Nobody is left to send what is missing.
            live.stream.release_held();
        }
        self.fan_out(id);
        self.close_inlets(sockets);
    }

    fn empty_inlet(&mut self, socket: Token, id: StreamId) {
        let mut bytes = 0;
        for _ in 0..LAST_BATCHES {
            match self.take_batch(socket).filter(|taken| !taken.empty) {
                Some(taken) if bytes < LAST_BYTES => bytes += taken.bytes,
                Some(_) | None => return,
            }
            if self.streams.get(&id).is_some_and(|live| live.stream.backlog() >= MAX_BACKLOG) {
                self.fan_out(id);
            }
        }
    }

    /// As [`close_inlets`](Worker::close_inlets), for all those that an RTSP connection has agreed on.
    pub(super) fn close_inlets_by(&mut self, session: Token) {
        let fed = self.ingests.iter().filter(|(_, ingest)| ingest.session == Some(session));
        let sockets = fed.map(|(socket, _)| *socket).collect();
        self.close_inlets(sockets);
    }

    /// Opens the way through a NAT for what a server will send, as FFmpeg does it: an empty RTP
    /// packet to its RTP port, an empty receiver report to its RTCP port.
    pub(super) fn punch(&mut self, socket: Token, kind: Kind, rtp: SocketAddr, rtcp: SocketAddr) {
        const EMPTY_RTP: [u8; 12] = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        const EMPTY_REPORT: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 0];
        let (data, to): (&[u8], _) = match kind {
            Kind::Rtp => (&EMPTY_RTP, rtp),
            Kind::Rtcp => (&EMPTY_REPORT, rtcp),
        };
        let slices = [IoSlice::new(data)];
        let sent = self.io.fan_out(socket, &[Run::new(&slices, 0)], &[to.into()], &mut Vec::new());
        if let Err(error) = sent {
            tracing::debug!(%error, "a way through a NAT could not be opened");
        }
    }

    /// Tells those who send to us over UDP what arrives (RFC 3550 §6): some stop when they hear
    /// nothing.
    pub(super) fn send_reports(&mut self, now: Duration) {
        let Worker { io, ingests, streams, reporter, .. } = self;
        for (socket, ingest) in ingests {
            let Some(to) = ingest.reports_to.filter(|_| ingest.next_report <= now) else {
                continue;
            };
            ingest.next_report = now + REPORTS;
            let report = streams
                .get_mut(&ingest.stream)
                .and_then(|live| live.stream.receiver_report(ingest.track, *reporter, now));
            let Some(report) = report else { continue };
            let slices = [IoSlice::new(&report)];
            let sent = io.fan_out(*socket, &[Run::new(&slices, 0)], &[to.into()], &mut Vec::new());
            if let Err(error) = sent {
                tracing::debug!(%error, "a receiver report could not be sent");
            }
        }
    }

    /// Makes a stream of plain RTP that a description tells of: ports and perhaps addresses.
    pub(super) fn ingest_rtp(&mut self, path: String, session: sdp::Session) -> Result<(), Error> {
        if self.has_source(&path) {
            return Err(Error::PathTaken(path));
        }
        let mut sockets: Vec<(Token, u8, Kind)> = Vec::new();
        let bound = self.bind_described(&session, &mut sockets);
        let id = match bound.and_then(|()| self.resume_or_add(path, "plain RTP".into(), session)) {
            Ok(id) => id,
            Err(error) => {
                for (socket, _, _) in sockets {
                    self.io.close(socket);
                }
                return Err(error);
            }
        };
        if let Some(live) = self.streams.get_mut(&id) {
            live.feeder = Feeder::Sockets;
        }
        for (socket, track, kind) in sockets {
            self.open_inlet(socket, Ingest::new(id, track, kind, Sender::Any));
        }
        Ok(())
    }

    fn bind_described(
        &mut self,
        session: &sdp::Session,
        sockets: &mut Vec<(Token, u8, Kind)>,
    ) -> Result<(), Error> {
        let media = UdpOptions { gro: true, ..self.config.udp.clone() };
        let reports = UdpOptions { gro: false, recv_buffer: 0, send_buffer: 0, multicast: None };
        for (track, described) in (0u8..).zip(&session.media) {
            if described.port == 0 {
                return Err(Error::Session(format!("track {track} names no port to receive at")));
            }
            let local = local_address(session, described)?;
            let report_port = described.rtcp_port().ok_or_else(|| {
                Error::Session(format!("track {track} leaves no port above it for RTCP"))
            })?;
            let ports = [(described.port, Kind::Rtp, &media), (report_port, Kind::Rtcp, &reports)];
            // Multiplexed (RFC 5761), reports come in at the port of RTP.
            let count = if report_port == described.port { 1 } else { 2 };
            for (port, kind, options) in ports.into_iter().take(count) {
                let socket =
                    self.io.bind_udp(SocketAddr::new(local, port), options).map_err(cannot_bind)?;
                sockets.push((socket.token, track, kind));
            }
        }
        Ok(())
    }

    /// Sends a stream as plain RTP.
    pub(super) fn send_rtp(
        &mut self,
        path: &str,
        addresses: Vec<(SocketAddr, SocketAddr)>,
    ) -> Result<(), Error> {
        let addresses = addresses.into_iter().map(Some).collect();
        let options = ChildOptions { start: self.config.start, ..ChildOptions::default() };
        self.add_child(path, Receiver::Udp(addresses), options).map(drop)
    }
}

/// The address to bind for a track: the one of its `c=` line where that is one of ours, as for
/// loopback; else all addresses of that family.
fn local_address(session: &sdp::Session, media: &sdp::Media) -> Result<IpAddr, Error> {
    let Some(connection) = session.connection_of(media) else {
        return Ok(IpAddr::from([0, 0, 0, 0]));
    };
    if connection.is_multicast() {
        return Err(Error::Session(format!(
            "{} is a multicast group; only unicast can be received",
            connection.address
        )));
    }
    match connection.ip() {
        Some(ip) if ip.is_loopback() => Ok(ip),
        Some(ip) => Ok(unspecified(ip)),
        None => Ok(IpAddr::from([0, 0, 0, 0])),
    }
}

pub(super) fn unspecified(of_family: IpAddr) -> IpAddr {
    match of_family {
        IpAddr::V4(_) => IpAddr::from([0, 0, 0, 0]),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    }
}
