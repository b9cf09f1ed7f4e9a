//! What all players together have received.

use std::time::Duration;

use super::player::{Player, State, Transport};
use super::receiver::{Kind, Latencies};

/// Where a load stands, for a live display.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    /// Players that have received a whole key frame.
    pub(crate) playing: usize,
    /// Players that have ended although nobody asked them to.
    pub(crate) failed: usize,
    /// Why the first of these ended.
    pub(crate) failure: Option<String>,
    /// By transport.
    pub(crate) udp: Sums,
    /// By transport.
    pub(crate) tcp: Sums,
}

/// Sums over the players of one transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    /// Players that have received a whole key frame.
    pub(crate) players: u64,
    /// Video frames.
    pub(crate) frames: u64,
    /// RTP packets of all tracks.
    pub(crate) packets: u64,
    /// Bytes of these.
    pub(crate) bytes: u64,
    /// Packets missing.
    pub(crate) lost: u64,
    /// Packets that came twice.
    pub(crate) duplicates: u64,
    /// Frames with something missing.
    pub(crate) damaged: u64,
    /// Datagrams dropped by the kernel at the players' own sockets.
    pub(crate) overflow: u64,
}

/// What was measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// How long frames and latencies were counted.
    pub(crate) seconds: f64,
    /// Totals since the players began, not only while it was measured: loss is never forgiven.
    pub(crate) total: Snapshot,
    /// Packets received while it was measured.
    pub(crate) packets: u64,
    /// Bits of RTP packets received while it was measured.
    pub(crate) bits: u64,
    /// Frames a second, one number per player, sorted.
    pub(crate) frame_rates: Vec<f64>,
    /// From PLAY to the last packet of the first key frame, one per player, sorted.
    pub(crate) first_key: Vec<Duration>,
    /// From PLAY to the first packet, one per player, sorted.
    pub(crate) first_packet: Vec<Duration>,
    /// From the beginning of the connection to the last packet of the first key frame, sorted.
    pub(crate) connect_to_key: Vec<Duration>,
    /// Latencies of whole frames.
    pub(crate) latencies: Latencies,
}

impl Report {
    /// Sorted values' quantile (nearest rank); None for no values.
    pub(crate) fn quantile<T: Copy>(sorted: &[T], quantile: f64) -> Option<T> {
        let rank = (quantile.clamp(0.0, 1.0) * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.max(1) - 1).copied()
    }
}

impl Player {
    /// Video frames whose last packet came; of all tracks where there is no video.
    pub(super) fn frames(&self) -> u64 {
        let video = |frames: u64, track: &super::player::Track| match track.receiver.kind {
            Kind::H264 => frames + track.flow().frames(),
            Kind::Other => frames,
        };
        if self.tracks.iter().any(|track| track.receiver.kind == Kind::H264) {
            self.tracks.iter().fold(0, video)
        } else {
            self.tracks.iter().map(|track| track.flow().frames()).sum()
        }
    }

    /// RTP packets of all tracks.
    pub(super) fn packets(&self) -> u64 {
        self.tracks.iter().map(|track| track.flow().packets()).sum()
    }

    /// Bytes of RTP packets of all tracks.
    pub(super) fn bytes(&self) -> u64 {
        self.tracks.iter().map(|track| track.flow().bytes()).sum()
    }
}

/// Adds all players up.
pub(super) fn snapshot(players: &[Player]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for player in players {
        let playing = player.times.first_key.is_some();
        snapshot.playing += usize::from(playing);
        if let State::Failed(reason) = &player.state {
            snapshot.failed += 1;
            snapshot.failure.get_or_insert_with(|| reason.clone());
        }
        let sums = match player.transport {
            Transport::Udp => &mut snapshot.udp,
            Transport::Tcp => &mut snapshot.tcp,
        };
        sums.players += u64::from(playing);
        sums.frames += player.frames();
        for track in &player.tracks {
            let flow = track.flow();
            sums.packets += flow.packets();
            sums.bytes += flow.bytes();
            sums.lost += flow.lost();
            sums.duplicates += flow.duplicates();
            sums.damaged += flow.damaged();
            sums.overflow += u64::from(track.overflow);
        }
    }
    snapshot
}
