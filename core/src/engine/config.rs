//! What an engine is told at its start.

use std::sync::Arc;
use std::time::Duration;

use crate::io::{Backend, UdpOptions};
use crate::relay::{Limits, Start};

use super::access::{Access, AllowAll};
use super::multicast::Multicast;

/// Settings of an [`Engine`](super::Engine). `Config::default()` suits a server with a few hundred
/// children a stream.
#[derive(Clone, Debug)]
pub struct Config {
    /// What packets are carried by.
    pub backend: Backend,
    /// Threads that send to the children. With 0 the engine's own thread does that too, which costs least
    /// as long as one CPU is enough. With more, what comes in and RTSP stay there, and the children are
    /// spread over the threads; those of multicast groups and of pushes are not.
    /// At most 256.
    pub workers: usize,
    /// Whether each thread of the engine is kept on one CPU, the engine's own on the first that this process
    /// may use, the others on the next ones.
    pub pin: bool,
    /// Bounds of each stream.
    pub limits: Limits,
    /// Where in a stream a new player begins.
    pub start: Start,
    /// Bytes of packet buffers that one stream may hold; a [`Source`](super::Source) or an
    /// [`RtpSource`](super::RtpSource) that feeds it as many again.
    pub buffer: usize,
    /// Bytes of packet buffers that all streams and sources of this process together may hold. When they are so
    /// many that [`buffer`](Config::buffer) for each would be more, each has its equal share, but never less
    /// than 1 MiB.
    pub total_buffer: usize,
    /// Buffers asked of the kernel for each UDP socket, and whether it joins datagrams (GRO).
    pub udp: UdpOptions,
    /// How long an RTSP session lives without a sign of life.
    pub session_timeout: Duration,
    /// RTSP connections served at once.
    pub max_connections: usize,
    /// RTSP connections at once from one address, or from one IPv6 network (/64): so many that the
    /// players behind one NAT have room, and so few that nobody takes the room of all others.
    pub max_connections_per_address: usize,
    /// Streams at once.
    pub max_streams: usize,
    /// How long a stream stays when its publisher, or the server that it is pulled from, is gone
    /// without having ended it: whoever comes to its path in that time goes on with it, and its
    /// players need not start anew. Zero: the stream ends at once.
    pub linger: Duration,
    /// A publisher may take a path from the one that is there.
    pub takeover: bool,
    /// Tracks are described to players with the profile RTP/AVPF, and packets lost over UDP are sent again
    /// to those who set them up with it in a stream of their own (RFC 4588). Others get them again as they
    /// were.
    pub retransmission: bool,
    /// Players may have a stream sent to a multicast group, once for all of them, where this says how.
    pub multicast: Option<Multicast>,
    /// How long a pull or a push may take to come about.
    pub connect_timeout: Duration,
    /// How servers with `rtsps://` URLs are checked; none: they cannot be used.
    #[cfg(feature = "tls")]
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Who may play and publish.
    pub access: Arc<dyn Access>,
    /// How long that may take to decide.
    pub access_timeout: Duration,
}

impl Default for Config {
    /// The best backend there is, no threads besides the engine's own, 32 MiB a stream and 4 GiB in all, 60 s
    /// sessions, 10,000 connections (5,000 of one address), 4,096
    /// streams, streams end with their source, no taking over, no retransmission streams, no multicast, 10 s
    /// to connect, everyone let in.
    fn default() -> Config {
        Config {
            backend: Backend::Auto,
            workers: 0,
            pin: false,
            limits: Limits::default(),
            start: Start::default(),
            buffer: 32 << 20,
            total_buffer: 4 << 30,
            udp: UdpOptions::default(),
            session_timeout: Duration::from_secs(60),
            max_connections: 10_000,
            max_connections_per_address: 5_000,
            max_streams: 4096,
            linger: Duration::ZERO,
            takeover: false,
            retransmission: false,
            multicast: None,
            connect_timeout: Duration::from_secs(10),
            #[cfg(feature = "tls")]
            tls: None,
            access: Arc::new(AllowAll),
            access_timeout: Duration::from_secs(10),
        }
    }
}

/// How RTP travels between two RTSP peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams; interleaved when the other side refuses them.
    #[default]
    Auto,
    /// Datagrams.
    Udp,
    /// Interleaved in the RTSP connection.
    Tcp,
}
