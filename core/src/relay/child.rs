//! One receiver of a stream.

use std::net::SocketAddr;
use std::time::Duration;

use crate::io::Destination;
use crate::stats::ChildLedger;

use super::egress::{ConnId, PairId};
use super::resend::Allowance;
use super::retransmission::Retransmission;
use super::tcp::Layout;

/// Names a child within its stream. A key is used again after the child was removed.
pub type ChildKey = usize;

/// Where a UDP child receives one track.
#[derive(Clone, Debug)]
pub struct Target {
    /// The pair of sockets to send from.
    pub pair: PairId,
    /// Address for RTP.
    pub rtp: Destination,
    /// Address for RTCP.
    pub rtcp: Destination,
    /// Payload type of packets sent again, where it was agreed that they go in a stream of their own
    /// (RFC 4588). Without it they are sent again as they were.
    pub retransmission: Option<u8>,
}

/// How a child receives.
#[derive(Clone, Debug)]
pub enum Transport {
    /// Datagrams; one target per track, `None` where not set up.
    Udp {
        /// Targets by track.
        targets: Vec<Option<Target>>,
    },
    /// Interleaved in an RTSP connection (RFC 2326 §10.12).
    Tcp {
        /// The connection.
        conn: ConnId,
        /// Its channels by track.
        layout: Layout,
    },
}

impl Transport {
    /// `udp`, `multicast` or `tcp`.
    pub fn name(&self) -> &'static str {
        let group = |target: &Target| target.rtp.addr().ip().is_multicast();
        match self {
            Transport::Udp { targets } if targets.iter().flatten().any(group) => "multicast",
            Transport::Udp { .. } => "udp",
            Transport::Tcp { .. } => "tcp",
        }
    }

    /// Where its datagrams go: the address for RTP of its first track.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match self {
            Transport::Udp { targets } => targets.iter().flatten().next().map(|to| to.rtp.addr()),
            Transport::Tcp { .. } => None,
        }
    }

    pub(super) fn drop_tracks(&mut self, tracks: &[usize]) {
        match self {
            Transport::Udp { targets } => {
                for track in tracks {
                    if let Some(target) = targets.get_mut(*track) {
                        *target = None;
                    }
                }
            }
            Transport::Tcp { layout, .. } => *layout = layout.without(tracks),
        }
    }

    fn retransmissions(&self) -> Vec<Option<Retransmission>> {
        let agreed =
            |target: &Option<Target>| Some(Retransmission::new(target.as_ref()?.retransmission?));
        match self {
            Transport::Udp { targets } if targets.iter().any(|target| agreed(target).is_some()) => {
                targets.iter().map(agreed).collect()
            }
            Transport::Udp { .. } | Transport::Tcp { .. } => Vec::new(),
        }
    }

    /// Whether a track is set up.
    pub fn wants(&self, track: u8) -> bool {
        match self {
            Transport::Udp { targets } => {
                targets.get(usize::from(track)).is_some_and(Option::is_some)
            }
            Transport::Tcp { layout, .. } => layout.wants(track),
        }
    }
}

/// Where in the stream a new child begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With everything since the newest key frame, at once.
    #[default]
    KeyFrame,
    /// With the next packet that comes in.
    Live,
}

/// What bounds one child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildLimits {
    /// How far its connection may lag behind before it is skipped to the newest key frame.
    pub max_lag: Duration,
    /// How long its connection may take nothing at all before it is cut off.
    pub cut_off: Duration,
    /// Bytes sent to it in one millisecond while it is a UDP child that has just come.
    pub burst: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Set up but not playing.
    Paused,
    /// Playing, but no key frame is in the ring yet.
    AwaitingKey,
    /// Told where it begins, but nothing is sent yet: the answer to PLAY goes first.
    Starting,
    /// Behind the stream, with a cursor of its own.
    Behind,
    /// At the stream's own cursor: served with its group.
    Live,
}

#[derive(Clone, Debug)]
pub(super) struct Child {
    pub(super) transport: Transport,
    pub(super) limits: ChildLimits,
    pub(super) tag: u64,
    pub(super) state: State,
    /// Next position for this child; stale while a UDP child is live (the group's counts).
    pub(super) cursor: u64,
    /// The connection took less than it was given; it will say when it can take more.
    pub(super) blocked: bool,
    /// When the connection last took a byte, or the child was last up to date.
    pub(super) progress: Duration,
    /// Packets handed to the way out, those refused there included.
    pub(super) attempted: u64,
    pub(super) unwanted: u64,
    pub(super) too_slow: u64,
    pub(super) refused: u64,
    /// Positions passed before the present stretch of playing, and extra reports sent.
    pub(super) offered: u64,
    /// Where the present stretch of playing began.
    pub(super) origin: u64,
    /// Where in the ring the stream was when its last burst went out.
    pub(super) paced: u64,
    /// How much may be sent again.
    pub(super) allowance: Allowance,
    /// Packets sent again.
    pub(super) resent: u64,
    /// Streams in which they are, by track; empty where none was agreed.
    pub(super) retransmissions: Vec<Option<Retransmission>>,
}

impl Child {
    pub(super) fn new(transport: Transport, limits: ChildLimits, tag: u64, now: Duration) -> Child {
        let retransmissions = transport.retransmissions();
        Child {
            transport,
            limits,
            tag,
            state: State::Paused,
            cursor: 0,
            blocked: false,
            progress: now,
            attempted: 0,
            unwanted: 0,
            too_slow: 0,
            refused: 0,
            offered: 0,
            origin: 0,
            paced: 0,
            allowance: Allowance::default(),
            resent: 0,
            retransmissions,
        }
    }

    /// It is told that it begins at a position.
    pub(super) fn begin_at(&mut self, position: u64) {
        self.state = State::Starting;
        self.cursor = position;
        self.origin = position;
    }

    /// Gives up everything before `cursor`, the stream's own: what the child would need is gone, and
    /// there is nothing to begin anew with yet.
    pub(super) fn wait_for_key(&mut self, cursor: u64) {
        self.skip_to(cursor);
        self.offered += cursor.saturating_sub(self.origin);
        self.state = State::AwaitingKey;
    }

    /// Gives up what lies between the cursor and `position`: the child was too slow for it.
    pub(super) fn skip_to(&mut self, position: u64) {
        self.too_slow += position.saturating_sub(self.cursor);
        self.cursor = self.cursor.max(position);
    }

    /// The child's ledger, while the stream has been fanned out up to `head`.
    pub(super) fn ledger(&self, head: u64) -> ChildLedger {
        let (offered, waiting) = match self.state {
            State::Paused | State::AwaitingKey => (0, 0),
            State::Starting | State::Behind | State::Live => {
                (head.saturating_sub(self.origin), head.saturating_sub(self.cursor))
            }
        };
        ChildLedger {
            offered: self.offered + offered,
            sent: self.attempted - self.refused,
            unwanted: self.unwanted,
            too_slow: self.too_slow,
            refused: self.refused,
            waiting,
            resent: self.resent,
        }
    }
}

/// What is told of a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildFigures {
    /// The child's key in its stream.
    pub key: ChildKey,
    /// The number that its owner gave it: of an [engine](crate::engine)'s child its
    /// [`ChildId`](crate::engine::ChildId), 0 of a player that came by RTSP.
    pub tag: u64,
    /// `udp`, `multicast` or `tcp`.
    pub transport: &'static str,
    /// Where it is: the address that its RTP goes to, a multicast group perhaps, or the other end of its
    /// connection. The relay alone knows nothing of connections: of those the [engine](crate::engine) tells.
    pub peer: Option<SocketAddr>,
    /// Whether it is playing.
    pub playing: bool,
    /// Age of the next packet for it when the newest one came in: how far it lags behind the stream.
    pub lag: Duration,
    /// Its ledger.
    pub ledger: ChildLedger,
}
