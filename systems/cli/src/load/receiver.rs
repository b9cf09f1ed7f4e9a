//! What one player does with each RTP packet of one track.

use std::time::{Duration, Instant, SystemTime};

use rillcast::media::{h264, rtp, sdp};

use super::clock::Clocks;
use super::flow::{Flow, Times};
use super::histogram::Histogram;
use super::player::Transport;

/// What all players share while they look at packets.
pub(super) struct PacketContext {
    /// When the packets at hand were read.
    pub(super) now: Instant,
    /// Where the sessions' time begins.
    pub(super) epoch: Instant,
    /// The same moment on two clocks, by which the picture's clock is understood.
    pub(super) wall: (SystemTime, Instant),
    pub(super) clocks: Clocks,
    /// Whether latencies are being collected.
    pub(super) measuring: bool,
    pub(super) latencies: Latencies,
}

/// Whole-frame latencies: from an origin to when the frame's last packet was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies {
    /// From the relay being given the frame, UDP players.
    pub(crate) added_udp: Histogram,
    /// From the relay being given the frame, TCP players.
    pub(crate) added_tcp: Histogram,
    /// From the picture having been made, all players.
    pub(crate) captured: Histogram,
}

impl PacketContext {
    /// A wall-clock time as an instant of this process.
    fn instant(&self, time: SystemTime) -> Instant {
        let (wall, instant) = self.wall;
        match time.duration_since(wall) {
            Ok(later) => instant + later,
            Err(earlier) => instant.checked_sub(earlier.duration()).unwrap_or(instant),
        }
    }

    fn frame_ended(&mut self, timestamp: u32, transport: Transport) {
        let Some(origin) = self.clocks.origin(timestamp) else { return };
        let since = |origin: Instant| self.now.saturating_duration_since(origin);
        self.latencies.captured.record(since(origin.captured));
        if let Some(published) = origin.published {
            let added: Duration = since(published);
            match transport {
                Transport::Udp => self.latencies.added_udp.record(added),
                Transport::Tcp => self.latencies.added_tcp.record(added),
            }
        }
    }
}

/// One track of one player.
pub(super) struct Receiver {
    pub(super) flow: Flow,
    pub(super) kind: Kind,
    /// The frame at hand is one that decoding can start with.
    key: bool,
}

/// What a track is to a player that decodes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Has key frames, and perhaps a clock.
    H264,
    /// Any other.
    Other,
}

impl Receiver {
    pub(super) fn new(media: &sdp::Media) -> Receiver {
        let kind = if crate::play::is_h264(media) { Kind::H264 } else { Kind::Other };
        Receiver { flow: Flow::default(), kind, key: false }
    }

    /// Counts one packet.
    pub(super) fn packet(
        &mut self,
        packet: &[u8],
        header: &rtp::Header,
        transport: Transport,
        times: &mut Times,
        context: &mut PacketContext,
    ) {
        times.first_packet.get_or_insert(context.now);
        let progress =
            self.flow.packet(header.sequence, header.timestamp, header.marker, packet.len());
        if self.kind != Kind::H264 {
            return;
        }
        let payload = packet.get(header.payload.clone()).unwrap_or_default();
        if times.first_key.is_none() {
            self.key |= h264::inspect(payload).key;
        }
        if progress.head
            && context.clocks.origin(progress.timestamp).is_none()
            && let Some(stamp) = crate::source::clock::find(payload)
        {
            let captured = context.instant(stamp.captured);
            context.clocks.note(progress.timestamp, stamp.frame, captured);
        }
        let Some(ended) = progress.ended else { return };
        if ended.whole && self.key {
            times.first_key.get_or_insert(context.now);
        }
        self.key = false;
        if ended.whole && context.measuring {
            context.frame_ended(progress.timestamp, transport);
        }
    }
}
