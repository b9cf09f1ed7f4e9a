//! The options of `rillcast serve`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use rillcast::engine::GroupRange;
use rillcast::io::Backend;
use serde::{Deserialize, Serialize};

use super::keyed;
use super::values::{
    FileName, HttpAddress, RtspUrl, StreamPath, TicketKey, address, day, text, ttl, workers,
};
use crate::access::{HookUrl, Pattern, StoredSecret, Who};
use crate::tls::Trust;

/// The options of `rillcast serve`; each is a flag and a key of the configuration file.
#[derive(Clone, Debug, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Options {
    /// Address to serve RTSP on; port 0 picks a free one [default: 127.0.0.1:8554, which lets in
    /// this machine only]
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rtsp: Option<SocketAddr>,

    /// Address to serve RTSP over TLS on (rtsps://), beside plain RTSP. Needs a certificate
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rtsps: Option<SocketAddr>,

    /// The server's certificate, in PEM, with those it is signed by behind it. Read again when it
    /// changes
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<PathBuf>,

    /// The private key of the certificate, in PEM
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<PathBuf>,

    /// Make a certificate at each start that nobody has signed, for trials
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) self_signed: Option<bool>,

    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) trust: Trust,

    /// Address to serve the figures on, over HTTP: /metrics, /api/streams, /healthz. `off` serves none
    /// [default: 127.0.0.1:8080, if it is free]
    #[arg(long, value_name = "ADDR:PORT")]
    #[serde(with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) http: Option<HttpAddress>,

    /// Fetch the stream at an RTSP URL and serve it under PATH (may be given several times)
    #[arg(long, value_name = "PATH=URL", value_parser = keyed::parse::<RtspUrl>)]
    #[serde(with = "keyed", skip_serializing_if = "Vec::is_empty")]
    pub(crate) pull: Vec<(String, RtspUrl)>,

    /// As --pull, but fetched only while somebody plays PATH (may be given several times)
    #[arg(long, value_name = "PATH=URL", value_parser = keyed::parse::<RtspUrl>)]
    #[serde(with = "keyed", skip_serializing_if = "Vec::is_empty")]
    pub(crate) pull_on_demand: Vec<(String, RtspUrl)>,

    /// Another server from which the stream of --pull PATH can be had, packet for packet the same: it stands by
    /// with a session set up, and takes over without loss when the one that feeds is gone or silent (may be given
    /// several times)
    #[arg(long, value_name = "PATH=URL", value_parser = keyed::parse::<RtspUrl>)]
    #[serde(with = "keyed::lists", skip_serializing_if = "Vec::is_empty")]
    pub(crate) standby: Vec<(String, RtspUrl)>,

    /// While nobody publishes to PATH, its players get the stream at SOURCE, another path of this
    /// server (may be given several times)
    #[arg(long, value_name = "PATH=SOURCE", value_parser = keyed::parse::<StreamPath>)]
    #[serde(with = "keyed", skip_serializing_if = "Vec::is_empty")]
    pub(crate) fallback: Vec<(String, StreamPath)>,

    /// How long a stream of --pull-on-demand stays after its last player has gone [default: 10]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "day")]
    pub(crate) on_demand_grace: Option<u64>,

    /// Take in plain RTP as an SDP file describes it and serve it under PATH (may be given several
    /// times)
    #[arg(long, value_name = "PATH=FILE.sdp", value_parser = keyed::parse::<FileName>)]
    #[serde(with = "keyed", skip_serializing_if = "Vec::is_empty")]
    pub(crate) rtp: Vec<(String, FileName)>,

    /// A user, and what his password is checked against: a line of `rillcast hash-password NAME`, or
    /// plain:PASSWORD for a trial (may be given several times)
    #[arg(long, value_name = "NAME=SECRET", value_parser = keyed::parse::<StoredSecret>)]
    #[serde(with = "keyed", skip_serializing_if = "Vec::is_empty")]
    pub(crate) user: Vec<(String, StoredSecret)>,

    /// Who may publish to the paths that fit the pattern (live/*): all, local (this machine), users,
    /// none, or names with commas. The most telling pattern counts [default: users, or local when
    /// there are none]
    #[arg(long, value_name = "PATTERN=WHO", value_parser = keyed::parse_rule::<Pattern, Who>)]
    #[serde(with = "keyed", skip_serializing_if = "Vec::is_empty")]
    pub(crate) allow_publish: Vec<(Pattern, Who)>,

    /// Who may play the paths that fit the pattern: the same, or nodes (with a ticket: --ticket-key) [default:
    /// users, or all when there are none]
    #[arg(long, value_name = "PATTERN=WHO", value_parser = keyed::parse_rule::<Pattern, Who>)]
    #[serde(with = "keyed", skip_serializing_if = "Vec::is_empty")]
    pub(crate) allow_play: Vec<(Pattern, Who)>,

    /// What users log in to; the hashes of `rillcast hash-password` belong to one realm [default:
    /// rillcast]
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) realm: Option<String>,

    /// Ask an HTTP server who may come in, by POST with the JSON that MediaMTX sends: 2xx is a yes.
    /// Clients then send their passwords readably (Basic)
    #[arg(long, value_name = "URL")]
    #[serde(with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) auth_hook: Option<HookUrl>,

    /// File with the key of tokens: rtsp://HOST/PATH?token=… lets in whom `rillcast token` made it for
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_key: Option<PathBuf>,

    /// The public key of a proxy server (`rillcast proxy key` prints it): nodes of its tree are let in by their
    /// tickets, each to the channel that its path is called by
    #[arg(long, value_name = "KEY")]
    #[serde(with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) ticket_key: Option<TicketKey>,

    /// How long a stream stays for its players when its source is gone without having ended it.
    /// Whoever publishes to the path in that time goes on with it; 0 ends it at once [default: 10]
    #[arg(long, value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) linger: Option<u64>,

    /// Let a publisher take a path over from the one that is there, instead of refusing it
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) takeover: Option<bool>,

    /// Offer players to send packets lost over UDP again in a stream of their own (RFC 4588), as GStreamer
    /// wants them. Tracks then have the profile RTP/AVPF, which some old players do not know
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retransmission: Option<bool>,

    /// Send streams to multicast groups out of this range, as in 239.1.2.0/24, for players that ask for
    /// it: one group a stream, once for all of them [default: no multicast]
    #[arg(long, value_name = "NETWORK")]
    #[serde(with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) multicast: Option<GroupRange>,

    /// Routers that packets to multicast groups may pass, plus one [default: 1, the local network]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "ttl")]
    pub(crate) multicast_ttl: Option<u8>,

    /// Address of the interface from which they are sent [default: the one that the route says]
    #[arg(long, value_name = "ADDR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) multicast_interface: Option<Ipv4Addr>,

    /// Threads that send to the players. With 0 the engine's own thread does that, which costs least while one CPU
    /// is enough [default: 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(..=256))]
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "workers")]
    pub(crate) workers: Option<u16>,

    /// Keep each thread of the engine on one CPU
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pin: Option<bool>,

    /// RTSP connections at once [default: 10000]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_connections: Option<usize>,

    /// RTSP connections at once from one address, or from one IPv6 network (/64) [default: 5000]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_connections_per_address: Option<usize>,

    /// Memory for the packets of all streams together, in MiB. One stream has 32 at most, and 1 at
    /// least [default: 4096]
    #[arg(long, value_name = "MIB")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_memory: Option<usize>,

    /// Streams at once [default: 4096]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_streams: Option<usize>,

    /// How long a session lives without a sign of life, in seconds [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "day")]
    pub(crate) session_timeout: Option<u64>,

    /// What packets are carried by: mmsg (recvmmsg, sendmmsg; for Linux), uring (io_uring; for Linux 6.1), mio
    /// (portable, a system call per packet), or the best of them that is there [default: auto]
    #[arg(long, value_name = "NAME", value_parser = backends())]
    #[serde(with = "text", skip_serializing_if = "Option::is_none")]
    pub(crate) backend: Option<Backend>,
}

/// The backends by name, so that shells can complete them.
pub(crate) fn backends() -> impl TypedValueParser<Value = Backend> {
    PossibleValuesParser::new(Backend::ALL.map(Backend::name)).try_map(|name| name.parse())
}

impl Options {
    /// Puts what the file says where the command line says nothing.
    pub(crate) fn or(mut self, file: Options) -> Options {
        keyed::merge(&mut self.pull, file.pull);
        keyed::merge(&mut self.pull_on_demand, file.pull_on_demand);
        keyed::merge(&mut self.standby, file.standby);
        keyed::merge(&mut self.fallback, file.fallback);
        keyed::merge(&mut self.rtp, file.rtp);
        keyed::merge(&mut self.user, file.user);
        keyed::merge(&mut self.allow_publish, file.allow_publish);
        keyed::merge(&mut self.allow_play, file.allow_play);
        Options {
            rtsp: self.rtsp.or(file.rtsp),
            rtsps: self.rtsps.or(file.rtsps),
            certificate: self.certificate.or(file.certificate),
            key: self.key.or(file.key),
            self_signed: self.self_signed.or(file.self_signed),
            trust: self.trust.or(file.trust),
            http: self.http.or(file.http),
            realm: self.realm.or(file.realm),
            auth_hook: self.auth_hook.or(file.auth_hook),
            token_key: self.token_key.or(file.token_key),
            ticket_key: self.ticket_key.or(file.ticket_key),
            on_demand_grace: self.on_demand_grace.or(file.on_demand_grace),
            linger: self.linger.or(file.linger),
            takeover: self.takeover.or(file.takeover),
            retransmission: self.retransmission.or(file.retransmission),
            multicast: self.multicast.or(file.multicast),
            multicast_ttl: self.multicast_ttl.or(file.multicast_ttl),
            multicast_interface: self.multicast_interface.or(file.multicast_interface),
            workers: self.workers.or(file.workers),
            pin: self.pin.or(file.pin),
            max_connections: self.max_connections.or(file.max_connections),
            max_connections_per_address: self
                .max_connections_per_address
                .or(file.max_connections_per_address),
            max_memory: self.max_memory.or(file.max_memory),
            max_streams: self.max_streams.or(file.max_streams),
            session_timeout: self.session_timeout.or(file.session_timeout),
            backend: self.backend.or(file.backend),
            ..self
        }
    }
}
