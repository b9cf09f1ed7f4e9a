//! Streams, and the sockets that feed them.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::io::{Datagram, Io, Lanes, Received, Token};
use crate::media::rtp;
use crate::relay::{ChildKey, Kind, PREFIX, Packet, Stream, canonical_channel};
use crate::ring::{Filling, Pool, Span};
use crate::rtsp::Via;
use crate::stats::{Cause, ChildLedger, Histogram};

use super::asking::Feeder;
use super::command::StreamId;
use super::fallback::StandIn;
use super::figures::StreamFigures;
use super::shards::Distant;
use super::upstreams::Rhythm;

/// A stream that the engine serves.
pub(super) struct Live {
    pub(super) path: String,
    /// Where it comes from, for people.
    pub(super) from: String,
    pub(super) stream: Stream,
    /// The servers through which it has come.
    pub(super) via: Via,
    pub(super) pool: Pool,
    /// Who is asked for what the stream lacks.
    pub(super) feeder: Feeder,
    /// Another stream that feeds this one while it has no publisher, or while his first key frame is
    /// awaited.
    pub(super) stand_in: Option<StandIn>,
    /// What this process feeds it has to be made to fit behind what others have fed before, in copies,
    /// and where these are made.
    pub(super) renumbered: Option<Option<Filling>>,
    /// It was said that its fallback cannot stand in.
    pub(super) fallback_unfit: bool,
    /// How regularly it comes.
    pub(super) rhythm: Rhythm,
    /// It is among the streams that are looked at each tick.
    pub(super) ticking: bool,
    /// Since when it has no source. It may come back.
    pub(super) orphaned: Option<Duration>,
    /// When the last of its packets came in; from then on its children only drain.
    pub(super) ended: Option<Duration>,
    /// The children that other threads serve.
    pub(super) distant: HashMap<ChildKey, Distant>,
    /// How long batches stayed here.
    pub(super) latency: Histogram,
    former: ChildLedger,
}

impl Live {
    pub(super) fn new(path: String, from: String, stream: Stream, buffer: usize) -> Live {
        let pool = Pool::new(Pool::CHUNK_SIZE, buffer.div_ceil(Pool::CHUNK_SIZE).max(4));
        Live {
            path,
            from,
            stream,
            via: Via::default(),
            pool,
            feeder: Feeder::default(),
            stand_in: None,
            renumbered: None,
            fallback_unfit: false,
            rhythm: Rhythm::default(),
            ticking: false,
            orphaned: None,
            ended: None,
            distant: HashMap::new(),
            latency: Histogram::default(),
            former: ChildLedger::default(),
        }
    }

    /// A buffer to fill, made free by giving up old packets if need be. `None` when readers hold
    /// them all.
    pub(super) fn filling(&mut self) -> Option<Filling> {
        let Live { pool, stream, .. } = self;
        pool.take().or_else(|| make_room(stream, || pool.take()))
    }

    /// The same for the source in this process that feeds the stream, of its own buffers.
    pub(super) fn filling_of_source(&mut self) -> Option<Filling> {
        let Feeder::Program(supply) = &self.feeder else { return None };
        make_room(&mut self.stream, || supply.take())
    }

    /// Adds up the accounts of children that leave.
    pub(super) fn remember(&mut self, ledger: ChildLedger) {
        self.former.add(&ledger);
    }

    pub(super) fn figures(&mut self) -> StreamFigures {
        StreamFigures {
            path: self.path.clone(),
            from: self.from.clone(),
            ended: self.ended.is_some(),
            ledger: *self.stream.ledger(),
            tracks: self.stream.track_figures(),
            children: self.stream.child_figures(),
            former_children: self.former,
            latency: self.latency.clone(),
        }
    }

    /// Takes one interleaved frame off the front of `filling` as a packet, in place; `frame` is its
    /// length with its header. False when the bytes are not there.
    pub(super) fn ingest_interleaved(
        &mut self,
        filling: &mut Filling,
        frame: usize,
        track: u8,
        kind: Kind,
        now: Duration,
    ) -> bool {
        let Some([_, channel, _, _, packet @ ..]) = filling.filled_mut().get_mut(..frame) else {
            return false;
        };
        *channel = canonical_channel(track, kind);
        if kind == Kind::Rtp {
            self.stream.splice(track, packet, true, now);
        }
        let Some(framed) = filling.split(frame) else { return false };
        match Packet::framed(framed, kind, track, now) {
            Some(packet) => self.stream.ingest(packet),
            None => self.stream.count_drop(Cause::Malformed, 1),
        }
        true
    }

    /// As [`ingest_interleaved`](Live::ingest_interleaved), for a frame that is not in one of the
    /// stream's buffers: media is dropped, since there is none; reports are small and copied.
    pub(super) fn ingest_outside(&mut self, frame: &[u8], track: u8, kind: Kind, now: Duration) {
        let Some(data) = frame.get(PREFIX..) else { return };
        match kind {
            Kind::Rtp => self.stream.count_drop(Cause::PoolSpent, 1),
            Kind::Rtcp => {
                let packet = Packet::new(Span::copy_from_slice(data), kind, track, now);
                self.stream.ingest(packet);
            }
        }
    }
}

/// Has a stream give up old packets until there is a buffer: twice at most, as the oldest buffer may hold somewhat
/// more than what it gives up at once.
fn make_room(stream: &mut Stream, mut take: impl FnMut() -> Option<Filling>) -> Option<Filling> {
    (0..2).find_map(|_| {
        stream.make_room();
        take()
    })
}

/// Who may send to a UDP socket.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sender {
    /// Anybody: plain RTP.
    Any,
    /// Whoever has been agreed on by RTSP, and nobody else on his machine: from the port that was
    /// named, or, behind a NAT that changes it, from the one that is heard first.
    Agreed {
        /// His address.
        ip: IpAddr,
        /// The port that was named.
        port: Option<u16>,
        /// Where he was heard from.
        heard: Option<u16>,
    },
}

impl Sender {
    /// Whether a datagram is from him.
    fn accepts(&mut self, from: SocketAddr) -> bool {
        let Sender::Agreed { ip, port, heard } = self else { return true };
        if *ip != from.ip() {
            return false;
        }
        if *port == Some(from.port()) {
            *heard = *port;
        }
        *heard.get_or_insert(from.port()) == from.port()
    }
}

/// What one batch was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// Something of the publisher's was there.
    pub(super) heard: bool,
    /// Nothing was there, of nobody, and nothing is on its way from the kernel.
    pub(super) empty: bool,
    pub(super) bytes: u64,
}

impl Taken {
    fn of(received: &Received, heard: bool) -> Taken {
        Taken { heard, empty: received.is_empty() && !received.more, bytes: received.bytes }
    }
}

/// A UDP socket from which a stream is fed.
pub(super) struct Ingest {
    pub(super) stream: StreamId,
    pub(super) track: u8,
    pub(super) kind: Kind,
    /// Where packets may come from.
    pub(super) sender: Sender,
    /// The RTSP connection that these packets keep alive.
    pub(super) session: Option<Token>,
    /// Where to send reports: learnt from RTSP, or from the first packet.
    pub(super) reports_to: Option<SocketAddr>,
    pub(super) next_report: Duration,
    lanes: Lanes,
}

impl Ingest {
    pub(super) fn new(stream: StreamId, track: u8, kind: Kind, sender: Sender) -> Ingest {
        let lanes = Lanes::default();
        let next_report = Duration::ZERO;
        Ingest { stream, track, kind, sender, session: None, reports_to: None, next_report, lanes }
    }

    /// Takes one batch from the socket into the stream.
    pub(super) fn receive(
        &mut self,
        token: Token,
        live: &mut Live,
        io: &mut dyn Io,
        datagrams: &mut Vec<Datagram>,
    ) -> std::io::Result<Taken> {
        match self.kind {
            Kind::Rtp => self.receive_media(token, live, io, datagrams),
            Kind::Rtcp => self.receive_reports(token, live, io),
        }
    }

    fn receive_media(
        &mut self,
        token: Token,
        live: &mut Live,
        io: &mut dyn Io,
        datagrams: &mut Vec<Datagram>,
    ) -> std::io::Result<Taken> {
        let (now, track) = (io.now(), self.track);
        let chosen = self.session.is_some();
        if self.lanes.needs_chunk(&live.pool) {
            // Old packets make room before new ones are lost.
            drop(live.filling());
        }
        let Live { pool, stream, .. } = &mut *live;
        let sender = &mut self.sender;
        let mut inspect = |data: &mut [u8], segment: usize, from: SocketAddr| {
            if !sender.accepts(from) {
                return false;
            }
            for packet in data.chunks_mut(segment.max(1)).filter(|packet| !rtp::is_rtcp(packet)) {
                stream.splice(track, packet, chosen, now);
            }
            true
        };
        let received = io.receive_with(token, &mut self.lanes, pool, &mut inspect, datagrams)?;
        for datagram in datagrams.drain(..) {
            // A muxed report (RFC 5761) comes by itself, not in an aggregate of media packets of
            // one size; if it does come in one, its own second byte tells.
            for span in datagram.segments() {
                let kind = if rtp::is_rtcp(&span) { Kind::Rtcp } else { Kind::Rtp };
                let packet = Packet::new(span, kind, self.track, datagram.arrival);
                match kind {
                    Kind::Rtp => live.stream.ingest_datagram(packet),
                    Kind::Rtcp => live.stream.ingest(packet),
                }
            }
        }
        count_losses(live, &received);
        if received.no_buffer > 0 {
            live.stream.make_room();
        }
        Ok(Taken::of(&received, received.packets > 0))
    }

    fn receive_reports(
        &mut self,
        token: Token,
        live: &mut Live,
        io: &mut dyn Io,
    ) -> std::io::Result<Taken> {
        let now = io.now();
        let (sender, track) = (&mut self.sender, self.track);
        let mut heard = None;
        let received = io.receive_small(token, &mut |data, from| {
            if !sender.accepts(from) {
                live.stream.count_drop(Cause::Stranger, 1);
                return;
            }
            heard = Some(from);
            live.stream.ingest(Packet::new(Span::copy_from_slice(data), Kind::Rtcp, track, now));
        })?;
        count_losses(live, &received);
        self.reports_to = self.reports_to.or(heard);
        Ok(Taken::of(&received, heard.is_some()))
    }
}

fn count_losses(live: &mut Live, received: &Received) {
    live.stream.count_drop(Cause::Stranger, received.refused);
    live.stream.count_drop(Cause::PoolSpent, received.no_buffer);
    live.stream.count_drop(Cause::Truncated, received.truncated);
    live.stream.count_drop(Cause::KernelBuffer, received.overflow);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_on_the_publishers_machine_is_heard_once_he_is() {
        let ip = IpAddr::from([192, 0, 2, 1]);
        let from = |port| SocketAddr::new(ip, port);
        let mut sender = Sender::Agreed { ip, port: Some(5000), heard: None };
        assert!(sender.accepts(from(5000)) && !sender.accepts(from(6000)));
        assert!(!sender.accepts(SocketAddr::from(([192, 0, 2, 2], 5000))));
        // Behind a NAT the port is another one; the one that was named is always his.
        let mut sender = Sender::Agreed { ip, port: Some(5000), heard: None };
        assert!(sender.accepts(from(6000)) && !sender.accepts(from(7000)));
        assert!(sender.accepts(from(5000)) && !sender.accepts(from(6000)));
    }
}
